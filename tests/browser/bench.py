"""A widget in a bare page: its front end in Chromium, its Python here, and nothing of Jupyter between them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from gptcore.show.front import style

NAMES = "shown", "settings", "offers", "done"
THEMES = {"light": ("true", "#ffffff"), "dark": ("false", "#111111")}

# A model in the form that anywidget defines. What is set goes to Python, whose answer is what has changed there.
PAGE = """
async ([code, state]) => {
  const callbacks = {};
  let pending = {}, isBusy = false;
  const tell = (names) => names.forEach((name) => (callbacks[`change:${name}`] ?? []).forEach((call) => call()));
  const take = (changed) => {
    const names = Object.keys(changed);
    Object.assign(state, changed);
    tell(names);
  };
  const send = async () => {
    if (isBusy) return;
    isBusy = true;
    while (Object.keys(pending).length) {
      const changes = pending;
      pending = {};
      take(await window.toPython(changes));
    }
    isBusy = false;
  };
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; pending[name] = value; },
    on: (name, call) => (callbacks[name] ??= []).push(call),
    off: () => {},
    save_changes: send,
  };
  window.take = take;
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const widget = (await import(address)).default;
  const el = document.getElementById("widget");
  window.leave = await widget.render({ model, el });
  window.another = () => widget.render({ model, el: document.body.appendChild(document.createElement("div")) });
  setInterval(async () => { if (!isBusy) take(await window.toPython({})); }, 50);
}
"""


@contextmanager
def on_page(browser: Browser, widget: Any, width: int = 900, height: int = 599, theme: str = "light") -> Iterator[Page]:
    """A page that shows `widget` in a column of `width` pixels; what is done there reaches Python."""
    changed: set[str] = set()
    view = widget.view
    view.observe(lambda change: changed.add(change.name), names=list(NAMES))

    def to_python(changes: dict[str, Any]) -> dict[str, Any]:
        if changes:
            view.set_state(changes)
        names = [name for name in NAMES if name in changed]
        changed.clear()
        return json.loads(json.dumps({name: getattr(view, name) for name in names}))

    page = browser.new_page(viewport={"width": width, "height": height})
    page.expose_function("toPython", to_python)
    is_light, paper = THEMES[theme]
    page.set_content(
        f'<!doctype html><meta charset="utf-8"><style>body {{ margin: 0; background: {paper} }}</style>'
        f'<style>{style()}</style><body data-jp-theme-light="{is_light}"><div id="widget"></div>'
    )
    state = {name: getattr(view, name) for name in NAMES} | {"asked": []}
    page.evaluate(PAGE, [view._esm, json.loads(json.dumps(state))])
    yield page
    page.close()
