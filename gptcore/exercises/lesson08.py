"""Self-checks of lesson 08, evaluating."""

import math
from typing import Any

import torch
from torch import Tensor, tensor
from torch.nn.functional import kl_div

from gptcore.exercises.checking import Exercise, case
from gptcore.language import N_

# Exercise 1: what to report -----------------------------------------------------------------------------------------


def _best(losses: list[float]) -> int:
    return losses.index(min(losses))


# function(val_losses, test_losses), each of the same models → the test loss of the model to choose
check_report = Exercise(
    right=N_("the validation text chose, and the test text, which had no say, tells how good the choice is."),
    reference=lambda val_losses, test_losses: test_losses[_best(val_losses)],
    cases=[
        case([1.2, 0.9, 1.0, 1.4], [1.3, 1.1, 0.95, 1.5]),
        case([0.7, 0.8, 0.75], [0.77, 0.74, 0.78]),
        case([2.0, 1.9, 1.8, 1.7, 1.6], [1.95, 1.85, 1.9, 1.8, 1.81]),
        case([3.0], [3.1], why=N_("With one model there is nothing to choose, and its test loss is the answer.")),
    ],
    mistakes=[
        (
            N_(
                "That is the lowest test loss. If the test text chooses, it can no longer test: choose by validation "
                "loss."
            ),
            lambda val, test: min(test),
        ),
        (
            N_(
                "That is the validation loss of the chosen model, and it was chosen because that is low. Return its "
                "test loss."
            ),
            lambda val, test: min(val),
        ),
        (N_("That is which model to choose. Return its test loss."), lambda val, test: _best(val)),
        (N_("That is the test loss of the last model. Choose by validation loss."), lambda val, test: test[-1]),
        (N_("That is the test loss of the first model. Choose by validation loss."), lambda val, test: test[0]),
        (N_("That is the mean over all models, and you will use only one."), lambda val, test: sum(test) / len(test)),
        (N_("That is the model with the *highest* validation loss."), lambda val, test: test[val.index(max(val))]),
        (
            N_("That adds validation and test loss to choose, so that the test text had a say."),
            lambda val, test: test[_best([v + t for v, t in zip(val, test, strict=True)])],
        ),
        (
            N_("The test text chose, and you return the validation loss. It is the other way round."),
            lambda val, test: val[_best(test)],
        ),
        (
            N_("That is the gap between the two losses of the chosen model. Return its test loss."),
            lambda val, test: test[_best(val)] - min(val),
        ),
    ],
    reminder=N_("Find the position of the lowest validation loss, and look there in test_losses."),
)


# Exercise 2: early stopping -----------------------------------------------------------------------------------------


def _stop(val_losses: list[float], patience: int) -> int:
    best, waited = math.inf, 0
    for position, loss in enumerate(val_losses):
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == patience:
            return position
    return len(val_losses) - 1


def _stop_against_last(val_losses: list[float], patience: int) -> int:
    waited = 0
    for position in range(1, len(val_losses)):
        waited = 0 if val_losses[position] < val_losses[position - 1] else waited + 1
        if waited == patience:
            return position
    return len(val_losses) - 1


def _stop_without_reset(val_losses: list[float], patience: int) -> int:
    waited = 0
    for position in range(1, len(val_losses)):
        waited += val_losses[position] >= min(val_losses[:position])
        if waited == patience:
            return position
    return len(val_losses) - 1


