"""Self-checks of lesson 04, choosing a token. Each prints one line: `Right: …`, or `Not yet: …` with a hint.

A wrong answer is recognised by its numbers: each check holds the usual misconceptions as functions, and looks for one
that gives what the learner's function gave.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from gptcore.exercises.checking import error_hint
from gptcore.sampling import draw, next_token_distribution


class _NotYet(Exception):
    """What is wrong, in a sentence for the learner."""


Misconceptions = Sequence[tuple[str, Callable[..., Tensor]]]  # (hint, the function of those who believe it)


def _check(right: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Make a check of a function that raises `_NotYet`."""

    def decorate(examine: Callable[[Any], None]) -> Callable[[Any], None]:
        @wraps(examine)
        def check(answer: Any) -> None:
            try:
                examine(answer)
            except _NotYet as problem:
                print(f"Not yet: {problem}")
            except Exception as error:  # nothing that a learner writes may end in a traceback from here
                print(f"Not yet: this answer could not be read, {type(error).__name__} ({_one_line(error)}).")
            else:
                print(f"Right: {right}")

        return check

    return decorate


# Exercise 1: a value of min_p --------------------------------------------------------------------------------------

WORDS_CHANCES = (0.02, 0.20, 0.07, 0.40, 0.07, 0.01, 0.13, 0.06, 0.04)  # of the nine words of the lesson


@_check("mat, sofa and floor stay, because each is at least min_p times as likely as mat, the likeliest.")
def check_min_p(value: Any) -> None:
    """Is this a min_p that keeps just three of the lesson's nine words?"""
    if value is None or value is ...:
        raise _NotYet("min_p has no value so far: replace the dots by a number from 0 to 1.")
    try:
        kept = next_token_distribution(torch.tensor(WORDS_CHANCES).log(), min_p=value).kept_count.item()
    except (TypeError, ValueError) as error:
        raise _NotYet(f"{_one_line(error)}.") from None
    if kept == 3 and value == 0.25:
        raise _NotYet("0.25 is the one that the lesson used. Which others keep the same three words?")
    if kept == 3:
        return
    words = "1 word stays" if kept == 1 else f"{kept} words stay"
    given = f"with min_p={value}, {words}, and three were asked for."
    if 0.07 < value <= 0.13:
        raise _NotYet(
            f"{given} Hint: {value} would cut between chair (7%) and floor (13%) if it were compared with 1. It is "
            f"compared with the largest chance: what stays has at least {value} × 40% = {0.4 * value:.1%}."
        )
    size = "smaller, so that more stays" if kept < 3 else "larger, so that less stays"
    raise _NotYet(f"{given} Hint: what stays has at least {value} × 40% = {0.4 * value:.1%}. Make min_p {size}.")


# Exercise 2: top-k -------------------------------------------------------------------------------------------------


def _top_k(logits: Tensor, k: int) -> Tensor:
    return next_token_distribution(logits, top_k=k).probs


def _kept_or(logits: Tensor, k: int, cut: float) -> Tensor:
    return torch.where(next_token_distribution(logits, top_k=k).kept, logits, cut)


def _last_first(logits: Tensor, k: int) -> Tensor:
    return _top_k(logits.flip(-1), k).flip(-1)


