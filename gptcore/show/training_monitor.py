"""`TrainingMonitor`: watch a model learn, and stop it by hand.

The cell takes one step after the other and gives the kernel a turn between them, in which it hears the Stop button and
the interrupt; the cells below begin only when training has ended. (A thread of its own would be freer, but PyTorch's
threads wait for each other much longer when two Python threads take turns to use them.)
"""

import asyncio
import math
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

from matplotlib.figure import Figure

from gptcore.checks import check_integer, given
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.show.charts import WIDTH, chart
from gptcore.show.front import Control
from gptcore.show.kernel import hear_widgets
from gptcore.show.live import LiveView
from gptcore.show.settings import (
    OPENING,
    Setting,
    Shown,
    TextSetting,
    check_any_seed,
    check_floor,
    check_length,
    check_sampling,
)
from gptcore.show.training_record import Training, plot_losses, plot_samples
from gptcore.text_generation import generate_text
from gptcore.tokenizer import check_tokenizer
from gptcore.training import History, Progress, fit_steps
from gptcore.training.evaluation import Steps

REFRESH = 0.5  # seconds between two pictures
TURN = 0.1  # seconds after which the kernel has its turn, as soon as a step is done
MOST_OF_A_SAMPLE = 200  # tokens: training waits for them
SHARE_OF_SAMPLES = 0.01  # of the time of training: a sample waits until those before it have been paid for
POINTS = 100  # reports of the training loss in one training


