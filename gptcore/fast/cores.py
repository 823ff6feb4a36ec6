"""How many cores PyTorch uses. Where work is cut too small, they wait for each other longer than they work."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

SMALL = 2**16  # numbers: one row of GPT-2's 50,257 logits is small, a batch of them is not


@contextmanager
def one_core() -> Iterator[None]:
    """Let PyTorch use one core.

    Cores that have slept for a moment, or that others use too, keep the first one waiting for ten times the work.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cores_for(tensor: Tensor) -> AbstractContextManager[None]:
    """`one_core` for work on a small tensor on the processor, and else nothing new."""
    return one_core() if tensor.device.type == "cpu" and tensor.numel() <= SMALL else nullcontext()
