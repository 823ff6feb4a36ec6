"""What all widgets share: settings as plain attributes, a live view, and a picture and a line of text for elsewhere."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from gptcore.language import _
from gptcore.page import address
from gptcore.printable import printable
from gptcore.show.charts import picture_bundle
from gptcore.show.front import Control, Front, to_page
from gptcore.show.identity import model_name, tokenizer_name
from gptcore.show.settings import Setting
from gptcore.show.stand_in import with_stand_in
from gptcore.show.style import sentence

PAGE_TYPE = "application/vnd.gptcore.widget+json"  # says what a saved widget is, beside its picture


class LiveView:
    """A widget is `view` in a running notebook; elsewhere it is `picture()`, and `describe()` says it in one line.

    What is shown is a `record`, which has a `caption` and a `describe()` of its own; it is None if there is nothing to
    show, and `problem` says why. Attributes that are a `Setting` have a control of the same name in `controls`: any
    object with a `value`.

    Whatever goes wrong in a callback becomes `problem`, and the widget stays as it was before.
    """

    front: str = ""  # the name of the module that draws it
    hands: tuple[str, ...] = ()  # the methods that the page may call
    view: ipywidgets.DOMWidget
    controls: dict[str, Any]
    record: Any | None = None
    problem: str | None = None  # what is wrong with a setting, in a sentence
    notice: str = ""  # what was cut, in sentences
    _remembered: tuple[str, ...] = ("record",)  # attributes that are put back if a callback goes wrong

    def _open(self, **controls: Control) -> None:
        """Make the view, with a control for each setting."""
        self.controls, self.view = controls, Front(self.front, self._heard)

    def _heard(self, kind: str, name: Any, value: Any) -> None:
        """A hand on the page set a control, or pressed a button. A page may send anything."""
        if kind == "set":
            control = self.controls.get(name)
            self.change(**{str(name): value if control is None else control.from_page(value)})
        elif name in self.hands:
            with self._safely():
                getattr(self, name)(*value)

    def change(self, **settings: Any) -> None:
        """Change several settings at once, and draw the picture once.

        If one of them is not allowed, nothing changes, and `problem` says why.
        """
        with self._safely(*(self.controls[name] for name in settings if name in self.controls)):
            self._put(**self._checked(settings))
            self._update(settings.keys())

    def _checked(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings, once all are checked, with those that are too large cut; `notice` says which."""
        known = [name for name in self.controls if isinstance(getattr(type(self), name, None), Setting)]
        if unknown := sorted(settings.keys() - set(known)):
            raise TypeError(
                _("settings are {names}, got {other}").format(names=", ".join(known), other=", ".join(unknown))
            )
        allowed = {name: getattr(type(self), name).allowed(value) for name, value in settings.items()}
        self.notice = " ".join(notice for _, notice in allowed.values() if notice)
        return {name: value for name, (value, _) in allowed.items()}

    def _put(self, **settings: Any) -> None:
        """Set controls without an update."""
        for name, value in settings.items():
            getattr(type(self), name).put(self.controls[name], value)

    @contextmanager
    def _safely(self, *controls: Any) -> Iterator[None]:
        """Whatever goes wrong inside becomes `problem`, and all is as it was before, the `controls` too."""
        said = self.problem or self.notice
        before = [(self, {name: getattr(self, name, None) for name in self._remembered})]
        before += [(control, _traits(control)) for control in controls]
        if self._has_record:
            self.problem, self.notice = None, ""
        try:
            yield
        except Exception as error:  # any: nobody sees what a callback raises
            self.problem = sentence(error)
            self._put_back(before[:1])
        except BaseException:  # an interrupt is the cell's
            self._put_back(before)
            raise
        if self.problem and self._has_record:
            self._put_back(before)
        if said or self.problem or self.notice:  # some of it may still be on screen, or not yet
            self._show_or_say()

    def _put_back(self, before: list[tuple[Any, dict[str, Any]]]) -> None:
        for thing, values in before:
            for name, value in values.items():
                setattr(thing, name, value)

    def _show_or_say(self) -> None:
        """Show the record, or if even that goes wrong, say only the problem."""
        try:
            self._show()
        except Exception as error:
            self.problem = self.problem or sentence(error)
            caption = _("Not changed: {problem}.").format(problem=self.problem)
            self.view.tell({**self.view.shown, "caption": caption}, self.controls)

    def _update(self, names: Collection[str]) -> None:
        """Bring everything up to date after the settings called `names` have changed."""
        raise NotImplementedError

    def _try(self, compute: Callable[[], Any]) -> None:
        """Compute the record again. What goes wrong becomes `problem`, and the record stays as it is."""
        try:
            self.record, self.problem = compute(), None
        except Exception as error:  # any: MemoryError too
            self.problem = sentence(error)

    def _show(self) -> None:
        """Draw the record, and say its caption."""
        self.view.tell(self._told(), self.controls)

    def _told(self) -> dict[str, Any]:
        """All that the page shows."""
        linked = {} if (link := self._link()) is None else {"link": link}
        return {**self._shown(), "band": self._band(), "caption": self.caption, **linked}

    def _link(self) -> str | None:
        """The link to the widget as it is now; None where no pages are known, or none with its model and tokenizer."""
        with suppress(ValueError):  # a widget works as well where the address of the pages is none
            if address.base() is None:
                return None
            given = self._given()
            if given.get("model") and given.get("tokenizer"):
                return address.link(given["widget"], given["settings"], given.get("did", []))
        return None

    def _shown(self) -> dict[str, Any]:
        """What the page draws: numbers and texts."""
        raise NotImplementedError

    def _band(self) -> dict[str, Any]:
        """The numbers of the map above the widget: see `band`."""
        return {}

    def _given(self) -> dict[str, Any]:
        """What a page needs to show the widget again without Python.

        That is its class, its settings, whose model and tokenizer it has (None if they do not come with the project),
        and, where a widget adds them, `given`, the other things that it was made with, and `did`, what was done with
        it: [method, arguments] each.
        """
        given = {"widget": type(self).__name__}
        if hasattr(self, "model"):
            given["model"] = model_name(self.model)
        if hasattr(self, "tokenizer"):
            given["tokenizer"] = tokenizer_name(self.tokenizer)
        settings = {name: control.to_page(control.value) for name, control in self.controls.items()}
        return given | {"settings": settings}

    @property
    def _has_record(self) -> bool:
        return self.record is not None

    @property
    def caption(self) -> str:
        """What can be seen, in words."""
        if self.record is None:
            said = _("There is nothing to show: {problem}.").format(problem=self.problem)
        elif self.problem:
            said = f"{_('Not changed: {problem}.').format(problem=self.problem)} {self.record.caption}"
        else:
            said = self.record.caption
        return printable(f"{said.rstrip('.')}. {self.notice}" if self.notice else said)

    def describe(self) -> str:
        """The widget as it is now, in one line of text that is the same on every machine."""
        return printable(f"{type(self).__name__}: {self.problem if self.record is None else self.record.describe()}")

    def picture(self) -> Figure:
        """The widget as it is now, as a chart."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        picture, metadata = picture_bundle(self.picture(), self.describe())
        bundle: dict[str, Any] = picture | {"text/plain": self.describe(), PAGE_TYPE: to_page(self._given(), raw=True)}
        if self.view.comm is not None:  # None once the view was closed
            # The view as Jupyter's message format names it: ipywidgets 7 and 8 have no other way in common.
            bundle["application/vnd.jupyter.widget-view+json"] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": with_stand_in(self.view, picture["image/png"], self.describe()).model_id,
            }
        return bundle, metadata


def _traits(control: Any) -> dict[str, Any]:
    """What `Setting.put` may change of a control, in the order in which it can be put back."""
    return {name: getattr(control, name) for name in ("options", "max", "value") if hasattr(control, name)}
