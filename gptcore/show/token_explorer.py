"""`TokenExplorer`: type, and see the tokens that a model would read, for one tokenizer or for several."""

from collections.abc import Collection, Mapping
from itertools import takewhile
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from gptcore.checks import given
from gptcore.language import _
from gptcore.show.charts import HEIGHT, INK, SMALL, WIDTH, chart, drawable, say, styled
from gptcore.show.front import Control
from gptcore.show.identity import tokenizer_given
from gptcore.show.live import LiveView
from gptcore.show.settings import OPENING, TextSetting
from gptcore.show.style import HUES, columns, short_label
from gptcore.show.tokens import Piece, Token, Tokens, Vocabulary, tokenize
from gptcore.tokenizer import check_tokenizer, visible

MOST_TYPED = 20_000  # characters: more would not be read between two keys
MOST_CHIPS = 300  # of a longer text only the last ones are drawn: there one types
MOST_DRAWN = 120  # the same for a chart, if its lines have room for them
MOST_SAID = 40  # and for what is said of it in words
LINE, GAP = 92, 0.6  # letters on a line of a chart, and between two chips
CHIP = 0.62  # inches: the chips of a chart are six tenths of it high


def shown_tokens(name: str, tokens: Tokens) -> dict[str, Any]:
    """What the page shows of one tokenizer: of a long text the last tokens, since there one types."""
    count = len(tokens.tokens)
    pieces = tokens.pieces(max(0, count - MOST_CHIPS))
    return {
        "name": name,
        "heading": tokens.heading,
        "hidden": pieces[0].start if pieces else count,
        "pieces": [
            {
                "start": piece.start,
                "text": None if piece.text is None else visible(piece.text),
                "tokens": [[token.token_id, token.label, token.data.hex(" "), token.is_text] for token in piece.tokens],
            }
            for piece in pieces
        ],
    }


@styled
def plot_tokens(ax: Axes, tokens: Tokens, most: int = 12) -> None:
    """The first chips on `ax`, from left to right and in at most so many lines."""
    lines, pitch = chip_lines(tokens, most), line_pitch(tokens)
    for line, pieces in enumerate(lines):
        x = 0.0
        for piece in pieces:
            x = _plot_piece(ax, x, line * pitch, piece)
    bottom = (len(lines) - 1) * pitch + 0.35
    hidden = len(tokens.tokens) - (lines[-1][-1].stop if lines else 0)
    if hidden:
        ax.text(0, bottom, _("… and {n} more").format(n=f"{hidden:,}"), va="top", fontsize=10)
    ax.set(xlim=(-0.2, LINE), ylim=(bottom, 0.5 - pitch))
    said = [f"{token.label} {token.token_id}" for token in tokens.tokens[:MOST_SAID]]
    say(ax, ", ".join(said) + (" …" if len(tokens.tokens) > MOST_SAID else ""))
    ax.set_axis_off()


def line_pitch(tokens: Tokens) -> float:
    """From line to line, in units of `CHIP`: there is room for brackets where there are any."""
    return 1.3 if any(piece.text is not None for piece in tokens.pieces()[:MOST_DRAWN]) else 0.85


def chip_lines(tokens: Tokens, most: int) -> list[list[Piece]]:
    """The first pieces, as many as a chart has room for, broken into at most so many lines."""
    lines: list[list[Piece]] = []
    room = 0.0
    for piece in takewhile(lambda piece: piece.stop <= MOST_DRAWN, tokens.pieces()):
        width = sum(_width(token) + GAP for token in piece.tokens)
        if not lines or width > room:
            if len(lines) == most:
                break
            lines.append([])
            room = LINE
        lines[-1].append(piece)
        room -= width
    return lines


def _plot_piece(ax: Axes, left: float, y: float, piece: Piece) -> float:
    """Draw a piece from `left` on, and return where the next one begins."""
    x = left
    for i, token in enumerate(piece.tokens, piece.start):
        _plot_chip(ax, x, y, token, HUES[i % len(HUES)])
        x += _width(token) + GAP
    if piece.text is not None:
        right = x - GAP
        ax.plot([left, left, right, right], [y - 0.36, y - 0.43, y - 0.43, y - 0.36], color=INK, lw=1)
        _write(ax, (left + right) / 2, y - 0.46, visible(piece.text), va="bottom")
    return x


def _plot_chip(ax: Axes, x: float, y: float, token: Token, hue: str) -> None:
    width, box = _width(token), "round,pad=0,rounding_size=0.1"
    ax.add_patch(FancyBboxPatch((x, y - 0.3), width, 0.6, box, fc=hue + "38", ec=hue, lw=1.2))
    _write(ax, x + width / 2, y - 0.08, short_label(token.label, token.token_id), va="center", fontsize=10.5)
    _write(ax, x + width / 2, y + 0.17, str(token.token_id), va="center", fontsize=SMALL, color="#555555")


