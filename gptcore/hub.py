"""Where a model is: in this package, in a folder, or on the Hugging Face hub, from which it is downloaded once.

What comes from the hub is kept by the hub's own library, in the cache that other programs use too. A model that is
there whole is never asked for again.
"""

import difflib
import errno
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

STORYTELLER = Path(__file__).parent / "storyteller"
CONFIG, WEIGHTS = "config.json", "model.safetensors"

# The models that need no owner in their names, and who owns them: the hub knows each of them by both names.
_OWNERS = {
    "gpt2": "openai-community",
    "gpt2-medium": "openai-community",
    "gpt2-large": "openai-community",
    "gpt2-xl": "openai-community",
    "distilgpt2": "distilbert",
}
HUB_MODELS = tuple(_OWNERS)

_GPT2_TOKENIZER, _ONE_FILE_TOKENIZER = ("vocab.json", "merges.txt"), ("tokenizer.json",)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


class Unavailable(ValueError):
    """A model of the hub cannot be had now; `problem` says why, and what to do about it."""

    def __init__(self, problem: str):
        super().__init__(f"{problem}, or use the bundled model, load()")
        self.problem = problem


def find_folder(name: str | Path, tokenizer_only: bool = False) -> Path:
    """The folder of the model called `name`; a Hugging Face name is downloaded unless it is in the cache already.

    With `tokenizer_only` the folder may lack the weights, which are most of a download.

    "owner/model@revision" is one revision of a model, such as a pull request, "skt/kogpt2-base-v2@refs/pr/3". Before
    a download, its size and the licence of the model are printed.

    Raises ValueError, with what to do, if there is no such model; `Unavailable`, which is one, if the hub has none or
    cannot be asked.
    """
    if not isinstance(name, (str, Path)):
        raise TypeError(f"name must be a text or a path, got {name!r}")
    if name == "storyteller":
        return STORYTELLER
    if str(name) and os.path.isdir(name):  # False, too, for what the system cannot look up
        return Path(name)
    if os.path.isfile(name):
        raise ValueError(f"name must be that of a model's folder, got that of a file, {str(name)!r}")
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
        + f"Known are {', '.join(known)}; a folder will do too, and owner/name of a GPT-2 on the Hugging Face hub"
    )


def first_available(*names: str) -> str:
    """The first of `names` that can be had here, by download if need be; one sentence is printed for each that cannot.

    A download that is interrupted counts as one that cannot be had now.

    >>> model, tokenizer = gptcore.load(gptcore.first_available("gpt2", "storyteller"))

    Raises ValueError if none of them can be had.
    """
    if not names:
        raise ValueError("names must hold at least one name, got none")
    for name, other in zip(names, names[1:], strict=False):
        stand_in = "the bundled model" if other == "storyteller" else repr(other)
        try:
            find_folder(name)
        except Unavailable as error:
            print(f"{error.problem}; until then {stand_in} takes its place.", flush=True)
        except KeyboardInterrupt:
            print(
                f"The download of {name!r} was stopped: run this again to begin it anew; "
                f"until then {stand_in} takes its place.",
                flush=True,
            )
        else:
            return name
    find_folder(names[-1])
    return names[-1]


def licence(name: str | Path = "storyteller") -> str | None:
    """The licence that a model's card or config names, such as "mit" or "cc-by-nc-sa-4.0"; None if they name none."""
    from huggingface_hub import metadata_load

    folder = find_folder(name)
    if folder == STORYTELLER:
        return "mit"  # that of this package
    card: dict[str, Any] = {}
    with suppress(Exception):  # no card, or one that cannot be read, names no licence
        card = metadata_load(folder / "README.md") or {}
    with suppress(OSError, ValueError):
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        card = {"license": config.get("license"), **card} if isinstance(config, dict) else card
    return _licence_of(card)


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a model's weights: one, or those that an index names, whether they are there or not."""
    index = folder / f"{WEIGHTS}.index.json"
    if (folder / WEIGHTS).is_file() or not index.is_file():
        return [folder / WEIGHTS]
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        if all(Path(name).name == name for name in names):
            return [folder / name for name in names]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{index} is not a readable index of safetensors files in the same folder")


# The cache
# ------------------------------------------------------------------------------------------------------


def _is_hub_name(name: str) -> bool:
    owner, slash, model = name.partition("/")
    return bool(owner.strip(".~") and slash and model) and "/" not in model and "\\" not in name


def _repo_and_revision(name: str) -> tuple[str, str | None]:
    repo, _, revision = name.partition("@")
    return repo, revision or None


def _cached(name: str, tokenizer_only: bool) -> Path | None:
    """The folder in the hub's cache, under any spelling of the name, if all that is needed is there."""
    from huggingface_hub import try_to_load_from_cache

    repo, revision = _repo_and_revision(name)
    long = {short: f"{owner}/{short}" for short, owner in _OWNERS.items()}
    short = {owned: name for name, owned in long.items()}
    try:
        for spelling in filter(None, (repo, long.get(repo), short.get(repo))):
            for file in (CONFIG, *_GPT2_TOKENIZER, *_ONE_FILE_TOKENIZER):
                found = try_to_load_from_cache(spelling, file, revision=revision)
                if isinstance(found, str) and _is_whole(Path(found).parent, tokenizer_only):
                    return Path(found).parent
    except ValueError as error:
        raise ValueError(f"{name!r} cannot be a name on the Hugging Face hub: {error}") from error
    return None


