"""The tape of a `GenerationStepper`: the tokens that were written by hand or by the dart, and the token to come."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from gptcore.language import _
from gptcore.model import GPTModel
from gptcore.sampling import Distribution, Sampling
from gptcore.show.candidates import Candidates
from gptcore.show.dart import Dart
from gptcore.show.style import counted, percent
from gptcore.show.texts import distribution_after
from gptcore.tokenizer import end_token_ids, token_label

CHOICES = 6  # how many candidates have a bar
BEFORE, AFTER = 150, 30  # how many tokens of the tape are shown before and after the position


@dataclass(frozen=True)
class TapeToken:
    """One position of the tape: what was written there, and what the dart would have written."""

    token_id: int
    label: str
    drawn_id: int  # where the dart fell
    prob: float  # of token_id, as the settings left it
    surprise: float  # of token_id, in nats: -ln of the probability that the model gave it, before all settings
    drawn_surprise: float  # the same of drawn_id

    @property
    def by_hand(self) -> bool:
        return self.token_id != self.drawn_id

    def shown(self) -> dict[str, Any]:
        """The token for the page."""
        numbers = {"prob": self.prob, "surprise": self.surprise}
        return {"id": self.token_id, "label": self.label, **numbers, "mine": self.by_hand}


@dataclass(frozen=True, eq=False)
class Stepping:
    """A position of the tape, with the record of the token that belongs there."""

    prompt_ids: list[int]
    prompt_labels: list[str]  # of its end
    tape: tuple[TapeToken, ...]
    position: int  # how many new tokens are before it
    has_ended: bool  # whether the last of them ends the text
    distribution: Distribution | None = None  # None, like what follows, if the text is over
    candidates: Candidates | None = None
    dart: Dart | None = None

    @property
    def is_over(self) -> bool:
        return self.distribution is None

    @property
    def token_ids(self) -> list[int]:
        """The prompt and what has been written up to here."""
        return self.prompt_ids + [token.token_id for token in self.tape[: self.position]]

    @property
    def drawn_id(self) -> int | None:
        """The token on which the dart falls."""
        return None if self.is_over else self.dart.token_id

    @property
    def surprise(self) -> float:
        """The model's surprise at the text up to here, in nats: the sum of -ln p over the new tokens."""
        return sum(token.surprise for token in self.tape[: self.position])

    @property
    def model_surprise(self) -> float:
        """The same sum over what the dart would have written at the same positions."""
        return sum(token.drawn_surprise for token in self.tape[: self.position])

    @property
    def replayed(self) -> TapeToken | None:
        """What was written here before."""
        return self.tape[self.position] if self.position < len(self.tape) else None

    @property
    def caption(self) -> str:
        if self.is_over:
            ended = _("This token ends the text. Go back to choose otherwise.")
            return ended if self.has_ended else _("The tape is full.")
        falls = _("The dart falls on “{label}” (chance {chance}).")
        drawn = falls.format(label=self.dart.label, chance=percent(self.dart.prob))
        if self.replayed is None:
            return " ".join([drawn, _("Forward writes it; click a bar to write another.")])
        if not self.replayed.by_hand:
            return " ".join([drawn, _("It was written here before; or choose another.")])
        wrote = _("You wrote “{label}” (chance {chance}) here.")
        return f"{wrote.format(label=self.replayed.label, chance=percent(self.replayed.prob))} {drawn}"

    def shown(self) -> dict[str, Any]:
        """The tokens around the position, and what can come there, for the page."""
        start, end = max(0, self.position - BEFORE), self.position + AFTER
        return {
            "prompt": [] if start else self.prompt_labels[-BEFORE:],
            "isCut": start > 0 or len(self.prompt_labels) > BEFORE,
            "start": start,
            "tape": [token.shown() for token in self.tape[start:end]],
            "position": self.position,
            "length": len(self.tape),
            "written": None if self.replayed is None else self.replayed.token_id,
            "candidates": None if self.is_over else self._candidates_shown(),
            "dart": None if self.is_over else self.dart.shown(),
            "sums": [self.surprise, self.model_surprise],
        }

    def _candidates_shown(self) -> list[dict[str, Any]]:
        *rows, others = self.candidates.rows_shown()
        surprise = _surprise(self.distribution)
        return [*({**row, "surprise": surprise[row["id"]].item()} for row in rows), others]

    def describe(self) -> str:
        written = counted(self.position, "new token")
        if self.is_over:
            return _("{written}, is over").format(written=written)
        said = _("{written}, may go on with {candidates}; the dart hits {label}")
        return said.format(written=written, candidates=self.candidates.describe(), label=self.dart.label)


def look(
    model: GPTModel,
    tokenizer: Any,
    prompt_ids: list[int],
    tape: tuple[TapeToken, ...],
    position: int,
    uniform: float,
    sampling: Sampling,
    max_new_tokens: int,
) -> Stepping:
    """The position after `position` new tokens of the tape; its one distribution is computed again."""
    labels = [token_label(tokenizer, token_id) for token_id in prompt_ids[-BEFORE - 1 :]]
    has_ended = position > 0 and tape[position - 1].token_id in end_token_ids(tokenizer)
    if has_ended or position >= max_new_tokens:
        return Stepping(prompt_ids, labels, tape, position, has_ended)
    new_ids = [token.token_id for token in tape[:position]]
    distribution = distribution_after(model, tokenizer, prompt_ids, new_ids, sampling)
    candidates, dart = Candidates.of(distribution, tokenizer, CHOICES), Dart.of(distribution, uniform, tokenizer)
    return Stepping(prompt_ids, labels, tape, position, False, distribution, candidates, dart)


def write(stepping: Stepping, token_id: int, tokenizer: Any) -> Stepping:
    """The same position with `token_id` written there, and nothing after it."""
    surprise = _surprise(stepping.distribution)
    drawn_id, prob = stepping.dart.token_id, stepping.distribution.probs[token_id].item()
    label = token_label(tokenizer, token_id)
    token = TapeToken(token_id, label, drawn_id, prob, surprise[token_id].item(), surprise[drawn_id].item())
    return replace(stepping, tape=(*stepping.tape[: stepping.position], token))


def is_written(stepping: Stepping, token_id: int) -> bool:
    return stepping.replayed is not None and stepping.replayed.token_id == token_id


def _surprise(distribution: Distribution) -> Tensor:
    """(vocab_size,): how much each token would surprise the model, in nats, before all settings."""
    return -distribution.logits.double().log_softmax(-1)
