"""Finding a model: in this package, in a folder, or on the Hugging Face hub, from which it is downloaded once.

Downloads go to the cache of the hub's own library, which other programs share. Once a model is complete there, the hub
is not asked again.
"""

import difflib
import errno
import json
import os
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gptcore.hugging_face import CONFIG
from gptcore.units import bytes_text
from gptcore.weight_files import WEIGHTS, weight_files

STORYTELLER = Path(__file__).parent / "storyteller"

# Models whose names need no owner, and their owners: the hub knows each model by both names.
_OWNERS = {
    "gpt2": "openai-community",
    "gpt2-medium": "openai-community",
    "gpt2-large": "openai-community",
    "gpt2-xl": "openai-community",
    "distilgpt2": "distilbert",
}
HUB_MODELS = tuple(_OWNERS)

_GPT2_TOKENIZER, _ONE_FILE_TOKENIZER = ("vocab.json", "merges.txt"), ("tokenizer.json",)
_MORE_ROOM = "make room, or set HF_HOME to another disk"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


class Unavailable(ValueError):
    """A model on the hub cannot be fetched now; `problem` says why, and what to do."""

    def __init__(self, problem: str):
        super().__init__(f"{problem}, or use the bundled model, load()")
        self.problem = problem


def find_folder(name: str | Path, tokenizer_only: bool = False) -> Path:
    """The folder of the model called `name`; a model of the hub is downloaded unless it is in the cache already.

    With `tokenizer_only` the folder may lack the weights, which are most of a download.

    "owner/model@revision" is one revision of a model, such as a pull request, "skt/kogpt2-base-v2@refs/pr/3". The
    size of a download and the licence of the model are printed before it starts.

    Raises ValueError, which says what to do, if there is no such model; its subclass `Unavailable` if the hub does not
    have the model or cannot be reached.
    """
    if not isinstance(name, (str, Path)):
        raise TypeError(f"name must be a str or a path, got {name!r}")
    if name == "storyteller":
        return STORYTELLER
    if str(name) and os.path.isdir(name):  # also False for a name that the system cannot look up
        return Path(name)
    if os.path.isfile(name):
        raise ValueError(f"name must be a model's folder, got a file, {str(name)!r}")
    name = str(name)
    repo = name.partition("@")[0]
    if repo in HUB_MODELS or _is_hub_name(repo):
        return _cached(name, tokenizer_only) or _download(name, tokenizer_only)
    if name.startswith((".", "~")) or Path(name).is_absolute():
        raise ValueError(f"there is no folder {name!r}")
    known = ["storyteller", *HUB_MODELS]
    nearest = difflib.get_close_matches(name, known, n=1)
    raise ValueError(
        f"no model is called {name!r}"
        + (f": did you mean {nearest[0]!r}? " if nearest else ". ")
        + f"Use {', '.join(known)}, a folder, or the owner/name of a GPT-2 on the Hugging Face hub"
    )


def first_available(*names: str) -> str:
    """The first of `names` that is here or can be downloaded; one sentence is printed for each that is skipped.

    A model whose download is interrupted is skipped too.

    >>> model, tokenizer = load(first_available("storyteller"))

    Raises ValueError if none of them is available.
    """
    if not names:
        raise ValueError("names must hold at least one name, got none")
    for name, other in zip(names, names[1:], strict=False):
        stand_in = "the bundled model" if other == "storyteller" else repr(other)
        try:
            find_folder(name)
        except Unavailable as error:
            problem = error.problem
        except KeyboardInterrupt:
            problem = f"The download of {name!r} was stopped: run this again to restart it"
        else:
            return name
        print(textwrap.fill(f"{problem}; until then {stand_in} takes its place.", 100), flush=True)
    find_folder(names[-1])
    return names[-1]


def licence(name: str | Path = "storyteller") -> str | None:
    """The licence that a model's card or config names, such as "mit" or "cc-by-nc-sa-4.0"; None if neither does."""
    from huggingface_hub import metadata_load

    folder = find_folder(name)
    if folder == STORYTELLER:
        return "mit"  # this package's licence
    card: dict[str, Any] = {}
    with suppress(Exception):  # the card may be missing or unreadable
        card = metadata_load(folder / "README.md") or {}
    with suppress(OSError, ValueError):
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        card = {"license": config.get("license"), **card} if isinstance(config, dict) else card
    return _licence_of(card)


# The cache
# ------------------------------------------------------------------------------------------------------


def _is_hub_name(name: str) -> bool:
    owner, slash, model = name.partition("/")
    return bool(owner.strip(".~") and slash and model) and "/" not in model and "\\" not in name


def _repo_and_revision(name: str) -> tuple[str, str | None]:
    repo, _, revision = name.partition("@")
    return repo, revision or None


def _cached(name: str, tokenizer_only: bool) -> Path | None:
    """The folder in the hub's cache, under any spelling of the name, if everything needed is in it."""
    from huggingface_hub import try_to_load_from_cache

    repo, revision = _repo_and_revision(name)
    long = {short: f"{owner}/{short}" for short, owner in _OWNERS.items()}
    short = {owned: name for name, owned in long.items()}
    try:
        for spelling in filter(None, (repo, long.get(repo), short.get(repo))):
            for file in (CONFIG, *_GPT2_TOKENIZER, *_ONE_FILE_TOKENIZER):
                found = try_to_load_from_cache(spelling, file, revision=revision)
                if isinstance(found, str) and _is_complete(Path(found).parent, tokenizer_only):
                    return Path(found).parent
    except ValueError as error:
        raise ValueError(f"{name!r} cannot be a name on the Hugging Face hub: {error}") from error
    return None


