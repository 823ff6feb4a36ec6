"""`GenerationStepper`: the loop by hand, one token forward or back at a time, with the dart that chooses."""

from dataclasses import dataclass
from functools import partial
from html import escape
from time import perf_counter
from typing import Any

import ipywidgets
import torch
from matplotlib.figure import Figure

from gptcore.checks import check_integer
from gptcore.generation import generate_steps, text_steps
from gptcore.model import GPTModel
from gptcore.sampling import Distribution, Sampling, draw
from gptcore.show.candidates import Candidates, plot_candidates
from gptcore.show.charts import drawable, styled
from gptcore.show.dart import Dart, dart_html, plot_dart
from gptcore.show.live import LiveView
from gptcore.show.streaming import running_loop
from gptcore.show.style import caption_html, percent, stylesheet
from gptcore.tokenizer import decode, token_label

CHOICES = 6  # how many candidates have a button
BEFORE, AFTER = 150, 30  # how many tokens of the tape are shown on either side of the place where one is
MOST_AT_ONCE = 5  # tokens in one picture of auto-play, however long the browser was away


@dataclass(frozen=True)
class Told:
    """One place of the tape: what was written there, and what the dart would have written. It keeps no distribution."""

    token_id: int
    drawn_id: int  # where the dart fell
    chance: float  # of token_id, as the settings left it
    surprise: float  # of token_id, in nats: -ln of the probability that the model gave it, before all settings
    drawn_surprise: float  # the same of drawn_id

    @property
    def by_hand(self) -> bool:
        return self.token_id != self.drawn_id


