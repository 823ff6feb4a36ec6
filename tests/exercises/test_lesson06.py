import math

import pytest
import torch
import torch.nn.functional as F

from gptcore import evaluate
from gptcore.exercises import lesson06


def test_missing_share(says):
    for answer in (20_257 / 50_257, 0.403, torch.tensor(1 - 30_000 / 50_257)):
        assert says(lesson06.check_missing_share, answer).startswith("Right")
    for answer, hint in [
        (..., "replace the dots"),
        (None, "replace the dots"),
        (20_257, "how many ids"),
        (40.3, "divide it by 100"),
        (30_000 / 50_257, "do have a token"),
        (20_257 / 30_000, "divides by the tokens of the tokenizer"),
        (50_257 / 30_000, "no token at all"),
        (0.1, "you gave 0.1"),
        ("most", "you gave 'most'"),
    ]:
        assert hint in says(lesson06.check_missing_share, answer)


def by_loop(probs):
    return math.exp(-sum(p * math.log(p) for p in probs.tolist() if p > 0))


def in_bits(probs):
    probs = probs[probs > 0]
    return 2 ** -(probs * probs.log2()).sum()


@pytest.mark.parametrize("answer", [by_loop, in_bits, lambda p: torch.special.entr(p).sum().exp()])
def test_effective_choices_right(says, answer):
    assert says(lesson06.check_effective_choices, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p: torch.special.entr(p).sum(), "the entropy itself"),
        (lambda p: -torch.special.entr(p).sum(), "minus the entropy"),
        (lambda p: (-torch.special.entr(p).sum()).exp(), "1 divided by the answer"),
        (lambda p: -(p * p.log2()).sum(), "entropy in bits"),
        (lambda p: (-(p * p.log2()).sum()).exp(), "With log2"),
        (lambda p: torch.special.entr(p).mean().exp(), "took the mean of p ln p"),
        (lambda p: 1 / p.square().sum(), "the sum of squares counts choices too"),
        (lambda p: (p > 0).sum(), "counts the tokens that can come"),
        (lambda p: torch.special.entr(p.softmax(-1)).sum().exp(), "second softmax"),
        (lambda p: (-(p * p.log()).sum()).exp(), "leave it out"),
        (lambda p: math.exp(-sum(x * math.log(x) for x in p)), "leave it out"),
        (lambda p: 5, "exp of minus the sum of p ln p"),
        (lambda p: p.mul_(2).sum(), "changed what it was given"),
    ],
)
def test_effective_choices_wrong(says, answer, hint):
    assert hint in says(lesson06.check_effective_choices, answer)


def with_evaluate(model, token_ids):
    return math.log(model.config.vocab_size) - evaluate(model, [token_ids]).loss


def with_cross_entropy(model, token_ids):
    scores = model.eval()(token_ids[None])[0]
    return math.log(scores.shape[-1]) - F.cross_entropy(scores[:-1], token_ids[1:])


def by_hand(model, token_ids):
    model.eval()
    with torch.no_grad():
        probs = model(token_ids[None]).softmax(-1)[0]
    surprises = [-math.log(probs[i, token_ids[i + 1]]) for i in range(len(token_ids) - 1)]
    return math.log(model.config.vocab_size) - sum(surprises) / len(surprises)


@pytest.mark.parametrize("answer", [with_evaluate, with_cross_entropy, by_hand])
def test_learned_right(says, answer):
    assert says(lesson06.check_learned, answer).startswith("Right")


def loss(model, token_ids, reduction="mean"):
    return F.cross_entropy(model.eval()(token_ids[None])[0, :-1], token_ids[1:], reduction=reduction)


def unshifted(model, token_ids):
    return math.log(model.config.vocab_size) - F.cross_entropy(model.eval()(token_ids[None])[0], token_ids)


def noisy(model, token_ids):
    return math.log(model.config.vocab_size) - F.cross_entropy(model(token_ids[None])[0, :-1], token_ids[1:])


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda model, ids: -with_evaluate(model, ids), "The sign is wrong"),
        (loss, "That is the loss"),
        (unshifted, "compared with its own row"),
        (lambda model, ids: math.log(model.config.vocab_size) - loss(model, ids, "sum"), "summed over the tokens"),
        (
            lambda model, ids: math.log(model.config.vocab_size) - loss(model, ids, "sum") / len(ids),
            "nothing predicts the first",
        ),
        (lambda model, ids: with_evaluate(model, ids) / math.log(2), "in bits"),
        (lambda model, ids: math.log(model.config.vocab_size) - loss(model, ids).exp(), "the perplexity"),
        (lambda model, ids: math.log(50_257) - loss(model, ids), "GPT-2's vocabulary"),
        (lambda model, ids: math.log(3072) - loss(model, ids), "our storyteller's"),
        (
            lambda model, ids: math.log(6) - loss(model, ids),
            "V is model.config.vocab_size",
        ),
        (lambda model, ids: abs(with_evaluate(model, ids)), "keep the sign"),
        (noisy, "call model.eval()"),
        (lambda model, ids: 9.0, "minus the mean surprise"),
    ],
)
def test_learned_wrong(says, answer, hint):
    assert hint in says(lesson06.check_learned, answer)
