"""`TokenExplorer`: type, and see the tokens that a model would read, for one tokenizer or for several."""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from os.path import commonprefix
from typing import Any, NamedTuple

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from gptcore.show.charts import drawable, styled
from gptcore.show.live import LiveView
from gptcore.show.style import HUES, caption_html, columns, short_label, stylesheet
from gptcore.tokenizer import is_known, token_bytes, token_label, visible

MOST_CHIPS = 300  # of a longer text only the last ones are drawn: there one types
BLOCK = 25  # chips that are sent to the browser together: a key changes few blocks, and the rest stays as it is
STEP = 100  # so many are left out at once, since then all blocks change; a multiple of BLOCK
MOST_DRAWN = 120  # the same for a chart
LINE, PITCH, GAP = 84, 1.3, 0.6  # letters on a line of a chart; between lines, in heights; between chips, in letters


class Known(NamedTuple):
    """What there is to know about one token, whatever the text."""

    label: str
    data: bytes
    is_text: bool  # whether its bytes are text on their own
    chips: list[str]  # its chip as HTML, in each hue


class KnownTokens(dict[int, Known]):
    """`Known` for each token of a tokenizer, made when it is asked for the first time."""

    def __init__(self, tokenizer: Any):
        super().__init__()
        self.tokenizer = tokenizer

    def __missing__(self, token_id: int) -> Known:
        label = token_label(self.tokenizer, token_id)
        known = is_known(self.tokenizer, token_id)
        data = token_bytes(self.tokenizer, token_id) if known else label.encode()
        is_text = _read(data)[0] is not None
        name = escape(f"{label}, id {token_id}")
        chips = [
            f'<span class="gptcore-chip gptcore-hue{hue}{"" if is_text else " gptcore-part"}" role="listitem" '
            f'aria-label="{name}" title="bytes {data.hex(" ")}"><span>{escape(label)}</span><small>{token_id}</small>'
            "</span>"
            for hue in range(len(HUES))
        ]
        self[token_id] = Known(label, data, is_text, chips)
        return self[token_id]


class Piece(NamedTuple):
    """A token that is text on its own, or neighbours that only are together, such as the three bytes of a syllable."""

    start: int  # the tokens are token_ids[start:stop]
    stop: int
    text: str | None  # what neighbours make together; None for a single token


@dataclass(frozen=True)
class Tokens:
    """What one tokenizer makes of a text."""

    token_ids: list[int]
    labels: list[str]  # as `token_label` writes them
    pieces: list[Piece]  # from the first token to the last
    parts_count: int  # how many tokens are no text on their own
    problem: str | None = None  # why the tokenizer cannot read the text, in a sentence

    @classmethod
    def of(cls, token_ids: list[int], known: KnownTokens, before: "Tokens | None" = None) -> "Tokens":
        """Find out which of `token_ids` are text, and which only become text together.

        `before` are the tokens of an earlier text: where the new one begins like it, nothing is found out again.
        """
        found = [known[token_id] for token_id in token_ids]
        pieces: list[Piece] = [] if before is None else before._settled(token_ids, known)
        start, pending = pieces[-1].stop if pieces else 0, b""  # since `start` tokens are the beginning of a character
        for i in range(start, len(found)):
            _, data, is_text, _ = found[i]
            if pending:
                text, unfinished = _read(pending + data)
                if text is None and not unfinished:  # the beginning never came to an end
                    pieces += [Piece(at, at + 1, None) for at in range(start, i)]
                    start, pending = i, b""
            if not pending:
                text, unfinished = (None, False) if is_text else _read(data)
            pending = pending + data if unfinished else b""
            if not unfinished:
                pieces.append(Piece(start, i + 1, text))
                start = i + 1
        pieces += [Piece(at, at + 1, None) for at in range(start, len(found))]
        labels = [token.label for token in found]
        return cls(list(token_ids), labels, pieces, [token.is_text for token in found].count(False))

    def _settled(self, token_ids: list[int], known: KnownTokens) -> list[Piece]:
        """The first pieces that are the same for `token_ids`, whatever comes after them."""
        same = len(commonprefix([self.token_ids, token_ids]))
        count = bisect_right(self.pieces, same, key=lambda piece: piece.stop)
        pieces = self.pieces[:count]
        while pieces and pieces[-1].text is None and not known[token_ids[pieces[-1].start]].is_text:
            pieces.pop()  # before another token it might have become text
        return pieces

    @property
    def size(self) -> str:
        """The number of tokens, or why there are none."""
        return f"this cannot be read: {self.problem}" if self.problem else _count(len(self.token_ids), "token")

    def describe(self) -> str:
        """The same, and how many of the tokens are no text on their own."""
        tokens = self.size
        if not self.parts_count:
            return tokens
        if self.parts_count == len(self.token_ids):
            return f"{tokens}, {'each' if self.parts_count > 1 else 'and it is'} only part of a character"
        return f"{tokens}, {self.parts_count:,} of them only part of a character"


