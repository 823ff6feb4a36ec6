"""`ModelComparison`: several models, one prompt and the same luck."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import given, is_integer, is_number
from gptcore.generation import Step
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Sampling
from gptcore.show.charts import WIDTH, chart, drawable, say, styled, wrapped
from gptcore.show.dart import Dart, dart_html
from gptcore.show.live import LiveView
from gptcore.show.parts import framed, html, side_by_side, temperature_slider, text_field, top_k_slider
from gptcore.show.plots import plot_bars, plot_level
from gptcore.show.prompts import fitting
from gptcore.show.settings import (
    LARGEST_LOSS,
    MOST_LENGTH,
    Setting,
    Shown,
    TextSetting,
    check_floor,
    check_length,
    check_named,
    check_sampling,
    check_seed,
    kept,
    next_seed,
)
from gptcore.show.settings_comparison import sampling_text
from gptcore.show.style import KEPT, caption_html, escape
from gptcore.show.texts import Text, step_again, write_text
from gptcore.tokenizer import check_tokenizer

TOP_KS = (1, 2, 5, 10, 50, 200)


@dataclass(frozen=True, eq=False)
class ModelsRecord:
    """What several models make of one prompt with the same random numbers. Dictionaries are by the model's name."""

    prompt: str
    sampling: Sampling
    seed: int
    written: Mapping[str, Text]
    position: int = 0  # the new token that is looked at
    steps: Mapping[str, Step] | None = None  # of each model there, or at the last token of a shorter text
    darts: Mapping[str, Dart] | None = None  # the same as pictures

    @property
    def texts(self) -> dict[str, str]:
        """{model: its whole text, the prompt included}."""
        return {name: text.whole for name, text in self.written.items()}

    @property
    def token_ids(self) -> dict[str, list[int]]:
        """{model: its new tokens}."""
        return {name: text.token_ids for name, text in self.written.items()}

    @property
    def caption(self) -> str:
        return f"{sampling_text(self.sampling)}, seed {self.seed}"

    def describe(self) -> str:
        """Which models, and what they were asked; not what they wrote, which may differ between machines."""
        return f"{', '.join(self.written)} go on from {self.prompt!r}, {self.caption}"

    def index(self, name: str) -> int:
        """The index of the new token of one model that is shown."""
        return min(self.position, len(self.written[name].token_ids) - 1)


def compare_models(
    models: Mapping[str, GPTModel], tokenizer: Any, prompt: str, sampling: Sampling, seed: int, max_length: int
) -> ModelsRecord:
    """Let each model write its text."""
    texts = {name: write_text(model, tokenizer, prompt, max_length, sampling, seed) for name, model in models.items()}
    return ModelsRecord(prompt, sampling, seed, texts)


def look_at(models: Mapping[str, GPTModel], tokenizer: Any, record: ModelsRecord, position: int) -> ModelsRecord:
    """The same texts, and what each model chose its new token at `position` from, computed again."""
    record = replace(record, position=position)
    steps = {
        name: step_again(models[name], tokenizer, text, record.index(name), record.sampling)
        for name, text in record.written.items()
        if text.token_ids
    }
    darts = {name: Dart.of(step.distribution, step.uniform, tokenizer) for name, step in steps.items()}
    return replace(record, steps=steps, darts=darts)


def model_html(record: ModelsRecord, name: str, losses: Mapping[str, float], floor: float | None) -> str:
    """One model: its loss, its text, and the dart on the bar of the token that is looked at."""
    return f'<div class="gptcore gptcore-model">{_head_html(name, losses, floor)}{_text_html(record, name)}</div>'


def _head_html(name: str, losses: Mapping[str, float], floor: float | None) -> str:
    """The model's name, and its loss on a scale from 0 to the largest."""
    head = f"<b>{escape(name)}</b>"
    if name not in losses:
        return f'<div class="gptcore-model-head">{head}</div>'
    largest, said, mark = max(losses.values()), f"loss {losses[name]:.2f}", ""
    if floor is not None:
        said += f", {_floor(floor)}"
        mark = f'<s style="left:{floor / largest:.1%}" title="{_floor(floor)}"></s>'
    return (
        f'<div class="gptcore-model-head">{head}'
        f'<div class="gptcore-model-loss" role="img" aria-label="{said} nats per token">'
        f'<i style="width:{losses[name] / largest:.1%}"></i>{mark}</div><span>{said}</span></div>'
    )


