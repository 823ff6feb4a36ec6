"""`DistributionExplorer`: logit → scaled → probability of the next token, with every setting of the sampler to move."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from gptcore.checks import check_bool, check_integer
from gptcore.fast.cores import on_one_core
from gptcore.language import N_, _
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Distribution, Sampling, draw
from gptcore.show.band import band
from gptcore.show.charts import HEIGHT, WIDTH, chart, drawable
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.panels import Panels, plot_panels, row_labels
from gptcore.show.settings import OPENING, Setting, Shown, TextSetting, check_length, check_sampling, check_seed
from gptcore.show.style import ending, percent, sentence
from gptcore.text_generation import text_steps
from gptcore.tokenizer import check_tokenizer, token_label

TEMPERATURES = [*(i / 20 for i in range(41)), 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0, 50.0, 100.0]
TOP_KS = [*range(1, 11), 12, 15, 20, 25, 30, 40, 50, 75, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 20_000]
TOP_PS = [*(i / 20 for i in range(1, 20)), 0.97, 0.99, 0.999]
MIN_PS = [0.001, 0.002, 0.005, 0.01, 0.02, *(i / 20 for i in range(1, 21))]
MOST_ROWS = 50
MOST_DRAWS = 1_000_000  # at once: half a second
SAID = {  # a setting and its value in one line
    "temperature": N_("temperature {value}"),
    "top_k": N_("top_k {value}"),
    "top_p": N_("top_p {value}"),
    "min_p": N_("min_p {value}"),
}
LOOK = {"log", "rows"}  # settings that change no number


@dataclass(frozen=True, eq=False)
class Exploration:
    """The distribution after a prompt, and what was drawn from it."""

    prompt: str
    sampling: Sampling
    distribution: Distribution
    labels: dict[int, str]  # of the tokens with a row of their own, the likeliest first: see `row_labels`
    counts: Tensor  # int64 (vocab_size,): how often each token was drawn
    limit: int | None  # how many tokens of the prompt the model sees, if not all
    last_id: int | None = None  # the token that was drawn, if the last draw was a single one
    drawn_label: str = ""  # of that token, or of the one that was drawn most often

    @cached_property
    def panels(self) -> Panels:
        """The rows on screen, and the sums over all that are not."""
        counts = self.counts if self.draws else None
        return Panels.of(self.distribution, self.labels, self.sampling.temperature, counts, self.last_id)

    @cached_property
    def draws(self) -> int:
        """How many tokens were drawn."""
        return int(self.counts.sum())

    @property
    def entropy(self) -> float:
        """In nats."""
        return self.distribution.entropy.item()

    @property
    def choices(self) -> float:
        """The number of equally likely tokens among which a choice is as uncertain: exp(entropy)."""
        return self.distribution.entropy.exp().item()

    @property
    def caption(self) -> str:
        sentences = [
            self._settings_caption(),
            _("Entropy: {nats} nats, as if choosing among {choices} equally likely tokens.").format(
                nats=f"{self.entropy:.2f}", choices=f"{self.choices:,.1f}"
            ),
            self._draws_caption(),
        ]
        if self.prompt.endswith(" "):
            sentences.append(_("The prompt ends in a space, which is an unusual place to go on from."))
        if self.limit is not None:
            said = _("The prompt is long: the model sees only its last {limit} tokens.")
            sentences.append(said.format(limit=f"{self.limit:,}"))
        return " ".join(sentences)

    def _settings_caption(self) -> str:
        likeliest, label = next(iter(self.labels.items()))
        if self.sampling.temperature == 0:
            said = _("Temperature 0 is greedy: the likeliest token, {label}, is taken every time.")
            return said.format(label=label)
        possible = int(self.distribution.probs.count_nonzero())
        rounded = self.panels.kept_count - possible  # in float32 their chance is exactly 0
        said = (
            _("At temperature {temperature}, {n} of {all} tokens can be drawn; the likeliest is {label} with {chance}.")
            if rounded == 0
            else _(
                "At temperature {temperature}, {n} of {all} tokens can be drawn ({rounded} more round to 0); "
                "the likeliest is {label} with {chance}."
            )
        )
        numbers = {"n": possible, "all": self.distribution.probs.numel(), "rounded": rounded}
        return said.format(
            temperature=f"{self.sampling.temperature:g}",
            **{name: f"{number:,}" for name, number in numbers.items()},
            label=label,
            chance=percent(self.distribution.probs[likeliest].item()),
        )

    def _draws_caption(self) -> str:
        if not self.draws:
            return _("Nothing is drawn yet.")
        chosen, label = self.drawn_id, self.drawn_label
        prob = self.distribution.probs[chosen].item()
        if self.last_id is not None:
            said = _("Drawn: {label}, which had a chance of {chance}.")
            return said.format(label=label, chance=percent(prob))
        said = _("Of {draws} draws, {label} came {n} times; {expected} were expected.")
        numbers = {"n": f"{int(self.counts[chosen]):,}", "expected": f"{self.draws * prob:,.1f}"}
        return said.format(draws=f"{self.draws:,}", label=label, **numbers)

    @property
    def drawn_id(self) -> int:
        """The token that was drawn, or if there were several draws, the most frequent one."""
        return int(self.counts.argmax()) if self.last_id is None else self.last_id

    def describe(self) -> str:
        chosen = {name: value for name, value in vars(self.sampling).items() if value is not None}
        settings = ", ".join(_(SAID[name]).format(value=value) for name, value in chosen.items())
        said = _("after {prompt} at {settings}: {tokens}; entropy {nats} nats, as if choosing among {choices}").format(
            prompt=repr(self.prompt),
            settings=settings,
            tokens=self.panels.describe(),
            nats=f"{self.entropy:.2f}",
            choices=f"{self.choices:,.1f}",
        )
        drawn = _("{draws} drawn").format(draws=f"{self.draws:,}")
        return f"{said}; {drawn}" if self.draws else said


def logits_after(model: GPTModel, tokenizer: Any, prompt: str) -> tuple[list[int], Tensor]:
    """The token ids of `prompt`, and the logits (vocab_size,) of the token that follows it."""
    token_ids, steps = text_steps(model, prompt, tokenizer, 1, Sampling())
    return token_ids, next(steps).distribution.logits


def draw_more(record: Exploration, uniforms: Tensor, tokenizer: Any) -> Exploration:
    """The same distribution after a draw for each of `uniforms`, (n,)."""
    token_ids = draw(record.distribution, uniforms).cpu()
    counts = record.counts + torch.bincount(token_ids, minlength=record.counts.numel())
    record = replace(record, counts=counts, last_id=int(token_ids[0]) if len(token_ids) == 1 else None)
    return replace(record, drawn_label=token_label(tokenizer, record.drawn_id))


def check_rows(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is an integer from 1 to 50."""
    check_integer(name, value, least=1)
    if value > MOST_ROWS:
        raise ValueError(_("{name} must be at most {most}, got {value}").format(name=name, most=MOST_ROWS, value=value))


