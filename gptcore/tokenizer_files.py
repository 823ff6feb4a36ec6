"""Tokenizers on disk: the files that Hugging Face keeps in a model's folder."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from gptcore.bpe_files import read_text
from gptcore.language import _
from gptcore.tokenizer import END_OF_TEXT, Tokenizer, byte_level_bpe
from gptcore.tokenizer_settings import apply_settings, end_ids, read_settings

GPT2_FILES = ("vocab.json", "merges.txt")
OTHER_FILES = ("vocab.txt", "tokenizer.model", "spiece.model", "spm.model", "sentencepiece.bpe.model", "tiktoken.model")
TOKENIZER_FILES = {
    *GPT2_FILES,
    *("added_tokens.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
}


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read `tokenizer.json`, which says everything, or else `vocab.json` and `merges.txt`, GPT-2's own format.

    What the other files say of added tokens, of the end of a text and of a leading space is read too, in the order in
    which `transformers` reads it.

    Raises ValueError if the folder has no tokenizer, or if its files cannot be read.
    """
    if not (folder / "tokenizer.json").is_file() and not all((folder / name).is_file() for name in GPT2_FILES):
        other = next((name for name in OTHER_FILES if (folder / name).is_file()), None)
        sentence = _("{folder} has no tokenizer: neither vocab.json and merges.txt nor tokenizer.json")
        if other:
            sentence = _(
                "{folder} has no tokenizer: neither vocab.json and merges.txt nor tokenizer.json; to make one of its "
                "{other}, load the folder with the AutoTokenizer of `transformers` and save it there again with "
                "save_pretrained()"
            )
        raise ValueError(sentence.format(folder=folder, other=other))
    try:
        tokenizer = _read(folder)
    except Exception as error:  # the library raises plain Exceptions
        raise ValueError(
            _("the tokenizer in {folder} cannot be read: {error}").format(folder=folder, error=str(error)[:300])
        ) from error
    if not (folder / "tokenizer.json").is_file():
        _check_bytes(tokenizer.backend, folder)
    return tokenizer


def _read(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer as Backend

    settings = read_settings(folder)
    prefix = settings.flags.get("add_prefix_space", False)
    if (folder / "tokenizer.json").is_file():
        backend = Backend.from_str(read_text(folder / "tokenizer.json"))
        backend.no_truncation()  # the file may keep settings of its maker's training batches
        backend.no_padding()
        if settings.of_gpt2 and type(backend.pre_tokenizer).__name__ == "ByteLevel":
            backend.pre_tokenizer.add_prefix_space = prefix  # as a GPT2Tokenizer does
    else:
        backend = byte_level_bpe(*(folder / name for name in GPT2_FILES), end_of_text=None, add_prefix_space=prefix)
    backend.encode_special_tokens = settings.flags.get("split_special_tokens", False)
    new_ids = apply_settings(backend, settings)
    tokenizer = Tokenizer(backend, eos_token=None)
    tokenizer.end_token_ids = end_ids(backend, settings, new_ids)
    is_bpe = type(backend.model).__name__ == "BPE"  # in whose text a space before a full stop is meant
    tokenizer.clean_up_tokenization_spaces = settings.flags.get("clean_up_tokenization_spaces", False) and not is_bpe
    return tokenizer


def _check_bytes(backend: Any, folder: Path) -> None:
    """Refuse `vocab.json` and `merges.txt` of another kind than GPT-2's.

    Other byte-pair encodings have files of the same names. If they have no token for each byte, they would silently
    lose every character that they do not know.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    if set(ByteLevel.alphabet()) - backend.get_vocab().keys():
        raise ValueError(
            _("the tokenizer in {folder} lacks tokens for single bytes, so it is not of GPT-2's kind").format(
                folder=folder
            )
        )


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
        _write_json(folder / "vocab.json", dict(vocab))
        settings = {"tokenizer_class": "GPT2Tokenizer", "eos_token": eos, "bos_token": eos, "unk_token": eos}
    else:
        backend.save(str(folder / "tokenizer.json"))
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": eos}
    if backend.encode_special_tokens:
        settings["split_special_tokens"] = True
    if tokenizer.clean_up_tokenization_spaces:
        settings["clean_up_tokenization_spaces"] = True
    _write_json(folder / "tokenizer_config.json", settings, indent=2)


def _write_json(file: Path, value: Any, indent: int | None = None) -> None:
    file.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8", newline="\n")


def _two_files_suffice(backend: Any) -> bool:
    """Whether a `tokenizers.Tokenizer` differs from `byte_level_bpe()` only in its vocabulary and merges."""

    from tokenizers import AddedToken

    def settings(backend: Any) -> dict[str, Any]:
        found = json.loads(backend.to_str())
        model = {**found["model"], "vocab": None, "merges": None}
        return {**found, "model": model, "added_tokens": None}

    usual = AddedToken(END_OF_TEXT, special=True, normalized=False)
    added = {repr(token) for token in backend.get_added_tokens_decoder().values()}
    return added <= {repr(usual)} and settings(backend) == settings(byte_level_bpe())
