import pytest
from playwright.sync_api import Browser, Page

from gptcore.show import Prediction
from tests.browser.bench import on_page

QUESTION = "At temperature 2, the likeliest token becomes …"
OPTIONS = {
    "likelier": "Dividing by 2 brings the scores closer together.",
    "rarer": "What the likeliest loses, the others gain.",
    "just as likely": "That would need the same differences between the scores.",
}


@pytest.fixture
def prediction():
    return Prediction(QUESTION, OPTIONS, right="rarer")


def chosen(page: Page) -> list[str]:
    return page.locator("[aria-pressed=true]").all_inner_texts()


def said(page: Page) -> str:
    return page.get_by_role("status").inner_text()


def test_nothing_is_said_until_a_button_is_pressed(browser: Browser, prediction):
    with on_page(browser, prediction) as page:
        page.get_by_role("group", name=QUESTION).wait_for()
        assert page.get_by_role("button").count() == len(OPTIONS) and chosen(page) == [] and said(page) == ""
        assert not any(sentence in page.content() for sentence in OPTIONS.values())
        for option, sentence in OPTIONS.items():
            page.get_by_role("button", name=option).last.click()
            page.get_by_role("status").filter(has_text=sentence).wait_for()
            assert said(page) == f"{'Right.' if option == 'rarer' else 'Not quite.'} {sentence}"
            assert len(chosen(page)) == 1 and option in chosen(page)[0]


def test_right_and_wrong_differ_in_shape(browser: Browser, prediction):
    with on_page(browser, prediction) as page:
        shapes = set()
        for option in ("likelier", "rarer"):
            prediction.choice = option
            page.get_by_role("status").filter(has_text=OPTIONS[option]).wait_for()
            look = "e => ['content', 'borderRadius'].map(name => getComputedStyle(e, '::before')[name]).join()"
            shapes.add(page.get_by_role("status").evaluate(look))
        assert len(shapes) == 2 and any("✓" in shape for shape in shapes) and any("✕" in shape for shape in shapes)


def test_by_keyboard_alone(browser: Browser, prediction):
    with on_page(browser, prediction) as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("status").filter(has_text=OPTIONS["likelier"]).wait_for()
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.get_by_role("status").filter(has_text=OPTIONS["rarer"]).wait_for()
        page.keyboard.press("c")
        page.get_by_role("status").filter(has_text=OPTIONS["just as likely"]).wait_for()
        page.keyboard.press("e")  # there is no such option
        page.keyboard.press("Control+a")  # and this is a command
        page.wait_for_timeout(200)
        assert prediction.choice == "just as likely"


def test_the_page_does_not_move_under_a_hand(browser: Browser, prediction):
    with on_page(browser, prediction) as page:
        size = page.locator(".gc").bounding_box()
        for option in OPTIONS:
            prediction.choice = option
            page.get_by_role("status").filter(has_text=OPTIONS[option]).wait_for()
            assert page.locator(".gc").bounding_box() == size


@pytest.mark.parametrize("width", [600, 900])
def test_the_longest_texts_fit(browser: Browser, width):
    long = "옛날 옛적에 <img src=x onerror=alert(1)> " * 12
    prediction = Prediction(long, {"x" * 300: long, "여우 " * 60: long, "$": "No."}, right="$")
    with on_page(browser, prediction, width) as page:
        prediction.choice = "x" * 300
        page.get_by_role("status").filter(has_text="Not quite.").wait_for()
        assert page.locator("img").count() == 0
        assert page.evaluate(
            "[...document.querySelectorAll('.gc, .gc *')].every(e => e.scrollWidth <= e.clientWidth + 1)"
        )


def test_on_a_projector_it_is_one_screen(browser: Browser):
    five = {f"{letter}, an option as long as such options are": "No." for letter in "abcde"}
    prediction = Prediction(QUESTION, five, right=next(iter(five)))
    with on_page(browser, prediction) as page:
        assert page.locator(".gc").bounding_box()["height"] < 590
