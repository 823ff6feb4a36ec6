"""How long a prompt may be where a whole text is written before anything is shown."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from gptcore.language import _
from gptcore.model import GPTModel
from gptcore.tokenizer import encode

LEAST_ROOM = 64  # tokens: a prompt of so many is read whole, however short the context is


def fitting(prompt: str, models: Iterable[GPTModel], tokenizer: Any, max_length: int) -> tuple[str, str]:
    """`prompt`, or as much of its end as leaves room for the new tokens in the context, and a sentence that says so.

    Past the context a model re-reads all that it sees for each token, and nobody waits that long for a slider.
    """
    room = max(LEAST_ROOM, min(model.config.context_length for model in models) - max_length)
    if 4 * len(prompt) <= room or len(encode(tokenizer, prompt)) <= room:  # a character is 4 bytes at most
        return prompt, ""
    lengths = range(1, len(prompt))
    fits = max(1, bisect_right(lengths, room, key=lambda length: len(encode(tokenizer, prompt[-length:]))))
    cut = _("Here prompt was cut to its last {count} of {total} characters, so that the text fits the context.")
    return prompt[-fits:], cut.format(count=f"{fits:,}", total=f"{len(prompt):,}")
