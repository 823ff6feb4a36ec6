import re

import pytest
from playwright.sync_api import Browser, Page

import gptcore
from gptcore import stories
from gptcore.show import AttentionView, LogitLens
from gptcore.show.style import percent
from tests.browser.bench import on_page

TALE = stories.sample("en", seed=10_001)
SHORT = "Once upon a time there was a little fox called Anna, who lived in a wood"
HOSTILE = f"{'옛날 옛적에 👩‍🚀 <img src=x onerror=alert(1)> ' * 3}\u202e{'x' * 90}"

# Of each arc the largest distance, in pixels, of its ends from the tokens that it joins; -1 while there is none.
DISTANCE = """() => {
  const home = document.querySelector(".gc-attended").getBoundingClientRect();
  const tokens = [...document.querySelectorAll(".gc-tokens button")].map((e) => e.getBoundingClientRect());
  const from = tokens[[...document.querySelectorAll(".gc-tokens button")].findIndex((e) => e.ariaCurrent === "true")];
  const far = (x, y, rect) => Math.max(Math.abs(x + home.left - rect.left - rect.width / 2) - 7,
    rect.top - y - home.top, y + home.top - rect.bottom);
  return Math.max(-1, ...[...document.querySelectorAll(".gc-arc")].flatMap((path) => {
    const points = path.getAttribute("d").match(/-?[\\d.]+/g).map(Number);
    return [far(points[0], points[1], from), far(points.at(-2), points.at(-1), tokens[path.target])];
  }));
}"""
JOINED = f"({DISTANCE})() >= 0 && ({DISTANCE})() < 2"

IN_VIEW = """() => {
  const names = [".gc-text", ".gc-tokens [aria-current]"];
  const [box, token] = names.map((name) => document.querySelector(name).getBoundingClientRect());
  return token.top >= box.top && token.bottom <= box.bottom;
}"""


@pytest.fixture(scope="module")
def loaded():
    return gptcore.load(device="cpu")


def heads(page: Page, layer: int, head: int):
    return page.get_by_role("radio", name=f"Layer {layer}, head {head}:")


def current(page: Page) -> str:
    return page.locator(".gc-tokens [aria-current]").get_attribute("aria-label")


