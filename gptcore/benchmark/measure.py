"""How a figure comes about: warm-up, runs that take turns, medians."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import torch


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure, and how many times that of the peer it is."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    peer: str | None = None
    note: str = ""


def interleaved_seconds(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of every run of every job. The jobs take turns, so that what slows the machine slows them all."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            _wait_for_device()
            began = perf_counter()
            job()
            _wait_for_device()
            seconds[name].append(perf_counter() - began)
    return seconds


def rates(seconds: dict[str, list[float]], amount: float, unit: str, peer: str, notes: dict | None = None) -> list[Row]:
    """Rows of `amount` per second; the ratio is the median of the ratios of runs side by side."""
    rows = []
    for name, times in seconds.items():
        ratio = statistics.median(theirs / ours for ours, theirs in zip(times, seconds[peer], strict=True))
        note = (notes or {}).get(name, "")
        rows.append(Row(name, amount / statistics.median(times), unit, ratio, peer, note))
    return rows


def durations(seconds: dict[str, list[float]], unit: str, peer: str) -> list[Row]:
    """Rows of time; `unit` is "s" or "ms". The ratio says how many times the peer's time a job took."""
    rows = []
    for name, times in seconds.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(times, seconds[peer], strict=True))
        rows.append(Row(name, statistics.median(times) * (1000 if unit == "ms" else 1), unit, ratio, peer))
    return rows


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
