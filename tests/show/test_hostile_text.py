"""No text of a learner turns the page around, hides in it, or is read as markup."""

import re
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from gptcore import GPTConfig, GPTModel, Tokenizer, show
from gptcore.show.model_comparison import plot_texts

HIDDEN = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\x00\x07\x1b\x7f\x85\u2028"
EVIL = f"<img src=x onerror=alert(1)> \" ' & $x$ {HIDDEN} fox"
RAW = re.compile(f"[{HIDDEN}]")


def texts(thing: Any) -> list[str]:
    """All texts in what a page gets."""
    if isinstance(thing, dict):
        thing = [*thing, *thing.values()]
    return sum(map(texts, thing), []) if isinstance(thing, list) else [thing] if isinstance(thing, str) else []


def written(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.fixture(scope="module")
def letters():
    """A tokenizer whose tokens are the characters: each hidden one has a label of its own."""
    return Tokenizer.of_characters(EVIL + "Once upon a time")


@pytest.fixture(scope="module")
def model(letters):
    torch.manual_seed(0)
    return GPTModel(GPTConfig(vocab_size=len(letters), context_length=100, emb_dim=8, n_heads=2, n_layers=1))


def widgets(model, letters):
    named = {EVIL: model}
    yield show.AttentionView(model, letters, EVIL)
    yield show.LogitLens(model, letters, EVIL)
    yield show.DistributionExplorer(model, letters, EVIL)
    yield show.GenerationStepper(model, letters, EVIL)
    yield show.Machine(model, letters, EVIL)
    yield show.NextToken(model, letters, EVIL)
    yield show.SettingsComparison(model, letters, EVIL, max_length=30)
    yield show.ModelComparison(named, letters, EVIL, losses={EVIL: 1.0}, floor=0.5, max_length=30)
    yield show.StreamingGenerator(model, letters, EVIL, max_length=30)
    yield show.PrecisionExplorer(model, letters, text=EVIL, prompt=EVIL, max_length=30)
    yield show.TextScorer(model, letters, EVIL)
    yield show.TokenExplorer({EVIL: letters}, text=EVIL)
    yield show.CostExplorer({EVIL: model.config})
    prediction = show.Prediction(EVIL, {EVIL: EVIL, "no": EVIL}, right=EVIL)
    prediction.choice = "no"
    yield prediction
    monitor = show.TrainingMonitor(model, letters, prompt=EVIL, sample_length=5)
    monitor._begin(max_steps=3)
    monitor._write_sample(0)
    monitor._show()
    yield monitor


def use(widget):
    """Each button of the widget once, and each row of tokens with a hidden one among them."""
    for name in ("draw", "forward", "add_token", "start", "wait", "back"):
        getattr(widget, name, lambda: None)()


def test_no_widget_shows_a_hidden_character(model, letters):
    count = 0
    for widget in widgets(model, letters):
        for _ in range(2):
            values = [*texts(widget.view.shown), widget.caption, widget.describe()]
            values += texts(widget.view.offers.get("position", ""))
            values += written(widget.picture())
            for value in values:
                assert not RAW.search(value), (type(widget).__name__, value)
            assert any("<U+20" in value for value in values), type(widget).__name__
            count += len(values)
            use(widget)
    assert count > 2_000


def test_what_goes_wrong_is_said_without_them(model, letters):
    for widget in widgets(model, letters):
        widget.change(**{EVIL: 1})
        assert not RAW.search(widget.caption) and "<U+202E>" in widget.caption
        assert not any(map(RAW.search, texts(widget.view.shown)))


def test_no_chart_draws_them():
    figure, axes = show.chart(9, 9, rows=6, title=EVIL, titles=6 * [EVIL])
    show.plot_bars(axes[0], [EVIL], [1.0], [EVIL], xlabel=EVIL)
    show.plot_scores(axes[1], [EVIL], [1.0], [EVIL], xlabel=EVIL)
    show.plot_pairs(axes[2], [EVIL], {EVIL: [1.0], EVIL + "2": [1.0]}, {EVIL: [EVIL]}, xlabel=EVIL)
    show.plot_lines(axes[3], [1, 2], {EVIL: [1.0, 2.0]}, xlabel=EVIL, ylabel=EVIL)
    show.plot_futures(axes[4], [{EVIL: 1.0}], outlined=[EVIL])
    plot_texts([axes[5]], {EVIL: EVIL})
    texts = written(figure)
    assert not any(map(RAW.search, texts)) and sum("<U+202E>" in text for text in texts) >= 20
    figure.canvas.draw()


def test_a_printed_text_steers_no_terminal(capsys):
    show.print_text([EVIL, EVIL])
    assert not RAW.search(capsys.readouterr().out)
