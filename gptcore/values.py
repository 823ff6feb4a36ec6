"""A value, as a message shows it."""

from reprlib import Repr
from typing import Any

LONGEST = 80  # characters of a value in a message

_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = LONGEST


def given(value: Any) -> str:
    """`value` as a message shows it: its `repr` on one line, and cut if it is long.

    >>> given("Once upon a time")
    "'Once upon a time'"
    """
    try:
        return " ".join(_short.repr(value).split())[: 2 * LONGEST]
    except Exception:  # a `repr` may fail: of an integer with 5,000 digits it does
        return type(value).__name__