# function(val_losses, patience) → the position in the list at which training ends: the last one, if it goes on
check_early_stopping = Exercise(
    right=N_("patience is counted from the best loss so far, and every new best begins the count again."),
    reference=_stop,
    cases=[
        case([3.0, 2.0, 1.5, 1.6, 1.7, 1.8, 1.9], 2, why=N_("The best is at 2, and those at 3 and 4 are no better.")),
        case([3.0, 2.0, 2.5, 2.4, 2.3, 2.2], 3, why=N_("To fall again is not enough: compare with the best so far.")),
        case([3.0, 2.0, 2.1, 1.9, 2.0, 1.8, 1.7], 2, why=N_("A new best begins the count again.")),
        case([3.0, 2.0, 2.0, 2.0, 2.0, 2.0], 3, why=N_("The same as the best is no gain.")),
        case([3.0, 2.0, 1.0], 1, why=N_("The loss always fell, so training goes on to the end.")),
        case([1.0, 2.0, 0.5], 1, why=N_("With a patience of 1, the first loss that is no better ends it.")),
    ],
    mistakes=[
        (
            N_("That is the best loss. At which position does training end?"),
            lambda losses, _: losses.index(min(losses)),
        ),
        (N_("That is the loss itself. Return its position in the list."), lambda losses, n: losses[_stop(losses, n)]),
        (
            N_("That is how many losses were looked at. The position is one less, because positions count from 0."),
            lambda losses, patience: _stop(losses, patience) + 1,
        ),
        (
            N_("Training goes on for one loss too many: the last of `patience` such losses in a row ends it."),
            lambda losses, patience: _stop(losses, patience + 1),
        ),
        (
            N_("Training ends one loss too early: it takes `patience` such losses in a row."),
            lambda losses, patience: _stop(losses, patience - 1) if patience > 1 else _stop(losses, 1),
        ),
        (
            N_("A loss that is only as low as the best so far is no gain, and is counted."),
            lambda losses, patience: _stop([loss - 1e-9 * i for i, loss in enumerate(losses)], patience),
        ),
        (
            N_("Each loss is compared with the one before it. Compare it with the best so far."),
            _stop_against_last,
        ),
        (
            N_("The count goes on where it was. A new best begins it again."),
            _stop_without_reset,
        ),
        (
            N_("That is the position of the best loss so far when training ends. Return where it ends."),
            lambda losses, patience: _best(losses[: _stop(losses, patience) + 1]),
        ),
    ],
)


# Exercise 3: from truth to belief -----------------------------------------------------------------------------------


def _kl(truth: Tensor, belief: Tensor) -> Any:
    return torch.where(truth > 0, truth * (truth / belief).log(), 0).sum()


_BELIEF, _WITH_ZERO = tensor([0.25, 0.25, 0.5]), tensor([0.5, 0.5, 0.0])

# function(truth (vocab_size,), belief (vocab_size,)) → the KL divergence from truth to belief, in nats
check_kl = Exercise(
    right=N_("it is what the believer's surprise has in excess of the truth's own, and 0 only if they agree."),
    reference=_kl,
    cases=[case(tensor([0.7, 0.2, 0.1]), _BELIEF)],
    edges=[
        case(_WITH_ZERO, _BELIEF, why=N_("A token that never comes counts nothing: add up only where truth > 0.")),
        case(
            *(_BELIEF, _WITH_ZERO),
            why=N_(
                "If something comes that was believed impossible, the surprise is infinite: math.inf, also where "
                "Python refuses to divide by 0."
            ),
        ),
    ],
    mistakes=[
        (
            N_("That is the other direction, from belief to truth: weigh by the truth's chances."),
            lambda t, b: _kl(b, t),
        ),
        (N_("The sign is wrong: it is log(truth / belief), and the sum is never below 0."), lambda t, b: -_kl(t, b)),
        (N_("That is the mean over the vocabulary. Take the sum: it is weighed."), lambda t, b: _kl(t, b) / len(t)),
        (N_("That is in bits. Nats use the natural logarithm."), lambda t, b: _kl(t, b) / math.log(2)),
        (N_("That is the cross-entropy. Subtract the truth's own entropy."), lambda t, b: -(t * b.log()).sum()),
        (N_("Every token counts alike there. Weigh each by the truth's chance."), lambda t, b: (t / b).log().sum()),
        (
            N_("That is how much chance lies in the wrong place. KL weighs logs."),
            lambda truth, belief: (truth - belief).abs().sum(),
            lambda truth, belief: (truth - belief).abs().sum() / 2,
        ),
        (N_("F.kl_div wants the log of the belief: belief.log()."), lambda t, b: kl_div(b, t, reduction="sum")),
    ],
    reminder=N_("It is the sum of truth * log(truth / belief)."),
)