_TOP_K_MISCONCEPTIONS: Misconceptions = [
    (
        "what is equal to the kth score stays as well, so that more than k stay. `>=` cannot choose among equals: take "
        "k places from logits.argsort(descending=True, stable=True).",
        lambda logits, k: logits.where(logits >= logits.topk(k).values[-1], -torch.inf).softmax(-1),
    ),
    (
        "what is equal to the kth score goes as well, so that fewer than k stay. `>` cannot choose among equals: take "
        "k places from logits.argsort(descending=True, stable=True).",
        lambda logits, k: logits.where(logits > logits.topk(k).values[-1], -torch.inf).softmax(-1),
    ),
    (
        "among equals the last came first. Sort with descending=True, stable=True: then the lower id is first.",
        _last_first,
    ),
    (
        "these are the chances of the k that stay, and nobody can tell which tokens they belong to. Keep one place for "
        "every token: give the others a score of -torch.inf before the softmax.",
        lambda logits, k: logits.topk(k).values.softmax(-1),
    ),
    (
        "these are the ids that stay. Return chances: scores of -torch.inf for all others, then the softmax.",
        lambda logits, k: logits.topk(k).indices,
    ),
    (
        "the chances of those that stay do not add up to 1. Take the softmax after the cut, not before it.",
        lambda logits, k: torch.where(_top_k(logits, k) > 0, logits.softmax(-1), 0),
    ),
    (
        "a score of 0 is not a chance of 0, since exp(0) = 1. Give what is cut a score of -torch.inf.",
        lambda logits, k: _kept_or(logits, k, 0.0).softmax(-1),
    ),
    (
        "these are still scores. Turn them into chances with .softmax(-1).",
        lambda logits, k: _kept_or(logits, k, -torch.inf),
    ),
    ("this tells which tokens stay. Return their chances.", lambda logits, k: _top_k(logits, k) > 0),
    (
        "the first k of the vocabulary stayed. The k with the largest scores are asked for.",
        lambda logits, k: logits.where(torch.arange(len(logits)) < k, -torch.inf).softmax(-1),
    ),
    (
        "the answer is in the order of the sorted scores. Put each chance back into the place of its token.",
        lambda logits, k: _top_k(logits.sort(descending=True).values, k),
    ),
    (
        "only the likeliest stayed, as if k were 1.",
        lambda logits, k: _top_k(logits, 1),
    ),
    ("one token too many stayed: exactly k are asked for.", lambda logits, k: _top_k(logits, k + 1)),
    ("nothing was cut.", lambda logits, k: logits.softmax(-1)),
    ("the k least likely stayed: sort with descending=True.", lambda logits, k: _kept_smallest(logits, k).softmax(-1)),
]


def _kept_smallest(logits: Tensor, k: int) -> Tensor:
    return logits.where(_top_k(-logits, k) > 0, -torch.inf)


@_check("exactly k tokens stay, the lower id first among equals, and their chances add up to 1.")
def check_top_k(function: Any) -> None:
    """Does function(logits (vocab_size,), k) give the chances (vocab_size,) after top-k?"""
    for scores, k in (([1.0, 3.0, 0.5, 2.0, -1.0], 3), ([2.0, 1.0, 1.0, 1.0, 0.5], 2), ([1.0, 3.0, 0.5], 9)):
        logits = torch.tensor(scores)
        hint = f"there are only {len(scores)} tokens. A k above that keeps them all: min(k, len(logits))."
        call = f"with logits {_show(logits)} and k={k}"
        _compare(function, (logits, k), call, _top_k(logits, k), _TOP_K_MISCONCEPTIONS, hint if k > len(scores) else "")


# Exercise 3: top-p -------------------------------------------------------------------------------------------------


def _top_p(probs: Tensor, p: float, keep: Callable[[Tensor, Tensor], Tensor] | None = None) -> Tensor:
    """bool (vocab_size,): the smallest set that reaches p, or what `keep(ordered, p)` keeps of the ordered chances."""
    ordered, order = probs.sort(descending=True, stable=True)
    kept = ordered.cumsum(-1) - ordered < p if keep is None else keep(ordered, p)
    return torch.zeros_like(kept).scatter(-1, order, kept)


def _sorted_top_p(probs: Tensor, p: float) -> Tensor:
    ordered = probs.sort(descending=True, stable=True).values
    return ordered.cumsum(-1) - ordered < p


def _shifted(ordered: Tensor, p: float) -> Tensor:
    over = ordered.cumsum(-1) > p
    return ~torch.cat([torch.tensor([False]), over[:-1]])


