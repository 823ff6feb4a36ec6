"""`PrecisionExplorer`: how few bits the weights of a model can do with, and how many of them may share a scale."""

from collections.abc import Collection
from typing import Any

import torch
from matplotlib.figure import Figure

from gptcore.language import _, language
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Sampling
from gptcore.show import precision
from gptcore.show.band import band
from gptcore.show.charts import WIDTH, chart
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.precision import BITS, FORMATS, GROUPINGS, Beliefs, Format, Measured
from gptcore.show.precision_record import Precision, plot_precision, plot_row
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
from gptcore.show.texts import Text, write_text
from gptcore.stories import sample
from gptcore.text_generation import start_ids
from gptcore.tokenizer import check_tokenizer, encode

FULL = Format(precision.FLOAT32)
WRITING = {"prompt", "seed", "temperature", "top_k", "max_length"}  # settings of the texts


class PrecisionExplorer(LiveView):
    """A model with fewer bits per weight, beside itself in float32: how far its chances move, and what it writes.

    >>> explorer = PrecisionExplorer(model, tokenizer, bits=4, grouping="row")
    >>> round(explorer.kl, 3), explorer.size  # nats per token; bytes of the weights
    (0.005, 1457664)
    >>> explorer.grouping = 32  # a scale for each 32 weights of a row

    `bits` is one of 32 (float32), 16 (bfloat16), 8, 6, 4, 3 and 2; `grouping`, which weights share a scale, is
    "matrix", "row", 64 or 32. `kl` is the mean divergence over the first 100 tokens of `text`, from what the float32
    model expects to what this one does; `entropy` is the former's own uncertainty. `texts` are what both write after
    `prompt` with the same random numbers. `points` are all formats that were measured so far; `measure_all()` adds the
    others. The weights are only rounded, and stay floats: nothing is faster here.
    """

    bits, grouping = Setting(precision.check_bits), Setting(precision.check_grouping)
    text, prompt, seed = TextSetting(), TextSetting(), Setting(check_seed)
    temperature, top_k = Setting(check_sampling), Setting(check_sampling)
    max_length = Setting(check_length, most=MOST_LENGTH)
    texts, first_difference, entropy = Shown(), Shown(), Shown()
    points = Shown(empty=())
    front, hands = "precision_explorer", ("go_to", "measure_next", "other_luck")
    _remembered = "record", "_expected", "_measured", "_written"

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        bits: int = 8,
        grouping: str | int = "row",
        text: str | None = None,
        prompt: str = OPENING,
        temperature: float = 0.7,
        top_k: int | None = 10,
        seed: int = 1,
        max_length: int = 40,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = precision.in_float32(model), tokenizer
        self._expected: Beliefs | None = None
        self._measured: dict[Format, Measured] = {}
        self._written: dict[Format, Text] = {}
        self._coarse: tuple[Format, GPTModel] | None = None
        self._open(
            bits=Control(8, options=[(str(bits), bits) for bits in BITS]),
            grouping=Control("row", options=[(str(grouping), grouping) for grouping in GROUPINGS]),
            **{name: Control() for name in ("text", "prompt", "seed", "temperature", "top_k", "max_length")},
        )
        settings = {"bits": bits, "grouping": grouping, "prompt": prompt, "seed": seed, "max_length": max_length}
        settings |= {
            "text": sample(language(), 3) if text is None else text,
            "temperature": temperature,
            "top_k": top_k,
        }
        self._put(**self._checked(settings))
        self._update(settings.keys())
        if self.record is None:
            raise ValueError(self.problem)

    @property
    def kl(self) -> float:
        """How far the chances are from those of the float32 model: the mean divergence, in nats per token."""
        return self.record.here.kl

    @property
    def size(self) -> int:
        """Bytes that all weights would take in this format."""
        return self.record.here.size

    @property
    def unchanged(self) -> int:
        """At how many of the positions the likeliest token is that of the float32 model."""
        return self.record.here.unchanged

    def go_to(self, bits: int, grouping: str | int | None) -> None:
        """Look at another format; without a `grouping` at that of floats."""
        self.change(bits=bits, **({} if grouping is None else {"grouping": grouping}))

    def measure_next(self) -> None:
        """Measure one more format, the text aside, unless all are."""
        left = [form for form in FORMATS if form not in self._measured]
        if left:
            self._measure(left[0])
            self._update(set())

    def measure_all(self) -> None:
        """Measure all formats that were not yet."""
        for form in FORMATS:
            self._measure(form)
        self._update(set())

    def other_luck(self) -> None:
        """The next seed."""
        self.seed = next_seed(self.seed)

    def _in_format(self, form: Format) -> GPTModel:
        """The model in a format; the last one is kept."""
        if form == FULL:
            return self.model
        if self._coarse is None or self._coarse[0] != form:
            self._coarse = form, precision.coarse_model(self.model, form)
        return self._coarse[1]

    def _measure(self, form: Format) -> Measured:
        if form not in self._measured:
            found = precision.measure(self.model, self._expected, form, self._in_format(form))
            self._measured = {**self._measured, form: found}
        return self._measured[form]

    def _write(self, form: Format) -> Text:
        if form not in self._written:
            sampling = Sampling(self.temperature, self.top_k)
            job = self._in_format(form), self.tokenizer, self.prompt, self.max_length, sampling, self.seed
            self._written = {**self._written, form: write_text(*job)}
        return self._written[form]

    def _update(self, names: Collection[str]) -> None:
        self._try(lambda: self._explored(names))
        self._show()

    def _explored(self, names: Collection[str]) -> Precision:
        if "text" in names:
            self._expected, self._measured = precision.beliefs(self.model, self._token_ids()), {}
        if names & WRITING:
            self._written = {}
            prompt, notice = fitting(self.prompt, [self.model], self.tokenizer, self.max_length)
            if notice:
                self._put(prompt=prompt)
                self.notice = notice
        form = Format.of(self.bits, self.grouping)
        full, here = self._measure(FULL), self._measure(form)
        points = [self._measured[known] for known in FORMATS if known in self._measured]
        written, row = (self._write(FULL), self._write(form)), precision.first_row(self.model, form)
        count = len(self._expected.token_ids)
        return Precision(here, points, self._expected.entropy, count, full.size, written, row)

    def _token_ids(self) -> torch.Tensor:
        token_ids = encode(self.tokenizer, self.text) if self.text else []
        token_ids = token_ids or start_ids(self.model, self.tokenizer, "text")
        compared = min(precision.POSITIONS, self.model.config.context_length)
        return torch.tensor(token_ids[:compared], device=self.model.device)

    def picture(self) -> Figure:
        """What was measured so far; below it some of the weights, before and after."""
        row, name = self.record.row, self.record.here.format.name
        titles = ["", _("The first {count} weights, {name}").format(count=len(row.weights), name=name)]
        figure, (top, below) = chart(WIDTH, 5.4, rows=2, titles=titles, height_ratios=[3.4, 1])
        plot_precision(top, self.record)
        plot_row(below, row)
        return figure

    def _shown(self) -> dict[str, Any]:
        return {} if self.record is None else self.record.shown()

    def _band(self) -> dict[str, Any]:
        return {} if self.record is None else band(self.prompt, self.record.written[0].prompt_ids, self.model)
