"""`GenerationStepper`: the loop by hand, one token forward or back at a time, with the dart that chooses."""

from collections.abc import Collection
from typing import Any

from matplotlib.figure import Figure

from gptcore.checks import check_bool, check_integer, given
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.printable import printable
from gptcore.sampling import Sampling
from gptcore.seeds import Uniforms
from gptcore.show.band import band
from gptcore.show.candidates import plot_candidates
from gptcore.show.charts import after, chart
from gptcore.show.dart import plot_dart
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.settings import OPENING, Setting, Shown, TextSetting, check_any_seed, check_length, check_sampling
from gptcore.show.tape import Stepping, TapeToken, is_written, look, write
from gptcore.text_generation import text_steps
from gptcore.tokenizer import check_tokenizer, decode

FASTEST = 100  # tokens per second that can be asked for
MOST_TOKENS = 100_000  # on a tape


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
    (25, 1)

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
    front, hands = "generation_stepper", ("forward", "back", "go_to", "choose", "reset")
    _remembered = "record", "uniforms", "_sampling", "_luck"

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = OPENING,
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
        cuts = {name: Control() for name in ("top_k", "top_p", "min_p")}
        self._open(
            prompt=Control(""),
            playing=Control(False),
            speed=Control(4, min=1, max=60, step=1),
            temperature=Control(1.0),
            **cuts,
            seed=Control(1),
            max_new_tokens=Control(400),
        )
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

    def forward(self, count: int = 1) -> None:
        """`count` tokens forward: what was written here before, or else what the dart hits."""
        check_integer("count", count, least=0)
        self._advance(count, self.record)

    def _advance(self, count: int, record: Stepping) -> None:
        playing = self.playing
        self._put(playing=False)  # if something goes wrong, it pauses
        for _token in range(min(count, MOST_TOKENS)):
            if record.is_over:
                break
            if record.replayed is None:
                record = write(record, record.drawn_id, self.tokenizer)
            record = self._look(record.prompt_ids, record.tape, record.position + 1)
        self.record = record
        self._put(playing=playing and not self.is_over)
        self._show()

    def back(self) -> None:
        """One token back; the tape keeps what comes after."""
        self.go_to(max(0, self.position - 1))

    def go_to(self, position: int) -> None:
        """To any position of the tape: the number of new tokens before it; auto-play pauses there.

        Raises TypeError or ValueError unless `position` is an integer from 0 to the length of the tape.
        """
        check_integer("position", position, least=0)
        if position > len(self.tape):
            said = _("position must be from 0 to {last}, the length of the tape, got {value}")
            raise ValueError(said.format(last=len(self.tape), value=given(position)))
        self.record = self._look(self.prompt_ids, self.tape, position)
        self._put(playing=False)
        self._show()

    def choose(self, token_id: int) -> None:
        """Write a token of your own here. What came after on the tape is forgotten, unless it is the same token."""
        check_integer("token_id", token_id, least=0)
        if token_id >= self.model.config.vocab_size:
            said = _("token_id must be from 0 to {last}, got {value}")
            raise ValueError(said.format(last=self.model.config.vocab_size - 1, value=given(token_id)))
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
            self._put(playing=False)
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

    def _update(self, names: Collection[str]) -> None:
        if "prompt" in names:
            return self._restart()
        self._put(playing=self.playing and not self.is_over)
        self._show()

    def _shown(self) -> dict[str, Any]:
        return {} if self.record is None else self.record.shown()

    def _given(self) -> dict[str, Any]:
        """Its tape is written again, token by token."""
        did = [["choose", [token.token_id]] for token in self.tape or ()]
        return super()._given() | ({"did": [*did, ["go_to", [self.position]]]} if did else {})

    def _band(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        drawn = () if self.is_over else (self.tokenizer, self.distribution, self.record.dart.uniform, self.drawn_id)
        return band(self.text, self.token_ids, self.model, *drawn)
