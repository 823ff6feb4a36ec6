"""`StreamingGenerator`: a text that grows by itself, can be stopped, and blocks nothing.

The loop runs on a thread of its own. That thread sets values of widgets and never prints: what a thread prints lands
in whichever cell runs next.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from time import perf_counter
from typing import Any

from matplotlib.figure import Figure

from gptcore.checks import check_integer
from gptcore.generation import Step
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Distribution, Sampling
from gptcore.show import interrupts
from gptcore.show.band import band
from gptcore.show.candidates import Candidates, plot_candidates
from gptcore.show.charts import after, chart
from gptcore.show.dart import Dart
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.settings import OPENING, Setting, TextSetting, check_any_seed, check_length, check_sampling
from gptcore.show.writing import Writing
from gptcore.text_generation import text_steps
from gptcore.tokenizer import check_tokenizer, decode, end_token_ids, stream_decode, token_label

REFRESH = 0.06  # seconds between two pictures: more often than eyes can follow
FASTEST = 50  # tokens per second, where there is a limit
MOST_LENGTH = 100_000  # new tokens of one text
BEHIND = 0.5  # seconds that a slow model may make up for


def paced(
    steps: Iterable[Step],
    speed: Callable[[], float | None],
    wait: Callable[[float], bool],
    clock: Callable[[], float] = perf_counter,
) -> Iterator[Step]:
    """Each step when its time has come, at most `speed()` per second, until `wait(seconds)` says that it is to stop."""
    due = clock()
    for step in steps:
        limit = speed()
        due = max(due, clock() - BEHIND) + (1 / limit if limit else 0)
        if wait(max(0.0, due - clock())):
            return
        yield step


def check_speed(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is an integer of at least 1, or None."""
    if value is not None:
        check_integer(name, value, least=1, hint=_(", or None for no limit"))


