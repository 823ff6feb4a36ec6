"""Self-checks of lesson 06, untrained and trained."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.config import GPTConfig
from gptcore.exercises.by_hand import NotYet, as_number, as_tensor, ask, brief, one_line
from gptcore.model import GPTModel
from gptcore.training import evaluate


@one_line
def check_missing_share(answer: Any) -> str:
    """A model scores 50,257 ids, and its tokenizer has 30,000: what share of the ids has no token?"""
    number = as_number(answer, "a share, a number from 0 to 1")
    share = 20_257 / 50_257
    if abs(number - share) < 0.005:
        return "20,257 of the 50,257 ids, about 40%, have no token, and each of them may be drawn."
    if number == 20_257:
        raise NotYet("20,257 is how many ids have no token. Which share of all ids that can be drawn is it?")
    if abs(number - 100 * share) < 0.5:
        raise NotYet("right as a percentage. As a share of 1, divide it by 100.")
    hints = {
        30_000 / 50_257: "that is the share of ids that do have a token. The others are missing.",
        20_257 / 30_000: "that divides by the tokens of the tokenizer. The dart falls on the model's 50,257 ids.",
        50_257 / 30_000: "that divides the model's ids by the tokenizer's. How many ids have no token at all?",
    }
    for wrong, hint in hints.items():
        if abs(number - wrong) < 0.005:
            raise NotYet(hint)
    raise NotYet(f"you gave {number:g}. Count the ids without a token, and divide by all ids that can be drawn.")


@one_line
def check_effective_choices(function: Any) -> str:
    """`function(chances (vocab_size,))` → exp(entropy): among how many equal choices it is as uncertain as this."""
    even = torch.full((8,), 1 / 8)
    result = _number(function, even, given="eight equal chances")
    _explain_choices(result, even, "eight equal chances", expected=8)
    uneven = torch.tensor([0.5, 0.25, 0.125, 0.125])
    result = _number(function, uneven, given="the chances 0.5, 0.25, 0.125, 0.125")
    _explain_choices(result, uneven, "the chances 0.5, 0.25, 0.125, 0.125", expected=_choices(uneven))
    cut = torch.tensor([0.5, 0.0, 0.5, 0.0])
    result = _number(_nan_where_log_stops(function), cut, given="chances of which two are 0")
    if not math.isfinite(result):
        raise NotYet(
            "right, until a chance is 0: ln 0 is minus infinity, and 0 times that is NaN, or an error. A token that "
            "cannot come adds nothing: leave it out, as in p = p[p > 0]."
        )
    _explain_choices(result, cut, "the chances 0.5, 0, 0.5, 0", expected=2)
    return "exp of the entropy, and what cannot come does not count."


@one_line
def check_learned(function: Any) -> str:
    """`function(model, token_ids (T,))` → ln V minus the mean loss, in nats per token: 0 where nothing was learned."""
    token_ids = torch.arange(24) % 6
    counting = _counting_model()
    given = "a model that can count to six, and a text that does"
    result = _number(function, counting.eval(), token_ids, given=given)
    loss, best = evaluate(counting, [token_ids]).loss, math.log(6)
    _explain_learned(result, loss, best, len(token_ids), _unshifted(counting, token_ids), given)

    given = "a model that counts, and a text that counts backwards"
    backwards = token_ids.flip(0)
    result = _number(function, counting, backwards, given=given)
    if not _near(result, expected := best - evaluate(counting, [backwards]).loss):
        raise NotYet(f"given {given}, expected {expected:.2f}, got {result:.2f}. Worse than nothing is below 0.")

    given = "an untrained model of 50 tokens in training mode"
    noisy = _untrained_model().train()
    token_ids = torch.arange(30) * 7 % 50
    result, again = (_number(function, noisy.train(), token_ids, given=given) for _ in range(2))
    if result != again:
        raise NotYet(
            "asked the same twice, your function gave two answers: dropout, the noise of training, is on. Call "
            "model.eval() before the model reads."
        )
    expected = math.log(50) - evaluate(noisy, [token_ids]).loss
    if not _near(result, expected):
        raise NotYet(
            f"right for a model of 6 tokens, and given {given} expected {expected:.2f}, got {result:.2f}. The loss of "
            "knowing nothing is ln V, and V is model.config.vocab_size."
        )
    return "ln V minus the loss: near 0 where nothing was learned, below 0 where something wrong was."


def _number(function: Any, *arguments: Any, given: str) -> float:
    """The one number that a learner's function returns."""
    result = as_tensor(ask(function, *arguments, given=given), given)
    if result.numel() != 1:
        raise NotYet(f"given {given}, one number was expected, and your function returned {brief(result)}.")
    return result.item()


