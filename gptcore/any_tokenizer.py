"""Tokenizers of any make, called alike: ours, those of `transformers`, `tiktoken`, SentencePiece, and your own."""

import inspect
import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from reprlib import repr as short
from typing import Any

# What tells a tokenizer, if it has the argument, to add nothing to a text and to read what it has for special tokens.
_PLAIN = {
    **{"add_special_tokens": False, "skip_special_tokens": False},  # tokenizers, transformers
    **{"add_bos": False, "add_eos": False, "bos": False, "eos": False},  # SentencePiece, Llama
    "allowed_special": "all",  # tiktoken
}


def check_tokenizer(tokenizer: Any) -> None:
    """Raise TypeError unless `tokenizer` is an object with `encode` and `decode`."""
    methods = (getattr(tokenizer, name, None) for name in ("encode", "decode"))
    if isinstance(tokenizer, type) or not all(map(callable, methods)):
        given = f"the class {tokenizer.__name__}" if isinstance(tokenizer, type) else type(tokenizer).__name__
        raise TypeError(f"tokenizer must have encode and decode, got {given}")


def encode(tokenizer: Any, text: str) -> list[int]:
    """The token ids of `text` alone: no begin or end token is added.

    Raises TypeError if `encode` gives anything but token ids; what else it raises is the tokenizer's own.
    """
    return _as_ids(plainly(tokenizer.encode)(text))


def end_token_ids(tokenizer: Any) -> list[int]:
    """The tokens that end a text, the one that the tokenizer itself names first; [] if there are none."""
    for name in ("end_token_ids", "eos_token_id", "eot_token", "eos_id"):
        with suppress(LookupError):  # tiktoken's, if it has none
            found = getattr(tokenizer, name, None)
            found = found() if callable(found) else found
            found = found if isinstance(found, (list, tuple)) else [found]
            token_ids = [int(i) for i in found if _is_id(i) and i >= 0]  # SentencePiece's is -1 if it has none
            if token_ids:
                return list(dict.fromkeys(token_ids))
    return []


def plainly(method: Callable) -> Callable[[Any], Any]:
    """`encode` or `decode` of a tokenizer as a function of the text or the token ids alone."""
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):  # some compiled functions do not say
        return method
    settings = {name: value for name, value in _PLAIN.items() if name in parameters}
    return lambda argument: method(argument, **settings)


def _as_ids(encoded: Any) -> list[int]:
    """What `encode` gave as a list of ids: an Encoding, a dictionary, a tensor, an array, or a batch of one."""
    found = encoded.get("input_ids") if isinstance(encoded, Mapping) else getattr(encoded, "ids", encoded)
    found = found.tolist() if hasattr(found, "tolist") else found
    with suppress(TypeError):
        found = list(found)
        if len(found) == 1 and not isinstance(found[0], (str, bytes)):  # a batch of one
            found = [found[0]] if _is_id(found[0]) else list(getattr(found[0], "ids", found[0]))
        if all(map(_is_id, found)):
            return [int(token_id) for token_id in found]
    raise TypeError(f"tokenizer.encode must give the token ids of a text, a list of integers, got {short(encoded)}")


def _is_id(value: Any) -> bool:
    """Whether `value` is an integer, also one in an array or a tensor."""
    with suppress(TypeError):
        return not isinstance(value, bool) and operator.index(value) is not None
    return False
