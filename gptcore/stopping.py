"""Strings at which a streamed text ends."""

from collections.abc import Iterable, Iterator, Sequence


def stop_strings(stop: str | Sequence[str]) -> list[str]:
    """`stop` as a list. Raises TypeError if it is neither a string nor several, or if one is empty."""
    strings = [stop] if isinstance(stop, str) else stop
    if not isinstance(strings, Sequence) or not all(isinstance(string, str) and string for string in strings):
        raise TypeError(f"stop must be a string or several, none of them empty, got {stop!r}")
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
