import re

import pytest

from gptcore.show.style import CHOSEN, CSS, HUES, KEPT, OTHERS, counted, ending, others_label, percent, shortened


@pytest.mark.parametrize(("text", "shown"), [("a fox", "a fox"), ("a fox here", "…here"), ("호랑이", "…랑이")])
def test_of_a_long_text_a_title_shows_the_end(text, shown):
    assert ending(text, 5) == shown


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0, "0.0%"), (1e-9, "<0.1%"), (0.716, "71.6%"), (0.9999, ">99.9%"), (1, "100.0%"), (0.001, "0.1%")],
)
def test_percent_is_honest_at_the_ends(probability, text):
    assert percent(probability) == text


def test_charts_have_the_colours_of_the_page():
    assert [re.fullmatch(r"#[0-9A-F]{6}", colour) is not None for colour in (KEPT, CHOSEN, OTHERS, *HUES)] == 7 * [True]
    assert all(f"--{name}: {colour};" in CSS for name, colour in (("kept", KEPT), ("chosen", CHOSEN)))


def test_words_for_counts():
    assert [counted(count, "token") for count in (0, 1, 2, 1000)] == ["0 tokens", "1 token", "2 tokens", "1,000 tokens"]
    assert [others_label(count) for count in (0, 1, 50_000)] == ["no others", "1 other", "50,000 others"]
    assert [shortened("abcd", length) for length in (4, 3)] == ["abcd", "ab…"]
