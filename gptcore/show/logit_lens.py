"""`LogitLens`: what the model would say after each of its layers, and how its final answer rises."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator
from torch import Tensor

from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.recording import lens_logits
from gptcore.show.charts import HEIGHT, SMALL, WIDTH, chart, drawable, say, styled, write_beside
from gptcore.show.front import Control
from gptcore.show.recorded import Index, RecordedText, RecordedTextView, record_text
from gptcore.show.settings import OPENING, Shown
from gptcore.show.style import CHOSEN, KEPT, columns, others_label, percent
from gptcore.tokenizer import token_label

WINDOW = 9  # how many positions the table shows at once
CANDIDATES = 5  # tokens of a cell that is open


class Cell(NamedTuple):
    """The likeliest token at a position after some of the layers."""

    label: str
    prob: float
    is_answer: bool  # whether it is already the model's final answer


class Candidate(NamedTuple):
    """One of the likeliest tokens at a position after some of the layers."""

    token_id: int
    label: str
    logit: float
    prob: float


@dataclass(frozen=True, eq=False)
class Lens(RecordedText):
    """What the head reads from the stream at T positions: row 0 after the embedding, the last row the model's output.

    The answer is the likeliest token of the last row.
    """

    table: list[list[Cell]]  # table[row][position]
    answers: list[str]  # answers[position]
    probs: list[list[float]]  # probs[row][position] of the answer
    ranks: list[list[int]]  # ranks[row][position] of the answer: 1 is the likeliest, equal ones by id
    tops: list[tuple[Tensor, Tensor, Tensor]]  # of each row the ids, logits and probs of the likeliest: (T, up to 5)
    label: Callable[[int], str]  # of a token id
    vocab_size: int

    def candidates(self, row: int, position: int) -> list[Candidate]:
        """The likeliest tokens of a cell, the likeliest first."""
        numbers = (values[position].tolist() for values in self.tops[row])
        return [Candidate(token_id, self.label(token_id), *pair) for token_id, *pair in zip(*numbers, strict=True)]


def read_lens(model: GPTModel, tokenizer: Any, text: str) -> Lens:
    """Record `text`, and read every row, one after the other: the logits of all of them may not fit into memory."""
    text = record_text(model, tokenizer, text)
    label = cache(partial(token_label, tokenizer))
    answer_ids = text.recording.logits.argmax(-1)  # (T,)
    table, probs, ranks, tops = [], [], [], []
    for residuals in text.recording.residuals:
        logits = lens_logits(model, residuals)  # (T, vocab_size)
        every, ids = logits.softmax(-1), likeliest(logits)
        tops.append((ids, logits.gather(-1, ids), every.gather(-1, ids)))
        cells = zip(ids[:, 0].tolist(), tops[-1][2][:, 0].tolist(), (ids[:, 0] == answer_ids).tolist(), strict=True)
        table.append([Cell(label(token_id), *cell) for token_id, *cell in cells])
        probs.append(_chosen(every, answer_ids))
        ranks.append(ranks_of(logits, answer_ids).tolist())
    answers = [label(token_id) for token_id in answer_ids.tolist()]
    found = {"table": table, "answers": answers, "probs": probs, "ranks": ranks, "tops": tops}
    return Lens(**vars(text), **found, label=label, vocab_size=every.shape[-1])


def likeliest(logits: Tensor) -> Tensor:
    """The ids of the few likeliest tokens of each row of `logits`, (T, vocab_size); equal ones by id."""
    ids, first = logits.topk(min(CANDIDATES, logits.shape[-1])).indices, logits.argmax(-1, keepdim=True)
    ids[:, -1:] = torch.where((ids == first).any(-1, keepdim=True), ids[:, -1:], first)  # many may be equal
    ids = ids.sort(-1).values
    return ids.gather(-1, logits.gather(-1, ids).argsort(dim=-1, descending=True, stable=True))


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
    row: int  # whose cell at `position` is open

    @property
    def candidates(self) -> list[Candidate]:
        """The likeliest tokens of the open cell, the likeliest first."""
        return self.lens.candidates(self.row, self.position)

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
        return _(
            "After {token} the model answers “{answer}”, chance {chance}. After the embedding it had rank {rank} of "
            "{count}; it leads for good after {place}.{more}"
        ).format(
            token=self.lens.quoted(self.position),
            answer=self.answer,
            chance=percent(self.probs[-1]),
            rank=f"{self.ranks[0]:,}",
            count=f"{self.lens.vocab_size:,}",
            place=row_name(self.leads_from),
            more=self.lens.warning,
        )

    def describe(self) -> str:
        ranks = " → ".join(f"{rank:,}" for rank in self.ranks)
        return _("after {token} the answer {answer} rises: rank {ranks}").format(
            token=self.lens.name(self.position), answer=self.answer, ranks=ranks
        )


def rise_at(lens: Lens, position: int, row: int | None = None) -> Rise:
    """What the lens shows at `position`, with the cell of `row` open, or that of the last."""
    ranks, probs = ([row[position] for row in rows] for rows in (lens.ranks, lens.probs))
    return Rise(lens, position, lens.answers[position], ranks, probs, len(ranks) - 1 if row is None else row)


def row_name(row: int) -> str:
    """What comes before a row of the lens: layers are counted from 0, so row 1 comes after layer 0."""
    return _("layer {n}").format(n=row - 1) if row else _("the embedding")


def height(rank: int, size: int) -> float:
    """How far up a rank is among `size`, from 0 (the last) to 1 (the first), on a logarithmic axis."""
    return 1.0 if size == 1 else 1 - math.log(rank) / math.log(size)


def _short_name(row: int) -> str:
    return row_name(row) if row else _("embedding")


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
    ax.set_title(_("the likeliest next token after each layer\n(framed: already the final answer)"))


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
    ax.set(xlabel=_("rank"), title=_("how {answer} rises\n(1: the likeliest)").format(answer=_cut(rise.answer)))
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
    ('␣time', [925, 1, 1, 1, 1])

    Rows are counted like the residuals of `gptcore.record`: row 0 after the embedding, row n after n layers, the last
    row is the model's own answer. Positions are counted from 0; a new text puts `position` on its last token. A value
    that is not allowed changes nothing, and `problem` says why. Of a text longer than the context, the model reads the
    last `context_length` tokens. Only a new text calls the model.

    At `position` the cell of one `row` is open: its likeliest tokens are the `candidates`.
    """

    front, hands = "logit_lens", ("open",)
    row = Index(lambda lens: lens.model.config.n_layers + 1)
    answer, ranks, probs, candidates = Shown(), Shown(empty=[]), Shown(empty=[]), Shown(empty=[])
    _read_text = staticmethod(read_lens)

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        text: str = OPENING,
        position: int | None = None,
        row: int | None = None,
    ):
        check_model(model)
        last = Control(model.config.n_layers)
        super().__init__(model, tokenizer, text, {"position": position, "row": row}, row=last)

    def open(self, row: int, position: int) -> None:
        """Open another cell of the table."""
        self.change(row=row, position=position)

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
        return rise_at(self.recorded, self.position, self.row)

    def _shown(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        window, size = self.record.window, self.recorded.vocab_size
        found = [{"id": i, "label": label, "logit": logit, "prob": prob} for i, label, logit, prob in self.candidates]
        others = {"label": others_label(size - len(found)), "prob": max(0.0, 1 - sum(row["prob"] for row in found))}
        return {
            "position": self.position,
            "row": self.row,
            "window": list(window),
            "table": [[cell._asdict() for cell in row[window.start : window.stop]] for row in self.table],
            "rise": [
                {"rank": rank, "prob": prob, "height": height(rank, size)}
                for rank, prob in zip(self.ranks, self.probs, strict=True)
            ],
            "answer": self.answer,
            "candidates": [*found, {"id": None, **others}],
            "vocab_size": size,
            "left_out": self.left_out,
        }
