"""`CostExplorer`: what models of several sizes need, and how fast they can be at best, by the formulas of `costs`."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from math import log10
from typing import Any

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.config import GPT2_SIZES, GPTConfig
from gptcore.costs import bytes_read_per_step, cache_bytes, seconds_per_token, weight_bytes
from gptcore.show.charts import drawable, styled
from gptcore.show.live import LiveView
from gptcore.show.style import KEPT, caption_html, stylesheet
from gptcore.units import bytes_text, seconds_text, three_digits

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
TOKENS = (1, 16, 64, 128, 256, 512, 1024)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
BANDWIDTHS = tuple(number * 10**9 for number in (5, 10, 20, 50, 100, 200, 400, 1000, 2000, 4000))  # bytes per second
# Logarithmic axes that hold still: the powers of ten at their ends, and at their marks.
_MEMORY_AXIS, _MEMORY_MARKS = (4, 11), (4, 6, 8, 10)  # 10 kB to 100 GB
_TIME_AXIS, _TIME_MARKS = (-6, 1), (-6, -4, -2, 0)  # 1 µs to 10 s


@dataclass(frozen=True)
class Cost:
    """What one model needs at one setting."""

    name: str
    tokens: int  # in each text; no more than the model's context length
    weights: int  # bytes
    cache: int  # bytes
    read: int  # bytes that one step reads
    seconds: float  # that a step takes at least


class _Setting:
    """A plain attribute of the widget that is the value of a control; setting it is as good as moving the control."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, widget: "CostExplorer | None", owner: type | None = None) -> Any:
        return self if widget is None else widget.controls[self.name].value

    def __set__(self, widget: "CostExplorer", value: Any) -> None:
        widget.change(**{self.name: value})


