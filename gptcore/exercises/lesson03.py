"""Self-checks of lesson 03, from logits to probabilities."""

import math
from typing import Any

import torch
from torch import Tensor

from gptcore.exercises.checking import (
    OVERFLOW_HINT,
    ZERO_HINT,
    NotYet,
    as_number,
    as_tensor,
    ask,
    brief,
    close,
    one_line,
)


@one_line
def check_ratio(answer: Any) -> str:
    """Logits 3 and 1 at temperature 2: how many times likelier is the first?"""
    number = as_number(answer, "a number")
    if math.isclose(number, math.e, abs_tol=0.01):
        return "the scores differ by 2, divided by the temperature that is 1, and e to the power of 1 is 2.718."
    hints = {
        math.e**2: "7.39 is e to the power of 2, the ratio at temperature 1. The difference is divided by 2 first.",
        math.e**4: "54.6 is e to the power of 4: the temperature was multiplied. It divides.",
        3: "3 ÷ 1 compares the scores. What counts is their difference, divided by the temperature: e to that power.",
        1: "1 is the difference of the scores divided by the temperature. The ratio is e to the power of it.",
        2: "2 is the difference of the scores. Divide it by the temperature; the ratio is e to the power of that.",
        1 / math.e: "that is how much likelier the second is than the first. We asked for it the other way round.",
    }
    for wrong, hint in hints.items():
        if math.isclose(number, wrong, rel_tol=0.005):
            raise NotYet(hint)
    raise NotYet(
        f"you gave {number:g}. Difference of the scores, divided by the temperature, and e to the power of it."
    )


@one_line
def check_softmax(function: Any) -> str:
    """`function(logits (..., n))` → chances of the same shape; each row adds up to 1."""
    row = torch.tensor([2.0, 1.0, 0.0])
    _compare_row(ask(function, row, given="[2, 1, 0]"), row, "[2, 1, 0]")

    for large, hint in (([1000.0, 999.0], OVERFLOW_HINT), ([-1000.0, -1001.0], UNDERFLOW_HINT)):
        row, given = torch.tensor(large), f"[{large[0]:.0f}, {large[1]:.0f}]"
        result = as_tensor(ask(function, row, given=given), given)
        if not close(result, row.softmax(-1)):
            raise NotYet(f"given {given}, expected {brief(row.softmax(-1))}, got {brief(result)}: {hint}")

    row = torch.linspace(0, 3, 60)
    result = as_tensor(ask(function, row, given="60 scores"), "60 scores")
    if result.shape != row.shape or (result == 0).any():
        raise NotYet(
            f"given 60 scores, {int((result > 0).sum())} got a chance. Softmax is taken over all of them, not over the "
            "largest that one wants to show: the small ones add up."
        )
    _compare_row(result, row, "60 scores")

    two, given = torch.tensor([[2.0, 1.0, 0.0], [5.0, 5.0, 5.0]]), "two rows of scores, [[2, 1, 0], [5, 5, 5]],"
    result = as_tensor(ask(function, two, given=given), given)
    if close(result, two.softmax(0)):
        raise NotYet(
            f"given {given} the columns add up to 1. Each row is one position: sum along the last axis, dim=-1."
        )
    if result.shape == two.shape and close(result.sum(), torch.tensor(1.0)):
        raise NotYet(f"given {given} all six chances together add up to 1. Each row should: sum(-1, keepdim=True).")
    if not close(result, two.softmax(-1)):
        raise NotYet(
            f"given {given} expected [[0.665, 0.2447, 0.09], [0.3333, 0.3333, 0.3333]], got {brief(result)}. Take the "
            "largest score and the sum of each row by itself: dim=-1, keepdim=True."
        )
    return "every chance is above 0, each row adds up to 1, and no score is too large."


@one_line
def check_with_temperature(function: Any) -> str:
    """`function(logits (n,), temperature)` → chances (n,); 0 gives all to the first of the largest."""
    row = torch.tensor([2.0, 1.0, 0.0])
    for temperature in (1.0, 0.5, 2.0):
        given = f"[2, 1, 0] at temperature {temperature:g}"
        result = as_tensor(ask(function, row, temperature, given=given), given)
        if close(result, (row / temperature).softmax(-1)):
            continue
        if close(result, (row * temperature).softmax(-1)):
            raise NotYet(
                f"given {given}, expected {brief((row / temperature).softmax(-1))}, got {brief(result)}: the scores "
                "were multiplied by the temperature. Divide, so that a low one makes the differences larger."
            )
        if close(result, row.softmax(-1) / temperature):
            raise NotYet(
                f"given {given}, the chances do not add up to 1: divide the scores, and then take the softmax."
            )
        if close(result, row.softmax(-1)):
            raise NotYet(f"given {given}, the answer is that of temperature 1: the temperature was not used.")
        if close(result, (row.softmax(-1) / temperature).softmax(-1)):
            raise NotYet(f"given {given}, softmax was taken twice. Divide the scores, and take it once.")
        _compare_row(result, row / temperature, given)
    _check_zero(function)
    given = "[100, 0] at temperature 0.01"
    result = as_tensor(ask(function, torch.tensor([100.0, 0.0]), 0.01, given=given), given)
    if not close(result, torch.tensor([1.0, 0.0])):
        raise NotYet(f"given {given}, expected [1, 0], got {brief(result)}: {OVERFLOW_HINT}")
    return "a low temperature sharpens, a high one flattens, and 0 takes the likeliest."