def overflows(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_an_arc_joins_two_tokens_in_a_text_of_many_lines_and_after_a_resize(browser: Browser, loaded):
    view = AttentionView(*loaded, TALE, layer=0, head=0)
    with on_page(browser, view) as page:
        for width, position in [(900, 120), (640, 120), (1000, 0), (900, len(view.labels) - 1)]:
            page.set_viewport_size({"width": width, "height": 599})
            view.position = position
            page.wait_for_function(
                "(n) => document.querySelector('.gc-tokens [aria-current]').ariaLabel.includes(n)",
                arg=f"position {position}:",
            )
            page.wait_for_function(JOINED)
        page.get_by_text("Projector").click()
        page.wait_for_function(JOINED)
        lines = page.evaluate("new Set([...document.querySelectorAll('.gc-tokens button')].map(e => e.offsetTop)).size")
        assert lines > 5


def test_the_widest_arc_goes_to_the_token_that_is_looked_at_most(browser: Browser, loaded):
    view = AttentionView(*loaded, SHORT, layer=3, head=2)
    with on_page(browser, view) as page:
        for layer, position in [(3, 15), (0, 9), (1, 0)]:
            view.change(layer=layer, position=position)
            expected = [(i, pytest.approx(weight, rel=1e-4)) for i, weight in view.strongest if weight >= 0.005]
            page.wait_for_function("(i) => document.querySelector('.gc-arc').target === i", arg=view.strongest[0][0])
            page.get_by_role("status").filter(has_text=f"In layer {layer}").filter(
                has_text=f"(position {position})"
            ).wait_for()
            arcs = page.locator(".gc-arc").evaluate_all(
                "es => es.map(e => [e.target, +e.style.getPropertyValue('--weight')])"
            )
            assert [tuple(arc) for arc in arcs[: len(expected)]] == expected
            widths = page.locator(".gc-arc").evaluate_all(
                "es => es.map(e => parseFloat(getComputedStyle(e).strokeWidth))"
            )
            assert all(width > 0 for width in widths)


def test_a_small_map_is_the_attention_of_its_head(browser: Browser, loaded):
    view = AttentionView(*loaded, SHORT)
    alpha = """e => { const [n, all] = [e.width, e.getContext("2d").getImageData(0, 0, e.width, e.height).data];
      return [...Array(n * n).keys()].map(i => all[4 * i + 3]); }"""
    with on_page(browser, view) as page:
        for text in (SHORT, "a little queen"):
            view.text = text
            page.get_by_role("status").filter(has_text=f"(position {len(view.labels) - 1})").first.wait_for()
            for layer, head in [(0, 0), (2, 3), (3, 5)]:
                shown = heads(page, layer, head).locator("canvas").evaluate(alpha)
                expected = (255 * view.recording.attention[layer, head].sqrt()).round().flatten().tolist()
                assert shown == pytest.approx(expected, abs=1)


def test_a_head_is_chosen_on_its_map(browser: Browser, loaded):
    view = AttentionView(*loaded, SHORT)
    status = "In layer {}, head {}, "
    with on_page(browser, view) as page:
        heads(page, 2, 3).click()
        page.get_by_role("status").filter(has_text=status.format(2, 3)).wait_for()
        for key, layer, head in [
            ("ArrowRight", 2, 4),
            ("ArrowDown", 3, 4),
            ("End", 3, 5),
            ("ArrowUp", 2, 5),
            ("Home", 0, 0),
        ]:
            page.keyboard.press(key)
            page.get_by_role("status").filter(has_text=status.format(layer, head)).wait_for()
            assert (view.layer, view.head) == (layer, head)
            assert page.get_by_role("radio", checked=True).count() == 1
            assert heads(page, layer, head).evaluate("e => e === document.activeElement && e.tabIndex === 0")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowUp")  # there is nothing beyond
        page.wait_for_timeout(200)
        assert (view.layer, view.head) == (0, 0)


def test_a_token_is_chosen_in_the_text(browser: Browser, loaded):
    view = AttentionView(*loaded, TALE, layer=3, head=5)
    with on_page(browser, view) as page:
        page.get_by_role("button", name="␣Anna, position 22:").click()
        page.get_by_role("status").filter(has_text="“␣Anna” (position 22)").wait_for()
        assert current(page) == f"␣Anna, position 22: looks from here, gets {percent(view.weights[22])}"
        assert page.locator(".gc-later").count() == len(view.labels) - 23
        for key, position in [("ArrowRight", 23), ("ArrowLeft", 22), ("Home", 0)]:
            page.keyboard.press(key)
            page.get_by_role("status").filter(has_text=f"“{view.labels[position]}” (position {position})").wait_for()
            assert page.evaluate("document.activeElement.ariaCurrent") == "true"
        top = page.evaluate("document.activeElement.offsetTop")
        page.keyboard.press("ArrowDown")
        page.wait_for_function(
            "(top) => document.activeElement.ariaCurrent === 'true' && document.activeElement.offsetTop > top", arg=top
        )
        assert 5 < view.position < 20
        page.keyboard.press("End")
        page.get_by_role("status").filter(has_text=f"(position {len(view.labels) - 1})").first.wait_for()
        page.wait_for_function(IN_VIEW)


def test_what_the_pointer_is_on_is_shown_before_it_is_chosen(browser: Browser, loaded):
    view = AttentionView(*loaded, SHORT, layer=3, head=2)
    with on_page(browser, view) as page:
        before = view.layer, view.head, view.position
        heads(page, 1, 4).hover()
        preview = page.locator(".gc-arc-preview[d]")
        preview.wait_for(state="attached")
        page.get_by_text("Layer 1, head 4: looks most at").wait_for()
        page.get_by_role("button", name=f"{view.labels[2]}, position 2:").hover()
        page.get_by_text(f"{view.labels[2]} (position 2) gets {percent(view.weights[2])}", exact=True).wait_for()
        assert (
            page.locator(".gc-arc.gc-lit").evaluate_all("es => es.map(e => e.target)") == [2] and preview.count() == 0
        )
        page.get_by_role("status").hover()
        page.get_by_text("Wider arc: more attention.").wait_for()
        assert (view.layer, view.head, view.position) == before
        page.get_by_role("button", name="Go to").nth(1).click()
        page.get_by_role("status").filter(has_text=f"(position {view.position})").first.wait_for()


def test_token_by_token_goes_to_the_end_and_stops(browser: Browser, loaded):
    view = AttentionView(*loaded, "Once upon a time")
    with on_page(browser, view) as page:
        page.clock.install()
        page.get_by_role("button", name="Token by token").click()
        for position in range(4):
            page.get_by_role("status").filter(has_text=f"“{view.labels[position]}” (position {position})").wait_for()
            page.clock.run_for(800)
        page.get_by_role("button", name="Token by token").wait_for()
        assert view.position == 3


def test_a_cell_of_the_lens_opens(browser: Browser, loaded):
    lens = LogitLens(*loaded, TALE)
    with on_page(browser, lens) as page:
        page.get_by_text("After layer 3: the model's own output").wait_for()
        last = len(lens.labels) - 1
        page.get_by_role("button", name=f"After layer 1, {lens.labels[last]} (position {last}):").click()
        page.get_by_text("After layer 1", exact=True).wait_for()
        shown = page.locator(".gc-row").all_inner_texts()
        assert len(shown) == 6 and all(c.label in row for c, row in zip(lens.candidates, shown, strict=False))
        for key, row, position in [("ArrowUp", 3, last), ("ArrowLeft", 3, last - 1), ("ArrowDown", 2, last - 1)]:
            page.keyboard.press(key)
            page.wait_for_function("document.activeElement.ariaPressed === 'true'")
            page.locator(".gc-here").get_by_text(str(position), exact=True).wait_for()
            assert (lens.row, lens.position) == (row, position)
            assert page.locator("[aria-pressed=true]").count() == 1
        for position in range(last - 2, last - 9, -1):  # beyond the columns that were there at first
            page.keyboard.press("ArrowLeft")
            page.locator(".gc-here").get_by_text(str(position), exact=True).wait_for()
        assert page.evaluate("document.activeElement.ariaPressed") == "true"
        page.get_by_role("button", name="␣Anna, position 22", exact=True).click()
        page.get_by_role("status").filter(has_text="After “␣Anna” (position 22)").wait_for()
        assert (lens.row, lens.position) == (2, 22)


def test_the_answer_rises_to_the_top(browser: Browser, loaded):
    lens = LogitLens(*loaded, TALE, position=100)
    shares = "es => es.map(e => +e.style.getPropertyValue('--share')).reverse()"
    with on_page(browser, lens) as page:
        for position in (100, 150):
            lens.position = position
            page.locator(".gc-here").get_by_text(str(position), exact=True).wait_for()
            assert page.locator(".gc-lens .gc-lane b").evaluate_all(shares) == pytest.approx(
                [row["height"] for row in lens.view.shown["rise"]]
            )
            texts = page.locator(".gc-lens .gc-lane + small").all_inner_texts()
            assert [
                int(re.sub(r"rank ([\d,]+) .*", r"\1", text).replace(",", "")) for text in texts[::-1]
            ] == lens.ranks
        page.clock.install()
        page.get_by_role("button", name="Layer by layer").click()
        for row in ("After the embedding", "After layer 0", "After layer 1", "After layer 2"):
            page.get_by_text(row, exact=True).wait_for()
            page.clock.run_for(900)
        page.get_by_text("After layer 3: the model's own output").wait_for()
        page.clock.run_for(900)
        page.get_by_role("button", name="Layer by layer").wait_for()


@pytest.mark.parametrize("kind", [AttentionView, LogitLens])
def test_the_chosen_token_is_in_view_once_the_widget_is(browser: Browser, loaded, kind):
    widget = kind(*loaded, TALE, position=0)
    with on_page(browser, widget) as page:
        hide = "(how) => { document.getElementById('widget').style.display = how; }"
        page.wait_for_function(IN_VIEW)
        page.evaluate(hide, "none")  # as JupyterLab makes it: without room at first
        widget.position = len(widget.labels) - 1
        page.wait_for_function(
            f"document.querySelectorAll('.gc-tokens button')[{widget.position}].ariaCurrent === 'true'"
        )
        page.wait_for_timeout(100)
        page.evaluate(hide, "block")
        page.wait_for_function(IN_VIEW)


@pytest.mark.parametrize("kind", [AttentionView, LogitLens])
def test_it_is_one_screen_and_no_text_breaks_it(browser: Browser, loaded, kind):
    widget = kind(*loaded, TALE)
    with on_page(browser, widget) as page:
        box = page.locator(".gc")
        for _ in range(2):
            page.wait_for_timeout(200)
            assert box.bounding_box()["height"] <= 590 and not overflows(page)
            page.get_by_text("Projector").click()
        height = box.bounding_box()["height"]
        page.get_by_label("Text", exact=True).fill("")
        page.keyboard.press("Enter")
        page.get_by_role("status").filter(has_text="“<|endoftext|>” (position 0)").first.wait_for()
        assert box.bounding_box()["height"] <= height and page.locator(".gc-tokens button").count() == 1
        for width in (600, 900):
            page.set_viewport_size({"width": width, "height": 599})
            widget.text = HOSTILE
            page.get_by_role("status").filter(has_text=f"(position {len(widget.labels) - 1})").first.wait_for()
            assert not overflows(page) and page.locator("img").count() == 0
