import math

import pytest
import torch
import torch.nn.functional as F

from gptcore.exercises import lesson07


def by_hand(logits, token_ids):
    surprises = [-row.log_softmax(-1)[token_id] for row, token_id in zip(logits, token_ids[1:], strict=False)]
    return sum(surprises) / len(surprises)


def with_gather(logits, token_ids):
    return -logits[:-1].log_softmax(-1).gather(1, token_ids[1:].unsqueeze(1)).mean().item()


def with_math_log(logits, token_ids):
    rows = zip((logits - logits.max(-1, keepdim=True).values).exp().tolist(), token_ids[1:].tolist(), strict=False)
    return sum(-math.log(row[token_id] / sum(row)) for row, token_id in rows) / (len(token_ids) - 1)


@pytest.mark.parametrize("answer", [by_hand, with_gather, lambda x, ids: F.cross_entropy(x[:-1], ids[1:])])
def test_loss_right(says, answer):
    assert says(lesson07.check_loss, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:], reduction="sum"), "sum of the surprises"),
        (lambda x, ids: -F.cross_entropy(x[:-1], ids[1:]), "minus the log"),
        (lambda x, ids: F.cross_entropy(x, ids), "it has just read"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[:-1]), "it has just read"),
        (lambda x, ids: F.cross_entropy(x[1:], ids[1:]), "it has just read"),
        (lambda x, ids: F.cross_entropy(x[1:], ids[:-1]), "wrong side"),
        (lambda x, ids: F.cross_entropy(x, ids.roll(-1)), "Nothing follows the last row"),
        (lambda x, ids: F.cross_entropy(x[:-1].softmax(-1), ids[1:]), "softmax twice"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:]) / math.log(2), "bits"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:], reduction="sum") / len(ids), "nothing predicts the first"),
        (lambda x, ids: -x[:-1].softmax(-1)[range(4), ids[1:]].mean().log(), "mean of the logs"),
        (lambda x, ids: x[:-1].softmax(-1)[range(4), ids[1:]].mean(), "the mean chance"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:], reduction="none"), "one number is expected, and that is 4"),
        (lambda x, ids: -x[:-1].softmax(-1).log()[range(len(x) - 1), ids[1:]].mean(), "too much for exp"),
        (with_math_log, "too much for exp"),
        (lambda x, ids: F.cross_entropy(x.sub_(1)[:-1], ids[1:]), "changed what it was given"),
        (lambda x, ids: 0.123, "Begin with log_softmax"),
    ],
)
def test_loss_wrong(says, answer, hint):
    assert hint in says(lesson07.check_loss, answer)


def cosine(step, warmup, most, highest, start=None, top=1.0):
    start = warmup if start is None else start
    return highest * (top + math.cos(math.pi * (step - start) / (most - start))) / 2


def rate(step, warmup, most, highest):
    return highest * step / warmup if step <= warmup else cosine(step, warmup, most, highest)


def rate_of_sines(step, warmup, most, highest):
    if step < warmup:
        return step * highest / warmup
    return highest * math.cos(math.pi / 2 * (step - warmup) / (most - warmup)) ** 2


def rate_of_tensors(step, warmup, most, highest):
    way = torch.tensor((step - warmup) / (most - warmup))
    return torch.where(way < 0, torch.tensor(step / warmup), (1 + torch.cos(torch.pi * way)) / 2) * highest


@pytest.mark.parametrize("answer", [rate, rate_of_sines, rate_of_tensors])
def test_learning_rate_right(says, answer):
    assert says(lesson07.check_learning_rate, answer).startswith("Right")


def after_warmup(then):
    return lambda step, warmup, most, highest: (
        highest * step / warmup if step <= warmup else then(step, warmup, most, highest)
    )


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda *a: rate(*a) / a[3], "Multiply it by `highest`"),
        (lambda *a: a[3], "There is no warm-up"),
        (cosine, "There is no warm-up"),
        (lambda *a: a[3] * (a[0] // a[1]) if a[0] <= a[1] else cosine(*a), "// cuts off"),
        (lambda *a: a[3] * (a[0] / a[1]) ** 2 if a[0] <= a[1] else cosine(*a), "highest * step / warmup_steps"),
        (after_warmup(lambda s, w, m, h: h), "it should fall"),
        (after_warmup(lambda s, w, m, h: h * s / w), "goes on rising"),
        (after_warmup(lambda *a: cosine(*a, top=0.0)), "falls below 0"),
        (after_warmup(lambda *a: cosine(*a, start=0)), "counted from step 0"),
        (
            after_warmup(lambda s, w, m, h: h * (1 + math.cos(math.pi * (s - w) / m)) / 2),
            "takes max_steps - warmup",
        ),
        (after_warmup(lambda s, w, m, h: h * (m - s) / (m - w)), "half a cosine"),
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos((s - w) / (m - w))) / 2), "in radians"),
        (after_warmup(lambda s, w, m, h: h * 0.75), "given step 35"),
        (lambda s, w, m, h: rate(s, 10, 110, h), "Use the arguments"),
        (after_warmup(lambda *a: None), "and highest 0.004, your function returned nothing"),
        (after_warmup(lambda *a: 2 * cosine(*a)), "halve it"),
        (after_warmup(lambda *a: a[3] / 10 + 0.9 * cosine(*a)), "a tenth of the highest"),
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos(180 * (s - w) / (m - w))) / 2), "in radians"),
        (lambda *a: a[3] * (a[0] - a[1]) / (a[0] - a[1]) if a[0] == a[1] else rate(*a), "ZeroDivisionError"),
    ],
)
def test_learning_rate_wrong(says, answer, hint):
    assert hint in says(lesson07.check_learning_rate, answer)


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
    assert says(lesson07.check_early_stopping, answer).startswith("Right")


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
        (lambda losses, patience: losses.index(min(losses)), "That is the best loss"),
        (lambda losses, patience: losses[stop(losses, patience)], "the loss itself"),
        (lambda losses, patience: stop(losses, patience + 1), "One too many"),
        (against_the_one_before, "compare with the best so far"),
        (never_begins_again, "begins the count again"),
        (a_tie_is_a_gain, "is no gain"),
        (lambda losses, patience: len(losses) - 1, "those at 3 and 4 are no better"),
    ],
)
def test_early_stopping_wrong(says, answer, hint):
    assert hint in says(lesson07.check_early_stopping, answer)


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
    assert says(lesson07.check_kl, answer).startswith("Right")


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
        (kl_in_python, "return math.inf"),
        (lambda t, b: kl(t, b) + (t == 0).sum(), "counts nothing"),
        (lambda t, b: kl(t, b.clamp(min=1e-6)), "expected inf"),
        (lambda t, b: t * (t / b).log(), "one number is expected, and that is 3"),
        (lambda t, b: 7.0, "expected 0.5152, got 7"),
    ],
)
def test_kl_wrong(says, answer, hint):
    assert hint in says(lesson07.check_kl, answer)
