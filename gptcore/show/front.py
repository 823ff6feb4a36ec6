"""The front end of a widget: a module of JavaScript that draws what Python computes, and says what a hand did.

A module has the form that anywidget defines, `export default { render({ model, el }) }`. It knows nothing but
`model.get`, `set`, `on` and `save_changes`, so that it also runs where something else than a kernel answers.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Dict, Int, List, Unicode

from gptcore.language import with_words
from gptcore.printable import printable

FOLDER = Path(__file__).with_name("front")


@cache
def module(name: str) -> str:
    """The JavaScript of the widget called `name`: what all widgets share, and then its own file."""
    return "\n".join((FOLDER / f"{file}.js").read_text(encoding="utf-8") for file in ("shared", name))


@cache
def style() -> str:
    """The stylesheet of all widgets."""
    return (FOLDER / "style.css").read_text(encoding="utf-8")


class Control:
    """What a hand can set in the front end: a `value`, and what is offered for it.

    Give `options`, (text, value) pairs from which one is chosen, or the ends of a scale, `min`, `max` and `step`, or
    nothing for a text or a switch. A value that JSON does not know goes to the page as its text.
    """

    def __init__(self, value: Any = None, **offer: Any):
        self.value = value
        self.__dict__.update(offer)  # options, min, max, step

    def offer(self) -> dict[str, Any]:
        """What is offered, for the page."""
        offered = {name: thing for name, thing in vars(self).items() if name != "value"}
        if "options" in offered:
            offered["options"] = [[printable(text), self.to_page(value)] for text, value in self.options]
        return offered

    def to_page(self, value: Any) -> Any:
        """`value` as it is known on the page."""
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        return next((text for text, known in getattr(self, "options", ()) if known is value), str(value))

    def from_page(self, value: Any) -> Any:
        """The value that is known on the page as `value`; half a character, as a keyboard may send, becomes a "?"."""
        if isinstance(value, str):
            value = value.encode(errors="replace").decode()
        return next((known for _, known in getattr(self, "options", ()) if _same(self.to_page(known), value)), value)


def _same(known: Any, value: Any) -> bool:
    """Whether a page sent `known`; True is not 1 there."""
    return known == value and isinstance(known, bool) == isinstance(value, bool)


class Front(anywidget.AnyWidget):
    """The front end of a widget in a notebook.

    `shown` is what is drawn, `settings` holds the value of each control and `offers` what can be chosen there. What a
    hand did comes back in `asked`, a list of `[number, "set", name, value]` and `[number, "do", name, arguments]`;
    all up to number `done` have been answered.
    """

    _esm = Unicode().tag(sync=True)
    _css = Unicode().tag(sync=True)
    shown = Dict().tag(sync=True)
    settings = Dict().tag(sync=True)
    offers = Dict().tag(sync=True)
    asked = List().tag(sync=True, echo_update=False)
    done = Int(0).tag(sync=True)

    def __init__(self, name: str, heard: Callable[[str, str, Any], None]):
        self._heard, self._answered = heard, 0
        self._one_at_a_time = threading.RLock()  # a thread may draw while the page asks something
        super().__init__(_esm=with_words(module(name)), _css=style())

    def tell(self, shown: Mapping[str, Any], controls: Mapping[str, Control]) -> None:
        """Show all this, in one message."""
        shown = to_page(shown)
        with self._one_at_a_time, self.hold_sync():
            self.shown, self.done = shown, self._answered
            self.settings = {
                name: to_page(control.to_page(control.value), raw=True) for name, control in controls.items()
            }
            self.offers = {name: offered for name, control in controls.items() if (offered := control.offer())}

    def draw(self, shown: Mapping[str, Any]) -> None:
        """Show this, whatever the controls are."""
        shown = to_page(shown)
        with self._one_at_a_time:
            self.shown = shown

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what a page sends, and do what it asks, in order; what was done before is left out."""
        with self._one_at_a_time:
            super().set_state(sync_data)
        for number, kind, name, value in sorted(_questions(self.asked), key=itemgetter(0)):
            if number > self._answered:
                self._answered = number
                self._heard(kind, name, value)
        with self._one_at_a_time:
            self.done = self._answered


def _questions(asked: Sequence[Any]) -> list[tuple[int, str, str, Any]]:
    """What is a question in `asked`: a page may send anything."""
    known = [tuple(question) for question in asked if isinstance(question, (list, tuple)) and len(question) == 4]
    return [question for question in known if isinstance(question[0], int) and question[1] in ("set", "do")]


def to_page(value: Any, raw: bool = False) -> Any:
    """`value` as JSON, without infinite numbers; unless `raw`, control and bidirectional characters are made visible.

    A text is never read as markup, because a front end writes it as text.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if raw else printable(value)
    if isinstance(value, Mapping):
        return {name: to_page(thing, raw) for name, thing in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_page(thing, raw) for thing in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
