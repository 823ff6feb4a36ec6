import pytest
import torch

from gptcore import record
from gptcore.show import AttentionView, LogitLens
from gptcore.show.recorded import record_text
from gptcore.tokenizer import token_label

TEXT = "Once upon a time there was a queen"


@pytest.fixture
def model(model_of_noise):
    return model_of_noise()


@pytest.fixture(params=[AttentionView, LogitLens])
def view(request, model, tokenizer):
    return request.param(model, tokenizer, TEXT)


def test_a_text_is_recorded_with_the_labels_of_its_tokens(model, tokenizer):
    text = record_text(model, tokenizer, TEXT)
    token_ids = tokenizer.encode(TEXT)
    assert text.recording.token_ids.tolist() == token_ids and text.left_out == 0 and text.warning == ""
    assert torch.equal(text.recording.attention, record(model, torch.tensor(token_ids)).attention)
    assert text.labels == [token_label(tokenizer, token_id) for token_id in token_ids]
    assert text.name(1) == f"{text.labels[1]} (position 1)" and text.quoted(1) == f"“{text.labels[1]}” (position 1)"
    assert model.training


def test_past_the_context_the_last_tokens_are_read(model, view, tokenizer):
    long = "the fox and the queen " * 20
    token_ids = tokenizer.encode(long)
    text = record_text(model, tokenizer, long)
    assert text.left_out == len(token_ids) - 40 > 0
    assert text.recording.token_ids.tolist() == token_ids[-40:]
    view.text = long
    assert view.left_out == text.left_out and view.labels == text.labels
    assert view.caption.endswith(" The text is long: the model sees only its last 40 tokens.")


@pytest.mark.parametrize(
    ("text", "words"), [("", "at least one token"), ("\ud800", "without surrogates")], ids=["empty", "surrogate"]
)
def test_a_text_that_cannot_be_read_leaves_a_sentence(view, control, shown, text, words):
    control(view, "Text").value = text  # as it was typed
    assert words in view.caption and view.record is None and view.labels == []
    assert "There is nothing to show: text must" in shown(view)
    assert view.describe().startswith(f"{type(view).__name__}: text must")
    assert control(view, "Token").disabled
    control(view, "Token").value = 1  # a browser can move what is on the screen
    assert view.position == 0 and words in view.caption
    view.picture()
    view.text = TEXT
    assert view.problem is None and view.record is not None and not control(view, "Token").disabled


def test_a_token_that_the_model_lacks_leaves_a_sentence(model_of_noise, view, tokenizer):
    widget = type(view)(model_of_noise(vocab_size=3), tokenizer, TEXT)
    assert "the model's vocabulary" in widget.caption


@pytest.mark.parametrize("text", [None, "\ud800"])
def test_a_text_that_is_not_allowed_changes_nothing(view, text):
    before = view.record
    view.text = text
    assert "Not changed: text must be" in view.caption and view.text == TEXT and view.record is before


@pytest.mark.parametrize("position", [-1, 99, 1.5, True, None, "two"])
def test_a_position_that_is_not_allowed_changes_nothing_and_is_explained(view, position):
    before = view.position
    view.position = position
    assert f"position must be an integer from 0 to {len(view.labels) - 1}, got {position!r}" in view.problem
    assert "Not changed" in view.caption and view.position == before
    view.position = 0
    assert view.problem is None


def test_a_new_text_puts_the_position_on_its_last_token(view, control):
    assert view.position == len(view.labels) - 1 == control(view, "Token").max
    control(view, "Token").value = 2
    assert view.position == 2 and "(position 2)" in view.caption
    control(view, "Text").value = "a golden key"
    assert view.text == "a golden key" and view.position == len(view.labels) - 1 == control(view, "Token").max


def test_only_a_new_text_calls_the_model(view, monkeypatch):
    calls = []
    forward = view.model.token_embedding.forward
    monkeypatch.setattr(view.model.token_embedding, "forward", lambda ids: calls.append(ids) or forward(ids))
    view.position = 0
    assert calls == []
    view.text = "a queen"
    assert len(calls) == 1


def test_nothing_in_a_text_is_html(view, shown, tags):
    view.text = '<script>alert(1)</script><img src=x onerror=alert(1)> & "x" $$'
    assert not tags(shown(view)) & {"script", "img"}
    view.picture().canvas.draw()
