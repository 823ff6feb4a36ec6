"""Who has finished: `python -m gptcore.classroom finished` shows what students share of their self-checks.

A student who shares nothing is shown as that, and no more is known of her: see `gptcore.exercises.share`.
"""

import argparse
import json
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from gptcore import exercises
from gptcore.classroom.accounts import account_name
from gptcore.classroom.students import students
from gptcore.exercises.share import LARGEST, NAME
from gptcore.language import N_, _
from gptcore.printable import columns, printable
from gptcore.values import given

ABOUT = N_("show which exercises each student has got right, as far as she shares it")
GAP = 2  # columns


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lesson", nargs="*", help=_("which lessons, such as 03 04 (default: those that were begun)"))


def run(options: argparse.Namespace) -> None:
    """Print a line for each student: of each lesson, how many of its exercises were right."""
    known, found = exercises_of_lessons(), {student: shared(student) for student in students()}
    if unknown := [lesson for lesson in options.lesson if lesson not in known]:
        raise ValueError(_("no lesson with exercises is called {lesson}").format(lesson=given(unknown[0])))
    width = max((columns(printable(student)) for student in found), default=0) + GAP
    for student, names in found.items():
        name = printable(student)
        print(f"{name}{' ' * (width - columns(name))}{_said(names, known, options.lesson)}")


def _said(names: set[str] | None, known: dict[str, set[str]], chosen: list[str]) -> str:
    if names is None:
        return _("shares nothing")
    counts = {lesson: len(names & known[lesson]) for lesson in chosen or known}
    rows = [f"{lesson} {count}/{len(known[lesson])}" for lesson, count in counts.items() if chosen or count]
    return (" " * GAP).join(rows) or _("nothing yet")


def exercises_of_lessons() -> dict[str, set[str]]:
    """{lesson: its exercises}: {"01": {"lesson01.check_how_many", …}, …}."""
    return {lesson.removeprefix("lesson"): set(_exercises(lesson)) for lesson in _lessons()}


def _lessons() -> list[str]:
    return sorted(found.name for found in iter_modules(exercises.__path__) if found.name.startswith("lesson"))


def _exercises(lesson: str) -> Iterator[str]:
    module = import_module(f"gptcore.exercises.{lesson}")
    return (f"{lesson}.{name}" for name in vars(module) if name.startswith("check_"))


def shared(student: str) -> set[str] | None:
    """The exercises that a student shares as right; None if she shares nothing."""
    try:
        user = pwd.getpwnam(account_name(student))
        kept = json.loads(_read(Path(user.pw_dir) / NAME, user.pw_uid))
        return {name for name in kept if isinstance(name, str)}
    except (KeyError, OSError):
        return None
    except (ValueError, TypeError, RecursionError):  # she may write there what she likes
        return set()


def _read(file: Path, owner: int) -> bytes:
    """What stands in a file of the owner's own, and no more than that: a link, a pipe or another's file is refused."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != owner:
            raise PermissionError(file)
        return os.read(descriptor, LARGEST)
    finally:
        with suppress(OSError):
            os.close(descriptor)
