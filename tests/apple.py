"""An Apple GPU, as far as a test needs one: the device "mps", which has no float64 and shares no tensor with the CPU.

`with apple_gpu():` adds that device to this machine. Its tensors are computed on the CPU, but what an Apple GPU refuses
is refused here too: float64, a tensor of the CPU as the other operand, and NumPy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

MPS, CPU = torch.device("mps"), torch.device("cpu")
_ACROSS = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}  # operations that may meet both devices
_INDEXED = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default}  # the indices may be on the CPU


@contextmanager
def apple_gpu() -> Iterator[None]:
    """A machine with an Apple GPU, for this thread and those that it starts."""

    def run(thread: Thread) -> None:
        with _Moves(), _Factories():
            run_thread(thread)

    run_thread = Thread.run
    with _Moves(), _Factories(), patch.object(Thread, "run", run):
        yield


class AppleTensor(Tensor):
    """A tensor on "mps", with its values on the CPU, in `inner`."""

    device = property(lambda self: MPS)
    is_cpu, is_mps = property(lambda self: False), property(lambda self: True)
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> "AppleTensor":
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        tensor = Tensor._make_wrapper_subclass(cls, inner.shape, **layout, device="cpu")
        tensor.inner = inner
        return tensor

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _computed(operation, args, kwargs or {})

    def __tensor_flatten__(self) -> tuple[list[str], None]:  # with these two, `Module.to` exchanges whole tensors
        return ["inner"], None

    @staticmethod
    def __tensor_unflatten__(tensors: dict[str, Tensor], *_: Any) -> "AppleTensor":
        return AppleTensor(tensors["inner"])

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        return _moved(self, *args, **kwargs)

    def cpu(self) -> Tensor:
        return _moved(self, "cpu")

    def tolist(self) -> list:
        return self.detach().cpu().tolist()

    def numpy(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("can't convert mps:0 device type tensor to numpy")

    def __array__(self, *args: Any) -> None:
        self.numpy()

    def untyped_storage(self) -> torch.UntypedStorage:
        return self.inner.untyped_storage()

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def __repr__(self, **kwargs: Any) -> str:
        return f"{self.detach().cpu()!r} on mps"


def _computed(operation: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What `operation` gives, on the device that it names, or on that of its arguments."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    on_apple = {id(tensor.inner): tensor for tensor in tensors if isinstance(tensor, AppleTensor)}
    if operation in _ACROSS:
        apple = isinstance(args[0], AppleTensor)
    elif apple := bool(on_apple):
        allowed = args[1] if operation in _INDEXED and isinstance(args[0], AppleTensor) else ()
        for tensor in tensors:
            if tensor.ndim and not isinstance(tensor, AppleTensor) and all(tensor is not index for index in allowed):
                raise RuntimeError(f"{operation}: expected all tensors to be on the same device, got mps and cpu")
    if kwargs.get("device") is not None:
        apple = torch.device(kwargs["device"]).type == "mps"

    def outer(value: Any) -> Any:
        if not apple or not isinstance(value, Tensor):
            return value
        if value.dtype == torch.float64:
            raise TypeError(f"{operation}: the MPS framework doesn't support float64")
        if id(value) in on_apple:  # an operation in place returns what it was given
            return on_apple[id(value)]
        with torch.inference_mode(False):  # whose tensors PyTorch cannot wrap
            return AppleTensor(value)

    result = operation(*tree_map(_on_cpu, args), **tree_map(_on_cpu, kwargs))
    return tree_map(outer, result)


def _on_cpu(value: Any) -> Any:
    if isinstance(value, AppleTensor):
        return value.inner
    return CPU if isinstance(value, torch.device) and value.type == "mps" else value


def _moved(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`tensor.to(…)`, to another device or dtype."""
    if args and isinstance(args[0], Tensor):
        args = args[0].device, args[0].dtype
    device, dtype, *_ = torch._C._nn._parse_to(*args, **{k: v for k, v in kwargs.items() if k != "copy"})
    device, dtype = device or tensor.device, dtype or tensor.dtype
    if device.type == tensor.device.type and dtype == tensor.dtype and not kwargs.get("copy"):
        return tensor
    return torch.ops.aten._to_copy(tensor, dtype=dtype, device=device)


class _Moves(TorchFunctionMode):
    """Tensors of the CPU that are moved to "mps", and data that becomes a tensor there."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is Tensor.to:
            return _moved(*args, **kwargs)
        # Of two operations PyTorch would make a part where it computes, which is the CPU.
        if function is torch._C._nn.pad_sequence:
            return _moved(function([row.cpu() for row in args[0]], *args[1:], **kwargs), args[0][0].device)
        if function is scaled_dot_product_attention and args[0].device == MPS and kwargs.pop("is_causal", False):
            kwargs["attn_mask"] = torch.ones(args[0].shape[-2], args[1].shape[-2], dtype=torch.bool, device=MPS).tril()
        if function in (torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor):
            device = kwargs.pop("device", None) or (args[0].device if isinstance(args[0], Tensor) else CPU)
            if function is Tensor.new_tensor:
                function, args, kwargs = torch.tensor, args[1:], {"dtype": args[0].dtype} | kwargs
            return _moved(function(*args, **kwargs), torch.device(device))
        return function(*args, **kwargs)


class _Factories(TorchDispatchMode):
    """Tensors that are made on "mps", and every operation that meets one."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return _computed(operation, args, kwargs or {})
