"""Self-checks of lesson 08, inside the model."""

import math
from typing import Any

import torch
from torch import Tensor

from gptcore.config import GPTConfig
from gptcore.exercises.by_hand import NotYet, as_tensor, ask, brief, close, one_line
from gptcore.model import GPTModel, evaluating
from gptcore.recording import lens_logits


@one_line
def check_attention(function: Any) -> str:
    """`function(queries (T, d), keys (T, d))` → weights (T, T): each row over the places up to its own, sum 1."""
    queries, keys = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(8)) * 2
    given = "queries and keys of 4 tokens, 5 numbers each"
    result = _weights(function, queries, keys, given)
    right = _attention(queries, keys)
    if close(result, right):
        big, given = queries * 200, "large queries and keys"
        again = _weights(function, big, keys, given)
        if not close(again, _attention(big, keys)):
            if again.shape == right.shape and (again.triu(1) > 0).any():
                raise NotYet(
                    "right for small scores, but some large ones lie below the number in your mask, and later tokens "
                    "are seen. Nothing is below −∞: -math.inf."
                )
            raise NotYet(
                "right for small numbers, but large ones give too large an exp: let torch's softmax(-1) do it, or "
                "subtract the largest score of each row first."
            )
        return "scaled, masked before the softmax, and each row shares out exactly 1."
    if result.shape != (4, 4):
        raise NotYet(
            f"expected is one row per token that looks and one column per token that is seen, shape (4, 4), got "
            f"{tuple(result.shape)}: queries @ keys.T gives the scores."
        )
    raise NotYet(_attention_hint(queries, keys, result))


def _weights(function: Any, queries: Tensor, keys: Tensor, given: str) -> Tensor:
    """What a learner's function makes of queries and keys; a list of rows is welcome."""
    try:
        result = ask(function, queries, keys, given=given)
    except NotYet as problem:
        if "must match the size" in str(problem):
            raise NotYet(f"{problem}. Is the mask as large as the scores? torch.ones_like(scores) is.") from None
        raise
    if isinstance(result, list | tuple) and result and all(isinstance(row, Tensor) for row in result):
        result = [row.tolist() for row in result]
    return as_tensor(result, given)


def _attention(queries: Tensor, keys: Tensor) -> Tensor:
    return _masked(queries @ keys.T / math.sqrt(queries.shape[-1])).softmax(-1)


def _masked(scores: Tensor) -> Tensor:
    return scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -math.inf)


def _attention_hint(queries: Tensor, keys: Tensor, result: Tensor) -> str:
    scores = queries @ keys.T
    scaled = scores / math.sqrt(queries.shape[-1])
    below = torch.ones_like(scores).tril()
    wrong = [
        (_masked(scores).softmax(-1), "the scores are not scaled: divide them by √d, where d = queries.shape[-1]."),
        (
            _masked(scores / queries.shape[-1]).softmax(-1),
            "the scores were divided by d. It is the square root of d, d ** 0.5.",
        ),
        (
            _masked(scores / 2**0.5).softmax(-1),
            "the scores were divided by √2, as in the lesson, where lists had two numbers. Here d = queries.shape[-1].",
        ),
        (
            _masked(scores / len(queries) ** 0.5).softmax(-1),
            "the scores were divided by the root of the number of tokens. d is how many numbers each query has.",
        ),
        (
            _masked(scores).softmax(-1) / math.sqrt(queries.shape[-1]),
            "the division by √d came after the softmax. It belongs to the scores, before it.",
        ),
        (scaled.softmax(-1), "every token sees those after it: set the scores above the diagonal to −∞ first."),
        (scores.softmax(-1), "neither the mask nor the division by √d is there yet."),
        (
            scaled.softmax(-1) * below,
            "the rows no longer add up to 1: the mask came after the softmax. Set the scores of later tokens to −∞ "
            "before it, and softmax shares everything among the rest.",
        ),
        (
            (scaled * below).softmax(-1),
            "a score of 0 is a score like any other, and e to the power of 0 is 1. Later tokens need −∞, -math.inf.",
        ),
        (
            torch.nan_to_num(_masked(scaled).softmax(0)),
            "the columns add up to 1. Each row is one token that looks: take the softmax along the last axis, dim=-1.",
        ),
        (scaled.softmax(0), "that is a softmax over the columns, without a mask: along the last axis it is, dim=-1."),
        (
            _mirrored(scaled),
            "the mask is the wrong way round: tokens see what comes later, and should see what came before them.",
        ),
        (
            _masked(scaled.T).softmax(-1),
            "queries and keys have changed places: the token that looks has the query, so it is queries @ keys.T.",
        ),
        (
            torch.nan_to_num(_masked(scaled), neginf=0.0),
            "these are the scores. Softmax along the last axis makes weights of them.",
        ),
        (_masked(scaled), "these are the scores. Softmax along the last axis makes weights of them."),
    ]
    for other, hint in wrong:
        if close(torch.nan_to_num(result), torch.nan_to_num(other.double())):
            return hint
    if result.isnan().any():
        return (
            "there is a NaN: a row in which everything is −∞ has nothing to share, and 0 · −∞ is no number. Put −∞ "
            "above the diagonal and nowhere else, with masked_fill: each token sees at least itself."
        )
    return f"the second row should be {brief(_attention(queries, keys)[1])}, and yours is {brief(result[1])}."


