"""Self-checks of lesson 07, training and evaluating."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor
from torch.nn.functional import cross_entropy, kl_div

from gptcore.exercises.checking import Exercise, case

# Exercise 1: the loss -----------------------------------------------------------------------------------------------


def _of(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """`change` of the surprises (T - 1,) at every token but the first."""
    return lambda logits, token_ids: change(cross_entropy(logits[:-1], token_ids[1:], reduction="none"))


# function(logits (T, vocab_size), token_ids (T,)) → the mean surprise at every token but the first
check_loss = Exercise(
    right="each row is judged by the token that follows, and the mean is in nats per token.",
    reference=_of(Tensor.mean),
    cases=[
        case(
            2 * torch.randn(5, 6, generator=torch.Generator().manual_seed(7)),
            tensor([2, 0, 5, 5, 1]),
            given="the logits (5, 6) of a text of 5 tokens",
        )
    ],
    edges=[
        case(
            tensor([[1000.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
            tensor([0, 1]),
            given="logits up to 1,000",
            why="A logit of 1,000 is too much for exp, and a chance of 0 for log: log_softmax and F.cross_entropy take "
            "care of both.",
        )
    ],
    mistakes=[
        ("That is the sum of the surprises, and it grows with the text. Take the mean.", _of(Tensor.sum)),
        ("That is the mean log of the chances. A surprise is minus the log.", _of(lambda surprises: -surprises.mean())),
        (
            "That judges each row by the token it has just read. Row t predicts token t + 1.",
            lambda logits, ids: cross_entropy(logits, ids),
            lambda logits, ids: cross_entropy(logits[:-1], ids[:-1]),
            lambda logits, ids: cross_entropy(logits[1:], ids[1:]),
        ),
        (
            "That is shifted to the wrong side: logits[:-1] belong to token_ids[1:].",
            lambda logits, ids: cross_entropy(logits[1:], ids[:-1]),
        ),
        (
            "The last row was judged by the first token. Nothing follows the last row: leave it out.",
            lambda logits, ids: cross_entropy(logits, ids.roll(-1)),
        ),
        (
            "That is softmax twice. F.cross_entropy takes logits, and does the softmax itself.",
            lambda logits, ids: cross_entropy(logits[:-1].softmax(-1), ids[1:]),
        ),
        ("That is in bits. Nats use the natural logarithm.", _of(lambda surprises: surprises.mean() / math.log(2))),
        (
            "That divides by the number of tokens, but nothing predicts the first: divide by one less.",
            _of(lambda surprises: surprises.sum() / (len(surprises) + 1)),
        ),
        ("That is the log of the mean. Take the mean of the logs.", _of(lambda s: -(-s).exp().mean().log())),
        ("That is the mean chance. The surprise is minus its log, token by token.", _of(lambda s: (-s).exp().mean())),
    ],
    reminder="Begin with log_softmax(-1).",
)


# Exercise 2: the learning rate --------------------------------------------------------------------------------------


def _cosine(way: float) -> float:
    return (1 + math.cos(math.pi * way)) / 2


def _schedule(share: Callable[[float], float] = _cosine, start: int = 1, end: int = 1) -> Callable[..., float]:
    """A straight rise, then `share(way)` of the highest rate; with a `start` or `end` of 0, way forgets the warm-up."""

    def rate(step: int, warmup_steps: int, max_steps: int, highest: float) -> float:
        if step <= warmup_steps:
            return highest * step / warmup_steps
        return highest * share((step - start * warmup_steps) / (max_steps - end * warmup_steps))

    return rate


_rate = _schedule()
_UP = "While step <= warmup_steps, the rate is highest * step / warmup_steps."
_DOWN = (
    "After the warm-up it is highest * (1 + math.cos(math.pi * way)) / 2, where way = (step - warmup_steps) / "
    "(max_steps - warmup_steps)."
)

# function(step, warmup_steps, max_steps, highest) → the rate: a straight rise, then half a cosine down to 0
check_learning_rate = Exercise(
    right="the first steps are careful, and the last ones are small enough to settle what was learned.",
    reference=_rate,
    tolerance=1e-6,
    cases=[case(step, 10, 110, 0.004, why=_UP if step <= 10 else _DOWN) for step in (1, 5, 35, 60, 110)],
    edges=[case(10, 10, 110, 0.004, why=_UP), case(30, 20, 40, 2.0, why=_DOWN)],
    mistakes=[
        ("The shape is right, from 0 to 1 and back. Multiply it by `highest`.", lambda *given: _rate(*given[:3], 1.0)),
        (
            f"There is no warm-up. {_UP}",
            lambda step, warmup, most, highest: highest,
            lambda step, warmup, most, highest: highest * _cosine((step - warmup) / (most - warmup)),
            lambda step, warmup, most, highest: highest * _cosine(step / most),
        ),
        (
            "The first rates are 0, and nothing would be learned: // cuts off what / keeps.",
            lambda step, warmup, *given: _rate(step // warmup * warmup if step < warmup else step, warmup, *given),
        ),
        ("The warm-up is right. After it the rate stays where it is, and it should fall.", _schedule(lambda way: 1)),
        (
            "The warm-up is right, and then the rate goes on rising. Is there a case for step > warmup_steps?",
            lambda step, warmup, most, highest: highest * step / warmup,
        ),
        (
            "The way down begins at twice the highest rate: (1 + cos) goes from 2 to 0, so halve it.",
            _schedule(lambda way: 2 * _cosine(way)),
        ),
        (
            "The rate falls below 0, and the model would unlearn. (1 + cos) / 2 lies between 1 and 0.",
            _schedule(lambda way: math.cos(math.pi * way)),
            _schedule(lambda way: math.cos(math.pi * way) / 2),
        ),
        (f"The way down is counted from step 0, so that the rate jumps. {_DOWN}", _schedule(start=0, end=0)),
        ("The way down takes max_steps - warmup_steps steps, so that it ends at 0.", _schedule(end=0)),
        ("It begins and ends well, but falls in a straight line. It is half a cosine.", _schedule(lambda way: 1 - way)),
        (
            "The angle of math.cos is in radians: the whole way is math.pi, not 1 and not 180.",
            _schedule(lambda way: _cosine(way / math.pi)),
            _schedule(lambda way: _cosine(way * 180 / math.pi)),
        ),
        ("The last rate is a tenth of the highest. It should be 0.", _schedule(lambda way: 0.1 + 0.9 * _cosine(way))),
        (
            "That is right for a warm-up of 10 and 110 steps only. Use the arguments.",
            lambda step, warmup, most, highest: _rate(step, 10, 110, highest),
        ),
    ],
)


# Exercise 3: early stopping -----------------------------------------------------------------------------------------


def _stop(val_losses: list[float], patience: int) -> int:
    best, waited = math.inf, 0
    for position, loss in enumerate(val_losses):
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == patience:
            return position
    return len(val_losses) - 1


# function(val_losses, patience) → the position in the list at which training ends: the last one, if it goes on
check_early_stopping = Exercise(
    right="patience is counted from the best loss so far, and every new best begins the count again.",
    reference=_stop,
    cases=[
        case([3.0, 2.0, 1.5, 1.6, 1.7, 1.8, 1.9], 2, why="The best is at 2, and those at 3 and 4 are no better."),
        case([3.0, 2.0, 2.5, 2.4, 2.3, 2.2], 3, why="To fall again is not enough: compare with the best so far."),
        case([3.0, 2.0, 2.1, 1.9, 2.0, 1.8, 1.7], 2, why="A new best begins the count again."),
        case([3.0, 2.0, 2.0, 2.0, 2.0, 2.0], 3, why="The same as the best is no gain."),
        case([3.0, 2.0, 1.0], 1, why="The loss always fell, so training goes on to the end."),
        case([1.0, 2.0, 0.5], 1, why="With a patience of 1, the first loss that is no better ends it."),
    ],
    mistakes=[
        ("That is the best loss. At which position does training end?", lambda losses, _: losses.index(min(losses))),
        ("That is the loss itself. Return its position in the list.", lambda losses, n: losses[_stop(losses, n)]),
        (
            "One too many: positions count from 0, and the last of `patience` such losses ends it.",
            lambda losses, patience: _stop(losses, patience) + 1,
            lambda losses, patience: _stop(losses, patience + 1),
        ),
    ],
)


# Exercise 4: from truth to belief -----------------------------------------------------------------------------------


def _kl(truth: Tensor, belief: Tensor) -> Any:
    return torch.where(truth > 0, truth * (truth / belief).log(), 0).sum()


_BELIEF, _WITH_ZERO = tensor([0.25, 0.25, 0.5]), tensor([0.5, 0.5, 0.0])

# function(truth (vocab_size,), belief (vocab_size,)) → the KL divergence from truth to belief, in nats
check_kl = Exercise(
    right="it is what the believer's surprise has in excess of the truth's own, and 0 only if they agree.",
    reference=_kl,
    cases=[case(tensor([0.7, 0.2, 0.1]), _BELIEF)],
    edges=[
        case(_WITH_ZERO, _BELIEF, why="A token that never comes counts nothing: add up only where truth > 0."),
        case(
            *(_BELIEF, _WITH_ZERO),
            why="If something comes that was believed impossible, the surprise is infinite. Where Python cannot divide "
            "by 0, return math.inf.",
        ),
    ],
    mistakes=[
        ("That is the other direction, from belief to truth: weigh by the truth's chances.", lambda t, b: _kl(b, t)),
        ("The sign is wrong: it is log(truth / belief), and the sum is never below 0.", lambda t, b: -_kl(t, b)),
        ("That is the mean over the vocabulary. Take the sum: it is weighed.", lambda t, b: _kl(t, b) / len(t)),
        ("That is in bits. Nats use the natural logarithm.", lambda t, b: _kl(t, b) / math.log(2)),
        ("That is the cross-entropy. Subtract the truth's own entropy.", lambda t, b: -(t * b.log()).sum()),
        ("Every token counts alike there. Weigh each by the truth's chance.", lambda t, b: (t / b).log().sum()),
        (
            "That is how much chance lies in the wrong place. KL weighs logs.",
            lambda truth, belief: (truth - belief).abs().sum(),
            lambda truth, belief: (truth - belief).abs().sum() / 2,
        ),
        ("F.kl_div wants the log of the belief: belief.log().", lambda t, b: kl_div(b, t, reduction="sum")),
    ],
    reminder="It is the sum of truth * log(truth / belief).",
)
