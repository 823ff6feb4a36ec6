"""Hands for widgets: what a person would find by its name and press or move."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import ipywidgets
import pytest
import torch
from tokenizers import pre_tokenizers, trainers

from gptcore import GPTConfig, GPTModel, Tokenizer
from gptcore.show.front import Front
from gptcore.tokenizer import byte_level_bpe


def _parts(view: Any) -> Iterator[Any]:
    yield view
    for child in getattr(view, "children", ()):
        yield from _parts(child)


def _control(widget: Any, name: str) -> Any:
    found = [part for part in _parts(widget.view) if getattr(part, "description", None) == name]
    assert found, f"no control is called {name!r}"
    return found[0]


def _ask(widget: Any, kind: str, name: Any, value: Any) -> None:
    """What a page sends when a hand does something."""
    view = widget.view
    number = max([view.done, *(question[0] for question in view.asked)]) + 1
    view.set_state({"asked": [*view.asked, [number, kind, name, value]]})
    assert view.done == number


def move(widget: Any, **settings: Any) -> None:
    for name, value in settings.items():
        _ask(widget, "set", name, value)


def press(widget: Any, name: str, *values: Any) -> None:
    if isinstance(widget.view, Front):
        assert name in widget.hands, f"no button calls {name!r}"
        return _ask(widget, "do", name, list(values))
    button = _control(widget, name)
    if button.disabled:
        return
    if isinstance(button, ipywidgets.ToggleButton):
        button.value = not button.value
    else:
        button.click()


def _shown(widget: Any) -> str:
    if isinstance(widget.view, Front):
        return json.dumps(widget.view.shown, ensure_ascii=False)
    pieces = [part.value for part in _parts(widget.view) if isinstance(part, ipywidgets.HTML)]
    return "".join(piece for piece in pieces if not piece.startswith("<style>"))


def _tags(html: str) -> set[str]:
    found = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.add(tag)
    parser.feed(html)
    return found


class _Rows(HTMLParser):
    """The rows of the three panels: their classes, the widths of their bars and marks, and their texts."""

    def __init__(self, html):
        super().__init__()
        self.rows = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert not any(name.startswith("on") for name in attributes)
        kind = attributes.get("class") or ""
        if attributes.get("role") == "listitem":
            self.rows.append({"kind": kind, "bars": [], "marks": [], "text": []})
        if tag in "iu" and self.rows:
            width = float(re.search(r"width:([\d.]+)%", attributes["style"])[1]) / 100
            self.rows[-1]["bars" if tag == "i" else "marks"].append(width)

    def handle_data(self, data):
        if self.rows:
            self.rows[-1]["text"].append(data)


@pytest.fixture(scope="session")
def parts():
    """parts(widget): its view and all parts of that, the first on screen first."""
    return lambda widget: list(_parts(widget.view))


@pytest.fixture(scope="session")
def control():
    """control(widget, name): the slider, field or button with the label `name`; the first, if there are several."""
    return _control


@pytest.fixture(scope="session", name="move")
def move_fixture():
    """move(widget, name=value): set controls, as a hand on the page does."""
    return move


@pytest.fixture(scope="session", name="press")
def press_fixture():
    """press(widget, name, *values): press what calls the method `name` (or the button with that label)."""
    return press


@pytest.fixture(scope="session")
def shown():
    """shown(widget): all that the widget shows: as JSON what its front end gets, or as HTML, without its style."""
    return _shown


@pytest.fixture(scope="session")
def tags():
    """tags(html): the elements in a piece of HTML, so that a test can see that no text was read as one."""
    return _tags


@pytest.fixture(scope="session")
def rows_of():
    """rows_of(html): of each row of the panels its `kind`, the widths of its `bars` and `marks`, and its `text`."""
    return lambda html: _Rows(html).rows


@pytest.fixture
def model(tokenizer):
    """A new model with a context of 12 tokens; a file whose widget needs another has its own."""
    torch.manual_seed(0)
    return GPTModel(
        GPTConfig(vocab_size=len(tokenizer), context_length=12, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.5)
    )


@pytest.fixture(scope="session")
def model_of_noise(tokenizer):
    """model_of_noise(**config): a small model with random weights so large that no two layers or heads do the same."""

    def make(**config):
        torch.manual_seed(0)
        config = {"context_length": 40, "emb_dim": 16, "n_heads": 4, "n_layers": 3, "drop_rate": 0.5} | config
        model = GPTModel(GPTConfig(**{"vocab_size": len(tokenizer)} | config))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        return model

    return make


@pytest.fixture(scope="session")
def bytes_only():
    """A tokenizer of the 256 bytes with nothing learned, as an English tokenizer reads Korean."""
    backend = byte_level_bpe()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend.train_from_iterator(
        ["Once upon a time"], trainers.BpeTrainer(vocab_size=256, initial_alphabet=alphabet, show_progress=False)
    )
    return Tokenizer(backend)
