"""Self-checks of lesson 06, untrained and trained."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, tensor
from torch.special import entr

from gptcore.config import GPTConfig
from gptcore.exercises.checking import Exercise, Value, case
from gptcore.language import N_
from gptcore.model import GPTModel
from gptcore.training import evaluate

# A model scores 50,257 ids, and its tokenizer has 30,000 tokens: what share of the ids has no token?
check_missing_share = Value(
    right=N_("20,257 of the 50,257 ids, about 40%, have no token, and each of them may be drawn."),
    what=N_("a share, a number from 0 to 1"),
    reference=20_257 / 50_257,
    tolerance=0.01,
    mistakes=[
        (N_("20,257 is how many ids have no token. Which share of all ids is it?"), 20_257),
        (N_("Right as a percentage. As a share of 1, divide it by 100."), 100 * 20_257 / 50_257),
        (N_("That is the share of ids that do have a token. The others are missing."), 30_000 / 50_257),
        (N_("That divides by the tokens of the tokenizer. The dart falls on the model's 50,257 ids."), 20_257 / 30_000),
        (N_("That divides the model's ids by the tokenizer's. How many ids have no token at all?"), 50_257 / 30_000),
    ],
    reminder=N_("Count the ids without a token, and divide by all ids that can be drawn."),
)


def _entropy(probs: Tensor) -> Tensor:
    return entr(probs).sum()


def _bits(probs: Tensor) -> Tensor:
    return _entropy(probs) / math.log(2)


# function(probs (vocab_size,)) → exp(entropy): a choice among so many equal tokens is as uncertain
check_effective_choices = Exercise(
    right=N_("exp of the entropy, and a token that cannot come does not count."),
    reference=lambda probs: _entropy(probs).exp(),
    cases=[
        case(torch.full((8,), 1 / 8), given=N_("eight equal chances")),
        case(tensor([0.5, 0.25, 0.125, 0.125]), given=N_("the chances 0.5, 0.25, 0.125, 0.125")),
    ],
    edges=[
        case(
            tensor([0.5, 0.0, 0.5, 0.0]),
            given=N_("the chances 0.5, 0, 0.5, 0"),
            why=N_(
                "ln 0 is minus infinity, and 0 times that is NaN. A token that cannot come adds nothing: leave it out, "
                "as in p = p[p > 0]."
            ),
        )
    ],
    mistakes=[
        (N_("That is the entropy itself, in nats. As if choosing among how many? Take exp of it."), _entropy),
        (N_("That is minus the entropy. Put a minus before the sum of p ln p, then take exp."), lambda p: -_entropy(p)),
        (N_("That is 1 divided by the answer: put a minus before the sum of p ln p."), lambda p: (-_entropy(p)).exp()),
        (N_("That is the entropy in bits. The number of choices is 2 to the power of bits, or exp of nats."), _bits),
        (N_("With log2, which gives bits, it is 2 ** bits. With exp, take .log()."), lambda p: _bits(p).exp()),
        (
            N_("That took the mean of p ln p. Each carries its chance already: sum them."),
            lambda p: entr(p).mean().exp(),
        ),
        (N_("1 / the sum of squares counts choices too, but not by the entropy."), lambda p: 1 / p.square().sum()),
        (N_("That counts the tokens, rare or not. A rare one should count for less."), lambda p: (p > 0).sum()),
        (N_("These chances went through a second softmax."), lambda p: _entropy(p.softmax(-1)).exp()),
    ],
    reminder=N_("Take exp of minus the sum of p ln p."),
)


def _counting_model(drop_rate: float = 0.0) -> GPTModel:
    """A model of 6 tokens that expects 0, 1, 2, 3, 4, 5, 0, … and is not quite sure."""
    shape = {"context_length": 32, "emb_dim": 6, "n_heads": 1, "n_layers": 1, "drop_rate": drop_rate}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        model = GPTModel(GPTConfig(6, **shape, tie_embeddings=False))
        for parameter in model.parameters():
            parameter.zero_()
        model.final_norm.weight.fill_(1.0)
        model.token_embedding.weight.copy_(torch.eye(6))
        model.head.weight.copy_(torch.eye(6).roll(1, 0))  # row i + 1 answers to token i
    return model.eval()


def _loss(model: GPTModel, token_ids: Tensor, reduction: str = "mean") -> Tensor:
    return F.cross_entropy(model.eval()(token_ids[None])[0, :-1], token_ids[1:], reduction=reduction)


def _learned(model: GPTModel, token_ids: Tensor) -> float:
    return _ln_v(model) - evaluate(model, [token_ids]).loss


def _ln_v(model: GPTModel) -> float:
    return math.log(model.config.vocab_size)


def _untrained_model() -> GPTModel:
    """50 tokens, and weights as small as those of any new model; the learner's own luck stays as it was."""
    shape = {"context_length": 32, "emb_dim": 16, "n_heads": 2, "n_layers": 1, "drop_rate": 0.0}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GPTModel(GPTConfig(50, **shape)).eval()


