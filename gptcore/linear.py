"""A matrix product for a model that writes: one row at a time, and all cores at work.

While it writes, a model multiplies every matrix that it has by a single row, and the time goes into reading the matrix
from memory. PyTorch gives the product of one row to one core, which reads less than memory could deliver. A *batch* of
products it spreads over all cores, so here the matrix is seen as a batch: each core has a share of the outputs. The
numbers are those of `nn.Linear` up to rounding, and the parameters are too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW_ROWS = 64  # with more, arithmetic takes the time, and nn.Linear is as quick
LARGE = 2**18  # numbers in a matrix that is worth sharing out: a smaller one is read in less time than that takes


class Linear(nn.Linear):
    """`nn.Linear`, with a large matrix and a few rows quicker on the CPU: (…, in_features) → (…, out_features).

    Only without gradients: training goes the common way.
    """

    def forward(self, x: Tensor) -> Tensor:
        rows = x.numel() // x.shape[-1]
        if x.device.type != "cpu" or torch.is_grad_enabled() or rows == 0:
            return super().forward(x)
        dtype, large = self.weight.dtype, self.weight.numel() >= LARGE
        if dtype == torch.float32 and large and rows <= FEW_ROWS:
            return product_on_all_cores(x, self.weight, self.bias)
        if dtype in (torch.float16, torch.bfloat16) and rows == 1:
            # oneDNN is made for many rows: PyTorch's own product reads one row's weights twice as fast.
            with _without_onednn():
                return super().forward(x)
        if dtype == torch.float16:  # most processors have no quick product of many rows of these
            bias = None if self.bias is None else self.bias.float()
            return F.linear(x.float(), self.weight.float(), bias).half()
        return super().forward(x)


def product_on_all_cores(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (…, in) times weight (out, in), plus bias (out,): (…, out). The outputs are shared out among the cores."""
    cores = min(torch.get_num_threads(), weight.shape[0])
    each = weight.shape[0] // cores
    columns = x.flatten(0, -2).t()  # (in, N)
    shares = weight[: cores * each].unflatten(0, (cores, each))  # (cores, each, in)
    y = torch.bmm(shares, columns.expand(cores, *columns.shape)).flatten(0, 1)  # (cores * each, N)
    if cores * each < weight.shape[0]:
        y = torch.cat([y, weight[cores * each :] @ columns])
    if bias is not None:
        y = y + bias[:, None]
    return y.t().reshape(*x.shape[:-1], weight.shape[0])


@contextmanager
def _without_onednn() -> Iterator[None]:
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before
