"""What is known about a training while it runs, and afterwards."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import torch
from torch import Tensor


@dataclass(frozen=True)
class Progress:
    """What `fit` reports about a step."""

    step: int  # steps done
    max_steps: int
    loss: float  # mean training loss since the last report, nats per token
    val_loss: float | None  # nats per token, at steps where it was measured
    learning_rate: float
    tokens_per_second: float  # while it learns, evaluations excluded
    seconds_left: float


@dataclass
class History:
    """What `fit` returns: every report, the step at which the validation loss was lowest, and what ended training."""

    reports: list[Progress] = field(default_factory=list)
    best_step: int | None = None
    best_val_loss: float = math.inf
    evaluations_since_best: int = 0
    stopped_by: str = "max_steps"  # or "patience", "should_stop", "interrupt"

    def facts(self) -> dict[str, float | None]:
        """What a checkpoint keeps of it."""
        return {name: getattr(self, name) for name in ("best_step", "best_val_loss", "evaluations_since_best")}


class Meter:
    """The losses since the last report, and the time."""

    def __init__(self, first: int, max_steps: int):
        self.first, self.max_steps = first, max_steps
        self.losses: list[Tensor] = []
        self.tokens, self.seconds = 0, 0.0
        self.started = perf_counter()

    @contextmanager
    def learning(self, tokens: int) -> Iterator[None]:
        started = perf_counter()
        yield
        self.seconds += perf_counter() - started
        self.tokens += tokens

    def report(self, step: int, val_loss: float | None, learning_rate: float) -> Progress:
        loss = torch.stack(self.losses).mean().item()
        seconds_left = (perf_counter() - self.started) / (step - self.first) * (self.max_steps - step)
        speed = self.tokens / self.seconds
        self.losses.clear()
        self.tokens, self.seconds = 0, 0.0
        return Progress(step, self.max_steps, loss, val_loss, learning_rate, speed, seconds_left)
