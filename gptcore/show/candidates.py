"""The likeliest next tokens as bars, with one bar for all others, so that what is shown adds up to 100%."""

from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from gptcore.any_tokenizer import check_decoder
from gptcore.checks import check_integer
from gptcore.fast.cores import on_one_core
from gptcore.language import _
from gptcore.sampling import Distribution
from gptcore.show.arguments import checked
from gptcore.show.plots import plot_shares
from gptcore.show.style import others_label, percent, short_label
from gptcore.tokenizer import token_label


@dataclass(frozen=True)
class Candidates:
    """The likeliest tokens of a `Distribution` over (vocab_size,), the likeliest first."""

    token_ids: list[int]
    labels: list[str]  # as `token_label` writes them
    probs: list[float]
    others: float  # the probability of all other tokens together
    others_count: int  # how many of those can be drawn

    @classmethod
    @checked
    def of(cls, distribution: Distribution, tokenizer: Any, count: int = 5) -> "Candidates":
        """The `count` likeliest tokens that can be drawn, or as many as there are."""
        check_decoder(tokenizer)
        check_integer("count", count, least=1)
        if distribution.probs.ndim != 1:
            raise ValueError(
                _("distribution must have the shape (vocab_size,), got {shape}").format(
                    shape=tuple(distribution.probs.shape)
                )
            )
        kept_count = int(on_one_core(distribution.probs, getattr, distribution, "kept_count"))
        # By score, since probabilities that round to the same number, or to 0, have no order.
        scores = distribution.logits.masked_fill(~distribution.kept, -torch.inf)
        likeliest = largest(scores, min(count, kept_count))
        token_ids, probs = likeliest.tolist(), distribution.probs[likeliest].tolist()
        labels = [token_label(tokenizer, token_id) for token_id in token_ids]
        others = max(0.0, 1 - sum(probs)) if kept_count > len(probs) else 0.0  # rounding is not a chance
        return cls(token_ids, labels, probs, others, kept_count - len(probs))

    def rows_shown(self) -> list[dict[str, Any]]:
        """Each bar for the page, that of all others last."""
        shown = zip(self.token_ids, self.labels, self.probs, strict=True)
        rows = [{"id": token_id, "label": label, "prob": prob} for token_id, label, prob in shown]
        return [*rows, {"id": None, "label": self.others_label, "prob": self.others}]

    def rows(self) -> list[tuple[str, float]]:
        """(label, probability) of each bar from top to bottom, that of all others last."""
        return [*zip(self.labels, self.probs, strict=True), (self.others_label, self.others)]

    @property
    def short_labels(self) -> list[str]:
        """The labels, those that are too long for a row cut short."""
        return [short_label(label, token_id) for label, token_id in zip(self.labels, self.token_ids, strict=True)]

    @property
    def others_label(self) -> str:
        return others_label(self.others_count)

    def describe(self) -> str:
        """The bars in one line of text."""
        return " · ".join(f"{label} {percent(p)}" for label, p in self.rows())


def largest(values: Tensor, count: int) -> Tensor:
    """The places of the `count` largest of `values`, (n,), the largest first, equal ones in their order."""
    found = (values >= values.topk(count).values[-1]).nonzero().squeeze(-1)  # more than `count` if there are ties
    return found[values[found].argsort(descending=True, stable=True)[:count]]


@checked
def plot_candidates(ax: Axes, candidates: Candidates) -> None:
    """The bars on `ax`, the likeliest on top."""
    labels = [*candidates.short_labels, candidates.others_label]
    plot_shares(ax, list(zip(labels, [*candidates.probs, candidates.others], strict=True)), _("probability"))
