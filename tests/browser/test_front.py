"""What the front ends share, in a bare page: numbers as Python writes them, and what a hand does."""

import random

import pytest

import gptcore
from gptcore.show import DistributionExplorer, Machine, NextToken, SettingsComparison
from gptcore.show.front import FOLDER
from gptcore.show.panels import number
from gptcore.show.style import percent
from tests.browser.bench import on_page


@pytest.fixture(scope="module")
def storyteller():
    return gptcore.load()


def test_numbers_are_written_as_python_writes_them(browser):
    luck = random.Random(1)
    values = [0, 1, 1e-9, 0.0004999, 0.0005, 0.9994, 0.9995, 0.99999, *(i / 1024 for i in range(1025))]
    values += [luck.random() for _ in range(2000)]
    scores = [0, -0.001, 99.995, 100, -12345.6, *(luck.uniform(-200, 200) for _ in range(2000))]
    page = browser.new_page()
    shared = (FOLDER / "shared.js").read_text(encoding="utf-8")
    written = page.evaluate(
        "([code, probs, scores]) => new Function(`${code}; return [percent, score]`)()"
        ".map((write, i) => [probs, scores][i].map(write))",
        [shared, values, scores],
    )
    page.close()
    assert written[0] == [percent(float(value)) for value in values]
    assert written[1] == [number(float(value)) for value in scores]


def test_a_widget_that_was_removed_is_forgotten(browser):
    """The page keeps no hold on it, and those that stay follow the preferences, out of the page for a while or not."""
    page = browser.new_page()
    shared = (FOLDER / "shared.js").read_text(encoding="utf-8")
    page.evaluate(
        """(code) => {
          const model = { get: () => ({}), set() {}, on() {}, save_changes() {} };
          const frame = new Function(`${code}; return frame`)();
          window.make = () => frame({ model, el: document.createElement("div") }, "test", ["text"], {});
          window.stays = make();
          window.goes = Array.from({ length: 20 }, () => new WeakRef(make()));
        }""",
        shared,
    )
    page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
    assert page.evaluate("goes.filter((one) => one.deref()).length") == 0
    page.evaluate("gptcorePreferences.projector = true; document.dispatchEvent(new Event('gc-preferences'))")
    assert page.evaluate("stays.classList.contains('gc-projector')")
    page.close()


def test_the_link_to_a_page_is_there_where_pages_are_known(browser, storyteller, monkeypatch):
    with on_page(browser, NextToken(*storyteller)) as page:
        assert page.get_by_role("link").count() == 0
    monkeypatch.setenv("GPTCORE_PAGE", "https://example.org/gptcore")
    with on_page(browser, NextToken(*storyteller, "The fox")) as page:
        link = page.get_by_role("link", name="Link")
        assert link.get_attribute("href").endswith("#at=next-token-1&prompt=The+fox&seed=1&temperature=1&top_k=")
        page.get_by_role("button", name="New story").click()
        page.wait_for_function("document.querySelector('.gc-link').href.includes('seed=2')")


def test_a_token_flies_into_the_text_and_a_bar_writes_its_own(browser, storyteller):
    widget = NextToken(*storyteller, "Once upon a time there", seed=1)
    with on_page(browser, widget) as page:
        page.get_by_role("button", name="Add a token").click()
        page.locator(".gc-hit").wait_for()  # the piece of the bar that the dart hit
        page.locator(
            ".gc-last", has_text=" lived" if widget.text.endswith(" lived") else widget.record.parts[2]
        ).wait_for()
        before = len(widget.token_ids)
        page.locator("button.gc-row").nth(1).click()
        page.wait_for_function("() => document.querySelectorAll('.gc-hit, .gc-flying').length === 0")
        assert len(widget.token_ids) == before + 1 and page.locator(".gc-text").inner_text() == widget.text


def test_clicks_are_not_lost(browser, storyteller):
    widget = NextToken(*storyteller, "Once upon a time", seed=1)
    with on_page(browser, widget) as page:
        for _ in range(12):
            page.get_by_role("button", name="Add a token").click()
        page.wait_for_function("() => document.querySelector('.gc-text').textContent.length > 40")
        page.wait_for_timeout(500)
        assert len(widget.record.new_ids) == 12


def test_of_many_values_the_last_one_wins(browser, storyteller):
    widget = DistributionExplorer(*storyteller)
    with on_page(browser, widget) as page:
        slider = page.get_by_role("slider", name="Temperature")
        for _ in range(15):
            slider.press("ArrowRight")
        page.wait_for_timeout(500)
        assert widget.temperature == 1.75 and slider.get_attribute("aria-valuetext") == "1.75"
        widget.temperature = 0.5
        page.wait_for_function(
            "() => document.querySelector('input[type=range]').getAttribute('aria-valuetext') === '0.5'"
        )


@pytest.mark.parametrize("width", [600, 700, 900, 1200])
def test_nothing_is_wider_than_its_column_nor_higher_than_a_projector(browser, storyteller, width):
    model, tokenizer = storyteller
    widgets = [
        NextToken(model, tokenizer),
        DistributionExplorer(model, tokenizer, top_k=5),
        Machine(model, tokenizer),
        SettingsComparison(model, tokenizer),
    ]
    for widget in widgets:
        with on_page(browser, widget, width=width) as page:
            page.wait_for_timeout(200)
            wide = page.evaluate("() => document.documentElement.scrollWidth")
            high = page.locator(".gc").bounding_box()["height"]
            assert wide <= width, type(widget).__name__
            assert high <= 590 or width < 900, type(widget).__name__


def test_without_motion_everything_is_there_at_once(browser, storyteller):
    widget = NextToken(*storyteller, seed=1)
    with on_page(browser, widget) as page:
        page.emulate_media(reduced_motion="reduce")
        page.get_by_role("button", name="Add a token").click()
        page.locator(".gc-last", has_text=",").wait_for(timeout=1000)
        assert page.locator(".gc-flying").count() == 0


def test_no_text_is_read_as_markup(browser, storyteller):
    evil = "<img src=x onerror=alert(1)> & $x$ \u202e"
    for widget in (
        NextToken(*storyteller, evil),
        DistributionExplorer(*storyteller, evil),
        Machine(*storyteller, evil),
    ):
        with on_page(browser, widget) as page:
            assert page.locator(".gc img").count() == 0 and page.locator(".gc script").count() == 0
    assert not any("innerHTML" in file.read_text(encoding="utf-8") for file in FOLDER.glob("*.js"))
