import asyncio
import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest
import torch

from gptcore import GPTConfig, GPTModel, generate_text, next_token_distribution
from gptcore.printable import printable
from gptcore.show import interrupts, streaming, writing
from gptcore.show.streaming import StreamingGenerator, paced


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(0)
    return GPTModel(
        GPTConfig(vocab_size=len(tokenizer), context_length=16, emb_dim=16, n_heads=2, n_layers=1, drop_rate=0.5)
    )


@pytest.fixture
def generator(model, tokenizer):
    generator = StreamingGenerator(model, tokenizer, "Once upon", max_length=40, seed=3)
    yield generator
    generator.stop()
    generator.wait(5)


@pytest.fixture
def slow(generator):
    generator.max_length, generator.speed = 10_000, 20
    return generator


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_it_writes_what_generate_text_writes(generator, model, tokenizer):
    assert generator.state == "ready" and generator.candidates is not None
    assert generator.describe() == "StreamingGenerator: ready to go on from 'Once upon', up to 40 tokens"
    generator.start()
    generator.wait()
    assert generator.state == "finished" and not generator.running
    assert generator.text == generate_text(model, "Once upon", tokenizer, 40, seed=3)
    shown = generator.view.shown
    assert (shown["count"], shown["most"], shown["state"]) == (40, 40, "finished")
    assert shown["pace"] == generator.tokens_per_second > 0
    assert "".join(shown["parts"]) == printable(generator.text) and shown["parts"][0] == "Once upon"


def test_start_and_stop_buttons(slow, capsys, shown, press):
    press(slow, "start")
    assert slow.running and slow.view.shown["state"] == "running"
    until(lambda: len(slow.new_ids) >= 3)
    slow.speed = 1
    until(lambda: len(slow.new_ids) >= 4)  # the next token is due in a second
    press(slow, "stop")
    slow.wait()
    assert slow.state == "stopped" and len(slow.new_ids) == 4  # it did not wait for that token
    assert slow.text.startswith("Once upon") and len(slow.text) > len("Once upon")
    assert "Stopped" in slow.caption in shown(slow)
    slow.stop()  # nothing to stop
    assert slow.state == "stopped"
    assert capsys.readouterr() == ("", "")  # a thread never prints


def test_after_stop_the_bars_are_those_of_the_last_token(slow):
    slow.start()
    until(lambda: len(slow.new_ids) >= 2)
    slow.stop()
    slow.wait()
    ids = slow.prompt_ids + slow.new_ids
    logits = slow.model.eval()(torch.tensor([ids[:-1]]))[0, -1]
    probs = next_token_distribution(logits, top_k=10).probs
    assert torch.allclose(slow.distribution.probs, probs, atol=1e-5)
    shown = slow.view.shown
    assert shown["drawn"]["id"] == shown["dart"]["id"] == slow.new_ids[-1]
    assert [row["prob"] for row in shown["candidates"]] == [prob for _, prob in slow.candidates.rows()]
    assert shown["parts"][2] and printable(slow.text).endswith(shown["parts"][2])


def test_before_the_first_token_the_bars_are_those_of_the_token_to_come(slow):
    """Also while it writes, and where it was stopped before that token."""
    slow.speed = 1  # the first token is due in a second
    slow.start()
    assert slow.caption == "It is writing. Below are the candidates for the first token."
    assert slow.view.shown["drawn"] is None and slow.view.shown["dart"] is None
    slow.stop()
    slow.wait()
    assert slow.new_ids == [] and slow.view.shown["drawn"] is None and slow.view.shown["candidates"]


def test_what_a_thread_shows_arrives_while_the_page_asks(slow, press, move):
    slow.speed = None
    slow.max_length = 10**6
    for speed in range(20, 40):
        press(slow, "start")
        move(slow, speed=speed)
        press(slow, "stop")
        slow.wait()
        assert slow.view.shown["state"] == "stopped" and slow.view.settings["speed"] == speed


