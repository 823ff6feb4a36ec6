"""What `AttentionView` and `LogitLens` share: a text that a model has read, and a position in it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import ipywidgets
import torch

from gptcore.checks import check_text, given, is_integer
from gptcore.model import GPTModel, check_model
from gptcore.recording import Recording, record
from gptcore.show.live import LiveView
from gptcore.show.parts import text_field
from gptcore.show.settings import Setting, TextSetting
from gptcore.tokenizer import check_tokenizer, encode, token_label


@dataclass(frozen=True, eq=False)
class RecordedText:
    """A text as a model has read it."""

    recording: Recording
    labels: list[str]  # of the T tokens that the model has read
    left_out: int  # how many tokens before those did not fit into the context

    @property
    def warning(self) -> str:
        """A sentence to add to a caption if the model has not read all of the text."""
        return f" The text is long: the model sees only its last {len(self.labels):,} tokens." if self.left_out else ""

    def name(self, position: int) -> str:
        return f"{self.labels[position]} (position {position})"

    def quoted(self, position: int) -> str:
        """The same for a sentence, where a full stop may be a token."""
        return f"“{self.labels[position]}” (position {position})"


def record_text(model: GPTModel, tokenizer: Any, text: str) -> RecordedText:
    """Record how `model` reads `text`, or its last `context_length` tokens.

    Raises TypeError or ValueError if `text` is not a text that UTF-8 can hold, or if it has no token, or one that the
    model does not know.
    """
    check_model(model)
    check_tokenizer(tokenizer)
    check_text("text", text)
    token_ids = encode(tokenizer, text) if text else []
    if not token_ids:
        raise ValueError("text must have at least one token, got none")
    seen = token_ids[-model.config.context_length :]
    recording = record(model, torch.tensor(seen, device=model.device))
    return RecordedText(recording, [token_label(tokenizer, i) for i in seen], len(token_ids) - len(seen))


class Index(Setting):
    """A setting that chooses one of several things by its number, counted from 0; `count` tells how many there are."""

    def __init__(self, count: Callable[[Any], int]):
        super().__init__()
        self.count = count

    def __get__(self, widget: Any, owner: type | None = None) -> Any:
        if widget is None:
            return self
        return min(super().__get__(widget), max(0, self.count(widget) - 1))  # a slider's range needs two ends

    def check_range(self, widget: Any, value: Any) -> None:
        """Raise ValueError unless `value` is the number of one of them."""
        count = self.count(widget)
        if not (is_integer(value) and 0 <= value < count):
            raise ValueError(f"{self.name} must be an integer from 0 to {max(0, count - 1)}, got {given(value)}")


def index_slider(name: str, count: int = 1, flex: str = "1 1 45%") -> ipywidgets.IntSlider:
    """A slider over 0 … count - 1; with a single value it is disabled."""
    slider = ipywidgets.IntSlider(0, 0, max(1, count - 1), description=name, disabled=count < 2)
    slider.layout = {"flex": flex, "min_width": "280px"}
    slider.style.description_width = "60px"
    return slider


class RecordedTextView(LiveView):
    """A widget of a text and a position in it; a new text puts `position` on its last token.

    `_read_text` is what is computed once for each text, `_record` what is shown of it at the settings.
    """

    text, position = TextSetting(), Index(lambda view: len(view.labels))
    _remembered = "record", "recorded"
    _read_text: Callable[[GPTModel, Any, str], RecordedText] = staticmethod(record_text)

    def __init__(self, model: GPTModel, tokenizer: Any):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self.recorded: RecordedText | None = None  # None if the text cannot be read
        self.controls = {"text": text_field("Text"), "position": index_slider("Token", flex="1 1 100%")}

    @property
    def labels(self) -> list[str]:
        """Of the tokens that the model has read."""
        return [] if self.recorded is None else self.recorded.labels

    @property
    def left_out(self) -> int:
        """How many tokens before those did not fit into the context."""
        return 0 if self.recorded is None else self.recorded.left_out

    def _begin(self, text: str, **settings: Any) -> None:
        self._watch()
        self.change(text=text)
        if settings := {name: value for name, value in settings.items() if value is not None}:
            self.change(**settings)

    def _checked(self, settings: dict[str, Any]) -> dict[str, Any]:
        settings = super()._checked(settings)
        for name, value in settings.items():
            if isinstance(setting := getattr(type(self), name), Index):
                setting.check_range(self, value)
        return settings

    def _update(self, names: Collection[str]) -> None:
        if "text" in names:
            self.record = self.recorded = None
            self._try(self._read)
            self._go_to_last()
        if self.recorded is not None:
            self._try(self._record)
        self._show()

    def _read(self) -> None:
        self.recorded = self._read_text(self.model, self.tokenizer, self.text)

    def _go_to_last(self) -> None:
        slider, last = self.controls["position"], len(self.labels) - 1
        with self._quietly():
            slider.max, slider.value, slider.disabled = max(1, last), max(0, last), last < 1

    def _record(self) -> Any:
        raise NotImplementedError
