"""A model with fewer bits per weight beside itself in float32, as a record and as charts."""

from dataclasses import dataclass
from functools import cached_property
from math import floor, log10
from typing import Any

from matplotlib.axes import Axes

from gptcore.language import _
from gptcore.show.charts import GUIDE, INK, LINES, drawable, legend, say, styled, write_beside
from gptcore.show.plots import plot_level
from gptcore.show.precision import FORMATS, GROUPINGS, Format, Measured, Row
from gptcore.show.settings_comparison import first_difference
from gptcore.show.style import CHOSEN
from gptcore.show.texts import Text
from gptcore.units import bytes_text

LOWEST, HIGHEST = 1e-6, 20.0  # nats: the ends of the axis; less, and 0 too, is drawn at its lower end
MOST_LEVELS = 64  # of more values that a weight can have, a chart would only show a grey band


@dataclass(frozen=True, eq=False)
class Precision:
    """A model in one format beside itself in float32."""

    here: Measured
    points: list[Measured]  # all that were measured so far
    entropy: float  # how uncertain the float32 model is, in nats per token
    positions: int  # at which the two were compared
    full_size: int  # bytes of the float32 model
    written: tuple[Text, Text]  # by the float32 model, and by this one, with the same random numbers
    row: Row

    @property
    def texts(self) -> tuple[str, ...]:
        """Both texts, the prompt included."""
        return tuple(text.whole for text in self.written)

    @cached_property
    def first_difference(self) -> int | None:
        """The index of the first new token that differs; None if both texts are the same."""
        return first_difference(*(text.token_ids for text in self.written))

    @property
    def caption(self) -> str:
        return _(
            "{name}: {kl} nats per token from float32, whose own uncertainty is {entropy}. The likeliest token is "
            "the same at {same} of {count} positions. {text}"
        ).format(
            name=self.here.format.name,
            kl=nats_text(self.here.kl),
            entropy=f"{self.entropy:.2f}",
            same=self.here.unchanged,
            count=self.positions,
            text=self._difference(),
        )

    def _difference(self) -> str:
        if self.first_difference is None:
            return _("The texts are the same.")
        return _("The first token that differs is new token {number}.").format(number=self.first_difference + 1)

    def describe(self) -> str:
        return _("{name}: {kl} nats per token from float32, {size} instead of {full}").format(
            name=self.here.format.name,
            kl=f"{self.here.kl:.3f}",
            size=bytes_text(self.here.size),
            full=bytes_text(self.full_size),
        )

    def shown(self) -> dict[str, Any]:
        """What the page draws."""
        return {
            "here": _point(self.here),
            "points": [_point(point) for point in self.points],
            "count": len(FORMATS),
            "entropy": self.entropy,
            "positions": self.positions,
            "fullSize": self.full_size,
            "sizes": [bytes_text(self.here.size), bytes_text(self.full_size)],
            "kl": nats_text(self.here.kl),
            "texts": [parts(text, self.first_difference) for text in self.written],
            "row": vars(self.row),
        }


def _point(point: Measured) -> dict[str, Any]:
    return {
        "bits": point.format.bits,
        "grouping": point.format.grouping,
        "name": point.format.name,
        "x": point.bits_per_weight,
        "kl": point.kl,
        "said": nats_text(point.kl),
        "size": point.size,
        "same": point.unchanged,
    }


def parts(text: Text, index: int | None) -> list[str]:
    """A text as what is the same in both, the first token that differs, and what comes after it."""
    if index is None:
        return [text.whole, "", ""]
    pieces = text.pieces
    return [text.prompt + "".join(pieces[:index]), "".join(pieces[index : index + 1]), "".join(pieces[index + 1 :])]


def nats_text(nats: float) -> str:
    """Two digits of a divergence, without a power of ten: "0.000012"."""
    if not nats:
        return "0"
    return f"{nats:.{max(2, 1 - floor(log10(nats)))}f}"


@styled
def plot_precision(ax: Axes, record: Precision) -> None:
    """The divergence of all that was measured over the bits per weight, a line for each grouping; this one framed."""
    for grouping, (color, dashes, mark) in zip(GROUPINGS, LINES, strict=False):
        found = sorted(map(_place, (point for point in record.points if point.format.grouping == grouping)))
        if found:
            name = drawable(Format(0, grouping).name.partition(", ")[2])
            ax.plot(*zip(*found, strict=True), color=color, linestyle=dashes, marker=mark, ms=6, label=name)
    for point in record.points:
        if point.format.grouping is None:
            ax.plot(*_place(point), "*", color=INK, ms=9)
            write_beside(ax, point.format.name, _place(point), room=0, rise=12, ha="center")
    ax.plot(*_place(record.here), "o", ms=16, mfc="none", mec=CHOSEN, mew=2.5, zorder=4)
    ax.set(xscale="log", yscale="log", xlim=(1.8, 44), ylim=(LOWEST / 2, HIGHEST))
    ax.set(xlabel=_("bits per weight, with its share of the scales"), ylabel=_("nats per token from float32"))
    ax.set_xticks([2, 3, 4, 6, 8, 16, 32], [2, 3, 4, 6, 8, 16, 32])
    ax.minorticks_off()
    powers = range(-6, 2)
    ax.set_yticks([10.0**power for power in powers], ["0", *(f"{10.0**p:.{max(0, -p)}f}" for p in powers[1:])])
    plot_level(ax, record.entropy, _("own uncertainty"))
    legend(ax)
    say(ax, record.describe())


def _place(point: Measured) -> tuple[float, float]:
    return point.bits_per_weight, max(point.kl, LOWEST)


@styled
def plot_row(ax: Axes, row: Row) -> None:
    """Each weight above, and below it the value to which it was rounded; grey lines where a value can be."""
    largest = 1.08 * max(map(abs, row.weights)) or 1.0
    for level in levels(row, largest):
        ax.axvline(level, color=GUIDE, zorder=0)
    for weight, value in zip(row.weights, row.rounded, strict=True):
        ax.plot([weight, value], [1, 0], color=LINES[0][0], lw=0.8, marker="o", ms=3.5)
    ax.set(xlim=(-largest, largest), ylim=(-0.25, 1.25))
    ax.set_yticks([0, 1], [_("rounded"), _("weights")])


def levels(row: Row, largest: float) -> list[float]:
    """The values from −largest to largest that a weight can have; none where they are too many to be seen."""
    if not row.scale:
        return []
    count = int(largest / row.scale)
    return [] if 2 * count + 1 > MOST_LEVELS else [step * row.scale for step in range(-count, count + 1)]
