"""`ModelComparison`: several models, one prompt and the same luck."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import given, is_integer, is_number
from gptcore.generation import Step
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Sampling
from gptcore.show.band import band
from gptcore.show.charts import WIDTH, chart, drawable, say, styled, wrapped
from gptcore.show.dart import Dart
from gptcore.show.front import Control
from gptcore.show.identity import model_name
from gptcore.show.live import LiveView
from gptcore.show.plots import plot_bars, plot_level
from gptcore.show.prompts import fitting
from gptcore.show.settings import (
    LARGEST_LOSS,
    MOST_LENGTH,
    OPENING,
    Setting,
    Shown,
    TextSetting,
    check_floor,
    check_length,
    check_named,
    check_sampling,
    check_seed,
    next_seed,
)
from gptcore.show.settings_comparison import sampling_text
from gptcore.show.style import KEPT
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
        return _("{settings}, seed {seed}").format(settings=sampling_text(self.sampling), seed=self.seed)

    def describe(self) -> str:
        """Which models, and what they were asked; not what they wrote, which may differ between machines."""
        said = _("{models} go on from {prompt}, {settings}")
        return said.format(models=", ".join(self.written), prompt=repr(self.prompt), settings=self.caption)

    def shown(self, name: str, loss: float | None) -> dict[str, Any]:
        """One model for the page: its loss, its text, and the dart on the bar of the token that is looked at."""
        text, position = self.written[name], self.index(name)
        shown = {"name": name, "loss": loss, "prompt": text.prompt, "pieces": text.pieces, "position": position}
        if name not in self.steps:
            return shown
        choices = self.steps[name].distribution.entropy.exp().item()
        return shown | {"choices": choices, "dart": self.darts[name].shown()}

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
    xlabel = _("loss on tales that no model has read, nats per token")
    plot_bars(ax, list(losses), list(losses.values()), texts, xlabel=xlabel, height=0.6)
    if floor is not None:
        plot_level(ax, floor, _floor(floor), vertical=True)
    ax.set_xlim(0, 1.05 * max(losses.values()))


def _floor(floor: float) -> str:
    return _("floor {floor}").format(floor=f"{floor:.2f}")


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
    front, hands = "model_comparison", ("look", "other_luck")

    def __init__(
        self,
        models: Mapping[str, GPTModel],
        tokenizer: Any,
        prompt: str = OPENING,
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
        self._open(
            prompt=Control(""),
            temperature=Control(1.0, min=0, max=2, step=0.05),
            top_k=Control(options=[*((f"{k:,}", k) for k in TOP_KS), (_("all"), None)]),
            seed=Control(1),
            max_length=Control(1),
        )
        settings = {"prompt": prompt, "temperature": temperature, "top_k": top_k, "seed": seed}
        self._put(**self._checked(settings | {"max_length": max_length}))
        self._update(self.controls.keys())
        if self.record is None:
            raise ValueError(self.problem)

    @property
    def position(self) -> int:
        """The new token whose probabilities are shown, counted from 0."""
        return 0 if self.record is None else self.record.position

    @position.setter
    def position(self, position: int) -> None:
        with self._safely():
            last = max(1, self.max_length) - 1
            if not (is_integer(position) and 0 <= position <= last):
                said = _("position must be an integer from 0 to {last}, got {value}")
                raise ValueError(said.format(last=last, value=given(position)))
            self.record = look_at(self.models, self.tokenizer, self.record, int(position))
            self._show()

    def look(self, position: int) -> None:
        """Look at another token: the same as setting `position`."""
        self.position = position

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
        record = compare_models(self.models, self.tokenizer, *settings)
        return look_at(self.models, self.tokenizer, record, min(self.position, max(1, self.max_length) - 1))

    def picture(self) -> Figure:
        """The texts, and below them the losses."""
        texts = {name: wrapped(text, 100, 6) for name, text in self.texts.items()}
        heights = [0.35 + 0.19 * (1 + text.count("\n")) for text in texts.values()]
        if self.losses:
            heights.append(0.95 + 0.3 * len(self.losses))
        layout = {"rows": len(heights), "height_ratios": heights, "squeeze": False}
        figure, axes = chart(WIDTH, sum(heights), **layout)
        plot_texts(axes[:, 0], texts)
        if self.losses:
            plot_model_losses(axes[-1, 0], self.losses, self.floor)
        return figure

    def _shown(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        models = [self.record.shown(name, self.losses.get(name)) for name in self.models]
        return {"models": models, "largest": max(self.losses.values(), default=None), "floor": self.floor}

    def _given(self) -> dict[str, Any]:
        """Losses are rounded as they are shown: further digits differ between computers."""
        losses = {name: round(loss, 2) for name, loss in self.losses.items()}
        floor = None if self.floor is None else round(self.floor, 6)
        names = [
            [name, model_name(model)] for name, model in self.models.items()
        ]  # a notebook sorts the keys of a dict
        looked = {"did": [["look", [self.position]]]} if self.position else {}
        return super()._given() | {"given": {"models": names, "losses": losses, "floor": floor}} | looked

    def _band(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        name, model = next(reversed(self.models.items()))
        step = self.record.steps.get(name)
        known = () if step is None else (self.tokenizer, step.distribution, step.uniform, step.token_id)
        return band(self.prompt, self.record.written[name].prompt_ids, model, *known)


def _check_models(models: Any) -> None:
    check_named("models", models)
    if not models:
        raise ValueError(_("models must be at least one, by its name, got none"))
    for model in models.values():
        check_model(model)


def _check_losses(models: Mapping[str, GPTModel], losses: Any, floor: Any) -> None:
    if not isinstance(losses, Mapping):
        raise TypeError(
            _("losses must be a dictionary of losses by the name of their model, got {value}").format(
                value=given(losses)
            )
        )
    if unknown := losses.keys() - models.keys():
        raise ValueError(
            _("losses must be of the models {names}, got {other}").format(
                names=", ".join(models), other=", ".join(sorted(map(str, unknown)))
            )
        )
    for name, loss in losses.items():
        if not (is_number(loss) and 0 < loss < LARGEST_LOSS):
            raise ValueError(
                _("losses must be above 0, in nats per token, got {value} for {name}").format(
                    value=given(loss), name=name
                )
            )
    check_floor("floor", floor)
