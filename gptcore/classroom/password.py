"""The class password, which lets a student choose a password of her own at the first login. Only its hash is kept."""

import argparse
import secrets
import sys
from getpass import getpass

from gptcore.classroom.folder import class_folder, closed_folder, write_closed
from gptcore.language import N_, _

ABOUT = N_("set the class password, which students need at their first login")
SHORTEST, LONGEST = 8, 72  # characters, and bytes that bcrypt reads
FILE = "class-password"
_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another on a board


def is_class_password(given: str) -> bool:
    """Whether this is the class password; nothing is, before one was set. It takes a quarter of a second."""
    import bcrypt

    file = class_folder() / FILE
    if not file.exists() or not is_readable(given):
        return False
    return bcrypt.checkpw(given.encode(), file.read_text(encoding="utf-8").encode())


def is_readable(password: str) -> bool:
    """Whether bcrypt can tell this password from every other."""
    return 0 < len(password.encode()) <= LONGEST and "\0" not in password


def set_class_password(password: str) -> None:
    """Keep the hash. Raises ValueError for a password that is too short or too long."""
    import bcrypt

    if len(password) < SHORTEST or not is_readable(password):
        said = _("a class password has {least} characters or more, and {most} bytes at most")
        raise ValueError(said.format(least=SHORTEST, most=LONGEST))
    write_closed(closed_folder() / FILE, bcrypt.hashpw(password.encode(), bcrypt.gensalt()).decode())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--made-up", action="store_true", help=_("make one up and print it, and do not ask"))


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass(_("class password (nothing: one is made up): "))


def run(options: argparse.Namespace) -> int:
    """Ask for a class password, or make one up, and keep its hash."""
    password = "" if options.made_up else _asked()
    if not password:
        password = "-".join("".join(secrets.choice(_SIGNS) for _letter in range(4)) for _group in range(3))
        print(password)
    set_class_password(password)
    return 0
