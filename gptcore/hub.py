"""Finding a model: in this package, in a folder, or on the Hugging Face hub, from which it is downloaded once.

Downloads go to the cache of the hub's own library, which other programs share. Once a model is complete there, the hub
is not asked again.
"""

import difflib
import os
import re
import textwrap
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gptcore.checks import check_text, given
from gptcore.files import path_text, read_json
from gptcore.hugging_face import CONFIG
from gptcore.language import _, language
from gptcore.other_kinds import ADAPTER, LARGEST
from gptcore.unavailable import Unavailable, check_disk, one_sentence
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
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


def find_folder(name: str | Path, tokenizer_only: bool = False) -> Path:
    """The folder of the model called `name`; a model of the hub is downloaded unless it is in the cache already.

    With `tokenizer_only` the folder may lack the weights, which are most of a download.

    "owner/model@revision" is one revision of a model, such as a pull request, "skt/kogpt2-base-v2@refs/pr/3". The
    size of a download and the licence of the model are printed before it starts.

    Raises ValueError, which says what to do, if there is no such model; its subclass `Unavailable` if the hub does not
    have the model or cannot be reached.
    """
    if not isinstance(name, (str, os.PathLike)) or isinstance(os.fspath(name), bytes):
        raise TypeError(_("name must be a str or a path, got {value}").format(value=given(name)))
    check_text("name", os.fspath(name))
    if name == "storyteller":
        return STORYTELLER
    path = os.path.expanduser(name)
    if path and os.path.isdir(path):  # also False for a name that the system cannot look up
        return Path(path)
    if path and os.path.exists(path):
        raise ValueError(_("name must be a model's folder, got a file, {name}").format(name=path_text(name)))
    name = str(name)
    repo = name.partition("@")[0]
    if repo in HUB_MODELS or _is_hub_name(repo):
        return _cached(name, tokenizer_only) or _download(name, tokenizer_only)
    if name.startswith((".", "~")) or Path(name).is_absolute():
        raise ValueError(_("there is no folder {name}").format(name=path_text(name)))
    known = ["storyteller", *HUB_MODELS]
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = _("Use {known}, a folder, or the owner/name of a GPT-2 on the Hugging Face hub").format(
        known=", ".join(known)
    )
    if nearest:
        sentence = _("no model is called {name}: did you mean {nearest!r}? {hint}")
        raise ValueError(sentence.format(name=path_text(name), nearest=nearest[0], hint=hint))
    raise ValueError(_("no model is called {name}. {hint}").format(name=path_text(name), hint=hint))


def first_available(*names: str) -> str:
    """The first of `names` that is here or can be downloaded; one sentence is printed for each that is skipped.

    A model whose download is interrupted is skipped too.

    >>> model, tokenizer = load(first_available("storyteller"))

    Raises ValueError if none of them is available.
    """
    if not all(isinstance(name, (str, Path)) for name in names):
        raise TypeError(_("names must be names of models, or folders, got {value}").format(value=given(names)))
    if not names:
        raise ValueError(_("names must hold at least one name, got none"))
    for name, other in zip(names, names[1:], strict=False):
        stand_in = _("the bundled model") if other == "storyteller" else repr(other)
        try:
            find_folder(name)
        except Unavailable as error:
            problem = error.problem
        except KeyboardInterrupt:
            problem = _("The download of {name!r} was stopped: run this again to restart it").format(name=name)
        else:
            return name
        sentence = _("{problem}; until then {stand_in} takes its place.").format(problem=problem, stand_in=stand_in)
        print(textwrap.fill(sentence, 100 if language() == "en" else 60), flush=True)  # Hangul takes two columns
    find_folder(names[-1])
    return names[-1]


