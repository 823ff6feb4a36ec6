import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gptcore.exercises import lesson08


def report(val_losses, test_losses):
    best = min(range(len(val_losses)), key=lambda i: val_losses[i])
    return test_losses[best]


@pytest.mark.parametrize(
    "answer",
    [
        report,
        lambda val, test: test[np.argmin(val)],
        lambda val, test: torch.tensor(test)[torch.tensor(val).argmin()],
        lambda val, test: min(zip(val, test, strict=True))[1],
        lambda val, test: dict(zip(val, test, strict=True))[min(val)],
        lambda val, test: sorted(zip(val, test, strict=True))[0][-1],
        lambda val, test: np.array(test)[np.array(val) == min(val)][0],
    ],
)
def test_report_right(says, answer):
    assert says(lesson08.check_report, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda val, test: sorted(test)[0], "the lowest test loss"),
        (lambda val, test: sorted(val)[0], "the validation loss of the chosen model"),
        (lambda val, test: np.argmin(val), "which model to choose"),
        (lambda val, test: test[np.argmax(val)], "*highest*"),
        (lambda val, test: sum(test) / len(test), "you will use only one"),
        (lambda val, test: val[np.argmin(test)], "the other way round"),
        (lambda val, test: test[np.argmin([a + b for a, b in zip(val, test, strict=True)])], "had a say"),
        (lambda val, test: [report(val, test), min(val)], "one number is expected"),
        (lambda val, test: (report(val, test) + min(val)) / 2, "look there in test_losses"),
        (lambda val, test: max(test), "look there in test_losses"),
        (lambda val, test: math.exp(report(val, test)), "look there in test_losses"),
        (lambda val, test: sorted(test)[len(test) // 2], "look there in test_losses"),
        (lambda val, test: test.index(min(val)), "stopped with ValueError"),
        (lambda val, test: test[min(val)], "stopped with TypeError"),
        (lambda val, test: test[1], "look there in test_losses"),
        (lambda val, test: val.sort() or test[0], "changed what it was given"),
    ],
)
def test_report_wrong(says, answer, hint):
    assert hint in says(lesson08.check_report, answer)


def stop(losses, patience):
    best, waited = math.inf, 0
    for position, loss in enumerate(losses):
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == patience:
            return position
    return len(losses) - 1


def by_slices(losses, patience):
    for position in range(patience, len(losses)):
        if min(losses[position - patience + 1 : position + 1]) >= min(losses[: position - patience + 1]):
            return position
    return len(losses) - 1


def by_best_position(losses, patience):
    best = 0
    for position in range(len(losses)):
        if losses[position] < losses[best]:
            best = position
        elif position - best >= patience:
            return torch.tensor(position)
    return torch.tensor(len(losses) - 1)


@pytest.mark.parametrize("answer", [stop, by_slices, by_best_position])
def test_early_stopping_right(says, answer):
    assert says(lesson08.check_early_stopping, answer).startswith("Right")


def against_the_one_before(losses, patience):
    waited = 0
    for position in range(1, len(losses)):
        waited = 0 if losses[position] < losses[position - 1] else waited + 1
        if waited == patience:
            return position
    return len(losses) - 1


def never_begins_again(losses, patience):
    waited = 0
    for position in range(1, len(losses)):
        waited += losses[position] >= min(losses[:position])
        if waited == patience:
            return position
    return len(losses) - 1


def a_tie_is_a_gain(losses, patience):
    best, waited = math.inf, 0
    for position, loss in enumerate(losses):
        waited = 0 if loss <= best else waited + 1
        best = min(best, loss)
        if waited == patience:
            return position
    return len(losses) - 1


def without_the_last_return(losses, patience):
    position = stop(losses, patience)
    return position if position < len(losses) - 1 else None


def no_first_loss(losses, patience):
    return next(position for position in range(len(losses)) if losses[position] >= min(losses[:position]))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (without_the_last_return, "returned nothing: every way through it"),
        (no_first_loss, "stopped with ValueError: min() "),
        (lambda losses, patience: stop(losses, patience) + 1, "positions count from 0"),
        (lambda losses, patience: stop(losses, patience) - 1, "those at 3 and 4 are no better"),
        (lambda losses, patience: losses.index(min(losses)), "That is the best loss"),
        (lambda losses, patience: losses[stop(losses, patience)], "the loss itself"),
        (lambda losses, patience: stop(losses, patience + 1), "one loss too many"),
        (against_the_one_before, "Compare it with the best so far"),
        (never_begins_again, "A new best begins it again"),
        (a_tie_is_a_gain, "as low as the best so far is no gain"),
        (lambda losses, patience: len(losses) - 1, "those at 3 and 4 are no better"),
    ],
)
def test_early_stopping_wrong(says, answer, hint):
    assert hint in says(lesson08.check_early_stopping, answer)


