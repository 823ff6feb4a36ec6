"""Cores that other programs are at work on. Threads that share an operation wait for the last of them.

OpenMP lets them wait in a loop, which is the quickest where each has a core to itself. Where a core is taken, the loop
keeps that core from the very thread that is waited for, and all collapses to a fraction of what one thread does. GNU's
OpenMP, which PyTorch has on Linux, gives up such "spinning" almost at once if it manages more threads than the process
has cores. So while others are at work, a few threads are kept that have a team of OpenMP's threads each, and sleep.
That changes no result. One thread instead of several may round the last bit of a float32 product in another way.

Nothing happens on other systems, or where OMP_WAIT_POLICY or GOMP_SPINCOUNT already says how to wait.
"""

import math
import os
import sys
import threading
from collections.abc import Callable
from time import monotonic, process_time
from typing import ParamSpec, TypeVar

import torch

from gptcore.fast.cores import GRAIN, on_one_thread
from gptcore.interrupts import held

P = ParamSpec("P")
T = TypeVar("T")

EVERY = 0.25  # seconds from one look to the next
LITTLE = 0.25  # of a core, which a machine needs for itself and for the pages in a browser

_lock = threading.Lock()
_due = math.inf  # when to look again
_seen = 0.0, 0.0  # at the last look: the time, and for how long others had been at work until then
_others = 0.0  # cores that others took between the last two looks
_sleepers: list[threading.Event] = []  # each ends a thread when it is set


def share_cores() -> float:
    """How many cores others take; it is looked up a few times a second, and then spinning goes off or on.

    It costs a ten-thousandth of a millisecond, so call it before every piece of work that has several threads.
    """
    return _others if monotonic() < _due else _look()


def on_free_cores(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(…)`, computed without gradients: by one thread if others leave no more than one core.

    Its results must not depend, but for rounding, on how many threads there are.
    """
    others, threads = share_cores(), torch.get_num_threads()
    if threads == 1 or not others or not crowded(others, 2, _cores()):
        return function(*args, **kwargs)
    return on_one_thread(torch.no_grad()(function), *args, **kwargs)


def crowded(others: float, threads: int, cores: int) -> bool:
    """Whether so many threads have to share cores with `others`, who are at work on that many."""
    return threads > 1 and threads + others > cores + LITTLE


def teams_to_sleep(threads: int, cores: int) -> int:
    """How many teams of `threads` there must be, besides the first, for OpenMP to have more threads than cores.

    A team is a thread of Python's and its helpers, and OpenMP counts the helpers and the main thread.
    """
    return (cores - 1) // (threads - 1)


def _look() -> float:
    global _due, _seen, _others
    threads, cores = torch.get_num_threads(), _cores()
    with held(), _lock:
        try:
            seen = _count()
            if seen[0] - _seen[0] >= EVERY:  # unless another thread was quicker
                _others = max(0.0, (seen[1] - _seen[1]) / (seen[0] - _seen[0]))
                _seen, _due = seen, seen[0] + EVERY
                _keep_asleep(teams_to_sleep(threads, cores) if crowded(_others, threads, cores) else 0)
        except (OSError, ValueError, RuntimeError):  # no file can be opened, or no thread started: do without
            _others, _due = 0.0, math.inf
    return _others


def _count() -> tuple[float, float]:
    """Seconds: the time, and for how long others have been at work on the cores that this process may use."""
    mine, ticks = {f"cpu{core}" for core in os.sched_getaffinity(0)}, 0
    with open("/proc/stat") as file:
        for line in file:
            name, *fields = line.split()
            if not name.startswith("cpu"):
                break
            if name in mine:
                user, nice, system, _idle, _waiting, *interrupts_and_stolen = map(int, fields[:8])
                ticks += user + nice + system + sum(interrupts_and_stolen)
    return monotonic(), ticks / os.sysconf("SC_CLK_TCK") - process_time()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _keep_asleep(teams: int) -> None:
    if len(_sleepers) == teams:
        return
    for sleeper in _sleepers:
        sleeper.set()
    _sleepers[:] = [threading.Event() for _ in range(teams)]
    awake = threading.Semaphore(0)
    for sleeper in _sleepers:
        threading.Thread(target=_sleep, args=[sleeper, awake], name="gptcore-asleep", daemon=True).start()
    for _sleeper in _sleepers:
        awake.acquire()  # a process must not end while a thread of it is inside PyTorch: it would be aborted


def _sleep(end: threading.Event, awake: threading.Semaphore) -> None:
    """Have a team, which is made by its first piece of work and goes when this thread ends, and do nothing."""
    try:
        torch.zeros(torch.get_num_threads() * GRAIN, device="cpu")
    finally:
        awake.release()
    end.wait()


def _begin() -> None:
    """Forget all threads, which a process that has been forked does not have, and count from now on."""
    global _lock, _due, _seen, _others
    _lock, _due, _others = threading.Lock(), math.inf, 0.0
    _sleepers.clear()
    if sys.platform == "linux" and not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        try:
            _seen = _count()
        except (OSError, ValueError):  # a system that does not tell
            return
        _due = _seen[0] + EVERY


_begin()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin)
