"""What many lessons draw on axes: bars, dots, pairs of bars, lines. Each says in words what it has drawn."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import cycle, islice
from typing import Any

from matplotlib.axes import Axes

from gptcore.checks import given, is_integer
from gptcore.language import _
from gptcore.show.arguments import checked
from gptcore.show.charts import GUIDE, INK, LINES, QUIET, SMALL, drawable, legend, say, say_rows, styled, write_beside
from gptcore.show.style import CHOSEN, KEPT, OTHERS, columns, percent

HATCHED = {"facecolor": "white", "edgecolor": OTHERS, "hatch": "///"}
PERCENTS = {"xlim": (0, 1), "xticks": [0, 0.25, 0.5, 0.75, 1], "xticklabels": ["0%", "", "50%", "", "100%"]}
MOST_ROWS = 1_000  # of a chart: nobody could read more, nor wait for them
FEW_POINTS = 40  # of a line with more points, the points are not marked


@styled
def plot_bars(
    ax: Axes,
    labels: Sequence[str],
    values: Sequence[float],
    texts: Sequence[str] = (),
    *,
    hatched: Iterable[int] = (),
    xlabel: str = "",
    **style: Any,
) -> None:
    """A bar from 0 to each of `values`, from top to bottom, with a text beside it; those in `hatched` are hatched."""
    _check_rows(labels, values=values)
    bars = ax.barh(range(len(values)), [float(value) for value in values], **{"color": KEPT} | style)
    for row in hatched:
        if not (is_integer(row) and -len(values) <= row < len(values)):
            raise ValueError(
                _("hatched must be numbers of rows, from 0 to {last}, got {value}").format(
                    last=len(values) - 1, value=given(row)
                )
            )
        bars[row].set(**HATCHED)
    write_values(ax, bars, texts)
    label_rows(ax, labels, xlabel)
    say_rows(ax, xlabel, labels, texts if len(texts) else values)


@checked
def plot_shares(ax: Axes, shares: Sequence[tuple[str, float]], xlabel: str) -> None:
    """Bars for (label, share) that add up to 1; the last, hatched, is that of all others together."""
    if not shares:
        raise ValueError(_("shares must be at least one, got none"))
    labels, values = zip(*shares, strict=True)
    plot_bars(ax, labels, values, [percent(share) for share in values], hatched=[len(labels) - 1], xlabel=xlabel)
    ax.set(**PERCENTS)


@styled
def plot_marks(
    ax: Axes, labels: Sequence[str], values: Sequence[float], texts: Sequence[str] = (), *, xlabel: str = ""
) -> None:
    """A dot at each of `values` on a line across the chart, from top to bottom, with a text at the end of the line.

    For values without a zero, as on a logarithmic axis: no length means anything.
    """
    _check_rows(labels, values=values)
    ax.hlines(range(len(labels)), 0, 1, color=GUIDE, lw=1.5, zorder=0, transform=ax.get_yaxis_transform())
    ax.plot([float(value) for value in values], range(len(values)), "o", color=KEPT, ms=8, clip_on=False)
    for row, text in enumerate(texts):
        write_beside(ax, text, (1, row), xycoords=ax.get_yaxis_transform())
    label_rows(ax, labels, xlabel)
    say_rows(ax, xlabel, labels, texts if len(texts) else values)


@styled
def plot_scores(
    ax: Axes, labels: Sequence[str], scores: Sequence[float], texts: Sequence[str] = (), *, xlabel: str | None = None
) -> None:
    """A dot at each of `scores`, from top to bottom, and the gap from it to the largest, with a text to the right.

    Scores have no zero to begin at: only their differences mean something, so nothing is drawn from 0. Without `texts`
    each score is written with its gap. `xlabel` is "logit" if it is not given.

    >>> plot_scores(ax, ["time", "fox"], [3.0, 2.0])
    """
    xlabel = _("logit") if xlabel is None else xlabel
    _check_rows(labels, scores=scores)
    if not len(scores):
        raise ValueError(_("scores must be at least one, got none"))
    values, rows = [float(score) for score in scores], range(len(scores))
    largest = max(values)
    gaps = [_(" ({gap} less)").format(gap=f"{largest - value:.1f}") if value < largest else "" for value in values]
    ax.hlines(rows, values, largest, color=OTHERS, lw=2, zorder=1)
    ax.axvline(largest, color="#555555", lw=1, ls="--", zorder=1)
    ax.plot(values, rows, "o", color=KEPT, ms=8)
    texts = list(texts) or [f"{value:.1f}{gap}" for value, gap in zip(values, gaps, strict=True)]
    texts = [text.replace("-", "−") for text in texts]
    for row, text in enumerate(texts):
        write_beside(ax, text, (largest, row), room=10)
    label_rows(ax, labels, xlabel)
    say_rows(ax, xlabel, labels, texts)


@styled
def plot_pairs(
    ax: Axes,
    labels: Sequence[str],
    pairs: Mapping[str, Sequence[float]],
    texts: Mapping[str, Sequence[str]] | None = None,
    *,
    xlabel: str = "",
) -> None:
    """Two bars for each label, one below the other: the first of `pairs`, hatched, is what the second is held against.

    >>> plot_pairs(ax, ["a", "b"], {"expected": [500, 500], "drawn": [512, 488]}, xlabel="of 1,000 draws")
    """
    if len(pairs) != 2:
        raise ValueError(_("pairs must be two, got {count}").format(count=len(pairs)))
    for values in pairs.values():
        _check_rows(labels, pairs=values)
        if len(values) < len(labels):
            raise ValueError(
                _("pairs must each have a value for each of {count} labels, got {other}").format(
                    count=len(labels), other=len(values)
                )
            )
    ends = [max(0.0, *map(float, both)) for both in zip(*pairs.values(), strict=True)]
    for (name, values), side, style in zip(pairs.items(), (-0.2, 0.2), (HATCHED, {"color": KEPT}), strict=True):
        rows = [row + side for row in range(len(labels))]
        ax.barh(rows, [float(value) for value in values], 0.4, label=drawable(name), **style)
        shown = (texts or {}).get(name, ())
        for row, end, text in zip(rows, ends, shown, strict=False):
            write_beside(ax, text, (end, row), fontsize=SMALL)  # beside the longer of the two: over no bar
        say_rows(ax, name, labels, shown if len(shown) else values)
    label_rows(ax, labels, xlabel)
    legend(ax)


@styled
def plot_lines(
    ax: Axes,
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    xlabel: str = "",
    ylabel: str = "",
    log: bool = False,
    ends: bool = False,
    points: bool = False,
) -> None:
    """A line over `x` for each of `lines`, with its name in a legend; one that has fewer points ends earlier.

    With `log` the vertical axis is logarithmic. With `ends` the lines are thin and grey, and each has its name at its
    end: what something else is held against. With `points` no line joins the points.
    """
    x, named = list(x), sum(not line.get_label().startswith("_") for line in ax.lines)
    for name, values in lines.items():
        if not len(values) <= len(x):
            raise ValueError(
                _("lines must have at most {count} points, as many as x, got {other} for {name}").format(
                    count=len(x), other=len(values), name=given(name)
                )
            )
    for (name, values), (color, dashes, mark) in zip(lines.items(), islice(cycle(LINES), named, None), strict=False):
        if len(values):
            first, last = (f"{float(value):.3g}" for value in (values[0], values[-1]))
            said = _("{name} from {first} to {last}")
            say(ax, said.format(name=name or ylabel or _("line"), first=first, last=last))
        if ends and len(values):
            ax.plot(x[: len(values)], values, color=QUIET, lw=1)
            write_beside(ax, name, (x[len(values) - 1], values[-1]))
            continue
        few = points or len(values) <= FEW_POINTS
        style = {"color": color, "linestyle": "" if points else dashes, "marker": mark if few else None, "ms": 5}
        ax.plot(x[: len(values)], values, label=drawable(name), **style)
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
    ax.set(xlabel=drawable(xlabel) or ax.get_xlabel(), ylabel=drawable(ylabel) or ax.get_ylabel())
    legend(ax)


@styled
def plot_level(ax: Axes, value: float, name: str, *, vertical: bool = False) -> None:
    """A thin line across the chart, or down it if `vertical`, at what values are held against, with its name.

    The name stands at the end of the line, or in a legend if there is one above the chart already.

    >>> plot_level(ax, 0.47, "floor 0.47")
    """
    if not math.isfinite(value):
        raise ValueError(_("value must be a finite number, got {value}").format(value=given(value)))
    line = (ax.axvline if vertical else ax.axhline)(float(value), color=INK, lw=1, ls=(0, (4, 3)), zorder=3)
    if not vertical:
        write_beside(ax, name, (1, value), xycoords=ax.get_yaxis_transform())
    elif ax.get_legend() is None:
        place = {"xycoords": ax.get_xaxis_transform(), "room": 0, "rise": 3, "va": "bottom", "ha": "center"}
        write_beside(ax, name, (value, 1), **place)
    else:
        line.set_label(drawable(name))
        legend(ax)
    say(ax, name)


@styled
def plot_futures(ax: Axes, rows: Sequence[Mapping[str, float]], outlined: Collection[str] = ()) -> None:
    """Texts end to end on bars of length 1, a bar for each length of the texts, those in `outlined` outlined.

    The texts of a row stand below the texts that they continue, which they follow in the same order. A piece is as wide
    as its text is likely, and bears the last word of it.

    >>> plot_futures(ax, [{"a": 0.6, "b": 0.4}, {"a c": 0.3, "a d": 0.3, "b c": 0.4}], outlined=["b c"])
    """
    outlined = set(outlined)
    room = 12 * ax.figure.get_figwidth()  # how many characters fit on a bar
    names = [_("word {number}").format(number=row + 1) for row in range(len(rows))]
    for row, texts in enumerate(rows):
        left = 0.0
        for text, prob in texts.items():
            ax.barh(row, prob, 0.8, left=left, color=KEPT, edgecolor="white")
            if text in outlined:
                ax.barh(row, prob, 0.8, left=left, fill=False, edgecolor=CHOSEN, linewidth=3, zorder=3)
            lines = [drawable((text.split() or [""])[-1]), percent(prob)]
            if prob * room > max(map(columns, lines)) + 1:
                style = {"color": "white", "fontsize": SMALL, "ha": "center", "va": "center"}
                ax.text(left + prob / 2, row, "\n".join(lines), **style)
            left += prob
        say_rows(ax, names[row], list(texts), [percent(prob) for prob in texts.values()])
    label_rows(ax, names, _("the chances end to end, each word below the one that it follows"))
    ax.set(xlim=(0, 1), xticks=[0, 0.25, 0.5, 0.75, 1])
    ax.spines["left"].set_visible(False)


@styled
def write_values(ax: Axes, bars: Iterable[Any], texts: Iterable[str]) -> None:
    """The text of each bar, to its right; of a bar that goes to the left, to the right of 0."""
    for bar, text in zip(bars, texts, strict=False):
        end = max(bar.get_x(), bar.get_x() + bar.get_width()), bar.get_y() + bar.get_height() / 2
        write_beside(ax, text, end)


def label_rows(ax: Axes, labels: Sequence[str], xlabel: str) -> None:
    ax.set_yticks(range(len(labels)), [drawable(label) for label in labels])
    ax.set(ylim=(len(labels) - 0.5, -0.5), xlabel=drawable(xlabel))


def _check_rows(labels: Sequence[str], **columns: Sequence[float]) -> None:
    """Raise ValueError unless each of `columns` has no more values than there are `labels`, and all can be drawn."""
    if len(labels) > MOST_ROWS:
        raise ValueError(
            _("labels must be at most {most}, got {count}").format(most=f"{MOST_ROWS:,}", count=f"{len(labels):,}")
        )
    for name, values in columns.items():
        if len(values) > len(labels):
            raise ValueError(
                _("{name} must be no more than labels, {count}, got {other}").format(
                    name=name, count=len(labels), other=len(values)
                )
            )
        if any(math.isinf(value) for value in map(float, values)):
            raise ValueError(
                _("{name} must be finite numbers, or NaN for no mark, got one that is infinite").format(name=name)
            )
