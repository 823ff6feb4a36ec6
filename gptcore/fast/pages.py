"""Weights in large pages of memory, which are found sooner.

A CPU remembers where some two thousand pages of memory are. In pages of 4 kB that is 8 MB, so a model of 500 MB has
every page looked up again for each new token. In pages of 2 MB it has 250. Linux gives them to a program that asks.
"""

import ctypes
import mmap

from torch import Tensor

PAGE = 2**21  # bytes


def in_large_pages(tensor: Tensor) -> Tensor:
    """`tensor` itself, of which nothing is written yet. Its memory will be in large pages, where there are any.

    Only whole pages count: what lies beside the tensor stays as it is.
    """
    if tensor.device.type == "cpu" and hasattr(mmap, "MADV_HUGEPAGE"):
        begin = -(-tensor.data_ptr() // PAGE) * PAGE
        end = (tensor.data_ptr() + tensor.nbytes) // PAGE * PAGE
        if begin < end:
            madvise = ctypes.CDLL(None).madvise
            madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_HUGEPAGE)  # may be refused
    return tensor