class TokenExplorer(LiveView):
    """A text field, and under it the tokens of what is typed, as coloured chips with their ids.

    >>> explorer = TokenExplorer({"bilingual": tokenizer, "English only": other}, text="옛날 옛적에")
    >>> explorer.token_ids["bilingual"]
    [459, 463]
    >>> explorer.text = "the the"
    >>> explorer.labels["bilingual"]
    ['t', 'he', '␣the']

    With a single tokenizer in place of the dictionary, its name is "tokenizer". Tokens that are only part of a
    character stand under a bracket that shows the character.
    """

    def __init__(self, tokenizers: Any, text: str = "Once upon a time"):
        self.tokenizers: dict[str, Any] = (
            dict(tokenizers) if isinstance(tokenizers, Mapping) else {"tokenizer": tokenizers}
        )
        self._known = {name: KnownTokens(tokenizer) for name, tokenizer in self.tokenizers.items()}
        self.tokens: dict[str, Tokens] = {}  # of the text, for each tokenizer by its name
        self._make_controls(text)
        self._show()

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        return self._text.value

    @text.setter
    def text(self, text: str) -> None:
        self._text.value = text  # as if it had been typed

    @property
    def token_ids(self) -> dict[str, list[int]]:
        """The tokens of the text, for each tokenizer by its name."""
        return {name: tokens.token_ids for name, tokens in self.tokens.items()}

    @property
    def labels(self) -> dict[str, list[str]]:
        """How they are written on their chips."""
        return {name: tokens.labels for name, tokens in self.tokens.items()}

    @property
    def reading(self) -> str:
        """What is to be seen, in words."""
        if not self.text:
            return "No text, no tokens. Type something."
        found = "; ".join(f"{self._in_words(name)}{tokens.size}" for name, tokens in self.tokens.items())
        end = " The text ends in a space, which is an unusual place to go on from." if self.text.endswith(" ") else ""
        size = f"{_count(len(self.text), 'character')} in {_count(len(_storable(self.text).encode()), 'byte')}"
        return f"{size}. {found[:1].upper()}{found[1:]}.{end}"

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        made = " and ".join(
            f"{tokens.size}{f' ({name})' if len(self.tokens) > 1 else ''}: {_listed(tokens)}"
            for name, tokens in self.tokens.items()
        )
        return f"TokenExplorer: {self.text!r} becomes {made}"

    @styled
    def picture(self) -> Figure:
        lines = [_lines(tokens) for tokens in self.tokens.values()]
        heights = [0.7 + PITCH * max(1, len(rows)) for rows in lines]
        figure = Figure(figsize=(7.6, 0.55 * sum(heights)), layout="constrained")
        axes = figure.subplots(len(lines), height_ratios=heights, squeeze=False)[:, 0]
        for ax, (name, tokens), rows in zip(axes, self.tokens.items(), lines, strict=True):
            plot_tokens(ax, tokens, rows)
            ax.set_title(drawable(f"{self._in_words(name)}{tokens.describe()}"))
        return figure

    def _in_words(self, name: str) -> str:
        return f"{name}: " if len(self.tokenizers) > 1 else ""

    def _make_controls(self, text: str) -> None:
        wide = ipywidgets.Layout(width="auto")
        self._text = ipywidgets.Textarea(text, description="Text", rows=2, continuous_update=True, layout=wide)
        self._status = ipywidgets.HTML(layout=wide)
        self._chips = {name: Chips(name, known) for name, known in self._known.items()}
        self._text.observe(lambda change: self._show(), names="value")
        self.view = ipywidgets.VBox(
            [ipywidgets.HTML(stylesheet()), self._text, self._status, *(chips.view for chips in self._chips.values())],
            layout=ipywidgets.Layout(max_width="820px", width="100%"),
        )

    def _show(self) -> None:
        text = _storable(self.text)
        self.tokens = {name: self._read(text, name) for name in self.tokenizers}
        self._status.value = caption_html(self.reading)
        for name, tokens in self.tokens.items():
            self._chips[name].show(tokens)

    def _read(self, text: str, name: str) -> Tokens:
        try:
            token_ids = list(self.tokenizers[name].encode(text)) if text else []
        except ValueError as error:  # a tokenizer of characters knows those that it has read, and no others
            return Tokens([], [], [], 0, str(error))
        return Tokens.of(token_ids, self._known[name], self.tokens.get(name))


