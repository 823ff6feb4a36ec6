"""Tokenizers of any make, asked alike: ours, those of `transformers`, `tiktoken`, SentencePiece, and your own."""

import inspect
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from gptcore.checks import given, say
from gptcore.language import _

END_OF_TEXT = "<|endoftext|>"

# What tells a tokenizer, if it has the argument, to add nothing to a text and to read what it has for special tokens.
_PLAIN = {
    **{"add_special_tokens": False, "skip_special_tokens": False},  # tokenizers, transformers
    **{"add_bos": False, "add_eos": False, "bos": False, "eos": False},  # SentencePiece, Llama
    "allowed_special": "all",  # tiktoken
}


def check_tokenizer(tokenizer: Any) -> None:
    """Raise TypeError unless `tokenizer` is an object with `encode` and `decode`."""
    _check_methods(tokenizer, "encode", "decode")


def check_decoder(tokenizer: Any) -> None:
    """Raise TypeError unless `tokenizer` is an object with `decode`: labels need no more."""
    _check_methods(tokenizer, "decode")


def _check_methods(tokenizer: Any, *names: str) -> None:
    methods = (getattr(tokenizer, name, None) for name in names)
    if isinstance(tokenizer, (type, bytes, bytearray)) or not all(map(callable, methods)):  # bytes have a `decode`, too
        found = type(tokenizer).__name__
        if isinstance(tokenizer, type):
            found = _("the class {kind}").format(kind=tokenizer.__name__)
        raise TypeError(_("tokenizer must have {names}, got {found}").format(names=_(" and ").join(names), found=found))


def encode(tokenizer: Any, text: str) -> list[int]:
    """The token ids of `text` alone: no begin or end token is added. Warns if they do not give the whole text back.

    Raises TypeError if `encode` gives anything but token ids, ValueError if it cannot encode `text`.
    """
    token_ids = encode_quietly(tokenizer, text)
    if sentence := change(tokenizer, text, token_ids):
        say(sentence)
    return token_ids


def encode_quietly(tokenizer: Any, text: str) -> list[int]:
    """The token ids of `text`, whether they give it back or not."""
    try:
        encoded = plainly(tokenizer.encode)(text)
    except (TypeError, ValueError):
        raise
    except Exception as error:  # such as the KeyError of a dictionary of characters
        raise ValueError(
            _("text must be one that the tokenizer can encode, got {value}: {kind}: {error}").format(
                value=given(text), kind=type(error).__name__, error=error
            )
        ) from error
    return as_ids(_("tokenizer.encode must give token ids"), encoded)


def change(tokenizer: Any, text: str, token_ids: list[int]) -> str | None:
    """A sentence on what the tokenizer makes of `text`, of which `token_ids` are the tokens; None if all comes back.

    Some tokenizers have no token for a character, or fold letters and spaces. A space at the beginning counts as none.
    """
    back = decode_plainly(tokenizer)(token_ids)
    if back == text or back.removeprefix(" ") == text.removeprefix(" "):
        return None
    same = len(os.path.commonprefix([text, back]))
    first, last = max(0, same - 5), same + 15
    was, now = (repr(f"{'…' if first else ''}{x[first:last]}{'…' if x[last:] else ''}") for x in (text, back))
    sentence = _("the tokenizer changes the text: {was} becomes {now}, and the model reads only that")
    return sentence.format(was=was, now=now)


def decode_plainly(tokenizer: Any) -> Callable[[list[int]], str]:
    """`decode` as a function of token ids alone; it raises TypeError if it gives anything but text."""
    check_decoder(tokenizer)
    method = plainly(tokenizer.decode)

    def decode(token_ids: list[int]) -> str:
        if not isinstance(text := method(token_ids), str):
            raise TypeError(_("tokenizer.decode must give text, got {value}").format(value=given(text)))
        return text

    return decode


def plainly(method: Callable) -> Callable[[Any], Any]:
    """`encode` or `decode` of a tokenizer as a function of the text or the token ids alone."""
    settings = _plain_settings(getattr(method, "__func__", method))
    return partial(method, **settings) if settings else method


@lru_cache(16)  # asking takes longer than encoding a prompt
def _plain_settings(function: Callable) -> dict[str, Any]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some compiled functions do not say
        return {}
    return {name: value for name, value in _PLAIN.items() if name in parameters}


