"""`NextToken`: a text that grows by one token per click, with the candidates for the next one."""

from html import escape
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from gptcore.generation import Step, text_steps
from gptcore.model import GPTModel
from gptcore.sampling import Sampling
from gptcore.show.candidates import Candidates, candidates_html, plot_candidates
from gptcore.show.charts import drawable, styled
from gptcore.show.live import LiveView
from gptcore.show.style import ending, percent, stylesheet
from gptcore.tokenizer import decode, token_label


class NextToken(LiveView):
    """A text that grows by one token per click, above the likeliest candidates for the token that comes next.

    >>> widget = NextToken(model, tokenizer, "Once upon a time")
    >>> widget.add_token()
    >>> widget.text
    'Once upon a time there'

    The settings are those of `gptcore.stream_text`. `new_story()` begins again with the next `seed`; setting `prompt`
    begins again with another text. Of one that cannot be read nothing is shown, and `problem` says why.
    """

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = "Once upon a time",
        seed: int = 1,
        temperature: float = 1.0,
        top_k: int | None = None,
    ):
        self.model, self.tokenizer, self.seed = model, tokenizer, seed
        self.temperature, self.top_k = temperature, top_k
        self.problem: str | None = None  # what is wrong with the prompt, in a sentence
        self._make_controls(prompt)
        self._begin()

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def prompt(self) -> str:
        return self._prompt.value

    @prompt.setter
    def prompt(self, text: str) -> None:
        self._prompt.value = text  # begins again, as if it had been typed

    @property
    def text(self) -> str:
        """The prompt and what has been added to it."""
        return decode(self.tokenizer, self.token_ids)

    @property
    def candidates(self) -> Candidates | None:
        """The likeliest next tokens; None when the story is over, or has not begun."""
        return None if self.step is None else Candidates.of(self.step.distribution, self.tokenizer)

    # What it does ------------------------------------------------------------------------------------------------

    def add_token(self) -> None:
        """Draw one of the candidates, and look ahead to the next ones."""
        if self.step is None:
            return
        self.last = self.step
        if self.step.token_id == self.tokenizer.eos_token_id:
            self.step = None
        else:
            self.token_ids.append(self.step.token_id)
            self.step = next(self._steps, None)
        self._show()

    def new_story(self) -> None:
        """Begin again with other luck."""
        self.seed += 1
        self._try_begin()

    def _try_begin(self) -> None:
        try:
            self._begin()
        except (TypeError, ValueError) as error:
            self.problem = str(error)
            self.token_ids, self._prompt_length, self.last, self.step = [], 0, None, None
            self._show()

    def _begin(self) -> None:
        room = self.model.config.context_length
        prompt_ids, self._steps = text_steps(
            self.model, self.prompt, self.tokenizer, room, Sampling(self.temperature, self.top_k), seed=self.seed
        )
        self.token_ids = list(prompt_ids)
        self._prompt_length = len(prompt_ids)
        self.last: Step | None = None  # the step that was taken last
        self.step: Step | None = next(self._steps)  # the one that comes next: drawn, but not yet told
        self.problem = None
        self._show()

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        if self.problem:
            return f"NextToken: {self.problem}"
        if self.candidates is None:
            return f"NextToken: {self.text!r} is over"
        return f"NextToken: {self.text!r} may go on with {self.candidates.describe()}"

    @styled
    def picture(self) -> Figure:
        figure = Figure(figsize=(7, 2.6), layout="constrained")
        ax = figure.subplots()
        if self.candidates is not None:
            plot_candidates(ax, self.candidates)
        title = f"After “{ending(drawable(self.text), 50)}”"  # matplotlib's own wrapping reads `$` as mathematics
        ax.set_title(title)
        return figure

    def _make_controls(self, prompt: str) -> None:
        wide = ipywidgets.Layout(width="auto")
        self._prompt = ipywidgets.Text(prompt, description="Beginning", continuous_update=False, layout=wide)
        self._add = ipywidgets.Button(description="Add a token", icon="plus", button_style="primary")
        self._new = ipywidgets.Button(description="New story", icon="refresh", tooltip="Begin again with other luck")
        self._text, self._message, self._bars = (ipywidgets.HTML(layout=wide) for _ in range(3))
        self._prompt.observe(lambda change: self._try_begin(), names="value")
        self._add.on_click(lambda button: self.add_token())
        self._new.on_click(lambda button: self.new_story())
        buttons = ipywidgets.HBox([self._add, self._new])
        self.view = ipywidgets.VBox(
            [ipywidgets.HTML(stylesheet()), self._prompt, buttons, self._text, self._message, self._bars],
            layout=ipywidgets.Layout(max_width="820px", width="100%"),
        )

    def _show(self) -> None:
        self._text.value = self._text_html()
        status = f'<div role="status" aria-live="polite">{escape(self._sentence())}</div>'
        self._message.value = f'<div class="gptcore gptcore-next-say">{status}</div>'
        self._bars.value = candidates_html(self.candidates or Candidates([], [], [], 0.0, 0))
        self._add.disabled = self.step is None

    def _text_html(self) -> str:
        prompt = decode(self.tokenizer, self.token_ids[: self._prompt_length])
        before = decode(self.tokenizer, self.token_ids[:-1]) if len(self.token_ids) > self._prompt_length else prompt
        middle, last = self.text[len(prompt) : len(before)], self.text[len(before) :]
        return (
            f'<div class="gptcore"><div class="gptcore-text">{escape(prompt)}<span class="gptcore-new">'
            f'{escape(middle)}<span class="gptcore-last">{escape(last)}</span></span></div></div>'
        )

    def _sentence(self) -> str:
        if self.problem:
            return f"There is nothing to show: {self.problem}."
        if self.last is None:
            return "What comes next? Here is what the model believes; the button draws one of them."
        label = token_label(self.tokenizer, self.last.token_id)
        chance = percent(self.last.distribution.probs[self.last.token_id].item())
        if self.step is not None:
            return f"Drawn: {label}, which had a chance of {chance}. What comes next?"
        if self.last.token_id == self.tokenizer.eos_token_id:
            return f"Drawn: the end of the text, which had a chance of {chance}. The story is over."
        return "There is no more room: the text is as long as what the model can look back on."
