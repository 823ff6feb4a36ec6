"""`SettingsComparison`: two settings on the same luck, and the token at which their texts part."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gptcore.checks import check_integer, given
from gptcore.generation import Step
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Sampling
from gptcore.show.arguments import checked
from gptcore.show.band import band
from gptcore.show.charts import WIDTH, chart
from gptcore.show.dart import Dart, plot_dart
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.prompts import fitting
from gptcore.show.settings import (
    MOST_LENGTH,
    OPENING,
    Setting,
    Shown,
    TextSetting,
    check_length,
    check_sampling,
    check_seed,
    next_seed,
)
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
    position: int = 0  # the new token that they are of, or the last one of a shorter text

    def shown(self) -> dict[str, Any]:
        """Both texts and darts for the page."""
        sides = [
            {
                "about": sampling_text(sampling),
                "prompt": mine.prompt,
                "pieces": mine.pieces,
                "same": [
                    i < len(other.token_ids) and other.token_ids[i] == token_id
                    for i, token_id in enumerate(mine.token_ids)
                ],
                "dart": dart and dart.shown(),
            }
            for sampling, mine, other, dart in zip(
                self.samplings, self.written, self.written[::-1], [*self.darts, None, None][:2], strict=True
            )
        ]
        return {"sides": sides, "parting": self.first_difference, "position": self.position}

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
            return _("The texts are the same, all {most} new tokens.").format(most=most)
        said = _(
            "The first token that differs is new token {n}; in all, {same} of {most} positions have the same token."
        )
        return said.format(n=self.first_difference + 1, same=self.agreement, most=most)

    def describe(self) -> str:
        one, other = map(sampling_text, self.samplings)
        said = _("{one} against {other}, seed {seed}: {caption}")
        return said.format(one=one, other=other, seed=self.seed, caption=self.caption)


def first_difference(first: Sequence[int], second: Sequence[int]) -> int | None:
    """The first index at which two lists differ; where one ends, if it is the beginning of the other."""
    pairs = enumerate(zip(first, second, strict=False))
    index = next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))
    return None if index == len(first) == len(second) else index


def parting(first: Sequence[int], second: Sequence[int]) -> int:
    """The first index at which two lists differ, or the last one of the longer list."""
    index = first_difference(first, second)
    return max(len(first), len(second)) - 1 if index is None else index


def compare_settings(
    model: GPTModel, tokenizer: Any, prompt: str, samplings: Sequence[Sampling], seed: int, max_length: int
) -> SettingsRecord:
    """Write a text with each of two settings, and look at the token at which they part."""
    texts = [write_text(model, tokenizer, prompt, max_length, sampling, seed) for sampling in samplings]
    record = SettingsRecord(samplings, seed, texts, [], [])
    return look_at(model, tokenizer, record, parting(*record.token_ids))


def look_at(model: GPTModel, tokenizer: Any, record: SettingsRecord, position: int) -> SettingsRecord:
    """The same texts, and what both settings chose their new token at `position` from, computed again."""
    steps = [
        step_again(model, tokenizer, text, min(position, len(text.token_ids) - 1), sampling)
        for text, sampling in zip(record.written, record.samplings, strict=True)
        if text.token_ids
    ]
    darts = [Dart.of(step.distribution, step.uniform, tokenizer) for step in steps]
    return replace(record, steps=steps, darts=darts, position=position)


def samplings_of(settings: Sequence[Mapping[str, Any]]) -> list[Sampling]:
    """Two settings, checked. Raises TypeError or ValueError if they are not two, or one of them is not allowed."""
    if not isinstance(settings, Sequence) or not all(isinstance(setting, Mapping) for setting in settings):
        raise TypeError(_("settings must be two dictionaries, got {value}").format(value=given(settings)))
    if len(settings) != 2:
        raise ValueError(_("settings must be two, got {count}").format(count=len(settings)))
    known = vars(Sampling()).keys()
    if unknown := {str(name) for setting in settings for name in setting} - known:
        raise ValueError(
            _("a setting has {names}, got {other}").format(names=", ".join(known), other=", ".join(sorted(unknown)))
        )
    return [Sampling(**setting) for setting in settings]


def sampling_text(sampling: Sampling) -> str:
    """ "temperature 0.7, top-k 10" """
    said = [_("temperature {value}").format(value=f"{sampling.temperature:g}")]
    said.append(_("top-k {value}").format(value=_("all") if sampling.top_k is None else sampling.top_k))
    if sampling.top_p:
        said.append(_("top-p {value}").format(value=f"{sampling.top_p:g}"))
    if sampling.min_p:
        said.append(_("min-p {value}").format(value=f"{sampling.min_p:g}"))
    return ", ".join(said)


@checked
def plot_settings(axes: Sequence[Axes], record: SettingsRecord) -> None:
    """The same darts on two `axes`, one below the other."""
    for ax, dart in zip(axes, record.darts, strict=False):
        plot_dart(ax, dart)


def _check_as(setting: str, name: str, value: Any) -> None:
    check_sampling(setting, value)


class SettingsComparison(LiveView):
    """Two texts from one prompt and the same random numbers, drawn with two settings.

    >>> comparison = SettingsComparison(model, tokenizer, "Once upon a time", seed=2)
    >>> comparison.first_difference, comparison.agreement  # of 40 new tokens
    (3, 38)
    >>> comparison.settings = {"temperature": 0, "top_k": 10}, {"temperature": 1.5, "top_k": None}

    Each setting is a mapping with any of temperature, top_k, top_p and min_p. Both texts are those of
    `gptcore.generate` with `seed`, so the uniform numbers are the same, position by position. `steps` holds one `Step`
    for each text: that of the first difference, or of the last token if there is none.
    """

    prompt, seed, max_length = TextSetting(), Setting(check_seed), Setting(check_length, most=MOST_LENGTH)
    temperature_a, temperature_b = (Setting(partial(_check_as, "temperature")) for _ in range(2))
    top_k_a, top_k_b = (Setting(partial(_check_as, "top_k")) for _ in range(2))
    texts, token_ids, first_difference, agreement, steps = (Shown() for _ in range(5))
    front, hands = "settings_comparison", ("look", "other_luck")
    _remembered = "record", "_fixed"

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = OPENING,
        settings: Sequence[Mapping[str, Any]] = DEFAULT,
        seed: int = 1,
        max_length: int = 40,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self._fixed: list[dict[str, Any]] = [{}, {}]  # top_p and min_p, which have no control
        heat = {"min": 0, "max": 2, "step": 0.05}
        top_ks = [*((f"{k:,}", k) for k in TOP_KS), (_("all"), None)]
        sliders = {f"temperature_{name}": Control(1.0, **heat) for name in "ab"}
        sliders |= {f"top_k_{name}": Control(options=top_ks) for name in "ab"}
        self._open(prompt=Control(""), seed=Control(1), max_length=Control(40), **sliders)
        self._put(**self._checked({"prompt": prompt, "seed": seed, "max_length": max_length}))
        self.settings = settings

    def _link(self) -> str | None:
        """None, too, where it has settings without a control, which no link holds."""
        return None if any(self._fixed) else super()._link()

    @property
    def settings(self) -> tuple[dict[str, Any], ...]:
        """The two settings."""
        sliders = (self.temperature_a, self.top_k_a), (self.temperature_b, self.top_k_b)
        return tuple(
            {"temperature": temperature, "top_k": top_k} | fixed
            for (temperature, top_k), fixed in zip(sliders, self._fixed, strict=True)
        )

    @settings.setter
    def settings(self, settings: Sequence[Mapping[str, Any]]) -> None:
        samplings = samplings_of(settings)
        with self._safely(*self.controls.values()):
            for sampling, name in zip(samplings, "ab", strict=True):
                self._put(**{f"temperature_{name}": sampling.temperature, f"top_k_{name}": sampling.top_k})
            self._fixed = [{name: s[name] for name in ("top_p", "min_p") if name in s} for s in settings]
            self._update()
        if self.record is None:
            raise ValueError(self.problem)

    def look(self, position: int) -> None:
        """Look at the new token at `position`, counted from 0. Raises TypeError or ValueError if there is none."""
        check_integer("position", position, least=0)
        last = max(map(len, self.token_ids)) - 1
        if position > last:
            raise ValueError(_("position must be at most {last}, got {value}").format(last=last, value=f"{position:,}"))
        self.record = look_at(self.model, self.tokenizer, self.record, position)
        self._show()

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

    def _shown(self) -> dict[str, Any]:
        return {} if self.record is None else self.record.shown()

    def _given(self) -> dict[str, Any]:
        """Settings without a control, and the token that a hand has chosen to look at."""
        given = super()._given() | ({"given": {"fixed": self._fixed}} if any(self._fixed) else {})
        if self.record is None or self.record.position == parting(*self.token_ids):
            return given
        return given | {"did": [["look", [self.record.position]]]}

    def _band(self) -> dict[str, Any]:
        if self.record is None or not self.steps:
            return {}
        step, prompt_ids = self.steps[0], self.record.written[0].prompt_ids
        return band(self.prompt, prompt_ids, self.model, self.tokenizer, step.distribution, step.uniform, step.token_id)
