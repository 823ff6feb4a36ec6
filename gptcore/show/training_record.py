"""What `TrainingMonitor` shows: a training as far as it has come, as a record and as a chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from matplotlib.axes import Axes

from gptcore.show.charts import legend, say, styled, wrapped
from gptcore.show.plots import plot_level
from gptcore.show.style import CHOSEN, KEPT, ending, sentence
from gptcore.training import History, Progress

Curve = list[tuple[int, float]]  # (step, loss in nats per token)
MOST_POINTS, MOST_SAMPLES = 200, 40  # on the page: of more, some are left out
MOST_TEXT = 1_000  # columns of a sample there: of a longer one only the end is shown


@dataclass(frozen=True)
class Training:
    """A training as far as it has come. Losses are in nats per token."""

    max_steps: int
    start: float  # the loss of a model to which all tokens are alike: log(vocab_size)
    floor: float | None = None  # the lowest loss to expect on fresh texts, if it is known
    state: str = "ready"
    step: int = 0  # steps done
    seconds: float = 0.0  # since it began
    tokens_per_second: float = 0.0
    losses: Curve = field(default_factory=list)
    val_losses: Curve = field(default_factory=list)
    samples: list[tuple[int, str]] = field(default_factory=list)  # (step, text)
    best_step: int | None = None  # the one whose weights the model has in the end
    best_val_loss: float | None = None  # at that step, which may be one of an earlier training that went on here
    error: Exception | None = None

    def after(self, progress: Progress, seconds: float) -> "Training":
        """The training at a report of `fit`, so many seconds after it began."""
        val_losses = [(progress.step, progress.val_loss)] if progress.val_loss is not None else []
        return replace(
            self,
            step=progress.step,
            seconds=seconds,
            tokens_per_second=progress.tokens_per_second,
            losses=[*self.losses, (progress.step, progress.loss)],
            val_losses=[*self.val_losses, *val_losses],
        )

    def ended(self, state: str, history: History | None = None, error: Exception | None = None) -> "Training":
        """The training at its end; without a `history` the best step is the best of those that were reported."""
        step, loss = self.best or (None, None)
        if history is not None:
            step, loss = history.best_step, None if history.best_step is None else history.best_val_loss
        return replace(self, state=state, best_step=step, best_val_loss=loss, error=error)

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def seconds_left(self) -> float:
        """The time that the remaining steps need at the pace so far, evaluations and samples included."""
        return self.seconds / self.step * (self.max_steps - self.step) if self.step else math.inf

    @property
    def caption(self) -> str:
        best = ""
        if self.best_step is not None:
            best = f" The model has the weights of step {self.best_step:,}, the best on the validation text."
        return {
            "ready": "Nothing has been learned yet.",
            "running": "It is learning. Stop ends it early; what was best so far is kept.",
            "finished": f"Finished.{best}",
            "stopped": f"Stopped by hand after {self.step:,} steps.{best}",
            "interrupted": f"The kernel was interrupted after {self.step:,} steps.{best}",
            "patience": f"Stopped early, because the validation loss no longer fell.{best}",
            "failed": f"It cannot go on: {sentence(self.error) if self.error else ''}",
        }[self.state]

    def describe(self) -> str:
        floor = "" if self.floor is None else f", above the floor of {float(self.floor):.2f} nats per token"
        return f"training and validation loss, step by step{floor}"

    @property
    def best(self) -> tuple[int, float] | None:
        """The step whose validation loss is the lowest so far, and that loss."""
        if self.best_step is None:
            return min(self.val_losses, key=lambda point: point[1], default=None)
        return self.best_step, dict(self.val_losses).get(self.best_step, self.best_val_loss)

    @property
    def best_loss(self) -> float | None:
        """The validation loss of the step whose weights the model has; None as long as that is not known."""
        return None if self.best_step is None else self.best[1]

    @property
    def model_step(self) -> int:
        """The step whose weights the model has: that of the best one in the end, and otherwise the last."""
        return self.step if self.best_step is None else self.best_step

    @property
    def summary(self) -> str:
        """The curves in a sentence."""
        floor = "" if self.floor is None else f"; the floor is {float(self.floor):.2f}"
        training, validation = list(self.numbers.items())[:2]
        best = f"; best: {_best_text(self.best)}" if self.best else ""
        return (
            f"Step {self.step:,} of {self.max_steps:,}. At step {self.model_step:,}: {' '.join(training)}, "
            f"{' '.join(validation)} nats per token{best}{floor}"
        )

    @property
    def numbers(self) -> dict[str, str]:
        """The losses of the step whose weights the model has, and the pace, each with its name."""
        return self._losses_text(_at(self.losses, self.model_step), self._val_at(self.model_step)) | {
            "tokens per second": f"{self.tokens_per_second:,.0f}" if self.step else "–",
            "time left": _clock(self.seconds_left) if self.running and self.step else "–",
        }

    def _val_at(self, step: int) -> tuple[int, float] | None:
        known = self.best if step == self.best_step else None
        return known or _at(self.val_losses, step)

    def _losses_text(self, loss: tuple[int, float] | None, val_loss: tuple[int, float] | None) -> dict[str, str]:
        over = f"{val_loss[1] / self.floor - 1:+.0%}" if self.floor is not None and val_loss else "–"
        training, validation = (f"{point[1]:.2f}" if point else "–" for point in (loss, val_loss))
        return {"training loss": training, "validation loss": validation, "above the floor": over}

    def points(self) -> list[dict[str, Any]]:
        """Each step at which something was measured or written: both losses, and how the last ones are written.

        `of` is the step of that validation loss. Of more than `MOST_POINTS` steps some are left out.
        """
        losses, val_losses = dict(self.losses), dict(self.val_losses)
        steps = losses.keys() | val_losses.keys() | {step for step, _ in self.samples}
        found, loss, val_loss = [], None, None
        for step in sorted(steps):
            loss = (step, losses[step]) if step in losses else loss
            val_loss = (step, val_losses[step]) if step in val_losses else val_loss
            said = list(self._losses_text(loss, val_loss).values())
            known = {"loss": losses.get(step), "val": val_losses.get(step), "of": val_loss and val_loss[0]}
            found.append({"step": step, "said": said} | known)
        return thinned(found, MOST_POINTS, self.model_step)

    def shown(self) -> dict[str, Any]:
        """The curves, the numbers and what the model wrote, for the page."""
        texts = [{"step": step, "text": ending(text, MOST_TEXT)} for step, text in self.samples]
        low, high = self.limits
        return {
            "state": self.state,
            "step": self.step,
            "most": self.max_steps,
            "at": self.model_step,
            "points": self.points(),
            "best": self.best and {"step": self.best[0], "loss": self.best[1], "text": _best_text(self.best)},
            "numbers": list(self.numbers.values()),
            "samples": [*texts[:1], *thinned(texts[1:], MOST_SAMPLES)],
            "low": low,
            "high": high,
            "ticks": self.ticks,
            "levels": [{"name": name, "loss": loss, "label": label} for name, (loss, label) in self.levels.items()],
            "summary": self.summary,
        }

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest loss on the axis, which moves only if a loss would leave it."""
        losses = [loss for _, loss in self.losses + self.val_losses]
        low = min([self.floor or self.start / 8, *losses])
        return 2 ** (math.floor(2 * math.log2(low) - 0.1) / 2), 1.15 * max([self.start, *losses])

    @property
    def ticks(self) -> list[float]:
        """The powers of two between the limits: every line of the axis is twice the one below."""
        low, high = (math.log2(loss) for loss in self.limits)
        return [2.0**power for power in range(math.ceil(low), math.floor(high) + 1)]

    @property
    def levels(self) -> dict[str, tuple[float, str]]:
        """The losses that the curves are held against, each with its label."""
        levels = {"start": (self.start, f"all tokens alike: {self.start:.2f}")}
        if self.floor is not None:
            levels["floor"] = self.floor, f"the floor: {float(self.floor):.2f}"
        return levels


