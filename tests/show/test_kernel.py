"""Buttons and interrupts in a real kernel: a click is the message that a browser sends."""

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty

import pytest
from jupyter_client.manager import start_new_kernel

SETUP = """
import torch
import gptcore
from gptcore.show import StreamingGenerator, TrainingMonitor

_, tokenizer = gptcore.load(device="cpu")
model = gptcore.GPTModel(gptcore.GPTConfig(len(tokenizer), 32, emb_dim=16, n_heads=2, n_layers=1))
tales = [tokenizer.encode("Once upon a time there was a fox.")]
monitor = TrainingMonitor(model, tokenizer, sample_length=3)
generator = StreamingGenerator(model, tokenizer, "Once", max_length=10**6, seed=1, speed=20)
"""
TRAIN = """
print("begun")
history = await monitor.fit(tales, max_steps=10**6, batch_size=1, warmup_steps=1)
print(monitor.state)
"""


class Kernel:
    """A kernel, and what it has printed: (id of the cell's message, text)."""

    def __init__(self):
        self.manager, self.client = start_new_kernel(kernel_name="python3")
        self.printed: list[tuple[str, str]] = []
        self.finished: list[str] = []

    def send(self, code: str) -> str:
        return self.client.execute(code)

    def button(self, widget: str, name: str) -> Callable[[], None]:
        """A click on the button that calls the method `name` of `widget`: it sends what the browser sends."""
        model_id, done = self.run(f"print({widget}.view.model_id, {widget}.view.done)")
        state = {"asked": [[int(done) + 1, "do", name, []]]}
        content = {"comm_id": model_id, "data": {"method": "update", "state": state, "buffer_paths": []}}
        return lambda: self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def click(self, widget: str, name: str) -> None:
        self.button(widget, name)()

    def run(self, code: str) -> list[str]:
        """Run a cell to its end: the lines that it prints, or the name of its error."""
        cell = self.send(code)
        self.until(lambda: cell in self.finished)
        return self.lines(cell)

    def lines(self, cell: str) -> list[str]:
        return "".join(text for parent, text in self.printed if parent == cell).split()

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.printed
            with suppress(Empty):
                self._hear(self.client.get_iopub_msg(timeout=0.1))

    def _hear(self, message: dict) -> None:
        parent, content = message["parent_header"].get("msg_id"), message["content"]
        if message["msg_type"] == "stream":
            self.printed.append((parent, content["text"]))
        elif message["msg_type"] == "error":
            self.printed.append((parent, content["ename"]))
        elif content.get("execution_state") == "idle":
            self.finished.append(parent)


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    assert kernel.run(SETUP) == []
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


def test_stop_is_heard_while_the_cell_trains_and_the_cells_below_wait(kernel):
    stop = kernel.button("monitor", "stop")
    cell, below = kernel.send(TRAIN), kernel.send("print('below', monitor.state)")
    kernel.until(lambda: kernel.lines(cell) == ["begun"])
    stop()
    kernel.until(lambda: below in kernel.finished)
    assert kernel.lines(cell) == ["begun", "stopped"] and kernel.lines(below) == ["below", "stopped"]
    assert kernel.finished.index(cell) < kernel.finished.index(below)


def test_an_interrupt_ends_training_in_peace(kernel):
    cell = kernel.send(TRAIN)
    kernel.until(lambda: kernel.lines(cell) == ["begun"])
    kernel.manager.interrupt_kernel()
    kernel.until(lambda: cell in kernel.finished)
    assert kernel.lines(cell) == ["begun", "interrupted"]


@pytest.mark.parametrize("how", ["stopped", "interrupted"])
def test_a_text_that_grows_in_the_idle_kernel_is_stopped(kernel, how):
    """After cells that were stopped by either, too."""

    def state():
        return kernel.run("print(generator.state)")

    kernel.click("generator", "start")
    kernel.until(lambda: state() == ["running"])
    time.sleep(0.3)  # until the kernel is idle, and hears the interrupt
    kernel.click("generator", "stop") if how == "stopped" else kernel.manager.interrupt_kernel()
    kernel.until(lambda: state() == [how])


def test_an_interrupt_of_a_cell_that_waits_is_its_own(kernel):
    cell = kernel.send("generator.start(); print('begun'); generator.wait()")
    kernel.until(lambda: kernel.lines(cell) == ["begun"])
    kernel.manager.interrupt_kernel()
    kernel.until(lambda: cell in kernel.finished)
    assert kernel.lines(cell) == ["begun", "KeyboardInterrupt"]
    # A kernel drops cells that come at once after one that failed.
    kernel.until(lambda: kernel.run("print(generator.state)") == ["interrupted"])
