import asyncio
import math
import re
import threading

import pytest
import torch

from gptcore import GPTConfig, GPTModel, evaluate, fit, stories
from gptcore.show import TrainingMonitor


def new_model(tokenizer):
    torch.manual_seed(0)
    return GPTModel(
        GPTConfig(vocab_size=len(tokenizer), context_length=24, emb_dim=16, n_heads=2, n_layers=1, drop_rate=0.2)
    )


@pytest.fixture
def model(tokenizer):
    return new_model(tokenizer)


@pytest.fixture(scope="module")
def tales(tokenizer):
    texts = [stories.sample("en", seed)[:80] for seed in range(8)]
    return [[*tokenizer.encode(text), tokenizer.eos_token_id] for text in texts]


@pytest.fixture
def monitor(model, tokenizer):
    return TrainingMonitor(model, tokenizer, floor=0.4, sample_length=8)


SETTINGS = {"max_steps": 20, "batch_size": 2, "warmup_steps": 2, "eval_interval": 5, "learning_rate": 1e-2}


def train(monitor, tales, **settings):
    """Unlike asyncio.run, this leaves signals alone."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(monitor.fit(tales[:6], tales[6:], **(SETTINGS | settings)))
    finally:
        loop.close()


def test_it_shows_what_fit_reports(monitor, tales):
    assert monitor.state == "ready" and monitor._stop.disabled and not monitor.losses
    heard = []
    history = train(monitor, tales, on_progress=heard.append)
    assert monitor.state == "finished" and history is monitor.history and heard == history.reports
    assert monitor.losses == [(report.step, report.loss) for report in history.reports]
    assert [step for step, _ in monitor.losses] == list(range(1, 21))
    assert [step for step, _ in monitor.val_losses] == [5, 10, 15, 20]
    assert monitor.step == 20 and monitor.seconds_left == 0 and monitor.tokens_per_second > 0
    assert monitor.val_losses[-1][1] < monitor.val_losses[0][1]
    assert f"{monitor.val_losses[-1][1]:.2f}" in monitor._numbers.value and "step 20 of 20" in monitor._numbers.value
    assert "the best on the validation text" in monitor._message.value and monitor._stop.disabled


def test_watching_changes_no_weight(monitor, model, tokenizer, tales):
    history = train(monitor, tales)
    other = new_model(tokenizer)
    assert fit(other, tales[:6], tales[6:], **SETTINGS).best_val_loss == history.best_val_loss
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_samples_before_and_after(monitor, tales):
    train(monitor, tales)
    steps = [step for step, _ in monitor.samples]
    assert steps[0] == 0 and steps[-1] == monitor.history.best_step and steps == sorted(steps)
    assert all(text.startswith("Once upon a time") for _, text in monitor.samples)
    assert "after 0 steps" in monitor._texts.value


def test_samples_take_a_small_share_of_the_time(monitor, tales, monkeypatch):
    """A clock by which a sample takes 1 s and a step 10 s: each sample has to wait until it is 1% of the time."""
    clock = [0.0]
    monkeypatch.setattr("gptcore.show.training_monitor.perf_counter", lambda: clock[0])

    def sample():
        clock[0] += 1
        return "a text"

    def step(progress):
        clock[0] += 10

    monitor._sample = sample
    train(monitor, tales, on_progress=step)
    assert [step for step, _ in monitor.samples[:-1]] == [0, 11]
    assert monitor.seconds == pytest.approx(192)


def test_the_stop_button(monitor, model, tales):
    def at_step_7(progress):
        if progress.step == 7:
            assert monitor.running and not monitor._stop.disabled
            monitor._stop.click()
            assert monitor._stop.disabled

    history = train(monitor, tales, on_progress=at_step_7)
    assert monitor.state == "stopped" and monitor.step == 8 and history.stopped_by == "should_stop"
    assert "Stopped by hand after 8 steps" in monitor._message.value and history.best_step == 5
    assert evaluate(model, tales[6:]).loss == pytest.approx(history.best_val_loss, abs=1e-5)
    monitor.stop()  # nothing to stop
    assert monitor.state == "stopped"
    assert train(monitor, tales).stopped_by == "max_steps" and monitor.state == "finished"


def test_an_interrupt_ends_the_cell_in_peace(monitor, tales):
    """A kernel cancels the task of the cell."""

    async def kernel():
        began = threading.Event()
        cell = asyncio.ensure_future(
            monitor.fit(tales[:6], tales[6:], **(SETTINGS | {"max_steps": 100_000}), on_progress=lambda p: began.set())
        )
        while not began.is_set():
            await asyncio.sleep(0.01)
        cell.cancel()
        await asyncio.sleep(0)
        cell.cancel()  # pressed twice
        return await cell

    loop = asyncio.new_event_loop()
    try:
        history = loop.run_until_complete(kernel())
    finally:
        loop.close()
    assert monitor.state == "interrupted" and history.stopped_by == "should_stop" and not monitor.running
    assert "The kernel was interrupted" in monitor._message.value
    assert train(monitor, tales).stopped_by == "max_steps"


def test_the_loop_is_free_while_it_learns(monitor, tales):
    """So that a click can be heard."""

    async def kernel():
        cell = asyncio.ensure_future(monitor.fit(tales[:6], **(SETTINGS | {"max_steps": 100_000})))
        while not monitor.losses:
            await asyncio.sleep(0.01)
        with pytest.raises(ValueError, match="still running"):
            await monitor.fit(tales[:6], max_steps=3)
        monitor.stop()
        await cell

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(kernel())
    finally:
        loop.close()
    assert monitor.state == "stopped"


def test_it_learns_on_the_thread_of_the_cell(monitor, tales):
    """PyTorch's cores wait for each other much longer where two threads use them."""
    threads = set()
    train(monitor, tales, on_progress=lambda progress: threads.add(threading.current_thread()))
    assert threads == {threading.main_thread()}


