import base64
from html.parser import HTMLParser

import pytest
import torch
from matplotlib.figure import Figure

from gptcore import record
from gptcore.show import AttentionView
from gptcore.show.attention import MAP_SIZE, STRONGEST, bars_html, chips_html, head_attention, plot_attention
from gptcore.show.recorded import record_text

TEXT = "Once upon a time there was a little queen"


@pytest.fixture
def model(model_of_noise):
    return model_of_noise()


@pytest.fixture
def text(model, tokenizer):
    return record_text(model, tokenizer, TEXT)


@pytest.fixture
def view(model, tokenizer):
    return AttentionView(model, tokenizer, TEXT, layer=2, head=1)


class Chips(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.names, self.kinds = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if attributes.get("role") == "listitem":
            self.names.append(attributes.get("title", ""))
            self.kinds.append(attributes.get("class", ""))


def test_the_weights_are_those_of_the_recording(model, tokenizer, text, view):
    recording = record(model, torch.tensor(tokenizer.encode(TEXT)))
    for layer, head, position in [(0, 0, 0), (2, 3, 2), (1, 1, len(text.labels) - 1)]:
        attention = head_attention(text, layer, head, position)
        assert attention.weights == recording.attention[layer, head, position, : position + 1].tolist()
        assert sum(attention.weights) == pytest.approx(1, abs=1e-5)
        view.change(layer=layer, head=head, position=position)
        assert view.weights == attention.weights and view.strongest == attention.strongest


def test_the_strongest_positions_and_all_others_add_up(text):
    attention = head_attention(text, 1, 2, len(text.labels) - 1)
    order = sorted(range(len(attention.weights)), key=lambda position: -attention.weights[position])
    assert [position for position, _ in attention.strongest] == order[:STRONGEST]
    assert sum(weight for _, weight in attention.rows) == pytest.approx(1, abs=1e-5)
    assert attention.rows[-1][0] == f"{len(attention.weights) - STRONGEST} others"
    first = head_attention(text, 1, 2, 0)
    assert first.rows == [(f"{text.labels[0]} (position 0)", 1.0), ("no others", 0.0)]
    assert first.caption.endswith("gives most of its attention, 100.0%, to itself.")


def test_every_token_has_a_chip_with_its_number(text):
    chips = Chips(chips_html(head_attention(text, 0, 0, 2)))
    assert len(chips.names) == len(text.labels)
    assert "looks from here" in chips.names[2] and "gptcore-look-from" in chips.kinds[2]
    assert all("comes later" in name for name in chips.names[3:])
    assert all("gptcore-look-later" in kind for kind in chips.kinds[3:])
    assert all("gets" in name and "%" in name for name in chips.names[:3])


def test_the_bars_keep_their_height(text):
    shown = [None, head_attention(text, 0, 0, 0), head_attention(text, 0, 0, len(text.labels) - 1)]
    assert {bars_html(attention).count('class="gptcore-row') for attention in shown} == {STRONGEST + 1}


def test_it_begins_at_the_last_token_or_where_it_is_told(model, tokenizer):
    view = AttentionView(model, tokenizer, TEXT, layer=1, head=3, position=2)
    assert (view.text, view.layer, view.head, view.position, view.problem) == (TEXT, 1, 3, 2, None)
    assert AttentionView(model, tokenizer, TEXT).position == len(tokenizer.encode(TEXT)) - 1


def test_the_sliders_are_the_attributes(view, control, shown):
    for name, value in [("layer", 0), ("head", 3)]:
        control(view, name.capitalize()).value = value
        assert getattr(view, name) == value
    assert f"In layer {view.layer}, head {view.head}, “" in shown(view)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layer": 3}, "layer must be an integer from 0 to 2, got 3"),
        ({"head": -1}, "head must be an integer from 0 to 3, got -1"),
        ({"layer": True}, "got True"),
        ({"text": 5}, "text must be a str, got int"),
        ({"heads": 2}, "settings are text, position, layer, head, got heads"),
        ({"layer": 0, "position": 99}, "position must be an integer from 0 to"),
    ],
)
def test_a_value_that_is_not_allowed_changes_nothing_and_is_explained(view, control, settings, words):
    before = view.layer, view.head, view.position, view.text, view.weights
    view.change(**settings)
    assert words in view.problem and "Not changed" in view.caption
    assert (view.layer, view.head, view.position, view.text, view.weights) == before
    control(view, "Head").value = 2
    assert view.problem is None


def test_the_tokens_that_did_not_fit_are_counted(view, shown):
    view.text = "the fox and the queen " * 20
    assert f"{view.left_out:,} tokens before" in shown(view)


def test_one_layer_one_head_one_token(model_of_noise, tokenizer, control):
    view = AttentionView(model_of_noise(n_layers=1, n_heads=1), tokenizer, "a")
    assert view.labels == ["a"] and view.weights == [1.0]
    assert all(control(view, name).disabled for name in ("Layer", "Head", "Token"))
    view.picture()
    control(view, "Head").value = 1  # disabled, but a slider's range needs two ends
    assert view.weights == [1.0] and "head 0" in view.caption


def test_the_picture_shows_every_head_and_marks_the_chosen_one(view):
    maps = [ax for ax in view.picture().axes if ax.images]
    assert len(maps) == 12
    expected = view.recording.attention.flatten(0, 1)
    for ax, attention in zip(maps, expected, strict=True):
        torch.testing.assert_close(torch.tensor(ax.images[0].get_array()).square(), attention, atol=1e-5, rtol=0)
    framed = [i for i, ax in enumerate(maps) if ax.spines["left"].get_linewidth() > 2]
    assert framed == [2 * 4 + 1]


def test_the_bars_of_the_picture_are_the_weights(text):
    attention = head_attention(text, 2, 1, 6)
    ax = Figure().subplots()
    plot_attention(ax, attention)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([weight for _, weight in attention.rows])
    assert ax.get_title(loc="left") == f"Layer 2, head 1: where\n{text.name(6)} looks"


def test_the_maps_of_a_long_text_keep_the_strongest_weights(model_of_noise, tokenizer):
    view = AttentionView(model_of_noise(context_length=120), tokenizer, "the fox and the queen " * 30)
    assert len(view.labels) == 120
    image = view.picture().axes[0].images[0].get_array()
    assert image.shape == (MAP_SIZE, MAP_SIZE)
    assert image.max() == pytest.approx(view.recording.attention[0, 0].max().sqrt().item(), abs=1e-5)


def test_the_line_the_picture_and_the_view(view):
    view.change(layer=0, head=0, position=0)
    name = f"{view.labels[0]} (position 0)"
    assert view.describe() == f"AttentionView: layer 0, head 0, {name} looks most at {name}, 100.0%"
    bundle = view._repr_mimebundle_()[0]
    assert bundle["text/plain"] == view.describe() and "\n" not in view.describe()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in bundle
