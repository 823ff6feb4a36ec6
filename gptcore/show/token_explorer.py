"""`TokenExplorer`: type, and see the tokens that a model would read, for one tokenizer or for several."""

import math
from collections.abc import Collection, Mapping
from functools import lru_cache
from itertools import takewhile
from typing import Any

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from gptcore.checks import given
from gptcore.show.charts import HEIGHT, INK, SMALL, WIDTH, chart, drawable, say, styled
from gptcore.show.live import LiveView
from gptcore.show.parts import WIDE, framed, html
from gptcore.show.settings import TextSetting
from gptcore.show.style import HUES, caption_html, columns, escape, short_label
from gptcore.show.tokens import Piece, Token, Tokens, Vocabulary, tokenize
from gptcore.tokenizer import check_tokenizer, visible

MOST_TYPED = 20_000  # characters: more would not be read between two keys
MOST_CHIPS = 300  # of a longer text only the last ones are drawn: there one types
BLOCK = 25  # chips that are sent to the browser together: a key changes few blocks, and the rest stays as it is
STEP = 100  # so many are left out at once, since then all blocks change; a multiple of BLOCK
MOST_DRAWN = 120  # the same for a chart, if its lines have room for them
MOST_SAID = 40  # and for what is said of it in words
LINE, GAP = 92, 0.6  # letters on a line of a chart, and between two chips
CHIP = 0.62  # inches: the chips of a chart are six tenths of it high


class Chips:
    """The chips of one tokenizer under its name, in a box that scrolls.

    They are sent in blocks. If all were one piece of HTML, the browser would lay out and paint all of them at each key.
    """

    def __init__(self, name: str):
        self.name = name
        self._heading, self._more = ipywidgets.HTML(), ipywidgets.HTML()
        self.blocks = [ipywidgets.HTML() for _ in range(MOST_CHIPS // BLOCK)]
        chips = ipywidgets.Box(self.blocks).add_class("gptcore-chips")
        name = escape(f"Tokens of {name}; the arrow keys scroll them")
        end = ipywidgets.HTML(f'<div class="gptcore-tokens-end" tabindex="0" role="group" aria-label="{name}"></div>')
        box = ipywidgets.Box([ipywidgets.Box([self._more, chips, end])]).add_class("gptcore-tokens-box")
        self.view = ipywidgets.Box([self._heading, box]).add_class("gptcore-tokens")

    def show(self, tokens: Tokens) -> None:
        """Show `tokens`; a block that stays as it was is not sent again."""
        blocks, hidden = last_blocks(tokens)
        heading = escape(f"{self.name}: {tokens.heading}")
        self._heading.value = f'<div class="gptcore gptcore-tokens-name">{heading}</div>'
        more = f'<div class="gptcore gptcore-tokens-more">{hidden:,} more before these …</div>'
        self._more.value = more if hidden else ""
        for part, pieces in zip(self.blocks, blocks, strict=True):
            part.value = block_html(self.name, pieces)


def last_blocks(tokens: Tokens) -> tuple[list[tuple[Piece, ...]], int]:
    """The last pieces, as many as are drawn, in blocks; and how many tokens are left out before them."""
    count = len(tokens.tokens)
    first = max(0, math.ceil((count - MOST_CHIPS) / STEP)) * STEP
    pieces = tokens.pieces(first)
    blocks: list[list[Piece]] = [[] for _ in range(MOST_CHIPS // BLOCK)]
    for piece in pieces:
        blocks[(piece.start - first) // BLOCK].append(piece)
    return [tuple(block) for block in blocks], pieces[0].start if pieces else count


@lru_cache(200)  # most blocks stay as they are while one types
def block_html(name: str, pieces: tuple[Piece, ...]) -> str:
    """Neighbouring chips as a list; tokens that only are text together stand under a bracket."""
    if not pieces:
        return ""
    title = escape(f"tokens of {name}, {pieces[0].start + 1:,} to {pieces[-1].stop:,}")
    chips = "".join(map(_piece_html, pieces))
    return f'<div class="gptcore gptcore-block" role="list" aria-label="{title}">{chips}</div>'


def _piece_html(piece: Piece) -> str:
    chips = "".join([_chip_html(token, i % len(HUES)) for i, token in enumerate(piece.tokens, piece.start)])
    if len(piece.tokens) == 1:
        return chips
    text = escape(visible(piece.text))
    return (
        f'<span class="gptcore-joined" role="listitem" aria-label="{text}, made of {len(piece.tokens)} tokens">'
        f'<b>{text}</b><span role="list">{chips}</span></span>'
    )


def _chip_html(token: Token, hue: int) -> str:
    name, part = escape(f"{token.label}, id {token.token_id}"), "" if token.is_text else " gptcore-part"
    return (
        f'<span class="gptcore-chip gptcore-hue{hue}{part}" role="listitem" aria-label="{name}" '
        f'title="bytes {token.data.hex(" ")}"><span>{escape(token.label)}</span><small>{token.token_id}</small></span>'
    )


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
        ax.text(0, bottom, f"… and {hidden:,} more", va="top", fontsize=10)
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
        raise ValueError(f"tokenizers must be one, or a dictionary {{name: tokenizer}}, got {given(tokenizers)}")
    for tokenizer in found.values():
        check_tokenizer(tokenizer)
    return found


class TokenExplorer(LiveView):
    """A text field, and under it the tokens of what is typed, as coloured chips with their ids.

    >>> explorer = TokenExplorer({"bilingual": tokenizer}, text="옛날 옛적에")
    >>> explorer.token_ids["bilingual"]
    [459, 463]
    >>> explorer.text = "the the"
    >>> explorer.labels["bilingual"]
    ['t', 'he', '␣the']

    With a single tokenizer in place of the dictionary, its name is "tokenizer". Tokens that are only part of a
    character stand under a bracket that shows the character. If a tokenizer does not give the text back, the caption
    says what it makes of it.

    Raises TypeError or ValueError if an argument is not as described here.
    """

    text = TextSetting(most=MOST_TYPED)

    def __init__(self, tokenizers: Any, text: str = "Once upon a time"):
        tokenizers = _named(tokenizers)
        self._vocabularies = {name: Vocabulary(tokenizer) for name, tokenizer in tokenizers.items()}
        field = ipywidgets.Textarea(description="Text", rows=2, continuous_update=True, layout=WIDE)
        self.controls = {"text": field}
        self._message, self._chips = html(), {name: Chips(name) for name in tokenizers}
        self.view = framed(field, self._message, *(chips.view for chips in self._chips.values()))
        self._watch()
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

    def _show(self) -> None:
        self._message.value = caption_html(self.caption)
        for name, tokens in self.tokens.items():
            self._chips[name].show(tokens)
