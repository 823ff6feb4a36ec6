"""`LogitLens`: what the model would say after each of its layers, and how its final answer rises."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from gptcore.model import GPTModel
from gptcore.recording import Recording, lens_logits
from gptcore.show.attention import number_slider, put_last, record_text
from gptcore.show.charts import drawable, styled
from gptcore.show.live import LiveView
from gptcore.show.style import CHOSEN, KEPT, caption_html, percent, stylesheet
from gptcore.tokenizer import token_label

WINDOW = 9  # how many places the table shows at once


@dataclass(frozen=True, eq=False)
class Lens:
    """What the head reads from the stream at T places: row 0 after the embedding, the last row the model's output."""

    top_ids: Tensor  # (n_layers + 1, T): the likeliest token
    top_chances: Tensor  # (n_layers + 1, T): its probability
    answer_ids: Tensor  # (T,): the likeliest token of the last row, the model's answer
    answer_chances: Tensor  # (n_layers + 1, T): the probability of that answer
    answer_ranks: Tensor  # (n_layers + 1, T): its rank, 1 where it is the likeliest

    @classmethod
    def of(cls, model: GPTModel, recording: Recording) -> "Lens":
        """One layer after the other, for the logits of all of them at once may not fit into memory."""
        answer_ids = recording.logits.argmax(-1)  # (T,)
        rows = [cls._row(lens_logits(model, residuals), answer_ids) for residuals in recording.residuals]
        top_ids, top_chances, answer_chances, answer_ranks = (torch.stack(row) for row in zip(*rows, strict=True))
        return cls(top_ids, top_chances, answer_ids, answer_chances, answer_ranks)

    @staticmethod
    def _row(logits: Tensor, answer_ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        probs = logits.softmax(-1)  # (T, vocab_size)
        top = probs.argmax(-1)
        answer = logits.gather(-1, answer_ids[:, None])
        ids = torch.arange(logits.shape[-1], device=logits.device)
        ahead = (logits > answer) | ((logits == answer) & (ids < answer_ids[:, None]))
        return top, _at(probs, top), _at(probs, answer_ids), ahead.sum(-1) + 1


class LogitLens(LiveView):
    """A text, and for each of its places the token that each layer would answer, had it the last word.

    >>> lens = LogitLens(model, tokenizer, "Once upon a")
    >>> lens.position = 2
    >>> lens.table[-1][2]                                # the last layer's likeliest token at place 2, and its chance
    ('␣time', 0.9999)
    >>> lens.answer, lens.ranks, lens.chances            # the final answer at `position`: how it rises, row by row

    Rows are counted like the residuals of `gptcore.record`: row 0 after the embedding, row n after n layers, the last
    row is the model's own answer. Positions are counted from 0; a new text puts `position` on its last token. A value
    that is not allowed changes nothing, and `problem` says why. Of a text longer than the context, the model reads the
    last `context_length` tokens. The model is called when the text changes, and never else.
    """

    def __init__(self, model: GPTModel, tokenizer: Any, text: str = "Once upon a time", position: int | None = None):
        self.model, self.tokenizer = model, tokenizer
        self.lens: Lens | None = None  # what is shown; None if there is nothing to show
        self.labels: list[str] = []  # of the tokens that were read
        self.left_out = 0  # how many tokens before those the model does not see
        self.problem: str | None = None  # what is wrong with the text or the position, in a sentence
        self._busy = False
        self._make_controls()
        self.text = text
        if position is not None:
            self.position = position

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        return self._text.value

    @text.setter
    def text(self, text: str) -> None:
        if not isinstance(text, str):
            self._refuse(f"text must be a text, got {text!r}")
            return
        self._busy = True
        self._text.value = text
        self._busy = False
        self._read()

    @property
    def position(self) -> int:
        """The place of the token after which the answer is given."""
        return min(self._place.value, max(0, len(self.labels) - 1))

    @position.setter
    def position(self, position: int) -> None:
        whole = isinstance(position, int) and not isinstance(position, bool)
        if not (whole and 0 <= position < len(self.labels)):
            last = max(0, len(self.labels) - 1)
            self._refuse(f"position must be a whole number from 0 to {last}, got {position!r}")
            return
        self._busy = True
        self._place.value = position
        self._busy = False
        self._move()

    @property
    def table(self) -> list[list[tuple[str, float]]]:
        """(label, chance) of the likeliest token: table[row][place]."""
        if self.lens is None:
            return []
        return [
            [(self._label(token_id), chance) for token_id, chance in zip(ids, chances, strict=True)]
            for ids, chances in zip(self.lens.top_ids.tolist(), self.lens.top_chances.tolist(), strict=True)
        ]

    @property
    def answer_id(self) -> int | None:
        """The model's likeliest token after the one at `position`."""
        return None if self.lens is None else int(self.lens.answer_ids[self.position])

    @property
    def answer(self) -> str | None:
        """The same as a label."""
        return None if self.answer_id is None else self._label(self.answer_id)

    @property
    def ranks(self) -> list[int]:
        """The rank of the answer in every row; 1 is the likeliest, equal ones by id."""
        return [] if self.lens is None else self.lens.answer_ranks[:, self.position].tolist()

    @property
    def chances(self) -> list[float]:
        """The probability of the answer in every row."""
        return [] if self.lens is None else self.lens.answer_chances[:, self.position].tolist()

    @property
    def window(self) -> range:
        """The places that the table on screen shows: up to nine, `position` among them, in the middle where it can."""
        count = min(WINDOW, len(self.labels))
        start = min(max(0, self.position - WINDOW // 2), len(self.labels) - count)
        return range(start, start + count)

    @property
    def reading(self) -> str:
        """What is to be seen, in words."""
        if self.lens is None:
            return f"There is nothing to show: {self.problem}."
        ranks, size = self.ranks, self.model.config.vocab_size
        first = next(row for row in range(len(ranks)) if all(rank == 1 for rank in ranks[row:]))
        sentences = [
            f"After “{self.labels[self.position]}” (place {self.position}) the model answers “{self.answer}”, chance "
            f"{percent(self.chances[-1])}. After the embedding it had rank {ranks[0]:,} of {size:,}; "
            f"it leads for good {row_name(first, len(ranks))}."
        ]
        if self.left_out:
            limit = self.model.config.context_length
            sentences.append(f"The text is long: the model sees only its last {limit:,} tokens.")
        if self.problem:
            sentences.insert(0, f"Not changed: {self.problem}.")
        return " ".join(sentences)

    # What it does ------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """The lens anew, for the text in the control."""
        if self._busy:
            return
        self._busy = True
        self.problem, self.lens, self.labels, self.left_out = None, None, [], 0
        try:
            recording, self.left_out = record_text(self.model, self.tokenizer, self.text)
            self.lens = Lens.of(self.model, recording)
            self.labels = [self._label(token_id) for token_id in recording.token_ids.tolist()]
        except (TypeError, ValueError, RuntimeError, LookupError) as error:
            self.problem = str(error)
        put_last(self._place, len(self.labels))
        self._busy = False
        self._show()

    def _move(self) -> None:
        """Another place of the same text."""
        if not self._busy:
            self.problem = None if self.lens is not None else self.problem
            self._show()

    def _refuse(self, problem: str) -> None:
        self.problem = problem
        self._show()

    def _label(self, token_id: int) -> str:
        return token_label(self.tokenizer, token_id)

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        if self.lens is None:
            return f"LogitLens: {self.problem}"
        ranks = " → ".join(f"{rank:,}" for rank in self.ranks)
        here = f"{self.labels[self.position]} (place {self.position})"
        return f"LogitLens: after {here} the answer {self.answer} rises: rank {ranks}"

    @styled
    def picture(self) -> Figure:
        """The window of the table, a row for each layer, the last on top; beside it the rank of the answer."""
        rows = self.model.config.n_layers + 1
        figure = Figure(figsize=(12, 1.5 + 0.45 * rows), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[3.2, 1])
        if self.lens is None:
            left.set_axis_off()
            right.set_axis_off()
            return figure
        left.spines[:].set_visible(True)
        self._draw_table(left)
        names = [row_name(row, rows, short=True) for row in range(rows)]
        right.plot(self.ranks, range(rows), color=KEPT, marker="o")
        for row, rank in enumerate(self.ranks):
            right.annotate(f"{rank:,}", (rank, row), xytext=(-7, 4), textcoords="offset points", ha="right", fontsize=8)
        right.set(xscale="log", xlim=(self.model.config.vocab_size * 10, 0.7), ylim=(-0.6, rows - 0.4))
        right.set(yticks=range(rows), yticklabels=names, xlabel="rank (1 is the likeliest)")
        right.set_title(drawable(f"how {self.answer} rises"))
        return figure

    def _draw_table(self, ax: Any) -> None:
        rows, window = self.model.config.n_layers + 1, self.window
        places = list(window)
        chances = self.lens.top_chances[:, places].float().cpu().numpy()
        ax.imshow(chances, cmap="Blues", vmin=0, vmax=1.6, aspect="auto", origin="lower")
        for row, cells in enumerate(self.table):
            for column, place in enumerate(places):
                label, chance = cells[place]
                text = drawable(_short(label)) + f"\n{percent(chance)}"
                ax.text(column, row, text, ha="center", va="center", fontsize=8)
                if self.lens.top_ids[row, place] == self.lens.answer_ids[place]:
                    ax.add_patch(Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False, ec=KEPT, lw=1.5))
        labels = [drawable(_short(self.labels[place])) for place in places]
        ax.set_xticks(range(len(places)), labels)
        ax.get_xticklabels()[self.position - window.start].set(color=CHOSEN, bbox={"fc": "none", "ec": CHOSEN})
        ax.set_yticks(range(rows), [row_name(row, rows, short=True) for row in range(rows)])
        ax.set_title("the likeliest next token after each layer (framed: already the final answer)")

    def _make_controls(self) -> None:
        wide = ipywidgets.Layout(width="auto")
        self._text = ipywidgets.Text("", description="Text", continuous_update=False, layout=wide)
        self._place = number_slider("Token", 1, flex="0 0 auto")
        self._place.layout.width = "auto"
        self._text.observe(lambda change: self._read(), names="value")
        self._place.observe(lambda change: self._move(), names="value")
        self._table, self._message, self._rise = (ipywidgets.HTML(layout=wide) for _ in range(3))
        # The box that scrolls outlives what it shows, so that it stays where it is while the slider moves.
        box = ipywidgets.Box([self._table], layout={"overflow": "auto hidden", "display": "block"})
        self.view = ipywidgets.VBox(
            [ipywidgets.HTML(stylesheet()), self._text, self._place, box, self._message, self._rise],
            layout=ipywidgets.Layout(max_width="1000px", width="100%"),
        )

    def _show(self) -> None:
        self._table.value = self._table_html()
        self._rise.value = self._rise_html()
        self._message.value = caption_html(self.reading, 2, 3)

    def _table_html(self) -> str:
        """A line for each place of the window, from top to bottom as one reads; a column for each layer."""
        rows = self.model.config.n_layers + 1
        names = "".join(f'<th scope="col">{row_name(row, rows, short=True)}</th>' for row in range(rows))
        table = self.table
        lines = [self._line_html(table, place) for place in (self.window if table else [])]
        lines += [f'<tr class="gptcore-lens-empty"><td colspan="{rows + 1}"></td></tr>'] * (WINDOW - len(lines))
        return (
            f'<div class="gptcore"><table class="gptcore-lens" style="min-width:{84 * (rows + 1)}px"><caption>'
            "The likeliest next token after each layer; framed: already the final answer</caption><thead><tr>"
            f'<th scope="col">token</th>{names}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
        )

    def _line_html(self, table: Sequence[Sequence[tuple[str, float]]], place: int) -> str:
        here = ' class="gptcore-lens-here" aria-current="true"' if place == self.position else ""
        answer, label = int(self.lens.answer_ids[place]), escape(self.labels[place])
        cells = []
        for cell_label, (token_id, chance) in zip(
            (row[place][0] for row in table),
            zip(self.lens.top_ids[:, place].tolist(), self.lens.top_chances[:, place].tolist(), strict=True),
            strict=True,
        ):
            final = " gptcore-lens-final" if token_id == answer else ""
            name = escape(cell_label)
            says = f"{name}, chance {escape(percent(chance))}{', the final answer' if final else ''}"
            cells.append(
                f'<td class="gptcore-lens-cell{final}" style="--prob:{chance:.3f}" title="{says}">'
                f"<span>{name}</span><small>{escape(percent(chance))}</small></td>"
            )
        head = f'<th scope="row" title="{label}, place {place}"><span>{label}</span><small>place {place}</small></th>'
        return f"<tr{here}>{head}{''.join(cells)}</tr>"

    def _rise_html(self) -> str:
        """The rank of the answer, row by row, on a logarithmic axis: a full bar is rank 1."""
        rows, size = self.model.config.n_layers + 1, self.model.config.vocab_size
        lines = []
        for row, (rank, chance) in enumerate(zip(self.ranks, self.chances, strict=True)):
            lines.append(
                f'<div class="gptcore-row gptcore-lens-row" role="listitem"><span class="gptcore-label">'
                f'{row_name(row, rows)}</span><div class="gptcore-track"><div class="gptcore-bar" '
                f'style="width:{height(rank, size):.2%}"></div></div><span class="gptcore-number">rank {rank:,}</span>'
                f'<span class="gptcore-number">{escape(percent(chance))}</span></div>'
            )
        lines += ['<div class="gptcore-row"></div>'] * (rows - len(lines))
        answer = f"of {escape(self.answer)} " if self.answer else ""
        return (
            f'<div class="gptcore"><div class="gptcore-key">Rank and chance {answer}after each layer; a full bar '
            'is rank 1</div><div role="list" aria-label="The rank of the final answer '
            f'after each layer">{"".join(lines)}</div></div>'
        )


def height(rank: int, size: int) -> float:
    """How far up a rank is among `size`, from 0 (the last) to 1 (the first), on a logarithmic axis."""
    return 1.0 if size == 1 else 1 - torch.tensor(float(rank)).log().item() / torch.tensor(float(size)).log().item()


def row_name(row: int, rows: int, short: bool = False) -> str:
    """After which layer a row of the lens was read; layers are counted from 0, so row 1 comes after layer 0."""
    if row == 0:
        return "embedding" if short else "after the embedding"
    return f"layer {row - 1}" if short else f"after layer {row - 1}"


def _short(label: str) -> str:
    return label if len(label) <= 11 else label[:8] + "…"  # bytes are written with wide letters


def _at(probs: Tensor, token_ids: Tensor) -> Tensor:
    return probs.gather(-1, token_ids[:, None]).squeeze(-1)
