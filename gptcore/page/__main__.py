"""The lessons as pages: `python -m gptcore.page build` writes them to a folder, `serve` shows them to phones nearby."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec

from gptcore.command_line import Parser, exit_code, say
from gptcore.files import path_text
from gptcore.language import _

FOLDER, PORT = "~/gptcore-pages", 8000
_NAME = "gptcore.page"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m gptcore.page",
        description=_("The lessons as web pages, on which the widgets answer without Python."),
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="build | serve | record")
    build = commands.add_parser("build", help=_("write the pages to a folder, for any web server or a USB stick"))
    build.add_argument("folder", nargs="?", default=FOLDER, help=_("where to (default: %(default)s)"))
    build.add_argument("--single", action="store_true", help=_("one file for each lesson, which needs no server"))
    serve = commands.add_parser("serve", help=_("show the pages to the phones and laptops in this network"))
    serve.add_argument("folder", nargs="?", help=_("a folder that was built (default: pages made now, in memory)"))
    serve.add_argument("--port", type=int, default=PORT, help=_("the port to listen at (default: %(default)s)"))
    serve.add_argument("--host", default="0.0.0.0", help=_("the address to listen at (default: %(default)s, all)"))
    commands.add_parser("record", help=_("run the trainings of the lessons again, for pages to show: it takes minutes"))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the pages, or serve them until Ctrl-C."""
    return exit_code(_NAME, partial(_run, arguments))


def _run(arguments: Sequence[str] | None) -> int:
    chosen = _parser().parse_args(arguments)
    if find_spec("nbconvert") is None:
        say(_NAME, _('nbconvert is missing: install this project with its extra "lessons", as its README says'))
        return 1
    if chosen.command == "record":
        _record()
    elif chosen.command == "serve":
        from gptcore.page.serve import serve

        serve(chosen.folder, chosen.host, chosen.port)
    else:
        _build(chosen.folder, chosen.single)
    return 0


def _record() -> None:
    from gptcore.lessons import NOTEBOOKS
    from gptcore.page import trainings

    for file in trainings.write(NOTEBOOKS):
        print(path_text(file))


def _build(folder: str, single: bool) -> None:
    from gptcore.page.build import pages
    from gptcore.page.folder import write_files

    files = dict(pages(single=single))
    folder = write_files(folder, files)
    said = _("{count} pages, {size:.1f} MB, are in {folder}: open index.html there")
    count, size = sum(name.endswith(".html") for name in files), sum(map(len, files.values())) / 1e6
    print(said.format(count=count, size=size, folder=path_text(folder)))
    if not single:
        print(_("Opened from a disk their widgets stay pictures: put them on a web server, or use serve or --single."))


if __name__ == "__main__":
    sys.exit(main())
