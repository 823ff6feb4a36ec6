"""How to train, as one checked record."""

import math
from dataclasses import dataclass
from typing import Any

import torch

from gptcore.checks import as_float, check_integer, given, is_number
from gptcore.language import _
from gptcore.seeds import LIMIT


@dataclass(frozen=True)
class TrainingSettings:
    """How `fit` trains; the settings are checked when they are put together.

    Raises TypeError or ValueError, naming the setting and what is allowed, if one makes no sense.
    """

    max_steps: int
    batch_size: int = 32  # rows per step, of context_length + 1 tokens each
    learning_rate: float = 1e-3  # the highest, at the end of the warm-up
    min_learning_rate: float | None = None  # the last; None is a tenth of the highest
    warmup_steps: int = 100
    weight_decay: float = 0.1  # it spares biases, norms and embeddings
    clip_norm: float = 1.0  # a longer gradient is shortened to this
    betas: tuple[float, float] = (0.9, 0.99)  # AdamW's
    eval_interval: int = 250  # steps between two evaluations
    report_interval: int = 50  # steps between two reports
    seed: int = 0
    patience: int | None = None  # evaluations in a row without a new best that end training
    autocast: torch.dtype | None = None  # torch.bfloat16 computes matrix products in it: faster, a little less exact

    def __post_init__(self) -> None:
        for name in ("max_steps", "batch_size", "eval_interval", "report_interval"):
            self._set(name, _integer(name, getattr(self, name), least=1))
        if self.patience is not None:
            self._set("patience", _integer("patience", self.patience, least=1))
        for name in ("warmup_steps", "seed"):
            self._set(name, _integer(name, getattr(self, name), least=0))
        for name in ("learning_rate", "clip_norm", "weight_decay"):
            self._set(name, _rate(name, getattr(self, name), may_be_0=name == "weight_decay"))
        if self.min_learning_rate is not None:
            self._set("min_learning_rate", _rate("min_learning_rate", self.min_learning_rate, may_be_0=True))
        pair = isinstance(self.betas, (tuple, list)) and len(self.betas) == 2
        if not pair or not all(is_number(beta) and 0 <= as_float("betas", beta) < 1 for beta in self.betas):
            raise ValueError(
                _("betas must be two numbers, each at least 0 and below 1, got {value}").format(value=given(self.betas))
            )
        self._set("betas", tuple(as_float("betas", beta) for beta in self.betas))
        if self.autocast is not None and self.autocast is not torch.bfloat16:
            raise ValueError(
                _("autocast must be torch.bfloat16, or None for the model's own type, got {value}").format(
                    value=given(self.autocast)
                )
            )

    def _set(self, name: str, value: Any) -> None:
        """Keep what is checked as Python's own number: the optimizer and JSON know no other."""
        object.__setattr__(self, name, value)


def _integer(name: str, value: Any, least: int) -> int:
    check_integer(name, value, least)
    if value >= LIMIT:
        raise ValueError(_("{name} must be below 2**63, got {value}").format(name=name, value=given(value)))
    return int(value)


def _rate(name: str, value: Any, may_be_0: bool) -> float:
    rate = as_float(name, value)
    if not 0 <= rate < math.inf or (rate == 0 and not may_be_0):
        above_0, from_0 = (
            _("{name} must be above 0 and finite, got {value}"),
            _("{name} must be 0 or above and finite, got {value}"),
        )
        raise ValueError((from_0 if may_be_0 else above_0).format(name=name, value=given(value)))
    return rate
