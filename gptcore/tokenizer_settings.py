"""What the files beside a tokenizer's vocabulary say, read in the order in which `transformers` reads them."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gptcore.any_tokenizer import END_OF_TEXT
from gptcore.checks import given
from gptcore.files import read_json
from gptcore.language import _

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
GPT2_CLASSES = ("GPT2Tokenizer", "GPT2TokenizerFast")
USUAL_ENDS = (END_OF_TEXT, "</s>", "<eos>")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class TokenizerSettings:
    """The settings of a tokenizer, from all its files; a token is a `str` or a `tokenizers.AddedToken`."""

    of_gpt2: bool  # whether the tokenizer is of the class GPT2Tokenizer
    named: dict[str, Any]  # special tokens by their names, such as "eos_token"
    extra: list[Any]  # special tokens without a name
    added: dict[int, Any]  # tokens by the ids that the files give them
    is_complete: bool  # whether `added` has all tokens that were added, also those of tokenizer.json
    model_ends: list[int]  # the ids at which the model's own settings end a text
    vocab_size: float  # of the model; infinite if it is not known
    flags: dict[str, bool]  # all that are true or false


def read_settings(folder: Path) -> TokenizerSettings:
    """Read the settings in `folder`; raises ValueError if one of its files is damaged.

    `tokenizer_config.json` comes first. If it lists the added tokens it is all that counts; if not, as before 2023,
    `special_tokens_map.json` takes precedence over it, and `added_tokens.json` has the added tokens.
    """
    found, config = _read(folder / "tokenizer_config.json"), _read(folder / "config.json", strict=False)
    if is_complete := isinstance(found.get("added_tokens_decoder"), dict):
        added = {int(i): _token(token) for i, token in found["added_tokens_decoder"].items()}
    else:
        special = _read(folder / "special_tokens_map.json").items()
        found |= {key: value | {"special": True} if isinstance(value, dict) else value for key, value in special}
    name = found.get("tokenizer_class") or config.get("tokenizer_class")
    if of_gpt2 := name in GPT2_CLASSES or not (folder / "tokenizer.json").is_file():
        found = dict.fromkeys(NAMED[:3], END_OF_TEXT) | found  # its beginning, end and unknown token
    extra = found.get("extra_special_tokens") or found.get("additional_special_tokens") or []
    if isinstance(extra, dict):
        found, extra = found | {f"{name}_token": token for name, token in extra.items()}, []
    tokens = {key: value for key, value in found.items() if key.endswith("_token") and _is_token(value)}
    named = {key: _token(tokens[key]) for key in [*NAMED, *tokens] if key in tokens}
    extra = [_token(token) for token in extra if _is_token(token)]
    if not is_complete:
        special = set(map(str, [*named.values(), *extra]))
        added = {i: _added(content, special) for content, i in _read(folder / "added_tokens.json").items()}
    model_ends = _ids((config | _read(folder / "generation_config.json", strict=False)).get("eos_token_id"))
    return TokenizerSettings(
        of_gpt2,
        named,
        extra,
        added,
        is_complete,
        model_ends,
        max(_ids(config.get("vocab_size")), default=math.inf),
        {key: value for key, value in found.items() if isinstance(value, bool)},
    )


def apply_settings(backend: Any, settings: TokenizerSettings) -> set[int]:
    """Give a `tokenizers.Tokenizer` the tokens of the settings, as `transformers` does.

    Returns the ids of tokens that are named and that no file has: they are new. Raises ValueError if a token cannot
    have the id that the files give it.
    """
    from tokenizers import AddedToken

    present = backend.get_added_tokens_decoder()
    added = settings.added if settings.is_complete else {**settings.added, **present}
    unchanged = set() if settings.of_gpt2 else set(map(repr, present.values()))
    tokens = [token for _, token in sorted(added.items()) if repr(token) not in unchanged]
    contents = set(map(str, [*present.values(), *tokens]))
    named: list[Any] = []
    for token in [*settings.named.values(), *settings.extra]:
        if str(token) not in contents and token not in named:
            named.append(token)
    new = {str(token) for token in named if backend.token_to_id(str(token)) is None}
    if settings.of_gpt2 and END_OF_TEXT in new:  # its class calls for it, but the vocabulary does without
        named, new = [token for token in named if str(token) != END_OF_TEXT], new - {END_OF_TEXT}
    tokens = [AddedToken(token, special=True) if isinstance(token, str) else token for token in [*tokens, *named]]
    special = set(map(str, settings.named.values()))
    for token in tokens:  # the last one of a name counts, with its flags
        token.special = token.special or token.content in special
    backend.add_tokens(tokens)
    for token_id, token in settings.added.items():
        if backend.token_to_id(str(token)) != token_id:
            raise ValueError(_("{token!r} cannot have the id {token_id}").format(token=str(token), token_id=token_id))
    return {backend.token_to_id(content) for content in new}


def end_ids(backend: Any, settings: TokenizerSettings, new_ids: set[int]) -> list[int]:
    """The tokens that end a text: the tokenizer's `eos_token` and those of the model's settings, or the usual one.

    A single id in the model's settings counts only if it belongs to an added token: often it is GPT-2's own, left there
    by mistake. Several are meant. A token that is new comes last, since the model may not know it.
    """
    named = backend.token_to_id(str(settings.named.get("eos_token", "")))
    found, added = [] if named is None else [named], backend.get_added_tokens_decoder()
    several = len(settings.model_ends) > 1
    found += [i for i in settings.model_ends if i in added or (several and backend.id_to_token(i) is not None)]
    found.sort(key=lambda token_id: token_id in new_ids)
    if all(token_id in new_ids and token_id >= settings.vocab_size for token_id in found):
        usual = (backend.token_to_id(name) for name in USUAL_ENDS)
        found = [token_id for token_id in usual if token_id is not None][:1] + found
    return list(dict.fromkeys(found))


def _read(file: Path, strict: bool = True) -> dict[str, Any]:
    """The object in a JSON file, {} if there is no such file; ValueError if it is damaged.

    If not `strict`, a file that holds anything but an object counts as an empty one.
    """
    found = read_json(file) if file.is_file() else {}
    if strict and not isinstance(found, dict):
        raise ValueError(
            _("{file} must hold a JSON object, got {kind}").format(file=file.name, kind=type(found).__name__)
        )
    return found if isinstance(found, dict) else {}


def _is_token(value: Any) -> bool:
    content = value.get("content") if isinstance(value, dict) else value
    return isinstance(content, str) and content != ""


def _token(value: Any) -> Any:
    """A token as the files write it: a string stays one, an object becomes a `tokenizers.AddedToken`."""
    from tokenizers import AddedToken

    if not _is_token(value):
        raise ValueError(_("an added token must be a string or have a content, got {value}").format(value=given(value)))
    if isinstance(value, str):
        return value
    return AddedToken(value["content"], **{key: value[key] for key in _FLAGS if isinstance(value.get(key), bool)})


def _added(content: str, special: set[str]) -> Any:
    """A token of `added_tokens.json`, which tells no more than its content."""
    from tokenizers import AddedToken

    return AddedToken(content, special=content in special, normalized=content not in special)


def _ids(value: Any) -> list[int]:
    """The ids, or counts, of a setting that may be one, several or none: an `eos_token_id`."""
    return [i for i in (value if isinstance(value, list) else [value]) if type(i) is int and 0 <= i < 2**32]
