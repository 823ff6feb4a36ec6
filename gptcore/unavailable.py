"""A model on the hub that cannot be fetched now: why, and what to do, in one sentence."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gptcore.units import bytes_text

_MORE_ROOM = "make room, or set HF_HOME to another disk"


class Unavailable(ValueError):
    """A model on the hub cannot be fetched now; `problem` says why, and what to do."""

    def __init__(self, problem: str):
        super().__init__(f"{problem}, or use the bundled model, load()")
        self.problem = problem


@contextmanager
def one_sentence(name: str, repo: str, revision: str | None) -> Iterator[None]:
    """Turn every error of the hub's library, and every answer that it does not expect, into an `Unavailable`."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        raise Unavailable(_problem(name, repo, revision, error)) from error


def _problem(name: str, repo: str, revision: str | None, error: Exception) -> str:
    """What went wrong and what to do, in one sentence without its full stop."""
    from huggingface_hub import constants, errors

    hub, cache = "the Hugging Face hub", constants.HF_HUB_CACHE
    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the hub's own answer
    if isinstance(error, errors.GatedRepoError):
        return (
            f"{name!r} needs its owner's permission: accept the terms on https://huggingface.co/{repo} "
            "and log in here with `hf auth login`"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{name!r} is not on {hub}, or is private: check the name, and the rules of your network"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{name!r} is not on {hub}, because {repo} has no revision {revision!r}: check the revision"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"{name!r} was refused by {hub} (error {status}): log in here with `hf auth login`"
    if status is not None:
        return f"{name!r} could not be downloaded, because {hub} answered with error {status}: try again later"
    code = getattr(error, "errno", None)
    if code in (errno.ENOSPC, errno.EDQUOT):
        return f"{name!r} does not fit on the disk of {cache}: {_MORE_ROOM}"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return f"{name!r} cannot be written to {cache}: set HF_HOME to a folder of your own"
    if isinstance(error, (errors.FileMetadataError, ValueError, AttributeError, LookupError, TypeError)):
        return (
            f"{name!r} could not be downloaded, because something other than {hub} answered: see in a browser whether "
            "your network asks you to log in"
        )
    return f"{name!r} is not in the cache, and {hub} could not be reached ({type(error).__name__}): check the network"


def check_disk(name: str, size: int, cache: Path) -> None:
    """Raise `Unavailable` if `size` bytes do not fit on the disk of `cache`."""
    existing = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    if size > free:
        raise Unavailable(
            f"{name!r} needs {bytes_text(size)}, and the disk of {cache} has {bytes_text(free)} left: {_MORE_ROOM}"
        )