def test_a_second_start_does_nothing(slow, press):
    slow.start()
    until(lambda: len(slow.new_ids) >= 2)
    threads = threading.active_count()
    slow.start()
    press(slow, "start")
    assert threading.active_count() == threads and len(slow.new_ids) >= 2
    slow.stop()
    slow.wait()
    slow.start()
    assert slow.running


class Clock:
    """A clock that only waiting moves; each wait is written down."""

    def __init__(self, stop_after=1000):
        self.now, self.waits, self.stop_after = 0.0, [], stop_after

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        return len(self.waits) > self.stop_after


def test_the_pace_is_the_speed_and_can_change_on_the_way():
    clock, limit = Clock(), SimpleNamespace(speed=20)
    steps = paced(range(10), lambda: limit.speed, clock.wait, clock)
    assert [next(steps) for _ in range(4)] == [0, 1, 2, 3]
    assert clock.waits == pytest.approx(4 * [0.05])
    limit.speed = None
    assert list(steps) == [4, 5, 6, 7, 8, 9] and clock.waits[4:] == 6 * [0.0]


def test_a_slow_model_makes_up_for_half_a_second_at_most():
    clock = Clock()
    steps = paced(range(20), lambda: 10, clock.wait, clock)
    next(steps)
    clock.now += 3  # as long as one token took
    list(steps)
    assert clock.waits[1:] == pytest.approx(5 * [0.0] + 14 * [0.1], abs=1e-9)


def test_asked_to_stop_it_gives_no_other_step():
    clock = Clock(stop_after=3)
    assert list(paced(range(10), lambda: 20, clock.wait, clock)) == [0, 1, 2]


def test_a_limit_can_be_lifted_while_it_writes(slow, move):
    slow.start()
    assert slow.speed == 20 == slow.view.settings["speed"]
    slow.max_length = 100
    assert slow.view.offers["speed"]["options"][-1] == ["no limit", None]
    move(slow, speed=None)
    assert slow.speed is None and slow.view.settings["speed"] is None
    until(lambda: len(slow.new_ids) > 100)


def test_the_end_of_the_text(model, tokenizer, shown):
    with torch.no_grad():
        model.final_norm.weight.zero_()
        model.final_norm.bias.copy_(model.token_embedding.weight[tokenizer.eos_token_id] * 1e4)
    generator = StreamingGenerator(model, tokenizer, "Once upon")
    generator.start()
    generator.wait()
    assert generator.text == "Once upon" and "story is over" in shown(generator)
    generator.picture()


def test_an_error_in_the_thread_is_a_sentence(generator, monkeypatch, capsys, shown):
    def break_down(*arguments, **settings):
        raise RuntimeError("out of <memory>")

    monkeypatch.setattr(streaming, "stream_decode", break_down)
    generator.start()
    generator.wait()
    assert generator.state == "failed" and isinstance(generator.error, RuntimeError)
    assert "RuntimeError: out of <memory>" in shown(generator)
    assert generator.view.shown["state"] == "failed"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", -1, "temperature must be 0"),
        ("max_length", "abc", "max_length must be an integer"),
        ("seed", -1, "seed must be"),
        ("speed", float("nan"), "speed must be an integer"),
        ("speed", 0, "speed must be at least 1"),
        ("top_k", 0, "top_k must be at least 1"),
    ],
)
def test_a_setting_that_is_not_allowed_changes_nothing_and_is_said(generator, shown, press, name, value, words):
    before = getattr(generator, name)
    setattr(generator, name, value)
    assert getattr(generator, name) == before and words in generator.caption
    assert f"Not changed: {words}" in shown(generator)
    generator.picture()
    press(generator, "start")
    generator.wait()
    assert generator.state == "finished" and "Not changed" not in shown(generator)


