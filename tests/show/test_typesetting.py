import pytest
from matplotlib.figure import Figure

from gptcore.show.typesetting import DARKEST, INDENT, Piece, plot_type, typeset

PIECES = [
    Piece("Once upon a time,", None, 4),
    *(Piece(f" a f{'o' * (i % 7)}", i / 4) for i in range(30)),
    Piece("x", 9.0),
]


def said(lines):
    return "".join("".join(piece.text.split()) for line in lines for _, _, piece in line)


@pytest.mark.parametrize("width", [150, 400, 10_000])
def test_the_lines_hold_the_text_and_are_no_wider(width):
    lines = typeset([PIECES, PIECES], width)
    assert said(lines) == 2 * "".join("".join(piece.text.split()) for piece in PIECES)
    assert all(line[-1][0] + line[-1][1] <= width for line in lines)
    assert (len(lines) == 2) == (width == 10_000)
    assert lines[0][0][0] == 0 and sum(line[0][0] == INDENT for line in lines) == 1


def test_a_word_of_several_pieces_is_not_divided():
    lines = typeset([[Piece("a", 1.0), *(Piece(text, 1.0) for text in (" won", "der", "ful", " day"))]], 80)
    assert [[piece.text for _, _, piece in line] for line in lines] == [["a"], [" won", "der", "ful"], [" day"]]


def test_a_piece_without_letters_and_a_word_wider_than_a_line():
    assert typeset([[Piece(" ", 1.0), Piece("가", 2.0)]], 100)[0][0][1] == 0
    ((word,), (other,)) = typeset([[Piece("m" * 50, 1.0), Piece(" a", 1.0)]], 100)
    assert word[1] > 100 and other[2].text == " a"
    assert typeset([], 100) == []


def test_a_shade_is_as_dark_as_the_surprise():
    ax = Figure().subplots()
    lines = typeset([[Piece("a", None), Piece(" b", 0.0), Piece(" c", DARKEST / 2), Piece(" d", 2 * DARKEST)]], 500)
    plot_type(ax, lines, 500, shaded=True)
    assert [patch.get_alpha() for patch in ax.patches] == pytest.approx([0, 0.3, 0.6])
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c", "d"] and ax.get_xlim() == (0, 500)
