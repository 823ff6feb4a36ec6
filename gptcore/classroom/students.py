"""Who is in the class: students.txt in the folder of the class, one name a line. The hub reads it at each login."""

import argparse
import dbm
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from gptcore.classroom.folder import class_folder, closed_folder, write_closed
from gptcore.language import N_, _
from gptcore.printable import printable

ABOUT = N_("show the list of the class, or replace it; let a student choose a new password")
LONGEST = 40  # characters of a name
LIST, PASSWORDS = "students.txt", "passwords.dbm"
_FORBIDDEN = set("/\\,:;\"'<>&%?#@") | {"\x7f"}


def normalized(name: str) -> str:
    """The name as the hub knows it: small letters, and hyphens for spaces.

    >>> normalized(" Min Jun ")
    'min-jun'
    """
    return "-".join(unicodedata.normalize("NFKC", name).casefold().split())


def is_name(name: str) -> bool:
    """Whether a student can be called so, by letters of any script, digits, and signs that no address needs."""
    usable = 0 < len(name) <= LONGEST and name == normalized(name) and set(name) != {"."}
    return usable and name[0] not in "-." and not any(sign in _FORBIDDEN or sign < " " for sign in name)


def students() -> list[str]:
    """The names on the list, as the hub knows them; none if there is no list. What cannot be a name is left out."""
    file = class_folder() / LIST
    return list(filter(is_name, _names(file.read_text(encoding="utf-8").splitlines()))) if file.exists() else []


def _names(lines: Iterable[str]) -> list[str]:
    """What stands in `lines`, before any #, each once."""
    return list(filter(None, dict.fromkeys(normalized(line.partition("#")[0]) for line in lines)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", help=_('a file with one name a line, or "-": it replaces the list'))
    parser.add_argument("--forget", metavar=_("NAME"), help=_("let this student choose a new password"))


def run(options: argparse.Namespace) -> int:
    """Replace the list or forget a password, then print who is in the class, and who has chosen a password."""
    if options.file is not None:
        lines = sys.stdin if options.file == "-" else Path(options.file).read_text(encoding="utf-8-sig").splitlines()
        names = _names(lines)
        for name in names:
            if not is_name(name):
                said = _("{name} cannot be the name of a student: use up to {count} letters, digits, hyphens and dots")
                raise ValueError(said.format(name=printable(name), count=LONGEST))
        write_closed(closed_folder() / LIST, "".join(f"{name}\n" for name in names))
    if options.forget is not None:
        _forget(normalized(options.forget))
    have_one = with_password()
    for name in students():
        state = _("has a password") if name in have_one else _("was not here yet")
        print(f"{printable(name):{LONGEST}} {state}")
    return 0


def with_password() -> set[str]:
    """The students who have chosen a password."""
    if not list(class_folder().glob(f"{PASSWORDS}*")):
        return set()
    with dbm.open(str(class_folder() / PASSWORDS), "r") as passwords:
        return {key.decode() for key in passwords.keys()}  # noqa: SIM118  a dbm is no mapping


def _forget(name: str) -> None:
    if name not in with_password():
        raise ValueError(_("{name} has not chosen a password").format(name=printable(name)))
    with dbm.open(str(class_folder() / PASSWORDS), "w") as passwords:
        del passwords[name.encode()]
