import unicodedata
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from gptcore.show.settings import (
    MOST_TEXT,
    Setting,
    Shown,
    TextSetting,
    check_any_seed,
    check_floor,
    check_length,
    check_named,
    check_sampling,
    check_seed,
    next_seed,
)


class Widget:
    record = SimpleNamespace(size=3)
    whole = TextSetting(as_is=True)
    text, length, temperature, size = TextSetting(), Setting(check_length, most=10), Setting(check_sampling), Shown()


def test_a_long_text_is_cut_to_its_end_before_it_is_checked():
    text, notice = Widget.text.allowed("\ud800" * 10**6 + "x" * MOST_TEXT)
    assert text == "x" * MOST_TEXT and notice == "Here text was cut to its last 5,000 of 1,005,000 characters."
    assert Widget.text.allowed("fox") == ("fox", "")
    with pytest.raises(ValueError, match="text must be text that UTF-8 can hold"):
        Widget.text.allowed("\ud800")


def test_a_large_number_is_cut_to_the_most():
    assert Widget.length.allowed(10**400) == (10, "Here length was cut to 10, the most that is possible.")
    assert Widget.length.allowed(10) == (10, "")
    with pytest.raises(TypeError, match="length must be an integer, got 'abc'"):
        Widget.length.allowed("abc")


@pytest.mark.parametrize("value", [np.float32(0.5), Fraction(1, 2), np.float64(0.5)])
def test_numbers_of_any_library_become_pythons(value):
    assert Widget.temperature.allowed(value) == (0.5, "") and type(Widget.temperature.allowed(value)[0]) is float
    assert type(Widget.length.allowed(np.int64(2))[0]) is int


def test_what_is_shown_can_only_be_read():
    widget = Widget()
    with pytest.raises(AttributeError, match="size can only be read"):
        widget.size = 5
    assert widget.size == 3


def test_seeds():
    assert next_seed(1) == 2 and next_seed(2**63 - 1) == 0 and next_seed(None) is None
    for seed in (0, 2**63 - 1):
        check_seed("seed", seed)
    check_any_seed("seed", None)
    for wrong in (-1, 2**63, 1.5, "1", True, [1]):
        for check in (check_seed, check_any_seed):
            with pytest.raises((TypeError, ValueError), match="^seed must be"):
                check("seed", wrong)
    with pytest.raises(TypeError, match="^seed must be an integer, got None"):
        check_seed("seed", None)


@pytest.mark.parametrize("floor", [0, -1.0, float("nan"), float("inf"), 10**400, "low", True])
def test_a_floor_is_a_loss(floor):
    check_floor("floor", 0.5)
    check_floor("floor", None)
    with pytest.raises(ValueError, match="^floor must be a loss above 0 in nats per token, or None, got"):
        check_floor("floor", floor)


@pytest.mark.parametrize("value", [None, 5, ["a"], {1: "a"}, "a"])
def test_names(value):
    check_named("models", {"a": 1})
    with pytest.raises(TypeError, match="^models must be a dictionary with names as keys, got"):
        check_named("models", value)


def test_letters_in_parts_are_put_together_and_that_is_said():
    parts = unicodedata.normalize("NFD", "옛날 é")
    said = "Here the letters of text, which came in parts (NFD), were put together (NFC)."
    assert len(parts) > len("옛날 é") and Widget.text.allowed(parts) == ("옛날 é", said)
    assert Widget.whole.allowed(parts) == (parts, "")
    for text in ("\u212b", "\u0958", "\u1112\u119e", "ㅎㅏㄴ"):  # one letter by another name, or none at all
        assert Widget.text.allowed(text) == (text, "")
    cut, both = Widget.text.allowed(unicodedata.normalize("NFD", "가" * MOST_TEXT))
    assert cut == "가" * (MOST_TEXT // 2) and both.endswith(f"of 10,000 characters. {said}")
