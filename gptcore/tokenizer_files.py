"""Tokenizers on disk: the files that Hugging Face keeps in a model's folder."""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from gptcore.files import write_text
from gptcore.tokenizer import END_OF_TEXT, Tokenizer, byte_level_bpe

TOKENIZER_FILES = {
    *("vocab.json", "merges.txt", "added_tokens.json", "tokenizer.json"),
    *("tokenizer_config.json", "special_tokens_map.json"),
}


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read `tokenizer.json`, which says everything, or else `vocab.json` and `merges.txt`, GPT-2's own format.

    Beside these two, `added_tokens.json` may hold tokens that were added to the tokenizer later.

    Raises ValueError if the folder has neither, or if they cannot be read.
    """
    try:
        backend = _read_backend(folder)
    except Exception as error:  # the library raises plain Exceptions
        raise ValueError(f"the tokenizer in {folder} cannot be read: {error}") from error
    if backend is None:
        raise ValueError(f"{folder} has no tokenizer: neither vocab.json and merges.txt nor tokenizer.json")
    if not (folder / "tokenizer.json").is_file():
        _check_bytes(backend, folder)
    tokenizer = Tokenizer(backend, eos_token=None)
    tokenizer.eos_token_id = _end_token_id(folder, backend)
    return tokenizer


def _read_backend(folder: Path) -> Any | None:
    """The `tokenizers.Tokenizer` in `folder`, or None if there is none."""
    from tokenizers import Tokenizer as Backend

    one_file, added = folder / "tokenizer.json", folder / "added_tokens.json"
    gpt2_files = folder / "vocab.json", folder / "merges.txt"
    if one_file.is_file():
        backend = Backend.from_file(str(one_file))
        backend.no_truncation()  # the file may keep settings of its maker's training batches
        backend.no_padding()
        return backend
    if not all(file.is_file() for file in gpt2_files):
        return None
    backend = byte_level_bpe(*gpt2_files)
    if added.is_file():
        _add_tokens(backend, json.loads(added.read_text(encoding="utf-8")))
    return backend


def _add_tokens(backend: Any, added: dict[str, int]) -> None:
    """Give a `tokenizers.Tokenizer` the tokens {content: id} of an `added_tokens.json`."""
    from tokenizers import AddedToken

    in_order = sorted(added, key=lambda content: added[content])
    backend.add_special_tokens([AddedToken(content, special=True, normalized=False) for content in in_order])
    if wrong := [content for content in in_order if backend.token_to_id(content) != added[content]]:
        raise ValueError(f"{wrong[0]!r} cannot have the id {added[wrong[0]]}")


def _check_bytes(backend: Any, folder: Path) -> None:
    """Refuse `vocab.json` and `merges.txt` of another kind than GPT-2's.

    Other byte-pair encodings have files of the same names. If they have no token for each byte, they would silently
    lose every character that they do not know.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    if set(ByteLevel.alphabet()) - backend.get_vocab().keys():
        raise ValueError(f"the tokenizer in {folder} lacks tokens for single bytes, so it is not of GPT-2's kind")


def _end_token_id(folder: Path, backend: Any) -> int | None:
    """The token that ends a text: named by a file of the tokenizer, or by the model's config, or by its usual name.

    The id in the config counts only if it belongs to a special token: often it is GPT-2's own, left there by mistake.
    """
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        name = _read_settings(folder / file).get("eos_token")
        name = name.get("content") if isinstance(name, dict) else name
        if isinstance(name, str) and (token_id := backend.token_to_id(name)) is not None:
            return token_id
    token_id = _read_settings(folder / "config.json").get("eos_token_id")
    token_id = token_id[0] if isinstance(token_id, list) and token_id else token_id
    if token_id in [number for number, token in backend.get_added_tokens_decoder().items() if token.special]:
        return token_id
    found = (backend.token_to_id(name) for name in (END_OF_TEXT, "</s>", "<eos>"))
    return next((token_id for token_id in found if token_id is not None), None)


def _read_settings(file: Path) -> dict[str, Any]:
    """The settings in a file that may be missing or damaged: {} if so."""
    with suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def save_tokenizer(folder: Path, tokenizer: Any) -> None:
    """Write a tokenizer, ours or one of `transformers`, in place of any that `folder` has.

    Ours is written as `vocab.json` and `merges.txt` if these two describe it completely, as they do GPT-2's, else as
    `tokenizer.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".gptcore-") as temporary:
        if isinstance(tokenizer, Tokenizer):
            _write_tokenizer(Path(temporary), tokenizer)
        else:
            tokenizer.save_pretrained(temporary)
        written = [file for file in Path(temporary).iterdir() if file.is_file()]
        for file in written:
            os.replace(file, folder / file.name)
    for name in TOKENIZER_FILES - {file.name for file in written}:
        (folder / name).unlink(missing_ok=True)  # another tokenizer's files would be read before the new ones


def _write_tokenizer(folder: Path, tokenizer: Tokenizer) -> None:
    backend = tokenizer.backend
    eos = None if tokenizer.eos_token_id is None else backend.id_to_token(tokenizer.eos_token_id)
    if _two_files_suffice(backend):
        backend.model.save(str(folder))
        vocab = sorted(backend.get_vocab().items(), key=lambda item: item[1])  # with the end-of-text token
        write_text(folder / "vocab.json", json.dumps(dict(vocab), ensure_ascii=False))
        settings = {"tokenizer_class": "GPT2Tokenizer", "eos_token": eos, "bos_token": eos, "unk_token": eos}
    else:
        backend.save(str(folder / "tokenizer.json"))
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": eos}
    write_text(folder / "tokenizer_config.json", json.dumps(settings, indent=2) + "\n")


def _two_files_suffice(backend: Any) -> bool:
    """Whether a `tokenizers.Tokenizer` differs from `byte_level_bpe()` only in its vocabulary and merges."""

    def settings(backend: Any) -> dict[str, Any]:
        found = json.loads(backend.to_str())
        model = {**found["model"], "vocab": None, "merges": None}
        return {**found, "model": model, "added_tokens": None}

    added = {token.content for token in backend.get_added_tokens_decoder().values()}
    return added <= {END_OF_TEXT} and settings(backend) == settings(byte_level_bpe())
