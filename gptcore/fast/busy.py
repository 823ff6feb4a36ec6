"""Cores that other programs are at work on. Threads that share an operation wait for the last of them.

OpenMP lets them wait in a loop, which is the quickest where each has a core to itself. Where a core is taken, the loop
keeps that core from the very thread that is waited for, and all collapses to a fraction of what one thread does. GNU's
OpenMP, which PyTorch has on Linux, gives up such "spinning" almost at once if it manages more threads than the process
has cores. So while others are at work, a few threads are kept that have a team of OpenMP's threads each, and sleep.
That changes no result. And where others leave one core, one thread does all the work inside `free_cores`, which may
round the last bit of a sum in another way.

Nothing happens on other systems, or where OMP_WAIT_POLICY or GOMP_SPINCOUNT already says how to wait.
"""

import math
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from time import monotonic, process_time

import torch

from gptcore.fast.cores import GRAIN, settle
from gptcore.interrupts import held, restoring

EVERY = 0.25  # seconds from one look to the next
LITTLE = 0.25  # of a core, which a machine needs for itself and for the pages in a browser
LARGE = 2**25  # parameters of a model whose operations take longer than it takes to wait for a core

_lock = threading.Lock()
_due = math.inf  # when to look again
_seen = 0.0, 0.0  # at the last look: the time, and for how long others had been at work until then
_others = 0.0  # cores that others took between the last two looks
_waiting = deque([0.0] * 3, maxlen=3)  # at the last looks: how many threads of others had a core or waited for one
_alone = False, False  # whether one thread is quicker than several: with small operations, with large ones
_sleepers: list[threading.Event] = []  # each ends a thread when it is set


class _Here(threading.local):
    """Of a thread that is inside `free_cores`."""

    threads = 0  # that PyTorch gives it outside; 0 is not inside
    large = False  # whether its operations are large
    alone = False  # whether it has only one now


_here = _Here()


def share_cores() -> float:
    """How many cores others take; it is looked up a few times a second, and then spinning goes off or on.

    Inside `free_cores` the number of threads is corrected, too. It costs a ten-thousandth of a millisecond, so call it
    before every piece of work that has several threads.
    """
    others = _others if monotonic() < _due else _look()
    if _here.threads and _here.alone != _alone[_here.large]:
        _here.alone = not _here.alone
        torch.set_num_threads(1 if _here.alone else _here.threads)
    return others


@restoring
def free_cores(parameters: int = 0) -> Iterator[None]:
    """In this block one thread does all the work wherever `share_cores` finds that others leave no more than one core.

    Several threads that share cores wait for each other to be given one, which takes longer than a small operation. A
    model of very many `parameters` keeps all threads where others want all cores: one would be given less of them.

    A thread of Python's that computes for the first time in its life while another is here, alone, has one thread, too.
    """
    threads = torch.get_num_threads()
    if _due == math.inf or threads == 1 or _here.threads:
        yield
        return
    try:
        _here.threads, _here.large = threads, parameters >= LARGE
        share_cores()
        yield
    finally:
        alone, _here.alone, _here.threads = _here.alone, False, 0
        if alone:
            torch.set_num_threads(threads)


def whole_threads() -> int:
    """How many threads PyTorch has, for this thread of Python's, where nobody else is at work."""
    return _here.threads or torch.get_num_threads()


def crowded(others: float, threads: int, cores: int) -> bool:
    """Whether so many threads have to share cores with `others`, who are at work on that many."""
    return threads > 1 and threads + others > cores + LITTLE


def teams_to_sleep(threads: int, cores: int) -> int:
    """How many teams of `threads` there must be, besides the first, for OpenMP to have more threads than cores.

    A team is a thread of Python's and its helpers, and OpenMP counts the helpers and the main thread.
    """
    return (cores - 1) // (threads - 1)


def _look() -> float:
    global _due, _seen, _others, _alone
    threads, cores = whole_threads(), _cores()
    with held(), _lock:
        try:
            seen = _count()
            period = seen[0] - _seen[0]
            if period >= EVERY:  # unless another thread was quicker
                _others = max(0.0, (seen[1] - _seen[1]) / period)
                _waiting.append(_running() - 1)
                if period > 2 * EVERY:  # who was at work a while ago may have ended
                    _others = min(_others, _waiting[-1])
                _seen, _due = seen, seen[0] + EVERY
                crowd = crowded(_others, min(threads, 2), cores)
                _alone = crowd, crowd and min(_waiting) < cores
                _keep_asleep(teams_to_sleep(threads, cores) if crowded(_others, threads, cores) else 0)
        except (OSError, ValueError, RuntimeError):  # no file can be opened, or no thread started: do without
            _others, _alone, _due = 0.0, (False, False), math.inf
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


def _running() -> float:
    """How many threads of all programs, with this one, have a core at the moment or wait for one."""
    with open("/proc/stat") as file:
        return next(float(line.split()[1]) for line in file if line.startswith("procs_running"))


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
        work = whole_threads(), sleeper, awake
        threading.Thread(target=_sleep, args=work, name="gptcore-asleep", daemon=True).start()
    for _sleeper in _sleepers:
        awake.acquire()  # a process must not end while a thread of it is inside PyTorch: it would be aborted


def _sleep(threads: int, end: threading.Event, awake: threading.Semaphore) -> None:
    """Have a team, which is made by its first piece of work and goes when this thread ends, and do nothing."""
    try:
        settle(threads)
        torch.zeros(threads * GRAIN, device="cpu")
    finally:
        awake.release()
    end.wait()


def _begin() -> None:
    """Forget all threads, which a process that has been forked does not have, and count from now on."""
    global _lock, _due, _seen, _others, _alone
    _lock, _due, _others, _alone = threading.Lock(), math.inf, 0.0, (False, False)
    _waiting.extend([0.0] * 3)
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
