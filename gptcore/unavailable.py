"""A model on the hub that cannot be fetched now: why, and what to do, in one sentence."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gptcore.language import _
from gptcore.units import bytes_text


class Unavailable(ValueError):
    """A model on the hub cannot be fetched now; `problem` says why, and what to do."""

    def __init__(self, problem: str):
        super().__init__(_("{problem}, or use the bundled model, load()").format(problem=problem))
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

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the hub's own answer
    status = getattr(getattr(error, "response", None), "status_code", None)
    code = getattr(error, "errno", None)
    if isinstance(error, errors.GatedRepoError):
        sentence = _(
            "{name!r} needs its owner's permission: accept the terms on https://huggingface.co/{repo} "
            "and log in here with `hf auth login`"
        )
    elif isinstance(error, errors.RepositoryNotFoundError):
        sentence = _(
            "{name!r} is not on the Hugging Face hub, or is private: check the name, and the rules of your network"
        )
    elif isinstance(error, errors.RevisionNotFoundError):
        sentence = _(
            "{name!r} is not on the Hugging Face hub, because {repo} has no revision {revision!r}: check the revision"
        )
    elif status in (401, 403):
        sentence = _("{name!r} was refused by the Hugging Face hub (error {status}): log in here with `hf auth login`")
    elif status is not None:
        sentence = _(
            "{name!r} could not be downloaded, because the Hugging Face hub answered with error {status}: try again "
            "later"
        )
    elif code in (errno.ENOSPC, errno.EDQUOT):
        sentence = _("{name!r} does not fit on the disk of {cache}: make room, or set HF_HOME to another disk")
    elif code in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        sentence = _("{name!r} cannot be written to {cache}: set HF_HOME to a folder of your own")
    elif isinstance(error, (errors.FileMetadataError, ValueError, AttributeError, LookupError, TypeError)):
        sentence = _(
            "{name!r} could not be downloaded, because something other than the Hugging Face hub answered: see in a "
            "browser whether your network asks you to log in"
        )
    else:
        sentence = _(
            "{name!r} is not in the cache, and the Hugging Face hub could not be reached ({kind}): check the network"
        )
    return sentence.format(
        name=name,
        repo=repo,
        revision=revision,
        status=status,
        cache=constants.HF_HUB_CACHE,
        kind=type(error).__name__,
    )


def check_disk(name: str, size: int, cache: Path) -> None:
    """Raise `Unavailable` if `size` bytes do not fit on the disk of `cache`."""
    existing = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    if size > free:
        raise Unavailable(
            _(
                "{name!r} needs {size}, and the disk of {cache} has {free} left: make room, or set HF_HOME to another "
                "disk"
            ).format(name=name, size=bytes_text(size), cache=cache, free=bytes_text(free))
        )
