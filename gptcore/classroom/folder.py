"""The folder of the class: the list, the passwords, the hub's database. Root's own, and closed to everybody else."""

import os
from pathlib import Path

from gptcore.language import _

DEFAULT = "/srv/gptcore-class"


def class_folder() -> Path:
    """The folder that `GPTCORE_CLASS` names, or /srv/gptcore-class."""
    return Path(os.environ.get("GPTCORE_CLASS") or DEFAULT)


def closed_folder() -> Path:
    """The folder of the class, made if it is not there, with nothing in it that anybody else can read.

    Raises ValueError if it belongs to somebody else.
    """
    folder = class_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        said = _("{folder} must belong to the user who runs the hub: run this with sudo")
        raise ValueError(said.format(folder=folder))
    folder.chmod(0o700)
    return folder


def write_closed(file: Path, text: str) -> None:
    """Write `text` whole, readable for nobody else at any time."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    temporary.replace(file)
