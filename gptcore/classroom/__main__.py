"""A class on JupyterHub: `python -m gptcore.classroom check` and the other commands, a module for each.

The module of a command says what it is for in `ABOUT`, adds its arguments to a parser in `add_arguments`, and does its
work in `run(options)`, which returns the exit code, or None for 0.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from gptcore.classroom import check, finished, nbgrader, password, prefork, start, students
from gptcore.command_line import Parser, exit_code
from gptcore.language import _

COMMANDS = {
    "students": students,
    "password": password,
    "check": check,
    "start": start,
    "finished": finished,
    "nbgrader": nbgrader,
    "prefork": prefork,
}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m gptcore.classroom", description=_("A class of thirty on JupyterHub."))
    commands = parser.add_subparsers(dest="command", required=True, metavar=" | ".join(COMMANDS))
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=_(module.ABOUT), description=_(module.ABOUT)))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what one command says."""
    return exit_code("gptcore.classroom", partial(_run, arguments))


def _run(arguments: Sequence[str] | None) -> int | None:
    options = _parser().parse_args(arguments)
    return COMMANDS[options.command].run(options)


if __name__ == "__main__":
    sys.exit(main())