def with_numpy(losses, patience):
    losses = np.array(losses)
    best = np.minimum.accumulate(losses)
    news = np.flatnonzero(np.r_[True, losses[1:] < best[:-1]])
    last_best = np.maximum.accumulate(np.where(np.isin(np.arange(len(losses)), news), np.arange(len(losses)), 0))
    late = np.flatnonzero(np.arange(len(losses)) - last_best >= patience)
    return late[0] if len(late) else len(losses) - 1


def in_a_while_loop(losses, patience):
    position = waited = 0
    while position < len(losses) - 1 and waited < patience:
        position += 1
        waited = waited + 1 if losses[position] >= min(losses[:position]) else 0
    return position


def counting_down(losses, patience):
    left, best = patience, losses[0]
    for position, loss in enumerate(losses[1:], start=1):
        if loss < best:
            left, best = patience, loss
        else:
            left -= 1
            if not left:
                return position
    return len(losses) - 1


def by_generator(losses, patience):
    late = (i for i in range(len(losses)) if i - losses.index(min(losses[: i + 1])) == patience)
    return next(late, len(losses) - 1)


def with_a_list_of_bests(losses, patience):
    bests = []
    for loss in losses:
        bests.append(min([loss, *bests]))
        if len(bests) > patience and bests[-1] == bests[-1 - patience]:
            break
    return float(len(bests) - 1)


@pytest.mark.parametrize("answer", [with_numpy, in_a_while_loop, counting_down, by_generator, with_a_list_of_bests])
def test_early_stopping_right_in_other_ways(says, answer):
    assert says(lesson08.check_early_stopping, answer).startswith("Right")


def only_more_than_patience(losses, patience):
    best, waited = math.inf, 0
    for position, loss in enumerate(losses):
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited > patience:
            return position
    return len(losses) - 1


def best_is_the_last_one(losses, patience):
    best, waited = losses[0], 0
    for position, loss in enumerate(losses[1:], start=1):
        waited = 0 if loss < best else waited + 1
        best = loss
        if waited == patience:
            return position
    return len(losses) - 1


def best_is_never_updated(losses, patience):
    waited = 0
    for position, loss in enumerate(losses):
        waited = 0 if loss < losses[0] or not position else waited + 1
        if waited == patience:
            return position
    return len(losses) - 1


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (only_more_than_patience, "one loss too many"),
        (best_is_the_last_one, "Compare it with the best so far"),
        (best_is_never_updated, "those at 3 and 4 are no better"),
        (lambda losses, patience: patience, "those at 3 and 4 are no better"),
        (lambda losses, patience: min(losses), "those at 3 and 4 are no better"),
        (lambda losses, patience: losses.index(min(losses)) + patience, "begins the count again"),
        (lambda losses, patience: losses.index(max(losses)), "those at 3 and 4 are no better"),
        (lambda losses, patience: losses.index(min(losses[: stop(losses, patience) + 1])), "best"),
        (lambda losses, patience: None, "returns nothing so far"),
        (lambda losses, patience: len(losses), "those at 3 and 4 are no better"),
        (lambda losses, patience: losses[stop(losses, patience) + 1], "those at 3 and 4 are no better"),
        (lambda losses, patience: stop(losses, patience) - len(losses), "those at 3 and 4 are no better"),
    ],
)
def test_early_stopping_wrong_in_other_ways(says, answer, hint):
    assert hint in says(lesson08.check_early_stopping, answer)


def test_a_comparison_that_counts_ties_as_gains_is_not_told_about_positions(says):
    assert "count from 0" not in says(lesson08.check_early_stopping, a_tie_is_a_gain)
    assert "count from 0" not in says(lesson08.check_early_stopping, only_more_than_patience)


def kl(truth, belief):
    some = truth > 0
    return (truth[some] * (truth[some] / belief[some]).log()).sum()


def kl_by_loop(truth, belief):
    pairs = zip(truth.tolist(), belief.tolist(), strict=True)
    return sum(t * math.log(t / b) if b else math.inf for t, b in pairs if t)