def licence(name: str | Path = "storyteller") -> str | None:
    """The licence that a model's card or config names, such as "mit" or "cc-by-nc-sa-4.0"; None if neither does."""
    from huggingface_hub import metadata_load

    folder = find_folder(name)
    if folder == STORYTELLER:
        return "mit"  # this package's licence
    card, file = {}, folder / "README.md"
    if file.is_file() and file.stat().st_size <= LARGEST:
        with suppress(Exception):  # the card may be unreadable
            card = metadata_load(file) or {}
    with suppress(OSError, ValueError):
        config = read_json(folder / CONFIG, LARGEST)
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
    except OSError:
        pass  # what cannot be read is not there: the download will say why
    except ValueError as error:
        raise ValueError(
            _("{name!r} cannot be a name on the Hugging Face hub: {error}").format(name=name, error=error)
        ) from error
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
    from huggingface_hub import (
        HfApi,
        constants,
        get_hf_file_metadata,
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )

    if constants.HF_HUB_OFFLINE:
        raise Unavailable(
            _(
                "{name!r} is not in the cache, and HF_HUB_OFFLINE keeps the network from being used: unset it to "
                "download the model once"
            ).format(name=name)
        )
    repo, revision = _repo_and_revision(name)
    with one_sentence(name, repo, revision):
        info = HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        files = _needed_files(name, sizes, info.config or {}, tokenizer_only)
        missing = [file for file in files if not isinstance(try_to_load_from_cache(repo, file, revision=info.sha), str)]
        size = sum(sizes[file] for file in missing)
        check_disk(name, size, Path(constants.HF_HUB_CACHE))
        terms = _licence_of(info.card_data.to_dict() if info.card_data else {}) or _("not named")
        sentence = _("{name}: {size} to download once from the Hugging Face hub, licence {terms}")
        print(sentence.format(name=name, size=bytes_text(size), terms=terms), flush=True)
        folders = set()
        for file in files:
            # The library asks a hub that does not answer again and again, for seven minutes: once is enough.
            get_hf_file_metadata(hf_hub_url(repo, file, revision=revision), timeout=constants.HF_HUB_ETAG_TIMEOUT)
            folders.add(Path(hf_hub_download(repo, file, revision=revision)).parent)
    if len(folders) > 1:
        raise Unavailable(_("{name!r} was changed by its owner during the download: run this again").format(name=name))
    return folders.pop()


def _needed_files(name: str, found: Iterable[str], config: dict[str, Any], tokenizer_only: bool) -> list[str]:
    """The files to download, the weights last. Raises `Unavailable` if the model could not be read afterwards."""
    small = {CONFIG, *_GPT2_TOKENIZER, *_ONE_FILE_TOKENIZER, "README.md"}
    small |= {"added_tokens.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"}
    needed = sorted(small & set(found))
    refused = _("{name!r} was not downloaded, because").format(name=name)
    if not _has_tokenizer(found):
        raise Unavailable(_("{refused} it has no tokenizer.json: choose another GPT-2").format(refused=refused))
    if tokenizer_only:
        return needed
    if ADAPTER in found:
        raise Unavailable(
            _("{refused} it holds an adapter ({adapter}), which changes another model: choose a GPT-2").format(
                refused=refused, adapter=ADAPTER
            )
        )
    if config.get("quantization_config"):
        raise Unavailable(
            _("{refused} its weights are quantised: choose the model that it was made from").format(refused=refused)
        )
    if (model_type := config.get("model_type")) not in (None, "gpt2"):
        raise Unavailable(
            _("{refused} it is a {model_type!r}, and gptcore computes only a 'gpt2': choose a GPT-2").format(
                refused=refused, model_type=model_type
            )
        )
    index = f"{WEIGHTS}.index.json"
    if WEIGHTS in found:
        weights = [WEIGHTS]
    elif index in found:
        weights = [index, *sorted(file for file in found if re.fullmatch(r"model-\d+-of-\d+\.safetensors", file))]
    elif pickles := sorted(file for file in found if file.endswith(_PICKLES)):
        repo = name.partition("@")[0]
        raise Unavailable(
            _(
                "{refused} its weights exist only as {pickles}, a pickle, which could run any code and is never "
                "read: convert it, either at https://huggingface.co/spaces/safetensors/convert, which adds a pull "
                "request to the model, and load '{repo}@refs/pr/1', with that request's number, or, if you trust it, "
                "with `transformers`: load it there and save_pretrained() it in a folder"
            ).format(refused=refused, pickles=pickles[0], repo=repo)
        )
    else:
        raise Unavailable(
            _("{refused} it has no {weights}: choose another GPT-2").format(refused=refused, weights=WEIGHTS)
        )
    if CONFIG not in found:
        raise Unavailable(
            _("{refused} it has no {config}: choose another GPT-2").format(refused=refused, config=CONFIG)
        )
    return needed + weights


def _licence_of(card: dict[str, Any]) -> str | None:
    found = card.get("license")
    if found == "other":
        found = card.get("license_name") or found
    return ", ".join(map(str, found)) if isinstance(found, list) else found and str(found)
