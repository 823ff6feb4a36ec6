"""A page in Chromium whose views are compared with the widgets in Python, step by step.

Playwright works on a thread of its own: where it is at work, no other test could run an event loop.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from gptcore.hub import STORYTELLER
from gptcore.page import scripts
from tests.browser.conftest import FLAGS

# What a step is: ["set", name, value], as a hand on a control does, or ["do", name, arguments], as a button does.
Step = Sequence[Any]

# The state of a view after each step, as JSON.
START = """
(() => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  window.context = { models: {}, tokenizers: {} };
  window.addModel = (name, config, weights) => { context.models[name] = GPTModel.load(config, bytes(weights)); };
  window.addTokenizer = (name, vocab, merges) => {
    context.tokenizers[name] = new Tokenizer(vocab, merges, "<|endoftext|>");
  };
  const state = (view) => Object.fromEntries(
    ["shown", "settings", "offers"].map((name) => [name, view.view.get(name)]).concat([["caption", view.caption]]));
  const plain = (value) => JSON.stringify(value, (_, thing) => (typeof thing === "bigint" ? String(thing) : thing));
  window.walk = async (page, steps) => {
    window.view = new views[page.widget](context, page);
    await view.settled?.();
    const states = [state(view)];
    for (const [kind, name, value] of steps) {
      const front = view.view;
      front.set("asked", [...front.get("asked"), [front.get("done") + 1, kind, name, value]]);
      front.save_changes();
      await null;
      await view.settled?.();
      states.push(state(view));
    }
    return plain(states);
  };
})()
"""


class Bench:
    """A page with the scripts of all widgets, and the bundled model."""

    def __init__(self, chromium: str, language: str | None = None):
        self.language = language
        self._thread = ThreadPoolExecutor(1, "playwright")
        self._do(self._open, chromium)
        self.add_model("storyteller", STORYTELLER)
        self.add_tokenizer("storyteller", STORYTELLER)
        self.add_tokenizer("english", STORYTELLER / "english_tokenizer")

    def _do(self, function: Callable, *arguments: Any) -> Any:
        return self._thread.submit(function, *arguments).result()

    def _open(self, chromium: str) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        self._page = self._browser.new_page()
        self._page.route("**/*", lambda route: route.abort())
        self.errors: list[str] = []
        self._page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._page.set_content('<!doctype html><meta charset="utf-8">')
        self._page.add_script_tag(content=scripts.scripts(scripts.VIEWS, self.language))
        self._page.evaluate(START)
        assert not self.errors, self.errors

    def close(self) -> None:
        self._do(self._browser.close)
        self._do(self._playwright.stop)
        self._thread.shutdown()

    def evaluate(self, code: str, argument: Any = None) -> Any:
        """What `code`, a function of JavaScript, returns for `argument`."""
        return self._do(self._page.evaluate, code, argument)

    def ask(self, code: str, argument: Any = None) -> Any:
        """The same for much data, which as JSON takes a tenth of the time."""
        return json.loads(
            self.evaluate(f"(given) => JSON.stringify(({code})(JSON.parse(given)))", json.dumps(argument))
        )

    def add_model(self, name: str, folder: Path) -> None:
        """Make the model in `folder` known to the page as `name`."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = base64.b64encode((folder / "model.safetensors").read_bytes()).decode()
        self.evaluate("([name, config, weights]) => addModel(name, config, weights)", [name, config, weights])

    def add_tokenizer(self, name: str, folder: Path) -> None:
        vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        merges = (folder / "merges.txt").read_text(encoding="utf-8")
        self.evaluate("([name, vocab, merges]) => addTokenizer(name, vocab, merges)", [name, vocab, merges])

    def walk(self, page: dict[str, Any], steps: Iterable[Step] = ()) -> list[dict[str, Any]]:
        """The states of the view that a saved widget becomes: at first, and after each of `steps`."""
        arguments = [json.dumps(for_page(page)), json.dumps(list(steps))]
        return json.loads(self.evaluate("([page, steps]) => walk(JSON.parse(page), JSON.parse(steps))", arguments))

    def same(self, widget: Any, steps: Iterable[Step] = (), **more: Any) -> list[dict[str, Any]]:
        """Do `steps` with the `widget` in Python, and with its view; after each the page shows the same.

        `more` goes into what the saved widget says of itself. Returns the states, as the page has them.
        """
        steps = [sent(step) for step in steps]
        states = self.walk(saved(widget) | more, steps)
        assert not self.errors, self.errors
        for step, state in zip([None, *steps], states, strict=True):
            if step is not None:
                hear(widget, step)
            view = widget.view
            python = {"shown": view.shown, "settings": view.settings, "offers": view.offers, "caption": widget.caption}
            assert (found := difference(json.loads(json.dumps(for_page(python))), state)) is None, (step, found)
        return states


