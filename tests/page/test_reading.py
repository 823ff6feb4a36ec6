"""What a page does beside its widgets, in Chromium: the theme, the menu, the contents, and boxes that scroll."""

import nbformat
import pytest

from gptcore.lessons import FIRST
from tests.browser.conftest import browser  # noqa: F401 (a fixture)
from tests.page.pages import build, project, serving, visit

SECTION = "\n\n".join("Words, and more words, so that there is something to read. " * 8 for _ in range(6))
WIDE = "| " + " | ".join(f"a column called {i}" for i in range(12)) + " |\n" + "| --- " * 12 + "|\n" + "| 1 " * 12 + "|"
CELLS = [
    nbformat.v4.new_markdown_cell("# 00 · Start here\n\n**Can a computer go on?**"),
    nbformat.v4.new_markdown_cell(f"## First, 100%\n\n{SECTION}\n\n{WIDE}"),
    nbformat.v4.new_code_cell("x = " + " + ".join("1" * 100)),
    nbformat.v4.new_markdown_cell(f"## A second <b>one</b>\n\n{SECTION}\n\n{SECTION}"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    notebooks = project(tmp_path_factory.mktemp("course"), [])
    nbformat.write(nbformat.v4.new_notebook(cells=CELLS), notebooks / FIRST)
    with serving(build(notebooks)) as base:
        yield base


@pytest.fixture
def seen(browser, base):  # noqa: F811
    with visit(browser, base, 1280) as seen:
        yield seen
        assert seen.complaints() == []


def paper(page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_theme_is_that_of_the_system_until_it_is_switched(seen):
    page = seen.open()
    light, switch = paper(page), page.get_by_role("button", name="Dark theme")
    page.emulate_media(color_scheme="dark")
    page.locator("html[data-theme=dark]").wait_for(state="attached")
    dark = paper(page)
    assert light != dark and switch.get_attribute("aria-pressed") == "true"
    switch.click()
    assert paper(page) == light
    page.reload()
    assert paper(page) == light and switch.get_attribute("aria-pressed") == "false", "it is remembered"


def test_without_scripts_the_theme_is_that_of_the_system(browser, base):  # noqa: F811
    papers = []
    for theme in ("light", "dark"):
        with visit(browser, base, theme=theme, java_script_enabled=False) as seen:
            page = seen.open()
            papers.append(page.screenshot(clip={"x": 0, "y": 300, "width": 1, "height": 1}))
            assert not page.get_by_role("button", name="Dark theme").is_visible(), "a button that does nothing"
            assert page.get_by_role("heading", name="First").is_visible()
    assert papers[0] != papers[1]


def test_the_menu_leads_to_every_lesson_and_closes(seen):
    page = seen.open()
    lessons = page.get_by_role("navigation", name="Lessons")
    menu = page.locator(".menu > summary")
    menu.click()
    assert lessons.get_by_role("link", name="00 Start here").get_attribute("aria-current") == "page"
    page.keyboard.press("Escape")
    assert not lessons.is_visible() and page.evaluate("document.activeElement.textContent") == "Lessons"
    menu.click()
    page.get_by_role("heading", level=1).click()
    assert not lessons.is_visible()


def test_the_contents_show_where_one_is(seen):
    page = seen.open()
    for name in ("First, 100%", "A second one"):
        link = page.get_by_role("navigation", name="In this lesson").get_by_role("link", name=name)
        link.click()
        page.locator("[aria-current=location]", has_text=name).wait_for()
        assert 50 <= page.get_by_role("heading", name=name).bounding_box()["y"] < 200, "below the bar"


def test_the_first_key_leads_past_the_bar(seen):
    page = seen.open()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_on_a_phone_what_is_wide_scrolls_inside_itself_with_the_keys_too(browser, base):  # noqa: F811
    with visit(browser, base, 360) as seen:
        page = seen.open()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.locator(".lesson pre[tabindex='0'], .lesson .table[tabindex='0']").count() == 2
        assert not page.get_by_role("link", name="A second one").is_visible(), "the contents are folded"
        page.set_viewport_size({"width": 1900, "height": 800})
        page.get_by_role("link", name="A second one").wait_for()
        assert seen.complaints() == []
