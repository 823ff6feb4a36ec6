"""What the self-checks share: a learner's answer is run, and whatever is wrong with it becomes one sentence."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor


class NotYet(Exception):
    """What an answer lacks, and a hint, in one sentence or two."""


def one_line(check: Callable[[Any], str]) -> Callable[[Any], None]:
    """A check that prints `Right: …`, what `check` returns, or `Not yet: …`, the `NotYet` that it raises."""

    @wraps(check)
    def run(answer: Any = None) -> None:
        try:
            line = f"Right: {check(answer)}"
        except NotYet as problem:
            line = f"Not yet: {problem}"
        except Exception as error:  # nothing that a learner writes may end in a traceback from here
            line = f"Not yet: this answer could not be read, {named(error)}."
        print(" ".join(line.split()))

    return run


def ask(function: Any, *arguments: Any, given: str, hint: str = "") -> Any:
    """What a learner's function returns; raises `NotYet` if it cannot be called, fails, is a stub or changes its input.

    `given` says in words what went in, `hint` what helps a function that works elsewhere and gives nothing here.
    An exception of the learner's becomes a sentence.
    """
    given = given.rstrip(",")
    if not callable(function):
        raise NotYet(
            f"the check needs the function itself, without brackets after its name, and got {brief(function)}."
        )
    copies = [argument.clone() if isinstance(argument, Tensor) else argument for argument in arguments]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(*copies)
    except OverflowError:
        raise NotYet(f"given {given}, exp grew too large for the computer: {OVERFLOW_HINT}") from None
    except ZeroDivisionError:
        raise NotYet(f"given {given}, your function divided by zero: {ZERO_HINT}") from None
    except NotImplementedError:
        result = None
    except Exception as error:
        hint = hint or error_hint(error)
        hint = f". {hint[0].upper()}{hint[1:]}" if hint else ""
        raise NotYet(f"given {given}, your function stopped with {named(error)}{hint}") from None
    if any(isinstance(new, Tensor) and not _same(new, old) for new, old in zip(copies, arguments, strict=True)):
        raise NotYet(
            f"given {given}, the answer changed the tensor that it was given, so that whoever looks at it later sees "
            "other numbers. Make a new one: x = x / 2, not x /= 2."
        )
    if result is None or result is Ellipsis:
        if hint:
            raise NotYet(f"given {given}, your function returned nothing: {hint}")
        raise NotYet("your function returns nothing so far. Replace the dots, and end with return.")
    return result


OVERFLOW_HINT = (
    "subtract the largest score first, as in scores - scores.max(). No chance changes, and no exp is above 1."
)
ZERO_HINT = "at temperature 0 there is nothing to divide by. It means: the likeliest token, with chance 1."


_ERROR_HINTS = (  # (a part of what torch says, what to do about it)
    ("return_types", ".max(-1) gives two things, the values and their places: take .values, or write amax(-1)."),
    (
        "size of tensor a",
        "The shapes do not fit: one number per row is a column, made with keepdim=True or with [:, None].",
    ),
    ("one element tensors", "math works on one number at a time. For a whole tensor write x.exp() or x.log()."),
    ('"dim"', "Say along which axis: dim=-1, the last one."),
    ("zero-dimensional tensor", "torch.cat joins rows: make the one token a row with new[None]."),
    ("(batch, tokens)", "The model reads a batch of texts: keep the first axis, or make one with token_ids[None]."),
    (
        "no attribute 'probs'",
        "gptcore.draw(distribution, uniform) wants what next_token_distribution gave, then a dart.",
    ),
)


def error_hint(error: Exception) -> str:
    """What helps against the usual errors of tensors, or ""."""
    return next((hint for part, hint in _ERROR_HINTS if part in str(error)), "")


def named(error: Exception) -> str:
    """An error in a few words."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:120]}{'…' * (len(words) > 120)}" if words else type(error).__name__


def as_tensor(result: Any, given: str) -> Tensor:
    """`result` as float64; lists are welcome."""
    given = given.rstrip(",")
    if "return_types" in str(type(result)):
        raise NotYet(f"given {given}, a tensor was expected, and there came two. {_ERROR_HINTS[0][1]}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.as_tensor(result).detach().double()
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"given {given}, a tensor was expected, and your function returned {brief(result)}.") from None


def brief(value: Any) -> str:
    """A value in a few characters."""
    try:
        if isinstance(value, Tensor):
            numbers = [f"{number:.4g}" for number in value.flatten()[:6].tolist()]
            return f"[{', '.join(numbers)}{', …' if value.numel() > 6 else ''}]"
        text = repr(value)
    except Exception:
        text = type(value).__name__
    return text if len(text) <= 60 else text[:57] + "…"


def close(a: Tensor, b: Tensor, tolerance: float = 1e-4) -> bool:
    """Whether two tensors have one shape and, within `tolerance`, the same numbers."""
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), atol=tolerance, rtol=tolerance)


def as_number(answer: Any, what: str) -> float:
    """A number that a learner filled in; raises `NotYet` if it is none yet."""
    if answer is None or answer is Ellipsis:
        raise NotYet(f"replace the dots by {what}.")
    try:
        return float(answer)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise NotYet(f"the answer is {what}, and you gave {brief(answer)}.") from None


def _same(new: Tensor, old: Tensor) -> bool:
    return new.shape == old.shape and torch.equal(torch.nan_to_num(new), torch.nan_to_num(old))
