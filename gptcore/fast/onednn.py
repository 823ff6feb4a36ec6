"""Products of one 16-bit row without oneDNN, which is made for many rows: PyTorch's own reads weights twice as fast.

PyTorch has one switch for oneDNN, for the whole process, and no other way to its own product. So it is off for the time
of a product alone: the first of several threads turns it off, and the last puts it back as it was.
"""

import threading

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.interrupts import held

_lock = threading.Lock()
_products, _before = 0, True


def linear_without_onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.linear`. An interrupt comes after it."""
    with held():
        _turn_off()
        try:
            return F.linear(x, weight, bias)
        finally:
            _put_back()


def _turn_off() -> None:
    global _products, _before
    with _lock:
        if _products == 0:
            _before = torch.backends.mkldnn.enabled
            torch.backends.mkldnn.enabled = False
        _products += 1


def _put_back() -> None:
    global _products
    with _lock:
        _products -= 1
        if _products == 0:
            torch.backends.mkldnn.enabled = _before
