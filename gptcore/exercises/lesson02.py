"""Self-checks of lesson 02, from tokens to logits."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor

from gptcore.exercises.checking import Exercise, Value, case
from gptcore.exercises.models import random_model
from gptcore.language import N_
from gptcore.model import GPTModel, evaluating

# How many logits does GPT-2, with 50,257 tokens and 768 numbers for each, give for a text of 10 tokens?
check_how_many = Value(
    right=N_("10 positions with 50,257 scores each are 502,570 numbers, and only the last 50,257 are the prediction."),
    reference=502_570,
    mistakes=[
        (N_("50,257 are the scores at one position. The model gives them at each of the 10."), 50_257),
        (N_("7,680 = 10 × 768 is what goes into the head. Out comes one number per token of the vocabulary."), 7_680),
        (N_("10 is the number of positions. At each of them there is one score per token of the vocabulary."), 10),
        (N_("50,257 × 768 are the weights of the head. How many scores do they make at 10 positions?"), 50_257 * 768),
    ],
    reminder=N_("Count the positions, and the scores at each of them."),
)


# Exercise 2: the best token at every position -----------------------------------------------------------------------

_ROWS = tensor([[[1.0, 4, 2, 0, 3], [5, 1, 0, 2, 6], [0, 1, 9, 3, 2]]])

# function(logits (B, T, vocab_size)) → ids (B, T): the token with the highest score at every position
check_best_tokens = Exercise(
    right=N_("one id for each position, found along the last axis, the vocabulary."),
    reference=lambda logits: logits.argmax(-1),
    cases=[case(_ROWS, given=N_("logits of shape (1, 3, 5)"))],
    edges=[
        case(
            torch.cat([_ROWS, _ROWS.roll(1, -1)]),
            given=N_("logits of two texts at once, shape (2, 3, 5)"),
            why=N_("Look along the last axis, dim=-1, however many texts there are."),
        )
    ],
    mistakes=[
        (
            N_("That looked along the positions. The scores of one position lie along the last axis, dim=-1."),
            lambda logits: logits.argmax(1),
        ),
        (N_("That looked along the texts. The vocabulary is the last axis, dim=-1."), lambda logits: logits.argmax(0)),
        (
            N_("That is the id of the last position. Every position makes a guess: keep them all."),
            lambda logits: logits[:, -1].argmax(-1),
        ),
        (N_("Without dim, argmax looks at all 15 as one long list. Say dim=-1."), lambda logits: logits.argmax()),
        (
            N_("These are the highest scores themselves. Their ids, the places, are asked for: argmax, not max."),
            lambda logits: logits.amax(-1),
        ),
        (
            N_("`.max(-1)` returns two tensors, the scores and their ids. The ids are asked for: argmax."),
            lambda logits: logits.max(-1),
        ),
        (N_("These are the ids of the lowest scores: argmax, not argmin."), lambda logits: logits.argmin(-1)),
        (
            N_("The ids are right and the shape is not: one row per text."),
            lambda logits: logits[0].argmax(-1),
            lambda logits: logits.argmax(-1, keepdim=True),
            lambda logits: logits.argmax(-1).T,
        ),
    ],
    reminder=N_("Look for argmax along the last axis."),
)


# Exercise 3: the prediction -----------------------------------------------------------------------------------------


_MODEL = random_model(0, vocab_size=7, context_length=8, emb_dim=8, n_heads=2, n_layers=1, drop_rate=0.5)


def _then(function: Callable[[Tensor], Any]) -> Callable[[GPTModel, Tensor], Any]:
    """What `function` makes of the model's logits (1, T, vocab_size), computed without dropout."""

    def answer(model: GPTModel, token_ids: Tensor) -> Any:
        with evaluating(model):
            return function(model(token_ids))

    return answer


