import base64
from html.parser import HTMLParser

import pytest
import torch

from gptcore import GPTConfig, GPTModel, record
from gptcore.show import AttentionView
from gptcore.show.attention import MAP_SIZE, STRONGEST
from gptcore.tokenizer import token_label

TEXT = "Once upon a time there was a little queen"


def make_model(tokenizer, **settings):
    torch.manual_seed(0)
    config = {"context_length": 40, "emb_dim": 16, "n_heads": 4, "n_layers": 3, "drop_rate": 0.5}
    model = GPTModel(GPTConfig(vocab_size=len(tokenizer), **(config | settings)))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


@pytest.fixture
def model(tokenizer):
    return make_model(tokenizer)


@pytest.fixture
def view(model, tokenizer):
    return AttentionView(model, tokenizer, TEXT, layer=2, head=1)


class Chips(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.names, self.kinds, self.text = set(), [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        attributes = dict(attributes)
        if attributes.get("role") == "listitem":
            self.names.append(attributes.get("title", ""))
            self.kinds.append(attributes.get("class", ""))

    def handle_data(self, data):
        self.text += data


def test_the_weights_are_those_of_the_recording(view, model, tokenizer):
    recording = record(model, torch.tensor(tokenizer.encode(TEXT)))
    for layer, head, position in [(0, 0, 0), (2, 3, 2), (1, 1, len(view.labels) - 1)]:
        view.layer, view.head, view.position = layer, head, position
        assert view.weights == recording.attention[layer, head, position, : position + 1].tolist()
        assert sum(view.weights) == pytest.approx(1, abs=1e-5)
    assert view.labels == [token_label(tokenizer, i) for i in tokenizer.encode(TEXT)]
    assert model.training


def test_it_begins_at_the_last_token_or_where_it_is_told(model, tokenizer):
    view = AttentionView(model, tokenizer, TEXT, layer=1, head=3, position=2)
    assert (view.text, view.layer, view.head, view.position, view.problem) == (TEXT, 1, 3, 2, None)
    assert AttentionView(model, tokenizer, TEXT).position == len(tokenizer.encode(TEXT)) - 1


def test_the_controls_are_the_attributes(view):
    for name, value in [("layer", 0), ("head", 3), ("position", 1)]:
        view.controls[name].value = value
        assert getattr(view, name) == value
    assert f"layer {view.layer}, head {view.head}, “" in view._message.value
    view.controls["text"].value = "a queen"
    assert view.text == "a queen" and view.position == len(view.labels) - 1
    assert view.controls["position"].max == len(view.labels) - 1


def test_the_model_is_called_for_a_new_text_only(view, monkeypatch):
    calls = []
    forward = view.model.token_embedding.forward
    monkeypatch.setattr(view.model.token_embedding, "forward", lambda ids: calls.append(ids) or forward(ids))
    view.layer, view.head, view.position = 1, 0, 0
    assert calls == []
    view.text = "a queen"
    assert len(calls) == 1


def test_the_strongest_places_and_all_others_add_up(view):
    order = sorted(range(len(view.weights)), key=lambda place: -view.weights[place])
    assert [place for place, _ in view.strongest] == order[:STRONGEST]
    rows = view._rows()
    assert sum(weight for _, weight in rows) == pytest.approx(1, abs=1e-5)
    assert rows[-1][0] == f"{len(view.weights) - STRONGEST} others"
    view.position = 0
    assert view._rows() == [(f"{view.labels[0]} (place 0)", 1.0), ("no others", 0.0)]
    assert "to itself" in view.reading


def test_every_token_has_a_chip_with_its_number(view):
    view.position = 2
    chips = Chips(view._chips.value)
    assert len(chips.names) == len(view.labels)
    assert "looks from here" in chips.names[2] and "gptcore-look-from" in chips.kinds[2]
    assert all("comes later" in name for name in chips.names[3:])
    assert all("gptcore-look-later" in kind for kind in chips.kinds[3:])
    assert all("gets" in name and "%" in name for name in chips.names[:3])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layer": 3}, "layer must be a whole number from 0 to 2, got 3"),
        ({"head": -1}, "head must be a whole number from 0 to 3, got -1"),
        ({"position": 99}, "position must be a whole number from 0 to"),
        ({"position": 1.5}, "got 1.5"),
        ({"layer": True}, "got True"),
        ({"text": 5}, "text must be a text, got 5"),
        ({"heads": 2}, "settings are text, layer, head, position, got heads"),
    ],
)
def test_a_value_that_is_not_allowed_changes_nothing_and_is_explained(view, settings, words):
    before = view.layer, view.head, view.position, view.text, view.weights
    view.change(**settings)
    assert words in view.problem and "Not changed" in view.reading
    assert (view.layer, view.head, view.position, view.text, view.weights) == before
    view.controls["head"].value = 2
    assert view.problem is None


