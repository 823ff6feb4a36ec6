"""One look for all charts: `chart` makes the axes, and the `plot_*` functions here draw what many lessons need."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import given, is_integer
from gptcore.printable import printable
from gptcore.show.arguments import checked
from gptcore.show.style import CHOSEN, KEPT, OTHERS, columns, ending, percent

HATCHED = {"facecolor": "white", "edgecolor": OTHERS, "hatch": "///"}
# A line is known by its colour, its dashes and its marks.
LINES = (
    (KEPT, "-", "o"),
    (CHOSEN, "--", "s"),
    ("#009E73", "-.", "^"),
    ("#555555", ":", "D"),
    ("#AA4499", (0, (6, 1, 1, 1, 1, 1)), "v"),
)
MOST_ROWS = 1_000  # of a chart: nobody could read more, nor wait for them
MOST_AXES, MOST_INCHES = 100, 500
FEW_POINTS = 40  # of a line with more points, the points are not marked


@cache
def fonts() -> list[str]:
    """Font families for charts: matplotlib's own, and one for Hangul, which that one lacks.

    The font file comes with the package koreanize-matplotlib, whose code is not run: it does not start on Python 3.12.
    """
    families = ["DejaVu Sans"]
    package = find_spec("koreanize_matplotlib")
    if package is not None:
        file = Path(package.submodule_search_locations[0]) / "fonts" / "NanumGothic.ttf"
        font_manager.fontManager.addfont(file)
        families.append(font_manager.FontProperties(fname=file).get_name())
    return families


def drawable(text: str) -> str:
    """`text` with the code, as in <U+1F98A>, of every character that is hidden or that none of the `fonts` can draw."""
    return "".join(c if ord(c) in _glyphs() else f"<U+{ord(c):04X}>" for c in printable(text))


@cache
def _glyphs() -> frozenset[int]:
    files = [font_manager.findfont(family) for family in fonts()]
    return frozenset().union(*(font_manager.get_font(file).get_charmap() for file in files))


_style = matplotlib.rc_context(
    {
        "font.family": fonts(),
        "text.parse_math": False,  # a `$` is a dollar
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
    }
)


def styled(function: Callable) -> Callable:
    """For every function that makes text or axes, when matplotlib reads its settings; the arguments are checked."""
    return checked(_style(function))


@styled
def chart(
    width: float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    *,
    title: str = "",
    titles: Iterable[str] = (),
    **layout: Any,
) -> tuple[Figure, Any]:
    """A figure of so many inches, and its axes: one, or an array of them if there are more `rows` or `columns`.

    `title` stands above the whole, `titles` above each of the axes; `layout` is that of `Figure.subplots`.

    >>> figure, (before, after) = chart(8, 3.6, rows=2, titles=["no cut", "top-k 10"])
    """
    for name, count in (("rows", rows), ("columns", columns)):
        if not 1 <= count <= MOST_AXES:
            raise ValueError(f"{name} must be from 1 to {MOST_AXES}, got {given(count)}")
    for name, inches in (("width", width), ("height", height)):
        if not 0 < inches <= MOST_INCHES:
            raise ValueError(f"{name} must be above 0 and at most {MOST_INCHES} inches, got {given(inches)}")
    figure = Figure(figsize=(float(width), float(height)), layout="constrained")
    axes = figure.subplots(rows, columns, **layout)
    if title:
        figure.suptitle(drawable(title), x=0.01, ha="left")
    for ax, text in zip(figure.axes, titles, strict=False):
        ax.set_title(drawable(text))
    return figure, axes


def after(text: str, room: int = 50) -> str:
    """The title of a chart of what comes after `text`."""
    return f"After “{ending(drawable(text[-room - 1 :]), room)}”"


@styled
def plot_bars(
    ax: Axes,
    labels: Sequence[str],
    values: Sequence[float],
    texts: Sequence[str] = (),
    *,
    hatched: Iterable[int] = (),
    xlabel: str = "",
    fontsize: float = 10,
    **style: Any,
) -> None:
    """A bar from 0 to each of `values`, from top to bottom, with a text beside it; those in `hatched` are hatched."""
    _check_rows(labels, values=values)
    bars = ax.barh(range(len(values)), [float(value) for value in values], **{"color": KEPT} | style)
    for row in hatched:
        if not (is_integer(row) and -len(values) <= row < len(values)):
            raise ValueError(f"hatched must be numbers of rows, from 0 to {len(values) - 1}, got {given(row)}")
        bars[row].set(**HATCHED)
    write_values(ax, bars, texts, fontsize)
    _label_rows(ax, labels, xlabel)


@checked
def plot_shares(ax: Axes, shares: Sequence[tuple[str, float]], xlabel: str) -> None:
    """Bars for (label, share) that add up to 1; the last, hatched, is that of all others together."""
    if not shares:
        raise ValueError("shares must be at least one, got none")
    labels, values = zip(*shares, strict=True)
    plot_bars(ax, labels, values, [percent(share) for share in values], hatched=[len(labels) - 1], xlabel=xlabel)
    ax.set(xlim=(0, 1.1), xticks=[0, 0.25, 0.5, 0.75, 1])


@styled
def plot_scores(
    ax: Axes, labels: Sequence[str], scores: Sequence[float], texts: Sequence[str] = (), *, xlabel: str = "logit"
) -> None:
    """A dot at each of `scores`, from top to bottom, and the gap from it to the largest, with a text to the right.

    Scores have no zero to begin at: only their differences mean something, so nothing is drawn from 0. Without `texts`
    each score is written with its gap.

    >>> plot_scores(ax, ["time", "fox"], [3.0, 2.0])
    """
    _check_rows(labels, scores=scores)
    if not len(scores):
        raise ValueError("scores must be at least one, got none")
    values, rows = [float(score) for score in scores], range(len(scores))
    largest = max(values)
    gaps = [f" ({largest - value:.1f} less)" if value < largest else "" for value in values]
    ax.hlines(rows, values, largest, color=OTHERS, lw=2, zorder=1)
    ax.axvline(largest, color="#555555", lw=1, ls="--", zorder=1)
    ax.plot(values, rows, "o", color=KEPT, ms=8)
    for row, text in enumerate(list(texts) or [f"{value:.1f}{gap}" for value, gap in zip(values, gaps, strict=True)]):
        ax.annotate(drawable(text.replace("-", "−")), (largest, row), (10, 0), textcoords="offset points", va="center")
    ax.margins(x=0.05)
    _label_rows(ax, labels, xlabel)


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
        raise ValueError(f"pairs must be two, got {len(pairs)}")
    for values in pairs.values():
        _check_rows(labels, pairs=values)
        if len(values) < len(labels):
            raise ValueError(f"pairs must each have a value for each of {len(labels)} labels, got {len(values)}")
    for (name, values), side, style in zip(pairs.items(), (-0.2, 0.2), (HATCHED, {"color": KEPT}), strict=True):
        rows = [row + side for row in range(len(labels))]
        bars = ax.barh(rows, [float(value) for value in values], 0.4, label=drawable(name), **style)
        write_values(ax, bars, (texts or {}).get(name, ()), fontsize=8)
    _label_rows(ax, labels, xlabel)
    ax.legend(loc="best")


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
) -> None:
    """A line over `x` for each of `lines`, with its name in a legend; one that has fewer points ends earlier.

    With `log` the vertical axis is logarithmic. With `ends` the lines are thin and grey, and each has its name at its
    end: what something else is held against.
    """
    x, named = list(x), sum(not line.get_label().startswith("_") for line in ax.lines)
    for name, values in lines.items():
        if not len(values) <= len(x):
            raise ValueError(
                f"lines must have at most {len(x)} points, as many as x, got {len(values)} for {given(name)}"
            )
    for (name, values), (color, dashes, mark) in zip(lines.items(), islice(cycle(LINES), named, None), strict=False):
        if ends and len(values):
            ax.plot(x[: len(values)], values, color="#555555", lw=1)
            ax.annotate(
                drawable(name), (x[len(values) - 1], values[-1]), (4, 0), textcoords="offset points", va="center"
            )
            continue
        few = len(values) <= FEW_POINTS
        style = {"color": color, "linestyle": dashes, "marker": mark if few else None, "ms": 5}
        ax.plot(x[: len(values)], values, label=drawable(name), **style)
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
    ax.set(xlabel=drawable(xlabel) or ax.get_xlabel(), ylabel=drawable(ylabel) or ax.get_ylabel())
    if any(line.get_label() and not line.get_label().startswith("_") for line in ax.lines):
        ax.legend()


@styled
def plot_futures(ax: Axes, rows: Sequence[Mapping[str, float]], outlined: Collection[str] = ()) -> None:
    """Texts end to end on bars of length 1, a bar for each length of the texts, those in `outlined` outlined.

    The texts of a row stand below the texts that they continue, which they follow in the same order. A piece is as wide
    as its text is likely, and bears the last word of it.

    >>> plot_futures(ax, [{"a": 0.6, "b": 0.4}, {"a c": 0.3, "a d": 0.3, "b c": 0.4}], outlined=["b c"])
    """
    outlined = set(outlined)
    room = 13 * ax.figure.get_figwidth()  # how many characters fit on a bar
    for row, texts in enumerate(rows):
        left = 0.0
        for text, prob in texts.items():
            ax.barh(row, prob, 0.8, left=left, color=KEPT, edgecolor="white")
            if text in outlined:
                ax.barh(row, prob, 0.8, left=left, fill=False, edgecolor=CHOSEN, linewidth=3, zorder=3)
            lines = [drawable((text.split() or [""])[-1]), percent(prob)]
            if prob * room > max(map(columns, lines)) + 1:
                style = {"color": "white", "fontsize": 9, "ha": "center", "va": "center"}
                ax.text(left + prob / 2, row, "\n".join(lines), **style)
            left += prob
    _label_rows(ax, [f"word {row + 1}" for row in range(len(rows))], "the chances end to end")
    ax.set(xlim=(0, 1), xticks=[0, 0.25, 0.5, 0.75, 1])
    ax.spines["left"].set_visible(False)


@styled
def write_values(ax: Axes, bars: Iterable[Any], texts: Iterable[str], fontsize: float = 10) -> None:
    """The text of each bar, to its right; of a bar that goes to the left, to the right of 0."""
    for bar, text in zip(bars, texts, strict=False):
        end = max(bar.get_x(), bar.get_x() + bar.get_width()), bar.get_y() + bar.get_height() / 2
        ax.annotate(drawable(text), end, (4, 0), textcoords="offset points", va="center", fontsize=fontsize)
        ax.margins(x=0.15)  # room for them


def _label_rows(ax: Axes, labels: Sequence[str], xlabel: str) -> None:
    ax.set_yticks(range(len(labels)), [drawable(label) for label in labels])
    ax.set(ylim=(len(labels) - 0.5, -0.5), xlabel=drawable(xlabel))


def _check_rows(labels: Sequence[str], **columns: Sequence[float]) -> None:
    """Raise ValueError unless each of `columns` has no more values than there are `labels`, and all can be drawn."""
    if len(labels) > MOST_ROWS:
        raise ValueError(f"labels must be at most {MOST_ROWS:,}, got {len(labels):,}")
    for name, values in columns.items():
        if len(values) > len(labels):
            raise ValueError(f"{name} must be no more than labels, {len(labels)}, got {len(values)}")
        if any(math.isinf(value) for value in map(float, values)):
            raise ValueError(f"{name} must be finite numbers, or NaN for no mark, got one that is infinite")