_TOP_P_MISCONCEPTIONS: Misconceptions = [
    (
        "the token with which the sum passes p is missing, so that the set does not reach p. Ask what lies *before* "
        "each token: ordered.cumsum(-1) - ordered < p.",
        lambda probs, p: _top_p(probs, p, lambda ordered, p: ordered.cumsum(-1) <= p),
    ),
    (
        "the token with which the sum reaches p is missing. Ask what lies *before* each token: "
        "ordered.cumsum(-1) - ordered < p.",
        lambda probs, p: _top_p(probs, p, lambda ordered, p: ordered.cumsum(-1) < p),
    ),
    (
        "one token too many: the ones before it reach p exactly, and that is enough. What is cut has p *or more* "
        "before it (>=, not >).",
        lambda probs, p: _top_p(probs, p, _shifted),
    ),
    (
        "the chances were added up in the order of the vocabulary. Begin with the likeliest: sort them first.",
        lambda probs, p: probs.cumsum(-1) - probs < p,
    ),
    (
        "the chances were added up in the order of the vocabulary, and the token that passes p is missing. Begin with "
        "the likeliest, and ask what lies before each token.",
        lambda probs, p: probs.cumsum(-1) <= p,
    ),
    (
        "the answer is in the order of the sorted chances. Put each one back into its own place: "
        "kept[order] = before < p.",
        lambda probs, p: _sorted_top_p(probs, p),
    ),
    (
        "p was compared with each single chance. It is the sum of the likeliest that has to reach p.",
        lambda probs, p: probs >= p,
    ),
    (
        "the addition began with the least likely: sort with descending=True.",
        lambda probs, p: _top_p(-probs, -p, lambda ordered, p: (-ordered).cumsum(-1) + ordered < -p),
    ),
    (
        "these are the ids of what stays. Return True or False for every token of the vocabulary.",
        lambda probs, p: probs.argsort(descending=True, stable=True)[: int(_top_p(probs, p).sum())],
    ),
    (
        "each answer is in another token's place. `order` says where each belongs: kept[order] = before < p.",
        lambda probs, p: _sorted_top_p(probs, p)[probs.argsort(descending=True, stable=True)],
    ),
    (
        "this keeps what comes after the sum has reached p. What stays has less than p *before* it.",
        lambda probs, p: _top_p(probs, p, lambda ordered, p: ordered.cumsum(-1) >= p),
    ),
    (
        "these are chances. Return True for what stays and False for what goes.",
        lambda probs, p: _top_p(probs, p) * probs,
    ),
    (
        "these are chances. Return True for what stays and False for what goes.",
        lambda probs, p: _top_p(probs, p) * probs / probs[_top_p(probs, p)].sum(),
    ),
    (
        "among equals the last came first. Sort with descending=True, stable=True: then the lower id is first.",
        lambda probs, p: _top_p(probs.flip(-1), p).flip(-1),
    ),
    ("True and False have changed places: True is for what stays.", lambda probs, p: ~_top_p(probs, p)),
]


@_check("the smallest set of likeliest tokens that reaches p stays, and it is never empty.")
def check_top_p(function: Any) -> None:
    """Does function(probs (vocab_size,), p) give True for what top-p keeps?"""
    for chances, p in (
        ([0.0625, 0.125, 0.5, 0.25, 0.0625], 0.7),
        ([0.125, 0.5, 0.125, 0.25], 0.75),
        ([0.125, 0.5, 0.125, 0.25], 0.1),
        ([0.25, 0.25, 0.25, 0.25], 0.5),
    ):
        probs = torch.tensor(chances)
        call = f"with probs {_show(probs)} and p={p}"
        _compare(function, (probs, p), call, _top_p(probs, p), _TOP_P_MISCONCEPTIONS)


# Exercise 4: temperature and the draw ------------------------------------------------------------------------------


def _choose(logits: Tensor, temperature: float, uniform: Tensor) -> Tensor:
    return draw(next_token_distribution(logits, temperature), uniform)


def _drawn(probs: Tensor, uniform: Tensor) -> Tensor:
    return _ended(probs, uniform).sum(-1)


def _ended(probs: Tensor, uniform: Tensor) -> Tensor:
    """bool (texts, vocab_size): which tokens end before the dart."""
    return probs.cumsum(-1) <= uniform[:, None]


