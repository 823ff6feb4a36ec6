import math

import pytest
import torch

import gptcore
from gptcore import stories
from gptcore.sampling import Sampling
from gptcore.show import Story
from gptcore.show.story import paragraph_starts, tell


@pytest.fixture
def model(model_of_noise):
    return model_of_noise(n_layers=1, context_length=24)


@pytest.fixture
def widget(model, tokenizer):
    return Story(model, tokenizer, "Once upon a time", seed=4, max_length=12)


def test_the_tale_is_that_of_generate_text(model, tokenizer, widget):
    settings = {"temperature": 0.7, "top_k": None, "seed": 4}
    assert widget.text == gptcore.generate_text(model, "Once upon a time", tokenizer, 12, **settings)


def test_the_surprise_is_the_models_own_before_all_settings(model, tokenizer):
    tale = tell(model, tokenizer, "Once upon a time", 8, Sampling(0.3, top_k=4), 1)
    token_ids = torch.tensor([tale.prompt_ids + tale.new_ids])
    with torch.no_grad():
        log_probs = model.eval()(token_ids)[0].log_softmax(-1)
    first = len(tale.prompt_ids)
    expected = [-log_probs[i - 1, token_ids[0, i]].item() for i in range(first, token_ids.shape[1])]
    new = [piece for piece in tale.pieces if piece.surprise is not None]
    assert sum(piece.count for piece in new) <= len(expected)
    assert tale.surprise == pytest.approx(sum(expected[: sum(piece.count for piece in new)]), abs=1e-4)
    assert tale.pieces[0].text == "Once upon a time" and tale.pieces[0].surprise is None
    assert tale.most_surprising.surprise == max(piece.surprise for piece in new)


def test_the_bytes_of_a_character_are_one_piece(model, bytes_only, monkeypatch):
    word = bytes_only.encode(" 여우")
    drawn = iter(word)
    monkeypatch.setattr("gptcore.generation.draw", lambda *arguments: torch.tensor(next(drawn)))
    tale = tell(model, bytes_only, "a", len(word), Sampling(), 1)
    assert [(piece.text, piece.count) for piece in tale.pieces] == [("a", 1), (" ", 1), ("여", 3), ("우", 3)]
    assert len(tale.new_ids) == 7


def test_another_story_is_that_of_the_next_seed(model, tokenizer, widget, press):
    first = widget.text
    press(widget, "another")
    assert widget.seed == 5 and widget.text == Story(model, tokenizer, seed=5, max_length=12).text != first
    widget.seed = 4
    assert widget.text == first


def test_the_shade_is_a_matter_of_looks(widget, move, monkeypatch):
    before = widget.record
    move(widget, shaded=True)
    assert widget.shaded and widget.record is before
    move(widget, prompt="옛날 옛적에")
    assert widget.text.startswith("옛날") and widget.view.shown["language"] == "ko" and widget.shaded


@pytest.mark.parametrize("language", stories.LANGUAGES)
def test_paragraphs_are_those_of_a_book(language):
    for seed in range(8):
        text = stories.sample(language, seed)
        starts = [0, *paragraph_starts(text), len(text)]
        paragraphs = [text[start:end] for start, end in zip(starts, starts[1:], strict=False)]
        assert "".join(paragraphs) == text and len(paragraphs) > 2
        assert all(paragraph[-1] == " " and paragraph[-2] in '.!?"' for paragraph in paragraphs[:-1])
        assert all(len(paragraph) < 400 for paragraph in paragraphs)


def test_someone_who_speaks_begins_a_paragraph():
    text = 'One. Two. "Three?" said a fox. Four. Five. Six. Seven.'
    starts = [0, *paragraph_starts(text), None]
    parts = [text[start:end].strip() for start, end in zip(starts, starts[1:], strict=False)]
    assert parts == ["One. Two.", '"Three?" said a fox. Four. Five.', "Six. Seven."]
    assert paragraph_starts("One.\n\nTwo. Three. Four. Five. Six.\nSeven.") == [6, 35]
    assert paragraph_starts("") == []


def test_the_paragraphs_hold_every_piece(model, tokenizer):
    tale = tell(model, tokenizer, stories.sample("en", 3), 6, Sampling(), 1)
    said = "".join("".join(piece.text for piece in pieces) for pieces in tale.paragraphs)
    assert said.replace(" ", "") == "".join(tale.text.split())
    for pieces in tale.paragraphs:
        assert pieces[0].text == pieces[0].text.lstrip() and pieces[-1].text == pieces[-1].text.rstrip()


def test_nothing_new_has_no_surprise(model, tokenizer):
    widget = Story(model, tokenizer, max_length=0)
    assert widget.text == "Once upon a time" and widget.record.most_surprising is None
    assert "of which the model wrote 0." in widget.caption
    widget.picture()
    widget.prompt = ""
    assert widget.text == "" and widget.paragraphs == []
    widget.picture()


def test_a_shade_in_the_picture_is_as_dark_as_the_surprise(widget):
    widget.shaded = True
    (ax,) = widget.picture().axes
    shades = [patch.get_alpha() for patch in ax.patches]
    assert shades and all(0 <= shade <= 0.6 for shade in shades)
    widget.shaded = False
    assert not widget.picture().axes[0].patches


def test_what_is_wrong_is_said(widget, move):
    move(widget, shaded=3)
    assert "shaded must be True or False" in widget.caption and widget.shaded is False
    widget.prompt = "a\ud800"
    assert "prompt must be text that UTF-8 can hold" in widget.caption
    assert math.isfinite(widget.record.surprise)
