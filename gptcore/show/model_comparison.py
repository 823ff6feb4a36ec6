"""`ModelComparison`: several models, one beginning and the same luck."""

import math
from collections.abc import Mapping
from html import escape
from textwrap import wrap
from typing import Any

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.generation import Step, generate_steps, text_steps
from gptcore.model import GPTModel
from gptcore.sampling import Sampling
from gptcore.show.charts import drawable, styled
from gptcore.show.dart import dart_html
from gptcore.show.live import LiveView
from gptcore.show.style import CHOSEN, KEPT, caption_html, stylesheet
from gptcore.tokenizer import stream_decode

TOP_KS = (1, 2, 5, 10, 50, 200, None)


class ModelComparison(LiveView):
    """What several models make of one prompt with the same random numbers, beside what each of them has learned.

    >>> comparison = ModelComparison({"untrained": untrained, "trained": trained}, tokenizer, seed=1)
    >>> comparison.texts["trained"]
    >>> comparison.place = 3  # look at the fourth new token: one dart, a bar for each model

    `losses` are those of the models, in nats per token, and `floor` is the loss that no model can go below; both may
    be left out. `steps` holds the `Step` of each model at `place`, or at its last token where its text is shorter. Each
    text is that of `gptcore.generate` with `seed`, so that the uniform numbers are the same, place by place.

    Raises ValueError if there is no model, or if a loss has no model, and like `gptcore.generate` for a setting.
    """

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
        self.models, self.losses = dict(models), dict(losses or {})
        if not self.models:
            raise ValueError("models must be at least one, by its name, got none")
        if unknown := self.losses.keys() - self.models.keys():
            raise ValueError(f"losses must be of the models {', '.join(self.models)}, got {', '.join(sorted(unknown))}")
        for name, loss in self.losses.items():
            if not 0 < loss < math.inf:
                raise ValueError(f"losses must be above 0, in nats per token, got {loss!r} for {name}")
        Sampling(temperature, top_k)
        self.tokenizer, self.floor, self.max_length, self._seed = tokenizer, floor, max_length, seed
        self._make_controls(prompt, temperature, top_k)
        self.compare()

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def prompt(self) -> str:
        return self._prompt.value

    @prompt.setter
    def prompt(self, text: str) -> None:
        self._prompt.value = text  # compares again, as if it had been typed

    @property
    def temperature(self) -> float:
        return self._temperature.value

    @temperature.setter
    def temperature(self, temperature: float) -> None:
        Sampling(temperature)
        self._temperature.max = max(2.0, temperature)
        self._temperature.value = temperature

    @property
    def top_k(self) -> int | None:
        return self._top_k.value or None

    @top_k.setter
    def top_k(self, top_k: int | None) -> None:
        Sampling(self.temperature, top_k)
        self._offer(top_k)
        self._follow()

    @property
    def seed(self) -> int:
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed = seed
        self._follow()

    @property
    def place(self) -> int:
        """The new token whose chances are shown, counted from 0."""
        return self._place.value - 1

    @place.setter
    def place(self, place: int) -> None:
        self._place.value = place + 1

    @property
    def texts(self) -> dict[str, str]:
        """{model: its whole text, the prompt included}."""
        return {name: "".join(self._pieces(name)) for name in self.models}

    # What it does ------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Let each model write its text."""
        written = {}
        for name, model in self.models.items():
            sampling = Sampling(self.temperature, self.top_k)
            prompt_ids, steps = text_steps(
                model, self.prompt, self.tokenizer, self.max_length, sampling, seed=self.seed
            )
            written[name] = [(step.token_id, step.uniform) for step in steps]
        self.prompt_ids = prompt_ids
        self.token_ids = {name: [token_id for token_id, _ in text] for name, text in written.items()}
        self.uniforms = [uniform for _, uniform in max(written.values(), key=len)]
        self.look()

    def look(self) -> None:
        """Compute the chances at `place` again: nobody keeps the record of every step."""
        self.steps: dict[str, Step] = {name: self._step_again(name) for name, ids in self.token_ids.items() if ids}
        self._show()

    def other_luck(self) -> None:
        """The next seed."""
        self.seed += 1

    def _step_again(self, name: str) -> Step:
        ids = self.token_ids[name]
        number = min(self.place, len(ids) - 1)
        model = self.models[name]
        before = (self.prompt_ids or [self.tokenizer.eos_token_id]) + ids[:number]
        before = torch.tensor(before, device=model.device)
        distribution = next(generate_steps(model, before, 1, self.temperature, self.top_k)).distribution
        return Step(len(before), distribution, self.uniforms[number], ids[number])

    def _pieces(self, name: str) -> list[str]:
        return list(stream_decode(self.tokenizer, self.prompt_ids + self.token_ids[name]))

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        """Which models, and what they were asked; not what they wrote, which may differ between machines."""
        return f"ModelComparison: {', '.join(self.models)} go on from {self.prompt!r}, {self._settings_text()}"

    @styled
    def picture(self) -> Figure:
        """The texts, and below them the losses."""
        texts = {name: wrap(" ".join(drawable(text).split()), 84)[:6] for name, text in self.texts.items()}
        heights = [0.4 + 0.18 * len(lines) for lines in texts.values()]
        if self.losses:
            heights.append(0.6 + 0.35 * len(self.losses))
        figure = Figure(figsize=(8, sum(heights)), layout="constrained")
        axes = figure.subplots(len(heights), height_ratios=heights, squeeze=False)[:, 0]
        for ax, height, (name, lines) in zip(axes, heights, texts.items(), strict=False):
            ax.set_axis_off()
            _write(ax, 1.0, drawable(name), color=KEPT, fontsize=11)
            _write(ax, 1 - 0.25 / height, "\n".join(lines))
        if self.losses:
            _draw_losses(axes[-1], self.losses, self.floor)
        return figure

    def _make_controls(self, prompt: str, temperature: float, top_k: int | None) -> None:
        wide = ipywidgets.Layout(width="auto")
        self._prompt = ipywidgets.Text(prompt, description="Beginning", continuous_update=False, layout=wide)
        self._temperature = ipywidgets.FloatSlider(
            temperature, min=0, max=max(2.0, temperature), step=0.05, description="Temperature", continuous_update=False
        )
        self._top_k = ipywidgets.SelectionSlider(description="Top-k", options=[("all", 0)], continuous_update=False)
        self._offer(top_k)
        self._place = ipywidgets.IntSlider(1, min=1, max=max(1, self.max_length), description="New token")
        self._other = ipywidgets.Button(description="Other luck", icon="refresh", tooltip="The next seed")
        self._luck, self._message = ipywidgets.HTML(), ipywidgets.HTML(layout=wide)
        self._boxes = {name: ipywidgets.HTML(layout=wide) for name in self.models}
        for slider in (self._temperature, self._top_k, self._place):
            slider.style.description_width, slider.layout.width = "6.5em", "370px"
        for control in (self._prompt, self._temperature, self._top_k):
            control.observe(lambda change: self._follow(), names="value")
        self._place.observe(lambda change: self.look(), names="value")
        self._other.on_click(lambda button: self.other_luck())
        wrapping = ipywidgets.Layout(flex_flow="row wrap")
        self.view = ipywidgets.VBox(
            [ipywidgets.HTML(stylesheet()), self._prompt]
            + [ipywidgets.HBox([self._temperature, self._top_k], layout=wrapping)]
            + [ipywidgets.HBox([self._place, self._other, self._luck], layout=wrapping), self._message]
            + list(self._boxes.values()),
            layout=ipywidgets.Layout(max_width="900px", width="100%"),
        )

    def _offer(self, top_k: int | None) -> None:
        """Set the slider of top-k, which may not have had this number before."""
        numbers = sorted({k for k in (*TOP_KS, top_k) if k is not None})
        self._following = False  # new choices first set the slider to the first of them
        self._top_k.options = [*((str(k), k) for k in numbers), ("all", 0)]
        self._top_k.value = top_k or 0  # a slider of choices takes None for no choice at all
        self._following = True

    def _follow(self) -> None:
        """A control has moved."""
        if not self._following:
            return
        try:
            self.compare()
        except ValueError as error:
            self._say(f"This cannot be compared: {error}")

    def _show(self) -> None:
        self._luck.value = f'<span class="gptcore">seed {self.seed}</span>'
        self._say(self._settings_text())
        for name, box in self._boxes.items():
            box.value = f'<div class="gptcore gptcore-model">{self._head_html(name)}{self._text_html(name)}</div>'

    def _say(self, sentence: str) -> None:
        self._message.value = caption_html(sentence, 1)

    def _settings_text(self) -> str:
        top_k = "all" if self.top_k is None else self.top_k
        return f"temperature {self.temperature:g}, top-k {top_k}, seed {self.seed}"

    def _head_html(self, name: str) -> str:
        """The model's name, and its loss on a scale from 0 to the largest."""
        head = f"<b>{escape(name)}</b>"
        if name not in self.losses:
            return f'<div class="gptcore-model-head">{head}</div>'
        top = max(self.losses.values())
        floor = (
            "" if self.floor is None else f'<s style="left:{self.floor / top:.1%}" title="{_floor(self.floor)}"></s>'
        )
        said = f"loss {self.losses[name]:.2f}" + ("" if self.floor is None else f", {_floor(self.floor)}")
        return (
            f'<div class="gptcore-model-head">{head}'
            f'<div class="gptcore-model-loss" role="img" aria-label="{said} nats per token">'
            f'<i style="width:{self.losses[name] / top:.1%}"></i>{floor}</div><span>{said}</span></div>'
        )

    def _text_html(self, name: str) -> str:
        pieces, count = self._pieces(name), len(self.prompt_ids)
        place = min(self.place, len(self.token_ids[name]) - 1)
        new = "".join(
            f'<span class="gptcore-new{" gptcore-last" if number == place else ""}">{escape(piece)}</span>'
            for number, piece in enumerate(pieces[count:])
        )
        dart = ""
        if name in self.steps:
            step = self.steps[name]
            choices = step.distribution.entropy.exp().item()
            dart = dart_html(step.distribution, step.uniform, self.tokenizer) + (
                f'<div class="gptcore-model-choices">New token {place + 1}: as if choosing among {choices:,.1f}</div>'
            )
        return (
            f'<div class="gptcore-text gptcore-model-text" tabindex="0" role="group" aria-label="Text {escape(name)}">'
            f"{escape(''.join(pieces[:count]))}{new}</div>{dart}"
        )


def _draw_losses(ax: Axes, losses: Mapping[str, float], floor: float | None = None) -> None:
    """A bar for each loss, in nats per token, and a line at the loss that no model can go below."""
    ax.barh(range(len(losses)), losses.values(), color=KEPT, height=0.6)
    for row, loss in enumerate(losses.values()):
        ax.text(loss, row, f" {loss:.2f}", va="center", fontsize=9)
    if floor is not None:
        ax.axvline(floor, color=CHOSEN, linewidth=2, linestyle="--", label=_floor(floor))
        ax.legend(loc="lower right", frameon=False, fontsize=9)
    ax.set_yticks(range(len(losses)), [drawable(name) for name in losses])
    ax.set(xlabel="loss on tales that no model has read, nats per token", xlim=(0, 1.1 * max(losses.values())))
    ax.invert_yaxis()


def _floor(floor: float) -> str:
    return f"floor {floor:.2f}"


def _write(ax: Axes, y: float, text: str, fontsize: float = 9.5, **style: Any) -> None:
    ax.text(0, y, text, va="top", transform=ax.transAxes, fontsize=fontsize, **style)
