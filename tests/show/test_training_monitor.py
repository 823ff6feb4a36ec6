import asyncio
import math
import threading

import pytest
import torch

from gptcore import GPTConfig, GPTModel, evaluate, fit, stories
from gptcore.printable import printable
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


def finish(coroutine):
    """Unlike asyncio.run, this leaves signals alone."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def train(monitor, tales, **settings):
    return finish(monitor.fit(tales[:6], tales[6:], **(SETTINGS | settings)))


def stop_is_usable(monitor):
    shown = monitor.view.shown
    return shown["state"] == "running" and not shown["stopping"]


def test_it_shows_what_fit_reports(monitor, tales, shown):
    assert monitor.state == "ready" and not stop_is_usable(monitor) and not monitor.losses
    heard = []
    history = train(monitor, tales, on_progress=heard.append)
    assert monitor.state == "finished" and history is monitor.history and heard == history.reports
    assert monitor.losses == [(report.step, report.loss) for report in history.reports]
    assert [step for step, _ in monitor.losses] == list(range(1, 21))
    assert [step for step, _ in monitor.val_losses] == [5, 10, 15, 20]
    assert monitor.step == 20 and monitor.seconds_left == 0 and monitor.tokens_per_second > 0
    assert monitor.val_losses[-1][1] < monitor.val_losses[0][1]
    page = monitor.view.shown
    assert (page["step"], page["most"], page["at"]) == (20, 20, history.best_step)
    assert page["numbers"][1] == f"{history.best_val_loss:.2f}" and page["best"]["loss"] == history.best_val_loss
    curve = [(point["step"], point["loss"]) for point in page["points"] if point["loss"] is not None]
    assert curve == monitor.losses
    assert "the best on the validation text" in shown(monitor) and not stop_is_usable(monitor)


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
    shown = [(one["step"], one["text"]) for one in monitor.view.shown["samples"]]
    assert shown == [(step, printable(text)) for step, text in monitor.samples]


def test_samples_take_a_small_share_of_the_time(monitor, tales, monkeypatch):
    """A clock by which a sample takes 1 s and a step 10 s: each sample has to wait until it is 1% of the time."""
    clock = [0.0]
    monkeypatch.setattr("gptcore.show.training_monitor.perf_counter", lambda: clock[0])

    def sample(*arguments, **settings):
        clock[0] += 1
        return "a text"

    def step(progress):
        clock[0] += 10

    monkeypatch.setattr("gptcore.show.training_monitor.generate_text", sample)
    train(monitor, tales, on_progress=step)
    assert [step for step, _ in monitor.samples[:-1]] == [0, 11]
    assert monitor.seconds == pytest.approx(192)


def test_the_numbers_are_those_of_the_weights_that_the_model_has(monitor, model, tales):
    """Not those of the last step, which overfits here."""
    history = train(monitor, tales, max_steps=60, learning_rate=3e-2)
    assert history.best_step < 60
    loss, val_loss = dict(monitor.losses)[history.best_step], dict(monitor.val_losses)[history.best_step]
    assert monitor.view.shown["numbers"][:2] == [f"{loss:.2f}", f"{val_loss:.2f}"]
    assert monitor.view.shown["at"] == history.best_step and monitor.samples[-1][0] == history.best_step
    assert evaluate(model, tales[6:]).loss == pytest.approx(val_loss, abs=1e-5)


def test_the_stop_button(monitor, model, tales, press, shown):
    def at_step_7(progress):
        if progress.step == 7:
            assert monitor.running and stop_is_usable(monitor)
            press(monitor, "stop")
            assert monitor.running and not stop_is_usable(monitor)

    history = train(monitor, tales, on_progress=at_step_7)
    assert monitor.state == "stopped" and monitor.step == 8 and history.stopped_by == "should_stop"
    assert "Stopped by hand after 8 steps" in shown(monitor) and history.best_step == 5
    assert evaluate(model, tales[6:]).loss == pytest.approx(history.best_val_loss, abs=1e-5)
    monitor.stop()  # nothing to stop
    assert monitor.state == "stopped"
    assert train(monitor, tales).stopped_by == "max_steps" and monitor.state == "finished"


def test_an_interrupt_ends_the_cell_in_peace(monitor, tales, shown):
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

    history = finish(kernel())
    assert monitor.state == "interrupted" and history.stopped_by == "should_stop" and not monitor.running
    assert "The kernel was interrupted" in shown(monitor)
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

    finish(kernel())
    assert monitor.state == "stopped"


def test_it_learns_on_the_thread_of_the_cell(monitor, tales):
    """PyTorch's threads wait for each other much longer where two Python threads use them."""
    threads = set()
    train(monitor, tales, on_progress=lambda progress: threads.add(threading.current_thread()))
    assert threads == {threading.main_thread()}


def test_an_interrupt_in_the_midst_of_a_sample(monitor, tales, monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gptcore.show.training_monitor.generate_text", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(monitor, tales)
    assert monitor.state == "interrupted" and not stop_is_usable(monitor)
    assert train(monitor, tales).stopped_by == "max_steps"


def test_stopped_early_by_patience(monitor, tales, shown):
    history = train(monitor, tales, learning_rate=1e-9, patience=1, max_steps=100)
    assert history.stopped_by == "patience" and monitor.state == "patience" and monitor.step < 100
    assert "no longer fell" in shown(monitor)


def test_what_goes_wrong_is_said(monitor, tales, shown):
    with pytest.raises(ValueError, match="at least one document"):
        train(monitor, [])
    assert "at least one document" in shown(monitor)
    with pytest.raises(ValueError, match="the loss became") as raised:
        train(monitor, tales, learning_rate=1e30, clip_norm=1e30)
    assert monitor.state == "failed" and monitor.error is raised.value
    assert "the loss became" in shown(monitor) and not stop_is_usable(monitor)
    monitor.picture()


def test_a_number_of_steps_that_is_none_begins_nothing(monitor, tales):
    with pytest.raises(TypeError, match="max_steps must be an integer, got 'many'"):
        train(monitor, tales, max_steps="many")
    assert monitor.state == "ready"
    train(monitor, tales)
    assert monitor.state == "finished"


def test_without_floor_and_without_validation(model, tokenizer, tales, shown):
    monitor = TrainingMonitor(model, tokenizer)
    finish(monitor.fit(tales, **SETTINGS))
    assert monitor.state == "finished" and not monitor.val_losses and monitor.samples[-1][0] == 20
    assert "floor" not in shown(monitor) and monitor.view.shown["best"] is None
    monitor.picture()


@pytest.mark.parametrize("floor", [0, -1.0, math.nan, math.inf])
def test_a_floor_that_is_none(model, tokenizer, floor):
    with pytest.raises(ValueError, match="floor must be a loss above 0"):
        TrainingMonitor(model, tokenizer, floor=floor)


def test_the_line_of_text_never_changes(monitor, tales):
    line = "TrainingMonitor: training and validation loss, step by step, above the floor of 0.40 nats per token"
    assert monitor.describe() == line
    train(monitor, tales)
    assert monitor.describe() == line
    bundle = monitor._repr_mimebundle_()[0]
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert bundle["text/plain"] == line