# Chips as HTML -----------------------------------------------------------------------------------------------------


class Chips:
    """The chips of one tokenizer under its name, in a box that scrolls.

    They are sent in blocks. If all were one piece of HTML, the browser would lay out and paint all of them at each key.
    """

    def __init__(self, name: str, known: KnownTokens):
        self.name, self.known = name, known
        self._heading, self._more = ipywidgets.HTML(), ipywidgets.HTML()
        self._blocks = [ipywidgets.HTML() for _ in range(MOST_CHIPS // BLOCK)]
        self._drawn: list[Any] = [None] * len(self._blocks)  # what each block shows
        chips = ipywidgets.Box(self._blocks).add_class("gptcore-chips")
        name = escape(f"Tokens of {name}; the arrow keys scroll them")
        end = ipywidgets.HTML(f'<div class="gptcore-tokens-end" tabindex="0" role="group" aria-label="{name}"></div>')
        self.box = ipywidgets.Box([ipywidgets.Box([self._more, chips, end])])
        self.box.add_class("gptcore-tokens-box")
        self.view = ipywidgets.Box([self._heading, self.box]).add_class("gptcore-tokens")

    @property
    def html(self) -> str:
        """All that is shown, in its order."""
        return "".join(part.value for part in (self._heading, self._more, *self._blocks))

    def show(self, tokens: Tokens) -> None:
        """Show `tokens`; what is as it was before is not sent again."""
        count = len(tokens.token_ids)
        first = max(0, math.ceil((count - MOST_CHIPS) / STEP)) * STEP  # pieces before this token are left out
        blocks: list[list[Piece]] = [[] for _ in self._blocks]
        for piece in tokens.pieces:
            if piece.start >= first:
                blocks[(piece.start - first) // BLOCK].append(piece)
        hidden = next((pieces[0].start for pieces in blocks if pieces), count)
        heading = escape(f"{self.name}: {tokens.describe()}")
        self._heading.value = f'<div class="gptcore gptcore-tokens-name">{heading}</div>'
        more = f'<div class="gptcore gptcore-tokens-more">{hidden:,} more before these …</div>'
        self._more.value = more if hidden else ""
        for i, pieces in enumerate(blocks):
            drawn = pieces, tokens.token_ids[pieces[0].start : pieces[-1].stop] if pieces else []
            if drawn != self._drawn[i]:
                self._drawn[i] = drawn
                self._blocks[i].value = block_html(self.name, tokens, pieces, self.known) if pieces else ""


def block_html(name: str, tokens: Tokens, pieces: list[Piece], known: KnownTokens) -> str:
    """Neighbouring chips as a list; tokens that only are text together stand under a bracket."""
    chips = []
    for start, stop, text in pieces:
        joined = [known[tokens.token_ids[i]].chips[i % len(HUES)] for i in range(start, stop)]
        chips += joined if stop == start + 1 else [_bracket_html(text or "", "".join(joined), stop - start)]
    title = escape(f"tokens of {name}, {pieces[0].start + 1:,} to {pieces[-1].stop:,}")
    return f'<div class="gptcore gptcore-block" role="list" aria-label="{title}">{"".join(chips)}</div>'


@lru_cache(5000)
def _bracket_html(text: str, chips: str, count: int) -> str:
    shown = escape(visible(text))
    return (
        f'<span class="gptcore-joined" role="listitem" aria-label="{shown}, made of {count} tokens">'
        f'<b>{shown}</b><span role="list">{chips}</span></span>'
    )


# Chips as a chart --------------------------------------------------------------------------------------------------


@styled
def plot_tokens(ax: Axes, tokens: Tokens, lines: list[list[Piece]] | None = None) -> None:
    """The chips on `ax`, from left to right and line by line."""
    lines = _lines(tokens) if lines is None else lines
    for line, pieces in enumerate(lines):
        x, y = 0.0, line * PITCH
        for piece in pieces:
            left = x
            for i in range(piece.start, piece.stop):
                x += _draw_chip(ax, x, y, tokens.labels[i], tokens.token_ids[i], i) + GAP
            if piece.stop > piece.start + 1:
                right = x - GAP
                ax.plot([left, left, right, right], [y - 0.36, y - 0.43, y - 0.43, y - 0.36], "k", lw=1)
                _write(ax, (left + right) / 2, y - 0.46, visible(piece.text or ""), va="bottom")
    bottom = (len(lines) - 1) * PITCH + 0.35
    hidden = len(tokens.token_ids) - (lines[-1][-1].stop if lines else 0)
    if hidden:
        ax.text(0, bottom, f"… and {hidden:,} more", va="top", fontsize=9)
    ax.set(xlim=(-0.2, LINE), ylim=(bottom, -0.8))
    ax.set_axis_off()


def _write(ax: Axes, x: float, y: float, text: str, **style: Any) -> None:
    ax.text(x, y, drawable(text), ha="center", **style)


def _draw_chip(ax: Axes, x: float, y: float, label: str, token_id: int, place: int) -> float:
    """Draw one chip and return its width."""
    width, hue = _width(label, token_id), HUES[place % len(HUES)]
    ax.add_patch(
        FancyBboxPatch((x, y - 0.3), width, 0.6, "round,pad=0,rounding_size=0.1", fc=hue + "38", ec=hue, lw=1.2)
    )
    _write(ax, x + width / 2, y - 0.08, short_label(label, token_id), va="center", fontsize=9.5)
    _write(ax, x + width / 2, y + 0.18, str(token_id), va="center", fontsize=7, color="#555555")
    return width


def _lines(tokens: Tokens) -> list[list[Piece]]:
    """The first pieces, as many as a chart has room for, broken into lines."""
    lines: list[list[Piece]] = []
    room = 0.0
    for piece in tokens.pieces:
        if piece.stop > MOST_DRAWN:
            break
        chips = range(piece.start, piece.stop)
        width = sum(_width(tokens.labels[i], tokens.token_ids[i]) + GAP for i in chips)
        if not lines or width > room:
            lines.append([])
            room = LINE
        lines[-1].append(piece)
        room -= width
    return lines


def _width(label: str, token_id: int) -> float:
    """In letters, generously: a Hangul syllable is two letters wide."""
    return max(1.1 * columns(short_label(label, token_id)), 0.8 * len(str(token_id))) + 1.4


# Bytes and words ---------------------------------------------------------------------------------------------------


@lru_cache(50_000)
def _read(data: bytes) -> tuple[str | None, bool]:
    """The text of `data`, or None, and whether `data` ends in the middle of a character: more may make it text."""
    try:
        return data.decode(), False
    except UnicodeDecodeError as error:
        return None, error.reason == "unexpected end of data"


def _storable(text: str) -> str:
    """`text` with a question mark for each half of a character that UTF-8 cannot hold."""
    return text.encode("utf-8", errors="replace").decode()


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _listed(tokens: Tokens, most: int = 20) -> str:
    chips = [f"{label} {i}" for label, i in zip(tokens.labels[:most], tokens.token_ids, strict=False)]
    return ", ".join(chips) + (", …" if len(tokens.labels) > most else "") if chips else "none"