def _is_whole(folder: Path, tokenizer_only: bool) -> bool:
    """Whether all is there: a download may have been broken off, or another program wanted only a part."""
    found = {file.name for file in folder.iterdir() if file.is_file()}
    if _tokenizer_files(found) is None or tokenizer_only:
        return _tokenizer_files(found) is not None
    with suppress(ValueError):
        return CONFIG in found and all(file.is_file() for file in weight_files(folder))
    return False


def _tokenizer_files(found: Iterable[str]) -> tuple[str, ...] | None:
    """The files of a tokenizer that can be read, if they are among those found."""
    return next((kind for kind in (_GPT2_TOKENIZER, _ONE_FILE_TOKENIZER) if set(kind) <= set(found)), None)


# The hub
# ----------------------------------------------------------------------------------------------------


def _download(name: str, tokenizer_only: bool) -> Path:
    """Say how much will be downloaded and under which licence, then do it, one file after the other.

    (The library's own way to fetch many files uses threads, which a Stop button cannot stop.)
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
    print(f"{name}: {_in_words(size)} to download once from the Hugging Face hub, licence {terms}", flush=True)
    with _one_sentence(name):
        for file in files:
            path = hf_hub_download(repo, file, revision=revision)
    return Path(path).parent


def _needed_files(name: str, found: Iterable[str], model_type: str | None, tokenizer_only: bool) -> list[str]:
    """Which of the files that the hub has are needed, the weights last; a model that cannot be read is refused."""
    small = {CONFIG, *_GPT2_TOKENIZER, *_ONE_FILE_TOKENIZER, "README.md"}
    small |= {"added_tokens.json", "tokenizer_config.json", "special_tokens_map.json"}
    needed = sorted(small & set(found))
    refused = f"{name!r} was not downloaded, since"
    if _tokenizer_files(found) is None:
        raise Unavailable(f"{refused} it has no tokenizer.json: choose another GPT-2")
    if tokenizer_only:
        return needed
    if model_type not in (None, "gpt2"):
        raise Unavailable(f"{refused} it is a {model_type!r}, and only a 'gpt2' can be computed here: choose a GPT-2")
    index = f"{WEIGHTS}.index.json"
    if WEIGHTS in found:
        weights = [WEIGHTS]
    elif index in found:
        weights = [index, *sorted(file for file in found if re.fullmatch(r"model-\d+-of-\d+\.safetensors", file))]
    elif pickles := sorted(file for file in found if file.endswith(_PICKLES)):
        repo = name.partition("@")[0]
        raise Unavailable(
            f"{refused} its weights are there only as {pickles[0]}, a pickle, which could run any code and is never "
            f"read: convert it, either at https://huggingface.co/spaces/safetensors/convert, which adds a pull request "
            f"to the model, so that '{repo}@refs/pr/1', with its number, can be loaded, or with `transformers`, which "
            f"can load it where you trust it and save_pretrained() it in a folder"
        )
    else:
        raise Unavailable(f"{refused} it has no {WEIGHTS}: choose another GPT-2")
    if CONFIG not in found:
        raise Unavailable(f"{refused} it has no {CONFIG}: choose another GPT-2")
    return needed + weights


@contextmanager
def _one_sentence(name: str) -> Iterator[None]:
    """Whatever the hub's library raises becomes an `Unavailable`."""
    try:
        yield
    except Exception as error:
        raise Unavailable(_problem(name, error)) from error


def _problem(name: str, error: Exception) -> str:
    from huggingface_hub import constants, errors

    repo, revision = _repo_and_revision(name)
    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, errors.HfHubHTTPError):
        error = error.__cause__  # what the hub answered, behind the library's own explanation
    if isinstance(error, errors.GatedRepoError):
        return (
            f"{name!r} is only given to those who ask its owner: accept the terms on https://huggingface.co/{repo} "
            "and log in here with `hf auth login`"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{name!r} is not on the Hugging Face hub, or not for everyone: check the name, and the network's rules"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{name!r} is not on the Hugging Face hub, since {repo} has no revision {revision!r}: check it"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"{name!r} was refused by the Hugging Face hub (error {status}): log in here with `hf auth login`"
    if status is not None:
        return f"{name!r} could not be had, since the Hugging Face hub answered with error {status}: try again later"
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"{name!r} does not fit on the disk of {constants.HF_HUB_CACHE}: make room, or set HF_HOME to another"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{name!r} cannot be written to {constants.HF_HUB_CACHE}: set HF_HOME to a folder of your own"
    return (
        f"{name!r} is not in the cache, and the Hugging Face hub could not be reached ({type(error).__name__}): "
        "check the network"
    )


def _check_room(name: str, size: int, cache: Path) -> None:
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if size > free:
        raise Unavailable(
            f"{name!r} needs {_in_words(size)}, and the disk of {cache} has {_in_words(free)} left: "
            "make room, or set HF_HOME to another"
        )


def _licence_of(card: dict[str, Any]) -> str | None:
    found = card.get("license")
    if found == "other":
        found = card.get("license_name") or found
    return ", ".join(map(str, found)) if isinstance(found, list) else found and str(found)


def _in_words(size: int) -> str:
    """Bytes for people: "548 MB"."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if size < 10 * unit else f"{size / unit:.0f} {name}"
    return f"{size} bytes"
