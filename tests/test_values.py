import pytest
import torch

from gptcore.checks import check_integer
from gptcore.values import LONGEST, given


class _Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    "value",
    ["a" * 10**6, [["a" * 1000] * 1000] * 10, dict.fromkeys(range(999), "b" * 99), 10**5000, b"c" * 999]
    + [torch.zeros(9, 9, 9), _Unspeakable(), "two\nlines", "\x1b[31m\u202e"],
    ids=lambda value: type(value).__name__,
)
def test_any_value_is_shown_on_one_short_line(value):
    shown = given(value)
    assert 0 < len(shown) <= 2 * LONGEST and shown.isprintable()
    with pytest.raises(TypeError, match="count must be an integer"):
        check_integer("count", [value])


def test_short_values_are_shown_as_python_writes_them():
    for value in (None, True, -0.5, "it's", ["a", 1], {"a": 1}, (1,), 10**30, torch.float32):
        assert given(value) == repr(value)