def _text_html(record: ModelsRecord, name: str) -> str:
    text, shown = record.written[name], record.index(name)
    new = "".join(
        f'<span class="{"gptcore-new gptcore-last" if index == shown else "gptcore-new"}">{escape(piece)}</span>'
        for index, piece in enumerate(text.pieces)
    )
    dart = ""
    if name in record.steps:
        choices = record.steps[name].distribution.entropy.exp().item()
        dart = dart_html(record.darts[name]) + (
            f'<div class="gptcore-model-choices">New token {shown + 1}: as if choosing among {choices:,.1f}</div>'
        )
    return (
        f'<div class="gptcore-text gptcore-model-text" tabindex="0" role="group" aria-label="Text {escape(name)}">'
        f"{escape(text.prompt)}{new}</div>{dart}"
    )


@styled
def plot_texts(axes: Collection[Axes], texts: Mapping[str, str]) -> None:
    """Each text below its name, on axes of its own."""
    for ax, (name, text) in zip(axes, texts.items(), strict=False):
        ax.set_axis_off()
        ax.set_title(drawable(name), color=KEPT, fontsize=11, pad=3)
        ax.text(0, 1, drawable(text), va="top", transform=ax.transAxes, fontsize=10)
        say(ax, " ".join(text.split()))


@styled
def plot_model_losses(ax: Axes, losses: Mapping[str, float], floor: float | None = None) -> None:
    """A bar for each loss, in nats per token, and a line at the lowest that can be expected."""
    texts = [f"{loss:.2f}" for loss in losses.values()]
    xlabel = "loss on tales that no model has read, nats per token"
    plot_bars(ax, list(losses), list(losses.values()), texts, xlabel=xlabel, height=0.6)
    if floor is not None:
        plot_level(ax, floor, _floor(floor), vertical=True)
    ax.set_xlim(0, 1.05 * max(losses.values()))


def _floor(floor: float) -> str:
    return f"floor {floor:.2f}"