def test_another_prompt(generator, move):
    move(generator, prompt="<img src=x onerror=alert(1)> $x$")
    assert generator.state == "ready" and generator.text == generator.prompt == generator.view.shown["parts"][0]
    generator.prompt = ""
    generator.start()
    generator.wait()
    assert generator.state == "finished" and generator.prompt_ids == []


def run_in_a_loop(coroutine):
    """Unlike asyncio.run, this leaves signals alone."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


def test_an_interrupt_while_waiting_stops_it(slow, shown, hears_interrupts):
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    slow.start()
    with pytest.raises(KeyboardInterrupt):
        slow.wait()
    assert slow.state == "interrupted" and len(slow.new_ids) > 0
    assert "interrupted" in shown(slow)


def test_an_interrupt_of_an_idle_kernel_stops_it(model, tokenizer, hears_interrupts):
    """As in a kernel: its main thread waits for work, and ignores the signal but for us."""

    async def kernel():
        generator = StreamingGenerator(model, tokenizer, "Once", max_length=10_000, speed=20, seed=3)
        generator.start()
        await asyncio.sleep(0.3)
        assert signal.getsignal(signal.SIGINT) is interrupts.call_all
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.3)
        assert generator.state == "interrupted" and generator.new_ids
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as it was
        generator.start()  # usable again
        await asyncio.sleep(0.2)
        assert generator.running
        generator.stop()
        await asyncio.sleep(0.3)
        assert generator.state == "stopped"

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run_in_a_loop(kernel())
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_a_running_cell_does_with_an_interrupt_is_left_alone(model, tokenizer):
    async def kernel():
        generator = StreamingGenerator(model, tokenizer, "Once", max_length=10_000, speed=20, seed=3)
        generator.start()
        await asyncio.sleep(0.3)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        generator.stop()
        await asyncio.sleep(0.2)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run_in_a_loop(kernel())
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(generator):
    bundle = generator._repr_mimebundle_()[0]
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert bundle["text/plain"] == generator.describe()


class Letters:
    """Any object that encodes and decodes is a tokenizer."""

    def encode(self, text):
        return [ord(letter) for letter in text]

    def decode(self, token_ids):
        return "".join(map(chr, token_ids))


def test_a_tokenizer_without_an_end(model, shown):
    generator = StreamingGenerator(model, Letters(), "ab", max_length=20, seed=3)
    generator.start()
    generator.wait()
    assert len(generator.text) == 22 and "no more room" in shown(generator)


def test_a_prompt_that_is_set_while_it_writes_waits_for_the_next_start(slow):
    slow.start()
    until(lambda: len(slow.new_ids) >= 2)
    slow.prompt = "fox"
    assert slow.running and slow.text.startswith("Once upon")
    slow.stop()
    slow.wait(5)
    assert slow.state == "stopped" and slow.text.startswith("Once upon")
    slow.start()
    assert slow.text.startswith("fox")


def test_a_thread_that_cannot_begin_or_end_leaves_start_alive(generator, monkeypatch, shown, press):
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda thread: 1 / 0)
        press(generator, "start")
        assert generator.state == "failed" and "division by zero" in shown(generator)
    with monkeypatch.context() as patch:
        patch.setattr(streaming, "band", lambda *numbers: {}["no"])
        press(generator, "start")
        generator.wait(5)
    press(generator, "start")
    generator.wait()
    assert generator.state == "finished" and generator._done.is_set()


def test_of_a_very_long_text_the_end_is_shown(model, tokenizer, monkeypatch):
    monkeypatch.setattr(writing, "MOST_SHOWN", 10)
    generator = StreamingGenerator(model, tokenizer, "Once upon", max_length=40, seed=3, temperature=9.0, top_k=None)
    generator.start()
    generator.wait()
    assert len(generator.text) > 20 and generator.view.shown["parts"][0] == "… "
    assert "".join(generator.view.shown["parts"][1:]) == printable(generator.text[-10:])