def _mirrored(scaled: Tensor) -> Tensor:
    """The weights where each place looks at itself and at what comes later."""
    return scaled.masked_fill(torch.ones_like(scaled).tril(-1) > 0, -math.inf).softmax(-1)


@one_line
def check_lens(function: Any) -> str:
    """`function(model, residual (emb_dim,))` → chances (vocab_size,), if the head read the stream at this point."""
    model = _model()
    residual = torch.randn(8, generator=torch.Generator().manual_seed(8)) * 3
    given = "a model of 7 tokens and a residual of 8 numbers"
    result = as_tensor(ask(function, model, residual, given=given), given)
    logits = lens_logits(model, residual)
    if close(result, logits.softmax(-1)):
        return "norm, head, softmax: the last steps of the model, taken early."
    with evaluating(model):
        norm = model.final_norm(residual)
        bare = torch.nn.functional.layer_norm(residual, (8,))
        wrong = [
            (model.head(residual).softmax(-1), "the final norm is missing: the head reads model.final_norm(residual)."),
            (model.head(residual), "the final norm is missing, and the softmax that makes chances of scores."),
            (logits, "these are the scores. Softmax makes chances of them."),
            (
                model.head(bare).softmax(-1),
                "you normalised, but the model's own norm has weights that it learned: model.final_norm(residual).",
            ),
            (
                (model.token_embedding.weight @ norm).softmax(-1),
                "that reads with the embedding. In some models the head is the same table, but not in all: "
                "model.head(…).",
            ),
            (
                model.head(model.final_norm(norm)).softmax(-1),
                "the norm was applied twice. The residual goes through it once.",
            ),
        ]
    for other, hint in wrong:
        if close(result, other):
            raise NotYet(hint)
    if result.numel() == 1:
        raise NotYet("that is one number. Expected are the chances of all 7 tokens.")
    if result.shape != (7,):
        raise NotYet(f"expected is one chance per token of the vocabulary, shape (7,), got {tuple(result.shape)}.")
    raise NotYet(f"expected {brief(logits.softmax(-1))}, got {brief(result)}. Norm, head, softmax, in this order.")