@pytest.mark.parametrize(
    ("text", "words"), [("", "at least one token"), ("\ud800", "without surrogates")], ids=["empty", "surrogate"]
)
def test_a_text_that_cannot_be_read_leaves_a_sentence(view, text, words):
    view.text = text
    assert words in view.reading and view.weights == view.strongest == view.labels == []
    assert words in view._message.value or "surrogates" in view._message.value
    assert view.describe().startswith("AttentionView: text must")
    assert view.controls["position"].disabled
    view.controls["position"].value = 1  # a browser can move what is on the screen
    view.layer = 0
    view.picture()
    view.text = TEXT
    assert view.problem is None and sum(view.weights) == pytest.approx(1, abs=1e-5)
    assert not view.controls["position"].disabled


def test_a_token_that_the_model_lacks_leaves_a_sentence(tokenizer):
    torch.manual_seed(0)
    small = GPTModel(GPTConfig(vocab_size=3, context_length=8, emb_dim=8, n_heads=2, n_layers=1))
    assert "the model's vocabulary" in AttentionView(small, tokenizer, TEXT).reading


def test_past_the_context_the_last_tokens_are_read(view, tokenizer):
    view.text = "the fox and the queen " * 20
    token_ids = tokenizer.encode(view.text)
    assert view.left_out == len(token_ids) - 40 > 0
    assert view.recording.token_ids.tolist() == token_ids[-40:]
    assert "sees only its last 40 tokens" in view.reading
    assert f"{view.left_out:,} tokens before" in view._chips.value


def test_one_layer_one_head_one_token(tokenizer):
    view = AttentionView(make_model(tokenizer, n_layers=1, n_heads=1), tokenizer, "a")
    assert view.labels == ["a"] and view.weights == [1.0]
    assert all(view.controls[name].disabled for name in ("layer", "head", "position"))
    view.picture()
    view.controls["head"].value = 1  # disabled, but a slider's range needs two ends
    assert view.weights == [1.0] and "head 0" in view.reading


def test_nothing_in_a_text_is_html(view):
    view.text = '<script>alert(1)</script><img src=x onerror=alert(1)> & "x" $$'
    for html in (view._chips.value, view._bars.value, view._message.value):
        assert not Chips(html).tags & {"script", "img"}
    view.picture()


def test_the_picture_shows_every_head_and_marks_the_chosen_one(view):
    figure = view.picture()
    maps = [ax for ax in figure.axes if ax.images]
    assert len(maps) == 12
    expected = view.recording.attention.flatten(0, 1)
    for ax, attention in zip(maps, expected, strict=True):
        torch.testing.assert_close(torch.tensor(ax.images[0].get_array()).square(), attention, atol=1e-5, rtol=0)
    framed = [i for i, ax in enumerate(maps) if ax.spines["left"].get_linewidth() > 2]
    assert framed == [2 * 4 + 1]


def test_the_maps_of_a_long_text_keep_the_strongest_weights(tokenizer):
    view = AttentionView(make_model(tokenizer, context_length=120), tokenizer, "the fox and the queen " * 30)
    assert len(view.labels) == 120
    image = view.picture().axes[0].images[0].get_array()
    assert image.shape == (MAP_SIZE, MAP_SIZE)
    assert image.max() == pytest.approx(view.recording.attention[0, 0].max().sqrt().item(), abs=1e-5)


def test_the_line_the_picture_and_the_view(view):
    view.change(layer=0, head=0, position=0)
    name = f"{view.labels[0]} (place 0)"
    assert view.describe() == f"AttentionView: layer 0, head 0, {name} looks most at {name}, 100.0%"
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"] == view.describe() and "\n" not in view.describe()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in bundle
