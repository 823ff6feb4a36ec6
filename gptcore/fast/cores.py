"""How many threads PyTorch uses. Where work is cut too small, threads wait for each other longer than they work."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from gptcore.interrupts import restoring

SMALL = 2**16  # values: one row of GPT-2's 50,257 logits is small, a batch of rows is not


@restoring
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread.

    A thread whose core has slept for a moment, or has other work, keeps the others waiting for ten times the work.
    """
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)


def threads_for(tensor: Tensor) -> AbstractContextManager[None]:
    """`one_thread` for work on a small tensor on the CPU; otherwise nothing changes."""
    return one_thread() if tensor.device.type == "cpu" and tensor.numel() <= SMALL else nullcontext()
