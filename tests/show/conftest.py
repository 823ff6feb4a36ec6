"""Hands for widgets: what a person would find by its name and press or move."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import ipywidgets
import pytest


def _parts(view: Any) -> Iterator[Any]:
    yield view
    for child in getattr(view, "children", ()):
        yield from _parts(child)


def _control(widget: Any, name: str) -> Any:
    found = [part for part in _parts(widget.view) if getattr(part, "description", None) == name]
    assert found, f"no control is called {name!r}"
    return found[0]


def _press(widget: Any, name: str) -> None:
    button = _control(widget, name)
    if button.disabled:
        return
    if isinstance(button, ipywidgets.ToggleButton):
        button.value = not button.value
    else:
        button.click()


def _shown(widget: Any) -> str:
    pieces = [part.value for part in _parts(widget.view) if isinstance(part, ipywidgets.HTML)]
    return "".join(piece for piece in pieces if not piece.startswith("<style>"))


def _tags(html: str) -> set[str]:
    found = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.add(tag)
    parser.feed(html)
    return found


@pytest.fixture(scope="session")
def control():
    """control(widget, name): the slider, field or button with the label `name`; the first, if there are several."""
    return _control


@pytest.fixture(scope="session")
def press():
    """press(widget, name): click the button with the label `name`; one that is disabled does nothing."""
    return _press


@pytest.fixture(scope="session")
def shown():
    """shown(widget): all that the widget shows as HTML, without its style."""
    return _shown


@pytest.fixture(scope="session")
def tags():
    """tags(html): the elements in a piece of HTML, so that a test can see that no text was read as one."""
    return _tags
