"""Self-checks of lesson 11, the real GPT-2."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gptcore.checkpoint import load_tokenizer
from gptcore.config import GPT_CONFIG_124M, GPT_CONFIG_355M
from gptcore.costs import num_parameters
from gptcore.exercises.checking import Exercise, Value, case
from gptcore.exercises.models import random_model
from gptcore.language import N_
from gptcore.model import GPTModel, evaluating
from gptcore.tokenizer import Tokenizer

# Exercise 1: GPT-2 medium -------------------------------------------------------------------------------------------

_COUNT = num_parameters(GPT_CONFIG_355M)

# How many megabytes (millions of bytes) are the weights of GPT-2 medium at 4 bytes each?
check_megabytes = Value(
    right=N_("{count} parameters of 4 bytes are {size} MB.", count=f"{_COUNT:,}", size=f"{4 * _COUNT / 1e6:,.0f}"),
    reference=4 * _COUNT / 1e6,
    tolerance=0.001,
    mistakes=[
        (N_("That is one byte per parameter. A float32 takes 4."), _COUNT / 1e6),
        (N_("That is the number of parameters. Each takes 4 bytes, and a megabyte is a million bytes."), _COUNT),
        (N_("That is 2 bytes per parameter, as in bfloat16. A float32 takes 4."), 2 * _COUNT / 1e6),
        (N_("That is 32 per parameter, which counts bits. 8 bits are a byte."), 32 * _COUNT / 1e6),
        (N_("That is the number of bytes. A megabyte is a million of them."), 4 * _COUNT),
        (N_("That is in gigabytes. A gigabyte has 1,000 megabytes."), 4 * _COUNT / 1e9),
        (N_("That divides by 1,048,576. Downloads are counted in millions of bytes."), 4 * _COUNT / 2**20),
        (
            N_("The head was counted apart, but it is the token embedding itself (tie_embeddings)."),
            4 * (_COUNT + GPT_CONFIG_355M.vocab_size * GPT_CONFIG_355M.emb_dim) / 1e6,
        ),
        (N_("That is the file on the hub, which holds the causal masks, too."), 4 * (_COUNT + 24 * 1024**2) / 1e6),
        (N_("That is GPT-2 small. The medium one is gptcore.GPT_CONFIG_355M."), 4e-6 * num_parameters(GPT_CONFIG_124M)),
    ],
    reminder=N_("Multiply the number of parameters by 4 bytes, and divide by a million."),
)


# Exercise 2: nats per byte ------------------------------------------------------------------------------------------

_TOKENIZER = load_tokenizer()
_MODEL = random_model(4, vocab_size=len(_TOKENIZER), context_length=64, emb_dim=24, n_heads=2, n_layers=1)


def _surprises(model: GPTModel, before: list[int], token_ids: list[int]) -> Tensor:
    """−ln of the chance of each of `token_ids` (n,) after those before it, in nats."""
    ids = torch.tensor(before + token_ids)
    with evaluating(model):
        log_probs = model(ids[None])[0].double().log_softmax(-1)
    return -log_probs[:-1].gather(-1, ids[1:, None]).squeeze(-1)[len(before) - 1 :]


def _of(
    change: Callable[[Tensor, str], Any], starts: bool = True, ends: bool = False
) -> Callable[[GPTModel, Tokenizer, str], Any]:
    """`change(surprises, text)` of a text that starts after the end token, or not, and ends with one, or not."""

    def answer(model: GPTModel, tokenizer: Tokenizer, text: str) -> Any:
        first, *others = [tokenizer.eos_token_id] * starts + tokenizer.encode(text) + [tokenizer.eos_token_id] * ends
        return change(_surprises(model, [first], others), text)

    return answer


def _per_byte(surprises: Tensor, text: str) -> Tensor:
    return surprises.sum() / len(text.encode())


# function(model, tokenizer, text) → the surprise at the text in nats per byte, read from the end token on
check_per_byte = Exercise(
    right=N_("nats per byte, a measure that does not ask how a tokenizer cuts a text."),
    reference=_of(_per_byte),
    cases=[
        case(_MODEL, _TOKENIZER, text, given=repr(text))
        for text in ("Once upon a time there was a quiet fox.", "옛날 옛적에 작은 여우가 살았어요.")
    ],
    mistakes=[
        (N_("That is the surprise at the whole text. Divide it by len(text.encode())."), _of(lambda s, text: s.sum())),
        (N_("That is per token. Divide by the bytes, len(text.encode())."), _of(lambda s, text: s.mean())),
        (N_("The mean was divided by the bytes. Divide the sum."), _of(lambda s, text: s.mean() / len(text.encode()))),
        (
            N_("That is per character. In UTF-8 a Hangul syllable has 3 bytes."),
            _of(lambda s, text: s.sum() / len(text)),
        ),
        (N_("That is in bits. Nats use the natural logarithm."), _of(lambda s, text: _per_byte(s, text) / math.log(2))),
        (N_("The sign is wrong: ln p is negative, and a surprise is −ln p."), _of(lambda s, text: -_per_byte(s, text))),
        (
            N_("The first token does not count yet. Let the text begin after tokenizer.eos_token_id."),
            _of(_per_byte, starts=False),
            _of(lambda surprises, text: surprises.sum() / (len(text.encode()) - 1), starts=False),
        ),
        (
            N_("The end token stands behind the text, and should stand before it."),
            _of(_per_byte, starts=False, ends=True),
        ),
        (N_("An end token stands behind the text, too, and its surprise was counted."), _of(_per_byte, ends=True)),
        (
            N_("That is without the first token, and not yet divided by len(text.encode())."),
            _of(lambda surprises, text: surprises.sum(), starts=False),
        ),
        (
            N_("Let the text begin after tokenizer.eos_token_id, and divide by len(text.encode())."),
            _of(lambda surprises, text: surprises.mean(), starts=False),
            _of(lambda surprises, text: surprises.sum() / (len(surprises) + 1), starts=False),
        ),
    ],
    reminder=N_(
        "Add up −ln of the chance of each token, the first one after the end token, and divide by the number of bytes."
    ),
)


# Exercise 3: multiple choice ----------------------------------------------------------------------------------------

_START = "Once upon a time there lived"
_ENDINGS = [  # so many, and such, that each of the mistakes chooses others; a new tokenizer asks for new ones
    [" an owl", " by the sea", " a little hen"],
    [" an owl", " a prince who could sing", " two brothers"],
    [" a mouse who loved to dance", " near a river", " on a hill"],
    [" a prince who could sing", " a merry rabbit", " in the wood"],
    [" two sisters", " two brothers", " a brave little tortoise"],
    [" on a hill", " a goat", " a merry rabbit"],
    [" a bear", " a merry rabbit", " in the wood"],
    [" a mouse who loved to dance", " on a hill", " an owl"],
    [" an owl", " three geese", " on a hill"],
]


def _least(measure: Callable[..., Any]) -> Callable[[GPTModel, Tokenizer, str, list[str]], str]:
    """The ending with the least `measure(model, tokenizer, beginning, ending)`."""
    return lambda model, tokenizer, beginning, endings: min(
        endings, key=lambda ending: float(measure(model, tokenizer, beginning, ending))
    )


def _ending(model: GPTModel, tokenizer: Tokenizer, beginning: str, ending: str) -> Tensor:
    """The surprises at the tokens of the ending."""
    return _surprises(model, tokenizer.encode(beginning), tokenizer.encode(ending))


def _whole(model: GPTModel, tokenizer: Tokenizer, beginning: str, ending: str) -> Tensor:
    """The surprises at beginning and ending together."""
    first, *others = tokenizer.encode(beginning + ending)
    return _surprises(model, [first], others)


def _shifted(model: GPTModel, tokenizer: Tokenizer, beginning: str, ending: str) -> Tensor:
    """The sum if each token is looked up in the row that has read it already."""
    new = tokenizer.encode(ending)
    with evaluating(model):
        log_probs = model(torch.tensor([tokenizer.encode(beginning) + new]))[0].double().log_softmax(-1)
    return -log_probs[-len(new) :].gather(-1, torch.tensor(new)[:, None]).sum()


def _scores(model: GPTModel, tokenizer: Tokenizer, beginning: str, ending: str) -> Tensor:
    """The logits of the tokens of the ending, without a softmax."""
    new = tokenizer.encode(ending)
    with evaluating(model):
        logits = model(torch.tensor([tokenizer.encode(beginning) + new]))[0]
    return logits[-len(new) - 1 : -1].gather(-1, torch.tensor(new)[:, None])


_likeliest = _least(lambda *text: _ending(*text).sum())

# function(model, tokenizer, beginning, endings) → the ending that is the likeliest after the beginning
check_likelier = Exercise(
    right=N_("the chances of its tokens, multiplied, choose the ending."),
    reference=_likeliest,
    cases=[
        case(
            *(_MODEL, _TOKENIZER, _START, endings),
            given=N_("{beginning} and {endings}", beginning=repr(_START), endings=endings),
        )
        for endings in _ENDINGS
    ],
    mistakes=[
        (
            N_("The likeliest ending has the least surprise, not the greatest."),
            _least(lambda *text: -_ending(*text).sum()),
        ),
        (N_("The mean per token decided. Add up all surprises."), _least(lambda *text: _ending(*text).mean())),
        (N_("The first token of the ending decided. Add up all surprises."), _least(lambda *text: _ending(*text)[0])),
        (N_("The last token of the ending decided. Add up all surprises."), _least(lambda *text: _ending(*text)[-1])),
        (
            N_("The first token of the ending was left out. Add up all surprises."),
            _least(lambda *t: _ending(*t)[1:].sum()),
        ),
        (N_("The logits were added up. Take log_softmax first."), _least(lambda *text: -_scores(*text).sum())),
        (
            N_("The chances were added, or averaged. Multiply them."),
            _least(lambda *text: -(-_ending(*text)).exp().sum()),
            _least(lambda *text: -(-_ending(*text)).exp().mean()),
        ),
        (N_("Row t is about token t + 1: the first token of the ending belongs to the row before."), _least(_shifted)),
        (
            N_("The endings were read without the beginning. Each token is judged after all that stands before it."),
            _least(lambda model, tokenizer, _, ending: _of(lambda s, text: s.sum())(model, tokenizer, ending)),
        ),
        (N_("The mean of the whole text decided. Take the sum, loss * tokens."), _least(lambda *t: _whole(*t).mean())),
        (
            N_("The surprise per byte or character decided. For endings, add up all surprises."),
            _least(lambda *text: _per_byte(_ending(*text), text[-1])),
            _least(lambda *text: _per_byte(_whole(*text), text[-2] + text[-1])),
        ),
        (N_("The longest ending was chosen."), _least(lambda *text: -len(text[-1]))),
        (N_("The shortest ending was chosen."), _least(lambda *text: len(text[-1]))),
        (N_("The ending with the fewest tokens was chosen."), _least(lambda *text: len(_ending(*text)))),
        (N_("Return the ending itself, endings[i], not i."), lambda *given: given[-1].index(_likeliest(*given))),
    ],
    reminder=N_(
        "Read beginning and ending together, and add up −ln of the chances of the tokens of the ending. The "
        "smallest sum wins: return that ending itself."
    ),
)
