import math
from fractions import Fraction

import numpy as np
import pytest

from gptcore.checks import as_float, check_integer, check_number, check_text, is_integer, is_number


@pytest.mark.parametrize("value", [0, -3, 2**80, np.int64(7), np.uint8(1)])
def test_integers_of_python_and_numpy(value):
    assert is_integer(value) and is_number(value)


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, np.float32(1), [1], np.True_])
def test_what_is_no_integer_is_named(value):
    assert not is_integer(value)
    with pytest.raises(TypeError, match="count must be an integer, got"):
        check_integer("count", value)


@pytest.mark.parametrize("value", [True, "1", None, 1j, [1.0]])
def test_what_is_no_number_is_named(value):
    assert not is_number(value)
    with pytest.raises(TypeError, match="rate must be a number, got"):
        check_number("rate", value)


def test_nan_is_a_number_and_its_range_is_the_callers_matter():
    check_number("rate", math.nan)


def test_the_least_and_the_hint_are_said():
    check_integer("top_k", 1, least=1)
    with pytest.raises(ValueError, match="top_k must be at least 1, or None to keep every token, got 0"):
        check_integer("top_k", 0, least=1, hint=", or None to keep every token")


def test_text_must_fit_into_utf8():
    check_text("prompt", "옛날 옛적에 🦊")
    with pytest.raises(TypeError, match="prompt must be a str, got bytes"):
        check_text("prompt", b"once")
    with pytest.raises(ValueError, match="without surrogates"):
        check_text("prompt", "\ud83e")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, 2),
        (0.5, 0.5),
        (Fraction(1, 4), 0.25),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (10**300, 1e300),
        (-3, -3),
    ],
    ids=repr,
)
def test_a_number_becomes_one_of_pythons_own(value, expected):
    found = as_float("speed", value)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "error"),
    [(10**400, ValueError), (Fraction(10**400, 3), ValueError), (True, TypeError), ("2", TypeError), (2j, TypeError)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_number_for_a_float_is_refused(value, error):
    with pytest.raises(error, match="^speed must be a number.{0,30}, got .{1,90}$"):
        as_float("speed", value)