def _check_zero(function: Any) -> None:
    row, given = torch.tensor([1.0, 3.0, 2.0]), "[1, 3, 2] at temperature 0"
    result = as_tensor(ask(function, row, 0.0, given=given, hint=ZERO_HINT), given)
    if not result.isfinite().all():
        raise NotYet(f"given {given}, expected [0, 1, 0], got {brief(result)}: {ZERO_HINT}")
    if close(result, row.softmax(-1)):
        raise NotYet(f"given {given}, the answer is that of temperature 1. {ZERO_HINT.capitalize()}")
    if result.numel() == 1:
        raise NotYet(
            f"given {given}, expected the chances of all three, [0, 1, 0], "
            f"got {'the id' if result.item() == 1 else 'one number,'} {result.item():g}."
        )
    if not close(result, torch.tensor([0.0, 1.0, 0.0])):
        raise NotYet(f"given {given}, expected [0, 1, 0], got {brief(result)}: {ZERO_HINT}")
    tied, given = torch.tensor([0.0, 2.0, 2.0]), "a tie, [0, 2, 2] at temperature 0"
    result = as_tensor(ask(function, tied, 0.0, given=given), given)
    if not close(result, torch.tensor([0.0, 1.0, 0.0])):
        raise NotYet(
            f"given {given}, expected [0, 1, 0], got {brief(result)}. One token wins, here the first: argmax finds it, "
            "and == the largest would find both."
        )


@one_line
def check_entropy(function: Any) -> str:
    """`function(probs (n,))` → the entropy in nats."""
    fair, given = torch.full((4,), 0.25), "four equal chances"
    result = _entropy(function, fair, given)
    if math.isclose(result, 2.0, abs_tol=1e-4):
        raise NotYet(
            f"given {given}, expected ln 4 = 1.3863, got 2: that is in bits. Nats use the natural logarithm, log."
        )
    if math.isclose(result, math.log10(4), abs_tol=1e-4):
        raise NotYet(f"given {given}, expected ln 4 = 1.3863, got 0.6021: that is with log10. Nats use log.")
    if math.isclose(result, -math.log(4), abs_tol=1e-4):
        raise NotYet(f"given {given}, expected 1.3863, got −1.3863: logarithms of chances are negative, hence a minus.")
    if math.isclose(result, 4.0, abs_tol=1e-4):
        raise NotYet(f"given {given}, expected ln 4 = 1.3863, got 4: that is exp(entropy). Return the entropy itself.")
    if math.isclose(result, math.log(4) / 4, abs_tol=1e-4):
        raise NotYet(f"given {given}, expected 1.3863, got 0.3466: that is the mean of the four. Take their sum.")
    _close_number(result, math.log(4), given)
    sure, given = torch.tensor([1.0, 0.0]), "one certain token, [1, 0],"
    result = _entropy(function, sure, given)
    if math.isnan(result):
        raise NotYet(
            f"given {given} expected 0, got nan: 0 × log 0 is not a number. A chance of 0 adds nothing: leave it out."
        )
    _close_number(result, 0.0, given)
    uneven = torch.tensor([0.5, 0.25, 0.25])
    _close_number(_entropy(function, uneven, "[0.5, 0.25, 0.25]"), 1.5 * math.log(2), "[0.5, 0.25, 0.25]")
    return "0 nats for a certain token, ln n for n equal ones."


UNDERFLOW_HINT = (
    "every exp became 0, and 0 ÷ 0 is not a number. Subtract the largest score first, as in scores - scores.max()."
)


def _entropy(function: Any, probs: Tensor, given: str) -> float:
    try:
        result = as_tensor(ask(function, probs, given=given), given)
    except NotYet as problem:
        if "math domain error" in str(problem) or "positive input" in str(problem):
            raise NotYet(
                f"given {given.rstrip(',')}, log 0 was asked for. A chance of 0 adds nothing: leave it out."
            ) from None
        raise
    if result.numel() != 1:
        raise NotYet(f"given {given.rstrip(',')}, expected one number, got {brief(result)}: add them up.")
    return result.item()


def _close_number(result: float, expected: float, given: str) -> None:
    if not math.isclose(result, expected, abs_tol=1e-4):
        raise NotYet(
            f"given {given.rstrip(',')}, expected {expected:.4f}, got {result:.4g}. Minus the sum of p × log p."
        )


def _compare_row(result: Any, row: Tensor, given: str) -> None:
    """Raise `NotYet`, with a hint, unless `result` is the softmax of `row` (n,)."""
    result, expected = as_tensor(result, given), row.softmax(-1)
    if close(result, expected):
        return
    got = f"given {given}, expected {brief(expected)}, got {brief(result)}"
    if result.shape != row.shape:
        raise NotYet(
            f"given {given}, expected one chance for each score, shape {tuple(row.shape)}, got {tuple(result.shape)}."
        )
    if not result.isfinite().all():
        raise NotYet(f"{got}: {OVERFLOW_HINT}")
    if close(result, row.exp()):
        raise NotYet(f"{got}. These do not add up to 1 yet: divide by their sum.")
    if close(result, row / row.sum()):
        raise NotYet(
            f"{got}. Those are the scores divided by their sum: first comes exp, since scores can be negative."
        )
    if close(result, row.log_softmax(-1)):
        raise NotYet(f"{got}. Those are the logarithms of the chances: exp of them is the answer.")
    if close(result, (row * math.log(2)).softmax(-1)):
        raise NotYet(f"{got}. That is with powers of 2. Use e: torch.exp.")
    if close(result, torch.nn.functional.one_hot(row.argmax(), len(row))):
        raise NotYet(f"{got}. The likeliest got everything: that is argmax. Softmax leaves the others a chance.")
    if not close(result.sum(), torch.tensor(1.0)):
        raise NotYet(
            f"{got}. These add up to {result.sum().item():.4g}, and should to 1: exp of each, divided by their sum."
        )
    raise NotYet(f"{got}. Take exp of each score, and divide by their sum.")
