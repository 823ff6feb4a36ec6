"""Self-checks of lesson 05, the loop."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor

from gptcore.checks import is_integer
from gptcore.exercises.checking import Exercise, Value, case
from gptcore.exercises.models import random_model
from gptcore.generation import generate
from gptcore.model import GPTModel, evaluating
from gptcore.sampling import draw, next_token_distribution

CONTEXT = 8
PROMPT = [3, 1, 4]
# Darts that tell the usual mistakes apart on the model below.
UNIFORMS = torch.rand(30, generator=torch.Generator().manual_seed(5), dtype=torch.float64).tolist()

Loop = Callable[[GPTModel, Tensor, list[float], int], Any]


MODEL = random_model(1, 0.3, vocab_size=40, context_length=CONTEXT, emb_dim=24, n_heads=2, n_layers=2, drop_rate=0.5)


# Exercise 1: the loop -----------------------------------------------------------------------------------------------


def _loop(
    *,
    row: int = -1,
    seen: Callable[[list[int]], list[int]] = lambda ids: ids[-CONTEXT:],
    pick: Callable[..., Any] = draw,
    ends: bool = True,
    keeps_end: bool = True,
    front: bool = False,
    quiet: bool = True,
) -> Loop:
    """The loop as it should be, or with a mistake."""

    def loop(model: GPTModel, token_ids: Tensor, uniforms: list[float], eos_token_id: int) -> list[int]:
        ids = token_ids.tolist()
        with evaluating(model) if quiet else torch.no_grad():
            for uniform in uniforms:
                new = int(pick(next_token_distribution(model(tensor([seen(ids)]))[0, row]), uniform))
                end = new == eos_token_id
                if keeps_end or not end:
                    ids = [new, *ids] if front else [*ids, new]
                if ends and end:
                    break
        return ids

    return loop


def _ids(found: Any) -> Any:
    """Token ids as a list, whether they are a tensor (T,), (1, T) or a list; everything else as it is."""
    try:
        values = found.flatten().tolist() if isinstance(found, Tensor) else [int(i) for i in found]
        return [int(value) for value in values] if values == [int(value) for value in values] else found
    except Exception:  # whatever it is, it is no token ids
        return found


_right = _loop()
_END = _right(MODEL, tensor(PROMPT), UNIFORMS[:5], -1)[len(PROMPT) + 2]

# function(model, token_ids (T,), uniforms, eos_token_id) → token_ids and one new token for each uniform, or fewer, if
# eos_token_id came
check_loop = Exercise(
    right="your loop grows the same text as gptcore's, ends where it should, and minds the window.",
    reference=_right,
    observe=lambda function, *arguments: _ids(function(*arguments)),
    cases=[
        case(MODEL, tensor(PROMPT), UNIFORMS[:1], -1, given=f"the prompt {PROMPT} and one dart"),
        case(MODEL, tensor(PROMPT), UNIFORMS[:5], -1, given=f"the prompt {PROMPT} and 5 darts"),
        case(MODEL, tensor(PROMPT), UNIFORMS[:5], _END, given=f"the prompt {PROMPT}, 5 darts and eos_token_id={_END}"),
    ],
    edges=[
        case(
            MODEL,
            tensor(PROMPT),
            UNIFORMS[:20],
            -1,
            given=f"20 darts, with which the text outgrows the {CONTEXT} tokens that this model can read",
            why=f"Each step should read exactly the last {CONTEXT}, token_ids[-model.config.context_length:], and the "
            "whole text is returned.",
        ),
        case(
            copy.deepcopy(MODEL).train(),
            tensor(PROMPT),
            UNIFORMS[:5],
            -1,
            given="a model that comes straight from training and 5 darts",
            why="Such a model switches off parts of itself at random (dropout): begin with model.eval().",
        ),
    ],
    mistakes=[
        (
            "The prompt is lost: put each new token behind all that was there, with torch.cat.",
            lambda m, ids, u, eos: _right(m, ids, u, eos)[len(ids) :],
        ),
        (
            "The new token is in front: a text grows at its end, so token_ids comes first in torch.cat.",
            _loop(front=True),
        ),
        (
            "Nothing was added: does the line with torch.cat give its result back to token_ids?",
            lambda m, ids, u, eos: ids,
        ),
        ("It read the scores of the first position; the next token is in the last row, [0, -1].", _loop(row=0)),
        (
            "It takes the likeliest token; the dart should choose: gptcore.draw.",
            _loop(pick=lambda distribution, uniform: distribution.probs.argmax()),
        ),
        ("The model was shown the last token alone; it should read the whole text.", _loop(seen=lambda ids: ids[-1:])),
        ("It ends after one token: is the return inside the loop?", lambda m, ids, u, eos: _right(m, ids, u[:1], eos)),
        (
            "One dart was used for all steps; each step takes the next number of uniforms.",
            lambda m, ids, u, eos: _right(m, ids, u[:1] * len(u), eos),
            lambda m, ids, u, eos: _right(m, ids, u[-1:] * len(u), eos),
        ),
        ("The darts were used from the last to the first.", lambda m, ids, u, eos: _right(m, ids, u[::-1], eos)),
        (
            "The model was shown the prompt every time; each new token must be read, too.",
            _loop(seen=lambda ids: ids[: len(PROMPT)]),
            _loop(seen=lambda ids: ids[: len(PROMPT)], ends=False),
        ),
        ("It goes on after the end: leave the loop when the new token is eos_token_id.", _loop(ends=False)),
        ("The token that ends the text belongs to the text: append it, then leave the loop.", _loop(keeps_end=False)),
        (
            "The model was shown more than it can read: show it token_ids[-model.config.context_length:].",
            _loop(seen=lambda ids: ids),
        ),
        (
            "It went on reading the first ones. The last ones count: token_ids[-model.config.context_length:].",
            _loop(seen=lambda ids: ids[:CONTEXT]),
        ),
        (
            "The beginning is lost. Cut only what the model reads, and keep the whole text.",
            lambda m, ids, u, eos: _right(m, ids, u, eos)[-CONTEXT:],
        ),
        (
            "It ended when the window was full. The text may be longer than the window.",
            lambda m, ids, u, eos: _right(m, ids, u[: CONTEXT - len(ids)], eos),
        ),
        ("Parts of the model are still switched off at random (dropout). Begin with model.eval().", _loop(quiet=False)),
    ],
    errors={
        "no attribute 'probs'": "gptcore.draw(distribution, uniform) takes what next_token_distribution gave, then a "
        "dart."
    },
    reminder="In each step, for each dart: the scores are model(token_ids[None])[0, -1], the chances "
    "gptcore.next_token_distribution(scores), the token gptcore.draw(chances, uniform).",
    luck="Use the numbers in uniforms, and no other luck.",
)


# Exercise 2: the surprise -------------------------------------------------------------------------------------------


def _log_probs(model: GPTModel, ids: Tensor, dim: int = -1) -> Tensor:
    """(T, vocab_size)"""
    with evaluating(model):
        return model(ids[None])[0].double().log_softmax(dim)


def _surprises(model: GPTModel, ids: Tensor, dim: int = -1) -> Tensor:
    """(T - 1,): −ln of the chance of each token but the first."""
    return -_log_probs(model, ids, dim)[:-1].gather(-1, ids[1:, None]).squeeze(-1)


def _same_row(model: GPTModel, ids: Tensor) -> Tensor:
    """(T,): −ln of the chance of each token, looked up in the row that has read it already."""
    return -_log_probs(model, ids).gather(-1, ids[:, None]).squeeze(-1)


# function(model, token_ids (T,)) → the sum of −ln of the chance of each token but the first, in nats
check_surprise = Exercise(
    right="that is the total surprise in nats, each token against the row before it.",
    reference=lambda m, ids: _surprises(m, ids).sum(),
    tolerance=1e-3,
    cases=[
        case(MODEL, tensor([3, 1, 4, 1, 5, 9]), given="the text [3, 1, 4, 1, 5, 9]"),
        case(MODEL, tensor([2, 7, 1, 8]), given="the text [2, 7, 1, 8]"),
    ],
    mistakes=[
        ("The sign: ln p is negative, and a surprise is -ln p.", lambda m, ids: -_surprises(m, ids).sum()),
        (
            "This is in bits, with the logarithm to base 2; nats need the natural one, .log().",
            lambda m, ids: _surprises(m, ids).sum() / math.log(2),
        ),
        (
            "This has the logarithm to base 10; nats need the natural one, .log().",
            lambda m, ids: _surprises(m, ids).sum() / math.log(10),
        ),
        ("This is the mean of the surprises; the total is their sum.", lambda m, ids: _surprises(m, ids).mean()),
        ("This adds the chances up; add -ln of each chance.", lambda m, ids: (-_surprises(m, ids)).exp().sum()),
        (
            "This is the chance of the whole text; its surprise is -ln of it.",
            lambda m, ids: (-_surprises(m, ids)).exp().prod(),
        ),
        ("This is the surprise at the last token alone; add up those of all.", lambda m, ids: _surprises(m, ids)[-1]),
        ("One number is asked for: add them up.", _surprises),
        (
            "Each row scores the token that comes *next*: row t belongs to token t + 1.",
            lambda m, ids: _same_row(m, ids).sum(),
            lambda m, ids: _same_row(m, ids)[1:].sum(),
            lambda m, ids: _same_row(m, ids)[:-1].sum(),
        ),
        (
            "These are scores, not chances: softmax comes first.",
            lambda m, ids: -m(ids[None])[0, :-1].gather(-1, ids[1:, None]).sum(),
        ),
        (
            "The softmax ran over the positions; it runs over the vocabulary, dim=-1.",
            lambda m, ids: _surprises(m, ids, dim=0).sum(),
        ),
    ],
    reminder="Row t of the model's output gives the chance of token t + 1; add up -ln of these.",
)


# Exercise 3: a seed -------------------------------------------------------------------------------------------------


def check_seed(seed: Any, model: GPTModel, tokenizer: Any, count: int = 10) -> None:
    """Print whether with `seed` temperatures 0.7 and 1.0, top-k 10, write the same first `count` tokens."""

    def in_common(seed: Any) -> str:
        if not is_integer(seed) or not 0 <= seed < 2**63:
            raise ValueError(f"a seed is an integer of at least 0 and below 2**63, and this is {seed!r}")
        prompt = tensor([tokenizer.encode("Once upon a time")], device=model.device)
        cold, hot = (generate(model, prompt, count, t, 10, seed=seed)[0, prompt.shape[1] :] for t in (0.7, 1.0))
        return f"the same {int((cold == hot).cumprod(0).sum())}"

    Value(
        right="with this luck both temperatures write the same first tokens.",
        what="a seed, such as 7",
        reference=f"the same {count}",
        observe=in_common,
        reminder="A seed is no measure of anything, so nearby seeds are no better: try many, in a loop.",
    )(seed)
