import math

import pytest
import torch
import torch.nn.functional as F

from gptcore.exercises import lesson07

CHECKS = [lesson07.check_loss, lesson07.check_learning_rate, lesson07.check_stopping_place, lesson07.check_kl]


@pytest.mark.parametrize("check", CHECKS)
def test_a_stub_or_a_mistake_becomes_a_sentence(says, check):
    def stub(*arguments): ...

    def fails(*arguments):
        return undefined_name  # noqa: F821

    assert "returns nothing so far" in says(check, stub)
    assert "returns nothing so far" in says(check, lambda *arguments: ...)
    assert "NameError" in says(check, fails)
    assert "stopped with TypeError" in says(check, lambda: 1)
    assert "function itself" in says(check, None)
    assert "Not yet" in says(check, lambda *arguments: "text")
    assert "one number is expected" in says(check, lambda *arguments: torch.zeros(3, 3))
    assert "Not yet" in says(check, lambda *arguments: [[1], [2, 3]])
    assert "Not yet" in says(check, lambda *arguments: math.nan)
    assert "Not yet" in says(check, lambda *arguments: -5.0)


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
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:], reduction="sum") / len(ids), "divides by 5"),
        (lambda x, ids: -x[:-1].softmax(-1)[range(4), ids[1:]].mean().log(), "mean of the logs"),
        (lambda x, ids: x[:-1].softmax(-1)[range(4), ids[1:]].mean(), "the mean chance"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:], reduction="none"), "one number is expected, got 4"),
        (lambda x, ids: -x[:-1].softmax(-1).log()[range(len(x) - 1), ids[1:]].mean(), "right for small logits"),
        (with_math_log, "right for small logits"),
        (lambda x, ids: F.cross_entropy(x.sub_(1)[:-1], ids[1:]), "changed the tensor"),
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
        (lambda *a: a[3], "half of the highest rate is expected"),
        (cosine, "half of the highest rate is expected"),
        (lambda *a: a[3] * (a[0] // a[1]) if a[0] <= a[1] else cosine(*a), "// where /"),
        (lambda *a: a[3] * (a[0] / a[1]) ** 2 if a[0] <= a[1] else cosine(*a), "0.002 is expected"),
        (after_warmup(lambda s, w, m, h: h), "it should fall"),
        (after_warmup(lambda s, w, m, h: h * s / w), "goes on rising"),
        (after_warmup(lambda *a: cosine(*a, top=0.0)), "falls below 0"),
        (after_warmup(lambda *a: cosine(*a, start=0)), "counted from step 0"),
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos(math.pi * (s - w) / m)) / 2), "max_steps - warmup_steps"),
        (after_warmup(lambda s, w, m, h: h * (m - s) / (m - w)), "half a cosine"),
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos((s - w) / (m - w) / 9)) / 2), "counts in radians"),
        (after_warmup(lambda s, w, m, h: h * 0.75), "at step 60"),
        (lambda s, w, m, h: rate(s, 10, 110, h), "one set of numbers"),
        (after_warmup(lambda *a: None), "given step 35 of 110 with 10 of warm-up, your function returns nothing"),
        (after_warmup(lambda *a: 2 * cosine(*a)), "halve it"),
        (after_warmup(lambda *a: a[3] / 10 + 0.9 * cosine(*a)), "a tenth of the highest"),
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos(180 * (s - w) / (m - w))) / 2), "not in degrees"),
        (lambda *a: a[3] * (a[0] - a[1]) / (a[0] - a[1]) if a[0] == a[1] else rate(*a), "divided by 0"),
    ],
)
def test_learning_rate_wrong(says, answer, hint):
    assert hint in says(lesson07.check_learning_rate, answer)


def stopping_place(losses, patience):
    best, waited = math.inf, 0
    for place, loss in enumerate(losses):
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == patience:
            return place
    return len(losses) - 1


def by_slices(losses, patience):
    for place in range(patience, len(losses)):
        if min(losses[place - patience + 1 : place + 1]) >= min(losses[: place - patience + 1]):
            return place
    return len(losses) - 1


def by_best_place(losses, patience):
    best = 0
    for place in range(len(losses)):
        if losses[place] < losses[best]:
            best = place
        elif place - best >= patience:
            return torch.tensor(place)
    return torch.tensor(len(losses) - 1)


@pytest.mark.parametrize("answer", [stopping_place, by_slices, by_best_place])
def test_stopping_place_right(says, answer):
    assert says(lesson07.check_stopping_place, answer).startswith("Right")


def against_the_one_before(losses, patience):
    waited = 0
    for place in range(1, len(losses)):
        waited = 0 if losses[place] < losses[place - 1] else waited + 1
        if waited == patience:
            return place
    return len(losses) - 1


def never_begins_again(losses, patience):
    waited = 0
    for place in range(1, len(losses)):
        waited += losses[place] >= min(losses[:place])
        if waited == patience:
            return place
    return len(losses) - 1


def a_tie_is_a_gain(losses, patience):
    best, waited = math.inf, 0
    for place, loss in enumerate(losses):
        waited = 0 if loss <= best else waited + 1
        best = min(best, loss)
        if waited == patience:
            return place
    return len(losses) - 1


def without_the_last_return(losses, patience):
    place = stopping_place(losses, patience)
    return place if place < len(losses) - 1 else None


def no_first_loss(losses, patience):
    return next(place for place in range(len(losses)) if losses[place] >= min(losses[:place]))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (without_the_last_return, "returns nothing. Each way through it"),
        (no_first_loss, "stopped with ValueError: min() "),
        (lambda losses, patience: stopping_place(losses, patience) + 1, "places count from 0"),
        (lambda losses, patience: losses.index(min(losses)), "the place of the best loss"),
        (lambda losses, patience: losses[stopping_place(losses, patience)], "the loss itself"),
        (lambda losses, patience: stopping_place(losses, patience + 1), "One too many"),
        (against_the_one_before, "compared with the best so far"),
        (never_begins_again, "begins the count again"),
        (a_tie_is_a_gain, "is no gain"),
        (lambda losses, patience: len(losses) - 1, "places 3 and 4 were no better"),
    ],
)
def test_stopping_place_wrong(says, answer, hint):
    assert hint in says(lesson07.check_stopping_place, answer)


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
        (lambda t, b: -kl(t, b), "the sign is turned"),
        (lambda t, b: kl(t, b) / len(t), "mean over the vocabulary"),
        (lambda t, b: kl(t, b) / math.log(2), "in bits"),
        (lambda t, b: -(t * b.log()).sum(), "the cross-entropy"),
        (lambda t, b: (t / b).log().sum(), "every token counts alike"),
        (lambda t, b: (t - b).abs().sum(), "in the wrong place"),
        (lambda t, b: (t - b).abs().sum() / 2, "in the wrong place"),
        (lambda t, b: F.kl_div(b, t, reduction="sum"), "wants the log of the belief"),
        (lambda t, b: (t * (t / b).log()).sum(), "add up only where truth > 0"),
        (lambda t, b: kl_in_python(t, b, lambda t: True), "add up only where truth > 0"),
        (kl_in_python, "Return math.inf"),
        (lambda t, b: kl(t, b) + (t == 0).sum(), "it counts nothing"),
        (lambda t, b: kl(t, b.clamp(min=1e-6)), "inf is expected"),
        (lambda t, b: t * (t / b).log(), "one number is expected, got 3"),
        (lambda t, b: 7.0, "expected [0.5152]"),
    ],
)
def test_kl_wrong(says, answer, hint):
    assert hint in says(lesson07.check_kl, answer)