def kl_in_python(truth, belief, possible=lambda t: t > 0):
    pairs = zip(truth.tolist(), belief.tolist(), strict=True)
    return sum(t * math.log(t / b) for t, b in pairs if possible(t))


@pytest.mark.parametrize("answer", [kl, kl_by_loop, lambda t, b: F.kl_div(b.log(), t, reduction="sum")])
def test_kl_right(says, answer):
    assert says(lesson08.check_kl, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda t, b: kl(b, t), "the other direction"),
        (lambda t, b: -kl(t, b), "The sign is wrong"),
        (lambda t, b: kl(t, b) / len(t), "mean over the vocabulary"),
        (lambda t, b: kl(t, b) / math.log(2), "in bits"),
        (lambda t, b: -(t * b.log()).sum(), "the cross-entropy"),
        (lambda t, b: (t / b).log().sum(), "Every token counts alike"),
        (lambda t, b: (t - b).abs().sum(), "in the wrong place"),
        (lambda t, b: (t - b).abs().sum() / 2, "in the wrong place"),
        (lambda t, b: F.kl_div(b, t, reduction="sum"), "wants the log of the belief"),
        (lambda t, b: (t * (t / b).log()).sum(), "add up only where truth > 0"),
        (lambda t, b: kl_in_python(t, b, lambda t: True), "add up only where truth > 0"),
        (kl_in_python, "the surprise is infinite: math.inf"),
        (lambda t, b: kl(t, b) + (t == 0).sum(), "counts nothing"),
        (lambda t, b: kl(t, b.clamp(min=1e-6)), "expected inf"),
        (lambda t, b: t * (t / b).log(), "one number is expected, and that is 3"),
        (lambda t, b: 7.0, "expected 0.5152, got 7"),
    ],
)
def test_kl_wrong(says, answer, hint):
    assert hint in says(lesson08.check_kl, answer)


def kl_with_numpy(truth, belief):
    truth, belief = truth.double().numpy(), belief.double().numpy()
    some = truth > 0
    with np.errstate(divide="ignore"):
        return np.sum(truth[some] * np.log(truth[some] / belief[some]))


@pytest.mark.parametrize(
    "answer",
    [
        kl_with_numpy,
        lambda t, b: torch.xlogy(t, t).sum() - torch.xlogy(t, b).sum(),
        lambda t, b: (torch.special.entr(t).sum() + torch.xlogy(t, b).sum()).neg(),
        lambda t, b: torch.where(t > 0, t * (t.log() - b.log()), 0).sum().item(),
        lambda t, b: sum(p * (p / q).log() for p, q in zip(t, b, strict=True) if p > 0),
        lambda t, b: torch.nan_to_num(t * (t / b).log(), nan=0.0, posinf=math.inf).sum(),
    ],
)
def test_kl_right_in_other_ways(says, answer):
    assert says(lesson08.check_kl, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda t, b: (kl(t, b) + kl(b, t)) / 2, "the sum of truth * log"),
        (lambda t, b: kl(t, (t + b) / 2), "the sum of truth * log"),
        (lambda t, b: ((t - b) ** 2).sum(), "the sum of truth * log"),
        (lambda t, b: -(t * t.log()).sum(), "the sum of truth * log"),
        (lambda t, b: (t / b).log().mean(), "the sum of truth * log"),
        (lambda t, b: (t * (t - b)).sum(), "the sum of truth * log"),
        (lambda t, b: kl(t.softmax(-1), b.softmax(-1)), "the sum of truth * log"),
        (lambda t, b: kl(t, b) / math.log(10), "the sum of truth * log"),
        (lambda t, b: F.kl_div(b.log(), t), "mean over the vocabulary"),
        (lambda t, b: kl(t, b).exp(), "the sum of truth * log"),
        (lambda t, b: F.kl_div(t.log(), b, reduction="sum"), "the other direction"),
        (lambda t, b: kl(t + 1e-3, b + 1e-3), "the sum of truth * log"),
    ],
)
def test_kl_wrong_in_other_ways(says, answer, hint):
    assert hint in says(lesson08.check_kl, answer)


def test_a_division_by_zero_in_plain_python_is_told_what_is_expected(says):
    assert "ZeroDivisionError" in (line := says(lesson08.check_kl, kl_in_python)) and "math.inf" in line
