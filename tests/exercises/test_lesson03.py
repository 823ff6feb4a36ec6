import math

import pytest
import torch

from gptcore.exercises import lesson03


@pytest.mark.parametrize("answer", [math.e, 2.718, math.exp((3 - 1) / 2)])
def test_ratio_right(says, answer):
    assert says(lesson03.check_ratio, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(7.39, "ratio at temperature 1"), (54.6, "It divides"), (0.368, "other way round"), (17, "you gave 17")],
)
def test_ratio_wrong(says, answer, hint):
    assert hint in says(lesson03.check_ratio, answer)


def stable(x):
    powers = (x - x.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


def through_logarithms(x):
    return (x - x.logsumexp(-1, keepdim=True)).exp()


def in_place(x):
    x -= x.amax(-1, keepdim=True)
    return stable(x)


def in_python(x):
    powers = [math.exp(score) for score in x.tolist()]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("answer", [stable, through_logarithms, lambda x: torch.softmax(x, dim=-1)])
def test_softmax_right(says, answer):
    assert says(lesson03.check_softmax, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x: x.exp() / x.exp().sum(-1, keepdim=True), "subtract the largest score first"),
        (in_python, "subtract the largest score first"),
        (lambda x: x.clamp(max=80).exp() / x.clamp(max=80).exp().sum(-1, keepdim=True), "given [1000, 999]"),
        (lambda x: (x - x.max().clamp(min=0)).softmax(0) if x.ndim > 1 else x.softmax(0), "columns add up to 1"),
        (lambda x: (x - x.max()).exp() / (x - x.max()).exp().sum(), "All six chances together"),
        (in_place, "changed what it was given"),
        (lambda x: (x - x.max()).exp() / (x - x.max()).exp().sum(-1), "keepdim=True"),
        (lambda x: x - x.max(-1), "take .values"),
        (lambda x: math.exp(x), "x.exp()"),
        (lambda x: torch.softmax(x), "dim=-1"),
        (lambda x: 2**x / (2**x).sum(), "powers of 2"),
        (lambda x: x.softmax(-1) * 2, "expected [0.6652, 0.2447, 0.09003], got [1.33, 0.4895, 0.1801]"),
        (lambda x: x.flip(-1).softmax(-1), "Take exp of each score"),
    ],
)
def test_softmax_wrong(says, answer, hint):
    assert hint in says(lesson03.check_softmax, answer)


def test_what_underflows_is_told_apart(says):
    def clipped(x):
        powers = (x.clamp(max=0) if x.max() > 90 else x).exp()
        return x.softmax(-1) if x.max() > 90 else powers / powers.sum(-1, keepdim=True)

    assert "Every exp became 0" in says(lesson03.check_softmax, clipped)


def greedy(x):
    return torch.nn.functional.one_hot(x.argmax(), len(x)).float()


def careful(x, temperature):
    return greedy(x) if temperature == 0 else (x / temperature).softmax(-1)


def with_scatter(x, temperature):
    if temperature == 0:
        return torch.zeros_like(x).index_fill(0, x.argmax(), 1.0)
    scaled = (x - x.max()) / temperature
    return scaled.exp() / scaled.exp().sum()


def as_a_list(x, temperature):
    if not temperature:
        return [float(i == x.argmax()) for i in range(len(x))]
    powers = [math.exp((score - x.max().item()) / temperature) for score in x.tolist()]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("answer", [careful, with_scatter, as_a_list])
def test_temperature_right(says, answer):
    assert says(lesson03.check_with_temperature, answer).startswith("Right")


def unstable(x, temperature):
    powers = (x / temperature).exp() if temperature else greedy(x)
    return powers / powers.sum()


def changes_its_input(x, temperature):
    if temperature:
        x /= temperature
    return careful(x, 1 if temperature else 0)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, t: [math.exp(score / t) for score in x.tolist()], "do not add up to 1"),
        (lambda x, t: careful(x, t) if t else [1 / t], "nothing to divide by"),
        (lambda x, t: (x / t).softmax(-1) if t else x.softmax(-1), "that of temperature 1"),
        (
            lambda x, t: (x / t).softmax(-1) if t else None,
            "returned nothing: every way through it ends with return. Temperature 0 means",
        ),
        (lambda x, t: (x / t).softmax(-1) if t else (x == x.max()).float(), "a tie"),
        (unstable, "subtract the largest score first"),
        (changes_its_input, "changed what it was given"),
    ],
)
def test_temperature_wrong(says, answer, hint):
    assert hint in says(lesson03.check_with_temperature, answer)


@pytest.mark.parametrize(
    "answer",
    [
        lambda p: -(p[p > 0] * p[p > 0].log()).sum(),
        lambda p: torch.special.entr(p).sum(),
        lambda p: -sum(x * math.log(x) for x in p.tolist() if x > 0),
    ],
)
def test_entropy_right(says, answer):
    assert says(lesson03.check_entropy, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p: -(p * p.log2()).sum(), "in bits"),
        (lambda p: -(p * p.log10()).sum(), "log10"),
        (lambda p: (-(p * p.log()).sum()).exp(), "exp(entropy)"),
        (lambda p: -(p * p.log()).mean(), "Take the sum"),
        (lambda p: math.log((p > 0).sum()), "[0.5, 0.25, 0.25]"),
    ],
)
def test_entropy_wrong(says, answer, hint):
    assert hint in says(lesson03.check_entropy, answer)
