"""The page of `Story`: what can be touched, and that nothing runs over."""

import pytest

import gptcore
from gptcore.show import Story
from tests.browser.bench import on_page


@pytest.fixture(scope="module")
def loaded():
    return gptcore.load()


def test_another_story_another_language_and_its_shades(browser, loaded):
    widget = Story(*loaded, seed=1, max_length=30)
    with on_page(browser, widget) as page:
        first = page.locator("article").inner_text()
        assert "".join(first.split()).startswith("".join(widget.text.split()))
        page.get_by_role("button", name="Another story").click()
        page.wait_for_function("first => document.querySelector('article').innerText !== first", arg=first)
        assert widget.seed == 2
        page.get_by_role("button", name="한국어").click()
        page.locator('article[lang="ko"]').wait_for()
        assert page.get_by_role("button", name="한국어").get_attribute("aria-pressed") == "true"
        page.get_by_label("Show the surprise").check()
        page.locator("article.gc-shaded").wait_for()
        page.locator("article").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.locator("article .gc-near").wait_for()
        assert "nats" in page.locator(".gc-tale-said").inner_text()


@pytest.mark.parametrize("width", [900, 600])
def test_a_page_of_any_text_fits(browser, loaded, width):
    hostile = "<img src=x onerror=alert(1)> " * 20 + "x" * 500 + " 여우" * 60
    with on_page(browser, Story(*loaded, hostile, max_length=1, shaded=True), width) as page:
        page.locator("article p").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width and page.locator("img").count() == 0
        assert page.evaluate("document.querySelector('article').scrollWidth") <= width
        assert page.locator(".gc").bounding_box()["height"] <= 640
