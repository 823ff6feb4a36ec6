import math
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gptcore import next_token_distribution
from gptcore.exercises import lesson03


@pytest.mark.parametrize(
    "answer",
    [
        math.e,
        2.718,
        2.72,
        2.7,
        math.exp((3 - 1) / 2),
        np.exp(1),
        np.float32(math.e),
        torch.tensor(1.0).exp(),
        Fraction(2718, 1000),
    ],
)
def test_ratio_right(says, answer):
    assert says(lesson03.check_ratio, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (7.39, "ratio at temperature 1"),
        (54.6, "It divides"),
        (0.368, "other way round"),
        (17, "you gave 17"),
        (3, "compares the scores"),
        (2, "difference of the scores"),
        (1, "The ratio is e to the power of it"),
        (1.5, "you gave 1.5"),
        (math.sqrt(3), "you gave 1.732"),
        (math.exp(0.5), "you gave 1.649"),
        (math.exp(3 / 2), "you gave 4.482"),
        (math.exp(3) - math.exp(1), "you gave 17.37"),
        (2.5, "you gave 2.5"),
        (True, "the answer is a number"),
        ("2.718", "the answer is a number"),
    ],
)
def test_ratio_wrong(says, answer, hint):
    assert hint in says(lesson03.check_ratio, answer)


TOO_LARGE = "subtract the largest score of each row first"


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


