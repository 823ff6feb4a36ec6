"""Matrix products for a model that writes: a few rows at a time, with all threads at work.

For each new token a model multiplies every matrix by a single row, and the time goes into reading the matrix from
memory. On some CPUs the library below PyTorch gives the product of one row to one thread, which reads less than memory
could deliver. A *batch* of products is spread over all threads everywhere, so there the matrix is viewed as a batch:
each thread has a share of the outputs. Where one row has all threads already, a batch takes twice as long.

Several rows, of many texts or of a short prompt, are multiplied as columns, weight · xᵀ instead of x · weightᵀ: that is
quicker with a large matrix, and divides better among threads. The results are those of `nn.Linear` up to rounding; the
parameters are the same.
"""

from collections.abc import Callable
from functools import cache
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.fast.busy import share_cores, whole_threads
from gptcore.fast.onednn import linear_without_onednn

Product = Callable[[Tensor], Tensor]  # (…, in_features) → (…, out_features), (in_features,) → (out_features,)

SEVERAL_ROWS = 8  # with fewer rows nn.Linear is quicker, since columns are multiplied a tile at a time
FEW_ROWS = 128  # with more rows the time goes into arithmetic, and nn.Linear is as quick
TILE = 16  # columns that are multiplied at a time: with a small matrix, 13 take longer than 16
LARGE = 2**18  # values in a matrix that is worth dividing: reading a smaller one takes less time than dividing it


class Linear(nn.Linear):
    """`nn.Linear`, quicker on the CPU for a few rows: (…, in_features) → (…, out_features).

    With gradients it is `nn.Linear` itself.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():
            share_cores()
        if torch.is_grad_enabled():
            return super().forward(x)
        return self.product(x.numel() // x.shape[-1])(x)

    def product(self, rows: int, small: bool = False) -> Product:
        """The function that `forward` applies to inputs of so many rows, without gradients, chosen once.

        In a `small` model nothing is worth dividing among threads.
        """
        weight, bias = self.weight, self.bias
        if weight.device.type == "cpu" and rows > 0:
            threads = whole_threads()
            several_threads = threads > 1 and not small
            if weight.dtype == torch.float32 and rows == 1:
                if several_threads and weight.numel() >= LARGE and batch_is_quicker(threads):
                    return product_on_all_threads(weight, bias)
                return _product_of_one_row(weight, bias)
            columns_pay = weight.numel() >= LARGE or (several_threads and rows % TILE == 0)
            if weight.dtype == torch.float32 and SEVERAL_ROWS <= rows <= FEW_ROWS and columns_pay:
                return _product_of_columns(weight, bias)
            if weight.dtype in (torch.float16, torch.bfloat16) and rows == 1:
                return lambda x: linear_without_onednn(x, weight, bias)
            if weight.dtype == torch.float16:  # most CPUs have no fast float16 product of many rows
                return lambda x: F.linear(x.float(), weight.float(), None if bias is None else bias.float()).half()
        return lambda x: F.linear(x, weight, bias)


@cache
def batch_is_quicker(threads: int) -> bool:
    """Whether so many threads read a large matrix sooner as a batch than for one row: it is tried, once."""
    weight, x = torch.ones(2048, 1024), torch.ones(1024)  # 8 MB: more than what one core's caches hold
    one, batch = _product_of_one_row(weight, None), product_on_all_threads(weight)
    times = [(_seconds(one, x), _seconds(batch, x)) for _ in range(5)]
    of_one, of_batch = map(min, zip(*times, strict=True))
    return of_batch < of_one


def _seconds(product: Product, x: Tensor) -> float:
    start = perf_counter()
    product(x)
    return perf_counter() - start


def product_on_all_threads(weight: Tensor, bias: Tensor | None = None) -> Product:
    """One row x, (…, in), times weight (out, in), plus bias (out,): (…, out). The threads share out the outputs."""
    outputs = weight.shape[0]
    threads = min(whole_threads(), outputs)
    each = outputs // threads
    shares = weight[: threads * each].unflatten(0, (threads, each))  # (threads, each, in)
    rest = weight[threads * each :]

    def product(x: Tensor) -> Tensor:
        column = x.reshape(1, -1).t()  # (in, 1); bmm is slow unless the strides are those of a column
        y = torch.bmm(shares, column.expand(threads, -1, 1)).flatten()  # (threads * each,)
        if len(rest):
            y = torch.cat([y, (rest @ column).flatten()])
        if bias is not None:
            y = y + bias
        return y.view(*x.shape[:-1], outputs)

    return product


def _product_of_columns(weight: Tensor, bias: Tensor | None) -> Product:
    """The result lies in memory as columns too, and stays so in the operations that follow."""
    bias = None if bias is None else bias[:, None]

    def product(x: Tensor) -> Tensor:
        columns = (x if x.ndim == 2 else x.flatten(0, -2)).t()  # (in, N)
        y = (weight @ columns if bias is None else torch.addmm(bias, weight, columns)).t()  # (N, out)
        return y if x.ndim == 2 else y.unflatten(0, x.shape[:-1])

    return product


def _product_of_one_row(weight: Tensor, bias: Tensor | None) -> Product:
    """A vector is multiplied as a vector, which PyTorch prepares in less time than a matrix of one row."""

    def product(x: Tensor) -> Tensor:
        if x.ndim > 1:
            return F.linear(x, weight, bias)
        return torch.mv(weight, x) if bias is None else torch.addmv(bias, weight, x)

    return product
