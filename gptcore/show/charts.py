"""One look for all charts: `chart` makes a figure and its axes; what is written on them, and said of them in words."""

import io
import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import given
from gptcore.language import _
from gptcore.printable import printable
from gptcore.show.arguments import checked
from gptcore.show.style import CHOSEN, KEPT, columns, ending, shortened

INK, QUIET, GUIDE = "#212121", "#616161", "#E3E3E3"  # of texts, of axes, and of lines that only lead the eye
SMALL = 9.5  # points: 13 pixels, and no text is smaller
# A line is known by its colour, its dashes and its marks.
LINES = (
    (KEPT, "-", "o"),
    (CHOSEN, "--", "s"),
    ("#00805E", "-.", "^"),
    ("#555555", ":", "D"),
    ("#AA4499", (0, (6, 1, 1, 1, 1, 1)), "v"),
)
WIDTH, HEIGHT = 8.4, 5.5  # inches: what fits, unscaled, into the column of a notebook on a projector of 1,280 pixels
DPI = 100
TICKS = {"color": QUIET, "labelcolor": INK, "labelsize": 10}
MOST_AXES, MOST_INCHES = 100, 500


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
        "font.size": 11,
        "text.parse_math": False,  # a `$` is a dollar
        "text.color": INK,
        "axes.edgecolor": QUIET,
        "axes.labelcolor": INK,
        "axes.prop_cycle": cycler(color=[color for color, *_ in LINES]),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 12,
        "figure.titlesize": 12,
        "hatch.linewidth": 1,
        "legend.frameon": False,
        **{f"{axis}tick.{name}": value for axis in "xy" for name, value in TICKS.items()},
    }
)


def styled(function: Callable) -> Callable:
    """For every function that makes text or axes, when matplotlib reads its settings; the arguments are checked."""
    return checked(_style(function))


class Chart(Figure):
    """A figure that says in words what it shows, for those who do not see it.

    The words are the label of the figure, or if it has none, those of its axes: each `plot_*` writes them there.
    """

    @property
    def words(self) -> str:
        """What is to be seen."""
        parts = [self.get_suptitle(), *(_words(ax) for ax in self.axes)]
        said = self.get_label() or " ".join(map(_sentence, filter(None, parts)))
        return printable(" ".join(said.split()))

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return picture_bundle(self, self.words)


def picture_bundle(figure: Figure, words: str) -> tuple[dict[str, str], dict[str, Any]]:
    """A figure as Jupyter displays it, with `words` as its alternative text.

    It has dark lines on white, and says so: in a dark theme the stylesheet of the widgets turns it around.
    """
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.06)
    picture = b64encode(file.getvalue()).decode("ascii")
    return {"image/png": picture}, {"image/png": {"alt": words}, "needs_background": "light"}


def _words(ax: Axes) -> str:
    said = ax.get_label()
    return ": ".join(filter(None, (ax.get_title(loc="left"), said))) if said else ""


def _sentence(words: str) -> str:
    return words if words.endswith((".", "?", "!")) else f"{words}."


def say(ax: Axes, words: str) -> None:
    """Add a sentence to what is said of `ax` in words."""
    ax.set_label(" ".join(filter(None, (ax.get_label(), _sentence(words)))))


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
) -> tuple[Chart, Any]:
    """A figure of so many inches, and its axes: one, or an array of them if there are more `rows` or `columns`.

    `title` stands above the whole, `titles` above each of the axes; `layout` is that of `Figure.subplots`. The figure's
    alternative text is made of what is drawn, or it is the figure's label: `figure.set_label("Two curves that cross")`.

    >>> figure, (before, after) = chart(8, 3.6, rows=2, titles=["no cut", "top-k 10"])
    """
    for name, count in (("rows", rows), ("columns", columns)):
        if not 1 <= count <= MOST_AXES:
            raise ValueError(
                _("{name} must be from 1 to {most}, got {value}").format(name=name, most=MOST_AXES, value=given(count))
            )
    for name, inches in (("width", width), ("height", height)):
        if not 0 < inches <= MOST_INCHES:
            raise ValueError(
                _("{name} must be above 0 and at most {most} inches, got {value}").format(
                    name=name, most=MOST_INCHES, value=given(inches)
                )
            )
    figure = Chart(figsize=(float(width), float(height)), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, **layout)
    if title:
        figure.suptitle(drawable(title), x=0.01, ha="left")
    for ax, text in zip(figure.axes, titles, strict=False):
        ax.set_title(drawable(text))
    return figure, axes


def after(text: str, room: int = 50) -> str:
    """The title of a chart of what comes after `text`."""
    return _("After “{text}”").format(text=ending(drawable(text[-room - 1 :]), room))


def wrapped(text: str, width: int, most: int) -> str:
    """The first `most` lines of `text`, each at most `width` columns wide, for a chart."""
    lines = [""]
    for word in drawable(text).split():
        word = shortened(word, width // 2)  # a word that is all Hangul is twice as wide
        if columns(f"{lines[-1]} {word}") > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join([*lines[: most - 1], " ".join(lines[most - 1 : most]) + " …"] if len(lines) > most else lines)


@styled
def write_beside(
    ax: Axes, text: str, place: tuple[float, float], *, room: float = 4, rise: float = 0, **style: Any
) -> None:
    """`text` to the right of `place`, after so many points of `room`; beyond the axes, the layout makes room for it."""
    style = {"va": "center", "annotation_clip": False} | style
    ax.annotate(drawable(text), place, (room, rise), textcoords="offset points", **style)


def legend(ax: Axes) -> None:
    """The names of what is drawn, above the axes, where they hide nothing."""
    names = ax.get_legend_handles_labels()[1]
    if not names:
        return
    widths = [columns(name) + 8 for name in names]  # in letters, with the mark before the name
    room = 15 * ax.figure.get_figwidth() * ax.get_position().width
    ncols = len(names) if sum(widths) <= room else max(1, int(room / max(widths)))
    style = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.1, "borderpad": 0.1}
    ax.legend(ncols=ncols, columnspacing=1.6, handlelength=2.4, **style)
    lines = math.ceil(len(names) / ncols)
    room_above(ax, 19 * lines)


@styled
def room_above(ax: Axes, points: float) -> None:
    """Leave so many points between the axes and their title."""
    ax.set_title(ax.get_title(loc="left"), pad=6 + points)


def say_rows(ax: Axes, name: str, labels: Sequence[str], values: Sequence[Any]) -> None:
    """Say the value of each row in words."""
    said = (value if isinstance(value, str) else f"{float(value):.3g}" for value in values)
    rows = " · ".join(f"{label} {value}" for label, value in zip(labels, said, strict=False))
    say(ax, f"{name}: {rows}" if name else rows)
