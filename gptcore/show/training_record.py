"""What `TrainingMonitor` shows: a training as far as it has come, as a record, as a chart and as HTML."""

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from matplotlib.axes import Axes

from gptcore.show.charts import legend, say, styled, wrapped
from gptcore.show.plots import plot_level
from gptcore.show.style import CHOSEN, KEPT, escape, sentence
from gptcore.training import Progress

Curve = list[tuple[int, float]]  # (step, loss in nats per token)


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
    def summary(self) -> str:
        """The curves in a sentence."""
        floor = "" if self.floor is None else f"; the floor is {float(self.floor):.2f}"
        return (
            f"Step {self.step:,} of {self.max_steps:,}: training loss {_last(self.losses)}, validation loss "
            f"{_last(self.val_losses)} nats per token{floor}"
        )

    @property
    def best_loss(self) -> float | None:
        """The validation loss of the best step; None as long as there is none."""
        return dict(self.val_losses).get(self.best_step)

    @property
    def numbers(self) -> dict[str, str]:
        """What is to be seen in numbers, each with its name."""
        known = self.floor is not None and self.val_losses
        return {
            "training loss": _last(self.losses),
            "validation loss": _last(self.val_losses),
            "above the floor": f"{self.val_losses[-1][1] / self.floor - 1:+.0%}" if known else "–",
            "tokens per second": f"{self.tokens_per_second:,.0f}" if self.step else "–",
            "time left": _clock(self.seconds_left) if self.running and self.step else "–",
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


def _last(curve: Curve) -> str:
    return f"{curve[-1][1]:.2f}" if curve else "–"


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
        best = f"best: step {training.best_step:,}, {training.best_loss:.2f}"
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


def numbers_html(training: Training) -> str:
    """How many steps are done, and the numbers."""
    share = training.step / training.max_steps if training.max_steps else 0
    cells = "".join(
        f'<div>{name}<b class="gptcore-train-number">{escape(value)}</b></div>'
        for name, value in training.numbers.items()
    )
    return (
        '<div class="gptcore"><div class="gptcore-train-progress"><div class="gptcore-track" role="progressbar" '
        f'aria-label="Steps done" aria-valuemin="0" aria-valuemax="{max(training.max_steps, 1)}" '
        f'aria-valuenow="{training.step}"><div class="gptcore-bar" style="width:{share:.2%}"></div></div>'
        f'<span class="gptcore-number">step {training.step:,} of {training.max_steps:,}</span></div>'
        f'<div class="gptcore-train-cells">{cells}</div></div>'
    )


def samples_html(training: Training) -> str:
    """What the model writes, the newest first."""
    texts = "".join(
        f'<div><div class="gptcore-train-when">after {step:,} steps</div>{escape(text)}</div>'
        for step, text in reversed(training.samples)
    )
    empty = '<div class="gptcore-train-when">What the model writes while it learns appears here.</div>'
    return (
        '<div class="gptcore"><div class="gptcore-text gptcore-train-texts" tabindex="0" role="group" '
        f'aria-label="What the model writes, the newest first">{texts or empty}</div></div>'
    )


class _Page(NamedTuple):
    """The axes of the curves as SVG: a chart for a page that changes."""

    max_steps: int
    low: float
    high: float

    def x(self, step: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(self.max_steps, 1)

    def y(self, loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * math.log(self.high / loss) / math.log(self.high / self.low)

    def line(self, loss: float, kind: str) -> str:
        y = f"{self.y(loss):.1f}"
        return f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'

    def curve(self, losses: Curve, kind: str) -> str:
        points = " ".join(f"{self.x(step):.1f},{self.y(loss):.1f}" for step, loss in losses)
        return f'<polyline class="{kind}" points="{points}"/>'


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 800, 300, 50, 12, 34, 30


def curves_svg(training: Training) -> str:
    """The chart of `plot_losses` as SVG."""
    page = _Page(training.max_steps, *training.limits)
    parts = [page.line(tick, "grid") for tick in training.ticks]
    parts += [_text(LEFT - 8, page.y(tick) + 5, f"{tick:g}", "end") for tick in training.ticks]
    for name, (loss, label) in training.levels.items():
        parts += [page.line(loss, name), _text(LEFT + (90 if name == "start" else 4), page.y(loss) - 5, label)]
    parts += [page.curve(training.losses, "training"), page.curve(training.val_losses, "validation")]
    points = [(page.x(step), page.y(loss)) for step, loss in training.val_losses]
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points]
    marks = {training.max_steps: "end", training.max_steps // 2: "middle", 0: "start"}
    parts += [_text(page.x(step), HEIGHT - 8, f"{step:,}", anchor) for step, anchor in marks.items()]
    return (
        f'<div class="gptcore"><svg class="gptcore-train-curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(training.summary)}">{"".join(parts)}{_LEGEND}</svg></div>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


_LEGEND = f"""<line class="training" x1="430" x2="460" y1="14" y2="14"/>{_text(466, 19, "training loss")}
<line class="validation" x1="590" x2="620" y1="14" y2="14"/><circle cx="605" cy="14" r="3.5"/>
{_text(626, 19, "validation loss")}
{_text(0, 19, "nats per token")}{_text((LEFT + WIDTH) / 2 + 90, HEIGHT - 8, "step")}"""