_CHOOSE_MISCONCEPTIONS: Misconceptions = [
    (
        "this is always the likeliest token: that is right at temperature 0 only. Otherwise let uniform choose.",
        lambda logits, temperature, uniform: logits.argmax(-1),
    ),
    (
        "the softmax went down the columns, from text to text. Along a row, over the vocabulary, it is .softmax(-1).",
        lambda logits, temperature, uniform: _drawn((logits / temperature).softmax(0), uniform),
    ),
    (
        "the sum went down the columns, from text to text. Along a row, over the vocabulary, it is .cumsum(-1).",
        lambda logits, temperature, uniform: ((logits / temperature).softmax(-1).cumsum(0) <= uniform[:, None]).sum(-1),
    ),
    (
        "the likeliest was looked for down the columns, from text to text. Along a row it is .argmax(-1).",
        lambda logits, temperature, uniform: logits.argmax(0),
    ),
    (
        "the temperature was not used: divide the logits by it before the softmax.",
        lambda logits, temperature, uniform: _drawn(logits.softmax(-1), uniform),
    ),
    (
        "the logits were multiplied by the temperature. Divide: a high temperature makes them more alike.",
        lambda logits, temperature, uniform: _drawn((logits * temperature).softmax(-1), uniform),
    ),
    (
        "the chances were divided by the temperature. It works on the logits, before the softmax.",
        lambda logits, temperature, uniform: _drawn(logits.softmax(-1) / temperature, uniform),
    ),
    (
        "the likeliest token of all texts together: each row has its own, .argmax(-1).",
        lambda logits, temperature, uniform: logits.argmax(),
    ),
    (
        "the dart was compared with the chances themselves. On the bar each token ends at a running sum: .cumsum(-1).",
        lambda logits, temperature, uniform: ((logits / temperature).softmax(-1) <= uniform[:, None]).sum(-1),
    ),
    (
        "the scores were added up, and a bar is made of chances: .softmax(-1) comes first.",
        lambda logits, temperature, uniform: _drawn(logits / temperature, uniform),
    ),
    (
        "this counts the tokens that end after the dart. Count those that end before it.",
        lambda logits, temperature, uniform: (~_ended((logits / temperature).softmax(-1), uniform)).sum(-1),
    ),
    (
        "this tells which tokens end before the dart. Their number is the id: add them up, .sum(-1).",
        lambda logits, temperature, uniform: _ended((logits / temperature).softmax(-1), uniform),
    ),
    (
        "the numbers of all texts were added together. Each row has its own: .sum(-1).",
        lambda logits, temperature, uniform: _choose(logits, temperature, uniform).sum(),
    ),
    (
        "each id is one too small. As many tokens as end before the dart: that number is the id.",
        lambda logits, temperature, uniform: _choose(logits, temperature, uniform) - 1,
    ),
    (
        "each id is one too large: ids begin at 0.",
        lambda logits, temperature, uniform: _choose(logits, temperature, uniform) + 1,
    ),
    (
        "the first dart was used for every text. Each text has its own: uniform[:, None].",
        lambda logits, temperature, uniform: _choose(logits, temperature, uniform[:1].expand(len(logits))),
    ),
    (
        "the ids are right, in a column. Expected is a row, one id per text: .squeeze(-1).",
        lambda logits, temperature, uniform: _choose(logits, temperature, uniform)[:, None],
    ),
    (
        "the chances were sorted, and their places are no ids any more. The bar is in the order of the vocabulary.",
        lambda logits, temperature, uniform: _drawn(
            (logits / temperature).softmax(-1).sort(descending=True).values, uniform
        ),
    ),
]

_GREEDY_MISCONCEPTIONS: Misconceptions = [
    (
        "that is the likeliest of all texts together: each row has its own, .argmax(-1).",
        lambda logits, temperature, uniform: logits.argmax(),
    ),
    (
        "the likeliest was looked for down the columns, from text to text. Along a row it is .argmax(-1).",
        lambda logits, temperature, uniform: logits.argmax(0),
    ),
    (
        "these are chances. Return the ids: .argmax(-1).",
        lambda logits, temperature, uniform: next_token_distribution(logits, 0).probs,
    ),
    (
        "the ids are right, in a column. Expected is a row, one id per text: .argmax(-1).",
        lambda logits, temperature, uniform: logits.argmax(-1, keepdim=True),
    ),
]


