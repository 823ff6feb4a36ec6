"""`SettingsComparison`: two settings on the same luck, and the token at which their texts part."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets
import torch
from matplotlib.figure import Figure

from gptcore.generation import Step, generate_steps, text_steps
from gptcore.model import GPTModel
from gptcore.sampling import Sampling
from gptcore.show.charts import drawable, styled
from gptcore.show.dart import dart_html, plot_dart
from gptcore.show.live import LiveView
from gptcore.show.style import caption_html, stylesheet
from gptcore.tokenizer import decode, stream_decode

NAMES = ("A", "B")
TOP_KS = (1, 2, 3, 5, 10, 20, 50, 100, None)
DEFAULT = ({"temperature": 0.7, "top_k": 10}, {"temperature": 1.0, "top_k": 10})


class SettingsComparison(LiveView):
    """Two texts from one prompt and the same random numbers, drawn with two settings.

    >>> comparison = SettingsComparison(model, tokenizer, "Once upon a time", seed=2)
    >>> comparison.first_difference, comparison.agreement
    >>> comparison.settings = {"temperature": 0, "top_k": 10}, {"temperature": 1.5, "top_k": None}

    Each setting is a mapping with any of temperature, top_k, top_p and min_p. Both texts are those of
    `gptcore.generate` with `seed`, so that the uniform numbers are the same, place by place. `steps` holds one `Step`
    for each text: that of the first difference, or of the last token where there is none.
    """

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = "Once upon a time",
        settings: Sequence[Mapping[str, Any]] = DEFAULT,
        seed: int = 1,
        max_length: int = 40,
    ):
        self.model, self.tokenizer, self.max_length = model, tokenizer, max_length
        self._seed = seed
        self._fixed: list[dict[str, Any]] = [{}, {}]  # top_p and min_p, which have no control
        self._following = False
        self._make_controls(prompt)
        self.settings = settings

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def prompt(self) -> str:
        return self._prompt.value

    @prompt.setter
    def prompt(self, text: str) -> None:
        self._prompt.value = text  # compares again, as if it had been typed

    @property
    def settings(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The two settings."""
        first, second = (
            {"temperature": temperature.value, "top_k": top_k.value or None} | fixed
            for temperature, top_k, fixed in zip(self._temperatures, self._top_ks, self._fixed, strict=True)
        )
        return first, second

    @settings.setter
    def settings(self, settings: Sequence[Mapping[str, Any]]) -> None:
        if len(settings) != 2:
            raise ValueError(f"settings must be two, got {len(settings)}")
        if unknown := {name for setting in settings for name in setting} - {"temperature", "top_k", "top_p", "min_p"}:
            raise ValueError(f"a setting has temperature, top_k, top_p and min_p, got {', '.join(sorted(unknown))}")
        for setting in settings:
            Sampling(**setting)
        self._following = False
        for place, setting in enumerate(settings):
            temperature = setting.get("temperature", 1.0)
            self._temperatures[place].max = max(2.0, temperature)
            self._temperatures[place].value = temperature
            self._offer(self._top_ks[place], setting.get("top_k"))
            self._fixed[place] = {name: setting[name] for name in ("top_p", "min_p") if name in setting}
        self._following = True
        self.compare()

    @property
    def seed(self) -> int:
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed = seed
        self.compare()

    @property
    def texts(self) -> tuple[str, str]:
        """Both texts, the prompt included."""
        first, second = (decode(self.tokenizer, self.prompt_ids + ids) for ids in self.token_ids)
        return first, second

    @property
    def first_difference(self) -> int | None:
        """The place of the first new token that differs, counted from 0; None if both texts are the same."""
        first, second = self.token_ids
        pairs = enumerate(zip(first, second, strict=False))
        place = next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))
        return None if place == len(first) == len(second) else place

    @property
    def agreement(self) -> int:
        """How many new tokens are the same at the same place."""
        return sum(a == b for a, b in zip(*self.token_ids, strict=False))

    # What it does ------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Write both texts, and look at the place where they part."""
        texts = [self._write(setting) for setting in self.settings]
        self.token_ids: tuple[list[int], list[int]] = tuple([token_id for token_id, _ in text] for text in texts)
        longer = max(texts, key=len)
        self.uniforms = [uniform for _, uniform in longer]
        self.steps: list[Step] = [self._step_again(place) for place in range(2)] if longer else []
        self._show()

    def other_luck(self) -> None:
        """The next seed."""
        self.seed += 1

    def _write(self, setting: dict[str, Any]) -> list[tuple[int, float]]:
        self.prompt_ids, steps = text_steps(
            self.model, self.prompt, self.tokenizer, self.max_length, Sampling(**setting), seed=self.seed
        )
        return [(step.token_id, step.uniform) for step in steps]

    def _step_again(self, place: int) -> Step:
        """The step at which the texts part, computed again: nobody keeps the record of every step."""
        ids = self.token_ids[place]
        number = len(ids) - 1 if self.first_difference is None else min(self.first_difference, len(ids) - 1)
        before = (self.prompt_ids or [self.tokenizer.eos_token_id]) + ids[:number]
        before = torch.tensor(before, device=self.model.device)
        distribution = next(generate_steps(self.model, before, 1, **self.settings[place])).distribution
        return Step(len(before), distribution, self.uniforms[number], ids[number])

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        first, second = (_setting_text(setting) for setting in self.settings)
        return f"SettingsComparison: {first} against {second}, seed {self.seed}: {self._verdict()}"

    @styled
    def picture(self) -> Figure:
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        for ax, name, step, setting in zip(figure.subplots(2), NAMES, self.steps, self.settings, strict=False):
            plot_dart(ax, step.distribution, step.uniform, self.tokenizer)
            ax.set_title(drawable(f"{name}: {_setting_text(setting)}"))
        figure.suptitle(drawable(self._verdict()), ha="left", x=0.01, fontsize=11)
        return figure

    def _make_controls(self, prompt: str) -> None:
        wide = ipywidgets.Layout(width="auto")
        self._prompt = ipywidgets.Text(prompt, description="Beginning", continuous_update=False, layout=wide)
        self._temperatures = [
            ipywidgets.FloatSlider(
                1.0, min=0, max=2, step=0.05, description=f"{name}: temperature", continuous_update=False
            )
            for name in NAMES
        ]
        self._top_ks = [ipywidgets.SelectionSlider(description=f"{name}: top-k", options=[1]) for name in NAMES]
        self._other = ipywidgets.Button(description="Other luck", icon="refresh", tooltip="The next seed")
        self._luck, self._message, self._story, self._darts = (ipywidgets.HTML(layout=wide) for _ in range(4))
        for slider in self._temperatures + self._top_ks:
            slider.continuous_update = False
            slider.style.description_width, slider.layout.width = "9.5em", "370px"
            slider.observe(lambda change: self._follow(), names="value")
        self._prompt.observe(lambda change: self._follow(), names="value")
        self._other.on_click(lambda button: self.other_luck())
        rows = [
            ipywidgets.HBox(pair, layout=ipywidgets.Layout(flex_flow="row wrap"))
            for pair in zip(self._temperatures, self._top_ks, strict=True)
        ]
        self.view = ipywidgets.VBox(
            [ipywidgets.HTML(stylesheet()), self._prompt, *rows, ipywidgets.HBox([self._other, self._luck])]
            + [self._message, self._story, self._darts],
            layout=ipywidgets.Layout(max_width="900px", width="100%"),
        )

    def _follow(self) -> None:
        """A control has moved."""
        if not self._following:
            return
        try:
            self.compare()
        except ValueError as error:
            self._say(f"This cannot be compared: {error}")

    @staticmethod
    def _offer(slider: ipywidgets.SelectionSlider, top_k: int | None) -> None:
        """Set a slider of top-k, which may not have had this number before."""
        numbers = sorted({k for k in (*TOP_KS, top_k) if k is not None})
        slider.options = [*((str(k), k) for k in numbers), ("all", 0)]
        slider.value = top_k or 0  # a slider of choices takes None for no choice at all

    def _show(self) -> None:
        self._luck.value = f'<span class="gptcore">seed {self.seed}</span>'
        self._say(self._verdict())
        texts = "".join(self._text_html(place) for place in range(2))
        self._story.value = f'<div class="gptcore">{texts}{_KEY}</div>'
        self._darts.value = f'<div class="gptcore gptcore-luck-two">{self._darts_html()}</div>'

    def _say(self, sentence: str) -> None:
        self._message.value = caption_html(sentence)

    def _verdict(self) -> str:
        same, most = self.agreement, max(map(len, self.token_ids))
        if self.first_difference is None:
            return f"The texts are the same, all {most} new tokens."
        return (
            f"The first token that differs is new token {self.first_difference + 1}; "
            f"in all, {same} of {most} places have the same token."
        )

    def _text_html(self, place: int) -> str:
        """A text whose tokens are marked: the first that differs, and those that differ after it."""
        pieces = list(stream_decode(self.tokenizer, self.prompt_ids + self.token_ids[place]))
        prompt, new = "".join(pieces[: len(self.prompt_ids)]), pieces[len(self.prompt_ids) :]
        spans = "".join(self._piece_html(place, number, piece) for number, piece in enumerate(new))
        name = f"{NAMES[place]}: {_setting_text(self.settings[place])}"
        return (
            f'<div class="gptcore-luck-name">{escape(name)}</div>'
            f'<div class="gptcore-text gptcore-luck-one" tabindex="0" role="group" aria-label="Text {escape(name)}">'
            f"{escape(prompt)}{spans}</div>"
        )

    def _piece_html(self, place: int, number: int, piece: str) -> str:
        mine, other = self.token_ids[place], self.token_ids[1 - place]
        text = escape(piece)
        if number == self.first_difference:
            return f'<mark class="gptcore-luck-first" title="The first token that differs">{text}</mark>'
        if number >= len(mine):  # what the last bytes of a text left over
            return text
        if number >= len(other) or mine[number] != other[number]:
            return f'<span class="gptcore-luck-differs">{text}</span>'
        return f'<span class="gptcore-new">{text}</span>'

    def _darts_html(self) -> str:
        if not self.steps:
            return ""
        same = self.first_difference is None
        what = "the last token" if same else "the first token that differs"
        key = "Nothing differs." if same else "Where the texts part: one dart, at the same place on two bars."
        darts = "".join(
            f'<div class="gptcore-luck-name">{name}: {what}</div>'
            + dart_html(step.distribution, step.uniform, self.tokenizer)
            for name, step in zip(NAMES, self.steps, strict=True)
        )
        return f'<div class="gptcore-key">{key}</div>{darts}'


def _setting_text(setting: Mapping[str, Any]) -> str:
    """ "temperature 0.7, top-k 10" """
    words = {name: "all" if value is None else f"{value:g}" for name, value in setting.items()}
    return ", ".join(f"{name.replace('_', '-')} {value}" for name, value in words.items())


_KEY = """<div class="gptcore-key"><mark class="gptcore-luck-first">framed</mark> the first token that differs ·
<span class="gptcore-new">coloured</span> the same token at the same place ·
<span class="gptcore-luck-differs">dotted</span> another token</div>"""
