"""The page of `FutureTree`: what can be touched, and where the dart ends."""

import pytest

import gptcore
from gptcore.show import FutureTree
from tests.browser.bench import on_page


@pytest.fixture(scope="module")
def loaded():
    return gptcore.load()


@pytest.fixture
def widget(loaded):
    return FutureTree(*loaded, "Once upon a time there", width=4, depth=3)


def test_a_token_is_written_by_a_click_and_by_a_key(browser, widget):
    with on_page(browser, widget) as page:
        node = page.locator(".gc-tree-node").first
        node.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.locator(".gc-new", has_text="lived in").wait_for()
        assert widget.text == "Once upon a time there lived in"
        page.locator(".gc-tree-node").first.click()
        page.locator(".gc-new", has_text="lived in a").wait_for()
        for _ in range(2):
            page.get_by_role("button", name="Back").click()
        page.get_by_role("button", name="Back", disabled=True).wait_for()
        assert widget.text == "Once upon a time there"


def test_a_dart_lights_the_way_that_it_hits(browser, widget):
    with on_page(browser, widget) as page:
        assert page.locator(".gc-lit.gc-tree-node, .gc-lit.gc-tree-others").count() == 0
        page.get_by_role("button", name="Throw a dart").click()
        page.get_by_role("button", name="Go there", disabled=False).wait_for()
        lit = page.locator(".gc-tree-nodes .gc-lit")
        hit = widget.hit.branch
        assert lit.count() == len(hit.way) + hit.is_others
        assert page.locator(".gc-ends-path .gc-hit").count() == 1 == page.locator(".gc-ends-true .gc-hit").count()
        pointer, piece = (page.locator(name).bounding_box() for name in (".gc-dart-pointer", ".gc-ends-path .gc-hit"))
        place = pointer["x"] + pointer["width"] / 2
        assert piece["x"] - 2 <= place <= piece["x"] + piece["width"] + 2
        page.get_by_role("button", name="Go there").click()
        page.get_by_role("button", name="Go there", disabled=True).wait_for()
        assert len(widget.token_ids) > len(widget.tokenizer.encode("Once upon a time there"))


def test_a_token_under_the_pointer_says_what_its_way_multiplies(browser, widget):
    way = widget.ways[0]
    with on_page(browser, widget) as page:
        page.locator(f'.gc-tree-node[title="{way.label} · id {way.way[-1]}"]').first.hover()
        said = page.locator(".gc-tree-sum").inner_text()
        assert said.count("×") == 2 and "truly" in said and page.locator(".gc-tree-node.gc-near").count() == 3


@pytest.mark.parametrize("width", [900, 600])
@pytest.mark.parametrize("prompt", ["옛날 옛적에", "<img src=x onerror=alert(1)> " * 12 + "여우" * 60])
def test_it_fits(browser, loaded, width, prompt):
    widget = FutureTree(*loaded, prompt, width=9, depth=5, uniform=0.5)
    with on_page(browser, widget, width) as page:
        page.locator(".gc-tree-node").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("img").count() == 0


def test_it_is_no_higher_than_a_projector(browser, loaded):
    with on_page(browser, FutureTree(*loaded, "Once upon a time there", uniform=0.5)) as page:
        page.locator(".gc-tree-node").first.wait_for()
        assert page.locator(".gc").bounding_box()["height"] <= 590