class ModelComparison(LiveView):
    """What several models make of one prompt with the same random numbers, beside what each of them has learned.

    >>> models = {"untrained": GPTModel(model.config), "trained": model}
    >>> comparison = ModelComparison(models, tokenizer, seed=1, max_length=4)
    >>> comparison.texts["trained"]
    'Once upon a time, when the world'
    >>> comparison.position = 3  # look at the fourth new token: one dart, a bar for each model

    `losses` are those of the models, in nats per token, and `floor` is the lowest that can be expected; both may be
    left out. `steps` holds the `Step` of each model at `position`, or at its last token if its text is shorter. Each
    text is that of `gptcore.generate` with `seed`, so the uniform numbers are the same, position by position. A value
    that is not allowed changes nothing, and `problem` says why.

    Raises ValueError if there is no model, or if a loss has no model, and like `gptcore.generate` for a setting.
    """

    prompt, seed, max_length = TextSetting(), Setting(check_seed), Setting(check_length, most=MOST_LENGTH)
    temperature, top_k = Setting(check_sampling), Setting(check_sampling)
    texts, token_ids, steps = Shown(), Shown(), Shown()

    def __init__(
        self,
        models: Mapping[str, GPTModel],
        tokenizer: Any,
        prompt: str = "Once upon a time",
        temperature: float = 0.7,
        top_k: int | None = 10,
        seed: int = 1,
        max_length: int = 40,
        losses: Mapping[str, float] | None = None,
        floor: float | None = None,
    ):
        _check_models(models)
        losses = {} if losses is None else losses
        _check_losses(models, losses, floor)
        check_tokenizer(tokenizer)
        self.models, self.losses = dict(models), dict(losses)
        self.tokenizer, self.floor = tokenizer, floor
        self._make_controls()
        settings = {"prompt": prompt, "temperature": temperature, "top_k": top_k, "seed": seed}
        self._put(**self._checked(settings | {"max_length": max_length}))
        self._update(self.controls.keys())
        if self.record is None:
            raise ValueError(self.problem)

    @property
    def position(self) -> int:
        """The new token whose probabilities are shown, counted from 0."""
        return self._position.value - 1

    @position.setter
    def position(self, position: int) -> None:
        with self._safely(self._position):
            if not (is_integer(position) and 0 <= position < self._position.max):
                last = self._position.max - 1
                raise ValueError(f"position must be an integer from 0 to {last}, got {given(position)}")
            self._position.value = position + 1

    def other_luck(self) -> None:
        """The next seed."""
        self.seed = next_seed(self.seed)

    def _update(self, names: Collection[str]) -> None:
        self._try(self._compare)
        if self.record is not None:
            self._show()

    def _compare(self) -> ModelsRecord:
        prompt, notice = fitting(self.prompt, self.models.values(), self.tokenizer, self.max_length)
        if notice:
            self._put(prompt=prompt)
            self.notice = notice
        settings = self.prompt, Sampling(self.temperature, self.top_k), self.seed, self.max_length
        return self._look(compare_models(self.models, self.tokenizer, *settings))

    def _look(self, record: ModelsRecord) -> ModelsRecord:
        return look_at(self.models, self.tokenizer, record, self.position)

    def _move(self) -> None:
        if not self._changing:
            self.record = self._look(self.record)
            self._show()

    def picture(self) -> Figure:
        """The texts, and below them the losses."""
        texts = {name: wrapped(text, 110, 6) for name, text in self.texts.items()}
        heights = [0.35 + 0.19 * (1 + text.count("\n")) for text in texts.values()]
        if self.losses:
            heights.append(0.95 + 0.3 * len(self.losses))
        layout = {"rows": len(heights), "height_ratios": heights, "squeeze": False}
        figure, axes = chart(WIDTH, sum(heights), **layout)
        plot_texts(axes[:, 0], texts)
        if self.losses:
            plot_model_losses(axes[-1, 0], self.losses, self.floor)
        return figure

    def _make_controls(self) -> None:
        self.controls = {
            "prompt": text_field("Beginning"),
            "temperature": temperature_slider("Temperature", "6.5em"),
            "top_k": top_k_slider("Top-k", TOP_KS, "6.5em"),
            **kept(seed=1, max_length=1),
        }
        self._watch()
        style, layout = {"description_width": "6.5em"}, {"width": "370px"}
        self._position = ipywidgets.IntSlider(1, min=1, max=1, description="New token", style=style, layout=layout)
        self._position.observe(self._by_hand(self._move), names="value")
        self._luck, self._message = ipywidgets.HTML(), html()
        self._boxes = {name: html() for name in self.models}
        self.view = framed(
            self.controls["prompt"],
            side_by_side(self.controls["temperature"], self.controls["top_k"]),
            side_by_side(
                self._position,
                self._button("Other luck", self.other_luck, "refresh", "The next seed"),
                self._luck,
            ),
            self._message,
            *self._boxes.values(),
            width=900,
        )

    def _show(self) -> None:
        with self._quietly():
            self._position.max = max(1, self.max_length)
        self._luck.value = f'<span class="gptcore">seed {self.seed}</span>'
        self._message.value = caption_html(self.caption, 1)
        for name, box in self._boxes.items():
            box.value = model_html(self.record, name, self.losses, self.floor)


def _check_models(models: Any) -> None:
    check_named("models", models)
    if not models:
        raise ValueError("models must be at least one, by its name, got none")
    for model in models.values():
        check_model(model)


def _check_losses(models: Mapping[str, GPTModel], losses: Any, floor: Any) -> None:
    if not isinstance(losses, Mapping):
        raise TypeError(f"losses must be a dictionary of losses by the name of their model, got {given(losses)}")
    if unknown := losses.keys() - models.keys():
        raise ValueError(
            f"losses must be of the models {', '.join(models)}, got {', '.join(sorted(map(str, unknown)))}"
        )
    for name, loss in losses.items():
        if not (is_number(loss) and 0 < loss < LARGEST_LOSS):
            raise ValueError(f"losses must be above 0, in nats per token, got {given(loss)} for {name}")
    check_floor("floor", floor)
