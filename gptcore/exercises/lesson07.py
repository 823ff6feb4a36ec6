"""Self-checks of lesson 07, learning."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn, tensor
from torch.nn.functional import cross_entropy

from gptcore.exercises.checking import Exercise, case
from gptcore.exercises.models import random_model
from gptcore.language import N_
from gptcore.model import GPTModel

# Exercise 1: the step -----------------------------------------------------------------------------------------------

Step = Callable[[GPTModel, torch.optim.Optimizer, Tensor], Any]

MODEL = random_model(3, 0.3, vocab_size=12, context_length=8, emb_dim=16, n_heads=2, n_layers=1, drop_rate=0.0)
BATCHES = torch.randint(12, (3, 2, 7), generator=torch.Generator().manual_seed(4))  # one for each of three steps


def _loss(model: GPTModel, rows: Tensor, **kind: Any) -> Tensor:
    return cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten(), **kind)


def _step(
    loss: Callable[[GPTModel, Tensor], Tensor] = _loss,
    *,
    forgets: bool = True,
    times: int = 1,
    calls: int = 1,
    clip: float = math.inf,
    after: bool = False,
) -> Step:
    """One training step as it should be, or with a mistake."""

    def step(model: GPTModel, optimizer: torch.optim.Optimizer, rows: Tensor) -> float:
        before = loss(model, rows).item()
        for _ in range(times):
            if forgets:
                optimizer.zero_grad()
            loss(model, rows).backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            for _ in range(calls):
                optimizer.step()
        return loss(model, rows).item() if after else before

    return step


def _observe(step: Step, model: GPTModel, rate: float, batches: Tensor) -> Any:
    """What each step returns, and the loss on the last batch afterwards; None if a step returns nothing."""
    optimizer = torch.optim.SGD(model.train().parameters(), rate)
    found = [step(model, optimizer, rows) for rows in batches.clone()]
    if any(loss is None or loss is Ellipsis for loss in found):
        return None
    return [*map(_number, found), _loss(model, batches[-1]).item()]


def _number(loss: Any) -> Any:
    """A loss, whatever holds it, as a float; what is no number as it is."""
    try:
        return float(loss)
    except Exception:  # nothing that a learner returns may end in a traceback from here
        return loss


# function(model, optimizer, rows (B, T + 1)) → the loss before the weights moved
check_step = Exercise(
    right=N_("the loss comes down, and each step begins with fresh slopes."),
    reference=lambda model, optimizer, rows: _step()(model, optimizer, rows),
    observe=_observe,
    tolerance=1e-3,
    cases=[
        case(
            MODEL,
            0.05,
            BATCHES,
            given=N_(
                "a model, SGD and three batches, one after the other (compared are the three losses returned, and "
                "the loss on the last batch at the end)"
            ),
        )
    ],
    mistakes=[
        (
            N_(
                "The weights did not move. First the slopes, loss.backward(), then optimizer.step(), with no zero_grad "
                "between the two."
            ),
            _step(times=0),
        ),
        (
            N_("The slopes of the steps before are still in .grad: begin each step with optimizer.zero_grad()."),
            _step(forgets=False),
        ),
        (
            N_("Each token is predicted by the row before it: scores from rows[:, :-1] are judged by rows[:, 1:]."),
            _step(lambda m, rows: cross_entropy(m(rows).flatten(0, 1), rows.flatten())),
            _step(lambda m, rows: cross_entropy(m(rows[:, :-1]).flatten(0, 1), rows[:, :-1].flatten())),
            _step(lambda m, rows: cross_entropy(m(rows[:, 1:]).flatten(0, 1), rows[:, 1:].flatten())),
        ),
        (
            N_("That is shifted to the wrong side: rows[:, :-1] is read, and rows[:, 1:] is predicted."),
            _step(lambda m, rows: cross_entropy(m(rows[:, 1:]).flatten(0, 1), rows[:, :-1].flatten())),
        ),
        (
            N_("Only the last token of each row was predicted. Every row of scores predicts a token."),
            _step(lambda m, rows: cross_entropy(m(rows[:, :-1])[:, -1], rows[:, -1])),
        ),
        (
            N_("The first row of the batch alone was read. A batch has several."),
            _step(lambda m, rows: _loss(m, rows[:1])),
        ),
        (N_("That is the loss after the step. Return the one that was there before."), _step(after=True)),
        (
            N_("That is the sum of the surprises, and its slopes grow with the batch. Take the mean."),
            _step(lambda m, rows: _loss(m, rows, reduction="sum")),
        ),
        (
            N_("The weights went up the slope. Call backward() on the loss itself, not on minus the loss."),
            lambda model, optimizer, rows: -_step(lambda m, rows: -_loss(m, rows))(model, optimizer, rows),
        ),
        (
            N_("That is minus the loss. F.cross_entropy is the surprise itself."),
            _step(lambda m, rows: -_loss(m, rows)),
        ),
        (
            N_("That is softmax twice. F.cross_entropy takes logits, and does the softmax itself."),
            _step(lambda m, rows: cross_entropy(m(rows[:, :-1]).softmax(-1).flatten(0, 1), rows[:, 1:].flatten())),
        ),
        (N_("The weights moved twice: one call of step() for each batch."), _step(times=2), _step(calls=2)),
        (N_("The gradient was clipped to a length of 1. Leave it as it is here."), _step(clip=1.0)),
    ],
    errors={
        "xpected target size": N_(
            "F.cross_entropy wants scores (N, vocab_size) and targets (N,): make them with "
            ".flatten(0, 1) and .flatten()."
        ),
        "to match target batch_size": N_(
            "There are as many rows of scores as there are tokens to predict: read rows[:, :-1], predict rows[:, 1:]."
        ),
        "second time": N_("backward() goes through a loss once. Compute the loss anew in each step."),
        "does not require grad": N_(
            "The loss was cut off from the weights: no torch.no_grad() and no .item() before backward()."
        ),
        "'float' object has no attribute 'backward'": N_(
            "backward() belongs to the tensor: call .item() only on what you return."
        ),
    },
    reminder=N_(
        "In this order: optimizer.zero_grad(), the loss of model(rows[:, :-1]) against rows[:, 1:], "
        "loss.backward(), optimizer.step()."
    ),
)


# Exercise 2: the loss -----------------------------------------------------------------------------------------------


def _of(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """`change` of the surprises (T - 1,) at every token but the first."""
    return lambda logits, token_ids: change(cross_entropy(logits[:-1], token_ids[1:], reduction="none"))


# function(logits (T, vocab_size), token_ids (T,)) → the mean surprise at every token but the first
check_loss = Exercise(
    right=N_("each row is judged by the token that follows, and the mean is in nats per token."),
    reference=_of(Tensor.mean),
    cases=[
        case(
            2 * torch.randn(5, 6, generator=torch.Generator().manual_seed(7)),
            tensor([2, 0, 5, 5, 1]),
            given=N_("the logits (5, 6) of a text of 5 tokens"),
        )
    ],
    edges=[
        case(
            tensor([[1000.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
            tensor([0, 1]),
            given=N_("logits up to 1,000"),
            why=N_(
                "A logit of 1,000 is too much for exp, and a chance of 0 for log: log_softmax and F.cross_entropy take "
                "care of both."
            ),
        )
    ],
    mistakes=[
        (N_("That is the sum of the surprises, and it grows with the text. Take the mean."), _of(Tensor.sum)),
        (
            N_("That is the mean log of the chances. A surprise is minus the log."),
            _of(lambda surprises: -surprises.mean()),
        ),
        (
            N_("That judges each row by the token it has just read. Row t predicts token t + 1."),
            lambda logits, ids: cross_entropy(logits, ids),
            lambda logits, ids: cross_entropy(logits[:-1], ids[:-1]),
            lambda logits, ids: cross_entropy(logits[1:], ids[1:]),
        ),
        (
            N_("That is shifted to the wrong side: logits[:-1] belong to token_ids[1:]."),
            lambda logits, ids: cross_entropy(logits[1:], ids[:-1]),
        ),
        (
            N_("The last row was judged by the first token. Nothing follows the last row: leave it out."),
            lambda logits, ids: cross_entropy(logits, ids.roll(-1)),
        ),
        (
            N_("That is softmax twice. F.cross_entropy takes logits, and does the softmax itself."),
            lambda logits, ids: cross_entropy(logits[:-1].softmax(-1), ids[1:]),
        ),
        (N_("That is in bits. Nats use the natural logarithm."), _of(lambda surprises: surprises.mean() / math.log(2))),
        (
            N_("That divides by the number of tokens, but nothing predicts the first: divide by one less."),
            _of(lambda surprises: surprises.sum() / (len(surprises) + 1)),
        ),
        (N_("That is the log of the mean. Take the mean of the logs."), _of(lambda s: -(-s).exp().mean().log())),
        (
            N_("That is the mean chance. The surprise is minus its log, token by token."),
            _of(lambda s: (-s).exp().mean()),
        ),
    ],
    reminder=N_("Begin with log_softmax(-1)."),
)


# Exercise 3: the learning rate --------------------------------------------------------------------------------------


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


def _warmed(share: Callable[[float], float]) -> Callable[..., float]:
    """Right after the warm-up, and during it `share(way)` of the highest rate."""
    return lambda step, warmup, most, highest: (
        highest * share(step / warmup) if step <= warmup else _rate(step, warmup, most, highest)
    )


_UP = N_("While step <= warmup_steps, the rate is highest * step / warmup_steps.")
_DOWN = N_(
    "After the warm-up it is highest * (1 + math.cos(math.pi * way)) / 2, where way = (step - warmup_steps) / "
    "(max_steps - warmup_steps)."
)

# function(step, warmup_steps, max_steps, highest) → the rate: a straight rise, then half a cosine down to 0
check_learning_rate = Exercise(
    right=N_("the first steps are careful, and the last ones are small enough to settle what was learned."),
    reference=_rate,
    tolerance=1e-6,
    cases=[case(step, 10, 110, 0.004, why=_UP if step <= 10 else _DOWN) for step in (1, 5, 35, 60, 110)],
    edges=[case(10, 10, 110, 0.004, why=_UP), case(30, 20, 40, 2.0, why=_DOWN)],
    mistakes=[
        (
            N_("The shape is right, from 0 to 1 and back. Multiply it by `highest`."),
            lambda *given: _rate(*given[:3], 1.0),
        ),
        (
            N_("There is no warm-up. {rule}", rule=_UP),
            lambda step, warmup, most, highest: highest,
            lambda step, warmup, most, highest: highest * _cosine((step - warmup) / (most - warmup)),
            lambda step, warmup, most, highest: highest * _cosine(step / most),
        ),
        (
            N_("The first rates are 0, and nothing would be learned: // cuts off what / keeps."),
            lambda step, warmup, *given: _rate(step // warmup * warmup if step < warmup else step, warmup, *given),
        ),
        (
            N_("The warm-up is right. After it the rate stays where it is, and it should fall."),
            _schedule(lambda way: 1),
        ),
        (
            N_("The warm-up is right, and then the rate goes on rising. Is there a case for step > warmup_steps?"),
            lambda step, warmup, most, highest: highest * step / warmup,
        ),
        (
            N_("The way down begins at twice the highest rate: (1 + cos) goes from 2 to 0, so halve it."),
            _schedule(lambda way: 2 * _cosine(way)),
        ),
        (
            N_("The rate falls below 0, and the model would unlearn. (1 + cos) / 2 lies between 1 and 0."),
            _schedule(lambda way: math.cos(math.pi * way)),
            _schedule(lambda way: math.cos(math.pi * way) / 2),
        ),
        (
            N_("The way down is counted from step 0, so that the rate jumps. {rule}", rule=_DOWN),
            _schedule(start=0, end=0),
        ),
        (N_("The way down takes max_steps - warmup_steps steps, so that it ends at 0."), _schedule(end=0)),
        (
            N_("It begins and ends well, but falls in a straight line. It is half a cosine."),
            _schedule(lambda way: 1 - way),
        ),
        (
            N_("The angle inside the cosine goes from 0 to 1. It should go from 0 to math.pi."),
            _schedule(lambda way: _cosine(way / math.pi)),
        ),
        (
            N_("The angle inside the cosine goes from 0 to 180. It is in radians: from 0 to math.pi."),
            _schedule(lambda way: _cosine(way * 180 / math.pi)),
        ),
        (
            N_("The angle inside the cosine goes to twice math.pi, so that the rate rises again."),
            _schedule(lambda way: _cosine(2 * way)),
        ),
        (
            N_("The angle inside the cosine goes only to half of math.pi, so that the last rate is not 0."),
            _schedule(lambda way: _cosine(way / 2)),
        ),
        (
            N_("The way down is right; the warm-up is curved, and it should be a straight line. {rule}", rule=_UP),
            _warmed(lambda way: (1 - math.cos(math.pi * way)) / 2),
            _warmed(lambda way: math.sin(math.pi / 2 * way)),
            _warmed(lambda way: way**2),
        ),
        (
            N_("The way down is right; the warm-up is one step early or late. {rule}", rule=_UP),
            lambda step, warmup, most, highest: _rate(step + (step < warmup), warmup, most, highest),
            lambda step, warmup, most, highest: _rate(step - (step <= warmup), warmup, most, highest),
        ),
        (
            N_("The last rate is a tenth of the highest. It should be 0."),
            _schedule(lambda way: 0.1 + 0.9 * _cosine(way)),
        ),
        (
            N_("That is right for a warm-up of 10 and 110 steps only. Use the arguments."),
            lambda step, warmup, most, highest: _rate(step, 10, 110, highest),
        ),
    ],
)
