"""What `AttentionView` and `LogitLens` share: a text that a model has read, and a position in it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch

from gptcore.checks import check_text, given, is_integer
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.printable import printable
from gptcore.recording import Recording, record
from gptcore.sampling import next_token_distribution
from gptcore.show.band import band
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.settings import Setting, TextSetting
from gptcore.text_generation import start_ids
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
        warning = _(" The text is long: the model sees only its last {count} tokens.")
        return warning.format(count=f"{len(self.labels):,}") if self.left_out else ""

    def name(self, position: int) -> str:
        return _("{label} (position {n})").format(label=self.labels[position], n=position)

    def quoted(self, position: int) -> str:
        """The same for a sentence, where a full stop may be a token."""
        return _("“{label}” (position {n})").format(label=self.labels[position], n=position)


def record_text(model: GPTModel, tokenizer: Any, text: str) -> RecordedText:
    """Record how `model` reads `text`, or its last `context_length` tokens; an empty text starts from end of text.

    Raises TypeError or ValueError if `text` is not a text that UTF-8 can hold, or if it has a token that the model does
    not know, or none, where there is no end-of-text token.
    """
    check_model(model)
    check_tokenizer(tokenizer)
    check_text("text", text)
    token_ids = (encode(tokenizer, text) if text else []) or start_ids(model, tokenizer, "text")
    seen = token_ids[-model.config.context_length :]
    recording = record(model, torch.tensor(seen, device=model.device))
    return RecordedText(recording, [token_label(tokenizer, i) for i in seen], len(token_ids) - len(seen))


class Index(Setting):
    """A setting that chooses one of several things by its number, counted from 0; `count` tells how many there are."""

    def __init__(self, count: Callable[[Any], int]):
        super().__init__()
        self.count = count

    def check_range(self, widget: Any, value: Any) -> None:
        """Raise ValueError unless `value` is the number of one of them."""
        count = self.count(widget)
        if not count:
            raise ValueError(widget.problem)  # there is nothing to choose from
        if not (is_integer(value) and 0 <= value < count):
            raise ValueError(
                _("{name} must be an integer from 0 to {last}, got {value}").format(
                    name=self.name, last=max(0, count - 1), value=given(value)
                )
            )


class RecordedTextView(LiveView):
    """A widget of a text and a position in it; a new text puts `position` on its last token.

    `_read_text` is what is computed once for each text, `_record` what is shown of it at the settings.
    """

    text, position = TextSetting(), Index(lambda view: len(view.labels))
    _remembered = "record", "recorded"
    _read_text: Callable[[GPTModel, Any, str], RecordedText] = staticmethod(record_text)

    def __init__(self, model: GPTModel, tokenizer: Any, text: str, settings: dict[str, Any], **controls: Control):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self.recorded: RecordedText | None = None  # None if the text cannot be read
        self._open(text=Control(""), position=Control(0), **controls)
        self.change(text=text)
        if settings := {name: value for name, value in settings.items() if value is not None}:
            self.change(**settings)

    @property
    def labels(self) -> list[str]:
        """Of the tokens that the model has read."""
        return [] if self.recorded is None else self.recorded.labels

    @property
    def left_out(self) -> int:
        """How many tokens before those did not fit into the context."""
        return 0 if self.recorded is None else self.recorded.left_out

    def _checked(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings, once all are checked, but for a position in a text that has not been read yet."""
        settings = super()._checked(settings)
        for name, value in settings.items():
            setting = getattr(type(self), name)
            if isinstance(setting, Index) and not (name == "position" and "text" in settings):
                setting.check_range(self, value)
        return settings

    def _update(self, names: Collection[str]) -> None:
        if "text" in names:
            self.record = self.recorded = None
            self._try(self._read)
            if self.recorded is not None and "position" in names:
                type(self).position.check_range(self, self.position)
            else:
                self._put(position=max(0, len(self.labels) - 1))
        if self.recorded is not None:
            self._try(self._record)
        self._show()

    def _read(self) -> None:
        self.recorded = self._read_text(self.model, self.tokenizer, self.text)

    def _record(self) -> Any:
        raise NotImplementedError

    def _show(self) -> None:
        """Offer the tokens, which a page needs once for each text, and draw the record."""
        self.controls["position"].labels = [printable(label) for label in self.labels]
        super()._show()

    def _band(self) -> dict[str, Any]:
        if self.recorded is None:
            return {}
        recording = self.recorded.recording
        distribution = next_token_distribution(recording.logits[-1])
        return band(self.text, recording.token_ids.tolist(), self.model, self.tokenizer, distribution)
