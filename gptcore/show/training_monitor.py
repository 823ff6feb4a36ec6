"""`TrainingMonitor`: watch a model learn, and stop it by hand.

The cell takes one step after the other and gives the kernel a turn between them, in which it hears the Stop button and
the interrupt; the cells below begin only when training has ended. (A thread of its own would be freer, but PyTorch's
cores wait for each other much longer when two threads take turns to use them.)
"""

import asyncio
import math
import textwrap
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from html import escape
from time import perf_counter
from typing import Any

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import check_integer
from gptcore.generation import generate_text
from gptcore.model import GPTModel
from gptcore.show.charts import drawable, styled
from gptcore.show.live import LiveView
from gptcore.show.style import CHOSEN, KEPT, OTHERS, caption_html, stylesheet
from gptcore.training import History, Progress, fit_steps
from gptcore.training.evaluation import Steps

REFRESH = 0.5  # seconds between two pictures
TURN = 0.1  # seconds after which the kernel has its turn, as soon as a step is done
SHARE_OF_SAMPLES = 0.01  # of the time of training: a sample waits until those before it have been paid for
POINTS = 100  # reports of the training loss in one training

Curve = list[tuple[int, float]]  # (step, loss in nats per token)


class TrainingMonitor(LiveView):
    """Training, live: both losses above the floor, samples of what the model writes, the pace, and a Stop button.

    >>> monitor = TrainingMonitor(model, tokenizer, floor=0.41)
    >>> monitor  # the last line of a cell shows it
    >>> history = await monitor.fit(train_ids, val_ids, max_steps=600)

    `floor` is the loss that no model can go below, the entropy of the source in nats per token; None if nobody knows
    it. A sample goes on from `prompt` for up to `sample_length` tokens, each time with the same luck, `seed`.

    `losses` and `val_losses` are lists of (step, loss in nats per token), `samples` of (step, text). `state` is
    "ready", "running", "finished", "stopped" (by hand), "interrupted" (by the kernel), "patience" (stopped early,
    because the validation loss no longer fell) or "failed", and then `error` is what went wrong.
    """

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        floor: float | None = None,
        prompt: str = "Once upon a time",
        sample_length: int = 60,
        temperature: float = 0.7,
        top_k: int | None = 10,
        seed: int = 1,
    ):
        if floor is not None and not (math.isfinite(floor) and floor > 0):
            raise ValueError(f"floor must be a loss above 0 in nats per token, or None, got {floor!r}")
        self.model, self.tokenizer, self.floor, self.prompt = model, tokenizer, floor, prompt
        settings = {"max_length": sample_length, "temperature": temperature, "top_k": top_k, "seed": seed}
        self._sample = partial(generate_text, model, prompt, tokenizer, **settings)
        self._asked_to_stop = threading.Event()
        self.state: str = "ready"
        self.error: Exception | None = None
        self.history: History | None = None
        self._clear(max_steps=0)
        self._make_controls()
        self._show()

    # What it does ------------------------------------------------------------------------------------------------

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

        Stop, or the kernel's interrupt, ends training after the step at hand, and the model keeps the weights that
        did best so far. `settings` are those of `gptcore.fit`. Raises ValueError if another training is running.
        """
        if self.running:
            raise ValueError("monitor must have ended one training before the next, but it is still running")
        check_integer("max_steps", max_steps, least=0)  # else nothing has begun
        self._clear(max_steps)
        self._asked_to_stop.clear()
        self.state, self.error, self.history = "running", None, None
        self._show()
        settings = {"report_interval": max(1, max_steps // POINTS)} | settings
        try:
            self._write_sample(step=0)
            self.history = await self._take(
                fit_steps(
                    self.model,
                    train_ids,
                    val_ids,
                    max_steps=max_steps,
                    should_stop=self._asked_to_stop.is_set,
                    on_progress=partial(self._hear, on_progress),
                    **settings,
                )
            )
            self._write_sample(self.history.best_step or self.step)
            ends = {"max_steps": "finished", "patience": "patience", "interrupt": "interrupted"}
            self.state = ends.get(self.history.stopped_by, self._state_when_stopped)
        except BaseException as error:
            self.state, self.error = ("failed", error) if isinstance(error, Exception) else ("interrupted", None)
            raise
        finally:
            self._show()
        return self.history

    def stop(self) -> None:
        """Ask it to stop: it does so after the step at hand. Does nothing when nothing is running."""
        self._end("stopped")

    @property
    def running(self) -> bool:
        return self.state == "running"

    def _end(self, state: str) -> None:
        if self.running and not self._asked_to_stop.is_set():
            self._state_when_stopped = state
            self._asked_to_stop.set()
            self._stop.disabled = True

    async def _take(self, steps: Steps[History]) -> History:
        """All the steps; now and then the kernel has a turn."""
        turned = perf_counter()
        with closing(steps):  # the best weights are restored, whatever happens here
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value
                if perf_counter() - turned < TURN:
                    continue
                try:
                    await asyncio.sleep(0.001)  # not 0: a click passes through many hands
                except (asyncio.CancelledError, KeyboardInterrupt):  # how a kernel interrupts a cell that waits
                    self._end("interrupted")
                turned = perf_counter()

    def _hear(self, on_progress: Callable[[Progress], None] | None, progress: Progress) -> None:
        """A report of `fit`."""
        now = perf_counter()
        self.step, self.seconds = progress.step, now - self._began
        self.tokens_per_second = progress.tokens_per_second
        self.losses.append((progress.step, progress.loss))
        if progress.val_loss is not None:
            self.val_losses.append((progress.step, progress.val_loss))
        if on_progress is not None:
            on_progress(progress)
        if progress.step < self.max_steps and self._seconds_of_samples < SHARE_OF_SAMPLES * self.seconds:
            self._write_sample(progress.step)
        if now - self._shown > REFRESH:
            self._show_numbers()

    def _write_sample(self, step: int) -> None:
        began = perf_counter()
        self.samples.append((step, self._sample()))
        self._seconds_of_samples += perf_counter() - began
        self._show_samples()

    def _clear(self, max_steps: int) -> None:
        self.max_steps, self.step = max_steps, 0
        self.losses: Curve = []
        self.val_losses: Curve = []
        self.samples: list[tuple[int, str]] = []
        self.tokens_per_second = self.seconds = 0.0
        self._began = self._shown = perf_counter()
        self._seconds_of_samples = 0.0
        self._state_when_stopped = "stopped"

    @property
    def seconds_left(self) -> float:
        """The time that the remaining steps need at the pace so far, evaluations and samples included."""
        return self.seconds / self.step * (self.max_steps - self.step) if self.step else math.inf

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        floor = "" if self.floor is None else f", above the floor of {self.floor:.2f} nats per token"
        return f"TrainingMonitor: training and validation loss, step by step{floor}"

    @styled
    def picture(self) -> Figure:
        """The curves; and once something was learned, what the model wrote before and after."""
        figure = Figure(figsize=(8, 5.2 if self.samples else 3.2), layout="constrained")
        if not self.samples:
            plot_losses(figure.subplots(), self)
            return figure
        curves, texts = figure.subplots(2, height_ratios=(3, 2))
        plot_losses(curves, self)
        lines = [f"after {step:,} steps: {text}" for step, text in (self.samples[0], self.samples[-1])]
        texts.set_axis_off()
        for line, height in zip(lines, (0.95, 0.45), strict=True):
            wrapped = textwrap.fill(drawable(line), 105, max_lines=4, placeholder=" …")
            texts.text(0, height, wrapped, va="top", fontsize=9)
        return figure

    def _make_controls(self) -> None:
        wide = ipywidgets.Layout(width="auto")
        self._stop = ipywidgets.Button(description="Stop", icon="stop", tooltip="Stop and keep the best weights so far")
        self._stop.on_click(lambda button: self.stop())
        self._message, self._numbers, self._curves, self._texts = (ipywidgets.HTML(layout=wide) for _ in range(4))
        self.view = ipywidgets.VBox(
            [ipywidgets.HTML(stylesheet()), self._stop, self._message, self._numbers, self._curves, self._texts],
            layout=ipywidgets.Layout(max_width="820px", width="100%"),
        )

    def _show(self) -> None:
        """All of it, when something begins or ends."""
        self._stop.disabled = not self.running
        self._message.value = caption_html(self._sentence())
        self._show_numbers()
        self._show_samples()

    def _show_numbers(self) -> None:
        """What changes while it learns."""
        self._shown = perf_counter()
        self._numbers.value = self._numbers_html()
        self._curves.value = _curves_svg(self)

    def _show_samples(self) -> None:
        told = "".join(
            f'<div><div class="gptcore-train-when">after {step:,} steps</div>{escape(text)}</div>'
            for step, text in reversed(self.samples)
        )
        self._texts.value = (
            '<div class="gptcore"><div class="gptcore-text gptcore-train-texts" tabindex="0" role="group" '
            f'aria-label="What the model writes, the newest first">{told or _NOTHING_YET}</div></div>'
        )

    def _numbers_html(self) -> str:
        share = self.step / self.max_steps if self.max_steps else 0
        cells = {
            "training loss": _last(self.losses),
            "validation loss": _last(self.val_losses),
            "above the floor": self._gap(),
            "tokens per second": f"{self.tokens_per_second:,.0f}" if self.step else "–",
            "time left": _clock(self.seconds_left) if self.running and self.step else "–",
        }
        told = "".join(
            f'<div>{name}<b class="gptcore-train-number">{escape(value)}</b></div>' for name, value in cells.items()
        )
        return (
            '<div class="gptcore"><div class="gptcore-train-progress"><div class="gptcore-track" role="progressbar" '
            f'aria-label="Steps done" aria-valuemin="0" aria-valuemax="{max(self.max_steps, 1)}" '
            f'aria-valuenow="{self.step}"><div class="gptcore-bar" style="width:{share:.2%}"></div></div>'
            f'<span class="gptcore-number">step {self.step:,} of {self.max_steps:,}</span></div>'
            f'<div class="gptcore-train-cells">{told}</div></div>'
        )

    def _gap(self) -> str:
        if self.floor is None or not self.val_losses:
            return "–"
        return f"{self.val_losses[-1][1] / self.floor - 1:+.0%}"

    def _sentence(self) -> str:
        best = ""
        if self.history is not None and self.history.best_step is not None:
            best = f" The model has the weights of step {self.history.best_step:,}, the best on the validation text."
        return {
            "ready": "Nothing has been learned yet.",
            "running": "It is learning. Stop ends it early; what was best so far is kept.",
            "finished": f"Finished.{best}",
            "stopped": f"Stopped by hand after {self.step:,} steps.{best}",
            "interrupted": f"The kernel was interrupted after {self.step:,} steps.{best}",
            "patience": f"Stopped early, for the validation loss no longer fell.{best}",
            "failed": f"It cannot go on: {self.error}",
        }[self.state]


# The chart, twice: with matplotlib for paper, and as SVG for a page that changes ------------------------------------


@styled
def plot_losses(ax: Axes, monitor: TrainingMonitor) -> None:
    """Both losses of a `TrainingMonitor` on a scale where every line is twice the one below, and the floor."""
    low, high = _limits(monitor)
    if monitor.losses:
        ax.plot(*zip(*monitor.losses, strict=True), color=KEPT, label="training loss")
    if monitor.val_losses:
        ax.plot(*zip(*monitor.val_losses, strict=True), "o-", color=CHOSEN, markersize=4, label="validation loss")
    start = math.log(monitor.model.config.vocab_size)
    ax.axhline(start, color=OTHERS, linestyle=":", label=f"all tokens alike: {start:.2f}")
    if monitor.floor is not None:
        ax.axhline(monitor.floor, color="black", linestyle="--", linewidth=1, label=f"the floor: {monitor.floor:.2f}")
    ax.set_yscale("log", base=2)
    ax.set(xlim=(0, max(monitor.max_steps, 1)), ylim=(low, high), xlabel="step", ylabel="nats per token")
    ax.set_yticks(_ticks(low, high), [f"{tick:g}" for tick in _ticks(low, high)])
    if not monitor.max_steps:
        ax.set_xticks([0])
    ax.legend(loc="best", frameon=False)


def _limits(monitor: TrainingMonitor) -> tuple[float, float]:
    """The lowest and the highest loss on the axis; it moves only if a loss would leave it."""
    losses = [loss for _, loss in monitor.losses + monitor.val_losses]
    start = math.log(monitor.model.config.vocab_size)
    low = min([monitor.floor or start / 8, *losses])
    return 2 ** (math.floor(2 * math.log2(low) - 0.1) / 2), 1.15 * max([start, *losses])


def _ticks(low: float, high: float) -> list[float]:
    """Powers of two."""
    return [2.0**i for i in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 800, 300, 50, 12, 34, 30


def _curves_svg(monitor: TrainingMonitor) -> str:
    low, high = _limits(monitor)

    def x(step: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(monitor.max_steps, 1)

    def y(loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * math.log(high / loss) / math.log(high / low)

    def line(loss: float, kind: str) -> str:
        return f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(loss):.1f}" y2="{y(loss):.1f}"/>'

    def curve(losses: Curve, kind: str) -> str:
        points = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in losses)
        return f'<polyline class="{kind}" points="{points}"/>'

    start = math.log(monitor.model.config.vocab_size)
    parts = [line(tick, "grid") for tick in _ticks(low, high)]
    parts += [_svg_text(LEFT - 8, y(tick) + 5, f"{tick:g}", "end") for tick in _ticks(low, high)]
    parts += [line(start, "start"), _svg_text(LEFT + 90, y(start) - 5, f"all tokens alike: {start:.2f}")]
    if monitor.floor is not None:
        parts += [
            line(monitor.floor, "floor"),
            _svg_text(LEFT + 4, y(monitor.floor) - 6, f"the floor: {monitor.floor:.2f}"),
        ]
    parts += [curve(monitor.losses, "training"), curve(monitor.val_losses, "validation")]
    parts += [f'<circle cx="{x(step):.1f}" cy="{y(loss):.1f}" r="3.5"/>' for step, loss in monitor.val_losses]
    for step, anchor in ((0, "start"), (monitor.max_steps // 2, "middle"), (monitor.max_steps, "end")):
        if step or anchor == "start":
            parts.append(_svg_text(x(step), HEIGHT - 8, f"{step:,}", anchor))
    return (
        f'<div class="gptcore"><svg class="gptcore-train-curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(_reading(monitor))}">{"".join(parts)}{_LEGEND}</svg></div>'
    )


def _svg_text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _reading(monitor: TrainingMonitor) -> str:
    """The chart in a sentence."""
    floor = "" if monitor.floor is None else f"; the floor is {monitor.floor:.2f}"
    return (
        f"Step {monitor.step:,} of {monitor.max_steps:,}: training loss {_last(monitor.losses)}, validation loss "
        f"{_last(monitor.val_losses)} nats per token{floor}"
    )


def _last(curve: Curve) -> str:
    return f"{curve[-1][1]:.2f}" if curve else "–"


def _clock(seconds: float) -> str:
    """ "1:05" """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


_NOTHING_YET = '<div class="gptcore-train-when">Here stands what the model writes while it learns.</div>'

_LEGEND = f"""<line class="training" x1="430" x2="460" y1="14" y2="14"/>{_svg_text(466, 19, "training loss")}
<line class="validation" x1="590" x2="620" y1="14" y2="14"/><circle cx="605" cy="14" r="3.5"/>
{_svg_text(626, 19, "validation loss")}
{_svg_text(0, 19, "nats per token")}{_svg_text((LEFT + WIDTH) / 2 + 90, HEIGHT - 8, "step")}"""