class CostExplorer(LiveView):
    """Memory of the weights, memory of the KV cache, and the least time for a token, for models of several sizes.

    >>> explorer = CostExplorer()
    >>> explorer.dtype = torch.bfloat16
    >>> explorer.costs[-1].weights, explorer.costs[-1].seconds

    `configs` are the models by name. `tokens` is the length of each of `batch_size` texts that are written at once,
    `dtype` how the weights are kept, `bandwidth` the bytes per second that memory gives. A value that is not allowed
    changes nothing, and `problem` says why. Nothing is measured: these are the formulas of `gptcore.costs`.
    """

    tokens, batch_size, dtype, bandwidth = (_Setting() for _ in range(4))

    def __init__(
        self,
        configs: Mapping[str, GPTConfig] = GPT2_SIZES,
        tokens: int = 1024,
        batch_size: int = 1,
        dtype: torch.dtype = torch.float32,
        bandwidth: float = 20e9,
    ):
        if not configs:
            raise ValueError("configs must name at least one model, got none")
        self.configs = {name: GPTConfig.of(config) for name, config in configs.items()}
        self.problem: str | None = None
        self._busy = False
        self._make_controls()
        self.change(tokens=tokens, batch_size=batch_size, dtype=dtype, bandwidth=bandwidth)

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def costs(self) -> list[Cost]:
        """One for each model, in the order of `configs`."""
        return [self._cost(name, config) for name, config in self.configs.items()]

    def _cost(self, name: str, config: GPTConfig) -> Cost:
        tokens = min(self.tokens, config.context_length)
        size = (config, tokens, self.batch_size, self.dtype)
        return Cost(
            name,
            tokens,
            weight_bytes(config, self.dtype),
            cache_bytes(*size),
            bytes_read_per_step(*size),
            seconds_per_token(*size, self.bandwidth),
        )

    @property
    def reading(self) -> str:
        """What is to be seen, in words."""
        largest = self.costs[-1]
        steps = 1 / largest.seconds
        sentences = [
            f"{largest.name}: a step reads {bytes_text(largest.read)}, of which the cache is "
            f"{largest.cache / largest.read:.0%}, and so takes at least {seconds_text(largest.seconds)}.",
            f"That is at most {three_digits(steps)} tokens per second for each text"
            + (f", and {three_digits(steps * self.batch_size)} for all {self.batch_size} together." * self._many)
            + "." * (not self._many),
        ]
        if short := [cost.name for cost in self.costs if cost.tokens < self.tokens]:
            sentences.append(f"({', '.join(short)}: texts as long as its context, which is shorter.)")
        if self.problem:
            sentences.insert(0, f"Not changed: {self.problem}.")
        return " ".join(sentences)

    @property
    def _many(self) -> bool:
        return self.batch_size > 1

    # What it does ------------------------------------------------------------------------------------------------

    def change(self, **settings: Any) -> None:
        """Change several settings at once, and draw the picture once."""
        try:
            self._check(settings)
        except (TypeError, ValueError) as error:
            self.problem = str(error)
            self._show()
            return
        self._busy = True
        for name, value in settings.items():
            self._offer(name, value)
        self._busy = False
        self._update()

    def _check(self, settings: Mapping[str, Any]) -> None:
        if unknown := settings.keys() - self.controls.keys():
            raise TypeError(f"settings are {', '.join(self.controls)}, got {', '.join(sorted(unknown))}")
        settings = {name: settings.get(name, getattr(self, name)) for name in self.controls}
        longest = max(self.configs.values(), key=lambda config: config.context_length)
        if settings["dtype"] not in DTYPES.values():
            raise ValueError(f"dtype must be one of {', '.join(map(str, DTYPES.values()))}, got {settings['dtype']!r}")
        seconds_per_token(longest, *settings.values())

    def _offer(self, name: str, value: Any) -> None:
        """Set a control, which may not have had this value before."""
        control = self.controls[name]
        if value not in [known for _, known in control.options]:
            control.options = sorted([*control.options, (_OPTION_TEXTS[name](value), value)], key=lambda o: o[1])
        control.value = value

    def _update(self) -> None:
        if not self._busy:
            self.problem = None
            self._show()

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        costs = " · ".join(
            f"{cost.name} {bytes_text(cost.weights)} + {bytes_text(cost.cache)}, {seconds_text(cost.seconds)}"
            for cost in self.costs
        )
        return f"CostExplorer: {self._setting_text()}: {costs}"

    def _setting_text(self) -> str:
        texts = f"{self.batch_size} texts" if self._many else "one text"
        return f"{texts} of {self.tokens:,} tokens, {_dtype_name(self.dtype)}, {bytes_text(self.bandwidth)}/s"

    @styled
    def picture(self) -> Figure:
        figure = Figure(figsize=(11, 1.3 + 0.38 * len(self.configs)), layout="constrained")
        axes = figure.subplots(1, 3, sharey=True)
        costs = self.costs
        _draw_lane(axes[0], "memory of the weights", [cost.weights for cost in costs], _MEMORY_AXIS, bytes_text)
        _draw_lane(axes[1], "memory of the KV cache", [cost.cache for cost in costs], _MEMORY_AXIS, bytes_text)
        _draw_lane(axes[2], "least time for a token", [cost.seconds for cost in costs], _TIME_AXIS, seconds_text)
        names = [drawable(cost.name) for cost in costs]
        axes[0].set_yticks(range(len(costs)), names)
        axes[0].invert_yaxis()
        figure.suptitle(self._setting_text(), x=0.01, ha="left", fontsize=11)
        return figure

    def _make_controls(self) -> None:
        longest = max(config.context_length for config in self.configs.values())
        tokens = sorted({count for count in TOKENS if count < longest} | {longest})
        self.controls: dict[str, Any] = {
            "tokens": _slider("Tokens", "tokens", tokens),
            "batch_size": _slider("Texts at once", "batch_size", BATCH_SIZES),
            "dtype": ipywidgets.ToggleButtons(
                options=list(DTYPES.items()), description="Weights", style={"description_width": "95px"}
            ),
            "bandwidth": _slider("Memory reads", "bandwidth", BANDWIDTHS),
        }
        self.controls["dtype"].style.button_width = "90px"
        for control in self.controls.values():
            control.observe(lambda _: self._update(), names="value")
        wide = ipywidgets.Layout(width="auto")
        self._lanes, self._status = ipywidgets.HTML(layout=wide), ipywidgets.HTML(layout=wide)
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        self.view = ipywidgets.VBox(
            [
                ipywidgets.HTML(stylesheet()),
                ipywidgets.HBox([self.controls["tokens"], self.controls["batch_size"]], layout=wrap),
                ipywidgets.HBox([self.controls["bandwidth"], self.controls["dtype"]], layout=wrap),
                self._lanes,
                self._status,
            ],
            layout=ipywidgets.Layout(max_width="1100px", width="100%"),
        )

    def _show(self) -> None:
        rows = "".join(map(_row_html, self.costs))
        self._lanes.value = (
            f'<div class="gptcore gptcore-costs" role="list" aria-label="Costs of each model">{_HEAD}{rows}</div>'
        )
        self._status.value = caption_html(self.reading, 3, 4)


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