def end_token_ids(tokenizer: Any) -> list[int]:
    """The tokens that end a text, the one that the tokenizer itself names first; [] if there are none."""
    for name in ("end_token_ids", "eos_token_id", "eot_token", "eos_id"):
        with suppress(LookupError):  # tiktoken's, if it has none
            found = getattr(tokenizer, name, None)
            found = found() if callable(found) else found
            found = found if isinstance(found, (list, tuple)) else [found]
            token_ids = [int(i) for i in found if is_id(i) and i >= 0]  # SentencePiece's is -1 if it has none
            if token_ids:
                return list(dict.fromkeys(token_ids))
    found = tokenizer.token_to_id(END_OF_TEXT) if hasattr(tokenizer, "token_to_id") else None
    return [] if found is None else [found]  # a bare `tokenizers.Tokenizer` does not say what ends a text


def is_known(tokenizer: Any, token_id: int) -> bool:
    """Whether the tokenizer has a token with this id."""
    if not 0 <= token_id < 2**32:  # the ids of the library have 32 bits
        return False
    if (backend := backend_of(tokenizer)) is not None:
        return backend.id_to_token(token_id) is not None
    check_decoder(tokenizer)
    if hasattr(tokenizer, "__len__") and token_id >= len(tokenizer):
        return False
    if hasattr(tokenizer, "convert_ids_to_tokens"):
        return tokenizer.convert_ids_to_tokens(token_id) is not None
    try:
        getattr(tokenizer, "decode_single_token_bytes", lambda token_id: tokenizer.decode([token_id]))(token_id)
    except (LookupError, OverflowError, ValueError):
        return False
    return True


def backend_of(tokenizer: Any) -> Any | None:
    """The `tokenizers.Tokenizer` that a tokenizer is, or has inside as ours and those of `transformers` do; or None."""
    for name in ("backend", "backend_tokenizer"):
        if hasattr(found := getattr(tokenizer, name, None), "id_to_token"):
            return found
    return tokenizer if hasattr(tokenizer, "id_to_token") and hasattr(tokenizer, "get_vocab_size") else None


def content_of(tokenizer: Any, token_id: int) -> str | None:
    """A token as its vocabulary writes it; None if only `decode` knows."""
    if (backend := backend_of(tokenizer)) is not None:
        return backend.id_to_token(token_id)
    for name in ("convert_ids_to_tokens", "id_to_piece"):  # of transformers, of SentencePiece
        if hasattr(tokenizer, name):
            return getattr(tokenizer, name)(token_id)
    return None


def as_ids(rule: str, value: Any) -> list[int]:
    """Token ids as a list: of a list, an Encoding, a dictionary, a tensor, an array, or a batch of one.

    Raises TypeError, with `rule`, if `value` is something else.
    """
    found = value.get("input_ids") if isinstance(value, Mapping) else getattr(value, "ids", value)
    with suppress(TypeError, NotImplementedError):  # a tensor on the device meta has no values
        found = list(found.tolist() if hasattr(found, "tolist") else found)
        if len(found) == 1 and not isinstance(found[0], (str, bytes)):  # a batch of one
            found = [found[0]] if is_id(found[0]) else list(getattr(found[0], "ids", found[0]))
        if all(map(is_id, found)):
            return [int(token_id) for token_id in found]
    raise TypeError(_("{rule}, a list of integers, got {value}").format(rule=rule, value=given(value)))


def each_id(token_ids: Any) -> Iterator[int]:
    """The integers of a list, an array, a tensor or an iterator, as they come. Raises TypeError if there are none."""
    if not isinstance(token_ids, Iterable) or hasattr(token_ids, "tolist"):
        token_ids = as_ids(_("token_ids must be those of one text"), token_ids)
    return map(as_id, token_ids)


def as_id(value: Any) -> int:
    """One token id as Python's integer. Raises TypeError if it is none, ValueError if it has more than 64 bits."""
    if not is_id(value):
        raise TypeError(_("token_id must be an integer, got {value}").format(value=given(value)))
    if not -(2**63) <= (token_id := int(value)) < 2**63:
        raise ValueError(_("token_id must be an integer of 64 bits, got {value}").format(value=given(token_id)))
    return token_id


def is_id(value: Any) -> bool:
    """Whether `value` is an integer, also one in an array or a tensor."""
    if type(value) is int:  # nearly always: to ask in general takes longer than to decode a token
        return True
    with suppress(TypeError):
        return not isinstance(value, bool) and operator.index(value) is not None
    return False
