"""Where a text ends: at an end-of-text token, or before a string."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gptcore.checks import check_integer, given, is_integer
from gptcore.language import _


def check_ends(eos_token_id: Any) -> list[int]:
    """The argument `eos_token_id`, one token id, several, or None, as a list.

    Raises TypeError or ValueError if it is none of these.
    """
    several = isinstance(eos_token_id, (list, tuple, set, frozenset))
    found = [] if eos_token_id is None else list(eos_token_id) if several else [eos_token_id]
    if not all(map(is_integer, found)):
        raise TypeError(
            _("eos_token_id must be an integer, several of them, or None, got {value}").format(
                value=given(eos_token_id)
            )
        )
    for token_id in found:
        check_integer("eos_token_id", token_id, least=0)
        if token_id >= 2**63:
            raise ValueError(_("eos_token_id must be an integer of 64 bits, got {value}").format(value=given(token_id)))
    return [int(token_id) for token_id in found]


def stop_strings(stop: str | Sequence[str]) -> list[str]:
    """`stop` as a list. Raises TypeError if it is neither a string nor several, or if one is empty."""
    strings = [stop] if isinstance(stop, str) else stop
    if not isinstance(strings, Sequence) or not all(isinstance(string, str) and string for string in strings):
        raise TypeError(
            _("stop must be a string or several, none of them empty, got {value}").format(value=given(stop))
        )
    return list(strings)


def before_stop(pieces: Iterable[str], stop: list[str]) -> Iterator[str]:
    """`pieces` up to the first string of `stop`; what may be the beginning of one is held back until it is known.

    >>> "".join(before_stop(["The f", "ox.", "\\n", "\\nThe end"], ["\\n\\n"]))
    'The fox.'
    """
    held = ""
    for piece in pieces:
        held += piece
        if found := [held.index(string) for string in stop if string in held]:
            yield held[: min(found)]
            return
        lengths = range(min(len(held), max(map(len, stop), default=0)), 0, -1)
        keep = next((n for n in lengths if any(string.startswith(held[-n:]) for string in stop)), 0)
        yield held[: len(held) - keep]
        held = held[len(held) - keep :]
    yield held
