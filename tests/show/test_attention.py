import base64
import json

import pytest
import torch
from matplotlib.figure import Figure

from gptcore import record
from gptcore.show import AttentionView
from gptcore.show.attention import MAP_SIZE, MOST_SQUARES, STRONGEST, head_attention, map_size, plot_attention
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


def test_the_page_gets_the_weights_and_the_strongest(view):
    shown = view.view.shown
    assert (shown["layer"], shown["head"], shown["position"]) == (2, 1, len(view.labels) - 1)
    assert shown["weights"] == pytest.approx(view.weights, rel=1e-5)
    assert view.view.offers["position"]["labels"] == view.labels
    *rows, others = shown["rows"]
    assert [(row["id"], row["prob"]) for row in rows] == view.strongest
    assert [row["label"] for row in rows] == [view.labels[position] for position, _ in view.strongest]
    assert (others["id"], others["label"]) == (None, f"{len(view.labels) - STRONGEST} others")
    assert sum(row["prob"] for row in shown["rows"]) == pytest.approx(1, abs=1e-5)


def test_the_page_knows_where_every_head_looks_most(view):
    view.position = 6
    heads = view.view.shown["heads"]
    for layer in range(3):
        for head in range(4):
            attention = head_attention(view.recorded, layer, head, 6)
            assert (heads["positions"][layer][head], heads["weights"][layer][head]) == attention.strongest[0]


def unpacked(maps, heads):
    """The weights that the small maps stand for, (heads, size, size)."""
    values = torch.frombuffer(bytearray(base64.b64decode(maps["values"])), dtype=torch.uint8)
    weights, (rows, columns) = torch.zeros(heads, maps["size"], maps["size"]), torch.tril_indices(*2 * [maps["size"]])
    weights[:, rows, columns] = (values.float() / 255).square().view(heads, -1)
    return weights


def test_the_maps_are_the_weights_of_all_heads(view):
    maps = view.view.offers["head"]["maps"]
    assert maps["size"] == len(view.labels)
    torch.testing.assert_close(unpacked(maps, 12), view.recording.attention.flatten(0, 1), atol=0.005, rtol=0)


def test_the_maps_of_a_long_text_are_small_and_keep_the_strongest(model_of_noise, tokenizer):
    view = AttentionView(model_of_noise(context_length=240, n_layers=6), tokenizer, "the fox and the queen " * 60)
    assert len(view.labels) == 240 and len(json.dumps(view.view.offers)) < 60_000 > 4 * len(json.dumps(view.view.shown))
    maps = unpacked(view.view.offers["head"]["maps"], 24)
    expected = view.recording.attention.flatten(0, 1).flatten(1).max(-1).values
    torch.testing.assert_close(maps.flatten(1).max(-1).values, expected, atol=0.005, rtol=0)


@pytest.mark.parametrize("heads", [1, 24, 144, 1_200, 10**6])
def test_all_maps_together_have_so_many_squares(heads):
    size = map_size(heads, 1_000)
    assert 1 <= size <= MAP_SIZE and (size == 1 or heads * size * (size + 1) / 2 <= MOST_SQUARES)
    assert size == MAP_SIZE or heads * (size + 1) * (size + 2) / 2 > MOST_SQUARES
    assert map_size(heads, 1) == 1


def test_the_maps_are_sent_once_for_a_text(view, press):
    sent = []
    view.view.observe(lambda change: sent.append(change.name), names=["offers", "shown"])
    view.position = 3
    press(view, "choose", 0, 2)
    assert (view.layer, view.head, sent) == (0, 2, ["shown", "shown"])
    view.text = "a queen"
    assert "offers" in sent


def test_it_begins_at_the_last_token_or_where_it_is_told(model, tokenizer):
    view = AttentionView(model, tokenizer, TEXT, layer=1, head=3, position=2)
    assert (view.text, view.layer, view.head, view.position, view.problem) == (TEXT, 1, 3, 2, None)
    assert AttentionView(model, tokenizer, TEXT).position == len(tokenizer.encode(TEXT)) - 1


def test_a_hand_on_the_page_sets_the_attributes(view, move, press, shown):
    move(view, position=1)
    press(view, "choose", 0, 3)
    assert (view.layer, view.head, view.position) == (0, 3, 1)
    assert "In layer 0, head 3, “" in shown(view)
    press(view, "choose", 0, 4)
    assert "Not changed: head must be an integer from 0 to 3, got 4" in shown(view) and view.head == 3


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
def test_a_value_that_is_not_allowed_changes_nothing_and_is_explained(view, move, settings, words):
    before = view.layer, view.head, view.position, view.text, view.weights
    view.change(**settings)
    assert words in view.problem and "Not changed" in view.caption
    assert (view.layer, view.head, view.position, view.text, view.weights) == before
    move(view, head=2)
    assert view.problem is None and view.head == 2


def test_the_tokens_that_did_not_fit_are_counted(view):
    view.text = "the fox and the queen " * 20
    assert view.view.shown["left_out"] == view.left_out > 0


def test_one_layer_one_head_one_token(model_of_noise, tokenizer, move):
    view = AttentionView(model_of_noise(n_layers=1, n_heads=1), tokenizer, "a")
    assert view.labels == ["a"] and view.weights == [1.0]
    view.picture()
    move(view, head=1)
    assert view.weights == [1.0] and "got 1" in view.caption and "head 0" in view.caption


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