# function(model, token_ids (1, T)) → (vocab_size,): the scores for the token that comes next
check_next_logits = Exercise(
    right=N_("the last row, with dropout off: these scores choose the next token."),
    reference=_then(lambda logits: logits[0, -1]),
    cases=[
        case(
            _MODEL.train(),
            tensor([[3, 1, 4, 1]]),
            given=N_("a model of 7 tokens, as training left it, and a text of 4"),
        )
    ],
    edges=[
        case(
            _MODEL,
            tensor([[2, 5]]),
            given=N_("the same model and a text of 2"),
            why=N_("The last row is [0, -1], however many tokens the text has."),
        )
    ],
    mistakes=[
        (
            N_("Dropout, the noise of training, is on: call model.eval() before the model reads."),
            lambda model, ids: model(ids)[0, -1],
        ),
        (
            N_("That is one row for each of the 4 positions. Only one of them speaks about the next token: [0, -1]."),
            _then(lambda logits: logits),
            _then(lambda logits: logits[0]),
        ),
        (N_("The numbers are right, in one row too many: take text 0, [0, -1]."), _then(lambda logits: logits[:, -1])),
        (
            N_("That is the first row, the guess after one token. The last row, [0, -1], has read them all."),
            _then(lambda logits: logits[0, 0]),
        ),
        (
            N_(
                "This guess was made before the end of the text. Give the model all tokens and take the last row, "
                "[0, -1]."
            ),
            _then(lambda logits: logits[0, 1]),
            _then(lambda logits: logits[0, 2]),
        ),
        (
            N_("These are chances already. Return the scores as they come out of the model, without softmax."),
            _then(lambda logits: logits[0, -1].softmax(-1)),
        ),
        (
            N_("These are logarithms of chances. Return the scores as they come out of the model."),
            _then(lambda logits: logits[0, -1].log_softmax(-1)),
        ),
        (
            N_("The model was shown the last token alone. Give it the whole text, and take the last row."),
            lambda model, ids: _then(lambda logits: logits[0, -1])(model, ids[:, -1:]),
        ),
        (
            N_("These are the 8 numbers that go into the head. Call the model itself, and the scores come out."),
            lambda model, ids: model.eval().hidden_states(ids)[0, -1],
        ),
        (
            N_("These are the gaps from the largest score. Return the scores as they come out of the model."),
            _then(lambda logits: logits[0, -1] - logits[0, -1].max()),
        ),
        (
            N_("That is one number. Expected are the scores of all 7 tokens, without choosing one."),
            _then(lambda logits: logits[0, -1].argmax()),
            _then(lambda logits: logits[0, -1].max()),
        ),
        (
            N_("That is one number per position. Expected is one per token."),
            _then(lambda logits: logits[0, :, -1]),
            _then(lambda logits: logits[:, :, -1]),
        ),
    ],
    luck=N_("Is dropout, the noise of training, still on? Call model.eval() before the model reads."),
    reminder=N_("Give the model the whole text, in evaluation mode, and take the last row."),
)


# Exercise 4: the same chances or not --------------------------------------------------------------------------------

_A, _LONG = tensor([2.0, 0.5, -1.0]), torch.linspace(-1, 1, 50)

# function(a, b) → bool: do two rows of logits (vocab_size,) give the same chances?
check_same_chances = Exercise(
    right=N_("only the differences between the scores count."),
    reference=lambda a, b: torch.allclose(a - a.max(), b - b.max(), atol=1e-5),
    cases=[
        case(_A, _A, given=N_("the same scores twice"), why=N_("They are equal.")),
        case(
            _A,
            _A + 3,
            given=N_("scores and the same scores + 3"),
            why=N_("Adding one number to all scores changes no chance: compare the differences, as in a - a.max()."),
        ),
        case(
            _A,
            _A - 100,
            given=N_("scores and the same scores − 100"),
            why=N_("Adding one number to all scores changes no chance, and nor does taking one away."),
        ),
        case(
            _A,
            _A * 2,
            given=N_("scores and their doubles"),
            why=N_("The order is the same, but the differences are not, and they make the chances."),
        ),
        case(
            _A,
            _A.flip(0),
            given=N_("scores and the same scores in another order"),
            why=N_("The chances went to other tokens: compare place by place."),
        ),
        case(
            _A,
            _A + tensor([0.0, 0.0, 1.0]),
            given=N_("scores of which one alone was raised"),
            why=N_("The winner is the same, but its lead over the third is smaller: compare all differences."),
        ),
        case(
            _LONG,
            _LONG + 0.1,
            given=N_("50 scores and the same scores + 0.1"),
            why=N_("Computers round: compare with torch.allclose, not with ==."),
        ),
    ],
    edges=[
        case(
            tensor([2.0, 0.5, -30.0]),
            tensor([2.0, 0.5, -40.0]),
            given=N_("scores [2, 0.5, −30] and [2, 0.5, −40]"),
            why=N_(
                "The third token is 22,000 times as likely in the first row as in the second: compare all differences."
            ),
        )
    ],
    mistakes=[
        (
            N_("That is one answer per token. Expected is one for all: True or False."),
            lambda a, b: a == b,
            lambda a, b: a - a.max() == b - b.max(),
            lambda a, b: torch.isclose(a - a.max(), b - b.max(), atol=1e-5),
        ),
        (
            N_(
                "The third token is 22,000 times as likely in the first row as in the second, but compared as "
                "chances both are near 0 and look alike. Compare the differences between the scores."
            ),
            lambda a, b: torch.allclose(a.softmax(-1), b.softmax(-1)),
        ),
    ],
)