_UP = torch.cat([torch.arange(13), torch.arange(14, 25)]) % 6  # one number is left out
_NOISE = N_("Dropout, the noise of training, is on: call model.eval() before the model reads.")

# function(model, token_ids (T,)) → ln V minus the mean loss, in nats per token: 0 where nothing was learned
check_learned = Exercise(
    right=N_("ln V minus the loss: near 0 where nothing was learned, below 0 where something wrong was."),
    reference=_learned,
    cases=[
        case(
            _counting_model(),
            _UP,
            given=N_("a model that counts from 0 to 5, again and again, and a text that skips one number"),
        ),
        case(_counting_model(), _UP.flip(0), given=N_("a model that counts, and a text that counts backwards")),
    ],
    edges=[
        case(
            _untrained_model(),
            torch.arange(30) * 7 % 50,
            given=N_("an untrained model of 50 tokens"),
            why=N_("The loss of knowing nothing is ln V, and V is model.config.vocab_size."),
        ),
        case(
            _counting_model(drop_rate=0.5).train(),
            _UP,
            given=N_("the model that counts, with dropout and in training mode"),
            why=_NOISE,
        ),
    ],
    mistakes=[
        (N_("The sign is wrong: what was learned makes the loss smaller."), lambda model, ids: -_learned(model, ids)),
        (N_("That is the loss. How far is it below ln V?"), _loss),
        (
            N_("Each token was compared with its own row. Row i is a forecast of token i + 1."),
            lambda model, ids: _ln_v(model) - F.cross_entropy(model.eval()(ids[None])[0], ids),
        ),
        (
            N_("The loss was summed over the tokens. Take the mean of it."),
            lambda model, ids: _ln_v(model) - _loss(model, ids, "sum"),
        ),
        (
            N_("The sum was divided by the number of tokens, but nothing predicts the first: divide by one less."),
            lambda model, ids: _ln_v(model) - _loss(model, ids, "sum") / len(ids),
        ),
        (N_("That is in bits. Take natural logarithms."), lambda model, ids: _learned(model, ids) / math.log(2)),
        (
            N_("That took exp of the loss, the perplexity, from ln V. Leave the loss in nats."),
            lambda model, ids: _ln_v(model) - _loss(model, ids).exp(),
        ),
        (
            N_("That is the ln V of GPT-2's vocabulary, or of our storyteller's. Ask model.config.vocab_size."),
            lambda model, ids: math.log(50_257) - _loss(model, ids),
            lambda model, ids: math.log(3072) - _loss(model, ids),
        ),
        (N_("Worse than knowing nothing is below 0: keep the sign."), lambda model, ids: abs(_learned(model, ids))),
        (_NOISE, lambda model, ids: _ln_v(model) - F.cross_entropy(model(ids[None])[0, :-1], ids[1:])),
    ],
    reminder=N_("It is ln V minus the mean surprise."),
    luck=N_("The same model and text have one loss: is anything random left, such as dropout? model.eval() ends that."),
)
