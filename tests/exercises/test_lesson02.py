"""Right answers pass however they are written, and every usual wrong one gets a hint of its own."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gptcore.exercises import lesson02

# How many logits


@pytest.mark.parametrize(
    "answer", [502_570, 10 * 50_257, 502_570.0, 5.0257e5, np.int64(502_570), torch.tensor(502_570)]
)
def test_how_many_right(says, answer):
    assert says(lesson02.check_how_many, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (torch.tensor(7680.0), "goes into the head"),
        (np.int64(50_257), "scores at one position"),
        *((number, "you gave") for number in (3, 768, 9 * 50_257, 11 * 50_257, 10 * 768 * 50_257, 10 * 50_256, 50_267)),
        ("many", "you gave 'many'"),
        *((odd, "is a number") for odd in ((10, 50_257), [10, 50_257], torch.Size([1, 10, 50_257]), "10 x 50257")),
    ],
)
def test_how_many_wrong(says, answer, hint):
    assert hint in says(lesson02.check_how_many, answer)


# The best token at every position


def by_loop(logits):
    return [[max(range(len(row)), key=lambda i: row[i]) for row in text] for text in logits.tolist()]


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: x.argmax(-1),
        lambda x: torch.argmax(x, 2),
        lambda x: torch.max(x, dim=2).indices,
        lambda x: x.max(-1)[1],
        lambda x: x.topk(1).indices[..., 0],
        lambda x: x.sort(-1, descending=True).indices[..., 0],
        lambda x: x.argsort(-1)[..., -1],
        lambda x: x.softmax(-1).argmax(-1),
        lambda x: np.argmax(x.numpy(), -1),
        lambda x: x.numpy().argmax(-1).tolist(),
        lambda x: torch.stack([text.argmax(-1) for text in x]),
        lambda x: [[row.argmax() for row in text] for text in x],
        by_loop,
    ],
)
def test_best_tokens_right(says, answer):
    assert says(lesson02.check_best_tokens, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x: x.max(-1), "returns two tensors, the scores and their ids"),
        (lambda x: torch.max(x, 2), "returns two tensors, the scores and their ids"),
        (lambda x: x.max(-1).values, "argmax, not max"),
        (lambda x: x.max(1), "Look for argmax along the last axis"),
        (lambda x: x.max(1).indices, "along the positions"),
        (lambda x: x.argmax(-2), "along the positions"),
        (lambda x: np.argmax(x.numpy()), "one long list"),
        (lambda x: x[0, -1].argmax(), "got 2"),
        (lambda x: x[:1].argmax(-1), "two texts at once"),
        (lambda x: x[:, :-1].argmax(-1), "expected [[1, 4, 2]]"),
        (lambda x: x.argmax(-1) + 1, "got [[2, 5, 3]]"),
        (lambda x: x.argmax(-1).flatten(), "one row per text"),
        (lambda x: x.topk(1).indices, "one row per text"),
        (lambda x: x.topk(2).indices, "Look for argmax"),
        (lambda x: x == x.amax(-1, keepdim=True), "Look for argmax"),
        (lambda x: x.median(-1).indices, "got [[2, 3, 4]]"),
        (lambda x: x.sort(-1).indices[..., 0], "lowest scores"),
        (lambda x: x.argmax(3), "Dimension out of range"),
        (lambda x: torch.multinomial((9 * x[0]).softmax(-1).mean(0, keepdim=True), 3), "nothing random"),
        (lambda x: max(x), "Look for argmax"),
    ],
)
def test_best_tokens_wrong(says, answer, hint):
    line = says(lesson02.check_best_tokens, answer)
    assert line.startswith("Not yet") and hint in line


# The prediction


def careful(model, token_ids):
    model.eval()
    with torch.no_grad():
        return model(token_ids)[0, -1]


def and_back(model, token_ids):
    was = model.training
    model.eval()
    with torch.inference_mode():
        logits = model(token_ids)
    model.train(was)
    return logits[0, -1]


def with_head(model, token_ids):
    return model.eval().head(model.hidden_states(token_ids)[0, -1])


def with_embedding(model, token_ids):
    return model.eval().hidden_states(token_ids)[0, -1] @ model.token_embedding.weight.T


def squeezed(model, token_ids):
    return model.eval()(token_ids).squeeze(0)[token_ids.shape[1] - 1].detach()


def each_module(model, token_ids):
    for module in model.modules():
        module.training = False
    return model(token_ids)[0, -1]


@pytest.mark.parametrize(
    "answer",
    [
        careful,
        and_back,
        with_head,
        with_embedding,
        squeezed,
        each_module,
        lambda model, ids: copy.deepcopy(model).eval()(ids)[0, -1],
        lambda model, ids: model.train(False)(ids)[0][-1].tolist(),
        lambda model, ids: model.eval()(ids)[0, -1].detach().numpy(),
        lambda model, ids: model.eval()(ids)[:, -1, :].squeeze(),
        lambda model, ids: model.eval()(ids).flatten(0, 1)[-1],
    ],
)
def test_next_logits_right(says, answer):
    assert says(lesson02.check_next_logits, answer).startswith("Right")


def changes_its_input(model, token_ids):
    logits = model.eval()(token_ids)[0, -1]
    token_ids[0, 0] = 0
    return logits


def without_gradients_alone(model, token_ids):
    with torch.no_grad():
        return model(token_ids)[0, -1]


def too_late(model, token_ids):
    logits = model(token_ids)
    model.eval()
    return logits[0, -1]


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda model, ids: model.train()(ids)[0, -1], "Dropout"),
        (without_gradients_alone, "Dropout"),
        (too_late, "before the model reads"),
        (lambda model, ids: model.eval()(ids)[0, 0], "first row"),
        (lambda model, ids: model.eval()(ids)[0, 2], "before the end of the text"),
        (lambda model, ids: model.eval()(ids)[0, -2], "before the end of the text"),
        (lambda model, ids: model.eval()(ids[:, :-1])[0, -1], "before the end of the text"),
        (lambda model, ids: model.eval()(ids)[0, 3], "however many tokens the text has"),
        (lambda model, ids: model.eval()(ids)[-1], "one row for each of the 4"),
        (lambda model, ids: model.eval()(ids)[0].mean(0), "take the last row"),
        (lambda model, ids: model.eval()(ids.flip(1))[0, -1], "take the last row"),
        (lambda model, ids: model.eval()(ids)[0, -1].softmax(-1), "chances already"),
        (lambda model, ids: model.eval()(ids)[0, -1].log_softmax(0), "logarithms"),
        (lambda model, ids: model.eval()(ids)[0, -1].sort().values, "take the last row"),
        (lambda model, ids: model.eval()(ids)[0, -1] / 2, "take the last row"),
        (lambda model, ids: model.eval()(ids)[0, -1].argmax(), "without choosing"),
        (lambda model, ids: model.eval()(ids)[0, :, -1], "one number per position"),
        (lambda model, ids: model.eval()(ids[:, -1:])[0, -1], "the last token alone"),
        (lambda model, ids: model.eval()(ids[0])[-1], "keep the first axis"),
        (lambda model, ids: model.eval()(ids.tolist())[0, -1], "must be a torch tensor"),
        (lambda model, ids: model.eval(ids)[0, -1], "takes 1 positional argument"),
        (lambda model, ids: model.eval(), "take the last row"),
        (changes_its_input, "changed what it was given"),
    ],
)
def test_next_logits_wrong(says, answer, hint):
    line = says(lesson02.check_next_logits, answer)
    assert line.startswith("Not yet") and hint in line


def test_the_learners_luck_is_left_alone(says):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    says(lesson02.check_next_logits, careful)
    assert torch.rand(1) == expected


# The same chances or not


@pytest.mark.parametrize(
    "answer",
    [
        lambda a, b: torch.allclose(a - a.max(), b - b.max(), atol=1e-5),
        lambda a, b: torch.allclose(a - a.max(), b - b.max()),
        lambda a, b: torch.allclose(a - a.mean(), b - b.mean(), atol=1e-5),
        lambda a, b: torch.allclose(a - a[0], b - b[0], atol=1e-5),
        lambda a, b: torch.allclose(a - a.min(), b - b.min(), atol=1e-6),
        lambda a, b: torch.allclose(a.diff(), b.diff(), atol=1e-5),
        lambda a, b: torch.allclose(a[:, None] - a, b[:, None] - b, atol=1e-5),
        lambda a, b: torch.allclose(a.log_softmax(-1), b.log_softmax(-1), atol=1e-5),
        lambda a, b: ((a - b) - (a - b).mean()).abs().max() < 1e-4,
        lambda a, b: (a - b).std() < 1e-4,
        lambda a, b: np.allclose((a - b).numpy(), (a - b)[0].item(), atol=1e-5),
        lambda a, b: all(abs((x - y) - (a[0] - b[0])) < 1e-4 for x, y in zip(a, b, strict=True)),
        lambda a, b: len({round(float(x - y), 3) for x, y in zip(a, b, strict=True)}) == 1,
    ],
)
def test_same_chances_right(says, answer):
    assert says(lesson02.check_same_chances, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, b: torch.allclose(a.softmax(-1), b.softmax(-1)), "compared as chances"),
        (lambda a, b: torch.allclose(a.softmax(0), b.softmax(0), atol=1e-4), "compared as chances"),
        (lambda a, b: (a.softmax(-1) - b.softmax(-1)).abs().sum() < 1e-3, "compared as chances"),
        (lambda a, b: np.allclose((a - a.max()).exp().numpy(), (b - b.max()).exp().numpy()), "compared as chances"),
        (lambda a, b: torch.equal(a.softmax(-1), b.softmax(-1)), "torch.allclose"),
        (lambda a, b: abs(a.softmax(-1).max() - b.softmax(-1).max()) < 1e-4, "place by place"),
        (lambda a, b: torch.equal(a, b), "Adding one number to all scores"),
        (lambda a, b: torch.allclose(a, b), "Adding one number to all scores"),
        (lambda a, b: torch.allclose(a.exp(), b.exp()), "Adding one number to all scores"),
        (lambda a, b: torch.allclose(a / a.max(), b / b.max()), "Adding one number to all scores"),
        (lambda a, b: F.cosine_similarity(a, b, 0) > 0.999, "Adding one number to all scores"),
        (lambda a, b: a.argsort().equal(b.argsort()), "the differences are not"),
        (lambda a, b: a.argmax() == b.argmax(), "the differences are not"),
        (lambda a, b: torch.allclose((a - a.max()) / a.std(), (b - b.max()) / b.std(), atol=1e-4), "are not"),
        (lambda a, b: bool((a - a.max()).sort()[0].allclose((b - b.max()).sort()[0])), "place by place"),
        (lambda a, b: torch.isclose(a.std(), b.std()), "place by place"),
        (lambda a, b: a.max() - a.min() == b.max() - b.min(), "place by place"),
        (lambda a, b: abs(a[0] - a[1] - b[0] + b[1]) < 1e-4, "compare all differences"),
        (lambda a, b: torch.equal(a - a.max(), b - b.max()), "torch.allclose"),
        (lambda a, b: a == b, "one answer per token"),
        (lambda a, b: torch.isclose(a - a.max(), b - b.max(), atol=1e-5), "one answer per token"),
        (lambda a, b: True, "doubles"),
        (lambda a, b: False, "They are equal"),
        (lambda a, b: "True", "got 'True'"),
        (lambda a, b: a.sub_(a.max()).allclose(b.sub_(b.max()), atol=1e-5), "changed what it was given"),
    ],
)
def test_same_chances_wrong(says, answer, hint):
    line = says(lesson02.check_same_chances, answer)
    assert line.startswith("Not yet") and hint in line
