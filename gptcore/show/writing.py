"""What `StreamingGenerator` shows: a text as far as it is written."""

from dataclasses import dataclass
from typing import Any

from gptcore.language import N_, _
from gptcore.show.candidates import Candidates
from gptcore.show.style import sentence

STATES = {  # in which a text is described
    "running": N_("running"),
    "stopped": N_("stopped"),
    "interrupted": N_("interrupted"),
    "finished": N_("finished"),
    "failed": N_("failed"),
}
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
    last_piece: str = ""  # what was added to the text last
    drawn_id: int | None = None  # the last token; None if there is none yet
    drawn_label: str = ""

    @property
    def caption(self) -> str:
        if self.state == "ready":
            return _("Start lets it go on; below are the candidates for the first token.")
        if self.state == "failed":
            name, said = type(self.error).__name__, sentence(self.error)
            problem = said if said.startswith(name) else f"{name}: {said}"
            return _("It cannot go on: {problem}").format(problem=problem)
        if self.state == "finished":
            ended = _("The story is over: the model drew the end of the text.")
            return ended if self.ended else _("There is no more room.")
        if self.state == "running":
            writing = _("It is writing.")
            if self.drawn_id is None:
                return f"{writing} {_('Below are the candidates for the first token.')}"
            return f"{writing} {_('The bars are the chances from which the last token was drawn.')}"
        return {
            "stopped": _("Stopped. The text so far is kept; Start begins again from the beginning."),
            "interrupted": _("The kernel was interrupted. The text so far is kept; Start begins again."),
        }[self.state]

    def describe(self) -> str:
        if self.state == "ready":
            ready = _("ready to go on from {prompt}, up to {most} tokens")
            return ready.format(prompt=repr(self.prompt), most=self.max_length)
        said = _("{text}, {n} new tokens, {state}")
        return said.format(text=repr(self.text), n=self.count, state=_(STATES[self.state]))

    def shown(self) -> dict[str, Any]:
        """The text, or if it is very long, its end, and the chances of its last token, for the page."""
        new = self.text[len(self.prompt) :]
        prompt, new = ("… ", new[-MOST_SHOWN:]) if len(new) > MOST_SHOWN else (self.prompt, new)
        middle = new.removesuffix(self.last_piece)
        drawn = None if self.drawn_id is None else {"id": self.drawn_id, "label": self.drawn_label}
        return {
            "parts": [prompt, middle, new[len(middle) :]],
            "count": self.count,
            "most": self.max_length,
            "pace": self.tokens_per_second if self.count else None,
            "state": self.state,
            "candidates": None if self.candidates is None else self.candidates.rows_shown(),
            "drawn": drawn,
        }
