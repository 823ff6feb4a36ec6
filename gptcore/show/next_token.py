"""`NextToken`: a text that grows by one token per click, with the candidates for the next one."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from matplotlib.figure import Figure

from gptcore.checks import check_integer
from gptcore.generation import Step
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Sampling, draw
from gptcore.seeds import Uniforms
from gptcore.show.band import band
from gptcore.show.candidates import Candidates, plot_candidates
from gptcore.show.charts import after, chart
from gptcore.show.dart import Dart
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.settings import OPENING, Setting, Shown, TextSetting, check_any_seed, check_sampling, next_seed
from gptcore.show.style import percent
from gptcore.show.texts import distribution_after
from gptcore.text_generation import text_steps
from gptcore.tokenizer import check_tokenizer, decode, end_token_ids, token_label


@dataclass(frozen=True, eq=False)
class Growth:
    """A text, the token that was added to it last, and the candidates for the next one."""

    prompt_ids: list[int]
    new_ids: list[int]
    parts: tuple[str, str, str]  # of the text: the prompt, what follows, and the last token
    last: Step | None  # the step that was taken last
    step: Step | None  # the one that comes next: drawn, but not yet shown; None when the text is over
    last_label: str = ""
    candidates: Candidates | None = None  # None when the text is over
    has_ended: bool = False  # by the end-of-text token

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def token_ids(self) -> list[int]:
        return self.prompt_ids + self.new_ids

    @property
    def caption(self) -> str:
        if self.last is None:
            return _(
                "What comes next? Here is what the model believes. The button draws a token; a bar writes its own."
            )
        chance = percent(self.last.distribution.probs[self.last.token_id].item())
        if self.step is not None:
            said = _("Written: “{label}”, which had a chance of {chance}. What comes next?")
            return said.format(label=self.last_label, chance=chance)
        if self.has_ended:
            said = _("Written: the end of the text, which had a chance of {chance}. The story is over.")
            return said.format(chance=chance)
        return _("There is no more room: the text is as long as what the model can look back on.")

    def describe(self) -> str:
        if self.step is None:
            return _("{text} is over").format(text=repr(self.text))
        return _("{text} may go on with {candidates}").format(
            text=repr(self.text), candidates=self.candidates.describe()
        )


def grown(
    tokenizer: Any, prompt_ids: list[int], new_ids: list[int], last: Step | None = None, step: Step | None = None
) -> Growth:
    """The text of a prompt and new tokens, between the step that was taken last and the one that comes next."""
    prompt, text = decode(tokenizer, prompt_ids), decode(tokenizer, prompt_ids + new_ids)
    before = decode(tokenizer, prompt_ids + new_ids[:-1])
    parts = prompt, text[len(prompt) : len(before)], text[len(before) :]
    label = "" if last is None else token_label(tokenizer, last.token_id)
    candidates = None if step is None else Candidates.of(step.distribution, tokenizer)
    has_ended = last is not None and last.token_id in end_token_ids(tokenizer)
    return Growth(prompt_ids, new_ids, parts, last, step, label, candidates, has_ended)


class NextToken(LiveView):
    """A text that grows by one token per click, above the likeliest candidates for the token that comes next.

    >>> widget = NextToken(model, tokenizer, "Once upon a time")
    >>> widget.add_token()
    >>> widget.text
    'Once upon a time,'

    `text`, `token_ids`, `last`, `step` and `candidates` are those of the `Growth` that is shown. The settings are those
    of `gptcore.stream_text`. `new_story()` begins again with the next `seed`, and setting `prompt` with another text; a
    new `temperature` or `top_k` holds from then on. Nothing is shown of a prompt that cannot be read, and `problem`
    says why.
    """

    prompt, seed = TextSetting(), Setting(check_any_seed)
    temperature, top_k = Setting(check_sampling), Setting(check_sampling)
    text, last, step, candidates = Shown(empty=""), Shown(), Shown(), Shown()
    token_ids = Shown(empty=[])
    front, hands = "next_token", ("add_token", "choose", "new_story")
    _remembered = "record", "_story"

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = OPENING,
        seed: int | None = 1,
        temperature: float = 1.0,
        top_k: int | None = None,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self._open(prompt=Control(""), seed=Control(), temperature=Control(1.0), top_k=Control())
        self.change(prompt=prompt, seed=seed, temperature=temperature, top_k=top_k)

    def add_token(self) -> None:
        """Draw one of the candidates, and look ahead to the next ones."""
        if self.step is not None:
            self._add(self.step)

    def choose(self, token_id: int) -> None:
        """Write `token_id` instead of drawing one. Raises TypeError or ValueError if it is not in the vocabulary."""
        check_integer("token_id", token_id, least=0)
        if self.step is None:
            return
        if token_id >= self.model.config.vocab_size:
            raise ValueError(
                _("token_id must be below {size}, got {value}").format(
                    size=f"{self.model.config.vocab_size:,}", value=f"{token_id:,}"
                )
            )
        self._add(replace(self.step, token_id=int(token_id)))

    def _add(self, step: Step) -> None:
        """Write the token of `step`."""
        prompt_ids, new_ids = self.record.prompt_ids, [*self.record.new_ids, step.token_id]
        if step.token_id in end_token_ids(self.tokenizer):
            self.record = grown(self.tokenizer, prompt_ids, self.record.new_ids, step)
        else:
            self.record = grown(self.tokenizer, prompt_ids, new_ids, step, self._next_step(prompt_ids, new_ids))
        self._show()

    def _next_step(self, prompt_ids: list[int], new_ids: list[int]) -> Step | None:
        """The step after a prompt and `new_ids`; None if there is no more room."""
        count = len(new_ids)
        if count >= self.model.config.context_length:
            return None
        self._drawn.extend(islice(self._luck, count + 1 - len(self._drawn)))
        distribution = distribution_after(self.model, self.tokenizer, prompt_ids, new_ids, self._sampling)
        uniform = self._drawn[count]
        return Step(len(prompt_ids) + count, distribution, uniform, int(draw(distribution, uniform)))

    def new_story(self) -> None:
        """Begin again with other luck."""
        self.seed = next_seed(self.seed)

    def _update(self, names: Collection[str]) -> None:
        if self.record is None or names & {"prompt", "seed"}:
            self.record = None
            self._try(self._begin)
        self._show()

    def _begin(self) -> Growth:
        self._sampling = Sampling(self.temperature, self.top_k)
        self._luck, self._drawn = iter(Uniforms(self.seed)), []
        prompt_ids = text_steps(self.model, self.prompt, self.tokenizer)[0]
        return grown(self.tokenizer, prompt_ids, [], step=self._next_step(prompt_ids, []))

    def _given(self) -> dict[str, Any]:
        """What was written, a page chooses again, token by token."""
        if self.last is None:
            return super()._given()
        written = [*self.record.new_ids, *([self.last.token_id] if self.record.has_ended else [])]
        return super()._given() | {"did": [["choose", [token_id]] for token_id in written]}

    def picture(self) -> Figure:
        figure, ax = chart(7, 2.7, titles=[after(self.text)])
        if self.candidates is not None:
            plot_candidates(ax, self.candidates)
        return figure

    def _shown(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        step, last = self.step, self.last
        return {
            "parts": self.record.parts,
            "candidates": None if step is None else self.candidates.rows_shown(),
            "dart": None if step is None else Dart.of(step.distribution, step.uniform, self.tokenizer).shown(),
            "drawn": None if last is None else {"uniform": last.uniform, "id": last.token_id},
            "count": len(self.record.new_ids) + self.record.has_ended,
        }

    def _band(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        step = self.step
        known = () if step is None else (self.tokenizer, step.distribution)
        return band(self.text, self.token_ids, self.model, *known)
