"""How long a token takes, drawn against the length of the text."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from gptcore.checks import given
from gptcore.language import _
from gptcore.show.arguments import checked
from gptcore.show.plots import plot_lines


@checked
def plot_time_per_token(
    ax: Axes, lengths: Sequence[int], seconds: Mapping[str, Sequence[float]], log: bool = False, ends: bool = False
) -> None:
    """One line for each entry of `seconds`, in milliseconds over the length of the text; see `plot_lines`."""
    if any(len(times) > len(lengths) for times in seconds.values()):
        raise ValueError(
            _("lengths must be as many as the longest of seconds has, got {value}").format(value=given(lengths))
        )
    milliseconds = {name: [1000 * time for time in times] for name, times in seconds.items()}
    plot_lines(
        ax,
        lengths,
        milliseconds,
        xlabel=_("tokens in the text"),
        ylabel=_("milliseconds for the next token"),
        log=log,
        ends=ends,
    )
    ax.set_xlim(left=0)
    if not log:
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_formatter("{x:,.4g}")
