"""The draw as a dart: the probabilities end to end on a bar of length 1, and the token that a random number hits."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.markers import CARETDOWN

from gptcore.any_tokenizer import check_decoder
from gptcore.language import _
from gptcore.sampling import Distribution, draw
from gptcore.show.arguments import checked
from gptcore.show.charts import SMALL, drawable, room_above, say, styled, write_beside
from gptcore.show.plots import HATCHED
from gptcore.show.style import CHOSEN, KEPT, columns, counted, others_label, percent, shortened
from gptcore.tokenizer import token_label

VISIBLE = 0.008  # a narrower token is shown together with its narrow neighbours
MOST_ALONE = 40  # at most so many tokens are shown by themselves
NAME_LENGTH = 24  # characters of a label


@dataclass(frozen=True)
class Segment:
    """A piece of the bar: one token, or `count` neighbours that are too narrow to be seen."""

    left: float
    right: float
    count: int
    token_id: int | None  # None for neighbours
    label: str

    @property
    def width(self) -> float:
        return self.right - self.left


@dataclass(frozen=True)
class Dart:
    """The tokens that can be drawn, end to end in the order of the vocabulary, and the one that a dart hits."""

    segments: list[Segment]
    uniform: float  # where the dart falls, in [0, 1)
    token_id: int  # what it hits: the token that `gptcore.draw` returns
    label: str
    prob: float

    @classmethod
    @checked
    def of(cls, distribution: Distribution, uniform: float, tokenizer: Any) -> "Dart":
        """The dart at `uniform` on the bar of a distribution of shape (vocab_size,); raises ValueError for others."""
        if distribution.probs.ndim != 1:
            raise ValueError(
                _("distribution must have the shape (vocab_size,), got {shape}").format(
                    shape=tuple(distribution.probs.shape)
                )
            )
        check_decoder(tokenizer)
        token_id = int(draw(distribution, float(uniform)))
        prob = distribution.probs[token_id].item()
        segments = _segments(distribution, token_id, tokenizer)
        return cls(segments, float(uniform), token_id, token_label(tokenizer, token_id), prob)

    @property
    def hit(self) -> Segment:
        return next(segment for segment in self.segments if segment.token_id == self.token_id)

    @property
    def uniform_text(self) -> str:
        """Where the dart falls, never rounded up to 1."""
        return f"{math.floor(self.uniform * 10_000) / 10_000:.4f}"

    @property
    def name(self) -> str:
        """The token that is hit: its label, its id and its probability."""
        return f"{shortened(self.label, NAME_LENGTH)} · id {self.token_id} · {percent(self.prob)}"

    def shown(self) -> dict[str, Any]:
        """The bar and the dart for the page."""
        pieces = [
            {"id": piece.token_id, "left": piece.left, "right": piece.right, "label": piece.label}
            for piece in self.segments
        ]
        return {"pieces": pieces, "uniform": self.uniform, "id": self.token_id, "about": self.describe()}

    def describe(self) -> str:
        """The picture in one sentence."""
        said = _(
            "A bar of length 1 that holds {tokens} in the order of the vocabulary: the dart at {uniform} hits {label}, "
            "id {id}, which has a chance of {chance}."
        )
        tokens = counted(sum(segment.count for segment in self.segments), "token")
        place = {"uniform": self.uniform_text, "label": self.label, "id": self.token_id}
        return said.format(tokens=tokens, **place, chance=percent(self.prob))


def _segments(distribution: Distribution, hit: int, tokenizer: Any) -> list[Segment]:
    cdf = distribution.probs.double().cumsum(-1)  # the ruler of `gptcore.draw`
    token_ids = distribution.kept.nonzero().squeeze(-1).cpu().numpy()
    right = (cdf / cdf[-1]).cpu().numpy()[token_ids]
    left = np.concatenate([[0.0], right[:-1]])  # what was removed between two neighbours has no length
    width = right - left
    alone = width >= VISIBLE
    if alone.sum() > MOST_ALONE:
        alone &= width >= np.partition(width, -MOST_ALONE)[-MOST_ALONE]
        alone &= alone.cumsum() <= MOST_ALONE
    alone |= token_ids == hit
    starts = np.flatnonzero(alone | np.concatenate([[True], alone[:-1]]))
    ends = np.append(starts[1:], len(token_ids)) - 1
    segments = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        count = end - start + 1
        token_id = int(token_ids[start]) if alone[start] else None
        label = others_label(count) if token_id is None else token_label(tokenizer, token_id)
        segments.append(Segment(float(left[start]), float(right[end]), count, token_id, label))
    return segments


@styled
def plot_dart(ax: Axes, dart: Dart) -> None:
    """The bar and the dart on `ax`."""
    room = 11.5 * ax.figure.get_figwidth()  # how many characters fit on the bar
    for segment in dart.segments:
        single = segment.token_id is not None
        style = {"color": KEPT, "edgecolor": "white"} if single else HATCHED
        ax.barh(0, segment.width, left=segment.left, height=1, **style)
        if segment.width * room > columns(segment.label) + 1:
            text = {"color": "white"} if single else {"style": "italic", "bbox": {"color": "white", "pad": 1.5}}
            place = {"ha": "center", "va": "center_baseline", "fontsize": SMALL}
            ax.text((segment.left + segment.right) / 2, 0, drawable(segment.label), **place, **text)
    hit = dart.hit
    width = max(hit.width, 0.006)
    left = min(hit.left, 1 - width)
    ax.barh(0, width, left=left, height=1, fill=False, edgecolor=CHOSEN, linewidth=3, zorder=3, clip_on=False)
    ax.plot(dart.uniform, 0.5, marker=CARETDOWN, markersize=12, color=CHOSEN, clip_on=False, zorder=4)
    side = {"room": 10, "ha": "left"} if dart.uniform < 0.5 else {"room": -10, "ha": "right"}
    write_beside(
        ax,
        _("{uniform} hits {name}").format(uniform=dart.uniform_text, name=dart.name),
        (dart.uniform, 0.5),
        rise=11,
        color=CHOSEN,
        **side,
    )
    room_above(ax, 20)
    ax.set(xlim=(0, 1), ylim=(-0.5, 0.5), xticks=[0, 0.25, 0.5, 0.75, 1], yticks=[])
    ax.set_xlabel(_("the chances end to end, in the order of the vocabulary"))
    ax.spines[["left"]].set_visible(False)
    say(ax, dart.describe().rstrip("."))
