"""Every widget on an Apple GPU, which has no float64: it says and shows what it does on the CPU."""

import asyncio
import re

import pytest
import torch

from gptcore import GPTConfig, GPTModel, show
from gptcore.generation import generate_steps
from tests.apple import apple_gpu


@pytest.fixture(autouse=True)
def machine():
    with apple_gpu():
        yield


@pytest.fixture
def on(tokenizer):
    """on(device): the same model on any device, with a context of 12 tokens."""

    def make(device: str) -> GPTModel:
        torch.manual_seed(0)
        model = GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=12, emb_dim=16, n_heads=2, n_layers=2))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        return model.to(device)

    return make


def explorer(model, tokenizer):
    widget = show.DistributionExplorer(model, tokenizer, "Once", temperature=0.8, top_k=20, top_p=0.9)
    widget.draw(100)
    widget.temperature, widget.min_p, widget.rows = 1.5, 0.02, 5
    widget.draw()
    return widget


def stepper(model, tokenizer):
    widget = show.GenerationStepper(model, tokenizer, "Once", temperature=0.8, top_k=20, seed=1)
    for _ in range(3):
        widget.forward()
    widget.back()
    widget.choose(5)
    return widget


def streaming(model, tokenizer):
    widget = show.StreamingGenerator(model, tokenizer, "Once", seed=1, max_length=5)
    widget.start()
    widget.wait()
    assert widget.state == "finished", widget.error
    return widget


def next_token(model, tokenizer):
    widget = show.NextToken(model, tokenizer, "Once", temperature=0.8, top_k=20)
    widget.add_token()
    widget.add_token()
    return widget


def attention(model, tokenizer):
    widget = show.AttentionView(model, tokenizer, "Once upon a time", layer=1, head=1)
    widget.position = 1
    return widget


def lens(model, tokenizer):
    widget = show.LogitLens(model, tokenizer, "Once upon a time")
    widget.position = 1
    return widget


def scorer(model, tokenizer):
    widget = show.TextScorer(model, tokenizer, "Once upon a time there was a fox")
    widget.position = 1
    return widget


def precision(model, tokenizer):
    widget = show.PrecisionExplorer(model, tokenizer, text="Once upon a time", max_length=5)
    widget.change(bits=4, grouping=64)
    return widget


def models(model, tokenizer):
    widget = show.ModelComparison({"one": model, "other": model}, tokenizer, "Once", max_length=4)
    widget.position = 2
    return widget


def settings(model, tokenizer):
    return show.SettingsComparison(model, tokenizer, "Once", max_length=5)


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-\d+)?")
WIDGETS = [explorer, stepper, streaming, next_token, attention, lens, scorer, precision, models, settings]


@pytest.mark.parametrize("make", WIDGETS, ids=lambda make: make.__name__)
def test_a_widget_shows_what_it_shows_on_the_cpu(make, on, tokenizer, shown):
    found, expected = make(on("mps"), tokenizer), make(on("cpu"), tokenizer)
    assert found.problem is None and expected.problem is None
    assert found.describe() == expected.describe() and found.caption == expected.caption
    found_text, expected_text = shown(found), shown(expected)
    assert NUMBER.sub("#", found_text) == NUMBER.sub("#", expected_text) != ""
    # The CPU computes a small model in NumPy, which rounds the last digits of a float32 otherwise.
    numbers = ([float(number) for number in NUMBER.findall(text)] for text in (found_text, expected_text))
    assert next(numbers) == pytest.approx(next(numbers), rel=1e-4, abs=1e-5)
    assert found._repr_mimebundle_()[0]["image/png"] == expected._repr_mimebundle_()[0]["image/png"]


def test_pictures_are_those_of_the_cpu(on, tokenizer):
    found, expected = (
        next(generate_steps(on(device), torch.tensor([1, 2, 3], device=device), 1, top_k=5, seed=1))
        for device in ("mps", "cpu")
    )
    for of in (
        lambda step: show.Candidates.of(step.distribution, tokenizer),
        lambda step: show.Dart.of(step.distribution, step.uniform, tokenizer),
    ):
        assert of(found).describe() == of(expected).describe()


def test_beliefs_of_the_device_are_drawn(on, tokenizer):
    figure, ax = show.chart(6, 3)
    belief = on("mps")(torch.tensor([[1, 2]], device="mps"))[0, -1].softmax(-1)
    show.plot_belief(ax, {3: 0.5, 4: 0.5}, belief, tokenizer)
    assert len(ax.patches) > 0


def test_a_training_is_watched_as_on_the_cpu(on, tokenizer):
    losses, text = {}, torch.arange(60) % 40
    for device in ("cpu", "mps"):
        monitor = show.TrainingMonitor(on(device), tokenizer, prompt="Once", sample_length=4)
        training = monitor.fit(text, text, max_steps=2, batch_size=2, report_interval=1, eval_interval=1)
        losses[device] = [report.loss for report in asyncio.run(training).reports]
        assert monitor.state == "finished" and monitor.picture()
    assert losses["mps"] == pytest.approx(losses["cpu"], rel=1e-4)
