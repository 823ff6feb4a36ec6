"""Self-checks of lesson 09, inside the model."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, inf, tensor
from torch.nn.functional import layer_norm

from gptcore.exercises.checking import Exercise, case
from gptcore.exercises.models import random_model
from gptcore.exercises.outcomes import flat
from gptcore.language import N_
from gptcore.recording import lens_logits

# Exercise 1: attention weights --------------------------------------------------------------------------------------

Attention = Callable[[Tensor, Tensor], Tensor]


def _of(weigh: Callable[[Tensor], Tensor]) -> Attention:
    """What `weigh` makes of the scaled scores."""
    return lambda queries, keys: weigh(queries @ keys.T / math.sqrt(queries.shape[-1]))


def _divided(by: Callable[[Tensor], float]) -> Attention:
    """Attention whose scores are divided by `by(queries)`."""
    return lambda queries, keys: _masked(queries @ keys.T / by(queries)).softmax(-1)


def _masked(scores: Tensor, diagonal: int = 1) -> Tensor:
    return scores.masked_fill(torch.ones_like(scores).triu(diagonal) > 0, -inf)


def _shared(powers: Tensor) -> Tensor:
    return powers / powers.sum(-1, keepdim=True)


_QUERIES, _KEYS = 2 * torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(8))

# function(queries (T, d), keys (T, d)) → weights (T, T): each row over the positions up to its own, sum 1
check_attention = Exercise(
    right=N_("scaled, masked before the softmax, and each row shares out exactly 1."),
    reference=_of(lambda scores: _masked(scores).softmax(-1)),
    cases=[case(_QUERIES, _KEYS, given=N_("queries and keys of 3 tokens, 5 values each"))],
    edges=[
        case(
            *(-200 * _QUERIES, _KEYS),
            given=N_("large queries"),
            why=N_(
                "Some scores are large now, above and below 0. Later tokens still get exactly 0 and each row adds up "
                "to 1 if the mask is -math.inf, set before the softmax, and the softmax is torch's."
            ),
        )
    ],
    mistakes=[
        (N_("The scores are not scaled: divide them by √d, where d = queries.shape[-1]."), _divided(lambda q: 1)),
        (N_("The scores were divided by d. Take the square root of d, d ** 0.5."), _divided(lambda q: q.shape[-1])),
        (
            N_("The lesson's √2 was for lists of two values. Here d = queries.shape[-1]."),
            _divided(lambda q: math.sqrt(2)),
        ),
        (
            N_("That is the root of the number of tokens. d is the length of a query."),
            _divided(lambda q: len(q) ** 0.5),
        ),
        (
            N_("The division by √d came after the softmax. It belongs to the scores, before it."),
            lambda queries, keys: _masked(queries @ keys.T).softmax(-1) / math.sqrt(queries.shape[-1]),
        ),
        (N_("Each token sees those after it: set scores above the diagonal to −∞."), _of(lambda s: s.softmax(-1))),
        (
            N_("Neither the mask nor the division by √d is there yet."),
            lambda queries, keys: (queries @ keys.T).softmax(-1),
        ),
        (N_("The mask came after the softmax, so that rows do not add up to 1."), _of(lambda s: s.softmax(-1).tril())),
        (N_("A score of 0 is a score like any other. Later tokens need −∞."), _of(lambda s: s.tril().softmax(-1))),
        (N_("The columns add up to 1. Each row should: softmax(-1)."), _of(lambda s: _masked(s).softmax(0))),
        (N_("That is a softmax over the columns, without a mask. Each row adds up to 1."), _of(lambda s: s.softmax(0))),
        (
            N_("The mask is the wrong way round: tokens see what comes later."),
            _of(lambda s: _masked(s.T).T.softmax(-1)),
        ),
        (N_("Queries and keys have changed places: it is queries @ keys.T."), _of(lambda s: _masked(s.T).softmax(-1))),
        (N_("These are the scores. Softmax along the last axis makes weights of them."), _of(_masked), _of(torch.tril)),
        (
            N_("The first row is NaN: all of it is −∞. Each token sees itself."),
            _of(lambda s: _masked(s, 0).softmax(-1)),
        ),
        (
            N_("0 · −∞ is NaN. Put −∞ above the diagonal and nowhere else, with masked_fill."),
            _of(lambda scores: (scores + torch.ones_like(scores).triu(1) * -inf).softmax(-1)),
        ),
        (
            N_(
                "A row is 0/0: its largest score belongs to a later token, and beside it e to the rest is 0. Mask "
                "first, and take the largest of what is left."
            ),
            _of(lambda s: _shared((s - s.amax(-1, keepdim=True)).exp().tril())),
        ),
        (
            N_(
                "A row is 0/0: beside the largest score of the whole table, e to its scores is 0. Each row needs its "
                "own largest score, after the mask."
            ),
            _of(lambda s: _shared((s - s.max()).exp().tril())),
            _of(lambda s: _shared((_masked(s) - _masked(s).max()).exp())),
        ),
        (
            N_(
                "The exponential of a large score overflows, and ∞/∞ is NaN. Subtract each row's largest score first, "
                "or use torch's softmax(-1)."
            ),
            _of(lambda s: _shared(s.exp().tril())),
            _of(lambda s: _shared(_masked(s).exp())),
        ),
    ],
    errors={"must match the size": N_("Is the mask as large as the scores? torch.ones_like(scores) is.")},
    reminder=N_("The scores are queries @ keys.T: one row per token that looks, one column per token that is seen."),
)


# Exercise 2: which head? --------------------------------------------------------------------------------------------


def _attention() -> Tensor:
    """Weights (3, 4, 6, 6) in which each usual mistake finds another head."""
    attention = torch.rand(3, 4, 6, 6, generator=torch.Generator().manual_seed(8)).tril()
    attention[1, 3, 4, 2] += 8  # the right one
    attention[2, 2, 4, 2] += 3  # the best of the last layer
    attention[2, 0, 4, 1] += 12  # a larger weight, on another token
    attention[0, 1, [3, 5], 2] += 40  # looks there as well, from other positions
    attention[2, 3, 5, 4] += 8  # the right one for another position
    return attention / attention.sum(-1, keepdim=True)


def _best(weights: Tensor) -> tuple[int, int]:
    """(layer, head) of the largest of weights (n_layers, n_heads)."""
    return divmod(int(weights.argmax()), 4)


# function(attention (n_layers, n_heads, T, T), position, target) → (layer, head) that looks there most
check_strongest_head = Exercise(
    right=N_("all layers and heads compared at one row and one column."),
    reference=lambda attention, position, target: _best(attention[:, :, position, target]),
    observe=lambda function, *arguments: flat(function(*arguments)),  # nonzero gives a list of one pair
    cases=[
        case(_attention(), 4, 2, given=N_("the weights of 3 layers with 4 heads, position 4 and target 2")),
        case(_attention(), 5, 4, given=N_("the same weights, position 5 and target 4")),
    ],
    mistakes=[
        (
            N_("That is the index in one list of all heads: divmod(index, n_heads)."),
            lambda a, p, t: a[:, :, p, t].argmax(),
        ),
        (N_("That is head, then layer. Expected is (layer, head)."), lambda a, p, t: _best(a[:, :, p, t])[::-1]),
        (
            N_(
                "The index was divided by the number of layers. A row of attention[:, :, position, target] is a "
                "layer and has n_heads values: divmod(index, n_heads)."
            ),
            lambda attention, position, target: divmod(int(attention[:, :, position, target].argmax()), 3),
        ),
        (
            N_("Layers and heads are counted from 0, as in Python."),
            lambda a, p, t: [i + 1 for i in _best(a[:, :, p, t])],
        ),
        (N_("That is the best of the last layer. Look at all."), lambda a, p, t: (2, int(a[-1, :, p, t].argmax()))),
        (
            N_(
                "That comes out where all weights are 0, from target to position, or if all of `attention` is "
                "searched. The token that looks is the row: attention[:, :, position, target]."
            ),
            lambda attention, position, target: _best(attention[:, :, target, position]),
            lambda attention, position, target: _best(attention),
        ),
        (
            N_("That head looks elsewhere. Compare only the target's column."),
            lambda a, p, t: _best(a[:, :, p].amax(-1)),
        ),
    ],
    reminder=N_("The token that looks is the row, the target the column: attention[:, :, position, target]."),
)


# Exercise 3: a row of the lens --------------------------------------------------------------------------------------


_MODEL = random_model(8, vocab_size=7, context_length=8, emb_dim=8, n_heads=2, n_layers=1, tie_embeddings=False)
_RESIDUAL = 3 * torch.randn(8, generator=torch.Generator().manual_seed(8))

# function(model, residual (emb_dim,)) → chances (vocab_size,), if the head read the stream at this point
check_lens = Exercise(
    right=N_("norm, head, softmax: the last steps of the model, taken early."),
    reference=lambda model, residual: lens_logits(model, residual).softmax(-1),
    cases=[case(_MODEL, _RESIDUAL, given=N_("a model of 7 tokens and a residual of 8 values"))],
    mistakes=[
        (
            N_("The final norm is missing: the head reads model.final_norm(residual)."),
            lambda m, x: m.head(x).softmax(-1),
        ),
        (N_("The final norm is missing, and the softmax that makes chances of scores."), lambda m, x: m.head(x)),
        (N_("These are the scores. Softmax makes chances of them."), lens_logits),
        (
            N_("You normalised, but the model's own norm has weights that it learned: model.final_norm(residual)."),
            lambda model, residual: model.head(layer_norm(residual, residual.shape)).softmax(-1),
        ),
        (
            N_(
                "That reads with the embedding. In some models the head is the same table, but not in all: "
                "model.head(…)."
            ),
            lambda model, residual: (model.token_embedding.weight @ model.final_norm(residual)).softmax(-1),
        ),
        (N_("The norm was applied twice."), lambda m, x: lens_logits(m, m.final_norm(x)).softmax(-1)),
    ],
    reminder=N_("Norm, head, softmax, in this order."),
)


# Exercise 4: a rank -------------------------------------------------------------------------------------------------


def _ahead(logits: Tensor, token_id: int) -> int:
    return int((logits > logits[token_id]).sum())


def _rank(logits: Tensor, token_id: int) -> int:
    return 1 + _ahead(logits, token_id) + int((logits[:token_id] == logits[token_id]).sum())


# function(logits (vocab_size,), token_id) → its rank: 1 for the highest score; of equals, the lower id first
check_rank = Exercise(
    right=N_("1 for the likeliest, and equal scores in the order of their ids."),
    reference=_rank,
    cases=[case(tensor([2.0, 7.0, 5.0, -1.0, 5.0, 5.0, 0.5]), token_id) for token_id in (1, 2, 4, 5, 0, 6, 3)],
    mistakes=[
        (N_("Ranks begin at 1: nobody is ahead of the likeliest, and its rank is 1."), lambda x, i: _rank(x, i) - 1),
        (N_("The lowest score got rank 1. The highest comes first."), lambda x, i: 1 + _ahead(-x, i)),
        (N_("Tokens 2, 4 and 5 all got rank 2. Of equals, the lower id goes first."), lambda x, i: 1 + _ahead(x, i)),
        (N_("Tokens 2, 4 and 5 all got rank 4: >= counts every equal score."), lambda x, i: int((x >= x[i]).sum())),
        (N_("Ranks begin at 1, and of equal scores the lower id goes first."), _ahead),
        (N_("Of equal scores, the higher id went first."), lambda x, i: _rank(x.flip(-1), len(x) - 1 - i)),
        (
            N_("Equal scores shared a mean rank. Of equals, the lower id goes first."),
            lambda x, i: _ahead(x, i) + (int((x == x[i]).sum()) + 1) / 2,
        ),
        (
            N_(
                "Half of the equal scores were counted as ahead, the token's own among them. Count those with a "
                "lower id, and add 1."
            ),
            lambda x, i: 1 + _ahead(x, i) + int((x == x[i]).sum()) / 2,
        ),
        (
            N_("That is the id at the rank of `token_id`. You look for the rank at which token_id stands."),
            lambda x, i: x.argsort(descending=True, stable=True)[i],
        ),
    ],
    reminder=N_("Count the higher scores, and the equal ones with a lower id, and add 1."),
)
