"""Self-checks of lesson 03, from logits to probabilities."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, tensor
from torch.nn.functional import one_hot

from gptcore.exercises.checking import Exercise, Value, case
from gptcore.language import N_

OVERFLOW = N_(
    "Such scores are too large for exp: subtract the largest score of each row first, as in "
    "scores - scores.amax(-1, keepdim=True). No chance changes, and no exp is above 1."
)

FAR = N_("No chance changes if the largest score of a row is subtracted from the row, and then no exp is above 1.")
ROWS = N_("Whatever the shape, each row along the last axis gets chances of its own, which add up to 1.")

# Logits 3 and 1 at temperature 2: how many times as likely as the second is the first?
check_ratio = Value(
    right=N_("the scores differ by 2, divided by the temperature that is 1, and e to the power of 1 is 2.718."),
    reference=math.e,
    tolerance=0.01,
    mistakes=[
        (
            N_("7.39 is e to the power of 2, the ratio at temperature 1. The difference is divided by 2 first."),
            math.e**2,
        ),
        (N_("54.6 is e to the power of 4: the temperature was multiplied. It divides."), math.e**4),
        (
            N_(
                "3 ÷ 1 compares the scores. What counts is e to the power of their difference, divided by the "
                "temperature."
            ),
            3,
        ),
        (N_("1 is the difference of the scores divided by the temperature. The ratio is e to the power of it."), 1),
        (
            N_("2 is the difference of the scores. Divide it by the temperature; the ratio is e to the power of that."),
            2,
        ),
        (
            N_("That is how much likelier the second is than the first. The question is the other way round."),
            1 / math.e,
        ),
    ],
    reminder=N_("Divide the difference of the scores by the temperature: the ratio is e to the power of that."),
)


def _softmax(scores: Tensor) -> Tensor:
    """Softmax without a care for large scores."""
    return scores.exp() / scores.exp().sum(-1, keepdim=True)


def _below_the_top(scores: Tensor) -> Tensor:
    return (scores - scores.max()).exp()


def _top_ten(scores: Tensor) -> Tensor:
    top = scores.topk(min(10, scores.shape[-1]))
    return torch.zeros_like(scores).scatter(-1, top.indices, top.values.softmax(-1))


# function(logits (..., n)) → chances of the same shape; each row adds up to 1
check_softmax = Exercise(
    right=N_("every chance is above 0, each row adds up to 1, and no score is too large."),
    reference=lambda logits: logits.softmax(-1),
    cases=[case(tensor([2.0, 1.0, 0.0]), given="[2, 1, 0]"), case(tensor([0.5, -1.0, 1.5]), given="[0.5, -1, 1.5]")],
    edges=[
        case(tensor([1000.0, 999.0]), given="[1000, 999]", why=FAR),
        case(tensor([-1000.0, -1001.0]), given="[-1000, -1001]", why=FAR),
        case(tensor([0.0, 300.0]), given="[0, 300]", why=FAR),
        case(torch.linspace(0, 3, 60), given=N_("60 scores")),
        case(
            tensor([[2.0, 1.0, 0.0], [5.0, 5.0, 5.0]]), given=N_("two rows of scores, [[2, 1, 0], [5, 5, 5]]"), why=ROWS
        ),
        case(
            tensor([[1000.0, 999.0], [0.0, 1.0]]),
            given=N_("two rows far apart, [[1000, 999], [0, 1]]"),
            why=N_("Each row has a largest score of its own."),
        ),
        case(
            tensor([[[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]], [[5.0, 5.0, 5.0], [1.0, 0.0, 2.0]]]),
            given=N_("two tables of scores, shape (2, 2, 3)"),
            why=ROWS,
        ),
    ],
    mistakes=[
        (N_("These do not add up to 1 yet: divide by their sum."), lambda x: x.exp()),
        (
            N_("Those are the scores divided by their sum: first comes exp, since scores can be negative."),
            lambda x: x / x.sum(),
        ),
        (N_("Those are the logarithms of the chances: exp of them is the answer."), lambda x: x.log_softmax(-1)),
        (N_("That is with powers of 2. Use e: torch.exp."), lambda x: (x * math.log(2)).softmax(-1)),
        (
            N_("The likeliest got everything: that is argmax. Softmax leaves the others a chance."),
            lambda x: one_hot(x.argmax(-1), x.shape[-1]),
        ),
        (N_("That is one number. Every score gets a chance of its own."), lambda x: x.softmax(-1).max()),
        (OVERFLOW, _softmax, lambda x: [math.exp(score) / sum(map(math.exp, x.tolist())) for score in x.tolist()]),
        (
            N_("Every exp became 0, and 0 ÷ 0 is not a number. Subtract the largest score first, whatever its sign."),
            lambda x: _softmax(x - x.max().clamp(min=0)),
        ),
        (
            N_(
                "What became of the 300 is too large for exp. Subtract the largest score of each row, as in "
                "scores - scores.amax(-1, keepdim=True), and nothing else: then no exp is above 1."
            ),
            lambda x: _softmax(x - x.mean(-1, keepdim=True)),
            lambda x: _softmax(x - x.mean()),
            lambda x: _softmax(x - x.amin(-1, keepdim=True)),
            lambda x: _softmax(x - x.min()),
            lambda x: _softmax(x - x[..., :1]),
        ),
        (
            N_(
                "The largest score of both rows was subtracted from both. In the second row every exp became 0. Each "
                "row has a largest score of its own: scores.amax(-1, keepdim=True)."
            ),
            lambda x: _softmax(x - x.max()),
        ),
        (
            N_("Softmax is taken over all scores, not over the largest that one wants to show: the small ones add up."),
            _top_ten,
        ),
        (
            N_("These are sorted, the largest first. Each chance belongs where its score stands."),
            lambda x: x.sort(-1, descending=True).values.softmax(-1),
            lambda x: x.topk(min(10, x.shape[-1])).values.softmax(-1),
        ),
        (
            N_("The columns add up to 1. Each row is one position: sum along the last axis, dim=-1."),
            lambda x: x.softmax(0),
        ),
        (
            N_("That is right for one table. In a pile of them dim=1 runs down the columns: the last axis is dim=-1."),
            lambda x: x.softmax(min(1, x.ndim - 1)),
        ),
        (
            N_("All six chances together add up to 1. Each row should: sum(-1, keepdim=True)."),
            lambda x: _below_the_top(x) / _below_the_top(x).sum(),
        ),
    ],
    reminder=N_("Take exp of each score, and divide by their sum."),
)


def _greedy(scores: Tensor) -> Tensor:
    return one_hot(scores.argmax(), len(scores))


def _greedy_at_zero(function: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, float], Tensor]:
    return lambda x, temperature: function(x, temperature) if temperature else _greedy(x)


ZERO = N_("At temperature 0 there is nothing to divide by. It means: the likeliest token, with chance 1.")

# function(logits (n,), temperature) → chances (n,); 0 gives all to the first of the largest
check_with_temperature = Exercise(
    right=N_("a low temperature sharpens, a high one flattens, and 0 takes the likeliest."),
    reference=_greedy_at_zero(lambda logits, temperature: (logits / temperature).softmax(-1)),
    cases=[
        case(tensor([2.0, 1.0, 0.0]), 1.0, given=N_("[2, 1, 0] at temperature 1")),
        case(tensor([2.0, 1.0, 0.0]), 0.5, given=N_("[2, 1, 0] at temperature 0.5")),
        case(tensor([2.0, 1.0, 0.0]), 2.0, given=N_("[2, 1, 0] at temperature 2")),
    ],
    edges=[
        case(
            tensor([1.0, 3.0, 2.0]),
            0.0,
            given=N_("[1, 3, 2] at temperature 0"),
            why=N_("Temperature 0 means: the likeliest token, with chance 1."),
        ),
        case(
            tensor([0.0, 2.0, 2.0]),
            0.0,
            given=N_("a tie, [0, 2, 2] at temperature 0"),
            why=N_("Of several equals the first gets a chance of 1: argmax finds it."),
        ),
        case(
            tensor([-3.0, -1.0, -2.0]),
            0.0,
            given=N_("[-3, -1, -2] at temperature 0"),
            why=N_("The largest is the likeliest, also where all are negative."),
        ),
        case(tensor([100.0, 0.0]), 0.01, given=N_("[100, 0] at temperature 0.01")),
    ],
    mistakes=[
        (
            N_(
                "The scores were multiplied by the temperature. Divide, so that a low one makes the differences larger."
            ),
            lambda x, t: (x * t).softmax(-1),
        ),
        (
            N_("The chances do not add up to 1: divide the scores, and then take the softmax."),
            lambda x, t: x.softmax(-1) / t,
        ),
        (
            N_("The answer is the same at every temperature: divide the scores by it, before the softmax."),
            lambda x, t: x.softmax(-1),
        ),
        (
            N_("Softmax was taken twice. Divide the scores, and take it once."),
            lambda x, t: (x.softmax(-1) / t).softmax(-1),
        ),
        (N_("These do not add up to 1 yet: divide by their sum."), lambda x, t: (x / t).exp()),
        (
            ZERO,
            lambda x, t: (x / t).softmax(-1),
            lambda x, t: [
                math.exp(score / t) / sum(math.exp(other / t) for other in x.tolist()) for score in x.tolist()
            ],
        ),
        (
            N_(
                "The answer is that of temperature 1. At temperature 0 there is nothing to divide by. It means: the "
                "likeliest token, with chance 1."
            ),
            lambda x, t: (x / (t or 1)).softmax(-1),
        ),
        (
            N_("That is the id of the likeliest. Expected are the chances of all."),
            lambda x, t: (x / t).softmax(-1) if t else x.argmax(),
        ),
        (
            N_("That is the largest score. Expected are the chances of all."),
            lambda x, t: (x / t).softmax(-1) if t else x.max(),
        ),
        (
            N_("Both of the equals got a chance of 1. The rule here is that the first takes all: argmax finds it."),
            lambda x, t: (x / t).softmax(-1) if t else (x == x.max()).float(),
        ),
        (
            N_(
                "Half each is where lower and lower temperatures lead. The rule here is that the first of the equals "
                "takes all: argmax finds it."
            ),
            lambda x, t: (x / max(t, 1e-5)).softmax(-1),
        ),
        (
            N_("The last of the equals took all. The rule here is that the first does: argmax finds it."),
            lambda x, t: (x / t).softmax(-1) if t else _greedy(x.flip(0)).flip(0),
        ),
        (
            OVERFLOW,
            _greedy_at_zero(lambda x, t: _softmax(x / t)),
            _greedy_at_zero(lambda x, t: [math.exp(y / t) / sum(math.exp(z / t) for z in x) for y in x]),
        ),
    ],
    reminder=N_("Divide the scores by the temperature, and take the softmax."),
)


def _entropy(probs: Tensor) -> Tensor:
    """The entropy without a care for chances of 0."""
    return -(probs * probs.log()).sum()


# function(probs (n,)) → the entropy in nats
check_entropy = Exercise(
    right=N_("0 nats for a certain token, ln n for n equal ones."),
    reference=lambda probs: torch.special.entr(probs).sum(),
    cases=[
        case(torch.full((4,), 0.25), given=N_("four equal chances")),
        case(tensor([0.5, 0.25, 0.25]), given="[0.5, 0.25, 0.25]"),
    ],
    edges=[
        case(tensor([1.0, 0.0]), given=N_("one certain token, [1, 0]")),
        case(tensor([0.0, 0.5, 0.5]), given="[0, 0.5, 0.5]"),
    ],
    mistakes=[
        (N_("That is in bits. Nats use the natural logarithm, log."), lambda p: _entropy(p) / math.log(2)),
        (N_("That is with log10. Nats use the natural logarithm, log."), lambda p: _entropy(p) / math.log(10)),
        (N_("Logarithms of chances are negative, hence a minus."), lambda p: -_entropy(p)),
        (N_("That is exp(entropy). Return the entropy itself."), lambda p: _entropy(p).exp()),
        (N_("That is the mean. Take the sum."), lambda p: _entropy(p) / len(p)),
        (
            N_("The logarithms are added up. Each counts as often as its token comes: p × log p."),
            lambda p: -p.log().sum(),
        ),
        (N_("That is the surprise of the likeliest token alone. Add up p × log p over all."), lambda p: -p.max().log()),
        (N_("One number is asked for: add them up."), lambda p: -(p * p.log())),
        (
            N_("That is the logarithm of how many tokens there are, which is right only if all are equal."),
            lambda p: math.log(len(p)),
        ),
        (N_("0 × log 0 is not a number. A chance of 0 adds nothing: leave it out."), _entropy),
        (
            N_("The logarithm of 0 was asked for. A chance of 0 adds nothing: leave it out."),
            lambda p: -sum(x * math.log(x) for x in p.tolist()),
        ),
    ],
    reminder=N_("It is minus the sum of p × log p."),
)
