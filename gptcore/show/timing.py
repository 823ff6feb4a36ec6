"""How long a token takes here: measured on the loop itself, and drawn against the length of the text."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from time import perf_counter

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from gptcore.generation import check_count, generate_steps
from gptcore.model import GPTModel, resolve_device
from gptcore.show.style import CHOSEN, KEPT

# A line is known by its colour, its dashes and its marks.
_STYLES = ((KEPT, "-", "o"), (CHOSEN, "--", "s"), ("#009E73", "-.", "^"), ("#555555", ":", "D"))


def time_per_token(model: GPTModel, lengths: Sequence[int], use_cache: bool = True, repeats: int = 5) -> list[float]:
    """Seconds that `generate_steps` takes for one token, where the text has one of the `lengths`, in tokens.

    The text is written by the model's own loop: it is read once, which is not counted, and then `repeats` tokens are.
    The fastest counts, since whatever else the machine does can only make a token slower. A step ends with a number on
    the CPU, so that another device has done its work by then.

    Raises TypeError or ValueError if a length or `repeats` is below 1.
    """
    _check_positive("repeats", repeats)
    for length in lengths:
        _check_positive("a length", length)
    return [_fastest_step(model, length, use_cache, repeats) for length in lengths]


def _fastest_step(model: GPTModel, length: int, use_cache: bool, repeats: int) -> float:
    token_ids = torch.arange(length, device=model.device) % model.config.vocab_size  # the time is the same for any text
    steps = generate_steps(model, token_ids, repeats + 1, temperature=0, seed=0, use_cache=use_cache)
    next(steps)
    times = []
    for _ in range(repeats):
        start = perf_counter()
        next(steps)
        times.append(perf_counter() - start)
    return min(times)


def read_bandwidth(device: torch.device | str = "cpu", megabytes: int = 256, repeats: int = 5) -> float:
    """Bytes per second at which `device` reads memory: the fastest of some sums over as many megabytes.

    They must be more than its caches hold, or it is those that are measured.

    Raises TypeError or ValueError if there is no such device, or if `megabytes` or `repeats` is below 1.
    """
    _check_positive("megabytes", megabytes)
    _check_positive("repeats", repeats)
    numbers = torch.ones(megabytes * 10**6 // 4, device=resolve_device(device))
    numbers.sum().item()  # the first time, memory is prepared
    times = []
    for _ in range(repeats):
        start = perf_counter()
        numbers.sum().item()  # a number on the CPU: the device is done
        times.append(perf_counter() - start)
    return numbers.nbytes / min(times)


def _check_positive(name: str, value: int) -> None:
    check_count(name, value)
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


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
