import pytest
from playwright.sync_api import Browser, expect

from gptcore import GPTConfig, GPTModel
from gptcore.show import PrecisionExplorer
from gptcore.show.precision import FORMATS
from tests.browser.bench import on_page


@pytest.fixture(scope="module")
def model(tokenizer):
    return GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=64, emb_dim=32, n_heads=2, n_layers=2))


@pytest.fixture
def explorer(model, tokenizer):
    return PrecisionExplorer(model, tokenizer, text="Once upon a time", max_length=6)


def test_bits_and_grouping_are_chosen_by_hand_and_by_key(browser: Browser, explorer):
    with on_page(browser, explorer) as page:
        page.get_by_role("radio", name="4", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("4 bits, a scale for each row")
        page.get_by_role("radio", name="matrix").click()
        expect(page.get_by_role("status")).to_contain_text("4 bits, a scale for each matrix")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("status")).to_contain_text("4 bits, a scale for each row")
        assert (explorer.bits, explorer.grouping) == (4, "row")


def test_all_is_measured_point_by_point_and_each_point_can_be_chosen(browser: Browser, explorer):
    with on_page(browser, explorer) as page:
        points = page.get_by_role("group", name="Divergence").get_by_role("button")
        expect(points).to_have_count(2)
        page.get_by_role("button", name="Measure all").click()
        expect(points).to_have_count(len(FORMATS))
        expect(page.get_by_role("button", name="Measure all")).to_be_disabled()
        points.filter(has=page.locator("text")).first.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("float32: 0 nats per token")
        box = page.get_by_role("button", name="6 bits, a scale for each matrix").locator("path").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.get_by_role("status")).to_contain_text("6 bits, a scale for each matrix")
        assert (explorer.bits, explorer.grouping) == (6, "matrix")


def test_fewer_and_fewer_bits_begin_with_32_and_stop_at_a_hand(browser: Browser, explorer):
    with on_page(browser, explorer) as page:
        page.get_by_role("button", name="Fewer and fewer bits").click()
        expect(page.get_by_role("radio", name="float32")).to_be_checked()
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("radio", name="3", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("3 bits")
        assert explorer.bits == 3


def test_both_texts_stand_there_and_the_first_other_token_is_framed(browser: Browser, explorer):
    explorer.change(bits=2, grouping="matrix")
    with on_page(browser, explorer) as page:
        texts = page.locator(".gc-pe-two .gc-text")
        framed = page.locator(".gc-pe-first-other")
        for i, parts in enumerate(explorer.view.shown["texts"]):
            assert texts.nth(i).evaluate("e => e.textContent") == "".join(parts)
            assert framed.nth(i).evaluate("e => e.textContent") == parts[1].lstrip() != ""


def test_another_text_and_other_luck(browser: Browser, explorer):
    with on_page(browser, explorer) as page:
        page.get_by_label("Text", exact=True).fill("the fox")
        page.keyboard.press("Enter")
        texts = page.locator(".gc-pe-two .gc-text")
        expect(texts.first).to_contain_text("the fox")
        before = texts.first.inner_text()
        page.get_by_role("button", name="Other luck").click()
        expect(texts.first).not_to_have_text(before)
        assert explorer.prompt == "the fox" and explorer.seed == 2


@pytest.mark.parametrize("bits", [32, 8, 2])
def test_it_fits_a_projector(browser: Browser, explorer, bits):
    explorer.bits = bits
    explorer.measure_all()
    for width in (600, 900):
        with on_page(browser, explorer, width) as page:
            page.wait_for_timeout(100)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if width == 900:
                assert page.locator(".gc").bounding_box()["height"] <= 590
                page.get_by_role("switch", name="Projector").check()
                assert page.locator(".gc").bounding_box()["height"] <= 590
