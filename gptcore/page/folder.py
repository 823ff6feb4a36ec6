"""The folder that a build writes: only what a build has made is ever replaced or removed there."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from gptcore.files import as_path, locked, path_text, read_json, write_text, write_whole, writing
from gptcore.language import _

_RECORD, _LOCK = ".gptcore-pages.json", ".gptcore-pages-lock"

Record = dict[str, str]  # the digest of each file that a build has made, by its name


def write_files(folder: str | os.PathLike, files: Mapping[str, bytes]) -> Path:
    """Write `files`, contents by name, to `folder`, and remove what an earlier build made and this one does not.

    Returns the path of the folder. What was changed there by hand stays, and so does all that is no build's.

    Raises ValueError if `folder` holds other things and no build, or other things where a file is to go, and NotWritten
    if it cannot be written. Two processes wait for each other, and after an interruption the next call does the rest.
    """
    folder = as_path("folder", folder).absolute()
    with writing("folder", folder):
        is_build = (folder / _RECORD).is_file()
        if folder.is_dir() and not is_build and not all(name.startswith(".gptcore-") for name in os.listdir(folder)):
            message = _("folder {folder} holds other things: name a new folder, or an empty one")
            raise ValueError(message.format(folder=path_text(folder)))
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / _LOCK):
            _write(folder, files)
    return folder


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    before, there = read_record(folder), {name: _digest(folder / name) for name in files}
    now = {name: _digest_of(data) for name, data in files.items()}
    for name, digest in there.items():
        if digest not in (None, now[name], before.get(name)):
            message = _("{file} is there, and no build has made it so: move it away, or choose another folder")
            raise ValueError(message.format(file=path_text(folder / name)))
    write_text(folder / _RECORD, _json(before | now))  # first: what is interrupted below is known
    for name, data in files.items():
        if there[name] != now[name]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, lambda temporary, data=data: temporary.write_bytes(data))
    for name in before.keys() - now.keys():
        _remove(folder, name, before[name])
    write_text(folder / _RECORD, _json(now))


def _remove(folder: Path, name: str, digest: str) -> None:
    """Remove what an earlier build made, unless it was changed since, and the folder that it leaves empty."""
    file = folder / name
    if _digest(file) == digest:
        file.unlink()
        if file.parent != folder and not any(file.parent.iterdir()):
            file.parent.rmdir()


def _digest(file: Path) -> str | None:
    return _digest_of(file.read_bytes()) if file.exists() else None


def _digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(record: Record) -> str:
    return json.dumps(record, indent=1, sort_keys=True)


def read_record(folder: Path) -> Record:
    """The digest of each file that a build has made in `folder`, by its name; nothing if there was none."""
    try:
        record = read_json(folder / _RECORD)
        return {name: digest for name, digest in record.items() if _is_inside(name)}
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return {}


def _is_inside(name: str) -> bool:
    """Whether a name in a record is that of a file of a build: none is hidden, or outside of the folder."""
    parts = name.split("/")
    return not any(part in ("", "..") or part.startswith(".") or "\\" in part or ":" in part for part in parts)


def read_files(folder: str | os.PathLike) -> dict[str, bytes]:
    """The content of each file of the build in `folder`, by its name.

    Links of the file system are not followed, and files that no build has made are left out.

    Raises ValueError if there is no build.
    """
    folder = as_path("folder", folder).absolute()
    names = read_record(folder)
    if not names:
        message = _("folder {folder} has no pages: make them with python -m gptcore.page build {folder}")
        raise ValueError(message.format(folder=path_text(folder)))
    top = folder.resolve()
    plain = {name: folder / name for name in names if (top / name).resolve() == top / name and (top / name).is_file()}
    return {name: file.read_bytes() for name, file in plain.items()}
