"""What `TrainingMonitor` shows: a training as far as it has come, as a record and as a chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from matplotlib.axes import Axes

from gptcore.language import _
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
            best = _(" The model has the weights of step {step}, the best on the validation text.")
        said = {
            "ready": _("Nothing has been learned yet."),
            "running": _("It is learning. Stop ends it early; what was best so far is kept."),
            "finished": _("Finished.{more}"),
            "stopped": _("Stopped by hand after {count} steps.{more}"),
            "interrupted": _("The kernel was interrupted after {count} steps.{more}"),
            "patience": _("Stopped early, because the validation loss no longer fell.{more}"),
            "failed": _("It cannot go on: {problem}"),
        }[self.state]
        return said.format(
            count=f"{self.step:,}",
            more=best and best.format(step=f"{self.best_step:,}"),
            problem=sentence(self.error) if self.error else "",
        )

    def describe(self) -> str:
        if self.floor is None:
            return _("training and validation loss, step by step")
        said = _("training and validation loss, step by step, above the floor of {floor} nats per token")
        return said.format(floor=f"{float(self.floor):.2f}")

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
        training, validation = list(self.numbers.values())[:2]
        said = _(
            "Step {step} of {most}. At step {at}: training loss {training}, validation loss {validation} nats per token"
        ).format(
            step=f"{self.step:,}",
            most=f"{self.max_steps:,}",
            at=f"{self.model_step:,}",
            training=training,
            validation=validation,
        )
        if self.best:
            said += _("; best: {what}").format(what=_best_text(self.best))
        if self.floor is not None:
            said += _("; the floor is {floor}").format(floor=f"{float(self.floor):.2f}")
        return said

    @property
    def numbers(self) -> dict[str, str]:
        """The losses of the step whose weights the model has, and the pace, each with its name."""
        return self._losses_text(_at(self.losses, self.model_step), self._val_at(self.model_step)) | {
            _("tokens per second"): f"{self.tokens_per_second:,.0f}" if self.step else "–",
            _("time left"): _clock(self.seconds_left) if self.running and self.step else "–",
        }

    def _val_at(self, step: int) -> tuple[int, float] | None:
        known = self.best if step == self.best_step else None
        return known or _at(self.val_losses, step)

    def _losses_text(self, loss: tuple[int, float] | None, val_loss: tuple[int, float] | None) -> dict[str, str]:
        over = f"{val_loss[1] / self.floor - 1:+.0%}" if self.floor is not None and val_loss else "–"
        training, validation = (f"{point[1]:.2f}" if point else "–" for point in (loss, val_loss))
        return {_("training loss"): training, _("validation loss"): validation, _("above the floor"): over}

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
        levels = {"start": (self.start, _("all tokens alike: {loss}").format(loss=f"{self.start:.2f}"))}
        if self.floor is not None:
            levels["floor"] = self.floor, _("the floor: {loss}").format(loss=f"{float(self.floor):.2f}")
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
    return _("step {step}, {loss}").format(step=f"{best[0]:,}", loss=f"{best[1]:.2f}")


def _clock(seconds: float) -> str:
    """ "1:05" """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@styled
def plot_losses(ax: Axes, training: Training) -> None:
    """Both losses of a training, where it started and the floor, on an axis whose lines are powers of two.

    A ring marks the validation loss of the best step, whose weights the model has in the end.
    """
    names = {_("training loss"): training.losses, _("validation loss"): training.val_losses}
    for (name, curve), style in zip(names.items(), ("-", "o-"), strict=True):
        if curve:
            color = KEPT if style == "-" else CHOSEN
            ax.plot(*zip(*curve, strict=True), style, color=color, markersize=4, label=name)
            ends = {"first": f"{curve[0][1]:.2f}", "last": f"{curve[-1][1]:.2f}"}
            say(ax, _("{name} from {first} to {last} nats per token").format(name=name, **ends))
    for loss, label in training.levels.values():
        plot_level(ax, loss, label.replace(": ", "\n"))
    if training.best_loss is not None:
        best = _("best: {what}").format(what=_best_text(training.best))
        ring = {"ms": 11, "mew": 2, "mfc": "none", "mec": CHOSEN, "clip_on": False}
        ax.plot(training.best_step, training.best_loss, "o", **ring, label=best)
        say(ax, best)
    if not training.losses:
        ax.text(0.5, 0.5, training.caption, transform=ax.transAxes, ha="center", va="center")
        say(ax, training.caption)
    ax.set_yscale("log", base=2)
    ax.set(xlim=(0, max(training.max_steps, 1)), ylim=training.limits, xlabel=_("step"), ylabel=_("nats per token"))
    ax.set_yticks(training.ticks, [f"{tick:g}" for tick in training.ticks])
    if not training.max_steps:
        ax.set_xticks([0])
    legend(ax)


@styled
def plot_samples(ax: Axes, training: Training) -> None:
    """The first and the last text on `ax`."""
    ax.set_axis_off()
    for (step, text), height in zip((training.samples[0], training.samples[-1]), (1, 0.46), strict=True):
        told = _("after {count} steps: {text}").format(count=f"{step:,}", text=text)
        ax.text(0, height, wrapped(told, 100, 4), va="top", fontsize=10, transform=ax.transAxes)
        say(ax, told)
