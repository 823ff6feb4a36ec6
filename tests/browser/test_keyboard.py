"""Lessons 00 to 05 without a mouse: each cell is run, each widget entered, used and left by keys alone."""

import nbformat
import pytest

from gptcore.lessons import NOTEBOOKS

VIEW = "application/vnd.jupyter.widget-view+json"
MOST_STOPS = 400  # of the tab key inside one widget

IN_WIDGET = "() => document.activeElement.closest('.gc') !== null"
ACTIVE = """() => [...document.querySelectorAll(".jp-Notebook .jp-Cell")].findIndex((cell) =>
  cell.contains(document.activeElement))"""
# Its width in pixels; an outline that is not drawn has one, too. A control that is hidden has its label's ring.
RING = """() => {
  const outline = (element) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return outlineStyle === "none" ? 0 : parseFloat(outlineWidth);
  };
  const { activeElement: element } = document;
  return Math.max(outline(element), ...[...(element.labels ?? [])].map(outline));
}"""
# What does something there, and the key that does it; what is not known is left alone.
STOP = """() => {
  const { activeElement: element } = document;
  const isButton = element.matches(".gc-primary:not(:disabled), .gc-prediction button");
  return isButton ? "Enter" : { range: "ArrowRight", radio: "ArrowDown", text: "x", textarea: "x" }[element.type] ?? "";
}"""


@pytest.fixture
def theme():
    return "light"  # keys do not depend on it


@pytest.mark.parametrize("lesson", range(6))
def test_a_lesson_by_keyboard_alone(open_notebook, lesson, subtests):
    (file,) = NOTEBOOKS.glob(f"0{lesson}_*.ipynb")
    has_widget = [VIEW in str(cell.get("outputs")) for cell in nbformat.read(file, as_version=4).cells]
    notebook = open_notebook(file.name)
    page, cells = notebook.page, notebook.page.locator(".jp-Notebook .jp-Cell")
    assert any(has_widget) and len(has_widget) == cells.count()
    for i, cell in enumerate(cells.all()):
        notebook.eventually(lambda i=i: page.evaluate(ACTIVE) == i)
        page.keyboard.press("Shift+Enter")
        if has_widget[i]:
            cell.locator(".gc").wait_for(timeout=60_000)
            with subtests.test(cell=i):
                use(page, notebook, cell.locator(".gc"))
            page.keyboard.press("Escape")
            assert page.evaluate(ACTIVE) == i
            page.keyboard.press("ArrowDown")


def use(page, notebook, widget):
    """Go backwards into the widget, press or move the first thing that does something, and see it change."""
    keys = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Shift+Tab")
        if not page.evaluate(IN_WIDGET):
            break
        keys.append(page.evaluate(STOP))
        assert page.evaluate(RING) >= 2, page.evaluate("document.activeElement.outerHTML")
    assert keys and not page.evaluate(IN_WIDGET), "the tab key does not lead into the widget, or not out again"
    wanted = next(key for key in ("Enter", "ArrowRight", "x", "ArrowDown") if key in keys)
    page.keyboard.press("Tab")
    while page.evaluate(STOP) != wanted:
        page.keyboard.press("Tab")
    before = widget.inner_text()
    page.keyboard.press(wanted)
    notebook.eventually(lambda: widget.inner_text() != before)
