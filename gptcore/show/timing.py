"""How long a token takes, drawn against the length of the text."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from gptcore.show.style import CHOSEN, KEPT

# A line is known by its colour, its dashes and its marks.
_STYLES = ((KEPT, "-", "o"), (CHOSEN, "--", "s"), ("#009E73", "-.", "^"), ("#555555", ":", "D"))


def plot_time_per_token(ax: Axes, lengths: Sequence[int], seconds: Mapping[str, Sequence[float]]) -> None:
    """One line for each entry of `seconds`, in milliseconds over the length of the text; a legend names them."""
    for (name, times), (color, dashes, mark) in zip(seconds.items(), cycle(_STYLES), strict=False):
        ax.plot(lengths, [1000 * t for t in times], dashes, color=color, marker=mark, ms=5, label=name)
    ax.set_xlabel("tokens in the text")
    ax.set_ylabel("milliseconds for the next token")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
