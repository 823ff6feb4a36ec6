import math
from fractions import Fraction

import numpy
import pytest
import torch
import torch.nn.functional as F

from gptcore import evaluate
from gptcore.exercises import lesson06


def test_missing_share(says):
    for answer in (
        *(20_257 / 50_257, 0.403, torch.tensor(1 - 30_000 / 50_257), 0.4, torch.tensor([0.4031])),
        *(Fraction(20_257, 50_257), numpy.float64(20_257 / 50_257), numpy.float32(0.403)),
    ):
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
        (0.6, "do have a token"),
        (40, "divide it by 100"),
        (-0.403, "you gave -0.403"),
        (1, "you gave 1."),
        (30_000, "divide by all ids"),
        (0.939, "divide by all ids"),
        (math.nan, "you gave nan"),
        ("40%", "a number from 0 to 1, and you gave '40%'"),
        ([0.403], "a number from 0 to 1, and you gave [0.403]"),
        (True, "a number from 0 to 1, and you gave True"),
        (lambda: 0.403, "you gave a function"),
        ("most", "you gave 'most'"),
    ]:
        assert hint in says(lesson06.check_missing_share, answer)


def by_loop(probs):
    return math.exp(-sum(p * math.log(p) for p in probs.tolist() if p > 0))


def in_bits(probs):
    probs = probs[probs > 0]
    return 2 ** -(probs * probs.log2()).sum()


@pytest.mark.parametrize(
    "answer",
    [
        by_loop,
        in_bits,
        lambda p: torch.special.entr(p).sum().exp(),
        lambda p: torch.exp(-torch.xlogy(p, p).sum()),
        lambda p: numpy.exp(-sum(x * numpy.log(x) for x in p.numpy() if x > 0)),
        lambda p: torch.distributions.Categorical(probs=p).entropy().exp(),
        lambda p: (-(p * p.clamp_min(1e-30).log()).sum()).exp().item(),
        lambda p: torch.prod(p**-p),
        lambda p: math.prod(x**-x for x in p.tolist()),
        lambda p: torch.exp(-(p * p.log()).nansum()),
    ],
)
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
        (lambda p: (p > 0).sum(), "counts the tokens, rare or not"),
        (lambda p: torch.special.entr(p.softmax(-1)).sum().exp(), "second softmax"),
        (lambda p: (-(p * p.log()).sum()).exp(), "leave it out"),
        (lambda p: math.exp(-sum(x * math.log(x) for x in p)), "leave it out"),
        (lambda p: 5, "exp of minus the sum of p ln p"),
        (len, "counts the tokens, rare or not"),
        (lambda p: 1 / p.max(), "expected 3.364, got 2. Take exp"),
        (lambda p: -(p * p.log()), "one number is expected"),
        (lambda p: (-p[p > 0].log().mean()).exp(), "got 4.757. Take exp"),
        (lambda p: (1 / p).mean(), "got 5.5. Take exp"),
        (lambda p: torch.special.entr(p).exp().sum(), "got 10.37. Take exp"),
        (lambda p: 2 ** torch.special.entr(p).sum(), "got 4.226. Take exp"),
        (lambda p: torch.special.entr(p).sum().exp().round(), "expected 3.364, got 3. Take exp"),
        (lambda p: (-p * p.log()).nansum(), "the entropy itself"),
        (lambda p: "8", "expected 8, got '8'"),
        (lambda p: p.argmax(), "Take exp"),
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


def rows(model, token_ids):
    with torch.no_grad():
        return model.eval()(token_ids[None])[0]


def ln_v(model):
    return math.log(model.config.vocab_size)


@pytest.mark.parametrize(
    "answer",
    [
        with_evaluate,
        with_cross_entropy,
        by_hand,
        lambda m, ids: numpy.log(m.config.vocab_size) - evaluate(m, ids).loss,
        lambda m, ids: math.log(m.config.vocab_size / evaluate(m, [ids.tolist()]).perplexity),
        lambda m, ids: ln_v(m) - F.nll_loss(rows(m, ids)[:-1].log_softmax(-1), ids[1:]),
        lambda m, ids: (rows(m, ids)[:-1].log_softmax(-1).gather(1, ids[1:, None]) + ln_v(m)).mean(),
        lambda m, ids: float(math.log(len(m.head.weight)) - F.cross_entropy(rows(m, ids)[:-1].double(), ids[1:])),
        lambda m, ids: numpy.mean(
            [ln_v(m) + float(row.log_softmax(-1)[new]) for row, new in zip(rows(m, ids)[:-1], ids[1:], strict=True)]
        ),
    ],
)
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
        (lambda m, ids: 1 - evaluate(m, [ids]).loss / ln_v(m), "It is ln V minus the mean surprise"),
        (lambda m, ids: m.config.vocab_size - evaluate(m, [ids]).perplexity, "It is ln V minus the mean surprise"),
        (lambda m, ids: math.log2(m.config.vocab_size) - evaluate(m, [ids]).loss, "It is ln V minus the mean surprise"),
        (lambda m, ids: ln_v(m) - F.cross_entropy(rows(m, ids)[1:], ids[:-1]), "It is ln V minus the mean surprise"),
        (lambda m, ids: ln_v(m) - F.cross_entropy(rows(m, ids)[-1:], ids[-1:]), "compared with its own row"),
        (lambda m, ids: ln_v(m) - evaluate(m, [ids[1:]]).loss, "It is ln V minus the mean surprise"),
        (lambda m, ids: max(0, with_evaluate(m, ids)), "counts backwards, expected -1"),
        (lambda m, ids: evaluate(m, [ids]), "got Evaluation("),
        (lambda m, ids: ln_v(m) - F.cross_entropy(m(ids)[:-1], ids[1:]), "(batch, tokens)"),
        (lambda m, ids: ln_v(m) - F.cross_entropy(m.train()(ids[None])[0, :-1], ids[1:]), "call model.eval()"),
        (lambda m, ids: torch.rand(1), "is anything random left"),
    ],
)
def test_learned_wrong(says, answer, hint):
    assert hint in says(lesson06.check_learned, answer)


def test_what_is_called_untrained_has_a_loss_of_about_ln_v():
    """No case may say that a model has learned nothing and expect anything but nearly 0."""
    cases = [*lesson06.check_learned.cases, *lesson06.check_learned.edges]
    untrained = [case for case in cases if "untrained" in case.given]
    assert untrained and all(abs(with_evaluate(*case.arguments)) < 0.05 for case in untrained)
