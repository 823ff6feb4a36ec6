import json

import pytest
import torch

from gptcore import END_OF_TEXT, Tokenizer, record
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


def test_an_empty_text_starts_from_the_end_of_text(view, move, model, tokenizer):
    move(view, text="")
    assert view.problem is None and view.labels == [END_OF_TEXT] == view.view.offers["position"]["labels"]
    assert view.caption == type(view)(model, tokenizer, END_OF_TEXT).caption


def test_a_text_that_cannot_be_read_leaves_a_sentence(model_of_noise, view, move, shown):
    letters = Tokenizer.of_characters("abc")
    view, problem = type(view)(model_of_noise(vocab_size=3), letters, "abc"), "text must not be empty, since"
    move(view, text="")
    assert f"There is nothing to show: {problem}" in shown(view)
    assert view.record is None and view.labels == [] == view.view.offers["position"]["labels"]
    assert view.describe().startswith(f"{type(view).__name__}: {problem}")
    move(view, position=1)  # of what was on the screen before
    assert view.position == 0 and problem in view.caption
    view.picture()
    view.text = "cab"
    assert view.problem is None and view.record is not None


def test_a_token_that_the_model_lacks_leaves_a_sentence(model_of_noise, view, tokenizer):
    widget = type(view)(model_of_noise(vocab_size=3), tokenizer, TEXT)
    assert "the model's vocabulary" in widget.caption


@pytest.mark.parametrize("text", [None, "\ud800"])
def test_a_text_that_is_not_allowed_changes_nothing(view, text):
    before = view.record
    view.text = text
    assert "Not changed: text must be" in view.caption and view.text == TEXT and view.record is before


def test_a_text_with_a_position_in_it(view, move):
    for text in (TEXT, ""):
        move(view, text=text)
        view.change(text="Once upon a", position=1)
        assert (view.text, view.position, view.problem) == ("Once upon a", 1, None)
    view.change(text=TEXT, position=99)
    assert "Not changed: position must be an integer from 0 to" in view.caption
    assert (view.text, view.position) == ("Once upon a", 1) and view.labels == view.recorded.labels


@pytest.mark.parametrize("position", [-1, 99, 1.5, True, None, "two"])
def test_a_position_that_is_not_allowed_changes_nothing_and_is_explained(view, position):
    before = view.position
    view.position = position
    assert f"position must be an integer from 0 to {len(view.labels) - 1}, got {position!r}" in view.problem
    assert "Not changed" in view.caption and view.position == before
    view.position = 0
    assert view.problem is None


def test_a_new_text_puts_the_position_on_its_last_token(view, move):
    assert view.position == len(view.labels) - 1
    move(view, position=2)
    assert view.position == 2 and "(position 2)" in view.caption
    move(view, text="a golden key")
    assert view.text == "a golden key" and view.position == len(view.labels) - 1
    assert view.view.offers["position"]["labels"] == view.labels


def test_the_band_has_the_numbers_of_the_text(view, model, tokenizer):
    band, probs = view.view.shown["band"], view.recorded.recording.logits[-1].softmax(-1)
    assert (band["characters"], band["tokens"]) == (len(TEXT), len(tokenizer.encode(TEXT)))
    assert (band["layers"], band["logits"]) == (model.config.n_layers, model.config.vocab_size)
    assert band["likeliest"] == token_label(tokenizer, int(probs.argmax()))
    assert band["prob"] == pytest.approx(probs.max().item(), abs=1e-6)
    view.position = 0  # the text is the same
    assert view.view.shown["band"] == band


def test_only_a_new_text_calls_the_model(view, monkeypatch):
    calls = []
    forward = view.model.token_embedding.forward
    monkeypatch.setattr(view.model.token_embedding, "forward", lambda ids: calls.append(ids) or forward(ids))
    view.position = 0
    for name, values in {"choose": (1, 2), "open": (1, 2)}.items():
        if name in view.hands:
            getattr(view, name)(*values)
    assert calls == []
    view.text = "a queen"
    assert len(calls) == 1


def test_every_hidden_character_of_a_token_is_visible(model_of_noise):
    letters = Tokenizer.of_characters("abc\u202e\x07 <img>")
    for kind in (AttentionView, LogitLens):
        widget = kind(model_of_noise(vocab_size=len(letters)), letters, "a\u202eb\x07 <img>")
        said = json.dumps([widget.view.shown, widget.view.offers], ensure_ascii=False)
        assert "\u202e" not in said and "\\u0007" not in said and "<U+202E>" in said
        widget.picture().canvas.draw()
