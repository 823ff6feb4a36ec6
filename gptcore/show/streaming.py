"""`StreamingGenerator`: a text that grows by itself, can be stopped, and blocks nothing.

The loop runs on a thread of its own. That thread sets values of widgets and never prints: what a thread prints lands
in whichever cell runs next.
"""

import asyncio
import signal
import threading
import time
from functools import partial
from html import escape
from itertools import chain
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from gptcore.generation import text_steps
from gptcore.model import GPTModel
from gptcore.sampling import Distribution, Sampling
from gptcore.show.candidates import Candidates, candidates_html, plot_candidates
from gptcore.show.charts import drawable, styled
from gptcore.show.live import LiveView
from gptcore.show.style import caption_html, stylesheet
from gptcore.tokenizer import decode, stream_decode

REFRESH = 0.06  # seconds between two pictures: more often than eyes can follow
FASTEST = 51  # where the slider of the speed stands for no limit


class StreamingGenerator(LiveView):
    """A text that grows live above the chances of its last token, with a progress bar, Start and Stop.

    >>> generator = StreamingGenerator(model, tokenizer, "Once upon a time", seed=1)
    >>> generator.start()  # comes back at once; generator.stop() ends it
    >>> generator.wait()
    >>> generator.text, generator.state
    ('Once upon a time there …', 'finished')

    `state` is "ready", "running", "stopped", "interrupted" (by the kernel's interrupt), "finished" or "failed", and
    then `error` is what went wrong. `speed` is the most tokens per second, None for no limit; it can be changed while
    the text grows. The other settings are those of `gptcore.stream_text` and are read at each start.
    """

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = "Once upon a time",
        max_length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = 10,
        top_p: float | None = None,
        min_p: float | None = None,
        seed: int | None = None,
        speed: int | None = None,
    ):
        self.model, self.tokenizer, self.max_length, self.seed = model, tokenizer, max_length, seed
        self.temperature, self.top_k, self.top_p, self.min_p = temperature, top_k, top_p, min_p
        self.state, self.error = "ready", None
        self.tokens_per_second = 0.0
        self._done = threading.Event()
        self._done.set()
        self._asked_to_stop = threading.Event()
        self._starting = threading.Lock()
        self._loop = running_loop()
        self._make_controls(prompt)
        self.speed = speed
        self._begin()
        self._show()

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def prompt(self) -> str:
        return self._prompt.value

    @prompt.setter
    def prompt(self, text: str) -> None:
        self._prompt.value = text

    @property
    def speed(self) -> int | None:
        return None if self._speed.value == FASTEST else self._speed.value

    @speed.setter
    def speed(self, tokens_per_second: int | None) -> None:
        self._speed.value = FASTEST if tokens_per_second is None else tokens_per_second

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def candidates(self) -> Candidates | None:
        """The likeliest tokens where the text was read last; None if nothing can be read."""
        return None if self.distribution is None else Candidates.of(self.distribution, self.tokenizer)

    # What it does ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write, from the prompt. Does nothing while a text is being written."""
        with self._starting:
            if not self._done.is_set():
                return
            self._asked_to_stop.clear()
            if not self._try_begin():
                return
            self.state = "running"
            self._done.clear()
            self._show()
            _RUNNING.add(self)
            threading.Thread(target=self._write, name="StreamingGenerator", daemon=True).start()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(_hear_interrupts, self._loop)

    def stop(self) -> None:
        """Ask it to stop: it does so before the next token."""
        self._end("stopped")

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the text is written, or for `timeout` seconds. An interrupt stops the text, too."""
        try:
            self._done.wait(timeout)
        except KeyboardInterrupt:
            self._end("interrupted")
            self._done.wait(1)
            raise

    def _end(self, state: str) -> None:
        if self.running:
            self._state_when_stopped = state
            self._asked_to_stop.set()

    def _write(self) -> None:
        """The thread: the loop, and what it shows."""
        try:
            state = self._tell()
        except Exception as error:  # there is nobody to catch it, and a thread must not print
            self.error, state = error, "failed"
        self.state = state
        _RUNNING.discard(self)
        self._show()
        self._done.set()

    def _tell(self) -> str:
        began = shown = time.perf_counter()
        pieces = stream_decode(self.tokenizer, chain(self.prompt_ids, self._new_ids()))
        self._text = ""
        for count, piece in enumerate(pieces, start=1):
            self._text += piece
            new = count - len(self.prompt_ids)
            now = time.perf_counter()
            if new > 0:
                self.tokens_per_second = len(self.new_ids) / max(now - began, 1e-9)
            if new > 0 and now - shown > REFRESH:
                shown = now
                self._show_text()
        return self._state_when_stopped if self._asked_to_stop.is_set() else "finished"

    def _new_ids(self):
        """Each new token when its time has come, until one asks it to stop."""
        due = time.perf_counter()
        for step in self._steps:
            self.distribution = step.distribution
            self.ended = step.token_id == getattr(self.tokenizer, "eos_token_id", None)
            if self.ended:
                return
            due = max(due, time.perf_counter() - 0.5) + (1 / self.speed if self.speed else 0)
            if self._asked_to_stop.wait(max(0.0, due - time.perf_counter())):
                return
            self.new_ids.append(step.token_id)
            yield step.token_id

    def _begin(self) -> None:
        """Nothing but the prompt is written; what the first token will be chosen from is known already."""
        settings = self.temperature, self.top_k, self.top_p, self.min_p
        begin = partial(text_steps, self.model, self.prompt, self.tokenizer)
        self.prompt_ids, self._steps = begin(self.max_length, Sampling(*settings), seed=self.seed)
        self.distribution: Distribution | None = next(begin(1, Sampling(*settings))[1]).distribution
        self.new_ids: list[int] = []
        self._text, self.ended, self.tokens_per_second = decode(self.tokenizer, self.prompt_ids), False, 0.0

    # How it looks ------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The prompt and what has been written."""
        return self._text

    def describe(self) -> str:
        if self.state == "ready":
            return f"StreamingGenerator: ready to go on from {self.text!r}, up to {self.max_length} tokens"
        return f"StreamingGenerator: {self.text!r}, {len(self.new_ids)} new tokens, {self.state}"

    @styled
    def picture(self) -> Figure:
        figure = Figure(figsize=(7, 2.6), layout="constrained")
        ax = figure.subplots()
        if self.candidates is not None:
            plot_candidates(ax, self.candidates)
        title = f"After “{self.text[-70:]}”"
        ax.set_title(drawable(title), wrap=True)
        return figure

    def _make_controls(self, prompt: str) -> None:
        wide = ipywidgets.Layout(width="auto")
        self._prompt = ipywidgets.Text(prompt, description="Beginning", continuous_update=False, layout=wide)
        self._start = ipywidgets.Button(description="Start", icon="play", button_style="primary")
        self._stop = ipywidgets.Button(description="Stop", icon="stop", tooltip="Stop before the next token")
        self._speed = ipywidgets.IntSlider(FASTEST, 1, FASTEST, description="Tokens per second at most", readout=False)
        self._speed.style.description_width, self._speed.layout.width = "initial", "360px"
        self._limit, self._progress, self._story, self._message, self._bars = (
            ipywidgets.HTML(layout=wide) for _ in range(5)
        )
        self._prompt.observe(lambda change: self._try_begin(), names="value")
        self._start.on_click(lambda button: self.start())
        self._stop.on_click(lambda button: self.stop())
        self._speed.observe(lambda change: self._show_limit(), names="value")
        buttons = ipywidgets.HBox([self._start, self._stop, self._speed, self._limit])
        buttons.layout.flex_flow = "row wrap"
        self.view = ipywidgets.VBox(
            [
                ipywidgets.HTML(stylesheet()),
                self._prompt,
                buttons,
                self._story,
                self._progress,
                self._message,
                self._bars,
            ],
            layout=ipywidgets.Layout(max_width="820px", width="100%"),
        )
        self._show_limit()

    def _try_begin(self) -> bool:
        """Back to the prompt, if the prompt and the settings can be used; else say what is wrong."""
        try:
            self.state, self.error = "ready", None
            self._begin()
        except Exception as error:  # nobody catches what a button raises
            self.state, self.error, self.distribution = "failed", error, None
        self._show()
        return self.error is None

    def _show(self) -> None:
        """All of it, when something begins or ends."""
        self._show_text()
        status = caption_html(self._sentence(), 1)
        self._message.value = status
        self._start.disabled = self._prompt.disabled = self.running
        self._stop.disabled = not self.running

    def _show_text(self) -> None:
        """What changes with every token."""
        prompt = decode(self.tokenizer, self.prompt_ids)
        self._story.value = (
            f'<div class="gptcore"><div class="gptcore-text gptcore-stream-box"><div>{escape(self.text[: len(prompt)])}'
            f'<span class="gptcore-new">{escape(self.text[len(prompt) :])}</span></div></div></div>'
        )
        self._progress.value = self._progress_html()
        self._bars.value = candidates_html(self.candidates or Candidates([], [], [], 0.0, 0))

    def _progress_html(self) -> str:
        count, most = len(self.new_ids), self.max_length
        pace = f"{self.tokens_per_second:,.1f} tokens per second" if count else ""
        return (
            '<div class="gptcore gptcore-stream-progress"><div class="gptcore-track" role="progressbar" '
            f'aria-label="Tokens written" aria-valuemin="0" aria-valuemax="{most}" aria-valuenow="{count}">'
            '<div class="gptcore-bar" '
            f'style="width:{count / max(most, 1):.2%}"></div></div><span>{count} of at most {most} tokens</span>'
            f'<span class="gptcore-number">{pace}</span></div>'
        )

    def _show_limit(self) -> None:
        self._limit.value = f'<span class="gptcore">{self.speed or "no limit"}</span>'

    def _sentence(self) -> str:
        if self.state == "ready":
            return "Start lets it go on; below are the candidates for the first token."
        if self.state == "failed":
            return f"It cannot go on: {type(self.error).__name__}: {self.error}"
        if self.state == "finished":
            return "The story is over: the model drew the end of the text." if self.ended else "There is no more room."
        return {
            "running": "It is writing. The bars are the chances from which the last token was drawn.",
            "stopped": "Stopped. The text so far is kept; Start begins again from the beginning.",
            "interrupted": "The kernel was interrupted. The text so far is kept; Start begins again.",
        }[self.state]


# The kernel's interrupt ------------------------------------------------------------------------------------------
#
# While a cell runs, an interrupt belongs to the cell. While the kernel is idle it ignores the signal, so that a thread
# would never hear of it: as long as texts are being written, the idle kernel gets a handler of ours instead.

_RUNNING: set[StreamingGenerator] = set()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The kernel's event loop, on which its main thread waits for work; None outside of a kernel."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop if threading.current_thread() is threading.main_thread() else None  # others hear no signals


def _hear_interrupts(loop: asyncio.AbstractEventLoop) -> None:
    """Look ten times a second, for the kernel puts its own handler back after each of its messages."""
    ours = signal.getsignal(signal.SIGINT) is _interrupt_all
    if not _RUNNING:
        if ours:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # the kernel is idle
        signal.signal(signal.SIGINT, _interrupt_all)
    loop.call_later(0.1, _hear_interrupts, loop)


def _interrupt_all(signal_number: int, frame: Any) -> None:
    for generator in list(_RUNNING):
        generator._end("interrupted")
