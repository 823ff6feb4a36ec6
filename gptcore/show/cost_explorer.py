"""`CostExplorer`: what models of several sizes need, and how fast they can be at best, by the formulas of `costs`."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import log10
from typing import Any, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import check_integer, given
from gptcore.config import GPT2_SIZES, GPTConfig
from gptcore.costs import (
    bytes_read_per_step,
    cache_bytes,
    cache_dtype,
    num_parameters,
    seconds_per_token,
    weight_bytes,
)
from gptcore.language import N_, _
from gptcore.show.charts import HEIGHT, WIDTH, chart, styled
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.plots import plot_marks
from gptcore.show.settings import Setting, check_named
from gptcore.show.style import shortened
from gptcore.units import bytes_text, seconds_text, three_digits

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
TOKENS = (1, 16, 64, 128, 256, 512, 1024)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
BANDWIDTHS = tuple(number * 10**9 for number in (5, 10, 20, 50, 100, 200, 400, 1000, 2000, 4000))  # bytes per second

MOST_TEXTS = 1_000_000
NAME = 40  # characters of a name in a sentence, at most


@dataclass(frozen=True)
class Cost:
    """What one model needs."""

    name: str
    tokens: int  # in each text; no more than the model's context length
    weights: int  # bytes
    cache: int  # bytes
    read: int  # bytes that one step reads
    seconds: float  # that a step takes at least
    config: GPTConfig


@dataclass(frozen=True)
class Costs:
    """What models of several sizes need at one setting."""

    tokens: int  # in each text
    batch_size: int
    dtype: torch.dtype  # of the weights
    bandwidth: float  # bytes per second that are read from memory
    models: list[Cost]
    position: int = -1  # of the model that is looked at

    @property
    def here(self) -> Cost:
        """The model that is looked at."""
        return self.models[self.position]

    @property
    def caption(self) -> str:
        here, together = self.here, _("That is at most {each} tokens per second for each text.")
        if self.batch_size > 1:
            together = _("That is at most {each} tokens per second for each text, and {all} for all {count} together.")
        step = _("{name}: a step reads {size}, of which the cache is {share}, and so takes at least {time}.")
        sentences = [
            step.format(
                name=shortened(here.name, NAME),
                size=bytes_text(here.read),
                share=f"{here.cache / here.read:.0%}",
                time=seconds_text(here.seconds),
            ),
            together.format(
                each=three_digits(1 / here.seconds),
                all=three_digits(self.batch_size / here.seconds),
                count=self.batch_size,
            ),
        ]
        if short := [shortened(cost.name, NAME) for cost in self.models if cost.tokens < self.tokens]:
            shorter = _("({names}: texts as long as its context, which is shorter.)")
            sentences.append(shorter.format(names=", ".join(short)))
        return " ".join(sentences)

    @property
    def setting(self) -> str:
        """The setting in words."""
        said = _("{texts} texts of {tokens} tokens, {dtype}, {speed}")
        if self.batch_size == 1:
            said = _("one text of {tokens} tokens, {dtype}, {speed}")
        dtype = str(self.dtype).removeprefix("torch.")
        speed = _speed_text(self.bandwidth)
        return said.format(texts=self.batch_size, tokens=f"{self.tokens:,}", dtype=dtype, speed=speed)

    def describe(self) -> str:
        costs = " · ".join(
            f"{cost.name} {bytes_text(cost.weights)} + {bytes_text(cost.cache)}, {seconds_text(cost.seconds)}"
            for cost in self.models
        )
        return f"{self.setting}: {costs}"

    def shown(self) -> dict[str, Any]:
        """For the page: the axes, where each model lies on them, and how the numbers of one come about."""
        lanes = [{"name": _(name), "marks": axis.marks} for name, axis in LANES.values()]
        models = [
            {"name": cost.name, "lanes": [axis.place(getattr(cost, field)) for field, (_name, axis) in LANES.items()]}
            for cost in self.models
        ]
        return {"lanes": lanes, "models": models, "here": range(len(models))[self.position], "formula": self._formula}

    @property
    def _formula(self) -> dict[str, Any]:
        """The factors and the sums of the numbers of the model that is looked at."""
        here, config = self.here, self.here.config
        parameters = num_parameters(config)
        return {
            "parameters": parameters,
            "bytes": here.weights / parameters,  # a mean, if the weights are int8
            "layers": config.n_layers,
            "texts": self.batch_size,
            "tokens": here.tokens,
            "width": config.emb_dim,
            "cache_bytes": cache_dtype(self.dtype).itemsize,
            "weights_read": bytes_text(here.read - here.cache),
            "cache_read": bytes_text(here.cache),
            "bandwidth": _speed_text(self.bandwidth),
        }


def costs_of(
    configs: Mapping[str, GPTConfig], tokens: int, batch_size: int, dtype: torch.dtype, bandwidth: float
) -> Costs:
    """What each of `configs` needs for `batch_size` texts of `tokens` tokens, or of as many as its context holds."""
    models = []
    for name, config in configs.items():
        fitting = min(tokens, config.context_length)
        size = config, fitting, batch_size, dtype
        weights, cache, read = weight_bytes(config, dtype), cache_bytes(*size), bytes_read_per_step(*size)
        models.append(Cost(name, fitting, weights, cache, read, seconds_per_token(*size, bandwidth), config))
    return Costs(tokens, batch_size, dtype, bandwidth, models)


class LogAxis(NamedTuple):
    """A logarithmic axis, on which a length means nothing. It holds still while a slider moves."""

    low: int  # the power of ten at its beginning
    high: int  # at its end
    text: Callable[[float], str]

    def share(self, value: float) -> float:
        """Where `value` lies, from 0 to 1; what lies beyond an end is drawn there."""
        return min(1.0, max(0.0, (log10(value) - self.low) / (self.high - self.low))) if value > 0 else 0.0

    def place(self, value: float) -> dict[str, Any]:
        """Where `value` lies, whether that is beyond the axis, and how it is written."""
        is_beyond = not 10.0**self.low <= value <= 10.0**self.high
        return {"share": self.share(value), "beyond": is_beyond, "text": self.text(value)}

    @property
    def marks(self) -> list[tuple[float, str]]:
        """(share, text) of every second power of ten."""
        return [(self.share(10.0**power), self.text(10.0**power)) for power in range(self.low, self.high, 2)]


MEMORY = LogAxis(4, 11, bytes_text)  # 10 kB to 100 GB
TIME = LogAxis(-6, 1, seconds_text)  # 1 µs to 10 s
LANES = {  # the field of `Cost` that a lane shows: its heading on the page, and its axis
    "weights": (N_("Weights"), MEMORY),
    "cache": (N_("KV cache"), MEMORY),
    "seconds": (N_("Least time for a token"), TIME),
}


@styled
def plot_costs(axes: Iterable[Axes], costs: Costs) -> None:
    """A dot for each model on each of three `axes`, which are logarithmic: weights, KV cache, and time."""
    names = [cost.name for cost in costs.models]
    titles = _("memory of the weights"), _("memory of the KV cache"), _("least time for a token")
    for ax, title, (field, (_name, axis)) in zip(axes, titles, LANES.items(), strict=True):
        values = [getattr(cost, field) for cost in costs.models]
        plot_marks(ax, names, [axis.share(value) for value in values], [axis.text(value) for value in values])
        shares, texts = zip(*axis.marks, strict=True)
        ax.set_xticks(shares, [text if i % 2 == 0 else "" for i, text in enumerate(texts)])
        ax.set(xlim=(0, 1), title=title, xlabel=_("logarithmic"))


def _speed_text(bandwidth: float) -> str:
    return f"{bytes_text(bandwidth)}/s"


def check_dtype(name: str, value: Any) -> None:
    """Raise ValueError unless there is a button for `value`."""
    if value not in DTYPES.values():
        raise ValueError(
            _("{name} must be one of {names}, got {value}").format(
                name=name, names=", ".join(map(str, DTYPES.values())), value=given(value)
            )
        )


class CostExplorer(LiveView):
    """Memory of the weights, memory of the KV cache, and the least time for a token, for models of several sizes.

    >>> explorer = CostExplorer()
    >>> explorer.dtype = torch.bfloat16
    >>> explorer.costs[-1].name, explorer.costs[-1].weights  # bytes
    ('GPT-2 1.5B', 3115222400)

    `configs` are the models by name. `tokens` is the length of each of `batch_size` texts that are written at once,
    `dtype` how the weights are kept, `bandwidth` the bytes per second that memory gives. A value that is not allowed
    changes nothing, and `problem` says why. `look(position)` shows how the numbers of one of the models come about.
    Nothing is measured: these are the formulas of `gptcore.costs`.
    """

    tokens, batch_size, dtype = Setting(), Setting(most=MOST_TEXTS), Setting(check_dtype)
    bandwidth = Setting(text=_speed_text)
    front, hands = "cost_explorer", ("look",)

    def __init__(
        self,
        configs: Mapping[str, GPTConfig] = GPT2_SIZES,
        tokens: int = 1024,
        batch_size: int = 1,
        dtype: torch.dtype = torch.float32,
        bandwidth: float = 20e9,
    ):
        check_named("configs", configs)
        if not configs:
            raise ValueError(_("configs must name at least one model, got none"))
        self.configs = {name: GPTConfig.of(config) for name, config in configs.items()}
        self._longest = max(self.configs.values(), key=lambda config: config.context_length)
        longest = self._longest.context_length
        counts = [*(count for count in TOKENS if count < longest), longest]
        self._open(
            tokens=Control(counts[0], options=[(f"{count:,}", count) for count in counts]),
            batch_size=Control(1, options=[(str(size), size) for size in BATCH_SIZES]),
            dtype=Control(torch.float32, options=list(DTYPES.items())),
            bandwidth=Control(BANDWIDTHS[0], options=[(_speed_text(speed), speed) for speed in BANDWIDTHS]),
        )
        self._update({})  # so that there is something to show if a setting is not allowed
        self.change(tokens=tokens, batch_size=batch_size, dtype=dtype, bandwidth=bandwidth)

    @property
    def costs(self) -> list[Cost]:
        """One for each model, in the order of `configs`."""
        return self.record.models

    def picture(self) -> Figure:
        height, title = min(HEIGHT, 1.5 + 0.38 * len(self.configs)), self.record.setting
        figure, axes = chart(WIDTH, height, columns=3, title=title, sharey=True)
        plot_costs(axes, self.record)
        return figure

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.controls}

    def _given(self) -> dict[str, Any]:
        # As a list, because a notebook is saved with sorted keys.
        configs, position = [[name, vars(config)] for name, config in self.configs.items()], self.record.position
        looked = {"did": [["look", [position]]]} if position >= 0 else {}
        return super()._given() | {"given": {"configs": configs}} | looked

    def _checked(self, settings: dict[str, Any]) -> dict[str, Any]:
        settings = super()._checked(settings)
        seconds_per_token(self._longest, **(self._settings() | settings))
        return settings

    def look(self, position: int) -> None:
        """Look at the model at `position` in `configs`. Raises TypeError or ValueError if there is none."""
        check_integer("position", position, least=0)
        if position >= len(self.configs):
            raise ValueError(
                _("position must be at most {last}, got {value}").format(
                    last=len(self.configs) - 1, value=given(position)
                )
            )
        self.record = replace(self.record, position=position)
        self._show()

    def _update(self, names: Collection[str]) -> None:
        position = -1 if self.record is None else self.record.position
        self._try(lambda: replace(costs_of(self.configs, **self._settings()), position=position))
        self._show()

    def _shown(self) -> dict[str, Any]:
        return self.record.shown()

    def _band(self) -> dict[str, Any]:
        here = self.record.here
        return {"tokens": here.tokens, "layers": here.config.n_layers, "logits": here.config.vocab_size}