def test_an_interrupt_in_the_midst_of_a_sample(monitor, tales):
    def interrupted():
        raise KeyboardInterrupt

    sample, monitor._sample = monitor._sample, interrupted
    with pytest.raises(KeyboardInterrupt):
        train(monitor, tales)
    assert monitor.state == "interrupted" and monitor._stop.disabled
    monitor._sample = sample
    assert train(monitor, tales).stopped_by == "max_steps"


def test_stopped_early_by_patience(monitor, tales):
    history = train(monitor, tales, learning_rate=1e-9, patience=1, max_steps=100)
    assert history.stopped_by == "patience" and monitor.state == "patience" and monitor.step < 100
    assert "no longer fell" in monitor._message.value


def test_what_goes_wrong_is_said(monitor, tales):
    with pytest.raises(ValueError, match="at least one document"):
        train(monitor, [])
    assert "at least one document" in monitor._message.value
    with pytest.raises(ValueError, match="the loss became"):
        train(monitor, tales, learning_rate=1e30, clip_norm=1e30)
    assert monitor.state == "failed" and "the loss became" in monitor._message.value and monitor._stop.disabled
    monitor.picture()


def test_a_number_of_steps_that_is_none_begins_nothing(monitor, tales):
    with pytest.raises(TypeError, match="max_steps must be an integer, got 'many'"):
        train(monitor, tales, max_steps="many")
    assert monitor.state == "ready"
    train(monitor, tales)
    assert monitor.state == "finished"


def test_without_floor_and_without_validation(model, tokenizer, tales):
    monitor = TrainingMonitor(model, tokenizer)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(monitor.fit(tales, **SETTINGS))
    loop.close()
    assert monitor.state == "finished" and not monitor.val_losses and monitor.samples[-1][0] == 20
    assert "floor:" not in monitor._curves.value
    monitor.picture()


@pytest.mark.parametrize("floor", [0, -1.0, math.nan, math.inf])
def test_a_floor_that_is_none(model, tokenizer, floor):
    with pytest.raises(ValueError, match="floor must be a loss above 0"):
        TrainingMonitor(model, tokenizer, floor=floor)


def test_what_a_model_writes_is_never_html(monitor):
    monitor.samples = [(0, "<img src=x onerror=alert(1)> $x$ $$")]
    monitor._show_samples()
    assert "<img" not in monitor._texts.value and "&lt;img" in monitor._texts.value
    monitor.picture().canvas.draw()


def test_the_line_of_text_never_changes(monitor, tales):
    line = "TrainingMonitor: training and validation loss, step by step, above the floor of 0.40 nats per token"
    assert monitor.describe() == line
    train(monitor, tales)
    assert monitor.describe() == line
    bundle = monitor._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert bundle["text/plain"] == line


def test_curves_lie_where_their_losses_are(monitor):
    """On both charts: a loss that is lower is drawn lower, and nothing leaves the axes."""
    monitor.max_steps, monitor.step = 4, 4
    monitor.losses, monitor.val_losses = [(1, 5.0), (2, 2.5), (3, 1.25), (4, 0.1)], [(2, 3.0), (4, 1.0)]
    monitor._show_numbers()
    svg = monitor._curves.value
    points = re.search(r'class="training" points="([^"]+)"', svg)[1].split()
    xs, ys = zip(*(map(float, point.split(",")) for point in points), strict=True)
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1], abs=0.2)  # half the loss is always the same step down
    assert list(ys) == sorted(ys) and list(xs) == sorted(xs) and ys[0] > 0 and ys[-1] < 270
    assert svg.count("<circle") == 3 and 'role="img"' in svg and "training loss 0.10" in svg  # one in the legend
    ax = monitor.picture().axes[0]
    curves = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    assert curves["training loss"] == [list(point) for point in monitor.losses]
    assert curves["validation loss"] == [list(point) for point in monitor.val_losses]
    low, high = ax.get_ylim()
    assert low < 0.1 and high > math.log(monitor.model.config.vocab_size)


def test_the_legend_covers_no_loss(monitor):
    """Of a model that overfits, the validation loss stays high, where the legend is otherwise."""
    steps = range(10, 301, 10)
    monitor.max_steps = 300
    monitor.losses = [(step, max(0.05, 7.6 * math.exp(-step / 45))) for step in steps]
    monitor.val_losses = [(step, 3 + step / 500) for step in steps]
    figure = monitor.picture()
    figure.draw_without_rendering()
    ax = figure.axes[0]
    legend = ax.get_legend().get_window_extent()
    for curve in (monitor.losses, monitor.val_losses):
        assert not any(legend.contains(*point) for point in ax.transData.transform(curve))