def _nan_where_log_stops(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with NaN, which torch gives for 0 ln 0, where `math.log` raises an error."""

    def run(chances: Tensor) -> Any:
        try:
            return function(chances)
        except ValueError:
            return math.nan

    return run


def _choices(chances: Tensor) -> float:
    return torch.special.entr(chances.double()).sum().exp().item()


def _explain_choices(result: float, chances: Tensor, given: str, expected: float) -> None:
    """Raise `NotYet` with a hint unless `result` is what was expected."""
    if _near(result, expected):
        return
    p = chances.double()
    entropy = torch.special.entr(p).sum().item()
    bits = entropy / math.log(2)
    hints = [
        (entropy, "that is the entropy itself, in nats. As if choosing among how many? Take exp of it."),
        (-entropy, "that is minus the entropy. The sum of p ln p is below 0: put a minus before it, then take exp."),
        (math.exp(-entropy), "that is 1 divided by the answer. The sum of p ln p is below 0: put a minus before it."),
        (bits, "that is the entropy in bits. 2 to the power of bits, or exp of nats, is the number of choices."),
        (
            math.exp(bits),
            "log2 gives bits, and they belong to 2 ** bits. With exp, take the natural one, .log().",
        ),
        (math.exp(entropy / len(p)), "that took the mean of p ln p. Each already carries its chance: take the sum."),
        (1 / p.square().sum().item(), "1 divided by the sum of squares counts choices, too, but not by the entropy."),
        (float((p > 0).sum()), "that counts the tokens that can come. One that comes rarely should count for less."),
        (_choices(p.softmax(-1)), "the chances went through a softmax again. They are chances already."),
    ]
    for wrong, hint in hints:
        if _near(result, wrong):
            raise NotYet(f"given {given}, expected {expected:.2f}, got {result:.2f}: {hint}")
    raise NotYet(f"given {given}, expected {expected:.2f}, got {result:.2f}. Take exp of minus the sum of p ln p.")


def _explain_learned(result: float, loss: float, best: float, tokens: int, unshifted: float, given: str) -> None:
    """Raise `NotYet` with a hint unless `result` is `best` - `loss`."""
    expected = best - loss
    if _near(result, expected):
        return
    foretold = tokens - 1
    hints = [
        (-expected, "the sign is turned round. What was learned makes the loss smaller: ln V minus the loss."),
        (loss, "that is the loss. How far is it below ln V?"),
        (best - unshifted, "each token was compared with its own row. Row i is a forecast of token i + 1."),
        (best - loss * foretold, "the loss was summed over the tokens. Take the mean of it."),
        (best - loss * foretold / tokens, f"the sum was divided by {tokens}, but only {foretold} tokens are foretold."),
        ((best - loss) / math.log(2), "that is in bits. Take natural logarithms."),
        (best - math.exp(loss), "that took exp of the loss, the perplexity, from ln V. Leave the loss in nats."),
        (math.log(50_257) - loss, "ln 50,257 is for GPT-2's vocabulary. Ask model.config.vocab_size."),
        (math.log(3072) - loss, "ln 3,072 is for our storyteller's vocabulary. Ask model.config.vocab_size."),
    ]
    for wrong, hint in hints:
        if _near(result, wrong):
            raise NotYet(f"given {given}, expected {expected:.2f}, got {result:.2f}: {hint}")
    raise NotYet(f"given {given}, expected {expected:.2f}, got {result:.2f}. It is ln V minus the mean surprise.")


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-3 * max(1.0, abs(b))


def _counting_model() -> GPTModel:
    """A model of 6 tokens that expects 0, 1, 2, 3, 4, 5, 0, … and is not quite sure."""
    shape = {"context_length": 32, "emb_dim": 6, "n_heads": 1, "n_layers": 1, "drop_rate": 0.0}
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # the learner's own luck stays as it was
        model = GPTModel(GPTConfig(6, **shape, tie_embeddings=False))
        for parameter in model.parameters():
            parameter.zero_()
        model.final_norm.weight.fill_(1.0)
        model.token_embedding.weight.copy_(torch.eye(6))
        model.head.weight.copy_(torch.eye(6).roll(1, 0))  # row i + 1 answers to token i
    return model


def _untrained_model() -> GPTModel:
    """A model of 50 tokens that knows nothing, with strong dropout."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPTModel(GPTConfig(50, context_length=32, emb_dim=16, n_heads=2, n_layers=1, drop_rate=0.5))
        with torch.no_grad():
            model.token_embedding.weight.mul_(20)  # so that the dropout can be seen in the loss
    return model


def _unshifted(model: GPTModel, token_ids: Tensor) -> float:
    """The mean loss of each token against its own row, a usual mistake."""
    with torch.no_grad():
        return F.cross_entropy(model(token_ids[None])[0], token_ids).item()
