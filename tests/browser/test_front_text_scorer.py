import pytest
from playwright.sync_api import Browser, Page, expect

from gptcore import GPTConfig, GPTModel
from gptcore.show import TextScorer
from tests.browser.bench import on_page

TEXT = "Once upon a time there was a queen. 옛날 옛적에 뷁이 살았어요."


@pytest.fixture(scope="module")
def model(tokenizer):
    return GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=64, emb_dim=16, n_heads=2, n_layers=2))


@pytest.fixture
def scorer(model, tokenizer):
    return TextScorer(model, tokenizer, TEXT)


def piece(page: Page, text: str):
    return page.get_by_role("option").get_by_text(text, exact=True).first


def test_the_text_stands_there_whole_and_each_piece_can_be_chosen(browser: Browser, scorer):
    with on_page(browser, scorer) as page:
        assert page.get_by_role("listbox").inner_text() == TEXT
        assert not any("<0x" in text for text in page.get_by_role("option").all_inner_texts())
        piece(page, "뷁").click()
        expect(page.get_by_text("Token 1 of 3 of “뷁”")).to_be_visible()
        assert scorer.record.piece.text == "뷁" and scorer.position == scorer.record.piece.start
        page.get_by_role("group", name="The tokens of this piece").get_by_role("button").nth(1).click()
        expect(page.get_by_text("Token 2 of 3 of “뷁”")).to_be_visible()
        expect(page.get_by_role("option", selected=True)).to_have_text("뷁")


def test_the_arrow_keys_go_from_piece_to_piece(browser: Browser, scorer):
    with on_page(browser, scorer) as page:
        own = page.get_by_role("option").and_(page.locator("[data-lm-suppress-shortcuts]"))  # not JupyterLab's
        assert own.count() == page.get_by_role("option").count()
        page.get_by_role("option").nth(2).click()
        for key, expected in (("ArrowRight", 3), ("ArrowRight", 4), ("ArrowLeft", 3), ("Home", 0)):
            page.keyboard.press(key)
            expect(page.get_by_role("option").nth(expected)).to_be_focused()
            expect(page.get_by_role("option").nth(expected)).to_have_attribute("aria-selected", "true")
        page.keyboard.press("End")
        page.wait_for_function("text => document.querySelector('[aria-selected=true]').textContent === text", arg=".")
        assert scorer.position == len(scorer.labels) - 1


def test_a_bar_puts_its_token_into_the_text(browser: Browser, scorer):
    with on_page(browser, scorer) as page:
        scorer.position = 5
        label = scorer.record.expected()[0][0]
        page.get_by_role("button", name=f"Put {label} here").click()
        page.wait_for_function("text => document.querySelector('textarea').value !== text", arg=TEXT)
        assert scorer.text != TEXT and page.get_by_label("Text", exact=True).input_value() == scorer.text


def test_what_is_typed_is_scored_at_each_key(browser: Browser, scorer):
    with on_page(browser, scorer) as page:
        page.get_by_label("Text", exact=True).fill("the fox")
        expect(page.get_by_role("listbox")).to_have_text("the fox")
        page.get_by_label("Text", exact=True).fill("")
        expect(page.get_by_role("status")).to_contain_text(
            "There is nothing to show: text must have at least two tokens"
        )
        expect(page.get_by_role("button", name="Read along")).to_be_disabled()
        page.get_by_label("Text", exact=True).type("the queen")
        expect(page.get_by_role("listbox")).to_have_text("the queen")


def test_a_surprise_is_seen_by_its_bar_too(browser: Browser, scorer):
    with on_page(browser, scorer) as page:
        page.wait_for_timeout(400)
        widths = (
            page.get_by_role("option")
            .locator("b")
            .evaluate_all(
                "all => all.map((e) => parseFloat(getComputedStyle(e).backgroundSize.split(',')[0].split(' ')[1]))"
            )
        )
        shares = [scorer.scored.share(scorer.scored.surprise_of(piece)) for piece in scorer.scored.pieces]
        assert widths == pytest.approx([6 * share for share in shares], abs=0.02)


def test_it_reads_along_until_the_end(browser: Browser, model, tokenizer):
    scorer = TextScorer(model, tokenizer, "a b", position=1)
    with on_page(browser, scorer) as page:
        page.get_by_role("button", name="Read along").click()
        page.wait_for_function("() => document.querySelector('[aria-selected=true] b').textContent === 'b'")
        expect(page.get_by_role("button", name="Read along")).to_be_visible()
        assert scorer.position == len(scorer.labels) - 1


@pytest.mark.parametrize("text", [TEXT, "\u202e<img src=x onerror=alert(1)> " + "x" * 600, "옛날 옛적에 " * 300, ""])
def test_it_fits_a_projector_whatever_the_text(browser: Browser, model, tokenizer, text):
    for width in (600, 900):
        with on_page(browser, TextScorer(model, tokenizer, text), width) as page:
            page.wait_for_timeout(100)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if width == 900:
                assert page.locator(".gc").bounding_box()["height"] <= 590
                page.get_by_role("switch", name="Projector").check()
                assert page.locator(".gc").bounding_box()["height"] <= 590
            assert page.locator("img").count() == 0
