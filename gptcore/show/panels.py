"""Three panels side by side, logit → scaled → probability: the same token in the same row, drawn from one record."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from gptcore.language import N_, _
from gptcore.sampling import STAGES, Distribution
from gptcore.show.candidates import largest
from gptcore.show.charts import styled
from gptcore.show.plots import PERCENTS, plot_bars, plot_marks, plot_scores
from gptcore.show.style import CHOSEN, OTHERS, counted, others_label, percent, short_label
from gptcore.tokenizer import token_label

STAGE_NAMES = dict(
    zip(STAGES, (N_("impossible"), N_("temperature 0"), N_("top-k"), N_("top-p"), N_("min-p")), strict=True)
)
LOG_FLOOR = 6  # the logarithmic axis goes from 10**-6 to 1


@dataclass(frozen=True)
class Panels:
    """The likeliest tokens of a `Distribution` over (vocab_size,), in an order that no setting changes."""

    token_ids: list[int]  # by logit, equal ones by id
    labels: list[str]  # as `token_label` writes them
    logits: list[float]
    scaled_logits: list[float]
    probs: list[float]
    cut_by: list[str]  # for each token the name of the stage that cut it, or ""
    temperature: float
    others: float  # the probability of all tokens that have no row
    others_count: int  # how many those are
    others_kept: int  # how many of those no stage cut
    others_logit: float  # the largest logit among them
    removed: dict[str, tuple[float, int]]  # {stage: (probability, tokens)} of each stage that cut something
    kept_mass: float  # what all stages left, of the probabilities before any cut
    kept_count: int
    counts: list[int] = field(default_factory=list)  # how often each token was drawn; empty if nothing was
    others_drawn: int = 0
    last_id: int | None = None  # the token to be outlined

    @classmethod
    def of(
        cls,
        distribution: Distribution,
        labels: dict[int, str],
        temperature: float,
        counts: Tensor | None = None,
        last_id: int | None = None,
    ) -> "Panels":
        """The tokens of `labels`, which come from `row_labels`, and all others together."""
        token_ids = list(labels)
        index = torch.tensor(token_ids, device=distribution.probs.device)
        probs, codes = distribution.probs[index].tolist(), distribution.removed_by[index].tolist()
        logits = distribution.logits[index].tolist()
        others_count = distribution.probs.numel() - len(token_ids)
        others_kept = int(distribution.kept_count) - codes.count(0)
        others = 0.0 if others_kept == 0 else max(0.0, 1 - sum(probs))
        tokens = torch.bincount(distribution.removed_by, minlength=len(STAGES) + 1).tolist()
        mass = {stage: removed.item() for stage, removed in distribution.removed_mass.items()}
        drawn = [] if counts is None else counts[index.cpu()].tolist()
        return cls(
            token_ids=token_ids,
            labels=list(labels.values()),
            logits=logits,
            scaled_logits=distribution.scaled_logits[index].tolist(),
            probs=probs,
            cut_by=["" if code == 0 else _(STAGE_NAMES[STAGES[code - 1]]) for code in codes],
            temperature=temperature,
            others=others,
            others_count=others_count,
            others_kept=others_kept,
            others_logit=logits[-1],
            removed={stage: (mass[stage], count) for stage, count in zip(STAGES, tokens[1:], strict=True) if count},
            kept_mass=max(0.0, 1 - sum(mass.values())),
            kept_count=int(distribution.kept_count),
            counts=drawn,
            others_drawn=0 if counts is None else int(counts.sum()) - sum(drawn),
            last_id=last_id,
        )

    @property
    def short_labels(self) -> list[str]:
        """The labels, those that are too long for a row cut short."""
        return [short_label(label, token_id) for label, token_id in zip(self.labels, self.token_ids, strict=True)]

    @property
    def others_label(self) -> str:
        return others_label(self.others_count)

    @property
    def draws(self) -> int:
        return sum(self.counts) + self.others_drawn

    @cached_property
    def axis(self) -> tuple[float, float]:
        """The ends of the logit axis, a little beyond every logit that has a row: no setting moves them.

        0 means nothing to a logit, so the axis need not hold it.
        """
        finite = [logit for logit in self.logits if logit > float("-inf")]
        low, high = min(finite), max(finite)
        margin = 0.05 * (high - low) or 0.5
        return low - margin, high + margin

    def shown(self, log: bool = False) -> dict[str, Any]:
        """The panels for the page, the row of all others last."""
        names = "id", "label", "logit", "scaled", "prob", "cut", "count"
        columns = self.token_ids, self.short_labels, self.logits, self.scaled_logits, self.probs, self.cut_by
        counts = self.counts or [0] * len(self.token_ids)
        cut = "" if self.others_kept or not self.others_count else _("every stage")
        others = None, self.others_label, self.others_logit, None, self.others, cut, self.others_drawn
        rows = [dict(zip(names, row, strict=True)) for row in (*zip(*columns, counts, strict=True), others)]
        drawn_row = self.last_id if self.last_id in self.token_ids else None
        for row in rows:
            row["isDrawn"] = self.last_id is not None and row["id"] == drawn_row
        removed = [
            {"name": _(STAGE_NAMES[stage]), "mass": mass, "count": n} for stage, (mass, n) in self.removed.items()
        ]
        return {
            "rows": rows,
            "axis": self.axis,
            "temperature": self.temperature,
            "log": log,
            "draws": self.draws,
            "removed": removed,
            "keptMass": self.kept_mass,
            "keptCount": self.kept_count,
        }

    def describe(self, rows: int = 5) -> str:
        """The first probabilities in one line of text."""
        shown = [f"{label} {percent(p)}" for label, p in zip(self.labels[:rows], self.probs, strict=False)]
        rest = sum(self.probs[rows:]) + self.others
        rest_count = len(self.probs[rows:]) + self.others_count
        return ", ".join(
            [*shown, _("{count} others {share}").format(count=f"{rest_count:,}", share=percent(max(0.0, rest)))]
        )


def row_labels(logits: Tensor, tokenizer: Any, rows: int) -> dict[int, str]:
    """{token id: label} of the tokens with the largest logits, (vocab_size,), the largest first, equal ones by id."""
    token_ids = largest(logits, min(rows, logits.numel())).tolist()
    return {token_id: token_label(tokenizer, token_id) for token_id in token_ids}


def on_axis(prob: float, log: bool = False) -> float:
    """Where a probability lies on its axis, from 0 to 1."""
    if not log:
        return prob
    return max(0.0, 1 + math.log10(prob) / LOG_FLOOR) if prob > 0 else 0.0


def number(value: float) -> str:
    """A logit for people, with a real minus sign."""
    if value == float("-inf"):
        return "−∞"
    text = f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def scaled_title(panels: Panels | None) -> str:
    if panels is None:
        return ""
    if panels.temperature == 0:
        return _("nothing is divided by 0: the largest is taken")
    # The number stays beside its sign.
    return _("(logit − largest) ÷\u00a0{temperature}").format(temperature=f"{panels.temperature:g}")


@styled
def plot_panels(axes: Sequence[Axes], panels: Panels, log: bool = False) -> None:
    """The three panels on three `axes` side by side."""
    logit_ax, scaled_ax, prob_ax = axes
    low, high = panels.axis
    labels = [*panels.short_labels, panels.others_label]
    logits = [logit if logit > float("-inf") else float("nan") for logit in panels.logits]
    plot_scores(logit_ax, labels, logits, [number(logit) for logit in panels.logits])
    logit_ax.set_xlim(low, high)

    scaled = panels.scaled_logits if panels.temperature > 0 else []
    texts = [number(logit) for logit in scaled]
    _plot_panel(scaled_ax, panels, [max(logit, low - high) for logit in scaled], texts, scaled_title(panels))
    beyond = [row for row, logit in enumerate(scaled) if logit < low - high - 1e-6]
    scaled_ax.plot([0.985 * (low - high)] * len(beyond), beyond, "<", mfc="white", mec=OTHERS, ms=7)  # it goes on
    scaled_ax.set_xlim(low - high, 0)
    scaled_ax.spines["left"].set_visible(False)
    scaled_ax.spines["right"].set_visible(True)

    probs = [*panels.probs, panels.others]
    texts = [
        _("cut by {stage}").format(stage=cut) if cut else percent(prob)
        for prob, cut in zip(panels.probs, panels.cut_by, strict=True)
    ]
    texts.append(percent(panels.others) if panels.others_kept or not panels.others_count else _("all cut"))
    shares = [count / panels.draws for count in [*panels.counts, panels.others_drawn]] if panels.draws else []
    if log:
        _plot_log_probs(prob_ax, labels, probs, texts, shares)
    else:
        _plot_panel(prob_ax, panels, probs, texts, _("probability"))
        prob_ax.barh([i + 0.38 for i in range(len(shares))], shares, height=0.18, color=CHOSEN)
        prob_ax.set(**PERCENTS)
    if shares:
        prob_ax.set_title(_("orange: {draws}").format(draws=counted(panels.draws, "draw")), color=CHOSEN)
    for ax in (scaled_ax, prob_ax):
        ax.set_yticks([])
    for ax in (logit_ax, scaled_ax):
        ax.locator_params(axis="x", nbins=4)


def _plot_log_probs(ax: Axes, labels: list[str], probs: list[float], texts: list[str], shares: list[float]) -> None:
    """Marks, since the length of a bar means nothing on a logarithmic axis."""
    places = [[on_axis(prob, log=True) if prob > 0 else float("nan") for prob in row] for row in (probs, shares)]
    plot_marks(ax, labels, places[0], texts, xlabel=_("probability, logarithmic"))
    ax.plot(places[1], range(len(shares)), "|", color=CHOSEN, ms=14, mew=3, clip_on=False)
    ax.set(xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0.0001%", "0.1%", "100%"])


def _plot_panel(ax: Axes, panels: Panels, values: list[float], texts: list[str], xlabel: str) -> None:
    """A bar from 0 to each of `values`, with its text; hatched where the token was cut, or is not one but many."""
    values = [0.0 if value == float("-inf") else value for value in values]
    cut = [i for i, cut_by in enumerate([*panels.cut_by, "others"][: len(values)]) if cut_by]
    labels = [*panels.short_labels, panels.others_label]
    plot_bars(ax, labels, values, texts, hatched=cut, xlabel=xlabel, height=0.62)
