import base64
import json

import pytest
import torch

import gptcore
from gptcore import GPTConfig, GPTModel
from gptcore.sampling import Sampling
from gptcore.show import Candidates, NextToken


@pytest.fixture
def widget(model, tokenizer):
    return NextToken(model, tokenizer, "Once upon", seed=3)


def test_a_click_adds_the_token_that_was_drawn(widget, press):
    for _ in range(3):
        step, before = widget.step, list(widget.token_ids)
        press(widget, "add_token")
        assert widget.token_ids == [*before, step.token_id]
        assert widget.last is step
        assert widget.step.position == step.position + 1


def test_the_widget_shows_the_distribution_that_chooses(widget, tokenizer):
    assert widget.candidates == Candidates.of(widget.step.distribution, tokenizer)
    rows = widget.view.shown["candidates"]
    assert [(row["label"], row["prob"]) for row in rows] == widget.candidates.rows()
    assert widget.view.shown["dart"]["id"] == widget.step.token_id == rows_hit(widget.view.shown["dart"])


def rows_hit(dart):
    """The token whose piece of the bar the dart falls on."""
    return next(piece["id"] for piece in dart["pieces"] if piece["left"] <= dart["uniform"] < piece["right"])


def test_a_token_may_be_chosen_and_the_luck_goes_on_as_it_was(widget, press, shown):
    drawn, uniform = widget.step.token_id, widget.step.uniform
    other = next(token_id for token_id in widget.candidates.token_ids if token_id != drawn)
    press(widget, "choose", other)
    assert widget.token_ids[-1] == other and widget.last.uniform == uniform
    assert widget.view.shown["drawn"] == {"uniform": uniform, "id": other} and widget.view.shown["count"] == 1
    press(widget, "choose", 10**6)
    assert "Not changed: token_id must be below" in shown(widget) and widget.token_ids[-1] == other
    press(widget, "choose", "fox")
    assert "Not changed: token_id must be an integer" in shown(widget)


def test_a_page_may_send_anything(widget, shown):
    before = widget.describe()
    for asked in (
        [[1, "do", "__init__", []]],
        [[2, "do", "_begin", []]],
        [["x", "do", "add_token", []]],
        [7],
        [[3, "go"]],
    ):
        widget.view.set_state({"asked": asked})
        assert widget.describe() == before
    widget.view.set_state({"asked": [[4, "do", "add_token", 5]]})
    assert "Not changed: " in shown(widget)
    widget.view.set_state({"asked": [[5, "set", "colour", 1], [6, "set", "seed", {}]]})
    assert "Not changed: seed must be an integer" in shown(widget) and widget.describe() == before
    widget.view.set_state({"asked": [[6, "do", "add_token", []], [7, "do", "add_token", []]]})
    assert len(widget.record.new_ids) == 1 and widget.view.done == 7  # the sixth was answered already


def test_the_same_seed_tells_the_same_story_and_a_new_story_another(model, tokenizer, press):
    def told(widget):
        for _ in range(6):
            widget.add_token()
        return widget.text

    widget = NextToken(model, tokenizer, "Once", seed=3)
    first = told(widget)
    assert told(NextToken(model, tokenizer, "Once", seed=3)) == first
    press(widget, "new_story")
    assert widget.text == "Once"
    assert told(widget) == told(NextToken(model, tokenizer, "Once", seed=4)) != first


def test_another_prompt_begins_again(widget, move):
    widget.add_token()
    move(widget, prompt="옛날")
    assert widget.text == "옛날" == widget.prompt
    assert widget.last is None


def test_an_empty_prompt_starts_from_the_end_of_text(widget):
    widget.prompt = ""
    assert widget.text == ""
    widget.add_token()
    assert len(widget.token_ids) == 1


def test_the_story_ends_at_the_end_of_text(model, tokenizer, shown):
    with torch.no_grad():  # a model that is sure that everything is over
        model.final_norm.weight.zero_()
        model.final_norm.bias.copy_(model.token_embedding.weight[tokenizer.eos_token_id] * 1e4)
    widget = NextToken(model, tokenizer, "Once upon")
    widget.add_token()
    assert widget.text == "Once upon"
    assert widget.step is None and widget.candidates is None
    assert "story is over" in shown(widget)
    widget.add_token()  # does nothing
    assert widget.describe() == "NextToken: 'Once upon' is over"
    widget.picture()
    widget.new_story()
    assert widget.step is not None


def test_characters_that_cannot_be_seen_are_shown(widget):
    widget.prompt = "a\u202eb\x00"
    assert widget.view.shown["parts"][0] == "a<U+202E>b<U+0000>"
    assert widget.view.settings["prompt"] == "a\u202eb\x00"  # the field keeps what was typed


@pytest.mark.parametrize("prompt", ["$$", "$5 and $6", "\\frac{1}{2} $", "fox " * 500, "x" * 2000, "🦊" * 300, "\n\n"])
def test_any_prompt_has_a_picture_without_a_warning(widget, recwarn, prompt):
    widget.prompt = prompt
    png = base64.b64decode(widget._repr_mimebundle_()[0]["image/png"])
    assert int.from_bytes(png[16:20], "big") < 1000  # pixels wide
    assert [str(warning.message) for warning in recwarn.list] == []


def test_a_prompt_that_cannot_be_read_becomes_a_sentence(shown, press, move):
    letters = gptcore.Tokenizer.of_characters("a fox")
    model = GPTModel(
        GPTConfig(vocab_size=len(letters), context_length=12, emb_dim=16, n_heads=2, n_layers=1, drop_rate=0.0)
    )
    widget = NextToken(model, letters, "a fox")
    widget.add_token()
    move(widget, prompt="Once")
    assert "There is nothing to show: text must have only the 5 characters" in shown(widget)
    assert widget.text == "" and widget.candidates is None
    assert widget.describe().startswith("NextToken: text must have only")
    widget.add_token()  # does nothing
    press(widget, "new_story")
    widget.picture()
    move(widget, prompt="")
    assert widget.problem.startswith("prompt must not be empty")
    move(widget, prompt="fox")
    assert widget.problem is None and widget.text == "fox"


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(widget):
    bundle = widget._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == widget.describe()
    assert widget.describe().startswith("NextToken: 'Once upon' may go on with ")
    json.dumps(bundle)


def test_after_an_error_the_same_text_goes_on(model, tokenizer, shown, press, monkeypatch):
    whole, broken = (NextToken(model, tokenizer, "Once", seed=3) for _ in range(2))
    broken.temperature = 5.0  # holds from the next story on
    for _ in range(4):
        with monkeypatch.context() as patch:
            patch.setattr(Sampling, "distribution", lambda *arguments: 1 / 0)
            press(broken, "add_token")
            assert "Not changed: ZeroDivisionError" in shown(broken)
        press(broken, "add_token")
        whole.add_token()
        assert broken.token_ids == whole.token_ids and broken.problem is None


def test_a_seed_may_be_none(model, tokenizer, press):
    widget = NextToken(model, tokenizer, "Once", seed=None)
    press(widget, "new_story")
    assert widget.seed is None and widget.problem is None
