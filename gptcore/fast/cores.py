"""Small work on one core. Where work is cut too small, threads wait for each other longer than they work.

PyTorch divides an operation on `GRAIN` values or more among its threads. A thread whose core has slept for a moment, or
has other work, keeps the others waiting for ten times the work. How many threads there are is a setting of the whole
process, so it is not for a small call to change; but a thread that has settled on one keeps it.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from gptcore.interrupts import held

P = ParamSpec("P")
T = TypeVar("T")

GRAIN = 2**15  # values that PyTorch leaves to one thread, if they are fewer
SMALL = 2**16  # values: one row of GPT-2's 50,257 logits is small, a batch of rows is not

_lock = threading.Lock()
_worker: ThreadPoolExecutor | None = None


def on_one_core(tensor: Tensor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(…)`, whose operations are on as many values as `tensor` has: without other threads' help if few.

    It runs on another thread, so it may depend on nothing that belongs to this one, as gradients do.
    """
    few = GRAIN <= tensor.numel() <= SMALL and tensor.device.type == "cpu"
    if not few or torch.get_num_threads() == 1:
        return function(*args, **kwargs)
    return _thread_with_one_core().submit(function, *args, **kwargs).result()


def _thread_with_one_core() -> ThreadPoolExecutor:
    """The thread, made when it is first needed. It alone uses one core; all others go on as they were."""
    global _worker
    with held(), _lock:
        if _worker is None:
            threads = torch.get_num_threads()
            worker = ThreadPoolExecutor(1, "gptcore-one-core")
            worker.submit(settle, 1).result()
            torch.set_num_threads(threads)  # what threads that are yet to come begin with
            _worker = worker
    return _worker


def settle(threads: int) -> None:
    """Give a new thread of Python's so many of PyTorch's, for good."""
    torch.get_num_threads()  # a thread that has not asked yet would take the number for new threads, later
    torch.set_num_threads(threads)


def _forget() -> None:
    """A process that has been forked has none of its parent's threads."""
    global _worker, _lock
    _worker, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
