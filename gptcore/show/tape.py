"""The tape of a `GenerationStepper`: the tokens that were written by hand or by the dart, and the token to come."""

from dataclasses import dataclass, replace
from typing import Any

from gptcore.model import GPTModel
from gptcore.sampling import Distribution, Sampling
from gptcore.show.candidates import Candidates
from gptcore.show.dart import Dart
from gptcore.show.style import counted, escape, percent, row_html
from gptcore.show.texts import distribution_after
from gptcore.tokenizer import end_token_ids, token_label

CHOICES = 6  # how many candidates have a button
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
            return "This token ends the text. Go back to choose otherwise." if self.has_ended else "The tape is full."
        drawn = f"The dart falls on “{self.dart.label}” (chance {percent(self.dart.prob)})."
        if self.replayed is None:
            return f"{drawn} Forward writes it; a button below writes another token."
        if not self.replayed.by_hand:
            return f"{drawn} It was written here before; choose another, and what follows is told anew."
        return f"You wrote “{self.replayed.label}” (chance {percent(self.replayed.prob)}) here. {drawn}"

    def describe(self) -> str:
        written = counted(self.position, "new token")
        if self.is_over:
            return f"{written}, is over"
        return f"{written}, may go on with {self.candidates.describe()}; the dart hits {self.dart.label}"


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
    surprise = -stepping.distribution.logits.double().log_softmax(-1)
    drawn_id, prob = stepping.dart.token_id, stepping.distribution.probs[token_id].item()
    label = token_label(tokenizer, token_id)
    token = TapeToken(token_id, label, drawn_id, prob, surprise[token_id].item(), surprise[drawn_id].item())
    return replace(stepping, tape=(*stepping.tape[: stepping.position], token))


def tape_html(stepping: Stepping) -> str:
    """The tokens around the position, with their probabilities."""
    start, end = max(0, stepping.position - BEFORE), stepping.position + AFTER
    chips = []
    if start or len(stepping.prompt_labels) > BEFORE:
        chips.append("… ")
    if not start:
        prompt = map(escape, stepping.prompt_labels[-BEFORE:])
        chips += [f'<span class="gptcore-step-told">{label}</span>' for label in prompt]
    chips += [_token_html(token) for token in stepping.tape[start : stepping.position]]
    chips.append('<span class="gptcore-step-here" title="The place of the next token">▏</span>')
    chips += [_token_html(token, " gptcore-step-later") for token in stepping.tape[stepping.position : end]]
    if end < len(stepping.tape):
        chips.append("…")
    return (
        '<div class="gptcore"><div class="gptcore-step-tape" tabindex="0" role="list" aria-label="The tape">'
        f'<div>{"".join(chips)}</div></div><div class="gptcore-key">The bar under a token is the chance '
        "that it had; a dashed frame: chosen by you; pale: ahead of this place.</div></div>"
    )


def _token_html(token: TapeToken, kind: str = "") -> str:
    name = escape(f"{token.label}: chance {percent(token.prob)}")
    if token.by_hand:
        name, kind = f"{name}, chosen by you", f"{kind} gptcore-step-yours"
    return (
        f'<span class="gptcore-step-told{kind}" role="listitem" style="--prob:{token.prob:.3f}" title="{name}" '
        f'aria-label="{name}">{escape(token.label)}</span>'
    )


def choices_html(stepping: Stepping) -> str:
    """The bars beside the buttons of the candidates, in constant height."""
    rows, rest = [], ""
    if not stepping.is_over:
        candidates, drawn_id = stepping.candidates, stepping.drawn_id
        for token_id, prob in zip(candidates.token_ids, candidates.probs, strict=True):
            rows.append(_choice_html(prob, token_id == drawn_id, is_written(stepping, token_id)))
        rest = f"{candidates.others_label}: {percent(candidates.others)}"
        if drawn_id not in candidates.token_ids:
            rest += " ◀ the dart"
    rows += ['<div class="gptcore-step-choice"></div>'] * (CHOICES - len(rows))
    return f'<div class="gptcore gptcore-step-bars">{"".join(rows)}<div class="gptcore-step-rest">{rest}</div></div>'


def is_written(stepping: Stepping, token_id: int) -> bool:
    return stepping.replayed is not None and stepping.replayed.token_id == token_id


def _choice_html(prob: float, is_drawn: bool, is_written: bool) -> str:
    marks = [mark for mark, holds in (("the dart", is_drawn), ("written", is_written)) if holds]
    kind, said = (" gptcore-step-hit", f"◀ {', '.join(marks)}") if marks else ("", "")
    return (
        f'<div class="gptcore-step-choice{kind}"><div class="gptcore-track">'
        f'<div class="gptcore-bar" style="width:{prob:.2%}"></div></div>'
        f'<span class="gptcore-number">{escape(percent(prob))}</span><span>{said}</span></div>'
    )


def sums_html(stepping: Stepping) -> str:
    """Two bars on one scale: the surprise of the text, and of what the dart would have written in its place."""
    scale = max(stepping.surprise, stepping.model_surprise, 1e-9)
    sums = (("this text", stepping.surprise), ("the dart alone", stepping.model_surprise))
    rows = [row_html(name, nats / scale, f"{nats:.1f}", "gptcore-step-sum") for name, nats in sums]
    return (
        '<div class="gptcore"><div class="gptcore-key">Surprise so far, in nats: of this text, and '
        f'of what the dart would have written in its places</div><div role="list">{"".join(rows)}</div></div>'
    )
