"""Self-checks of lesson 04, choosing a token."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, inf, tensor

from gptcore.exercises.checking import Exercise, Value, case
from gptcore.language import N_
from gptcore.sampling import Sampling, draw, next_token_distribution

Choosing = Callable[[Tensor, float, Tensor], Any]

# Exercise 1: a min_p that keeps three of the lesson's nine words ----------------------------------------------------

PERCENT = {"moon": 2, "sofa": 20, "chair": 7, "mat": 40, "bed": 7, "idea": 1, "floor": 13, "roof": 6, "table": 4}


def _kept_by(min_p: Any) -> str:
    limit = 40 * Sampling(min_p=min_p).min_p - 1e-6  # logits would round 13% and 7%, the two limits
    kept = sum(percent >= limit for percent in PERCENT.values())
    return N_("1 word") if kept == 1 else N_("{count} words", count=kept)


check_min_p = Value(
    right=N_("mat, sofa and floor stay, because each is at least min_p times as likely as mat, the likeliest."),
    what=N_("a number from 0 to 1"),
    reference=N_("{count} words", count=3),
    observe=_kept_by,
    mistakes=[
        (N_("0.25 is the one that the lesson used. Which others keep the same three words?"), 0.25),
        (
            N_(
                "That would cut between chair (7%) and floor (13%) if it were compared with 1. It is compared with the "
                "largest chance: what stays has at least min_p × 40%."
            ),
            *(0.08, 0.09, 0.1, 0.11, 0.12, 0.13),
        ),
    ],
    reminder=N_("What stays has at least min_p × 40%: a larger min_p keeps less."),
)


# Exercise 2: top-k --------------------------------------------------------------------------------------------------


def _top_k(logits: Tensor, k: int) -> Tensor:
    return next_token_distribution(logits, top_k=k).probs


def _kept_or(logits: Tensor, k: int, cut: float) -> Tensor:
    return logits.where(_top_k(logits, k) > 0, cut)


def _kth(logits: Tensor, k: int) -> Tensor:
    """The kth largest score, or -inf where there is none."""
    return torch.cat([logits.sort(descending=True).values, torch.full((k,), -inf)])[k - 1]


# function(logits (vocab_size,), k) → chances (vocab_size,) after top-k
check_top_k = Exercise(
    right=N_("exactly k tokens stay, the lower id first among equals, and their chances add up to 1."),
    reference=_top_k,
    cases=[
        case(tensor([1.0, 3.0, 0.5, 2.0, -1.0]), 3),
        case(tensor([2.0, 1.0, 1.0, 1.0, 0.5]), 2),
        case(tensor([2.0, 1.0, 1.0, 1.0, 0.5]), 3),
    ],
    edges=[
        case(
            tensor([1.0, 3.0, 0.5]),
            9,
            why=N_("There are only 3 tokens, and a k above that keeps them all: min(k, len(logits))."),
        )
    ],
    mistakes=[
        (
            N_(
                "What is equal to the kth score stays as well, so that more than k stay. `>=` cannot choose among "
                "equals: take k places from logits.argsort(descending=True, stable=True)."
            ),
            lambda x, k: x.where(x >= _kth(x, k), -inf).softmax(-1),
        ),
        (
            N_(
                "What is equal to the kth score goes as well, so that fewer than k stay. `>` cannot choose among "
                "equals: take k places from logits.argsort(descending=True, stable=True)."
            ),
            lambda x, k: x.where(x > _kth(x, k), -inf).softmax(-1),
            lambda x, k: x.where(x > _kth(x, k + 1), -inf).softmax(-1),
        ),
        (
            N_("Among equals the last came first. Sort with descending=True, stable=True: then the lower id is first."),
            lambda x, k: _top_k(x.flip(-1), k).flip(-1),
        ),
        (
            N_(
                "These are the chances of the k that stay, and nobody can tell which tokens they belong to. Keep one "
                "place for every token: give the others a score of -torch.inf before the softmax."
            ),
            lambda x, k: x.topk(k).values.softmax(-1),
        ),
        (
            N_("These are the ids that stay. Return chances: scores of -torch.inf for all others, then the softmax."),
            lambda x, k: x.topk(k).indices,
            lambda x, k: x.argsort(descending=True, stable=True)[:k],
        ),
        (
            N_("The chances of those that stay do not add up to 1. Take the softmax after the cut, not before it."),
            lambda x, k: x.softmax(-1).where(_top_k(x, k) > 0, 0),
        ),
        (
            N_("A score of 0 is not a chance of 0, since exp(0) = 1. Give what is cut a score of -torch.inf."),
            lambda x, k: _kept_or(x, k, 0.0).softmax(-1),
        ),
        (N_("These are still scores. Turn them into chances with .softmax(-1)."), lambda x, k: _kept_or(x, k, -inf)),
        (N_("This tells which tokens stay. Return their chances."), lambda x, k: _top_k(x, k) > 0),
        (
            N_("The first k of the vocabulary stayed. The k with the largest scores are asked for."),
            lambda x, k: x.where(torch.arange(len(x)) < k, -inf).softmax(-1),
        ),
        (
            N_("The answer is in the order of the sorted scores. Put each chance back into the place of its token."),
            lambda x, k: _top_k(x.sort(descending=True).values, k),
        ),
        (N_("Only the likeliest stayed, as if k were 1."), lambda x, k: _top_k(x, 1)),
        (N_("One token too many stayed: exactly k are asked for."), lambda x, k: _top_k(x, k + 1)),
        (N_("One token too few stayed: exactly k are asked for."), lambda x, k: _top_k(x, k - 1)),
        (N_("Nothing was cut."), lambda x, k: x.softmax(-1)),
        (
            N_("The k least likely stayed: sort with descending=True."),
            lambda x, k: x.where(_top_k(-x, k) > 0, -inf).softmax(-1),
        ),
    ],
    reminder=N_(
        "Exactly k scores stay in their places, the lower id first among equals. All others become -torch.inf; "
        "the softmax comes last."
    ),
)


# Exercise 3: top-p --------------------------------------------------------------------------------------------------


def _top_p(keep: Callable[[Tensor, float], Tensor], order_by: int = 1) -> Callable[[Tensor, float], Tensor]:
    """function(probs, p) → what `keep(ordered, p)` keeps of the ordered chances, each in the place of its token."""

    def function(probs: Tensor, p: float) -> Tensor:
        order = (order_by * probs).argsort(descending=True, stable=True)
        return torch.zeros_like(probs, dtype=torch.bool).scatter(-1, order, keep(probs[order], p))

    return function


def _before(ordered: Tensor, p: float) -> Tensor:
    return ordered.cumsum(-1) - ordered < p


def _shifted(ordered: Tensor, p: float) -> Tensor:
    over = ordered.cumsum(-1) > p
    return ~torch.cat([tensor([False]), over[:-1]])


def _ordered(probs: Tensor) -> Tensor:
    return probs.sort(descending=True, stable=True).values


_kept = _top_p(_before)

# function(probs (vocab_size,), p) → bool (vocab_size,): True for what top-p keeps
check_top_p = Exercise(
    right=N_("the smallest set of likeliest tokens that reaches p stays, and it is never empty."),
    reference=lambda probs, p: _kept(probs, p),
    cases=[
        case(tensor([0.0625, 0.125, 0.5, 0.25, 0.0625]), 0.7),
        case(tensor([0.125, 0.5, 0.125, 0.25]), 0.75),
        case(tensor([0.125, 0.5, 0.125, 0.25]), 0.1),
        case(tensor([0.25, 0.25, 0.25, 0.25]), 0.5),
    ],
    mistakes=[
        (
            N_(
                "The token with which the sum passes p is missing, so that the set does not reach p. Ask what lies "
                "*before* each token: ordered.cumsum(-1) - ordered < p."
            ),
            _top_p(lambda ordered, p: ordered.cumsum(-1) <= p),
        ),
        (
            N_(
                "The token with which the sum reaches p is missing. Ask what lies *before* each token: "
                "ordered.cumsum(-1) - ordered < p."
            ),
            _top_p(lambda ordered, p: ordered.cumsum(-1) < p),
        ),
        (
            N_(
                "One token too many: the ones before it reach p exactly, and that is enough. What stays has *less* "
                "than p before it."
            ),
            _top_p(_shifted),
        ),
        (
            N_("The chances were added up in the order of the vocabulary. Begin with the likeliest: sort them first."),
            _before,
        ),
        (
            N_(
                "The chances were added up in the order of the vocabulary, and the token that passes p is missing. "
                "Begin with the likeliest, and ask what lies before each token."
            ),
            lambda probs, p: probs.cumsum(-1) <= p,
            lambda probs, p: probs.cumsum(-1) < p,
        ),
        (
            N_(
                "The answer is in the order of the sorted chances. Put each one back into its own place: "
                "kept[order] = before < p."
            ),
            lambda probs, p: _before(_ordered(probs), p),
        ),
        (
            N_("`p` was compared with each single chance. It is the sum of the likeliest that has to reach p."),
            lambda probs, p: probs >= p,
        ),
        (N_("The addition began with the least likely: sort with descending=True."), _top_p(_before, order_by=-1)),
        (
            N_("These are the ids of what stays. Return True or False for every token of the vocabulary."),
            lambda probs, p: probs.argsort(descending=True, stable=True)[: int(_kept(probs, p).sum())],
        ),
        (
            N_("Each answer is in another token's place. `order` says where each belongs: kept[order] = before < p."),
            lambda probs, p: _before(_ordered(probs), p)[probs.argsort(descending=True, stable=True)],
        ),
        (
            N_("This keeps what comes after the sum has reached p. What stays has less than p *before* it."),
            _top_p(lambda ordered, p: ordered.cumsum(-1) >= p),
        ),
        (
            N_("These are chances. Return True for what stays and False for what goes."),
            lambda probs, p: _kept(probs, p) * probs,
            lambda probs, p: _kept(probs, p) * probs / probs[_kept(probs, p)].sum(),
        ),
        (
            N_("Among equals the last came first. Sort with descending=True, stable=True: then the lower id is first."),
            lambda probs, p: _kept(probs.flip(-1), p).flip(-1),
        ),
        (N_("True and False have changed places: True is for what stays."), lambda probs, p: ~_kept(probs, p)),
    ],
    reminder=N_("From the likeliest on, a token stays as long as the chances before it make less than p."),
)


# Exercise 4: temperature and the draw -------------------------------------------------------------------------------


def _greedy_at_zero(function: Choosing) -> Choosing:
    return lambda logits, t, uniform: function(logits, t, uniform) if t else logits.argmax(-1)


def _choose(logits: Tensor, temperature: float, uniform: Tensor) -> Tensor:
    return draw(next_token_distribution(logits, temperature), uniform)


def _ended(probs: Tensor, uniform: Tensor, dim: int = -1) -> Tensor:
    """bool (texts, vocab_size): which tokens end before the dart."""
    return probs.cumsum(dim) <= uniform[:, None]


def _probs(logits: Tensor, temperature: float, dim: int = -1) -> Tensor:
    return (logits / temperature).softmax(dim)


def _hit(probs: Tensor, uniform: Tensor) -> Tensor:
    return _ended(probs, uniform).sum(-1)


_ABOVE_ZERO: list[tuple[str, Choosing]] = [
    (
        N_(
            "The softmax went down the columns, from text to text. Along a row, over the vocabulary, it is "
            ".softmax(-1)."
        ),
        lambda x, t, u: _hit(_probs(x, t, dim=0), u),
    ),
    (
        N_("The sum went down the columns, from text to text. Along a row, over the vocabulary, it is .cumsum(-1)."),
        lambda x, t, u: _ended(_probs(x, t), u, dim=0).sum(-1),
    ),
    (
        N_("The temperature was not used: divide the logits by it before the softmax."),
        lambda x, t, u: _hit(x.softmax(-1), u),
    ),
    (
        N_("The logits were multiplied by the temperature. Divide: a high temperature makes them more alike."),
        lambda x, t, u: _hit((x * t).softmax(-1), u),
    ),
    (
        N_("The chances were divided by the temperature. It works on the logits, before the softmax."),
        lambda x, t, u: _hit(x.softmax(-1) / t, u),
    ),
    (
        N_(
            "The dart was compared with the chances themselves. On the bar each token ends at a running sum: "
            ".cumsum(-1)."
        ),
        lambda x, t, u: (_probs(x, t) <= u[:, None]).sum(-1),
    ),
    (
        N_("The scores were added up, and a bar is made of chances: .softmax(-1) comes first."),
        lambda x, t, u: _hit(x / t, u),
    ),
    (
        N_("This counts the tokens that end after the dart. Count those that end before it."),
        lambda x, t, u: (~_ended(_probs(x, t), u)).sum(-1),
    ),
    (
        N_("This tells which tokens end before the dart. Their number is the id: add them up, .sum(-1)."),
        lambda x, t, u: _ended(_probs(x, t), u),
    ),
    (
        N_("The first dart was used for every text. Each text has its own: uniform[:, None]."),
        lambda x, t, u: _hit(_probs(x, t), u[:1].expand(len(x))),
    ),
    (
        N_("The chances were sorted, and their places are no ids any more. The bar is in the order of the vocabulary."),
        lambda x, t, u: _hit(_probs(x, t).sort(descending=True).values, u),
    ),
    (
        N_("The numbers of all texts were added together. Each row has its own: .sum(-1)."),
        lambda x, t, u: _hit(_probs(x, t), u).sum(),
    ),
]

_LOGITS = tensor([[0.1, 0.2, 0.6, 0.1], [0.5, 0.1, 0.1, 0.3], [0.25, 0.25, 0.3, 0.2]]).log()


def _given(temperature: float, uniform: list[float]) -> str:
    return N_(
        "the log of chances [[0.1, 0.2, 0.6, 0.1], [0.5, 0.1, 0.1, 0.3], [0.25, 0.25, 0.3, 0.2]], "
        "temperature {temperature} and uniform {uniform}",
        temperature=temperature,
        uniform=uniform,
    )


# function(logits (texts, vocab_size), temperature, uniform (texts,)) → token ids (texts,)
check_choose = Exercise(
    right=N_("one token for each text, where its own dart falls, and the likeliest at temperature 0."),
    reference=_choose,
    cases=[
        case(_LOGITS, 1.0, tensor([0.95, 0.55, 0.05]), given=_given(1, [0.95, 0.55, 0.05])),
        case(_LOGITS, 3.0, tensor([0.35, 0.55, 0.9]), given=_given(3, [0.35, 0.55, 0.9])),
        case(_LOGITS, 0.25, tensor([0.03, 0.9, 0.35]), given=_given(0.25, [0.03, 0.9, 0.35])),
    ],
    edges=[
        case(
            _LOGITS,
            0,
            tensor([0.05, 0.95, 0.95]),
            given=_given(0, [0.05, 0.95, 0.95]),
            why=N_("At temperature 0 each row gives its likeliest token: logits.argmax(-1)."),
        ),
        case(
            tensor([[5.0, 5.000002], [5.000002, 5.0], [1.0, 5.0]]),
            0,
            tensor([0.05, 0.95, 0.5]),
            given=N_("the logits [[5, 5.000002], [5.000002, 5], [1, 5]], temperature 0 and uniform [0.05, 0.95, 0.5]"),
            why=N_(
                "Temperature 0 is no very low temperature: the largest score wins even by a hair, logits.argmax(-1)."
            ),
        ),
    ],
    mistakes=[
        *((hint, mistake, _greedy_at_zero(mistake)) for hint, mistake in _ABOVE_ZERO),
        (
            N_("At temperature 0 nothing is divided: there each row gives its likeliest token, logits.argmax(-1)."),
            lambda x, t, u: _hit(_probs(x, t), u),
            lambda x, t, u: _choose(x, 1 / (1 / t), u),
        ),
        (
            N_(
                "This is always the likeliest token: that is right at temperature 0 only. Otherwise let uniform choose."
            ),
            lambda x, t, u: x.argmax(-1),
        ),
        (
            N_("The likeliest was looked for down the columns, from text to text. Along a row it is .argmax(-1)."),
            lambda x, t, u: x.argmax(0),
            lambda x, t, u: _choose(x, t, u) if t else x.argmax(0),
        ),
        (
            N_("That is the likeliest token of all texts together: each row has its own, .argmax(-1)."),
            lambda x, t, u: x.argmax(),
            lambda x, t, u: _choose(x, t, u) if t else x.argmax(),
        ),
        (
            N_("Each id is one too small. As many tokens as end before the dart: that number is the id."),
            lambda x, t, u: _choose(x, t, u) - 1,
        ),
        (N_("Each id is one too large: ids begin at 0."), lambda x, t, u: _choose(x, t, u) + 1),
        (
            N_("The ids are right, in a column. Expected is a row, one id per text: .squeeze(-1)."),
            lambda x, t, u: _choose(x, t, u)[:, None],
        ),
        (
            N_("The ids are right, in a column. Expected is a row, one id per text: .argmax(-1)."),
            lambda x, t, u: _choose(x, t, u) if t else x.argmax(-1, keepdim=True),
        ),
        (
            N_("These are chances. Return the ids: .argmax(-1)."),
            lambda x, t, u: _choose(x, t, u) if t else next_token_distribution(x, 0).probs,
        ),
    ],
    reminder=N_("On the bar of its row, as many tokens end before the dart as the id says."),
    luck=N_("Use the numbers in uniform, and no other luck."),
)