@one_line
def check_rank(function: Any) -> str:
    """`function(logits (vocab_size,), token_id)` → its rank: 1 for the highest score; of equals, the lower id first."""
    logits = torch.tensor([2.0, 7.0, 5.0, -1.0, 5.0, 5.0, 0.5])
    right = {1: 1, 2: 2, 4: 3, 5: 4, 0: 5, 6: 6, 3: 7}
    found = {}
    for token_id in right:
        given = f"the scores {[round(x, 1) for x in logits.tolist()]} and token {token_id}"
        result = as_tensor(ask(function, logits, token_id, given=given), given)
        if result.numel() != 1:
            raise NotYet(f"given {given}, expected is one number, got {brief(result)}.")
        found[token_id] = int(result) if result.isfinite() else -1
    if found == right:
        return "1 for the likeliest, and equal scores in the order of their ids."
    shapes = {
        "ranks begin at 1, yours at 0: nobody is ahead of the likeliest, and its rank is 1.": lambda i: right[i] - 1,
        "the lowest score got rank 1. The highest comes first.": lambda i: int((logits < logits[i]).sum()) + 1,
        "tokens 2, 4 and 5 have equal scores, and all of them got rank 2. Let the lower id go first.": lambda i: (
            int((logits > logits[i]).sum()) + 1
        ),
        "tokens 2, 4 and 5 have equal scores, and all of them got rank 4: >= counts the equals too, and the token "
        "itself. Let the lower id go first.": lambda i: int((logits >= logits[i]).sum()),
        "ranks begin at 1, and of equal scores the lower id goes first.": lambda i: int((logits > logits[i]).sum()),
        "of equal scores, the higher id went first.": lambda i: (
            1 + int((logits > logits[i]).sum()) + int((logits[i + 1 :] == logits[i]).sum())
        ),
        "that is the list of ids in the order of their scores, read the wrong way round: entry 0 of it is the id of "
        "the likeliest. You look for the place at which token_id stands.": lambda i: int(
            logits.argsort(descending=True, stable=True)[i]
        ),
    }
    for hint, wrong in shapes.items():
        if all(found[token_id] == wrong(token_id) for token_id in right):
            raise NotYet(hint)
    token_id = next(i for i in right if found[i] != right[i])
    raise NotYet(f"token {token_id} of {logits.tolist()} has rank {right[token_id]}, and you gave {found[token_id]}.")


@one_line
def check_strongest_head(function: Any) -> str:
    """`function(attention (n_layers, n_heads, T, T), position, target)` → (layer, head) that looks there most."""
    attention = torch.rand(3, 4, 6, 6, generator=torch.Generator().manual_seed(8)).tril()
    attention[1, 3, 4, 2] += 4  # the one that is looked for
    attention[2, 1, 4, 2] += 3  # the best of the last layer
    attention[2, 0, 4, 1] += 12  # looks harder, and elsewhere
    attention[0, 2, 5, 4] += 4  # the one that is looked for from another place
    attention = attention / attention.sum(-1, keepdim=True)
    position, target, right = 4, 2, (1, 3)
    given = f"the weights of 3 layers with 4 heads, position {position} and target {target}"
    result = as_tensor(ask(function, attention, position, target, given=given), given)
    if close(result.flatten(), torch.tensor(right)):  # nonzero gives a list of one pair
        other = as_tensor(ask(function, attention, 5, 4, given="another place"), "another place")
        if not close(other.flatten(), torch.tensor([0, 2])):
            raise NotYet("right for one pair of places, but not for others: position is the row, target the column.")
        return "all layers and heads compared at one row and one column."
    flat = 4 * right[0] + right[1]
    if result.numel() == 1 and result.item() == flat:
        raise NotYet(
            f"{flat} is the place in one long list of all heads. divmod({flat}, 4) makes a layer and a head of it, "
            "where 4 is the number of heads."
        )
    hints = {
        (3, 1): "that is head, then layer. Expected is (layer, head).",
        (2, 4): "layers and heads are counted from 0, as in Python.",
        (2, 1): "that is the best of the last layer. Another layer looks there more.",
        (0, 2): "that is not the head. Is position the row and target the column? attention[:, :, position, target]",
    }
    if result.numel() == 2 and result.isfinite().all():
        pair = tuple(int(number) for number in result.flatten())
        towards = divmod(int(attention[:, :, target, position].argmax()), 4)
        everywhere = divmod(int(attention[:, :, position].amax(-1).argmax()), 4)
        if pair in hints:
            raise NotYet(hints[pair])
        if pair == towards:
            raise NotYet(
                f"{pair} comes out where all weights are 0, from target to position, or if all of `attention` is "
                "searched. The token that looks is the row: attention[:, :, position, target]."
            )
        if pair == everywhere:
            raise NotYet("that head looks somewhere else. Compare only the column of the target.")
        raise NotYet(f"expected {right}, got {pair}.")
    raise NotYet(f"expected are two numbers, (layer, head), got {brief(result)}.")


def _model() -> GPTModel:
    """A model that knows nothing, with an untied head and a norm of its own; the learner's own luck stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        config = GPTConfig(7, context_length=8, emb_dim=8, n_heads=2, n_layers=1, tie_embeddings=False)
        model = GPTModel(config).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.7)
    return model
