"""Widgets and lessons in Korean: nothing that a learner reads or hears is left in English, and all of it has room."""

import re

import nbformat
import pytest

import gptcore
from gptcore import show
from gptcore.lessons import NOTEBOOKS
from tests.browser.bench import on_page
from tests.browser.conftest import SCREENSHOTS, THEMES
from tests.browser.test_accessible import HIGHEST, PROJECTED, widgets  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("in_korean")

KOREAN = NOTEBOOKS / "ko"
VIEW = "application/vnd.jupyter.widget-view+json"
TALE = "옛날 옛적에"
# What is read or heard inside the widgets: their texts, labels and hints, without what is typed, and without tokens.
SAID = """(root) => [root, ...root.querySelectorAll("*")].flatMap((element) => [
  ...["aria-label", "title", "placeholder", "alt", "aria-roledescription"].map((name) => element.getAttribute(name)),
  ...(element.matches("textarea, script, style, .gc-label") ? [] : [...element.childNodes])
    .filter((node) => node.nodeType === 3).map((node) => node.textContent),
]).filter(Boolean)"""
NAMES = r"/^(?:top-[kp]|min-p|id|nat|float32|bfloat16|int8|bundled|bilingual|untrained|trained|English)\b/"
# Two English words in a row, or one that is a whole text, without Hangul. Names, as of settings, may be in English.
ENGLISH = r"""(text) => !/[가-힣]/.test(text)
  && /^[A-Z]?[a-z’']{3,}[.:…]?$|[A-Za-z’']{2,} [a-z’']{3,}/.test(text.trim())
  && !NAMES.test(text.trim())""".replace("NAMES", NAMES)
LEFT = f"(roots) => roots.flatMap({SAID}).filter({ENGLISH})"


@pytest.fixture
def theme():
    return "light"  # words do not depend on it


@pytest.mark.parametrize("width", [600, PROJECTED])
def test_each_widget_speaks_korean_and_has_room_for_it(browser, widgets, width, subtests):  # noqa: F811
    model, tokenizer = gptcore.load()
    own = {  # of these, names and texts are what they were made with
        "FutureTree": lambda: show.FutureTree(model, tokenizer, width=4),  # with more this tale's tree is higher
        "ModelComparison": lambda: show.ModelComparison({"첫째": model, "둘째": model}, tokenizer),
        "Prediction": lambda: show.Prediction("어느 것일까요?", {"이것": "네.", "저것": "아니요."}, right="이것"),
    }
    for name, make in (widgets | own).items():
        widget = make()
        for setting in {"prompt", "text"} & getattr(widget, "controls", {}).keys():
            setattr(widget, setting, TALE)
        with subtests.test(name), on_page(browser, widget, width=width) as page:
            page.wait_for_timeout(300)
            assert page.locator(".gc").get_attribute("lang") == "ko"
            assert page.locator(".gc").evaluate_all(LEFT) == []
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width
            assert width < PROJECTED or page.locator(".gc").bounding_box()["height"] <= HIGHEST


@pytest.mark.parametrize("file", sorted(KOREAN.glob("*.ipynb")), ids=lambda file: file.stem)
def test_a_lesson_in_jupyterlab(open_notebook, file):
    """Run All gives no error, and brings each widget to life; a training is stopped by its button.

    It keeps a screenshot of each widget in both themes, for people to look at.
    """
    cells = nbformat.read(file, 4).cells
    has_widget = [VIEW in str(cell.get("outputs")) for cell in cells]
    in_english = [i for i, cell in enumerate(cells) if "english" in cell.metadata.get("tags", ())]
    notebook = open_notebook(f"ko/{file.name}")
    page = notebook.page
    page.add_locator_handler(page.locator(".gc button:enabled", has_text="멈춤").first, lambda stop: stop.click())
    notebook.run_all()
    assert notebook.complaints() == []
    on_the_page = page.locator(".jp-Notebook .jp-Cell")
    assert on_the_page.count() == len(cells)
    for i, cell in enumerate(on_the_page.all()):
        widgets_of_cell = cell.locator(".gc")
        notebook.eventually(lambda there=widgets_of_cell, i=i: (there.count() > 0) == has_widget[i])
        if i not in in_english:
            assert widgets_of_cell.evaluate_all(LEFT) == []
    for theme, name in THEMES.items():
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Theme$")).hover()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{name}$")).click()
        page.locator(f"body[data-jp-theme-name='{name}']").wait_for(state="attached")
        for i in [i for i, there in enumerate(has_widget) if there]:
            widget = on_the_page.nth(i).locator(".jp-OutputArea-output", has=page.locator(".gc")).first
            widget.screenshot(path=SCREENSHOTS / f"ko-{file.stem}-{i:02}-{theme}.png")
