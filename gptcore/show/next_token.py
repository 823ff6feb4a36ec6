"""`NextToken`: a text that grows by one token per click, with the candidates for the next one."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from gptcore.generation import Step
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Sampling
from gptcore.seeds import LIMIT
from gptcore.show.candidates import Candidates, candidates_html, plot_candidates
from gptcore.show.charts import after, chart
from gptcore.show.live import LiveView
from gptcore.show.parts import framed, html, text_field
from gptcore.show.settings import Setting, Shown, TextSetting, check_any_seed, check_sampling, kept, next_seed
from gptcore.show.style import caption_html, escape, percent
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
            return "What comes next? Here is what the model believes; the button draws one of them."
        chance = percent(self.last.distribution.probs[self.last.token_id].item())
        if self.step is not None:
            return f"Drawn: {self.last_label}, which had a chance of {chance}. What comes next?"
        if self.has_ended:
            return f"Drawn: the end of the text, which had a chance of {chance}. The story is over."
        return "There is no more room: the text is as long as what the model can look back on."

    def describe(self) -> str:
        if self.step is None:
            return f"{self.text!r} is over"
        return f"{self.text!r} may go on with {self.candidates.describe()}"


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


def growth_html(record: Growth | None) -> str:
    """The text, with what is new and what is newest marked."""
    prompt, middle, last = map(escape, record.parts if record else ("", "", ""))
    return (
        f'<div class="gptcore"><div class="gptcore-text">{prompt}<span class="gptcore-new">'
        f'{middle}<span class="gptcore-last">{last}</span></span></div></div>'
    )


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
    _remembered = "record", "_story"

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = "Once upon a time",
        seed: int | None = 1,
        temperature: float = 1.0,
        top_k: int | None = None,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self._make_controls()
        self.change(prompt=prompt, seed=seed, temperature=temperature, top_k=top_k)

    def add_token(self) -> None:
        """Draw one of the candidates, and look ahead to the next ones."""
        if self.step is None:
            return
        prompt_ids, new_ids, drawn = self.record.prompt_ids, self.record.new_ids, self.step
        if drawn.token_id in end_token_ids(self.tokenizer):
            self.record = grown(self.tokenizer, prompt_ids, new_ids, drawn)
        else:
            new_ids = [*new_ids, drawn.token_id]
            self.record = grown(self.tokenizer, prompt_ids, new_ids, drawn, self._next_step(len(new_ids)))
        self._show()

    def _next_step(self, count: int) -> Step | None:
        """The step after `count` new tokens; None if there is no more room."""
        if self._taken != (self._story, count):  # a generator in which something went wrong gives no more steps
            self._steps = islice(text_steps(*self._story)[1], count, None)
        self._taken = None
        step = next(self._steps, None)
        self._taken = self._story, count + 1
        return step

    def new_story(self) -> None:
        """Begin again with other luck."""
        self.seed = next_seed(self.seed)

    def _update(self, names: Collection[str]) -> None:
        if self.record is None or names & {"prompt", "seed"}:
            self.record = None
            self._try(self._begin)
        self._show()

    def _begin(self) -> Growth:
        sampling, room = Sampling(self.temperature, self.top_k), self.model.config.context_length
        self._taken = None
        seed = secrets.randbelow(LIMIT) if self.seed is None else self.seed
        self._story = self.model, self.prompt, self.tokenizer, room, sampling, seed
        prompt_ids, self._steps = text_steps(*self._story)
        step, self._taken = next(self._steps), (self._story, 1)
        return grown(self.tokenizer, prompt_ids, [], step=step)

    def picture(self) -> Figure:
        figure, ax = chart(7, 2.6, titles=[after(self.text)])
        if self.candidates is not None:
            plot_candidates(ax, self.candidates)
        return figure

    def _make_controls(self) -> None:
        self.controls = {"prompt": text_field("Beginning"), **kept(seed=1, temperature=1.0, top_k=None)}
        self._watch()
        self._add = self._button("Add a token", self.add_token, "plus", button_style="primary")
        new = self._button("New story", self.new_story, "refresh", "Begin again with other luck")
        self._text, self._message, self._bars = (html() for _ in range(3))
        buttons = ipywidgets.HBox([self._add, new])
        self.view = framed(self.controls["prompt"], buttons, self._text, self._message, self._bars)

    def _show(self) -> None:
        self._text.value = growth_html(self.record)
        self._message.value = caption_html(self.caption, 1, 2)
        self._bars.value = candidates_html(self.candidates)
        self._add.disabled = self.step is None