def in_numpy(x):
    powers = np.exp(x.numpy() - x.numpy().max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def in_lists(x):
    if x.ndim > 1:
        return [in_lists(row) for row in x]
    powers = [math.exp(score - max(x.tolist())) for score in x.tolist()]
    return [power / sum(powers) for power in powers]


def row_by_row(x):
    rows = x.reshape(-1, x.shape[-1])
    return torch.stack([(row - row.max()).exp() / (row - row.max()).exp().sum() for row in rows]).view_as(x)


def in_a_copy(x):
    x = x.clone()
    x -= x.max(-1, keepdim=True).values
    x.exp_()
    return x.div_(x.sum(-1, keepdim=True))


def normal(powers):
    return powers / powers.sum(-1, keepdim=True)


@pytest.mark.parametrize(
    "answer",
    [
        stable,
        through_logarithms,
        in_numpy,
        in_lists,
        row_by_row,
        in_a_copy,
        lambda x: torch.softmax(x, dim=-1),
        torch.nn.Softmax(dim=-1),
        lambda x: x.log_softmax(-1).exp(),
        lambda x: normal(math.e ** (x - x.amax(-1, keepdim=True))),
        lambda x: 1 / (x[..., None, :] - x[..., :, None]).exp().sum(-1),
        lambda x: normal((x.double() - x.amax(-1)[..., None]).exp()),
    ],
)
def test_softmax_right(says, answer):
    assert says(lesson03.check_softmax, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x: x.exp() / x.exp().sum(-1, keepdim=True), TOO_LARGE),
        (in_python, TOO_LARGE),
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
        (lambda x: normal((x - x.max()).exp()), "a largest score of its own: scores.amax"),
        (lambda x: normal((x - x.mean()).exp()), "What became of the 300"),
        (lambda x: normal((x - x.mean(-1, keepdim=True)).exp()), "What became of the 300"),
        (lambda x: normal((x - x.min()).exp()), "What became of the 300"),
        (lambda x: normal((x - x.amin(-1, keepdim=True)).exp()), "What became of the 300"),
        (lambda x: normal((x - x[..., :1]).exp()), "What became of the 300"),
        (lambda x: normal((x - x.median(-1, keepdim=True).values).exp()), "What became of the 300"),
        (lambda x: normal((x - x.amax(0)).exp()) if x.ndim > 1 else x.softmax(0), "Each row has a largest score"),
        (lambda x: normal((x - x.amax(-1, keepdim=True) / 2).exp()), TOO_LARGE),
        (lambda x: normal(x.double().exp()), TOO_LARGE),
        (lambda x: torch.nan_to_num(normal(x.exp()), nan=1.0), "no exp is above 1"),
        (lambda x: x.softmax(min(1, x.ndim - 1)), "dim=1 runs down the columns"),
        (lambda x: x.sort(descending=True).values.softmax(-1), "belongs where its score stands"),
        (lambda x: x.flatten().softmax(-1), "the shape should be (2, 3)"),
        (lambda x: x.softmax(-1).softmax(-1), "Take exp of each score"),
        (lambda x: x.sigmoid(), "Take exp of each score"),
        (lambda x: normal(x.relu()), "Take exp of each score"),
        (lambda x: F.gumbel_softmax(x, dim=-1), "nothing random"),
        (lambda x: [math.exp(y - max(x)) / sum(math.exp(z - max(x)) for z in x) for y in x], "Whatever the shape"),
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


def in_numpy_with_temperature(x, temperature):
    scores, greedy_probs = x.numpy().astype(float), np.zeros(len(x))
    if temperature == 0:
        greedy_probs[scores.argmax()] = 1
        return greedy_probs
    powers = np.exp((scores - scores.max()) / temperature)
    return powers / powers.sum()


def masked(x, temperature):
    if temperature == 0:
        return torch.full_like(x, -torch.inf).index_fill(0, x.argmax(), 0.0).softmax(-1)
    return F.softmax(x / temperature, dim=0)


@pytest.mark.parametrize(
    "answer",
    [
        careful,
        with_scatter,
        as_a_list,
        in_numpy_with_temperature,
        masked,
        lambda x, t: next_token_distribution(x, t).probs,
        lambda x, t: torch.softmax(x * (1 / t), 0) if t else torch.eye(len(x))[x.argmax()],
        lambda x, t: (x / t).softmax(-1) if t > 0 else torch.arange(len(x)) == x.argmax(),
    ],
)
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
        (lambda x, t: (x / t).softmax(-1) if t else (x == x.max()).float(), "Both of the equals"),
        (lambda x, t: (x / t).softmax(-1) if t else (x == x.max()) / (x == x.max()).sum(), "Half each"),
        (lambda x, t: (x / (t + 1e-6)).softmax(-1), "Half each"),
        (lambda x, t: (x / max(t, 0.01)).softmax(-1), "Half each"),
        (lambda x, t: (x / t).softmax(-1) if t else (x * 1e9).softmax(-1), "Half each"),
        (lambda x, t: careful(x, t) if t else greedy(x.flip(0)).flip(0), "The last of the equals"),
        (lambda x, t: careful(x - t, 1.0) if t else greedy(x), "same at every temperature"),
        (lambda x, t: (x / t**2).softmax(-1) if t else greedy(x), "Divide the scores by the temperature"),
        (lambda x, t: (x / min(t, 1)).softmax(-1) if t else greedy(x), "at temperature 2"),
        (lambda x, t: (x // t).softmax(-1) if t else greedy(x), "at temperature 2"),
        (lambda x, t: x / t if t else greedy(x), "Divide the scores by the temperature"),
        (lambda x, t: careful(x, t) if t else torch.zeros_like(x), "the likeliest token, with chance 1"),
        (lambda x, t: careful(x, t) if t else torch.ones_like(x) / len(x), "the likeliest token, with chance 1"),
        (lambda x, t: careful(x, t) if t else greedy(x) * (x.max() > 0), "also where all are negative"),
        (lambda x, t: torch.multinomial(careful(x, t), 1), "nothing random"),
        (unstable, TOO_LARGE),
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
        lambda p: -torch.xlogy(p, p).sum(),
        lambda p: torch.distributions.Categorical(probs=p).entropy(),
        lambda p: -sum(x * np.log(x) for x in p.numpy() if x > 0),
        lambda p: -(p * (p + 1e-12).log()).sum(),
        lambda p: -(p * p.log()).nansum(),
        lambda p: torch.where(p > 0, -p * p.log(), 0.0).sum(),
        lambda p: -(p[p > 0] @ p[p > 0].log()),
        lambda p: sum(x * math.log(1 / x) for x in p.tolist() if x),
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
        (lambda p: -(p * p.log2()).nansum(), "in bits"),
        (lambda p: -p.log().sum(), "p × log p"),
        (lambda p: -p.max().log(), "likeliest token alone"),
        (lambda p: -p[p > 0].log().mean(), "minus the sum"),
        (lambda p: 1 - (p**2).sum(), "minus the sum"),
        (lambda p: torch.special.entr(p).sum() / math.log(len(p)), "minus the sum"),
        (lambda p: torch.special.entr(p.softmax(-1)).sum(), "minus the sum"),
        (lambda p: -(p * (1 - p).log()).sum(), "minus the sum"),
        (lambda p: -(p * (p + 0.01).log()).sum(), "minus the sum"),
        (lambda p: torch.special.entr(p), "add them up"),
        (lambda p: -sum(x * math.log(x) for x in p.tolist()), "The logarithm of 0"),
        (lambda p: "1.386", "got '1.386'"),
    ],
)
def test_entropy_wrong(says, answer, hint):
    assert hint in says(lesson03.check_entropy, answer)