class GenerationStepper(LiveView):
    """A text that grows one token at a time, forward and back; at each place the dart chooses, or you do.

    >>> stepper = GenerationStepper(model, tokenizer, "Once upon a time", seed=1)
    >>> stepper.forward()
    >>> stepper.choose(tokenizer.encode(" queen")[0])
    >>> stepper.text, stepper.surprise, stepper.model_surprise

    Left to the dart, the tokens are those of `gptcore.generate` with the same settings and seed. `position` is how many
    new tokens have been written; going back and forward again gives the same tokens. Only the record of the place where
    one is is in memory: elsewhere token ids and random numbers are kept, and the record is computed again.

    Change `temperature`, `top_k`, `top_p`, `min_p` or `seed`, then `reset()`; setting `prompt` resets by itself.
    """

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = "Once upon a time",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        seed: int | None = 1,
        max_new_tokens: int = 400,
    ):
        self.model, self.tokenizer, self.seed, self.max_new_tokens = model, tokenizer, seed, max_new_tokens
        self.temperature, self.top_k, self.top_p, self.min_p = temperature, top_k, top_p, min_p
        self._loop = running_loop()
        self._make_controls(prompt)
        self.reset()

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def prompt(self) -> str:
        return self._prompt.value

    @prompt.setter
    def prompt(self, text: str) -> None:
        self._prompt.value = text  # begins again, as if it had been typed

    @property
    def token_ids(self) -> list[int]:
        """The prompt and what has been written up to here."""
        return self.prompt_ids + [told.token_id for told in self.tape[: self.position]]

    @property
    def text(self) -> str:
        """The same as text, without the token that ends it."""
        return decode(self.tokenizer, self.token_ids[:-1] if self._has_ended else self.token_ids)

    @property
    def uniform(self) -> float:
        """The random number in [0, 1) that belongs to this place."""
        while len(self.uniforms) <= self.position:
            self.uniforms.append(torch.rand(1, generator=self._luck, dtype=torch.float64).item())
        return self.uniforms[self.position]

    @property
    def drawn_id(self) -> int | None:
        """The token on which the dart falls at this place; None when the text is over."""
        return None if self.distribution is None else int(draw(self.distribution, self.uniform))

    @property
    def candidates(self) -> Candidates | None:
        """The likeliest tokens at this place; None when the text is over."""
        return None if self.distribution is None else Candidates.of(self.distribution, self.tokenizer, CHOICES)

    @property
    def surprise(self) -> float:
        """The model's surprise at the text up to here, in nats: the sum of -ln p over the new tokens."""
        return sum(told.surprise for told in self.tape[: self.position])

    @property
    def model_surprise(self) -> float:
        """The same sum over what the dart would have written at the same places."""
        return sum(told.drawn_surprise for told in self.tape[: self.position])

    @property
    def is_over(self) -> bool:
        """Whether nothing can follow: the text has ended, or the tape is full."""
        return self._has_ended or self.position >= self.max_new_tokens

    @property
    def _has_ended(self) -> bool:
        if self.position == 0:
            return False
        return self.tape[self.position - 1].token_id == getattr(self.tokenizer, "eos_token_id", None)

    @property
    def playing(self) -> bool:
        return self._toggle.value

    @playing.setter
    def playing(self, value: bool) -> None:
        self._toggle.value = value

    @property
    def speed(self) -> float:
        """How many tokens per second it plays."""
        return self._speed.value

    @speed.setter
    def speed(self, value: float) -> None:
        self._speed.value = value

    # What it does ------------------------------------------------------------------------------------------------

    def forward(self) -> None:
        """One token on: what was written here before, else what the dart hits."""
        self._advance(1)

    def _advance(self, count: int) -> None:
        for _ in range(count):
            if not self.is_over:
                if self.position == len(self.tape):
                    self._write(self.drawn_id)
                self.position += 1
                self._look()
        self._show()
        if self.is_over:
            self.playing = False

    def back(self) -> None:
        """One token back; the tape keeps what comes after."""
        self.go_to(max(0, self.position - 1))

    def go_to(self, position: int) -> None:
        """To any place of the tape: the number of new tokens before it. Raises ValueError if there is none such."""
        check_integer("position", position, least=0)
        if position > len(self.tape):
            raise ValueError(f"position must be from 0 to {len(self.tape)}, the length of the tape, got {position!r}")
        self.position = position
        self._look()
        self._show()

    def choose(self, token_id: int) -> None:
        """Write a token of your own here. What came after on the tape is forgotten, unless it is the same token."""
        check_integer("token_id", token_id, least=0)
        if token_id >= self.model.config.vocab_size:
            raise ValueError(f"token_id must be from 0 to {self.model.config.vocab_size - 1}, got {token_id!r}")
        if self.is_over:
            return
        if self.position == len(self.tape) or self.tape[self.position].token_id != token_id:
            del self.tape[self.position :]
            self._write(token_id)
        self.forward()

    def reset(self) -> None:
        """Begin again from the prompt, with the same luck."""
        settings = self.temperature, self.top_k, self.top_p, self.min_p
        self.prompt_ids, _ = text_steps(self.model, self.prompt, self.tokenizer, 0, Sampling(*settings), seed=self.seed)
        self._luck = torch.Generator()
        self._luck.seed() if self.seed is None else self._luck.manual_seed(self.seed)
        self.tape: list[Told] = []
        self.uniforms: list[float] = []
        self.playing = False
        self.go_to(0)

    def _look(self) -> None:
        """Compute the one distribution of the place where we are."""
        self.distribution: Distribution | None = None
        if not self.is_over:
            ids = self.token_ids if self.prompt_ids else [self.tokenizer.eos_token_id, *self.token_ids]
            ids = torch.tensor(ids, device=self.model.device)
            settings = self.temperature, self.top_k, self.top_p, self.min_p
            self.distribution = next(generate_steps(self.model, ids, 1, *settings, use_cache=False)).distribution

    def _write(self, token_id: int) -> None:
        """Append a token to the tape, whose end is here."""
        surprise = -self.distribution.logits.double().log_softmax(-1)
        drawn_id, chance = self.drawn_id, self.distribution.probs[token_id].item()
        self.tape.append(Told(token_id, drawn_id, chance, surprise[token_id].item(), surprise[drawn_id].item()))

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        written = f"GenerationStepper: {self.text!r}, {_count(self.position, 'new token')}"
        if self.distribution is None:
            return f"{written}, is over"
        return f"{written}, may go on with {self.candidates.describe()}; the dart hits {self._label(self.drawn_id)}"

    @styled
    def picture(self) -> Figure:
        figure = Figure(figsize=(8, 4.4), layout="constrained")
        top, bottom = figure.subplots(2, height_ratios=[3, 1.5])
        top.set_title(drawable(f"After “{self.text[-70:]}”"), wrap=True)
        if self.distribution is None:
            top.set_axis_off()
            bottom.set_axis_off()
        else:
            plot_candidates(top, self.candidates)
            plot_dart(bottom, Dart.of(self.distribution, self.uniform, self.tokenizer))
        return figure

    def _make_controls(self, prompt: str) -> None:
        wide = ipywidgets.Layout(width="auto")
        button, html = ipywidgets.Button, ipywidgets.HTML
        self._prompt = ipywidgets.Text(prompt, description="Beginning", continuous_update=False, layout=wide)
        self._back = button(description="Back", icon="step-backward", tooltip="One token back")
        self._forward = button(description="Forward", icon="step-forward", button_style="primary")
        self._toggle = ipywidgets.ToggleButton(description="Play", icon="play", tooltip="Go forward by itself")
        self._reset = button(description="Reset", icon="refresh", tooltip="Begin again with the same luck")
        for control in (self._back, self._forward, self._toggle, self._reset):
            control.layout.width = "105px"
        # The timer runs in the browser; the hidden widget counts its ticks.
        self._timer = ipywidgets.Play(max=10**9, layout=ipywidgets.Layout(display="none"))
        self._speed = ipywidgets.IntSlider(
            4, 1, 30, description="Tokens per second", style={"description_width": "initial"}
        )
        self._speed.layout.width = "300px"
        self._place = ipywidgets.IntSlider(0, 0, 1, description="Place", layout=wide)
        self._tape, self._message, self._bars, self._dart, self._sums = (html(layout=wide) for _ in range(5))
        self._bars.layout.flex = "1 1 auto"
        self._choices = [button(layout=ipywidgets.Layout(width="11em", height="28px")) for _ in range(CHOICES)]
        self._answer_controls()
        buttons = ipywidgets.HBox([self._back, self._forward, self._toggle, self._timer, self._reset, self._speed])
        buttons.layout.flex_flow = "row wrap"
        choices = ipywidgets.HBox([ipywidgets.VBox(self._choices, layout={"flex": "0 0 auto"}), self._bars])
        self.view = ipywidgets.VBox(
            [html(stylesheet()), self._prompt, self._tape, buttons, self._place, self._message, choices]
            + [self._dart, self._sums],
            layout=ipywidgets.Layout(max_width="900px", width="100%"),
        )

    def _answer_controls(self) -> None:
        self._prompt.observe(lambda change: self._try_reset(), names="value")
        self._back.on_click(lambda button: self.back())
        self._forward.on_click(lambda button: self.forward())
        self._reset.on_click(lambda button: self.reset())
        self._timer.observe(lambda change: self._tick(), names="value")
        self._timer.observe(lambda change: self._play_again(), names="playing")
        self._toggle.observe(self._play_or_pause, names="value")
        self._speed.observe(lambda change: setattr(self._timer, "interval", round(1000 / self.speed)), names="value")
        self._timer.interval = round(1000 / self.speed)
        self._place.observe(self._slide, names="value")
        for place, button in enumerate(self._choices):
            button.on_click(lambda button, place=place: self._choose_candidate(place))

    def _try_reset(self) -> None:
        try:
            self.reset()
        except ValueError as error:
            self._say(f"This cannot be read: {error}")

    def _play_or_pause(self, change: Any) -> None:
        self._timer.playing = change.new
        self._toggle.description, self._toggle.icon = ("Pause", "pause") if change.new else ("Play", "play")
        self._owed, self._ticked = 0.0, perf_counter()

    def _play_again(self) -> None:
        """Start the timer again if the browser stopped it.

        It does so after each tick where the stepper is shown twice in one page: each view of an ipywidgets `Play` hears
        that it plays now, the first begins, and the second takes what the first has done for a reason to pause.
        """
        if self.playing and not self._timer.playing and self._loop is not None:
            wait = partial(self._loop.call_later, 1 / self.speed, self._start_timer)
            self._loop.call_soon_threadsafe(wait)

    def _start_timer(self) -> None:
        self._timer.playing = self.playing

    def _tick(self) -> None:
        """Write what is due: one token, or more at once where the browser draws fewer pictures than the speed asks."""
        if self.playing:
            now = perf_counter()
            self._owed += (now - self._ticked) * self.speed
            count = min(max(1, int(self._owed)), MOST_AT_ONCE)
            self._owed, self._ticked = min(self._owed - count, 1), now
            self._advance(count)

    def _slide(self, change: Any) -> None:
        if change.new != self.position and change.new <= len(self.tape):
            self.playing = False
            self.go_to(change.new)

    def _choose_candidate(self, place: int) -> None:
        if self.candidates is not None and place < len(self.candidates.token_ids):
            self.choose(self.candidates.token_ids[place])

    def _show(self) -> None:
        candidates = self.candidates
        self._tape.value = self._tape_html()
        self._say(self._sentence())
        self._show_choices(candidates)
        self._dart.value = self._dart_html()
        self._sums.value = _sums_html(self.surprise, self.model_surprise)
        self._back.disabled, self._forward.disabled = self.position == 0, self.is_over
        self._toggle.disabled = self.is_over
        self._place.disabled = not self.tape
        self._place.max = max(1, len(self.tape))
        self._place.value = self.position

    def _say(self, sentence: str) -> None:
        self._message.value = caption_html(sentence)

    def _show_choices(self, candidates: Candidates | None) -> None:
        candidates = candidates or Candidates([], [], [], 0.0, 0)
        shown = len(candidates.labels)
        for button, label in zip(self._choices, candidates.labels + [""] * (CHOICES - shown), strict=True):
            with button.hold_sync():  # one message, not two
                button.description, button.tooltip = label, f"Write {label} here" if label else ""
            button.layout.visibility = "visible" if label else "hidden"
        rows = [self._bar_html(*row) for row in zip(candidates.token_ids, candidates.probs, strict=True)]
        rows += ['<div class="gptcore-step-choice"></div>'] * (CHOICES - shown)
        others = f"{candidates.others_label}: {percent(candidates.others)}" if shown else ""
        others += " ◀ the dart" * (shown > 0 and self.drawn_id not in candidates.token_ids)
        self._bars.value = (
            f'<div class="gptcore gptcore-step-bars">{"".join(rows)}<div class="gptcore-step-rest">{others}</div></div>'
        )

    def _bar_html(self, token_id: int, chance: float) -> str:
        replayed = self.position < len(self.tape) and self.tape[self.position].token_id == token_id
        marks = ["the dart"] * (token_id == self.drawn_id) + ["written"] * replayed
        kind = " gptcore-step-hit" if marks else ""
        return (
            f'<div class="gptcore-step-choice{kind}"><div class="gptcore-track">'
            f'<div class="gptcore-bar" style="width:{chance:.2%}"></div></div>'
            f'<span class="gptcore-number">{escape(percent(chance))}</span>'
            f"<span>{'◀ ' * bool(marks)}{', '.join(marks)}</span></div>"
        )

    def _dart_html(self) -> str:
        bar = "" if self.distribution is None else dart_html(Dart.of(self.distribution, self.uniform, self.tokenizer))
        return f'<div class="gptcore-step-dart">{bar}</div>'

    def _tape_html(self) -> str:
        """The tokens around the place where we are, with their chances."""
        start, end = max(0, self.position - BEFORE), self.position + AFTER
        before = [f'<span class="gptcore-step-told">{escape(self._label(i))}</span>' for i in self.prompt_ids[-BEFORE:]]
        written = [self._told_html(told, "") for told in self.tape[start : self.position]]
        after = [self._told_html(told, " gptcore-step-later") for told in self.tape[self.position : end]]
        here = '<span class="gptcore-step-here" title="The place of the next token">▏</span>'
        chips = ["… "] if start else ["… "] * (len(self.prompt_ids) > BEFORE) + before
        chips += [*written, here, *after, *(["…"] if end < len(self.tape) else [])]
        return (
            '<div class="gptcore"><div class="gptcore-step-tape" tabindex="0" role="list" aria-label="The tape">'
            f'<div>{"".join(chips)}</div></div><div class="gptcore-key">The bar under a token is the chance '
            "that it had; a dashed frame: chosen by you; pale: ahead of this place.</div></div>"
        )

    def _told_html(self, told: Told, kind: str) -> str:
        label, hand = self._label(told.token_id), ", chosen by you" if told.by_hand else ""
        name = escape(f"{label}: chance {percent(told.chance)}{hand}")
        kind += " gptcore-step-yours" if told.by_hand else ""
        return (
            f'<span class="gptcore-step-told{kind}" role="listitem" style="--prob:{told.chance:.3f}" title="{name}" '
            f'aria-label="{name}">{escape(label)}</span>'
        )

    def _sentence(self) -> str:
        if self.distribution is None:
            ended = "This token ends the text. Go back to choose otherwise."
            return ended if self._has_ended else "The tape is full."
        drawn = f"The dart falls on {self._labelled_chance(self.drawn_id)}."
        if self.position == len(self.tape):
            return f"{drawn} Forward writes it; a button below writes another token."
        told = self.tape[self.position]
        if not told.by_hand:
            return f"{drawn} It was written here before; choose another, and what follows is told anew."
        return f"You wrote {self._labelled_chance(told.token_id)} here. {drawn}"

    def _labelled_chance(self, token_id: int) -> str:
        return f"“{self._label(token_id)}” (chance {percent(self.distribution.probs[token_id].item())})"

    def _label(self, token_id: int) -> str:
        return token_label(self.tokenizer, token_id)


def _sums_html(yours: float, models: float) -> str:
    """Two bars on one scale: the surprise of the text, and of what the dart would have written at the same places."""
    scale = max(yours, models, 1e-9)
    rows = (
        _sum_html(name, nats, nats / scale if nats < scale else float(nats > 1e-9))
        for name, nats in (("this text", yours), ("the dart alone", models))
    )
    return (
        '<div class="gptcore"><div class="gptcore-key">Surprise so far, in nats: of this text, and '
        f"of what the dart would have written in its places</div>{''.join(rows)}</div>"
    )


def _sum_html(name: str, nats: float, width: float) -> str:
    return (
        f'<div class="gptcore-row gptcore-step-sum"><span class="gptcore-label">{name}</span>'
        f'<div class="gptcore-track"><div class="gptcore-bar" style="width:{width:.2%}"></div></div>'
        f'<span class="gptcore-number">{nats:.1f}</span></div>'
    )


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' * (number != 1)}"