class DistributionExplorer(LiveView):
    """The scores of the likeliest next tokens after a prompt, and how the settings turn them into chances.

    >>> explorer = DistributionExplorer(model, tokenizer, "Once upon a time")
    >>> explorer.temperature = 0.5
    >>> round(explorer.choices, 2)  # as uncertain as among so many equally likely tokens
    1.51
    >>> explorer.draw(1000)
    >>> int(explorer.counts.sum())
    1000

    `distribution`, `panels`, `entropy`, `choices`, `counts` and `draws` are those of the `Exploration` that is shown.
    The settings are those of `gptcore.next_token_distribution`; `log` makes the probability axis logarithmic, `rows` is
    the number of tokens with a row of their own. A value that is not allowed changes nothing, and `problem` says why.
    The model is called only when the prompt changes. A change of prompt or setting clears the counts and starts the
    luck again from `seed`.
    """

    prompt, log, rows, seed = TextSetting(), Setting(check_bool), Setting(check_rows), Setting(check_seed)
    temperature, top_k, top_p, min_p = (Setting(check_sampling) for _ in range(4))
    distribution, panels, entropy, choices, counts = (Shown() for _ in range(5))
    draws = Shown(empty=0)
    front, hands = "distribution_explorer", ("draw", "reset")
    _remembered = "record", "token_ids", "logits", "_labels", "_luck"
    _first: dict[str, Any] = {}  # the settings that `reset` goes back to

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = OPENING,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        rows: int = 10,
        seed: int = 1,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self.token_ids: list[int] = []  # of the prompt
        self.logits: Tensor | None = None  # after the prompt; None if it could not be read
        self._make_controls(len(tokenizer) if hasattr(tokenizer, "__len__") else model.config.vocab_size)
        self._start = {"prompt": prompt, "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
        self._start |= {"log": False, "rows": rows, "seed": seed}
        self.reset()
        self._first = super()._given()["settings"]  # what of it was accepted

    def draw(self, count: int = 1) -> None:
        """Draw `count` tokens from the distribution, at most a million, and count them with those drawn before.

        Raises TypeError or ValueError if `count` is not an integer of at least 0.
        """
        check_length("count", count)
        if self.record is not None:
            cut = _("Here count was cut to {most}, the most at once.").format(most=f"{MOST_DRAWS:,}")
            self.problem, self.notice = None, cut if count > MOST_DRAWS else ""
            uniforms = torch.rand(min(count, MOST_DRAWS), generator=self._luck, dtype=torch.float64)
            self.record = draw_more(self.record, uniforms, self.tokenizer)
            self._show()

    def reset(self) -> None:
        """Back to how it began: the prompt, the settings, the luck; nothing drawn."""
        self.change(**self._start)

    def _update(self, names: Collection[str]) -> None:
        if "prompt" in names or self.logits is None:
            self._read()
        if self.logits is not None:
            labels = self._labels if "rows" not in names and "prompt" not in names else None
            self._labels = labels or row_labels(self.logits, self.tokenizer, self.rows)
            self._try(self._relabelled if names <= LOOK and self.record is not None else self._explored)
        self._show()

    def _read(self) -> None:
        """The logits after the prompt, if that can be read."""
        self.record, self.logits = None, None
        try:
            self.token_ids, self.logits = logits_after(self.model, self.tokenizer, self.prompt)
        except Exception as error:
            self.problem = sentence(error)

    def _explored(self) -> Exploration:
        """The record with nothing drawn."""
        self._luck = torch.Generator().manual_seed(int(self.seed))
        sampling = Sampling(self.temperature, self.top_k, self.top_p, self.min_p)
        counts, limit = torch.zeros(self.logits.numel(), dtype=torch.int64), self.model.config.context_length
        limit = limit if len(self.token_ids) > limit else None
        distribution = on_one_core(self.logits, sampling.distribution, self.logits)
        return Exploration(self.prompt, sampling, distribution, self._labels, counts, limit)

    def _relabelled(self) -> Exploration:
        return replace(self.record, labels=self._labels)

    def picture(self) -> Figure:
        title = _("After “{prompt}”, temperature {temperature}").format(
            prompt=ending(drawable(self.prompt[-71:]), 70), temperature=f"{self.temperature:g}"
        )
        height, layout = min(HEIGHT, 1.5 + 0.27 * self.rows), {"columns": 3, "width_ratios": [1, 1, 1.1]}
        figure, axes = chart(WIDTH, height, title=title, **layout)
        if self.record is not None:
            plot_panels(axes, self.panels, self.log)
        return figure

    def _make_controls(self, vocab_size: int) -> None:
        top_ks = [*((f"{k:,}", k) for k in TOP_KS if k < vocab_size), (_("off"), None)]
        self._open(
            prompt=Control(""),
            temperature=Control(1.0, options=[(f"{t:g}", t) for t in TEMPERATURES]),
            top_k=Control(options=top_ks),
            top_p=Control(options=[*((f"{p:g}", p) for p in TOP_PS), (_("off"), None)]),
            min_p=Control(options=[(_("off"), None), *((f"{p:g}", p) for p in MIN_PS)]),
            log=Control(False),
            rows=Control(10, options=[(str(rows), rows) for rows in (5, 10, 15, 20)]),
            seed=Control(1),
        )

    def _shown(self) -> dict[str, Any]:
        return {} if self.record is None else on_one_core(self.logits, self.panels.shown, self.log)

    def _given(self) -> dict[str, Any]:
        """The settings to which `reset` goes back, and the draws, of which all but a single last one are as one."""
        last = 0 if self.record is None or self.record.last_id is None else 1
        million, rest = divmod(self.draws - last, MOST_DRAWS)
        did = [["draw", [count]] for count in [*[MOST_DRAWS] * million, rest, last] if count]
        return super()._given() | {"given": {"start": self._first}, "did": did}

    def _band(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        return band(self.prompt, self.token_ids, self.model, self.tokenizer, self.distribution)
