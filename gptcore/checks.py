"""Checks of arguments. Each raises one sentence that names the argument, what is allowed and what was given."""

import math
import sys
import warnings
from numbers import Integral, Real
from typing import Any

from gptcore.language import _
from gptcore.values import given


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer, Python's or NumPy's; True and False are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether `value` is a real number; True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_integer(name: str, value: Any, least: float = -math.inf, hint: str = "") -> None:
    """Raise TypeError or ValueError unless `value` is an integer of at least `least`.

    `hint` follows what is allowed: ", or None to keep every token".
    """
    if not is_integer(value):
        raise TypeError(
            _("{name} must be an integer{hint}, got {value}").format(name=name, hint=hint, value=given(value))
        )
    if value < least:
        raise ValueError(
            _("{name} must be at least {least}{hint}, got {value}").format(
                name=name, least=least, hint=hint, value=given(value)
            )
        )


def check_bool(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise TypeError(_("{name} must be True or False, got {value}").format(name=name, value=given(value)))


def check_number(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is a real number."""
    if not is_number(value):
        raise TypeError(_("{name} must be a number, got {value}").format(name=name, value=given(value)))


def as_float(name: str, value: Any) -> float:
    """`value` as a number of Python's own, from one of NumPy's or a fraction; an int stays one if it is small.

    Raises TypeError unless `value` is a real number, ValueError if it is too large for a float.
    """
    check_number(name, value)
    if type(value) is int and abs(value) < 2**53:
        return value
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(
            _("{name} must be a number that a float can hold, got {value}").format(name=name, value=given(value))
        ) from error


def check_text(name: str, text: Any) -> None:
    """Raise TypeError or ValueError unless `text` is a str that UTF-8 can hold."""
    if not isinstance(text, str):
        raise TypeError(_("{name} must be a str, got {kind}").format(name=name, kind=type(text).__name__))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(
            _("{name} must be text that UTF-8 can hold, without surrogates, got {value}").format(
                name=name, value=given(text)
            )
        ) from None


def say(sentence: str) -> None:
    """Warn with `sentence`, which goes on to what a user should know and need not change, where gptcore was called."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "gptcore":
        frame, level = frame.f_back, level + 1
    warnings.warn(sentence, UserWarning, stacklevel=level)
