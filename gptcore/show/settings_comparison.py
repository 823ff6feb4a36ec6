"""`SettingsComparison`: two settings on the same luck, and the token at which their texts part."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import given
from gptcore.generation import Step
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Sampling
from gptcore.show.arguments import checked
from gptcore.show.charts import WIDTH, chart
from gptcore.show.dart import Dart, dart_html, plot_dart
from gptcore.show.live import LiveView
from gptcore.show.parts import framed, html, side_by_side, temperature_slider, text_field, top_k_slider
from gptcore.show.prompts import fitting
from gptcore.show.settings import (
    MOST_LENGTH,
    OFF,
    Setting,
    Shown,
    TextSetting,
    check_length,
    check_seed,
    kept,
    next_seed,
)
from gptcore.show.style import caption_html, escape
from gptcore.show.texts import Text, step_again, write_text
from gptcore.tokenizer import check_tokenizer

NAMES = ("A", "B")
TOP_KS = (1, 2, 3, 5, 10, 20, 50, 100)
DEFAULT = ({"temperature": 0.7, "top_k": 10}, {"temperature": 1.0, "top_k": 10})


@dataclass(frozen=True, eq=False)
class SettingsRecord:
    """Two texts from one prompt and the same random numbers, drawn with two settings."""

    samplings: Sequence[Sampling]
    seed: int
    written: Sequence[Text]
    steps: Sequence[Step]  # of each text, where they part, or else its last; none if there are no new tokens
    darts: Sequence[Dart]  # the same as pictures

    @property
    def texts(self) -> tuple[str, ...]:
        """Both texts, the prompt included."""
        return tuple(text.whole for text in self.written)

    @property
    def token_ids(self) -> tuple[list[int], ...]:
        """The new tokens of both texts."""
        return tuple(text.token_ids for text in self.written)

    @cached_property
    def first_difference(self) -> int | None:
        """The index of the first new token that differs; None if both texts are the same."""
        return first_difference(*self.token_ids)

    @cached_property
    def agreement(self) -> int:
        """How many new tokens are the same at the same position."""
        return sum(a == b for a, b in zip(*self.token_ids, strict=False))

    @property
    def caption(self) -> str:
        most = max(map(len, self.token_ids))
        if self.first_difference is None:
            return f"The texts are the same, all {most} new tokens."
        return (
            f"The first token that differs is new token {self.first_difference + 1}; "
            f"in all, {self.agreement} of {most} positions have the same token."
        )

    def describe(self) -> str:
        return f"{' against '.join(map(sampling_text, self.samplings))}, seed {self.seed}: {self.caption}"


def first_difference(first: Sequence[int], second: Sequence[int]) -> int | None:
    """The first index at which two lists differ; where one ends, if it is the beginning of the other."""
    pairs = enumerate(zip(first, second, strict=False))
    index = next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))
    return None if index == len(first) == len(second) else index


def compare_settings(
    model: GPTModel, tokenizer: Any, prompt: str, samplings: Sequence[Sampling], seed: int, max_length: int
) -> SettingsRecord:
    """Write a text with each of two settings, and look at the token at which they part."""
    texts = [write_text(model, tokenizer, prompt, max_length, sampling, seed) for sampling in samplings]
    parting = first_difference(*(text.token_ids for text in texts))
    steps = []
    for text, sampling in zip(texts, samplings, strict=True):
        last = len(text.token_ids) - 1
        if last >= 0:
            index = last if parting is None else min(parting, last)
            steps.append(step_again(model, tokenizer, text, index, sampling))
    darts = [Dart.of(step.distribution, step.uniform, tokenizer) for step in steps]
    return SettingsRecord(samplings, seed, texts, steps, darts)


def samplings_of(settings: Sequence[Mapping[str, Any]]) -> list[Sampling]:
    """Two settings, checked. Raises TypeError or ValueError if they are not two, or one of them is not allowed."""
    if not isinstance(settings, Sequence) or not all(isinstance(setting, Mapping) for setting in settings):
        raise TypeError(f"settings must be two dictionaries, got {given(settings)}")
    if len(settings) != 2:
        raise ValueError(f"settings must be two, got {len(settings)}")
    known = vars(Sampling()).keys()
    if unknown := {str(name) for setting in settings for name in setting} - known:
        raise ValueError(f"a setting has {', '.join(known)}, got {', '.join(sorted(unknown))}")
    return [Sampling(**setting) for setting in settings]


def sampling_text(sampling: Sampling) -> str:
    """ "temperature 0.7, top-k 10" """
    words = {"temperature": f"{sampling.temperature:g}", "top-k": "all" if sampling.top_k is None else sampling.top_k}
    words |= {name: f"{value:g}" for name, value in (("top-p", sampling.top_p), ("min-p", sampling.min_p)) if value}
    return ", ".join(f"{name} {value}" for name, value in words.items())


_KEY = """<div class="gptcore-key"><mark class="gptcore-luck-first">framed</mark> the first token that differs ·
<span class="gptcore-new">coloured</span> the same token at the same position ·
<span class="gptcore-luck-differs">dotted</span> another token</div>"""


def texts_html(record: SettingsRecord) -> str:
    """Both texts, with the first token that differs marked, and those that differ after it."""
    return f'<div class="gptcore">{"".join(_text_html(record, i) for i in range(2))}{_KEY}</div>'


def _text_html(record: SettingsRecord, i: int) -> str:
    text, other = record.written[i], record.written[1 - i]
    spans = "".join(
        _piece_html(record.first_difference, text.token_ids, other.token_ids, index, escape(piece))
        for index, piece in enumerate(text.pieces)
    )
    name = escape(f"{NAMES[i]}: {sampling_text(record.samplings[i])}")
    return (
        f'<div class="gptcore-luck-name">{name}</div>'
        f'<div class="gptcore-text gptcore-luck-one" tabindex="0" role="group" aria-label="Text {name}">'
        f"{escape(text.prompt)}{spans}</div>"
    )


def _piece_html(parting: int | None, mine: list[int], other: list[int], index: int, text: str) -> str:
    if index == parting:
        return f'<mark class="gptcore-luck-first" title="The first token that differs">{text}</mark>'
    if index >= len(mine):  # what the last bytes of a text left over
        return text
    if index >= len(other) or mine[index] != other[index]:
        return f'<span class="gptcore-luck-differs">{text}</span>'
    return f'<span class="gptcore-new">{text}</span>'


def darts_html(record: SettingsRecord) -> str:
    """The one dart on the bars of both settings."""
    if not record.darts:
        return '<div class="gptcore gptcore-luck-two"></div>'
    same = record.first_difference is None
    what = "the last token" if same else "the first token that differs"
    key = "Nothing differs." if same else "Where the texts part: one dart, at the same place on two bars."
    darts = "".join(
        f'<div class="gptcore-luck-name">{name}: {what}</div>{dart_html(dart)}'
        for name, dart in zip(NAMES, record.darts, strict=False)
    )
    return f'<div class="gptcore gptcore-luck-two"><div class="gptcore-key">{key}</div>{darts}</div>'


@checked
def plot_settings(axes: Sequence[Axes], record: SettingsRecord) -> None:
    """The same darts on two `axes`, one below the other."""
    for ax, dart in zip(axes, record.darts, strict=False):
        plot_dart(ax, dart)


class SettingsComparison(LiveView):
    """Two texts from one prompt and the same random numbers, drawn with two settings.

    >>> comparison = SettingsComparison(model, tokenizer, "Once upon a time", seed=2)
    >>> comparison.first_difference, comparison.agreement  # of 40 new tokens
    (3, 32)
    >>> comparison.settings = {"temperature": 0, "top_k": 10}, {"temperature": 1.5, "top_k": None}

    Each setting is a mapping with any of temperature, top_k, top_p and min_p. Both texts are those of
    `gptcore.generate` with `seed`, so the uniform numbers are the same, position by position. `steps` holds one `Step`
    for each text: that of the first difference, or of the last token if there is none.
    """

    prompt, seed, max_length = TextSetting(), Setting(check_seed), Setting(check_length, most=MOST_LENGTH)
    texts, token_ids, first_difference, agreement, steps = (Shown() for _ in range(5))
    _remembered = "record", "_fixed"

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = "Once upon a time",
        settings: Sequence[Mapping[str, Any]] = DEFAULT,
        seed: int = 1,
        max_length: int = 40,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self._fixed: list[dict[str, Any]] = [{}, {}]  # top_p and min_p, which have no control
        self._make_controls()
        self._put(**self._checked({"prompt": prompt, "seed": seed, "max_length": max_length}))
        self.settings = settings

    @property
    def settings(self) -> tuple[dict[str, Any], ...]:
        """The two settings."""
        return tuple(
            {"temperature": temperature.value, "top_k": None if top_k.value is OFF else top_k.value} | fixed
            for (temperature, top_k), fixed in zip(self._sliders, self._fixed, strict=True)
        )

    @settings.setter
    def settings(self, settings: Sequence[Mapping[str, Any]]) -> None:
        samplings = samplings_of(settings)
        with self._safely(*(slider for sliders in self._sliders for slider in sliders)):
            with self._quietly():
                for sampling, sliders in zip(samplings, self._sliders, strict=True):
                    Setting().put(sliders[0], sampling.temperature)
                    Setting().put(sliders[1], sampling.top_k)
            self._fixed = [{name: s[name] for name in ("top_p", "min_p") if name in s} for s in settings]
            self._update()
        if self.record is None:
            raise ValueError(self.problem)

    def other_luck(self) -> None:
        """The next seed."""
        self.seed = next_seed(self.seed)

    def _update(self, names: Collection[str] = ()) -> None:
        self._try(self._compare)
        if self.record is not None:
            self._show()

    def _compare(self) -> SettingsRecord:
        prompt, notice = fitting(self.prompt, [self.model], self.tokenizer, self.max_length)
        if notice:
            self._put(prompt=prompt)
            self.notice = notice
        samplings = samplings_of(self.settings)
        return compare_settings(self.model, self.tokenizer, self.prompt, samplings, self.seed, self.max_length)

    def picture(self) -> Figure:
        titles = [f"{name}: {sampling_text(s)}" for name, s in zip(NAMES, self.record.samplings, strict=True)]
        layout = {"rows": 2, "title": self.record.caption, "titles": titles}
        figure, axes = chart(WIDTH, 3.6, **layout)
        plot_settings(axes, self.record)
        return figure

    def _make_controls(self) -> None:
        self._sliders = [
            (temperature_slider(f"{name}: temperature", "9.5em"), top_k_slider(f"{name}: top-k", TOP_KS, "9.5em"))
            for name in NAMES
        ]
        self.controls = {"prompt": text_field("Beginning"), **kept(seed=1, max_length=40)}
        self.controls |= {slider.description: slider for sliders in self._sliders for slider in sliders}
        self._watch()
        self._luck, self._message, self._story, self._darts = (html() for _ in range(4))
        self.view = framed(
            self.controls["prompt"],
            *(side_by_side(*sliders) for sliders in self._sliders),
            ipywidgets.HBox([self._button("Other luck", self.other_luck, "refresh", "The next seed"), self._luck]),
            self._message,
            self._story,
            self._darts,
            width=900,
        )

    def _show(self) -> None:
        self._luck.value = f'<span class="gptcore">seed {self.seed}</span>'
        self._message.value = caption_html(self.caption)
        self._story.value = texts_html(self.record)
        self._darts.value = darts_html(self.record)
