"""`GenerationStepper`: the loop by hand, one token forward or back at a time, with the dart that chooses."""

from collections.abc import Collection
from functools import partial
from time import perf_counter
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from gptcore.checks import check_bool, check_integer, given
from gptcore.model import GPTModel, check_model
from gptcore.printable import printable
from gptcore.sampling import Sampling
from gptcore.seeds import Uniforms
from gptcore.show.candidates import plot_candidates
from gptcore.show.charts import after, chart
from gptcore.show.dart import dart_html, plot_dart
from gptcore.show.interrupts import running_loop
from gptcore.show.live import LiveView
from gptcore.show.parts import framed, html, side_by_side, text_field
from gptcore.show.settings import (
    Setting,
    Shown,
    TextSetting,
    check_any_seed,
    check_length,
    check_sampling,
    kept,
)
from gptcore.show.style import caption_html
from gptcore.show.tape import CHOICES, Stepping, TapeToken, choices_html, is_written, look, sums_html, tape_html, write
from gptcore.text_generation import text_steps
from gptcore.tokenizer import check_tokenizer, decode

PLAYING = "playing" if hasattr(ipywidgets.Play, "playing") else "_playing"  # what ipywidgets 8 and 7 call it
FASTEST = 100  # tokens per second that can be asked for
MOST_TOKENS = 100_000  # on a tape
MOST_AT_ONCE = 5  # tokens in one picture of auto-play, however long the browser was away