@_check("one token for each text, where its own dart falls, and the likeliest at temperature 0.")
def check_choose(function: Any) -> None:
    """Does function(logits (texts, vocab_size), temperature, uniform (texts,)) give the token ids (texts,)?"""
    chances = torch.tensor([[0.1, 0.2, 0.6, 0.1], [0.5, 0.1, 0.1, 0.3], [0.25, 0.25, 0.3, 0.2]])
    logits = chances.log()
    for temperature, darts in ((1.0, [0.95, 0.55, 0.05]), (3.0, [0.35, 0.55, 0.9]), (0.25, [0.03, 0.9, 0.35])):
        uniform = torch.tensor(darts)
        call = f"with the log of chances {_show(chances)}, temperature {temperature:g} and uniform {_show(uniform)}"
        _compare(
            function,
            (logits, temperature, uniform),
            call,
            _choose(logits, temperature, uniform),
            _CHOOSE_MISCONCEPTIONS,
        )
    uniform = torch.tensor([0.05, 0.95, 0.95])
    hint = "nothing can be divided by 0. Treat it first: if temperature == 0, return logits.argmax(-1)."
    call = f"with the log of chances {_show(chances)} and temperature 0"
    _compare(function, (logits, 0, uniform), call, logits.argmax(-1), _GREEDY_MISCONCEPTIONS, hint)


# What they share ---------------------------------------------------------------------------------------------------


def _compare(
    function: Any, arguments: tuple, call: str, expected: Tensor, misconceptions: Misconceptions, hint: str = ""
) -> None:
    """Raise `_NotYet` unless function(*arguments) is `expected`; `hint` is for what no misconception explains."""
    answer = _ask(function, arguments, call, hint)
    if _same(answer, expected):
        return
    if not all(_same(_ask(function, arguments, call, hint), answer) for _ in range(3)):
        raise _NotYet(f"{call}, your function does not always give the same. Use what it is given, and no other luck.")
    for its_hint, wrong in misconceptions:
        if _same(answer, _try(wrong, arguments)):
            hint = its_hint
            break
    else:
        if answer.shape != expected.shape and not hint:
            hint = f"the shape should be {tuple(expected.shape)}, and it is {tuple(answer.shape)}."
    hint = f" Hint: {hint}" if hint else ""
    raise _NotYet(f"{call}, {_show(expected)} was expected, and your function gave {_show(answer)}.{hint}")


def _ask(function: Any, arguments: tuple, call: str, hint: str) -> Tensor:
    """What the learner's function makes of copies of the arguments, as a tensor."""
    if not callable(function):
        raise _NotYet("give the check your function itself: its name alone, without brackets.")
    copies = [argument.clone() if isinstance(argument, Tensor) else argument for argument in arguments]
    try:
        answer = function(*copies)
    except NotImplementedError:
        answer = None
    except Exception as error:
        hint = hint or error_hint(error)
        hint = f" Hint: {hint}" if hint else ""
        reason = f"{type(error).__name__} ({_one_line(error)})"
        raise _NotYet(f"{call}, your function stopped with {reason}.{hint}") from None
    if answer is None or answer is ...:
        raise _NotYet("your function returns nothing so far: replace the dots, and end with `return` and your result.")
    for argument, copy in zip(arguments, copies, strict=True):
        if isinstance(argument, Tensor) and not torch.equal(argument, copy):
            raise _NotYet(
                f"{call}, your function changed the tensor that it was given, and whoever gave it still needs it. "
                "Hint: write into a copy (.clone()), or make a new tensor with torch.where."
            )
    try:
        return torch.as_tensor(answer).detach()
    except Exception:
        raise _NotYet(f"{call}, a tensor was expected, and your function gave a {type(answer).__name__}.") from None


def _try(function: Callable[..., Tensor], arguments: tuple) -> Tensor | None:
    try:
        return function(*arguments)
    except Exception:  # a misconception that cannot be had here
        return None


def _same(answer: Tensor, other: Tensor | None) -> bool:
    if other is None or answer.shape != other.shape:
        return False
    if (answer.dtype == torch.bool) != (other.dtype == torch.bool) and not set(answer.unique().tolist()) <= {0, 1}:
        return False
    return torch.allclose(answer.double(), other.double(), atol=1e-4, rtol=0)  # inf is like inf, and NaN like nothing


def _show(tensor: Tensor) -> str:
    """A small tensor for people: [0.5, 0.25]."""
    if tensor.ndim == 0:
        return f"{tensor.item():.3g}" if tensor.is_floating_point() else str(tensor.item())
    if len(tensor) > 12:
        return f"{len(tensor)} numbers"
    return "[" + ", ".join(map(_show, tensor)) + "]"


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 120 else text[:119] + "…"
