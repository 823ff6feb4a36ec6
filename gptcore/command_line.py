"""What the command lines share: an error is a sentence, and standard output may be full, closed or without a reader."""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gptcore.language import N_, _
from gptcore.printable import printable

# What argparse says to users, through gettext as well, but of a catalogue of its own.
ARGPARSE = (
    N_("usage: "),
    N_("options"),
    N_("positional arguments"),
    N_("show this help message and exit"),
    N_("%(prog)s: error: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("the following arguments are required: %s"),
    N_("unrecognized arguments: %s"),
    N_("expected one argument"),
    N_("ignored explicit argument %r"),
    N_("ambiguous option: %(option)s could match %(matches)s"),
    N_("invalid %(type)s value: %(value)r"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
)


class Parser(argparse.ArgumentParser):
    """argparse's own, which would keep it to itself if its help cannot be written."""

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)


def exit_code(name: str, work: Callable[[], int | None]) -> int:
    """Do the `work` of the command line called `name`: its exit code, once everything that it printed is written.

    2 after wrong arguments, 130 after Ctrl-C, 141 where the reader of a pipe has gone, which needs no message, and 1
    where standard output cannot be written.
    """
    argparse._ = _  # its name for gettext
    for stream in filter(None, (sys.stdout, sys.stderr)):  # a terminal without UTF-8 gets \\uXXXX for the rest
        stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        say(name, _("standard output is closed: nothing can be written there"))
        return 1
    try:
        try:
            return work() or 0
        except KeyboardInterrupt:
            print()
            return 130
        except (ValueError, TypeError, MemoryError) as error:
            say(name, error)
            return 2
        finally:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # now Python's last flush cannot fail
        if error.errno in (errno.EPIPE, errno.EINVAL):  # EINVAL is Windows' error for a closed pipe
            return 141
        said = _("{file} cannot be used: {reason}")
        if error.filename is None:
            said = _("standard output cannot be written: {reason}")
        say(name, said.format(file=error.filename, reason=error.strerror or error))
        return 1


def say(name: str, sentence: Any) -> None:
    """Write a sentence to standard error, if that can be."""
    with suppress(OSError):
        print(f"{name}: {printable(str(sentence))}", file=sys.stderr, flush=True)
