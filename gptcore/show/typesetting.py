"""Type for pictures: a text in pieces, set in lines with the widths of its letters."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle

from gptcore.show.charts import DPI, INK, drawable, fonts, styled
from gptcore.show.style import CHOSEN

TYPE, LINE = 12, 24  # the size of the letters in points, and from line to line in pixels
INDENT, SPACE = 24.0, 5.5  # pixels
DARKEST = 6.0  # nats: a surprise of so much, or more, has the darkest shade


@dataclass(frozen=True)
class Piece:
    """What one token adds to a text, or several that only make a character together."""

    text: str
    surprise: float | None  # of its tokens, in nats; None in the prompt, which was given
    count: int = 1  # tokens


Placed = tuple[float, float, Piece]  # where a piece begins on its line, its width, both in pixels, and what it says


def typeset(paragraphs: Iterable[Sequence[Piece]], width: float) -> list[list[Placed]]:
    """The lines of `paragraphs`, each at most `width` pixels wide; all but the first paragraph are indented."""
    measure = RendererAgg(1, 1, DPI).get_text_width_height_descent
    lines: list[list[Placed]] = []
    for number, pieces in enumerate(paragraphs):
        lines.append([])
        place = INDENT if number else 0.0
        for word in _words(pieces):
            texts = [drawable(piece.text.strip()) for piece in word]
            sizes = [measure(text, _font(), False)[0] if text else 0.0 for text in texts]
            space = SPACE if word[0].text[:1].isspace() and lines[-1] else 0.0
            if lines[-1] and place + space + sum(sizes) > width:
                lines.append([])
                place = space = 0.0
            place += space
            for piece, size in zip(word, sizes, strict=True):
                lines[-1].append((place, size, piece))
                place += size
    return lines


def _words(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces of each word, that with the space before the word first."""
    word: list[Piece] = []
    for text, piece in ((piece.text, piece) for piece in pieces):
        for part in re.findall(r"\s*\S+|\s+$", text):
            if part[0].isspace() and word:
                yield word
                word = []
            word.append(Piece(part, piece.surprise, piece.count))
    if word:
        yield word


def _font() -> FontProperties:
    return FontProperties(family=["DejaVu Serif", *fonts()[1:]], size=TYPE)


@styled
def plot_type(ax: Axes, lines: Sequence[Any], width: float, shaded: bool = False) -> None:
    """Lines of type on `ax`, `width` pixels wide; if `shaded`, each piece as dark as it was surprising."""
    for row, line in enumerate(lines):
        for left, size, piece in line:
            if shaded and piece.surprise is not None:
                shade = {"facecolor": CHOSEN, "alpha": 0.6 * min(1, piece.surprise / DARKEST), "linewidth": 0}
                ax.add_patch(Rectangle((left, row - 0.42), size, 0.84, **shade))
            ax.text(left, row, drawable(piece.text.strip()), va="center_baseline", fontproperties=_font(), color=INK)
    ax.set(xlim=(0, width), ylim=(len(lines) - 0.4, -0.6))
    ax.set_axis_off()
