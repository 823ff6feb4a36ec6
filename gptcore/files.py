"""Paths that a user gives, files that are written whole or not at all, and JSON that may be anything."""

import errno
import json
import os
import re
import shutil
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from gptcore.checks import check_text, given
from gptcore.interrupts import held, restoring
from gptcore.language import N_, _

PATIENCE, POLL = 300.0, 0.01  # seconds for which a writer waits for another one, and after which it looks again
_LARGEST_JSON = 100e6  # bytes; the largest tokenizers in use have a fifth of it


class NotWritten(OSError, ValueError):
    """A file or a folder cannot be written; the text is one sentence that says why, and what to do."""


def as_path(name: str, value: Any) -> Path:
    """The path that the argument called `name` gives; "~" at its beginning is the user's home.

    Raises TypeError if it is neither a str nor a path, and ValueError if it is empty, or if it has a NUL character or
    bytes that are not UTF-8.
    """
    if not isinstance(value, (str, os.PathLike)) or isinstance(os.fspath(value), bytes):
        raise TypeError(_("{name} must be a str or a path, got {value}").format(name=name, value=given(value)))
    check_text(name, os.fspath(value))
    if not os.fspath(value) or "\0" in os.fspath(value):
        raise ValueError(
            _("{name} must be a path that is not empty and has no NUL character, got {value}").format(
                name=name, value=given(value)
            )
        )
    return Path(os.path.expanduser(value))


def path_text(path: str | os.PathLike) -> str:
    """A path as a message shows it: whole, unless it is longer than any that is in use."""
    text = str(path)
    return repr(text) if len(text) <= 250 else given(text)


SYSTEM_WORDS = (  # that are often met
    N_("File name too long"),
    N_("Input/output error"),
    N_("Is a directory"),
    N_("No such file or directory"),
    N_("No space left on device"),
    N_("Not a directory"),
    N_("Permission denied"),
    N_("Read-only file system"),
)


def system_words(error: Exception) -> str:
    """What the system says, and in the language of the interface if it is one of `SYSTEM_WORDS`."""
    return _(getattr(error, "strerror", None) or str(error))


@contextmanager
def writing(name: str, path: Path) -> Iterator[None]:
    """Turn what the system says when it cannot write to `path`, the argument called `name`, into a `NotWritten`."""
    try:
        yield
    except Exception as error:
        if isinstance(error, NotWritten) or (reason := _reason(error)) is None:
            raise
        raise NotWritten(
            _("{name} {path} cannot be written: {reason}").format(name=name, path=path_text(path), reason=reason)
        ) from error


def _reason(error: Exception) -> str | None:
    """What the system had to say, and what to do; None if it was not the system."""
    hidden = re.search(r"\(os error (\d+)\)", str(error))  # in the errors of libraries that are written in Rust
    if isinstance(error, TimeoutError):
        return _("another process has been writing there for minutes; try again when it has ended")
    code = int(hidden[1]) if hidden else getattr(error, "errno", None)
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return _("there is no room for it; make room, or choose another disk")
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _("you may not write there, or a file is in use; choose a place of your own")
    if code in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        path = path_text(getattr(error, "filename", None) or _("something"))
        return _("{path} is a file where a folder is needed, or a folder where a file is").format(path=path)
    if hidden or isinstance(error, OSError):
        return _("{reason}; choose another place").format(reason=system_words(error))
    return None


def write_whole(file: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a path in a hidden folder beside `file`; what it has written there then replaces `file`.

    Two processes that write the same file wait for each other. What a killed one leaves, the next one clears: also
    files that a library has written beside the path that it was given.
    """
    hidden = f".gptcore-{zlib.crc32(os.fsencode(file.name)):08x}"
    new = file.with_name(f"{hidden}-new")
    temporary = new / "file"
    with locked(file.with_name(f"{hidden}-lock")):
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            temporary.write_bytes(b"")
            mode = temporary.stat().st_mode  # some libraries write files that only their owner may read
            write(temporary)
            temporary.chmod(mode)
            sync(temporary)
            replace(temporary, file)
        finally:
            try:
                shutil.rmtree(new, ignore_errors=True)
            finally:
                shutil.rmtree(new, ignore_errors=True)  # in case an interrupt came into the first


def write_text(file: Path, text: str) -> None:
    """Write `text` to `file` as UTF-8: all of it, or nothing."""
    write_whole(file, lambda temporary: temporary.write_bytes(text.encode("utf-8")))


@restoring
def locked(file: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Keep other processes and threads that lock `file` waiting; the system ends the lock of a process that is killed.

    On a disk that knows no locks nobody waits. Raises TimeoutError after `patience` seconds.
    """
    from filelock import FileLock

    lock, end = FileLock(file), time.monotonic() + patience
    try:
        while not _is_ours(lock, file):
            if time.monotonic() > end:
                raise TimeoutError(f"{file} is locked")
            time.sleep(POLL)
        yield
    finally:
        try:
            with held():
                _release(lock, file)
                lock = None  # its end is ordinary Python, in which an interrupt would be lost
        finally:
            _release(lock, file)  # in case an interrupt came before it was held


def _is_ours(lock: Any, file: Path) -> bool:
    """Whether the lock could be taken, or cannot exist."""
    from filelock import Timeout

    try:
        with held(), suppress(Timeout):
            lock.acquire(blocking=False)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        file.unlink(missing_ok=True)
        return True
    return lock.is_locked


def _release(lock: Any, file: Path) -> None:
    if lock is not None and lock.is_locked:
        if os.name != "nt":  # there the library does it; here it looks whether the file that it has locked is gone
            file.unlink(missing_ok=True)
        lock.release()


def sync(path: Path) -> None:
    """Wait until a file, or the list of files in a folder, is on the disk."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return  # which knows no such thing
    descriptor = None
    try:
        with held():  # an interrupt would lose what was opened
            descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        with suppress(OSError) if is_folder else nullcontext():  # not all systems can
            os.fsync(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def replace(source: Path, target: Path, seconds: float = 5.0 if os.name == "nt" else 0.0) -> None:
    """`os.replace`, which waits on Windows, where a file that is being read cannot be replaced."""
    end = time.monotonic() + seconds
    while True:
        try:
            return os.replace(source, target)
        except PermissionError:
            if time.monotonic() >= end:
                raise
        time.sleep(0.05)


def read_json(file: Path, largest: float = _LARGEST_JSON) -> Any:
    """What a JSON file of up to `largest` bytes holds.

    Raises ValueError, in one sentence, if that is no JSON, or too large or too deep, or gives a key two values.
    """
    if not stat.S_ISREG((info := file.stat()).st_mode):
        raise ValueError(_("{file} is not a file").format(file=file))
    if (size := info.st_size) > largest:
        raise ValueError(
            _("{file} has {size:,} bytes, far more than any file of its kind").format(file=file, size=size)
        )
    try:
        return json.loads(file.read_bytes(), object_pairs_hook=_one_value_each)
    except RecursionError:
        raise ValueError(_("{file} cannot be read as JSON: it is nested too deep").format(file=file)) from None
    except ValueError as error:
        raise ValueError(_("{file} cannot be read as JSON: {error}").format(file=file, error=error)) from error


def _one_value_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs) and (twice := [key for key, value in pairs if found[key] != value]):
        raise ValueError(_("{name} has two values").format(name=given(twice[0])))
    return found
