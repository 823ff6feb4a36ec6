"""Folders of which several files are replaced in one step, whatever happens in between.

New files are written to a hidden folder inside. Renaming that folder is the one step: from then on the new files count.
They are put in their places, which any later reader or writer completes if this process does not, and the hidden folder
is removed. So other programs find the files where they always are.
"""

import os
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from gptcore.files import POLL, locked, replace, sync
from gptcore.interrupts import held

T = TypeVar("T")

_NEW, _SAVED, _LOCK = ".gptcore-new", ".gptcore-saved", ".gptcore-lock"


def replace_together(folder: Path, names: Collection[str], write: Callable[[Path], None]) -> None:
    """Call `write` with a temporary folder, whose files then replace those in `folder`: all of them, or none.

    `names` are all the files that belong together; those that are not written are removed. Other files stay. Two
    processes wait for each other.

    Raises OSError if the place cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / _NEW
    with locked(folder / _LOCK):
        _complete(folder, names)
        try:
            new.mkdir()
            mode = _mode_of_a_new_file(new)
            write(new)
            for file in new.iterdir():
                file.chmod(mode)
                sync(file)
            _check_places(folder, {*names, *os.listdir(new)})
            sync(new)
            new.rename(folder / _SAVED)
            _complete(folder, names)
        except KeyboardInterrupt:
            _complete(folder, names)  # what counts already
            raise
        finally:
            try:
                shutil.rmtree(new, ignore_errors=True)
            finally:
                shutil.rmtree(new, ignore_errors=True)  # in case an interrupt came into the first
    time.sleep(2 * POLL)  # who waits for the lock gets it, even if this process goes on to write


def read_together(folder: Path, names: Collection[str], read: Callable[[Path], T]) -> T:
    """`read(folder)`, of files that are all old or all new while another process replaces them.

    `read` gets another folder if `folder` may not be written and a replacement in it is not complete.
    """
    for _ in range(3 if os.access(folder, os.W_OK) else 50):
        before = _stamps(folder, names)
        try:
            result = read(_completed(folder, names))
        except Exception:
            if _stamps(folder, names) == before:
                raise
        else:
            if _stamps(folder, names) == before:
                return result
    with locked(folder / _LOCK):  # for somebody writes all the time
        _complete(folder, names)
        return read(folder)


def _completed(folder: Path, names: Collection[str]) -> Path:
    """`folder`, in which no replacement is half done; if that is impossible now, the folder that has all new files."""
    saved = folder / _SAVED
    if not saved.is_dir():
        return folder
    try:
        with locked(folder / _LOCK, patience=0):
            _complete(folder, names)
    except OSError:
        return saved
    return folder


def _complete(folder: Path, names: Collection[str]) -> None:
    """Put the new files in their places. Until the last line they are all in the hidden folder too."""
    new, saved = folder / _NEW, folder / _SAVED
    shutil.rmtree(new, ignore_errors=True)
    if not saved.is_dir():
        return
    new.mkdir()
    written = os.listdir(saved)
    for name in written:
        _link(saved / name, new / name)
    with held():  # so that no interrupt leaves other programs half of each
        for name in written:
            replace(new / name, folder / name)
        for name in set(names) - set(written):
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(new, ignore_errors=True)
    sync(folder)
    saved.rename(new)
    shutil.rmtree(new, ignore_errors=True)


def _link(file: Path, link: Path) -> None:
    """The same file under another name; a copy where the disk knows no hard links."""
    try:
        os.link(file, link)
    except OSError:
        shutil.copy(file, link)
        sync(link)


def _mode_of_a_new_file(folder: Path) -> int:
    """Some libraries write files that only their owner may read."""
    file = folder / "mode"
    with held():  # `touch` opens it
        file.touch()
        mode = file.stat().st_mode
        file.unlink()
    return mode


def _check_places(folder: Path, names: Collection[str]) -> None:
    """Nothing may be in the way once the new files count."""
    for name in names:
        if (folder / name).is_dir():
            raise IsADirectoryError(21, "Is a directory", str(folder / name))


def _stamps(folder: Path, names: Collection[str]) -> list[Any]:
    """What changes when files are replaced."""

    def stamp(file: Path) -> Any:
        try:
            found = os.stat(file)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    return [stamp(folder / name) for name in (*sorted(names), _SAVED)]
