"""What `StreamingGenerator` shows: a text as far as it is written, as a record and as HTML."""

from dataclasses import dataclass

from gptcore.show.candidates import Candidates
from gptcore.show.style import escape, sentence

MOST_SHOWN = 20_000  # characters: of a longer text only the end is shown


@dataclass(frozen=True, eq=False)
class Writing:
    """A text as far as it is written."""

    text: str  # the whole
    prompt: str  # its beginning
    count: int  # of new tokens
    max_length: int
    state: str
    tokens_per_second: float
    ended: bool = False  # by the end-of-text token
    error: BaseException | None = None
    candidates: Candidates | None = None  # from which the last token was drawn, or at first, the next one will be

    @property
    def caption(self) -> str:
        if self.state == "ready":
            return "Start lets it go on; below are the candidates for the first token."
        if self.state == "failed":
            name, said = type(self.error).__name__, sentence(self.error)
            return f"It cannot go on: {said if said.startswith(name) else f'{name}: {said}'}"
        if self.state == "finished":
            return "The story is over: the model drew the end of the text." if self.ended else "There is no more room."
        return {
            "running": "It is writing. The bars are the chances from which the last token was drawn.",
            "stopped": "Stopped. The text so far is kept; Start begins again from the beginning.",
            "interrupted": "The kernel was interrupted. The text so far is kept; Start begins again.",
        }[self.state]

    def describe(self) -> str:
        if self.state == "ready":
            return f"ready to go on from {self.prompt!r}, up to {self.max_length} tokens"
        return f"{self.text!r}, {self.count} new tokens, {self.state}"


def writing_html(record: Writing) -> str:
    """The text, or if it is very long, its end, in a box that shows its end."""
    new = record.text[len(record.prompt) :]
    prompt, new = ("… ", new[-MOST_SHOWN:]) if len(new) > MOST_SHOWN else (record.prompt, new)
    return (
        f'<div class="gptcore"><div class="gptcore-text gptcore-stream-box"><div>{escape(prompt)}'
        f'<span class="gptcore-new">{escape(new)}</span></div></div></div>'
    )


def progress_html(record: Writing) -> str:
    """How much is written, as a bar and as counts."""
    count, most = record.count, record.max_length
    pace = f"{record.tokens_per_second:,.1f} tokens per second" if count else ""
    return (
        '<div class="gptcore gptcore-stream-progress"><div class="gptcore-track" role="progressbar" '
        f'aria-label="Tokens written" aria-valuemin="0" aria-valuemax="{most}" aria-valuenow="{count}">'
        f'<div class="gptcore-bar" style="width:{min(1, count / max(most, 1)):.2%}"></div></div>'
        f'<span>{count} of at most {most} tokens</span><span class="gptcore-number">{pace}</span></div>'
    )
