"""What functions return, compared and put into words: values, tensors, texts and exceptions."""

from typing import Any

import torch
from torch import Tensor

from gptcore.language import _


def same(found: Any, other: Any, tolerance: float) -> bool:
    """Whether two outcomes are alike: exceptions of one type, or values of one shape, equal within `tolerance`."""
    if isinstance(found, BaseException) or isinstance(other, BaseException):
        return type(found) is type(other)
    found, other = _plain(found), _plain(other)
    try:
        if isinstance(found, Tensor) and isinstance(other, Tensor):
            if other.ndim == 0 and found.numel() == 1:
                found = found.reshape(())
            return found.shape == other.shape and torch.allclose(found, other, tolerance, tolerance, equal_nan=True)
        if isinstance(found, list | tuple) and isinstance(other, list | tuple):
            return len(found) == len(other) and all(same(*pair, tolerance) for pair in zip(found, other, strict=True))
        return bool(found == other)
    except Exception:  # odd things, such as sparse tensors, equal nothing
        return False


def flat(value: Any) -> Any:
    """Numbers of any shape in one row; everything else as it is."""
    plain = _plain(value)
    return plain.flatten() if isinstance(plain, Tensor) else value


def difference(expected: Any, found: Any) -> str:
    """`expected …, got …`, in as many digits as tell the two apart."""
    for digits in (4, 6, 9):
        if show(expected, digits) != show(found, digits):
            break
    values = {"expected": show(expected, digits), "found": show(found, digits)}
    wanted, given = _plain(expected), _plain(found)
    if isinstance(wanted, Tensor) and isinstance(given, Tensor) and wanted.shape != given.shape:
        if wanted.ndim == 0:
            sentence = _("expected {expected}, got {found}: one number is expected, and that is {count}")
            return sentence.format(**values, count=given.numel())
        sentence = _("expected {expected}, got {found}: the shape should be {wanted}, and it is {given}")
        return sentence.format(**values, wanted=tuple(wanted.shape), given=tuple(given.shape))
    return _("expected {expected}, got {found}").format(**values)


def show(value: Any, digits: int = 4) -> str:
    """A value in a few characters: [0.5, 0.25]."""
    try:
        plain = _plain(value)
        if isinstance(plain, Tensor):
            return _numbers(plain.bool() if _is_boolean(value) else plain, digits)
        if isinstance(value, tuple | list):
            items = ", ".join(show(item, digits) for item in value)
            text = f"({items})" if isinstance(value, tuple) else f"[{items}]"
        else:
            text = repr(value)
    except Exception:  # whatever cannot show itself is known by its type
        text = " at 0x"
    if " at 0x" in text:
        text = _("a {kind}").format(kind=type(value).__name__)
    return text if len(text) <= 120 else text[:117] + "…"


def named(error: BaseException) -> str:
    """An exception in a few words."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # a learner may write exceptions, too
        words = ""
    return f"{type(error).__name__}: {words[:120]}{'…' * (len(words) > 120)}" if words else type(error).__name__


def _plain(value: Any) -> Any:
    """Real numbers, alone or in lists, as a float64 tensor; everything else as it is."""
    if isinstance(value, str | bytes | dict) or value is None or "return_types" in str(type(value)):
        return value
    try:
        tensor = _as_tensor(value).detach()
        return value if tensor.is_complex() else tensor.double()
    except Exception:  # it is no tensor
        return value


def _as_tensor(value: Any) -> Tensor:
    """A tensor of numbers, of rows of them, or of tensors and NumPy's arrays, from whose lists PyTorch makes none, or
    only slowly and with a warning.
    """
    if isinstance(value, list | tuple) and any(isinstance(i, list | tuple) or hasattr(i, "__array__") for i in value):
        return torch.stack([_as_tensor(item) for item in value])
    return torch.as_tensor(value)


def _is_boolean(value: Any) -> bool:
    return _as_tensor(value).dtype == torch.bool if isinstance(value, Tensor | bool | list) else False


def _numbers(tensor: Tensor, digits: int, thousands: str = ",") -> str:
    if tensor.ndim:
        rows = [_numbers(row, digits, thousands="") for row in tensor[:8]]
        return f"[{', '.join(rows)}{', …' if len(tensor) > 8 else ''}]"
    number = tensor.item() + 0  # no -0
    if tensor.dtype == torch.bool:
        return str(bool(number))
    whole = abs(number) < 1e15 and number == int(number)
    return f"{number:{thousands}.{'0f' if whole else f'{digits}g'}}"
