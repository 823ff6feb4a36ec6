"""What the dart shows is what the draw does."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from gptcore.sampling import draw, next_token_distribution
from gptcore.show.dart import MOST_ALONE, Dart, plot_dart


class Letters:
    """A tokenizer without words: any id has a label."""

    def __init__(self, words=()):
        self.words = words

    def encode(self, text):
        return []

    def decode(self, token_ids):
        return "".join(self.words[i] if i < len(self.words) else f"w{i}" for i in token_ids)


def of(chances, **how):
    return next_token_distribution(torch.tensor(chances).log(), **how)


def random_distribution(seed, vocab_size=3000, spread=3.0, **how):
    logits = spread * torch.randn(vocab_size, generator=torch.Generator().manual_seed(seed))
    return next_token_distribution(logits, **how)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    vocab_size=st.integers(1, 400),
    spread=st.floats(0, 12),
    top_k=st.none() | st.integers(1, 400),
    temperature=st.sampled_from([0, 0.3, 1.0, 3.0]),
    uniform=st.floats(0, 1, exclude_max=True),
)
def test_what_is_outlined_is_what_is_drawn(seed, vocab_size, spread, top_k, temperature, uniform):
    distribution = random_distribution(seed, vocab_size, spread, top_k=top_k, temperature=temperature)
    dart = Dart.of(distribution, uniform, Letters())
    assert dart.token_id == dart.hit.token_id == int(draw(distribution, uniform))
    assert dart.hit.left - 1e-12 <= uniform <= dart.hit.right + 1e-12
    edges = [segment.left for segment in dart.segments] + [dart.segments[-1].right]
    assert edges[0] == 0 and edges[-1] == pytest.approx(1, abs=1e-12)
    assert edges == sorted(edges)
    assert all(a.right == b.left for a, b in zip(dart.segments, dart.segments[1:], strict=False))
    assert sum(segment.count for segment in dart.segments) == int(distribution.kept_count)


def test_the_tokens_lie_in_the_order_of_the_vocabulary():
    dart = Dart.of(of([0.1, 0.4, 0.2, 0.3], top_k=3), 0.5, Letters())
    assert [segment.token_id for segment in dart.segments] == [1, 2, 3]
    assert [segment.width for segment in dart.segments] == pytest.approx([4 / 9, 2 / 9, 3 / 9])
    assert dart.token_id == 2


def test_narrow_tokens_are_merged_with_their_neighbours_and_never_dropped():
    dart = Dart.of(of([0.004] * 50 + [0.5] + [0.003] * 100), 0.6, Letters())
    assert [(segment.token_id, segment.count) for segment in dart.segments] == [(None, 50), (50, 1), (None, 100)]
    assert [segment.width for segment in dart.segments] == pytest.approx([0.2, 0.5, 0.3], abs=1e-6)
    assert [segment.label for segment in dart.segments] == ["50 others", "w50", "100 others"]


def test_a_narrow_token_that_is_hit_stands_alone():
    dart = Dart.of(of([0.004] * 50 + [0.8]), 0.0105, Letters())
    assert [(segment.token_id, segment.count) for segment in dart.segments] == [(None, 2), (2, 1), (None, 47), (50, 1)]
    assert dart.shown()["id"] == dart.shown()["pieces"][1]["id"] == 2


def test_however_many_tokens_the_bar_stays_readable():
    dart = Dart.of(of([0.01] * 100), 0.995, Letters())
    alone = [segment for segment in dart.segments if segment.token_id is not None]
    assert len(alone) <= MOST_ALONE + 1
    assert sum(segment.width for segment in dart.segments) == pytest.approx(1)


@pytest.mark.parametrize("uniform", [0.0, 0.31, 0.7312, 1 - 2**-53])
def test_the_widths_on_the_page_are_the_probabilities(uniform):
    distribution = random_distribution(3, top_k=60)
    dart = Dart.of(distribution, uniform, Letters())
    shown = dart.shown()
    widths = [piece["right"] - piece["left"] for piece in shown["pieces"]]
    assert widths == pytest.approx([segment.width for segment in dart.segments]) and sum(widths) == pytest.approx(1)
    alone = {
        piece["id"]: width for piece, width in zip(shown["pieces"], widths, strict=True) if piece["id"] is not None
    }
    assert alone == pytest.approx({token_id: distribution.probs[token_id].item() for token_id in alone}, abs=1e-6)
    assert shown["id"] in alone and shown["uniform"] == uniform and shown["about"] == dart.describe()


def test_the_label_of_the_hit_and_the_place_of_the_dart_are_in_the_text():
    dart = Dart.of(of([0.2, 0.5, 0.3], top_k=2), 0.99999, Letters([" a", " b", " c"]))
    assert (dart.name, dart.uniform_text) == ("␣c · id 2 · 37.5%", "0.9999")


def test_the_sentence():
    dart = Dart.of(of([0.2, 0.5, 0.3]), 0.25, Letters([" a", " b", " c"]))
    assert dart.describe() == (
        "A bar of length 1 that holds 3 tokens in the order of the vocabulary: the dart at 0.2500 hits ␣b, id 1, "
        "which has a chance of 50.0%."
    )
    assert "holds 1 token in" in Dart.of(of([0.2, 0.8], temperature=0), 0.25, Letters()).describe()


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", "&amp;", '"', "$x$", "$$"])
def test_no_label_is_read_as_mathematics(word):
    figure = Figure()
    plot_dart(figure.subplots(), Dart.of(of([0.5, 0.5]), 0.1, Letters([word, word])))
    figure.canvas.draw()


def test_what_the_page_gets_is_small_even_at_the_worst():
    def size(distribution, tokenizer):
        return len(json.dumps(Dart.of(distribution, 0.5, tokenizer).shown()))

    assert size(of(([1.0] + [0.001] * 20) * 100), Letters(["<<<<" * 30] * 5000)) < 24_000
    assert size(random_distribution(1, 50_257), Letters()) < 8_000
    assert size(of([0.02] * 50), Letters()) < 8_000


def test_the_bars_of_the_chart_are_the_probabilities():
    distribution = random_distribution(3, top_k=60)
    dart = Dart.of(distribution, 0.7, Letters())
    ax = Figure().subplots()
    plot_dart(ax, dart)
    *bars, outline = ax.patches
    assert [bar.get_x() for bar in bars] == pytest.approx([segment.left for segment in dart.segments])
    assert [bar.get_width() for bar in bars] == pytest.approx([segment.width for segment in dart.segments])
    assert [bool(bar.get_hatch()) for bar in bars] == [segment.token_id is None for segment in dart.segments]
    assert outline.get_x() <= 0.7 <= outline.get_x() + max(outline.get_width(), 0.006)
    assert any(f"w{dart.token_id} · id {dart.token_id}" in text.get_text() for text in ax.texts)


def test_hangul_is_drawn_without_a_warning(recwarn):
    figure = Figure()
    plot_dart(figure.subplots(), Dart.of(of([0.5, 0.5]), 0.5, Letters([" 나무꾼은", " 옛날"])))
    figure.canvas.draw()
    assert not recwarn.list


@pytest.mark.parametrize("uniform", [-0.1, 1.0, float("nan")])
def test_a_dart_beside_the_bar_is_refused(uniform):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        Dart.of(of([0.5, 0.5]), uniform, Letters())


def test_a_batch_is_refused():
    with pytest.raises(ValueError, match="vocab_size"):
        Dart.of(of([[0.5, 0.5]]), 0.5, Letters())
