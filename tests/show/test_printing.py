import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptcore.show import print_text
from gptcore.show.style import columns

TALE = "Once upon a time, when the hills were new, a merry rabbit named Mira lived on a quiet farm.\nShe had a spoon."
TEXTS = st.lists(st.text("ab 가\n", max_size=9), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.integers(2, 12))
def test_no_line_is_too_wide_and_no_word_is_lost(capsys, pieces, width):
    capsys.readouterr()
    print_text(pieces, width)
    printed, text = capsys.readouterr().out, "".join(pieces)
    assert all(columns(line.rstrip()) <= width for line in printed.split("\n"))
    assert "".join(printed.split()) == "".join(text.split())
    if all(columns(word) <= width for word in text.split()):
        assert printed.split() == text.split()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_pieces_are_printed_as_the_whole_text_is(capsys, pieces):
    capsys.readouterr()
    print_text(pieces, 8)
    in_pieces = capsys.readouterr().out
    print_text("".join(pieces), 8)
    assert in_pieces == capsys.readouterr().out


def test_a_tale_is_wrapped_at_words_and_keeps_its_lines(capsys):
    print_text(TALE, 40)
    assert capsys.readouterr().out.splitlines() == [
        "Once upon a time, when the hills were",
        "new, a merry rabbit named Mira lived on",
        "a quiet farm.",
        "She had a spoon.",
    ]


def test_a_word_is_printed_as_soon_as_it_is_whole(capsys):
    def pieces():
        yield "Once up"
        assert capsys.readouterr().out == "Once"
        yield "on a"
        assert capsys.readouterr().out == " upon"

    print_text(pieces())
    assert capsys.readouterr().out == " a\n"


@pytest.mark.parametrize("text", ["", "x"])
def test_every_text_ends_its_line(capsys, text):
    print_text(text)
    assert capsys.readouterr().out == f"{text}\n"
