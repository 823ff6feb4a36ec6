"""Right answers pass however they are written, and wrong ones get their hints; `test_tables` tries every listed one."""

import math

import pytest
import torch

from gptcore import draw, next_token_distribution
from gptcore.exercises import lesson04

INF = math.inf


# min_p


@pytest.mark.parametrize("value", [0.2, 0.21, 0.3])
def test_right_min_p(says, value):
    assert says(lesson04.check_min_p, value).startswith("Right: ")


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (0.25, "the one that the lesson used"),
        (0.1, "compared with the largest chance"),
        (0.01, "expected 3 words, got 9 words. What stays has at least"),
        (0.5, "a larger min_p keeps less"),
        (1, "got 1 word."),
        (3, "min_p must be from 0 to 1"),
        ("a lot", "min_p must be a number"),
    ],
)
def test_wrong_min_p(says, value, hint):
    line = says(lesson04.check_min_p, value)
    assert line.startswith("Not yet: ") and hint in line


# top-k


def by_sorting(logits, k):
    order = logits.argsort(descending=True, stable=True)
    scores = torch.full_like(logits, -INF)
    scores[order[:k]] = logits[order[:k]]
    return scores.softmax(-1)


def by_removing(logits, k):
    scores = logits.clone()
    scores[logits.argsort(descending=True, stable=True)[k:]] = -INF
    return scores.softmax(-1)


def with_lists(logits, k):
    ids = sorted(range(len(logits)), key=lambda i: -logits[i].item())[:k]
    weights = [math.exp(logits[i]) if i in ids else 0 for i in range(len(logits))]
    return [weight / sum(weights) for weight in weights]


def with_gptcore(logits, k):
    return next_token_distribution(logits, top_k=k).probs


@pytest.mark.parametrize("function", [by_sorting, by_removing, with_lists, with_gptcore])
def test_right_top_k(says, function):
    assert says(lesson04.check_top_k, function).startswith("Right: ")


def clamped(function):
    return lambda logits, k: function(logits, min(k, len(logits)))


def in_place(logits, k):
    logits[logits.argsort(descending=True, stable=True)[k:]] = -INF
    return logits.softmax(-1)


def greater_or_equal(logits, k):
    return logits.where(logits >= logits.topk(k).values[-1], torch.tensor(-INF)).softmax(-1)


def greater(logits, k):
    return logits.where(logits > logits.topk(k + 1).values[-1], torch.tensor(-INF)).softmax(-1)


def breaking_ties_backwards(logits, k):
    return by_sorting(logits.flip(-1), k).flip(-1)


def k_above_the_vocabulary(logits, k):
    scores = torch.full_like(logits, -INF)
    ids = logits.argsort(descending=True, stable=True)
    for position in range(k):
        scores[ids[position]] = logits[ids[position]]
    return scores.softmax(-1)


def cut_after_softmax(logits, k):
    return logits.softmax(-1) * (by_sorting(logits, k) > 0)


def cut_to_zero(logits, k):
    return torch.where(by_sorting(logits, k) > 0, logits, 0.0).softmax(-1)


def smallest(logits, k):
    scores = torch.full_like(logits, -INF)
    ids = logits.argsort()[:k]
    scores[ids] = logits[ids]
    return scores.softmax(-1)


TOP_K_WRONG = {
    "The first k of the vocabulary": lambda logits, k: by_sorting(logits.where(torch.arange(len(logits)) < k, -1e9), k),
    "in the order of the sorted scores": lambda logits, k: by_sorting(logits, k).sort(descending=True).values,
    "`>=` cannot choose among equals": clamped(greater_or_equal),
    "`>` cannot choose among equals": lambda logits, k: (
        logits.where(logits > logits.topk(k).values[-1], torch.tensor(-INF)).softmax(-1)
        if logits[2] == 1
        else by_sorting(logits, k)
    ),
    "Among equals the last came first": breaking_ties_backwards,
    "after the cut, not before it": cut_after_softmax,
    "A score of 0 is not a chance of 0": cut_to_zero,
    "These are still scores": lambda logits, k: by_sorting(logits, k).log().where(by_sorting(logits, k) == 0, logits),
    "The k least likely stayed": smallest,
    "changed what it was given": in_place,
    "There are only 3 tokens": k_above_the_vocabulary,
    "the shape should be (5,)": lambda logits, k: torch.ones(4),
}


@pytest.mark.parametrize("hint", TOP_K_WRONG)
def test_wrong_top_k(says, hint):
    line = says(lesson04.check_top_k, TOP_K_WRONG[hint])
    assert line.startswith("Not yet: ") and hint in line


# top-p


def before_less(probs, p):
    ordered, order = probs.sort(descending=True, stable=True)
    kept = torch.zeros_like(probs, dtype=torch.bool)
    kept[order] = ordered.cumsum(-1) - ordered < p
    return kept


def one_by_one(probs, p):
    kept, mass = [False] * len(probs), 0.0
    for i in sorted(range(len(probs)), key=lambda i: -probs[i].item()):
        if mass >= p:
            break
        kept[i], mass = True, mass + probs[i].item()
    return kept


def the_tail_away(probs, p):
    ordered, order = probs.flip(-1).sort(stable=True)  # the least likely first, and among equals the last
    gone = ordered.cumsum(-1) <= 1 - p
    gone[-1] = False
    return ~torch.zeros_like(gone).scatter(-1, order, gone).flip(-1)


