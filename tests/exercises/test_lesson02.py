import pytest
import torch

from gptcore.exercises import lesson02


def test_how_many(says):
    for answer in (502_570, 10 * 50_257, torch.tensor(502_570)):
        assert says(lesson02.check_how_many, answer).startswith("Right")
    for answer, hint in [(torch.tensor(7680.0), "goes into the head"), (3, "you gave 3"), ("many", "you gave 'many'")]:
        assert hint in says(lesson02.check_how_many, answer)


def by_loop(logits):
    return [[max(range(len(row)), key=lambda i: row[i]) for row in text] for text in logits.tolist()]


@pytest.mark.parametrize("answer", [lambda x: x.argmax(-1), lambda x: torch.max(x, dim=2).indices, by_loop])
def test_best_tokens_right(says, answer):
    assert says(lesson02.check_best_tokens, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x: x.max(-1).values, "argmax, not max"),
        (lambda x: x[:1].argmax(-1), "two texts at once"),
        (lambda x: x.max(-1), "argmax"),
        (lambda x: x[:, :-1].argmax(-1), "expected [[1, 4, 2]]"),
    ],
)
def test_best_tokens_wrong(says, answer, hint):
    assert hint in says(lesson02.check_best_tokens, answer)


def careful(model, token_ids):
    model.eval()
    with torch.no_grad():
        return model(token_ids)[0, -1]


def with_head(model, token_ids):
    return model.eval().head(model.hidden_states(token_ids)[0, -1])


def squeezed(model, token_ids):
    return model.eval()(token_ids).squeeze(0)[token_ids.shape[1] - 1].detach()


@pytest.mark.parametrize("answer", [careful, with_head, squeezed])
def test_next_logits_right(says, answer):
    assert says(lesson02.check_next_logits, answer).startswith("Right")


def changes_its_input(model, token_ids):
    logits = model.eval()(token_ids)[0, -1]
    token_ids[0, 0] = 0
    return logits


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda model, ids: model.train()(ids)[0, -1], "Dropout"),
        (lambda model, ids: model.eval()(ids)[0, 0], "first row"),
        (lambda model, ids: model.eval()(ids)[0, 2], "another position"),
        (lambda model, ids: model.eval()(ids)[0, -1].softmax(-1), "chances already"),
        (lambda model, ids: model.eval()(ids)[0, -1].argmax(), "without choosing"),
        (lambda model, ids: model.eval()(ids[:, -1:])[0, -1], "the last token alone"),
        (lambda model, ids: model.eval()(ids[0])[-1], "keep the first axis"),
        (changes_its_input, "changed what it was given"),
    ],
)
def test_next_logits_wrong(says, answer, hint):
    assert hint in says(lesson02.check_next_logits, answer)


def test_the_learners_luck_is_left_alone(says):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    says(lesson02.check_next_logits, careful)
    assert torch.rand(1) == expected


@pytest.mark.parametrize(
    "answer",
    [
        lambda a, b: torch.allclose(a - a.max(), b - b.max(), atol=1e-5),
        lambda a, b: ((a - b) - (a - b).mean()).abs().max() < 1e-4,
        lambda a, b: torch.allclose(a.softmax(-1), b.softmax(-1)),
    ],
)
def test_same_chances_right(says, answer):
    assert says(lesson02.check_same_chances, answer).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, b: torch.equal(a, b), "Adding one number to all scores"),
        (lambda a, b: a.argsort().equal(b.argsort()), "the differences are not"),
        (lambda a, b: bool((a - a.max()).sort()[0].allclose((b - b.max()).sort()[0])), "place by place"),
        (lambda a, b: torch.equal(a - a.max(), b - b.max()), "torch.allclose"),
        (lambda a, b: a == b, "one answer per token"),
        (lambda a, b: True, "doubles"),
        (lambda a, b: a.sub_(a.max()).allclose(b.sub_(b.max()), atol=1e-5), "changed what it was given"),
    ],
)
def test_same_chances_wrong(says, answer, hint):
    assert hint in says(lesson02.check_same_chances, answer)
