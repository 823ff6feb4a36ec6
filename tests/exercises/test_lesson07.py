import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gptcore.exercises import lesson07


def step(model, optimizer, rows):
    optimizer.zero_grad()
    logits = model(rows[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


def cleaned_at_the_end(model, optimizer, rows):
    logits = model(rows)[:, :-1]
    loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), rows[:, 1:].reshape(-1))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return loss


def axes_turned(model, optimizer, rows):
    model.zero_grad()
    loss = F.cross_entropy(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:])
    loss.backward()
    optimizer.step()
    return loss.detach().numpy()


def with_log_softmax(model, optimizer, rows):
    log_probs = model(rows[:, :-1]).log_softmax(-1)
    loss = -log_probs.gather(-1, rows[:, 1:, None]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def weights_by_hand(model, optimizer, rows):
    loss = torch.nn.CrossEntropyLoss()(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
    weights = list(model.parameters())
    with torch.no_grad():
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight -= optimizer.param_groups[0]["lr"] * slope
    return float(loss)


def row_by_row(model, optimizer, rows):
    optimizer.zero_grad()
    losses = [F.cross_entropy(model(row[None, :-1])[0], row[1:]) for row in rows]
    loss = sum(losses) / len(losses)
    loss.backward()
    optimizer.step()
    return loss


def with_a_closure(model, optimizer, rows):
    def loss():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        return loss

    return optimizer.step(loss)


@pytest.mark.parametrize(
    "answer",
    [step, cleaned_at_the_end, axes_turned, with_log_softmax, weights_by_hand, row_by_row, with_a_closure],
)
def test_step_right(says, answer):
    assert says(lesson07.check_step, answer).startswith("Right")


def made_of(lines, loss="F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())"):
    """A step of the given lines, in the given order."""
    body = "\n    ".join(line.replace("LOSS", loss) for line in lines)
    names = {"F": F, "torch": torch}
    exec(f"def step(model, optimizer, rows):\n    {body}", names)
    return names["step"]


ZERO, LOSS, BACKWARD, STEP, RETURN = (
    "optimizer.zero_grad()", "loss = LOSS", "loss.backward()", "optimizer.step()", "return loss.item()",
)  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (made_of([ZERO, LOSS, BACKWARD, RETURN]), "The weights did not move"),
        (made_of([ZERO, LOSS, STEP, RETURN]), "The weights did not move"),
        (made_of([LOSS, BACKWARD, ZERO, STEP, RETURN]), "The weights did not move"),
        (made_of([LOSS, RETURN]), "The weights did not move"),
        (made_of([LOSS, BACKWARD, STEP, RETURN]), "still in .grad"),
        (made_of([ZERO, LOSS, BACKWARD, STEP, "return LOSS"]), "the loss after the step"),
        (made_of([ZERO, LOSS, BACKWARD, STEP, STEP, RETURN]), "The weights moved"),
        (made_of([ZERO, LOSS, BACKWARD, STEP, "return None"]), "returns nothing so far"),
        (made_of([ZERO, LOSS, BACKWARD, STEP, "return loss * 2"]), "In this order"),
        (made_of([ZERO, LOSS, BACKWARD, STEP, "return loss.exp()"]), "In this order"),
        (made_of([ZERO, LOSS, "(-loss).backward()", STEP, RETURN]), "up the slope"),
        (made_of([ZERO, "loss = LOSS.item()", BACKWARD, STEP, RETURN]), "belongs to the tensor"),
        (made_of([ZERO, "with torch.no_grad(): loss = LOSS", BACKWARD, STEP, RETURN]), "cut off from the weights"),
        (made_of([ZERO, LOSS, BACKWARD, BACKWARD, STEP, RETURN]), "goes through a loss once"),
        (
            made_of([ZERO, LOSS, BACKWARD, "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)", STEP, RETURN]),
            "was clipped",
        ),
        (
            made_of([ZERO, LOSS, BACKWARD, STEP, RETURN], "F.cross_entropy(model(rows).flatten(0, 1), rows.flatten())"),
            "predicted by the row before it",
        ),
        (
            made_of([ZERO, LOSS, BACKWARD, STEP, RETURN], "F.cross_entropy(model(rows[:, :-1]), rows[:, 1:])"),
            "wants scores (N, vocab_size)",
        ),
        (
            made_of([ZERO, LOSS, BACKWARD, STEP, RETURN], "F.cross_entropy(model(rows)[0, :-1], rows[0, 1:])"),
            "The first row of the batch alone",
        ),
        (
            made_of(
                [ZERO, LOSS, BACKWARD, STEP, RETURN],
                "F.cross_entropy(model(rows).flatten(0, 1), rows[:, 1:].flatten())",
            ),
            "There are as many rows of scores",
        ),
        (
            made_of(
                [ZERO, LOSS, BACKWARD, STEP, RETURN],
                "F.nll_loss(model(rows[:, :-1]).softmax(-1).flatten(0, 1), rows[:, 1:].flatten())",
            ),
            "In this order",
        ),
    ],
)
def test_step_wrong(says, answer, hint):
    assert hint in says(lesson07.check_step, answer)


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


def with_numpy(logits, token_ids):
    scores = logits.double().numpy()
    top = scores.max(-1, keepdims=True)
    log_probs = scores - top - np.log(np.exp(scores - top).sum(-1, keepdims=True))
    return -np.mean([log_probs[t, token_id] for t, token_id in enumerate(token_ids[1:].numpy())])


def with_logsumexp(logits, token_ids):
    return (logits[:-1].logsumexp(-1) - logits[range(len(token_ids) - 1), token_ids[1:]]).mean()