@pytest.mark.parametrize("function", [before_less, one_by_one, the_tail_away])
def test_right_top_p(says, function):
    assert says(lesson04.check_top_p, function).startswith("Right: ")


def sorted_by(compare):
    def function(probs, p):
        ordered, order = probs.sort(descending=True, stable=True)
        return torch.zeros_like(probs, dtype=torch.bool).scatter(-1, order, compare(ordered, p))

    return function


def shifted(ordered, p):
    over = ordered.cumsum(-1) > p
    over[1:] = over[:-1].clone()
    over[0] = False
    return ~over


TOP_P_WRONG = {
    "so that the set does not reach p": sorted_by(lambda ordered, p: ordered.cumsum(-1) <= p),
    "One token too many": sorted_by(shifted),
    "Put each one back into its own place": lambda probs, p: (
        probs.sort(descending=True).values.cumsum(-1) - probs.sort(descending=True).values < p
    ),
    "The addition began with the least likely": lambda probs, p: torch.zeros_like(probs, dtype=torch.bool).scatter(
        -1, probs.argsort(stable=True), probs.sort(stable=True).values.cumsum(-1) - probs.sort().values < p
    ),
    "These are the ids": lambda probs, p: probs.argsort(descending=True)[: int(before_less(probs, p).sum())],
    "in another token's place": lambda probs, p: before_less(probs.sort(descending=True, stable=True).values, p)[
        probs.argsort(descending=True, stable=True)
    ],
    "comes after the sum": sorted_by(lambda ordered, p: ordered.cumsum(-1) >= p),
    "Among equals the last came first": lambda probs, p: before_less(probs.flip(-1), p).flip(-1),
    "changed what it was given": lambda probs, p: before_less(probs, p) & (probs.zero_() == 0),
}


@pytest.mark.parametrize("hint", TOP_P_WRONG)
def test_wrong_top_p(says, hint):
    line = says(lesson04.check_top_p, TOP_P_WRONG[hint])
    assert line.startswith("Not yet: ") and hint in line


# temperature and the draw


def by_counting(logits, temperature, uniform):
    if temperature == 0:
        return logits.argmax(-1)
    probs = (logits / temperature).softmax(-1)
    return (probs.cumsum(-1) < uniform[:, None]).sum(-1)


def by_searching(logits, temperature, uniform):
    if temperature == 0:
        return logits.max(-1).indices
    cdf = (logits / temperature).softmax(-1).cumsum(-1)
    return torch.searchsorted(cdf, uniform[:, None], right=True)[:, 0]


def with_draw(logits, temperature, uniform):
    return draw(next_token_distribution(logits, temperature), uniform)


@pytest.mark.parametrize("function", [by_counting, by_searching, with_draw])
def test_right_choose(says, function):
    assert says(lesson04.check_choose, function).startswith("Right: ")


def landing(probs, uniform, axis=-1):
    return (probs.cumsum(axis) < uniform[:, None]).sum(-1)


CHOOSE_WRONG = {
    "The softmax went down the columns": lambda logits, t, u: landing((logits / t).softmax(0), u),
    "The sum went down the columns": lambda logits, t, u: landing((logits / t).softmax(-1), u, axis=0),
    "The temperature was not used": lambda logits, t, u: landing(logits.softmax(-1), u),
    "were multiplied by the temperature": lambda logits, t, u: landing((logits * t).softmax(-1), u),
    "The chances were divided by the temperature": lambda logits, t, u: landing(logits.softmax(-1) / t, u),
    "no other luck": lambda logits, t, u: torch.multinomial(logits.softmax(-1), 1)[:, 0] + 4 * torch.randint(9, (3,)),
    "[:, None]": lambda logits, t, u: (logits.softmax(-1).cumsum(-1) < u).sum(-1),
    "running sum": lambda logits, t, u: ((logits / t).softmax(-1) < u[:, None]).sum(-1),
    "end after the dart": lambda logits, t, u: ((logits / t).softmax(-1).cumsum(-1) > u[:, None]).sum(-1),
    "add them up": lambda logits, t, u: (logits / t).softmax(-1).cumsum(-1) < u[:, None],
    "The first dart": lambda logits, t, u: by_counting(logits, t, u[:1]),
    "in a column. Expected is a row, one id per text: .squeeze": lambda logits, t, u: by_counting(logits, t, u)[
        :, None
    ],
    "The chances were sorted": lambda logits, t, u: landing((logits / t).softmax(-1).sort(descending=True).values, u),
    "Return the ids": lambda logits, t, u: by_counting(logits, t, u) if t else next_token_distribution(logits, 0).probs,
    "one id per text: .argmax": lambda logits, t, u: by_counting(logits, t, u) if t else logits.argmax(-1)[:, None],
    "Nothing can be divided by 0": lambda logits, t, u: landing((logits / t).softmax(-1), u),
    "changed what it was given": lambda logits, t, u: by_counting(logits.div_(t or 1), 1, u),
}


@pytest.mark.parametrize("hint", CHOOSE_WRONG)
def test_wrong_choose(says, hint):
    line = says(lesson04.check_choose, CHOOSE_WRONG[hint])
    assert line.startswith("Not yet: ") and hint in line


def test_division_by_zero_becomes_a_sentence(says):
    def with_lists(logits, temperature, uniform):
        return by_counting(logits, temperature, uniform) if 1 / temperature else None

    line = says(lesson04.check_choose, with_lists)
    assert "stopped with ZeroDivisionError" in line and "Nothing can be divided by 0" in line