def saved(widget: Any) -> dict[str, Any]:
    """What a notebook keeps of a widget; its file sorts the names."""
    return json.loads(json.dumps(widget._given(), sort_keys=True))


def hear(widget: Any, step: Step) -> None:
    """What a page sends when a hand does something."""
    view = widget.view
    number = max([view.done, *(question[0] for question in view.asked)]) + 1
    view.set_state({"asked": [*view.asked, [number, *step]]})


def sent(value: Any) -> Any:
    """`value` as a page sends it, which knows no difference between 2 and 2.0."""
    if isinstance(value, (list, tuple)):
        return [sent(thing) for thing in value]
    if isinstance(value, dict):
        return {name: sent(thing) for name, thing in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return sent(int(value))
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return int(Decimal(repr(float(value)))) if abs(value) < 10**21 else float(value)  # ends in zeros
    return value


def for_page(value: Any) -> Any:
    """`value` for JavaScript, which has no integers beyond 2**53: a seed goes as its digits."""
    if isinstance(value, dict):
        return {name: for_page(thing) for name, thing in value.items()}
    if isinstance(value, (list, tuple)):
        return [for_page(thing) for thing in value]
    is_large = isinstance(value, int) and abs(value) >= 2**53
    return str(value) if is_large else value


def difference(python: Any, page: Any, name: str = "") -> str | None:
    """Where the two are not the same, or None."""
    if isinstance(python, dict) and isinstance(page, dict):
        if list(python) != list(page) and set(python) != set(page):
            return f"{name}: {sorted(python)} is {sorted(page)} on the page"
        found = (difference(python[key], page[key], f"{name}.{key}") for key in python)
    elif isinstance(python, list) and isinstance(page, list):
        if len(python) != len(page):
            return f"{name}: {len(python)} are {len(page)} on the page"
        found = (
            difference(one, other, f"{name}[{i}]") for i, (one, other) in enumerate(zip(python, page, strict=True))
        )
    else:
        return None if equal(python, page, name) else f"{name}: {python!r} is {page!r} on the page"
    return next((one for one in found if one is not None), None)


def equal(python: Any, page: Any, name: str) -> bool:
    if isinstance(python, bool) or isinstance(page, bool) or python is None or page is None:
        return python is page
    if name.endswith("maps.values") and isinstance(page, str):  # the bytes of small pictures, which were rounded
        one, other = map(base64.b64decode, (python, page))
        return len(one) == len(other) and all(abs(a - b) <= 1 for a, b in zip(one, other, strict=True))
    if isinstance(python, str) and isinstance(page, str):
        return python == page or rounded_alike(python, page)
    if isinstance(python, (int, float)) and isinstance(page, (int, float)):
        is_score = name.startswith(".shown.pieces[")  # a surprise in nats, rounded, or a rank
        if is_score and isinstance(python, int):
            return abs(python - page) <= 1
        if isinstance(python, int) or name.endswith("uniform"):
            return python == page
        if python == round(python, 3) != int(python) and page == round(page, 3):
            return abs(python - page) < 1.01e-3  # rounded for the page: what lies between two of them may become either
        is_share = 0 <= python <= 1 and 0 <= page <= 1 and not is_score
        return math.isclose(python, page, rel_tol=0 if is_share else 1e-5, abs_tol=1e-5 if is_share else 1e-3)
    return False


NUMBER = re.compile(r"[<>]?(\d+\.\d+)|(?<=rank )([\d,]+)")  # ">99.9%" is beside "100.0%"


def rounded_alike(python: str, page: str) -> bool:
    """Whether two sentences differ in nothing but the last digits of a number, which float32 does not tell apart."""
    if NUMBER.sub("#", python) != NUMBER.sub("#", page):
        return False
    found = (NUMBER.finditer(text.replace(",", "")) for text in (python, page))
    pairs = zip(*([one[1] or one[2] for one in each] for each in found), strict=True)
    return all(
        math.isclose(float(a), float(b), rel_tol=1e-5, abs_tol=1.01 * 10.0 ** -len(a.partition(".")[2]))
        for a, b in pairs
    )