_OPTION_TEXTS = {
    "tokens": lambda value: f"{value:,}",
    "batch_size": lambda value: f"{value:,}",
    "bandwidth": lambda value: f"{bytes_text(value)}/s",
    "dtype": _dtype_name,
}


def _slider(description: str, name: str, values: Any) -> ipywidgets.SelectionSlider:
    return ipywidgets.SelectionSlider(
        options=[(_OPTION_TEXTS[name](value), value) for value in values],
        description=description,
        layout=ipywidgets.Layout(flex="1 1 45%", min_width="300px"),
        style={"description_width": "95px"},
    )


def _share(number: float, axis: tuple[int, int]) -> float:
    """Where `number` lies on a logarithmic axis between two powers of ten, from 0 to 1."""
    low, high = axis
    return min(1.0, max(0.0, (log10(number) - low) / (high - low))) if number > 0 else 0.0


def _draw_lane(ax: Axes, title: str, values: list[float], axis: tuple[int, int], text: Any) -> None:
    low, high = axis
    ax.barh(range(len(values)), [_share(value, axis) for value in values], color=KEPT)
    for i, value in enumerate(values):
        ax.text(_share(value, axis) + 0.02, i, text(value), va="center")
    powers = range(low, high, 2)
    ax.set_xticks([(power - low) / (high - low) for power in powers], [text(10.0**power) for power in powers])
    ax.set_xlim(0, 1.2)
    ax.set_title(title, fontsize=10)


def _row_html(cost: Cost) -> str:
    cells = (
        _cell_html(cost.weights, _MEMORY_AXIS, bytes_text, "weights"),
        _cell_html(cost.cache, _MEMORY_AXIS, bytes_text, "KV cache"),
        _cell_html(cost.seconds, _TIME_AXIS, seconds_text, "for a token, at least"),
    )
    name = escape(cost.name)
    return (
        f'<div class="gptcore-costs-row" role="listitem"><span class="gptcore-label" title="{name}">{name}</span>'
        f"{''.join(cells)}</div>"
    )


def _cell_html(value: float, axis: tuple[int, int], text: Any, what: str) -> str:
    return (
        f'<div class="gptcore-costs-cell" title="{what}"><div class="gptcore-costs-lane">'
        f'<i style="width:{_share(value, axis):.2%}"></i></div>'
        f'<span class="gptcore-number">{text(value)}</span></div>'
    )


def _head_cell_html(title: str, axis: tuple[int, int], marks: tuple[int, ...], text: Any) -> str:
    low, high = axis
    places = "".join(
        f'<span style="left:{(mark - low) / (high - low):.2%}">{text(10.0**mark)}</span>' for mark in marks
    )
    return (
        f'<div class="gptcore-costs-cell"><b>{title}</b><div class="gptcore-costs-axis" aria-hidden="true">'
        f"{places}</div></div>"
    )


_HEAD = (
    '<div class="gptcore-costs-row gptcore-costs-head"><span></span>'
    + _head_cell_html("Weights", _MEMORY_AXIS, _MEMORY_MARKS, bytes_text)
    + _head_cell_html("KV cache", _MEMORY_AXIS, _MEMORY_MARKS, bytes_text)
    + _head_cell_html("Least time for a token", _TIME_AXIS, _TIME_MARKS, seconds_text)
    + "</div>"
)