def _write(ax: Axes, x: float, y: float, text: str, **style: Any) -> None:
    ax.text(x, y, drawable(text), ha="center", **style)


def _width(token: Token) -> float:
    """In letters, generously: a Hangul syllable is two letters wide."""
    label, digits = short_label(token.label, token.token_id), len(str(token.token_id))
    return max(1.1 * columns(label), 0.8 * digits) + 1.4


def _named(tokenizers: Any) -> dict[str, Any]:
    """One tokenizer, or several by their names, as a dictionary."""
    found = dict(tokenizers) if isinstance(tokenizers, Mapping) else {"tokenizer": tokenizers}
    if not found or not all(isinstance(name, str) and name for name in found):
        raise ValueError(
            _("tokenizers must be one, or a dictionary {{name: tokenizer}}, got {value}").format(
                value=given(tokenizers)
            )
        )
    for tokenizer in found.values():
        check_tokenizer(tokenizer)
    return found


class TokenExplorer(LiveView):
    """A text field, and under it the tokens of what is typed, as coloured chips with their ids.

    >>> explorer = TokenExplorer({"bilingual": tokenizer}, text="옛날 옛적에")
    >>> explorer.token_ids["bilingual"]
    [463, 467]
    >>> explorer.text = "the the"
    >>> explorer.labels["bilingual"]
    ['t', 'he', '␣the']

    With a single tokenizer in place of the dictionary, its name is "tokenizer". Tokens that are only part of a
    character stand under a bracket that shows the character. If a tokenizer does not give the text back, the caption
    says what it makes of it; and if the text has letters in parts (NFD), such as jamo, the caption says that, too.

    Raises TypeError or ValueError if an argument is not as described here.
    """

    text = TextSetting(most=MOST_TYPED, as_is=True)
    front = "token_explorer"

    def __init__(self, tokenizers: Any, text: str = OPENING):
        tokenizers = _named(tokenizers)
        self._vocabularies = {name: Vocabulary(tokenizer) for name, tokenizer in tokenizers.items()}
        self._open(text=Control(""))
        self._update({"text"})
        self.text = text

    @property
    def tokens(self) -> dict[str, Tokens]:
        """The tokens of the text, for each tokenizer by its name."""
        return self.record.tokens

    @property
    def token_ids(self) -> dict[str, list[int]]:
        """Their ids."""
        return {name: tokens.token_ids for name, tokens in self.tokens.items()}

    @property
    def labels(self) -> dict[str, list[str]]:
        """How they are written on their chips."""
        return {name: tokens.labels for name, tokens in self.tokens.items()}

    def picture(self) -> Figure:
        pitches = [line_pitch(tokens) for tokens in self.tokens.values()]
        most = [max(1, int((HEIGHT / CHIP / len(pitches) - 0.9) / pitch)) for pitch in pitches]
        lines = [len(chip_lines(tokens, count)) for tokens, count in zip(self.tokens.values(), most, strict=True)]
        heights = [0.3 + pitch * max(1, count) for pitch, count in zip(pitches, lines, strict=True)]
        titles = [f"{self.record.prefix(name)}{tokens.heading}" for name, tokens in self.tokens.items()]
        layout = {"titles": titles, "height_ratios": heights, "squeeze": False}
        figure, axes = chart(WIDTH, CHIP * (sum(heights) + 0.5 * len(heights)), rows=len(heights), **layout)
        for ax, tokens, count in zip(axes.flat, self.tokens.values(), most, strict=True):
            plot_tokens(ax, tokens, count)
        return figure

    def _update(self, names: Collection[str]) -> None:
        self.record, self.problem = tokenize(self.text, self._vocabularies), None
        self._show()

    def _shown(self) -> dict[str, Any]:
        return {"boxes": [shown_tokens(name, tokens) for name, tokens in self.tokens.items()]}

    def _given(self) -> dict[str, Any]:
        """The names of its tokenizers in their order, and how a page comes by each of them."""
        known = [[name, tokenizer_given(words.tokenizer)] for name, words in self._vocabularies.items()]
        unknown = {"tokenizer": None} if any(which is None for _, which in known) else {}
        return super()._given() | unknown | {"given": {"tokenizers": known}}

    def _band(self) -> dict[str, Any]:
        return {"characters": len(self.text), "tokens": len(next(iter(self.tokens.values())).tokens)}
