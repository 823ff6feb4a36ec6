"""A matrix product for a model that writes: a few rows at a time, and all cores at work.

While it writes, a model multiplies every matrix that it has by a single row, and the time goes into reading the matrix
from memory. PyTorch gives the product of one row to one core, which reads less than memory could deliver. A *batch* of
products it spreads over all cores, so here the matrix is seen as a batch: each core has a share of the outputs.

A few rows, of several texts or of a short prompt, are multiplied as columns, weight · xᵀ instead of x · weightᵀ, which
cores share out better. The numbers are those of `nn.Linear` up to rounding, and the parameters are too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Product = Callable[[Tensor], Tensor]  # (…, in_features) → (…, out_features), (in_features,) → (out_features,)

FEW_ROWS = 128  # with more, arithmetic takes the time, and nn.Linear is as quick
TILE = 16  # columns that are multiplied at a time: of a small matrix, 13 take longer than 16
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
            several_cores = torch.get_num_threads() > 1
            if weight.dtype == torch.float32 and rows == 1:
                shared = several_cores and weight.numel() >= LARGE
                return product_on_all_cores(weight, bias) if shared else _product_of_one_row(weight, bias)
            as_columns = several_cores and rows <= FEW_ROWS and (weight.numel() >= LARGE or rows % TILE == 0)
            if weight.dtype == torch.float32 and as_columns:
                return _product_of_columns(weight, bias)
            if weight.dtype in (torch.float16, torch.bfloat16) and rows == 1:
                return _product_without_onednn(weight, bias)
            if weight.dtype == torch.float16:  # most processors have no quick product of many rows of these
                return lambda x: F.linear(x.float(), weight.float(), None if bias is None else bias.float()).half()
        return lambda x: F.linear(x, weight, bias)


def product_on_all_cores(weight: Tensor, bias: Tensor | None = None) -> Product:
    """One row x, (…, in), times weight (out, in), plus bias (out,): (…, out). The cores share out the outputs."""
    outputs = weight.shape[0]
    cores = min(torch.get_num_threads(), outputs)
    each = outputs // cores
    shares, rest = weight[: cores * each].unflatten(0, (cores, each)), weight[cores * each :]  # (cores, each, in)

    def product(x: Tensor) -> Tensor:
        column = x.reshape(1, -1).t()  # (in, 1); with the strides of a column, without which bmm takes a slow way
        y = torch.bmm(shares, column.expand(cores, -1, 1)).flatten()  # (cores * each,)
        if len(rest):
            y = torch.cat([y, (rest @ column).flatten()])
        if bias is not None:
            y = y + bias
        return y.view(*x.shape[:-1], outputs)

    return product


def _product_of_columns(weight: Tensor, bias: Tensor | None) -> Product:
    """What comes out lies in memory as columns too, and stays so in the operations that follow."""
    bias = None if bias is None else bias[:, None]

    def product(x: Tensor) -> Tensor:
        columns = (x if x.ndim == 2 else x.flatten(0, -2)).t()  # (in, N)
        y = (weight @ columns if bias is None else torch.addmm(bias, weight, columns)).t()  # (N, out)
        return y if x.ndim == 2 else y.unflatten(0, x.shape[:-1])

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
