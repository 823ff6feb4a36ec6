"""A matrix product for a model that writes: one row at a time, and all cores at work.

While it writes, a model multiplies every matrix that it has by a single row, and the time goes into reading the matrix
from memory. PyTorch gives the product of one row to one core, which reads less than memory could deliver. A *batch* of
products it spreads over all cores, so here the matrix is seen as a batch: each core has a share of the outputs. The
numbers are those of `nn.Linear` up to rounding, and the parameters are too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Product = Callable[[Tensor], Tensor]  # (…, in_features) → (…, out_features), (in_features,) → (out_features,)

FEW_ROWS = 64  # with more, arithmetic takes the time, and nn.Linear is as quick
LARGE = 2**18  # numbers in a matrix that is worth sharing out: a smaller one is read in less time than that takes


class Linear(nn.Linear):
    """`nn.Linear`, with a large matrix and a few rows quicker on the CPU: (…, in_features) → (…, out_features).

    Only without gradients: training goes the common way.
    """

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(x)
        return self.product(x.numel() // x.shape[-1])(x)

    def product(self, rows: int) -> Product:
        """What `forward` does to inputs of so many rows, without gradients: whoever asks once need not choose again."""
        weight, bias = self.weight, self.bias
        if weight.device.type == "cpu" and rows > 0:
            shared = torch.get_num_threads() > 1 and weight.numel() >= LARGE and rows <= FEW_ROWS
            if shared and weight.dtype == torch.float32:
                return product_on_all_cores(weight, bias)
            if weight.dtype in (torch.float16, torch.bfloat16) and rows == 1:
                return _product_without_onednn(weight, bias)
            if weight.dtype == torch.float32 and rows == 1:
                return _product_of_one_row(weight, bias)
            if weight.dtype == torch.float16:  # most processors have no quick product of many rows of these
                return lambda x: F.linear(x.float(), weight.float(), None if bias is None else bias.float()).half()
        return lambda x: F.linear(x, weight, bias)


def product_on_all_cores(weight: Tensor, bias: Tensor | None = None) -> Product:
    """x (…, in) times weight (out, in), plus bias (out,): (…, out). The outputs are shared out among the cores."""
    outputs = weight.shape[0]
    cores = min(torch.get_num_threads(), outputs)
    each = outputs // cores
    shares, rest = weight[: cores * each].unflatten(0, (cores, each)), weight[cores * each :]  # (cores, each, in)

    def product(x: Tensor) -> Tensor:
        columns = x.reshape(-1, x.shape[-1]).t()  # (in, N)
        y = torch.bmm(shares, columns.expand(cores, *columns.shape)).flatten(0, 1)  # (cores * each, N)
        if len(rest):
            y = torch.cat([y, rest @ columns])
        if bias is not None:
            y = y + bias[:, None]
        return y.t().reshape(*x.shape[:-1], outputs)

    return product


def _product_of_one_row(weight: Tensor, bias: Tensor | None) -> Product:
    """A row that comes as a vector is multiplied as one: less is asked and arranged before it is."""

    def product(x: Tensor) -> Tensor:
        if x.ndim > 1:
            return F.linear(x, weight, bias)
        return torch.mv(weight, x) if bias is None else torch.addmv(bias, weight, x)

    return product


def _product_without_onednn(weight: Tensor, bias: Tensor | None) -> Product:
    """oneDNN is made for many rows: PyTorch's own product reads one row's weights twice as fast."""

    def product(x: Tensor) -> Tensor:
        with _without_onednn():
            return F.linear(x, weight, bias)

    return product


@contextmanager
def _without_onednn() -> Iterator[None]:
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before