def thinned(things: Sequence[Any], most: int, step: int | None = None) -> list[Any]:
    """About `most` of the `things`, evenly; those at `step` and the last one stay."""
    every = math.ceil(len(things) / most)
    count = len(things) - 1
    return [thing for i, thing in enumerate(things) if (count - i) % every == 0 or (step and thing["step"] == step)]


def _at(curve: Curve, step: int) -> tuple[int, float] | None:
    """The last point of a curve up to `step`."""
    return next((point for point in reversed(curve) if point[0] <= step), None)


def _best_text(best: tuple[int, float]) -> str:
    return f"step {best[0]:,}, {best[1]:.2f}"


def _clock(seconds: float) -> str:
    """ "1:05" """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@styled
def plot_losses(ax: Axes, training: Training) -> None:
    """Both losses of a training, where it started and the floor, on an axis whose lines are powers of two.

    A ring marks the validation loss of the best step, whose weights the model has in the end.
    """
    names = {"training loss": training.losses, "validation loss": training.val_losses}
    for (name, curve), style in zip(names.items(), ("-", "o-"), strict=True):
        if curve:
            color = KEPT if style == "-" else CHOSEN
            ax.plot(*zip(*curve, strict=True), style, color=color, markersize=4, label=name)
            say(ax, f"{name} from {curve[0][1]:.2f} to {curve[-1][1]:.2f} nats per token")
    for loss, label in training.levels.values():
        plot_level(ax, loss, label.replace(": ", "\n"))
    if training.best_loss is not None:
        best = f"best: {_best_text(training.best)}"
        ring = {"ms": 11, "mew": 2, "mfc": "none", "mec": CHOSEN, "clip_on": False}
        ax.plot(training.best_step, training.best_loss, "o", **ring, label=best)
        say(ax, best)
    if not training.losses:
        ax.text(0.5, 0.5, training.caption, transform=ax.transAxes, ha="center", va="center")
        say(ax, training.caption)
    ax.set_yscale("log", base=2)
    ax.set(xlim=(0, max(training.max_steps, 1)), ylim=training.limits, xlabel="step", ylabel="nats per token")
    ax.set_yticks(training.ticks, [f"{tick:g}" for tick in training.ticks])
    if not training.max_steps:
        ax.set_xticks([0])
    legend(ax)


@styled
def plot_samples(ax: Axes, training: Training) -> None:
    """The first and the last text on `ax`."""
    ax.set_axis_off()
    for (step, text), height in zip((training.samples[0], training.samples[-1]), (1, 0.46), strict=True):
        told = f"after {step:,} steps: {text}"
        ax.text(0, height, wrapped(told, 100, 4), va="top", fontsize=10, transform=ax.transAxes)
        say(ax, told)