def _is_complete(folder: Path, tokenizer_only: bool) -> bool:
    """Whether nothing is missing: a download may have been interrupted, or another program needed only a part."""
    found = {file.name for file in folder.iterdir() if file.is_file()}
    if tokenizer_only or not _has_tokenizer(found):
        return _has_tokenizer(found)
    with suppress(ValueError):
        return CONFIG in found and all(file.is_file() for file in weight_files(folder))
    return False


def _has_tokenizer(found: Iterable[str]) -> bool:
    """Whether `found`, names of files, include those of a tokenizer that can be read."""
    return any(set(files) <= set(found) for files in (_GPT2_TOKENIZER, _ONE_FILE_TOKENIZER))


# The hub
# ----------------------------------------------------------------------------------------------------


def _download(name: str, tokenizer_only: bool) -> Path:
    """Print the size of the download and the licence, then fetch one file after the other.

    (The library can fetch many files at once, but in threads, which Jupyter's Stop button does not stop.)
    """
    from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache

    if constants.HF_HUB_OFFLINE:
        raise Unavailable(
            f"{name!r} is not in the cache, and HF_HUB_OFFLINE keeps the network from being used: "
            "unset it to download the model once"
        )
    repo, revision = _repo_and_revision(name)
    with _one_sentence(name):
        info = HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=10)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    files = _needed_files(name, sizes, (info.config or {}).get("model_type"), tokenizer_only)
    missing = [file for file in files if not isinstance(try_to_load_from_cache(repo, file, revision=info.sha), str)]
    size = sum(sizes[file] for file in missing)
    _check_room(name, size, Path(constants.HF_HUB_CACHE))
    terms = _licence_of(info.card_data.to_dict() if info.card_data else {}) or "not named"
    print(f"{name}: {bytes_text(size)} to download once from the Hugging Face hub, licence {terms}", flush=True)
    with _one_sentence(name):
        for file in files:
            path = hf_hub_download(repo, file, revision=revision)
    return Path(path).parent


def _needed_files(name: str, found: Iterable[str], model_type: str | None, tokenizer_only: bool) -> list[str]:
    """The files to download, the weights last. Raises `Unavailable` if the model could not be read afterwards."""
    small = {CONFIG, *_GPT2_TOKENIZER, *_ONE_FILE_TOKENIZER, "README.md"}
    small |= {"added_tokens.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"}
    needed = sorted(small & set(found))
    refused = f"{name!r} was not downloaded, because"
    if not _has_tokenizer(found):
        raise Unavailable(f"{refused} it has no tokenizer.json: choose another GPT-2")
    if tokenizer_only:
        return needed
    if model_type not in (None, "gpt2"):
        raise Unavailable(f"{refused} it is a {model_type!r}, and gptcore computes only a 'gpt2': choose a GPT-2")
    index = f"{WEIGHTS}.index.json"
    if WEIGHTS in found:
        weights = [WEIGHTS]
    elif index in found:
        weights = [index, *sorted(file for file in found if re.fullmatch(r"model-\d+-of-\d+\.safetensors", file))]
    elif pickles := sorted(file for file in found if file.endswith(_PICKLES)):
        repo = name.partition("@")[0]
        raise Unavailable(
            f"{refused} its weights exist only as {pickles[0]}, a pickle, which could run any code and is never read: "
            f"convert it, either at https://huggingface.co/spaces/safetensors/convert, which adds a pull request to "
            f"the model, and load '{repo}@refs/pr/1', with that request's number, or, if you trust it, with "
            f"`transformers`: load it there and save_pretrained() it in a folder"
        )
    else:
        raise Unavailable(f"{refused} it has no {WEIGHTS}: choose another GPT-2")
    if CONFIG not in found:
        raise Unavailable(f"{refused} it has no {CONFIG}: choose another GPT-2")
    return needed + weights


@contextmanager
def _one_sentence(name: str) -> Iterator[None]:
    """Turn every error of the hub's library into an `Unavailable`."""
    try:
        yield
    except Exception as error:
        raise Unavailable(_problem(name, error)) from error


def _problem(name: str, error: Exception) -> str:
    """What went wrong and what to do, in one sentence without its full stop."""
    from huggingface_hub import constants, errors

    hub, cache = "the Hugging Face hub", constants.HF_HUB_CACHE
    repo, revision = _repo_and_revision(name)
    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, errors.HfHubHTTPError):
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
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{name!r} cannot be written to {cache}: set HF_HOME to a folder of your own"
    return f"{name!r} is not in the cache, and {hub} could not be reached ({type(error).__name__}): check the network"


def _check_room(name: str, size: int, cache: Path) -> None:
    existing = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    if size > free:
        raise Unavailable(
            f"{name!r} needs {bytes_text(size)}, and the disk of {cache} has {bytes_text(free)} left: {_MORE_ROOM}"
        )


def _licence_of(card: dict[str, Any]) -> str | None:
    found = card.get("license")
    if found == "other":
        found = card.get("license_name") or found
    return ", ".join(map(str, found)) if isinstance(found, list) else found and str(found)
