"""Lessons 00 to 05 without a mouse: each cell is run, each widget entered, used and left by keys alone."""

import re

import pytest

from gptcore import show

KINDS = [name for name in show.__all__ if hasattr(getattr(show, name), "picture")]
MOST_STOPS = 400  # of the tab key inside one widget: a text of many tokens is one stop, rows of bars are one each

IN_WIDGET = "() => document.activeElement.closest('.gc') !== null"
ACTIVE = "() => [...document.querySelectorAll('.jp-Notebook .jp-Cell')].findIndex((cell) => cell.contains(document.activeElement))"
RING = "() => { const style = getComputedStyle(document.activeElement); return parseFloat(style.outlineWidth) || 0; }"
STOP = """() => {
  const { activeElement: element } = document;
  const kind = element.matches(".gc-primary, .gc-prediction button") ? "button" : element.type;
  return { kind: element.disabled ? "" : kind, html: element.outerHTML.slice(0, 120) };
}"""


@pytest.fixture
def theme():
    return "light"  # keys do not depend on it


@pytest.mark.parametrize("lesson", range(6))
def test_a_lesson_by_keyboard_alone(open_notebook, lesson, subtests):
    name = next(path.name for path in show_lessons() if path.name.startswith(f"0{lesson}_"))
    notebook = open_notebook(name)
    page, cells = notebook.page, notebook.page.locator(".jp-Notebook .jp-Cell")
    seen = 0
    for i in range(cells.count()):
        notebook.eventually(lambda i=i: page.evaluate(ACTIVE) == i)
        makes_widget = re.search(rf"^(\w+ = )?({'|'.join(KINDS)})\(", cells.nth(i).inner_text(), re.MULTILINE)
        page.keyboard.press("Shift+Enter")
        if makes_widget and cells.nth(i).locator(".jp-OutputArea").count():
            cells.nth(i).locator(".gc").wait_for(timeout=60_000)
            with subtests.test(makes_widget[0], cell=i):
                use(page, notebook, cells.nth(i))
            page.keyboard.press("Escape")
            assert page.evaluate(ACTIVE) == i
            page.keyboard.press("ArrowDown")
            seen += 1
    assert seen


def use(page, notebook, cell):
    """Go backwards into the widget above, press or move the first thing that does something, and see it change."""
    widget, stops = cell.locator(".gc"), []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Shift+Tab")
        if not page.evaluate(IN_WIDGET):
            break
        stops.append(page.evaluate(STOP))
        assert page.evaluate(RING) >= 2, stops[-1]
    assert stops and not page.evaluate(IN_WIDGET), "the tab key does not get into the widget, or not out"
    wanted = next(kind for kind in ("button", "range", "text", "textarea", "radio") if kind in [s["kind"] for s in stops])
    page.keyboard.press("Tab")
    while page.evaluate(STOP)["kind"] != wanted:
        page.keyboard.press("Tab")
    before = widget.inner_text()
    page.keyboard.press({"button": "Enter", "range": "ArrowRight", "radio": "ArrowDown"}.get(wanted, "x"))
    notebook.eventually(lambda: widget.inner_text() != before)
