"""`LogitLens`: what the model would say after each of its layers, and how its final answer rises."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator
from torch import Tensor

from gptcore.model import GPTModel
from gptcore.recording import lens_logits
from gptcore.show.charts import HEIGHT, SMALL, WIDTH, chart, drawable, say, styled, write_beside
from gptcore.show.parts import framed, html
from gptcore.show.recorded import RecordedText, RecordedTextView, record_text
from gptcore.show.settings import Shown
from gptcore.show.style import CHOSEN, EMPTY_ROW, KEPT, caption_html, columns, escape, percent
from gptcore.tokenizer import token_label

WINDOW = 9  # how many positions the table shows at once


class Cell(NamedTuple):
    """The likeliest token at a position after some of the layers."""

    label: str
    prob: float
    is_answer: bool  # whether it is already the model's final answer


@dataclass(frozen=True, eq=False)
class Lens(RecordedText):
    """What the head reads from the stream at T positions: row 0 after the embedding, the last row the model's output.

    The answer is the likeliest token of the last row.
    """

    table: list[list[Cell]]  # table[row][position]
    answers: list[str]  # answers[position]
    probs: list[list[float]]  # probs[row][position] of the answer
    ranks: list[list[int]]  # ranks[row][position] of the answer: 1 is the likeliest, equal ones by id
    vocab_size: int


def read_lens(model: GPTModel, tokenizer: Any, text: str) -> Lens:
    """Record `text`, and read every row, one after the other: the logits of all of them may not fit into memory."""
    text = record_text(model, tokenizer, text)
    answer_ids = text.recording.logits.argmax(-1)  # (T,)
    tops, probs, ranks = [], [], []
    for residuals in text.recording.residuals:
        logits = lens_logits(model, residuals)  # (T, vocab_size)
        every, top_ids = logits.softmax(-1), logits.argmax(-1)
        tops.append((top_ids.tolist(), _chosen(every, top_ids), (top_ids == answer_ids).tolist()))
        probs.append(_chosen(every, answer_ids))
        ranks.append(ranks_of(logits, answer_ids).tolist())
    answer_ids = answer_ids.tolist()
    labels = {i: token_label(tokenizer, i) for i in set(answer_ids).union(*(ids for ids, *_ in tops))}
    table = [[Cell(labels[i], *cell) for i, *cell in zip(*top, strict=True)] for top in tops]
    answers = [labels[i] for i in answer_ids]
    return Lens(**vars(text), table=table, answers=answers, probs=probs, ranks=ranks, vocab_size=every.shape[-1])


def _chosen(values: Tensor, token_ids: Tensor) -> list[float]:
    """The value of each of `token_ids`, (T,), in its row of (T, vocab_size)."""
    return values.gather(-1, token_ids[:, None])[:, 0].tolist()


def ranks_of(logits: Tensor, token_ids: Tensor) -> Tensor:
    """The rank of each of `token_ids`, (T,), in its row of `logits`, (T, vocab_size); equal logits rank by id."""
    own = logits.gather(-1, token_ids[:, None])
    ids = torch.arange(logits.shape[-1], device=logits.device)
    ahead = (logits > own) | ((logits == own) & (ids < token_ids[:, None]))
    return ahead.sum(-1) + 1


@dataclass(frozen=True, eq=False)
class Rise:
    """How the model's answer after the token at `position` rises from row to row, and the table around it."""

    lens: Lens
    position: int
    answer: str
    ranks: list[int]  # one for each row
    probs: list[float]

    @property
    def leads_from(self) -> int:
        """The first row from which on the answer is always the likeliest token."""
        ranks = self.ranks
        return next(row for row in range(len(ranks)) if set(ranks[row:]) == {1})

    @property
    def window(self) -> range:
        """The positions that the table shows: up to nine, with `position` in the middle where that is possible."""
        tokens = len(self.lens.labels)
        count = min(WINDOW, tokens)
        start = min(max(0, self.position - WINDOW // 2), tokens - count)
        return range(start, start + count)

    @property
    def caption(self) -> str:
        return (
            f"After {self.lens.quoted(self.position)} the model answers “{self.answer}”, chance "
            f"{percent(self.probs[-1])}. After the embedding it had rank {self.ranks[0]:,} of "
            f"{self.lens.vocab_size:,}; it leads for good after {row_name(self.leads_from)}.{self.lens.warning}"
        )

    def describe(self) -> str:
        ranks = " → ".join(f"{rank:,}" for rank in self.ranks)
        return f"after {self.lens.name(self.position)} the answer {self.answer} rises: rank {ranks}"


def rise_at(lens: Lens, position: int) -> Rise:
    """What the lens shows at `position`."""
    ranks, probs = ([row[position] for row in rows] for rows in (lens.ranks, lens.probs))
    return Rise(lens, position, lens.answers[position], ranks, probs)


def row_name(row: int) -> str:
    """What comes before a row of the lens: layers are counted from 0, so row 1 comes after layer 0."""
    return f"layer {row - 1}" if row else "the embedding"


def height(rank: int, size: int) -> float:
    """How far up a rank is among `size`, from 0 (the last) to 1 (the first), on a logarithmic axis."""
    return 1.0 if size == 1 else 1 - math.log(rank) / math.log(size)


def table_html(rise: Rise | None, rows: int) -> str:
    """A line for each position of the window, from top to bottom as one reads; a column for each of `rows`."""
    names = "".join(f'<th scope="col">{_short_name(row)}</th>' for row in range(rows))
    lines = [] if rise is None else [_line_html(rise, position) for position in rise.window]
    lines += [f'<tr class="gptcore-lens-empty"><td colspan="{rows + 1}"></td></tr>'] * (WINDOW - len(lines))
    return (
        f'<div class="gptcore"><table class="gptcore-lens" style="min-width:{84 * (rows + 1)}px"><caption>'
        "The likeliest next token after each layer; framed: already the final answer</caption><thead><tr>"
        f'<th scope="col">token</th>{names}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def _line_html(rise: Rise, position: int) -> str:
    here = ' class="gptcore-lens-here" aria-current="true"' if position == rise.position else ""
    label = escape(rise.lens.labels[position])
    cells = "".join(_cell_html(row[position]) for row in rise.lens.table)
    return (
        f'<tr{here}><th scope="row" title="{label}, position {position}"><span>{label}</span>'
        f"<small>position {position}</small></th>{cells}</tr>"
    )


def _cell_html(cell: Cell) -> str:
    label, prob = escape(cell.label), escape(percent(cell.prob))
    kind, says = (" gptcore-lens-final", ", the final answer") if cell.is_answer else ("", "")
    return (
        f'<td class="gptcore-lens-cell{kind}" style="--prob:{cell.prob:.3f}" title="{label}, chance {prob}{says}">'
        f"<span>{label}</span><small>{prob}</small></td>"
    )


def rise_html(rise: Rise | None, rows: int) -> str:
    """The rank of the answer, row by row, on a logarithmic axis: a full bar is rank 1."""
    lines, answer = [EMPTY_ROW] * rows, ""
    if rise is not None:
        answer = f"of {escape(rise.answer)} "
        lines = [_rank_html(rise, row) for row in range(rows)]
    return (
        f'<div class="gptcore"><div class="gptcore-key">Rank and chance {answer}after each layer; a full bar '
        'is rank 1</div><div role="list" aria-label="The rank of the final answer '
        f'after each layer">{"".join(lines)}</div></div>'
    )


def _rank_html(rise: Rise, row: int) -> str:
    rank = rise.ranks[row]
    return (
        '<div class="gptcore-row gptcore-lens-row" role="listitem"><span class="gptcore-label">after '
        f'{row_name(row)}</span><div class="gptcore-track"><div class="gptcore-bar" '
        f'style="width:{height(rank, rise.lens.vocab_size):.2%}"></div></div><span class="gptcore-number">'
        f'rank {rank:,}</span><span class="gptcore-number">{escape(percent(rise.probs[row]))}</span></div>'
    )


def _short_name(row: int) -> str:
    return row_name(row).removeprefix("the ")


@styled
def plot_table(ax: Axes, rise: Rise) -> None:
    """The table on `ax`: a column for each position of the window, a row for each layer, the last on top."""
    window, rows = rise.window, rise.lens.table
    probs = [[row[position].prob for position in window] for row in rows]
    colours = LinearSegmentedColormap.from_list("lens", ["white", "#A9D2EC"])  # pale, so that frames can be seen
    ax.imshow(probs, cmap=colours, vmin=0, vmax=1, aspect="auto", origin="lower")
    style = {"ha": "center", "va": "center", "fontsize": SMALL, "linespacing": 1.05}
    for y, row in enumerate(rows):
        for x, position in enumerate(window):
            cell = row[position]
            ax.text(x, y, f"{_cut(cell.label)}\n{percent(cell.prob)}", **style)
            if cell.is_answer:
                ax.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, ec=KEPT, lw=1.6))
    ax.set_xticks(range(len(window)), [_cut(rise.lens.labels[position]) for position in window])
    ax.get_xticklabels()[rise.position - window.start].set(color=CHOSEN, bbox={"fc": "none", "ec": CHOSEN, "pad": 2})
    ax.set_yticks(range(len(rows)), map(_short_name, range(len(rows))))
    ax.spines[:].set_visible(True)
    ax.set_title("the likeliest next token after each layer\n(framed: already the final answer)")


@styled
def plot_rise(ax: Axes, rise: Rise) -> None:
    """The rank of the answer after each layer on `ax`, the last layer on top."""
    rows = range(len(rise.ranks))
    ax.plot(rise.ranks, rows, color=KEPT, marker="o")
    for row, rank in enumerate(rise.ranks):
        write_beside(ax, f"{rank:,}", (rank, row), room=-8, ha="right", fontsize=SMALL)
    ax.set(xscale="log", xlim=(rise.lens.vocab_size * 30, 0.7), ylim=(-0.5, len(rows) - 0.5))
    ax.set_xticks([10.0**power for power in range(0, int(math.log10(rise.lens.vocab_size)) + 1, 3)])
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(rows, [""] * len(rows))
    ax.set(xlabel="rank", title=f"how {_cut(rise.answer)} rises\n(1: the likeliest)")
    say(ax, rise.describe())


def _cut(label: str) -> str:
    return drawable(label if columns(label) <= 7 else label[:4] + "…")


class LogitLens(RecordedTextView):
    """A text, and for each position the token that each layer would answer if it were the last.

    >>> lens = LogitLens(model, tokenizer, "Once upon a")
    >>> lens.position = 2
    >>> lens.table[-1][2].label  # the last row at position 2: the model's own answer
    '␣time'
    >>> lens.answer, lens.ranks  # the answer at `position`: how it rises, row by row
    ('␣time', [1216, 1, 1, 1, 1])

    Rows are counted like the residuals of `gptcore.record`: row 0 after the embedding, row n after n layers, the last
    row is the model's own answer. Positions are counted from 0; a new text puts `position` on its last token. A value
    that is not allowed changes nothing, and `problem` says why. Of a text longer than the context, the model reads the
    last `context_length` tokens. Only a new text calls the model.
    """

    answer, ranks, probs = Shown(), Shown(empty=[]), Shown(empty=[])
    _read_text = staticmethod(read_lens)

    def __init__(self, model: GPTModel, tokenizer: Any, text: str = "Once upon a time", position: int | None = None):
        super().__init__(model, tokenizer)
        self._table, self._message, self._rise = html(), html(), html()
        # The box that scrolls outlives what it shows, so that it stays where it is while the slider moves.
        box = ipywidgets.Box([self._table], layout={"overflow": "auto hidden", "display": "block"})
        slider = self.controls["position"]
        slider.layout = {"flex": "0 0 auto", "width": "auto", "min_width": "280px"}
        self.view = framed(self.controls["text"], slider, box, self._message, self._rise, width=1000)
        self._begin(text, position=position)

    @property
    def table(self) -> list[list[Cell]]:
        """The likeliest token after each layer at every position: table[row][position]."""
        return [] if self.recorded is None else self.recorded.table

    def picture(self) -> Figure:
        """The window of the table, a row for each layer, the last on top; beside it the rank of the answer."""
        rows = self.model.config.n_layers + 1
        height, layout = min(HEIGHT, 1.5 + 0.45 * rows), {"columns": 2, "width_ratios": [3.6, 1]}
        figure, (left, right) = chart(WIDTH, height, **layout)
        if self.record is None:
            left.set_axis_off()
            right.set_axis_off()
        else:
            plot_table(left, self.record)
            plot_rise(right, self.record)
        return figure

    def _record(self) -> Rise:
        return rise_at(self.recorded, self.position)

    def _show(self) -> None:
        rows = self.model.config.n_layers + 1
        self._table.value = table_html(self.record, rows)
        self._rise.value = rise_html(self.record, rows)
        self._message.value = caption_html(self.caption, 2, 3)
