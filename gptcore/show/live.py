"""What all widgets share: settings as plain attributes, a live view, and a picture and a line of text for elsewhere."""

import base64
import io
from collections.abc import Callable, Collection
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from gptcore.sampling import Sampling

OFF = object()  # None, for a control that offers a choice: its value cannot be None


class Setting:
    """A plain attribute of a widget that is the value of a control; setting it moves the control.

    `check(name, value)` raises TypeError or ValueError for a value that is not allowed. `text` writes a value that a
    control with a choice does not offer yet.
    """

    def __init__(
        self,
        check: Callable[[str, Any], None] = lambda name, value: None,
        text: Callable[[Any], str] = lambda value: f"{value:,}" if isinstance(value, int) else f"{value:g}",
    ):
        self.check, self.text = check, text

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, widget: "LiveView | None", owner: type | None = None) -> Any:
        if widget is None:
            return self
        value = widget.controls[self.name].value
        return None if value is OFF else value

    def __set__(self, widget: "LiveView", value: Any) -> None:
        widget.change(**{self.name: value})

    def put(self, control: Any, value: Any) -> None:
        """Set the control, which may not have offered `value` before."""
        if hasattr(control, "options"):
            value = OFF if value is None else value
            self._offer(control, value)
        elif hasattr(control, "max"):
            control.max = max(control.max, value)
        control.value = value

    def _offer(self, control: Any, value: Any) -> None:
        options = [option if isinstance(option, tuple) else (str(option), option) for option in control.options]
        if value in [known for _, known in options]:
            return
        off = [option for option in options if option[1] is OFF]
        values = [option for option in options if option[1] is not OFF] + [(self.text(value), value)]
        values.sort(key=lambda option: option[1])
        control.options = off + values if options[0][1] is OFF else values + off


class Shown:
    """A plain attribute of a widget that its record has by the same name; `empty` if there is no record."""

    def __init__(self, empty: Any = None):
        self.empty = empty

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, widget: "LiveView | None", owner: type | None = None) -> Any:
        if widget is None:
            return self
        return self.empty if widget.record is None else getattr(widget.record, self.name)


def check_sampling(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is allowed for a setting of the sampler."""
    Sampling(**{name: value})


class LiveView:
    """A widget is `view` in a running notebook; elsewhere it is `picture()`, and `describe()` says it in one line.

    What is shown is a `record`, which has a `caption` and a `describe()` of its own; it is None if there is nothing to
    show, and `problem` says why. Attributes that are a `Setting` have a control of the same name in `controls`: any
    object with a `value`.
    """

    view: ipywidgets.DOMWidget
    controls: dict[str, Any]
    record: Any | None = None
    problem: str | None = None  # what is wrong with a setting, in a sentence
    _changing = False

    def change(self, **settings: Any) -> None:
        """Change several settings at once, and draw the picture once.

        If one of them is not allowed, nothing changes, and `problem` says why.
        """
        try:
            self._check(settings)
        except (TypeError, ValueError) as error:
            self.problem = str(error)
            self._show()
            return
        self._put(**settings)
        self._update(settings.keys())

    def _check(self, settings: dict[str, Any]) -> None:
        known = [name for name in self.controls if isinstance(getattr(type(self), name, None), Setting)]
        if unknown := sorted(settings.keys() - set(known)):
            raise TypeError(f"settings are {', '.join(known)}, got {', '.join(unknown)}")
        for name, value in settings.items():
            getattr(type(self), name).check(name, value)

    def _put(self, **settings: Any) -> None:
        """Set controls without an update."""
        self._changing = True
        try:
            for name, value in settings.items():
                getattr(type(self), name).put(self.controls[name], value)
        finally:
            self._changing = False

    def _watch(self) -> None:
        """From now on, a control that is moved by hand updates the widget."""
        for name, control in self.controls.items():
            if isinstance(control, ipywidgets.Widget):
                control.observe(lambda change, name=name: self._changing or self._update({name}), names="value")

    def _update(self, names: Collection[str]) -> None:
        """Bring everything up to date after the settings called `names` have changed."""
        raise NotImplementedError

    def _try(self, compute: Callable[[], Any]) -> None:
        """Compute the record again. What goes wrong becomes `problem`, and the record stays as it is."""
        try:
            self.record, self.problem = compute(), None
        except (TypeError, ValueError, RuntimeError, LookupError) as error:
            self.problem = str(error)

    def _show(self) -> None:
        """Draw the record, and say its caption."""
        raise NotImplementedError

    @property
    def caption(self) -> str:
        """What can be seen, in words."""
        if self.record is None:
            return f"There is nothing to show: {self.problem}."
        return f"Not changed: {self.problem}. {self.record.caption}" if self.problem else self.record.caption

    def describe(self) -> str:
        """The widget as it is now, in one line of text that is the same on every machine."""
        return f"{type(self).__name__}: {self.problem if self.record is None else self.record.describe()}"

    def picture(self) -> Figure:
        """The widget as it is now, as a chart."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        file = io.BytesIO()
        self.picture().savefig(file, format="png", dpi=100, bbox_inches="tight")
        return {
            **self.view._repr_mimebundle_(**kwargs),
            "image/png": base64.b64encode(file.getvalue()).decode("ascii"),
            "text/plain": self.describe(),
        }