class StreamingGenerator(LiveView):
    """A text that grows live above the chances of its last token, with a progress bar, Start and Stop.

    >>> generator = StreamingGenerator(model, tokenizer, "Once upon a time", seed=1, max_length=3)
    >>> generator.start()  # returns at once; generator.stop() ends it
    >>> generator.wait()
    >>> generator.text, generator.state
    ('Once upon a time, when the', 'finished')

    `state` is "ready", "running", "stopped", "interrupted" (by the kernel's interrupt), "finished" or "failed", and
    then `error` is what went wrong. `speed` is the most tokens per second, None for no limit; it can be changed while
    the text grows. The other settings are those of `gptcore.stream_text` and are read at each start.
    """

    prompt, speed, seed = TextSetting(), Setting(check_speed, most=FASTEST), Setting(check_any_seed)
    max_length = Setting(check_length, most=MOST_LENGTH)
    temperature, top_k, top_p, min_p = (Setting(check_sampling) for _ in range(4))
    front, hands = "streaming_generator", ("start", "stop")
    _remembered = ()  # the thread may be at work on all of it

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = OPENING,
        max_length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = 10,
        top_p: float | None = None,
        min_p: float | None = None,
        seed: int | None = None,
        speed: int | None = None,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self.state, self.error = "ready", None
        self._done = threading.Event()
        self._done.set()
        self._asked_to_stop = threading.Event()
        self._starting = threading.Lock()
        self._loop = interrupts.running_loop()
        cuts = {name: Control() for name in ("top_k", "top_p", "min_p")}
        self._open(
            prompt=Control(""),
            speed=Control(options=[*((str(n), n) for n in range(1, FASTEST + 1)), (_("no limit"), None)]),
            max_length=Control(200),
            temperature=Control(1.0),
            **cuts,
            seed=Control(),
        )
        settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p, "seed": seed}
        settings |= {"prompt": prompt, "max_length": max_length, "speed": speed}
        self._put(**self._checked(settings))
        self._begin()
        self._show()

    @property
    def record(self) -> Writing:
        """What is shown now."""
        written = self.text, self._prompt, len(self.new_ids), self.max_length, self.state
        last = () if self._last is None else (self._last.token_id, token_label(self.tokenizer, self._last.token_id))
        pace = self.tokens_per_second
        return Writing(*written, pace, self.ended, self.error, self.candidates, self._piece, *last)

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def _has_record(self) -> bool:
        return True

    @property
    def candidates(self) -> Candidates | None:
        """The likeliest tokens where the last token was drawn; None if nothing can be read."""
        return None if self.distribution is None else Candidates.of(self.distribution, self.tokenizer)

    def picture(self) -> Figure:
        figure, ax = chart(7, 2.7, titles=[after(self.text)])
        if self.candidates is not None:
            plot_candidates(ax, self.candidates)
        return figure

    def start(self) -> None:
        """Begin to write, from the prompt. Does nothing while a text is being written."""
        with self._starting:
            if not self._done.is_set():
                return
            self._asked_to_stop.clear()
            if not self._try_begin():
                return
            try:
                self.state = "running"
                self._done.clear()
                self._show()
                interrupts.on_interrupt.add(self._interrupt)
                threading.Thread(target=self._write, name="StreamingGenerator", daemon=True).start()
            except BaseException as error:
                self._finish("failed" if isinstance(error, Exception) else "interrupted", error)
                raise
        if self._loop is not None:
            self._loop.call_soon_threadsafe(interrupts.hear, self._loop)

    def stop(self) -> None:
        """Stop before the next token."""
        self._end("stopped")

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the text is written, or for `timeout` seconds. An interrupt stops the text too."""
        try:
            self._done.wait(timeout)
        except KeyboardInterrupt:
            self._interrupt()
            self._done.wait(1)
            raise

    def _interrupt(self) -> None:
        self._end("interrupted")

    def _end(self, state: str) -> None:
        if self.running:
            self._state_when_stopped = state
            self._asked_to_stop.set()

    def _begin(self) -> None:
        """Start again from the prompt alone, and compute what the first token will be drawn from."""
        sampling = Sampling(self.temperature, self.top_k, self.top_p, self.min_p)
        start = self.model, self.prompt, self.tokenizer
        self.prompt_ids, self._steps = text_steps(*start, self.max_length, sampling, self.seed)
        self.distribution: Distribution | None = next(text_steps(*start, 1, sampling)[1]).distribution
        self.new_ids: list[int] = []
        self._last: Step | None = None  # that was taken
        self.text = self._prompt = decode(self.tokenizer, self.prompt_ids)  # the prompt and what has been written
        self._piece = ""  # what the last token added to it
        self.ended, self.tokens_per_second = False, 0.0

    def _try_begin(self) -> bool:
        """Back to the prompt, if the prompt and the settings can be used; if not, say what is wrong."""
        try:
            self.state, self.error, self.problem = "ready", None, None
            self._begin()
        except Exception as error:  # no caller catches what a button raises
            self.state, self.error, self.distribution, self._last = "failed", error, None, None
        self._show()
        return self.error is None

    def _write(self) -> None:
        """What the thread does: run the loop and show the text."""
        try:
            self._write_text()
        except BaseException as error:  # there is no caller to catch it, and a thread must not print
            self._finish("failed", error)
        else:
            self._finish(self._state_when_stopped if self._asked_to_stop.is_set() else "finished")

    def _finish(self, state: str, error: BaseException | None = None) -> None:
        """The end of the thread, come what may: Start must be heard again."""
        self.state, self.error = state, error
        interrupts.on_interrupt.discard(self._interrupt)
        try:
            self._show_or_say()
        finally:
            self._done.set()

    def _write_text(self) -> None:
        began = shown = perf_counter()
        pieces = stream_decode(self.tokenizer, self._new_ids(), start=self.prompt_ids, cut=True)
        text = next(pieces)  # its last character may come with the first new token
        for piece in pieces:
            self.text, self._piece = text + piece, piece or self._piece
            text = self.text
            now = perf_counter()
            self.tokens_per_second = len(self.new_ids) / max(now - began, 1e-9)
            if now - shown > REFRESH:
                shown = now
                self._show_text()

    def _new_ids(self) -> Iterator[int]:
        end_ids = end_token_ids(self.tokenizer)
        for step in paced(self._steps, lambda: self.speed, self._asked_to_stop.wait):
            self.distribution, self._last = step.distribution, step
            self.ended = step.token_id in end_ids
            if self.ended:
                return
            self.new_ids.append(step.token_id)
            yield step.token_id

    def _update(self, names: Collection[str]) -> None:
        with self._starting:
            begins = "prompt" in names or (self.state in ("ready", "failed") and names != {"speed"})
            if begins and self._done.is_set():
                self._try_begin()
        self._show()

    def _show_text(self) -> None:
        """Show what changes with every token; the controls are as they were."""
        self.view.draw(self._told())

    def _shown(self) -> dict[str, Any]:
        dart = None if self._last is None else Dart.of(self.distribution, self._last.uniform, self.tokenizer).shown()
        return {**self.record.shown(), "dart": dart}

    def _band(self) -> dict[str, Any]:
        last = () if self._last is None else (self._last.uniform, self._last.token_id)
        known = () if self.distribution is None else (self.tokenizer, self.distribution, *last)
        return band(self.text, self.prompt_ids + self.new_ids, self.model, *known)