def check_speed(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is an integer of at least 1."""
    check_integer(name, value, least=1)


class GenerationStepper(LiveView):
    """A text that grows one token at a time, forward and back; at each position the dart chooses, or you do.

    >>> stepper = GenerationStepper(model, tokenizer, "Once upon a time", seed=1)
    >>> stepper.forward()
    >>> stepper.choose(tokenizer.encode(" fox")[0])
    >>> stepper.text
    'Once upon a time, fox'
    >>> round(stepper.surprise), round(stepper.model_surprise)  # nats: of this text, of the darts' own choice
    (28, 1)

    Left to the dart, the tokens are those of `gptcore.generate` with the same settings and seed. `position` is how many
    new tokens have been written; going back and forward again gives the same tokens. Only the record of the current
    position is in memory: of the others, token ids and random numbers are kept, and the record is computed again.

    Change `temperature`, `top_k`, `top_p`, `min_p` or `seed`, then `reset()`; setting `prompt` resets by itself.
    `playing` and `speed`, in tokens per second, are those of auto-play. `tape`, `token_ids`, `distribution`,
    `candidates`, `drawn_id` and `is_over` are those of the `Stepping` that is shown.
    """

    prompt, playing, speed = TextSetting(), Setting(check_bool), Setting(check_speed, most=FASTEST)
    temperature, top_k, top_p, min_p = (Setting(check_sampling) for _ in range(4))
    seed, max_new_tokens = Setting(check_any_seed), Setting(check_length, most=MOST_TOKENS)
    tape, position, is_over, prompt_ids, token_ids = (Shown() for _ in range(5))
    distribution, candidates, drawn_id, surprise, model_surprise = (Shown() for _ in range(5))
    _remembered = "record", "uniforms", "_sampling", "_luck"

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
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self._loop = running_loop()
        self._make_controls()
        settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p, "seed": seed}
        self._put(**self._checked({"prompt": prompt, "max_new_tokens": max_new_tokens} | settings))
        self.reset()

    @property
    def text(self) -> str:
        """The prompt and what has been written up to here, without the token that ends it."""
        return decode(self.tokenizer, self.token_ids[:-1] if self.record.has_ended else self.token_ids)

    def describe(self) -> str:
        return printable(f"GenerationStepper: {self.text!r}, {self.record.describe()}")

    def picture(self) -> Figure:
        layout = {"rows": 2, "titles": [after(self.text)], "height_ratios": [3, 1]}
        figure, (top, bottom) = chart(8, 4.2, **layout)
        if self.is_over:
            top.set_axis_off()
            bottom.set_axis_off()
        else:
            plot_candidates(top, self.candidates)
            plot_dart(bottom, self.record.dart)
        return figure

    def forward(self) -> None:
        """One token forward: what was written here before, or else what the dart hits."""
        self._advance(1, self.record)

    def _advance(self, count: int, record: Stepping) -> None:
        for _ in range(count):
            if not record.is_over:
                if record.replayed is None:
                    record = write(record, record.drawn_id, self.tokenizer)
                record = self._look(record.prompt_ids, record.tape, record.position + 1)
        self.record = record
        if self.is_over:
            self._pause()
        self._show()

    def _pause(self) -> None:
        self._put(playing=False)
        self._play_or_pause()

    def back(self) -> None:
        """One token back; the tape keeps what comes after."""
        self.go_to(max(0, self.position - 1))

    def go_to(self, position: int) -> None:
        """To any position of the tape: the number of new tokens before it. Raises ValueError beyond its end."""
        check_integer("position", position, least=0)
        if position > len(self.tape):
            raise ValueError(
                f"position must be from 0 to {len(self.tape)}, the length of the tape, got {given(position)}"
            )
        self.record = self._look(self.prompt_ids, self.tape, position)
        self._show()

    def choose(self, token_id: int) -> None:
        """Write a token of your own here. What came after on the tape is forgotten, unless it is the same token."""
        check_integer("token_id", token_id, least=0)
        if token_id >= self.model.config.vocab_size:
            raise ValueError(f"token_id must be from 0 to {self.model.config.vocab_size - 1}, got {given(token_id)}")
        if self.is_over:
            return
        written = is_written(self.record, token_id)
        self._advance(1, self.record if written else write(self.record, token_id, self.tokenizer))

    def reset(self) -> None:
        """Begin again from the prompt, with the same luck."""
        with self._safely():
            self._restart()
        if self.record is None:
            raise ValueError(self.problem)

    def _restart(self) -> None:
        self._try(self._begin)
        if self.record is not None:
            self._pause()
            self._show()

    def _begin(self) -> Stepping:
        sampling = Sampling(self.temperature, self.top_k, self.top_p, self.min_p)
        prompt_ids, _ = text_steps(self.model, self.prompt, self.tokenizer, 0, sampling, self.seed)
        self._sampling, self._luck, self.uniforms = sampling, iter(Uniforms(self.seed)), []
        return self._look(prompt_ids, (), 0)

    def _look(self, prompt_ids: list[int], tape: tuple[TapeToken, ...], position: int) -> Stepping:
        while len(self.uniforms) <= position:  # each position has a random number of its own
            self.uniforms.append(next(self._luck))
        place = prompt_ids, tape, position, self.uniforms[position]
        return look(self.model, self.tokenizer, *place, self._sampling, self.max_new_tokens)

    def _make_controls(self) -> None:
        size = {"layout": {"width": "105px"}}
        self._back = self._button("Back", self.back, "step-backward", "One token back", **size)
        self._forward = self._button("Forward", self.forward, "step-forward", button_style="primary", **size)
        reset = self._button("Reset", self.reset, "refresh", "Begin again with the same luck", **size)
        play = ipywidgets.ToggleButton(description="Play", icon="play", tooltip="Go forward by itself", **size)
        speed = ipywidgets.IntSlider(4, 1, 30, description="Tokens per second", style={"description_width": "initial"})
        speed.layout.width = "300px"
        place = ipywidgets.IntSlider(0, 0, 1, description="Place", layout={"width": "auto"})
        self.controls = {"prompt": text_field("Beginning"), "playing": play, "speed": speed, "position": place}
        self.controls |= kept(temperature=1.0, top_k=None, top_p=None, min_p=None, seed=1, max_new_tokens=400)
        self._watch()
        # The timer runs in the browser; the hidden widget counts its ticks.
        self._timer = ipywidgets.Play(max=10**9, layout={"display": "none"}, interval=round(1000 / self.speed))
        self._timer.observe(self._by_hand(self._tick), names="value")
        self._timer.observe(self._by_hand(self._play_again), names=PLAYING)
        self._choices = [
            self._button("", partial(self._choose_candidate, i), "", layout={"width": "11em", "height": "28px"})
            for i in range(CHOICES)
        ]
        self._tape, self._message, self._bars, self._dart, self._sums = (html() for _ in range(5))
        self._bars.layout.flex = "1 1 auto"
        self.view = framed(
            self.controls["prompt"],
            self._tape,
            side_by_side(self._back, self._forward, play, self._timer, reset, speed),
            place,
            self._message,
            ipywidgets.HBox([ipywidgets.VBox(self._choices, layout={"flex": "0 0 auto"}), self._bars]),
            self._dart,
            self._sums,
            width=900,
        )

    def _update(self, names: Collection[str]) -> None:
        if "prompt" in names:
            self._restart()
        if "speed" in names:
            self._timer.interval = round(1000 / self.speed)
        if "playing" in names:
            self._play_or_pause()
        if "position" in names:
            self._slide(self.controls["position"].value)

    def _play_or_pause(self) -> None:
        play = self.controls["playing"]
        play.description, play.icon = ("Pause", "pause") if self.playing else ("Play", "play")
        self._owed, self._ticked = 0.0, perf_counter()
        self._start_timer()

    def _play_again(self) -> None:
        """Start the timer again if the browser stopped it.

        It does so after each tick where the stepper is shown twice in one page: each view of an ipywidgets `Play` hears
        that it plays now, the first begins, and the second takes what the first has done for a reason to pause.
        """
        if self.playing and not getattr(self._timer, PLAYING) and self._loop is not None:
            wait = partial(self._loop.call_later, 1 / self.speed, self._by_hand(self._start_timer))
            self._loop.call_soon_threadsafe(wait)

    def _start_timer(self) -> None:
        setattr(self._timer, PLAYING, self.playing)

    def _tick(self) -> None:
        """Write what is due: one token, or more at once where the browser draws fewer pictures than the speed asks."""
        if self.playing:
            now = perf_counter()
            self._owed += (now - self._ticked) * self.speed
            count = min(max(1, int(self._owed)), MOST_AT_ONCE)
            self._owed, self._ticked = min(self._owed - count, 1), now
            try:
                self._advance(count, self.record)
            except Exception:
                self._pause()
                raise

    def _slide(self, position: int) -> None:
        if position != self.position and position <= len(self.tape):
            self._pause()
            self.go_to(position)

    def _choose_candidate(self, i: int) -> None:
        if not self.is_over and i < len(self.candidates.token_ids):
            self.choose(self.candidates.token_ids[i])

    def _show(self) -> None:
        with self._quietly():
            self._show_all()

    def _show_all(self) -> None:
        self._tape.value = tape_html(self.record)
        self._message.value = caption_html(self.caption)
        self._label_choices()
        self._bars.value = choices_html(self.record)
        dart = "" if self.is_over else dart_html(self.record.dart)
        self._dart.value = f'<div class="gptcore-step-dart">{dart}</div>'
        self._sums.value = sums_html(self.record)
        self._back.disabled = self.position == 0
        self._forward.disabled = self.controls["playing"].disabled = self.is_over
        place = self.controls["position"]
        place.disabled, place.max = not self.tape, max(1, len(self.tape))
        place.value = self.position

    def _label_choices(self) -> None:
        labels = [] if self.is_over else self.candidates.labels
        for choice, label in zip(self._choices, labels + [""] * (CHOICES - len(labels)), strict=True):
            with choice.hold_sync():  # one message, not two
                choice.description, choice.tooltip = label, f"Write {label} here" if label else ""
            choice.layout.visibility = "visible" if label else "hidden"