def in_plain_python(logits, token_ids):
    total, rows, ids = 0.0, logits.tolist(), token_ids.tolist()
    for row, token_id in zip(rows[:-1], ids[1:], strict=True):
        top = max(row)
        total += top + math.log(sum(math.exp(score - top) for score in row)) - row[token_id]
    return total / (len(ids) - 1)


@pytest.mark.parametrize(
    "answer",
    [
        with_numpy,
        with_logsumexp,
        in_plain_python,
        lambda x, ids: F.nll_loss(F.log_softmax(x[:-1], dim=-1), ids[1:]).numpy(),
        lambda x, ids: -(F.one_hot(ids[1:], x.shape[-1]) * x[:-1].log_softmax(-1)).sum() / (len(ids) - 1),
        lambda x, ids: [F.cross_entropy(x[:-1], ids[1:])],
    ],
)
def test_loss_right_in_other_ways(says, answer):
    assert says(lesson07.check_loss, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:]).exp(), "Begin with log_softmax"),
        (lambda x, ids: -x[:-1].gather(-1, ids[1:, None]).mean(), "Begin with log_softmax"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:], reduction="none").max(), "Begin with log_softmax"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:], reduction="none").median(), "Begin with log_softmax"),
        (lambda x, ids: -x.log_softmax(0)[range(len(ids) - 1), ids[1:]].mean(), "Begin with log_softmax"),
        (lambda x, ids: F.cross_entropy(x[-2:-1], ids[-1:]), "Begin with log_softmax"),
        (lambda x, ids: -x[:-1].log_softmax(-1).mean(), "Begin with log_softmax"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:], label_smoothing=0.1), "Begin with log_softmax"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:], reduction="sum") / x.shape[-1], "Begin with log_softmax"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids), "stopped with ValueError"),
        (lambda x, ids: F.cross_entropy(x[:-1], ids[1:]) / math.log(10), "Begin with log_softmax"),
    ],
)
def test_loss_wrong_in_other_ways(says, answer, hint):
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
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos((s - w) / (m - w))) / 2), "goes from 0 to 1."),
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


def rate_of_numpy(step, warmup, most, highest):
    return (
        np.interp(step, [0, warmup], [0, highest]) if step < warmup else np.float64(cosine(step, warmup, most, highest))
    )


def rate_as_a_minimum(step, warmup, most, highest):
    way = max(0, step - warmup) / (most - warmup)
    return min(1, step / warmup) * highest * 0.5 * (1 + math.cos(math.pi * way))


def rate_in_degrees(step, warmup, most, highest):
    if step <= warmup:
        return highest / warmup * step
    return highest * (1 + math.cos(math.radians(180 * (step - warmup) / (most - warmup)))) / 2


def rate_of_pytorch(step, warmup, most, highest):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=highest)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, most - warmup)
    if step <= warmup:
        return highest * step / warmup
    for _ in range(step - warmup):
        falling.step()
    return optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize(
    "answer",
    [
        rate_of_numpy,
        rate_as_a_minimum,
        rate_in_degrees,
        rate_of_pytorch,
        lambda s, w, m, h: h * (s / w if s < w else math.sin(math.pi / 2 * (m - s) / (m - w)) ** 2),
    ],
)
def test_learning_rate_right_in_other_ways(says, answer):
    assert says(lesson07.check_learning_rate, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda s, w, m, h: h * (1 - math.cos(math.pi * s / w)) / 2 if s <= w else rate(s, w, m, h), "is curved"),
        (lambda s, w, m, h: h * math.sin(math.pi * s / w / 2) if s <= w else rate(s, w, m, h), "is curved"),
        (lambda s, w, m, h: h * math.sqrt(s / w) if s <= w else rate(s, w, m, h), "the rate is highest * step"),
        (lambda s, w, m, h: h * (s + 1) / w if s < w else rate(s, w, m, h), "one step early or late"),
        (lambda s, w, m, h: h * (s - 1) / w if s <= w else rate(s, w, m, h), "one step early or late"),
        (lambda s, w, m, h: h * (s - 1) / (w - 1) if s <= w else rate(s, w, m, h), "the rate is highest * step"),
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos(2 * math.pi * (s - w) / (m - w))) / 2), "rises again"),
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos(math.pi / 2 * (s - w) / (m - w))) / 2), "half of math.pi"),
        (after_warmup(lambda s, w, m, h: h * math.cos(math.pi / 2 * (s - w) / (m - w))), "After the warm-up"),
        (after_warmup(lambda s, w, m, h: h * math.exp(-(s - w) / (m - w))), "After the warm-up it is"),
        (after_warmup(lambda s, w, m, h: h * math.sqrt(w / s)), "After the warm-up it is"),
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos(math.pi * (s - w) // (m - w))) / 2), "After the warm-up"),
        (after_warmup(lambda s, w, m, h: h * (1 - math.cos(math.pi * (s - w) / (m - w))) / 2), "After the warm-up"),
        (after_warmup(lambda s, w, m, h: h * (1 + math.cos(math.pi * (s - w - 1) / (m - w))) / 2), "After the warm-up"),
    ],
)
def test_learning_rate_wrong_in_other_ways(says, answer, hint):
    assert hint in says(lesson07.check_learning_rate, answer)


def test_a_right_cosine_that_uses_pi_is_not_told_to_count_in_radians(says):
    def curved(step, warmup, most, highest):
        return (
            highest * (1 - math.cos(math.pi * step / warmup)) / 2
            if step <= warmup
            else cosine(step, warmup, most, highest)
        )

    assert "radians" not in says(lesson07.check_learning_rate, curved)


def test_what_was_expected_and_what_came_never_look_alike(says):
    line = says(lesson07.check_learning_rate, lambda *given: rate(*given) * (1 + 1e-5))
    expected, got = line.split("expected ")[1].split(". ")[0].rstrip(".").split(", got ")
    assert expected != got
