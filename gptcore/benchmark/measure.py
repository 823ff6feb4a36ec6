"""How the figures are measured: warm-up, runs that take turns, medians."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, sleep

import torch

from gptcore.language import _

PAUSE = 0.3  # seconds
Jobs = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure, and its ratio to that of a peer."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    peer: str | None = None
    note: str = ""


def interleaved_seconds(jobs: Jobs, repeats: int, warm_up: int = 0) -> dict[str, list[float]]:
    """Seconds of every run of every job, after `warm_up` runs that do not count.

    The jobs take turns, so that anything else that slows the machine slows them all, with a pause between them: threads
    wait in a loop for a while after their work.
    """
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _run in range(warm_up + repeats):
        for name, job in jobs.items():
            _wait_for_device()
            sleep(PAUSE)
            began = perf_counter()
            job()
            _wait_for_device()
            seconds[name].append(perf_counter() - began)
    return {name: times[warm_up:] for name, times in seconds.items()}


def rates(seconds: dict[str, list[float]], amount: float, unit: str, peer: str) -> list[Row]:
    """Rows of `amount` per second; the ratio says how many times as fast as the peer a job is."""
    return [
        Row(name, amount / statistics.median(times), unit, _ratio(seconds[peer], times), peer)
        for name, times in seconds.items()
    ]


def durations(seconds: dict[str, list[float]], unit: str, peer: str) -> list[Row]:
    """Rows of time; `unit` is "s" or "ms". The ratio says how many times as long as the peer a job takes."""
    scale = 1000 if unit == "ms" else 1
    return [
        Row(name, scale * statistics.median(times), unit, _ratio(times, seconds[peer]), peer)
        for name, times in seconds.items()
    ]


def not_measured(why: str) -> list[Row]:
    """The row of a section that cannot run here."""
    return [Row(_("not measured: {why}").format(why=why), 0, "")]


def _ratio(times: list[float], others: list[float]) -> float:
    """The median of the ratios of runs side by side."""
    return statistics.median(time / other for time, other in zip(times, others, strict=True))


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
