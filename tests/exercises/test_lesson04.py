"""Right answers pass however they are written, and wrong ones get their hints; `test_tables` tries every listed one."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from gptcore import draw, next_token_distribution
from gptcore.exercises import lesson04

INF = math.inf


# min_p


RIGHT_MIN_P = [0.1751, 0.18, 0.2, 0.21, 0.3, 0.32, 0.325, 13 / 40, Fraction(13, 40)]


@pytest.mark.parametrize("value", [*RIGHT_MIN_P, np.float32(0.3), np.float64(0.325), torch.tensor(0.2)])
def test_right_min_p(says, value):
    assert says(lesson04.check_min_p, value).startswith("Right: ")


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (0.25, "the one that the lesson used"),
        (0.1, "compared with the largest chance"),
        (1 / 4, "the one that the lesson used"),
        (torch.tensor(0.25), "the one that the lesson used"),
        (0.13, "compared with the largest chance"),
        (0, "expected 3 words, got 9 words."),
        (0.01, "expected 3 words, got 9 words. What stays has at least"),
        (0.07, "expected 3 words, got 7 words."),
        (0.175, "expected 3 words, got 5 words."),
        (0.3251, "expected 3 words, got 2 words."),
        (1 / 3, "expected 3 words, got 2 words."),
        (30, "min_p must be from 0 to 1"),
        (-0.3, "min_p must be from 0 to 1"),
        ((0.18, 0.32), "min_p must be a number"),
        ([0.3], "min_p must be a number"),
        ("0.3", "min_p must be a number"),
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


def with_numpy(logits, k):
    scores = logits.numpy()
    ids = np.argsort(-scores, kind="stable")[:k]
    weights = np.zeros(len(scores))
    weights[ids] = np.exp(scores[ids] - scores.max())
    return weights / weights.sum()


def by_rank(logits, k):
    rank = logits.argsort(descending=True, stable=True).argsort()
    return logits.masked_fill(rank >= k, -INF).softmax(-1)


def one_after_another(logits, k):
    scores, left = torch.full_like(logits, -INF), logits.clone()
    for _ in range(min(k, len(logits))):
        i = left.argmax()
        scores[i], left[i] = logits[i], -INF
    return scores.softmax(0)


def shared_anew(logits, k):
    probs = logits.softmax(-1) * (with_gptcore(logits, k) > 0)
    return probs / probs.sum()


def scattered(logits, k):
    ids = logits.argsort(descending=True, stable=True)[:k]
    return torch.zeros_like(logits).scatter(-1, ids, logits[ids].softmax(-1))


def very_negative(logits, k):
    return logits.where(with_gptcore(logits, k) > 0, -1e9).softmax(-1)


RIGHT_TOP_K = [by_sorting, by_removing, with_lists, with_gptcore, with_numpy, by_rank, one_after_another]


@pytest.mark.parametrize("function", [*RIGHT_TOP_K, shared_anew, scattered, very_negative])
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


TOP_K_WRONG = [
    ("The first k of the vocabulary", lambda x, k: by_sorting(x.where(torch.arange(len(x)) < k, -1e9), k)),
    ("in the order of the sorted scores", lambda x, k: by_sorting(x, k).sort(descending=True).values),
    ("`>=` cannot choose among equals", clamped(greater_or_equal)),
    ("`>=` cannot choose among equals", greater_or_equal),
    (
        "`>=` cannot choose among equals",
        lambda x, k: x.masked_fill(x < x.sort().values[-min(k, len(x))], -1e9).softmax(-1),
    ),
    ("`>` cannot choose among equals", lambda x, k: greater(x, k) if (x == 1).sum() > 1 else by_sorting(x, k)),
    ("`>` cannot choose among equals", lambda x, k: x.masked_fill(x <= x.topk(k).values[-1], -INF).softmax(-1)),
    ("Among equals the last came first", breaking_ties_backwards),
    (
        "Among equals the last came first",
        lambda x, k: x.where(x.argsort(stable=True).argsort() >= len(x) - k, -INF).softmax(-1),
    ),
    ("after the cut, not before it", cut_after_softmax),
    ("A score of 0 is not a chance of 0", cut_to_zero),
    ("A score of 0 is not a chance of 0", lambda x, k: (x * (by_sorting(x, k) > 0)).softmax(-1)),
    ("These are still scores", lambda x, k: by_sorting(x, k).log().where(by_sorting(x, k) == 0, x)),
    ("The k least likely stayed", smallest),
    ("changed what it was given", in_place),
    ("There are only 3 tokens", k_above_the_vocabulary),
    ("There are only 3 tokens", lambda x, k: by_sorting(x, len(x.topk(k).values))),
    ("One token too few stayed", lambda x, k: by_sorting(x, k - 1)),
    ("One token too many stayed", lambda x, k: by_sorting(x, k + 1)),
    ("which tokens they belong to", lambda x, k: x.topk(min(k, len(x))).values.softmax(-1)),
    ("These are the ids that stay", lambda x, k: x.argsort(descending=True, stable=True)[:k].tolist()),
    ("This tells which tokens stay", lambda x, k: by_rank(x, k) > 0),
    ("the shape should be (5,)", lambda x, k: torch.ones(4)),
    ("Exactly k scores stay", lambda x, k: x.topk(min(k, len(x))).values),
    ("Exactly k scores stay", lambda x, k: x.softmax(-1).topk(min(k, len(x)))),
    ("Exactly k scores stay", lambda x, k: by_sorting(x, 3)),
    ("Exactly k scores stay", lambda x, k: (by_sorting(x, k) > 0) / k),
    ("Exactly k scores stay", lambda x, k: by_sorting(x, k).log()),
]


@pytest.mark.parametrize(("hint", "function"), TOP_K_WRONG)
def test_wrong_top_k(says, hint, function):
    line = says(lesson04.check_top_k, function)
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


def with_numpy_too(probs, p):
    order = np.argsort(-probs.numpy(), kind="stable")
    ordered = probs.numpy()[order]
    kept = np.zeros(len(order), dtype=bool)
    kept[order] = np.cumsum(ordered) - ordered < p
    return kept


def moved_by_one(probs, p):
    ordered, order = probs.sort(descending=True, stable=True)
    stays = torch.cat([torch.tensor([True]), ordered.cumsum(-1)[:-1] < p])
    return torch.zeros_like(probs, dtype=torch.bool).scatter(-1, order, stays)


def turned_back(probs, p):
    ordered, order = probs.sort(descending=True, stable=True)
    return (ordered.cumsum(-1) - ordered < p)[order.argsort()]


def counted(probs, p):
    ordered, order = probs.sort(descending=True, stable=True)
    count = int((ordered.cumsum(-1) < p).sum()) + 1
    return [i in order[:count].tolist() for i in range(len(probs))]


def with_gptcore_too(probs, p):
    return next_token_distribution(probs.log(), top_p=p).kept.int()


RIGHT_TOP_P = [before_less, one_by_one, the_tail_away, with_numpy_too, moved_by_one, turned_back, counted]


@pytest.mark.parametrize("function", [*RIGHT_TOP_P, with_gptcore_too])
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


def ascending(probs, p):
    ordered, order = probs.sort(stable=True)
    return torch.zeros_like(probs, dtype=torch.bool).scatter(-1, order, ordered.cumsum(-1) - ordered < p)


def not_put_back(compare):
    return lambda probs, p: compare(probs.sort(descending=True, stable=True).values, p)


def in_anothers_place(probs, p):
    ordered, order = probs.sort(descending=True, stable=True)
    return (ordered.cumsum(-1) - ordered < p)[order]


TOP_P_WRONG = [
    ("so that the set does not reach p", sorted_by(lambda ordered, p: ordered.cumsum(-1) <= p)),
    ("with which the sum reaches p is missing", sorted_by(lambda ordered, p: ordered.cumsum(-1) < p)),
    ("One token too many", sorted_by(shifted)),
    ("One token too many", sorted_by(lambda ordered, p: ordered.cumsum(-1) - ordered <= p)),
    ("Put each one back into its own place", not_put_back(lambda ordered, p: ordered.cumsum(-1) - ordered < p)),
    ("in the order of the vocabulary", lambda probs, p: probs.cumsum(-1) - probs < p),
    ("and the token that passes p is missing", lambda probs, p: probs.cumsum(-1) < p),
    ("and the token that passes p is missing", lambda probs, p: probs.cumsum(-1) <= p),
    ("compared with each single chance", lambda probs, p: probs >= p),
    ("The addition began with the least likely", ascending),
    ("These are the ids", lambda probs, p: probs.argsort(descending=True)[: int(before_less(probs, p).sum())]),
    ("These are the ids", lambda probs, p: before_less(probs, p).nonzero()[:, 0].tolist()),
    ("in another token's place", in_anothers_place),
    ("comes after the sum", sorted_by(lambda ordered, p: ordered.cumsum(-1) >= p)),
    ("These are chances", lambda probs, p: probs * before_less(probs, p)),
    ("Among equals the last came first", lambda probs, p: before_less(probs.flip(-1), p).flip(-1)),
    ("True and False have changed places", lambda probs, p: ~before_less(probs, p)),
    ("changed what it was given", lambda probs, p: before_less(probs, p) & (probs.zero_() == 0)),
    (
        "a token stays as long as",
        sorted_by(lambda ordered, p: (ordered.cumsum(-1) <= p).index_fill(0, torch.tensor(0), True)),
    ),
    ("a token stays as long as", not_put_back(lambda ordered, p: ordered.cumsum(-1) <= p)),
    ("a token stays as long as", lambda probs, p: probs >= p * probs.max()),
    ("a token stays as long as", lambda probs, p: probs == probs.max()),
    ("a token stays as long as", lambda probs, p: next_token_distribution(probs, top_p=p).kept),
    ("a token stays as long as", lambda probs, p: torch.ones_like(probs, dtype=torch.bool)),
    ("a token stays as long as", lambda probs, p: before_less(probs, p).sum()),
]


@pytest.mark.parametrize(("hint", "function"), TOP_P_WRONG)
def test_wrong_top_p(says, hint, function):
    line = says(lesson04.check_top_p, function)
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


def text_by_text(logits, temperature, uniform):
    if temperature == 0:
        return [int(row.argmax()) for row in logits]
    ids = []
    for row, dart in zip(logits, uniform.tolist(), strict=True):
        ends = (row / temperature).softmax(0).cumsum(0).tolist()
        ids.append(next(i for i, end in enumerate(ends) if end > dart))
    return ids


def with_arrays(logits, temperature, uniform):
    scores = logits.numpy()
    if temperature == 0:
        return scores.argmax(-1)
    weights = np.exp(scores / temperature)
    ends = np.cumsum(weights / weights.sum(-1, keepdims=True), axis=-1)
    return (ends <= uniform.numpy()[:, None]).sum(-1)


def the_first_end_after(logits, temperature, uniform):
    if temperature == 0:
        return logits.topk(1).indices.squeeze(-1)
    ends = (logits / temperature).softmax(-1).cumsum(-1)
    return (ends > uniform.unsqueeze(-1)).int().argmax(-1)


def turned(logits, temperature, uniform):
    if not temperature:
        return logits.T.argmax(0)
    return ((logits.T / temperature).softmax(0).cumsum(0) <= uniform).sum(0)


def as_floats(logits, temperature, uniform):
    return with_draw(logits, temperature, uniform).float()


RIGHT_CHOOSE = [by_counting, by_searching, with_draw, text_by_text, with_arrays, the_first_end_after, turned, as_floats]


@pytest.mark.parametrize("function", RIGHT_CHOOSE)
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
    "At temperature 0 nothing is divided": lambda logits, t, u: landing((logits / t).softmax(-1), u),
    "changed what it was given": lambda logits, t, u: by_counting(logits.div_(t or 1), 1, u),
    "no very low temperature": lambda logits, t, u: by_counting(logits, max(t, 1e-5), u),
    "always the likeliest token": lambda logits, t, u: logits.argmax(-1),
    "of all texts together": lambda logits, t, u: by_counting(logits, t, u) if t else logits.argmax(),
    "looked for down the columns": lambda logits, t, u: by_counting(logits, t, u) if t else logits.argmax(0),
    "one too small": lambda logits, t, u: by_counting(logits, t, u) - 1,
    "one too large": lambda logits, t, u: by_counting(logits, t, u) + 1,
    "of all texts were added together": lambda logits, t, u: by_counting(logits, t, u).sum(),
    "The scores were added up": lambda logits, t, u: ((logits / (t or 1)).cumsum(-1) <= u[:, None]).sum(-1),
    "each row gives its likeliest token": lambda logits, t, u: by_counting(logits, t, u) if t else logits.amax(-1),
    "every way through it ends with return": lambda logits, t, u: by_counting(logits, t, u) if t else None,
}

CHOOSE_WRONG_WITHOUT_A_NAME = [
    lambda logits, t, u: by_counting(logits, t, u.flip(0)),
    lambda logits, t, u: by_counting(logits, t, 1 - u),
    lambda logits, t, u: by_counting(logits[:1], t, u),
    lambda logits, t, u: (logits / (t or 1)).softmax(-1),
    lambda logits, t, u: (logits / (t or 1)).softmax(-1).cumsum(-1),
    lambda logits, t, u: ((logits / (t or 1)).exp().cumsum(-1) <= u[:, None]).sum(-1),
]


@pytest.mark.parametrize("function", CHOOSE_WRONG_WITHOUT_A_NAME)
def test_another_wrong_choose_is_reminded_of_the_bar(says, function):
    line = says(lesson04.check_choose, function)
    assert line.startswith("Not yet: ") and "as many tokens end before the dart as the id says" in line


@pytest.mark.parametrize("hint", CHOOSE_WRONG)
def test_wrong_choose(says, hint):
    line = says(lesson04.check_choose, CHOOSE_WRONG[hint])
    assert line.startswith("Not yet: ") and hint in line


def test_division_by_zero_becomes_a_sentence(says):
    def with_lists(logits, temperature, uniform):
        return by_counting(logits, temperature, uniform) if 1 / temperature else None

    line = says(lesson04.check_choose, with_lists)
    assert "stopped with ZeroDivisionError" in line and "At temperature 0 nothing is divided" in line