class TrainingMonitor(LiveView):
    """Training, live: both losses above the floor, samples of what the model writes, the pace, and a Stop button.

        monitor = TrainingMonitor(model, tokenizer, floor=0.65)
        monitor  # the last line of a cell shows it
        history = await monitor.fit(train_ids, val_ids, max_steps=600)  # in the next cell

    `floor` is the entropy of the source in nats per token, the lowest loss that a model can expect on fresh texts; None
    if it is not known. A sample continues `prompt` for up to `sample_length` tokens, each time with the same luck,
    `seed`.

    `losses` and `val_losses` are lists of (step, loss in nats per token), `samples` of (step, text). `state` is
    "ready", "running", "finished", "stopped" (by hand), "interrupted" (by the kernel), "patience" (stopped early,
    because the validation loss no longer fell) or "failed", and then `error` is what went wrong.
    """

    floor, prompt, seed = Setting(check_floor), TextSetting(), Setting(check_any_seed)
    sample_length = Setting(check_length, most=MOST_OF_A_SAMPLE)
    temperature, top_k = Setting(check_sampling), Setting(check_sampling)
    state, error, running, max_steps, step = (Shown() for _ in range(5))
    losses, val_losses, samples = (Shown() for _ in range(3))
    seconds, seconds_left, tokens_per_second = (Shown() for _ in range(3))
    front, hands = "training_monitor", ("stop",)
    _remembered = ()  # a training may be at work on the record

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        floor: float | None = None,
        prompt: str = OPENING,
        sample_length: int = 60,
        temperature: float = 0.7,
        top_k: int | None = 10,
        seed: int = 1,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        names = "floor", "prompt", "sample_length", "temperature", "top_k", "seed"
        self._open(**{name: Control() for name in names})
        settings = {"floor": floor, "prompt": prompt, "sample_length": sample_length, "seed": seed}
        self._put(**self._checked(settings | {"temperature": temperature, "top_k": top_k}))
        self._asked_to_stop = threading.Event()
        self.history: History | None = None
        self.record = Training(0, math.log(model.config.vocab_size), floor)
        self._show()

    async def fit(
        self,
        train_ids: Any,
        val_ids: Any | None = None,
        *,
        max_steps: int,
        on_progress: Callable[[Progress], None] | None = None,
        **settings: Any,
    ) -> History:
        """Train the model with `gptcore.fit`, and show how it goes; `await` it, and it gives the same `History`.

        Stop, or the kernel's interrupt, ends training after the current step, and the model keeps the weights that
        did best so far. `settings` are those of `gptcore.fit`. Raises ValueError if another training is running.
        """
        if self.running:
            raise ValueError(_("monitor must have ended one training before the next, but it is still running"))
        check_integer("max_steps", max_steps, least=0)  # before anything has begun
        if on_progress is not None and not callable(on_progress):
            raise TypeError(
                _("on_progress must be a function of a Progress, got {value}").format(value=given(on_progress))
            )
        self._begin(max_steps)
        settings = {"report_interval": max(1, max_steps // POINTS), "max_steps": max_steps} | settings
        settings |= {"should_stop": self._asked_to_stop.is_set, "on_progress": partial(self._hear, on_progress)}
        try:
            self._write_sample(step=0)
            self.history = await self._take(fit_steps(self.model, train_ids, val_ids, **settings))
            self._write_sample(self.history.best_step or self.step)
            ends = {"max_steps": "finished", "patience": "patience", "interrupt": "interrupted"}
            state = ends.get(self.history.stopped_by, self._state_when_stopped)
            self.record = self.record.ended(state, self.history)
        except BaseException as error:
            state, error = ("failed", error) if isinstance(error, Exception) else ("interrupted", None)
            self.record = self.record.ended(state, error=error)
            raise
        finally:
            self._show()
        return self.history

    def stop(self) -> None:
        """Ask it to stop: it does so after the current step. Does nothing when nothing is running."""
        self._end("stopped")

    def _begin(self, max_steps: int) -> None:
        self.record = Training(max_steps, self.record.start, self.floor, state="running")
        self.history, self._state_when_stopped = None, "stopped"
        self._asked_to_stop.clear()
        self._began, self._seconds_of_samples = perf_counter(), 0.0
        self._drawn = self._began
        self._show()

    def _end(self, state: str) -> None:
        if self.running and not self._asked_to_stop.is_set():
            self._state_when_stopped = state
            self._asked_to_stop.set()
            self._show_numbers()  # the button is out of use from now on

    async def _take(self, steps: Steps[History]) -> History:
        """All the steps; now and then the kernel has a turn."""
        turned = perf_counter()
        try:
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value
                if perf_counter() - turned < TURN:
                    continue
                try:
                    await asyncio.sleep(0.001)  # not 0: a click passes through many hands
                    await hear_widgets()
                except (asyncio.CancelledError, KeyboardInterrupt):  # how a kernel interrupts a cell that waits
                    self._end("interrupted")
                turned = perf_counter()
        finally:
            steps.close()  # the best weights are restored, whatever happens here; an interrupt can skip `closing`

    def _hear(self, on_progress: Callable[[Progress], None] | None, progress: Progress) -> None:
        """A report of `fit`."""
        now = perf_counter()
        self.record = self.record.after(progress, now - self._began)
        if on_progress is not None:
            on_progress(progress)
        if progress.step < self.max_steps and self._seconds_of_samples < SHARE_OF_SAMPLES * self.seconds:
            self._write_sample(progress.step)
        if now - self._drawn > REFRESH:
            self._show_numbers()

    def _write_sample(self, step: int) -> None:
        began = perf_counter()
        sampling = {name: getattr(self, name) for name in ("temperature", "top_k", "seed")}
        text = generate_text(self.model, self.prompt, self.tokenizer, self.sample_length, **sampling)
        self.record = replace(self.record, samples=[*self.samples, (step, text)])
        self._seconds_of_samples += perf_counter() - began
        self._show_numbers()

    def _update(self, names: Collection[str]) -> None:
        if "floor" in names and not self.running:
            self.record = replace(self.record, floor=self.floor)
        self._show()

    def _show_numbers(self) -> None:
        """What changes while it learns."""
        self._drawn = perf_counter()
        self.view.draw(self._told())

    def _shown(self) -> dict[str, Any]:
        return {**self.record.shown(), "stopping": self.running and self._asked_to_stop.is_set()}

    def _band(self) -> dict[str, Any]:
        config = self.model.config
        return {"characters": len(self.prompt), "layers": config.n_layers, "logits": config.vocab_size}

    def _given(self) -> dict[str, Any]:
        return super()._given() | {"given": {"config": vars(self.model.config)}}

    def picture(self) -> Figure:
        """The curves; and once something was learned, what the model wrote before and after."""
        if not self.samples:
            figure, ax = chart(WIDTH, 3.2)
            plot_losses(ax, self.record)
            return figure
        figure, (curves, texts) = chart(WIDTH, 5.4, rows=2, height_ratios=(3, 2))
        plot_losses(curves, self.record)
        plot_samples(texts, self.record)
        return figure
