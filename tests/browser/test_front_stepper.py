"""What only the page of `GenerationStepper` and `StreamingGenerator` does: hands, motion, and room."""

import re

import pytest
import torch

import gptcore
from gptcore.show import Dart, GenerationStepper, StreamingGenerator
from tests.browser.bench import on_page

LONG = "옛날 옛적에 <img src=x onerror=alert(1)> 🦊\u202e fox " * 100


@pytest.fixture(scope="module")
def storyteller():
    return gptcore.load(device="cpu")


@pytest.fixture
def stepper(storyteller):
    return GenerationStepper(*storyteller, "Once upon a time", seed=1)


@pytest.fixture
def generator(storyteller):
    generator = StreamingGenerator(*storyteller, "Once upon a time", max_length=5_000, seed=2, speed=20)
    yield generator
    generator.stop()
    generator.wait(5)


def written(page):
    return page.locator(".gc-token:not(.gc-later)")


def wait_for(page, words):
    """Until the page shows that many written tokens, and nothing flies any more."""
    page.wait_for_function(
        "n => document.querySelectorAll('.gc-token:not(.gc-later, .gc-landing)').length === n"
        " && !document.querySelector('.gc-flying, .gc-hit')",
        arg=words,
    )


def wait_for_dart(page, uniform):
    """Until the dart has come to its place on the strip."""
    page.wait_for_function(
        """uniform => {
          const [strip, dart] = [".gc-dart-pieces", ".gc-dart-pointer"].map((part) =>
            document.querySelector(part).getBoundingClientRect());
          return Math.abs(dart.left + dart.width / 2 - strip.left - uniform * strip.width) < 3;
        }""",
        arg=uniform,
    )


def labels(stepper):
    return [token.label for token in stepper.tape]


def test_the_token_that_the_dart_hits_flies_into_the_text(browser, stepper):
    with on_page(browser, stepper) as page:
        drawn = stepper.record.dart.label
        assert page.locator(".gc-piece.gc-aimed").get_attribute("aria-label").startswith(f"Write {drawn}: chance ")
        page.get_by_role("button", name="Forward").click()
        page.locator(".gc-piece.gc-hit").wait_for()
        page.locator(".gc-flying").filter(has_text=drawn).wait_for()
        wait_for(page, 1)
        assert written(page).all_inner_texts() == [drawn] == labels(stepper)
        assert page.locator(".gc-row.gc-aimed").count() == 1
        assert page.locator(".gc-caption").inner_text() == stepper.caption
        for _ in range(6):  # faster than it can be shown
            page.get_by_role("button", name="Forward").click()
        wait_for(page, 7)
        assert written(page).all_inner_texts() == labels(stepper)


def test_bars_and_pieces_write_their_token(browser, stepper):
    with on_page(browser, stepper) as page:
        row = page.locator("button.gc-row:not(.gc-aimed)").first
        label = row.locator(".gc-label").inner_text()
        row.hover()
        assert page.locator(".gc-hint").inner_text().startswith(f"Write {label}: chance ")
        row.click()
        wait_for(page, 1)
        assert written(page).all_inner_texts() == [label] == labels(stepper)
        piece = page.locator("button.gc-piece").first
        said = piece.get_attribute("aria-label")
        piece.focus()
        assert page.locator(".gc-hint").inner_text() == said
        page.keyboard.press("Enter")
        wait_for(page, 2)
        assert said.startswith(f"Write {stepper.tape[1].label}: ")
        assert page.locator(".gc-token.gc-mine").count() == sum(token.by_hand for token in stepper.tape) >= 1


def test_a_token_of_the_text_goes_there_by_mouse_and_by_keyboard(browser, stepper):
    stepper.forward(6)
    with on_page(browser, stepper) as page:
        page.locator(".gc-token").nth(2).click()
        wait_for(page, 2)
        assert stepper.position == 2 and len(stepper.tape) == 6
        assert page.locator(".gc-token.gc-here").inner_text() == stepper.tape[2].label
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        token = stepper.tape[4]
        said = f"{token.label}: chance {gptcore.show.percent(token.prob)}, surprise {token.surprise:.1f} nats"
        assert page.locator(".gc-hint").inner_text().startswith(said)
        page.keyboard.press("Enter")
        wait_for(page, 4)
        assert stepper.position == 4
        assert page.locator(".gc-token[tabindex='0']").count() == 1
        slider = page.get_by_role("slider", name="Position")
        assert slider.get_attribute("aria-valuetext") == "4 of 6"
        slider.press("Home")
        wait_for(page, 0)
        assert stepper.position == 0 and slider.get_attribute("aria-valuetext") == "0 of 6"


@pytest.mark.parametrize("speed", [4, 60])
def test_auto_play_asks_for_the_next_tokens_after_the_answer(browser, stepper, speed):
    open_questions = []
    stepper.view.observe(
        lambda change: open_questions.append(sum(number > stepper.view.done for number, *_ in change.new)),
        names="asked",
    )
    stepper.speed = speed
    with on_page(browser, stepper) as page:
        page.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_function("document.querySelectorAll('.gc-token').length >= 8")
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Play", exact=True).wait_for()
        count = len(stepper.tape)
        page.wait_for_timeout(500)
        assert len(stepper.tape) == count
        wait_for(page, count)
        assert max(open_questions) <= 2  # Pause is asked while a token is on its way


def test_two_views_play_one_text_and_do_not_ask_for_the_same_token_twice(browser, stepper):
    asked = []
    stepper.view.observe(
        lambda change: asked.append([q for q in change.new if q[0] > stepper.view.done]), names="asked"
    )
    stepper.speed = 30
    with on_page(browser, stepper) as page:
        page.evaluate("another()")
        page.get_by_role("button", name="Play", exact=True).first.click()
        page.wait_for_function("document.querySelectorAll('.gc-token').length >= 2 * 12")
        page.get_by_role("button", name="Pause").last.click()
        page.get_by_role("button", name="Play", exact=True).last.wait_for()
        assert max(sum(name == "forward" for _, _, name, _ in questions) for questions in asked) == 1
        wait_for(page, 2 * len(stepper.tape))


def test_auto_play_ends_where_the_text_ends(browser, storyteller):
    stepper = GenerationStepper(*storyteller, "Once upon a time", seed=1, max_new_tokens=7)
    stepper.speed = 60
    with on_page(browser, stepper) as page:
        page.get_by_role("button", name="Play", exact=True).click()
        page.locator(".gc-caption").filter(has_text="The tape is full").wait_for()
        wait_for(page, 7)
        assert page.get_by_role("button", name="Forward").is_disabled() and not stepper.playing
        page.get_by_role("button", name="Back").click()
        wait_for(page, 6)
        assert page.get_by_role("button", name="Play", exact=True).is_enabled()


@pytest.mark.parametrize("uniform", [0.0, 0.4, 0.62, 1 - 1e-9])
def test_the_piece_that_the_dart_hits_is_seen_however_narrow_it_is(browser, stepper, uniform):
    flat = gptcore.next_token_distribution(torch.zeros(len(stepper.tokenizer)))
    for distribution in (stepper.distribution, flat):
        dart = Dart.of(distribution, uniform, stepper.tokenizer)
        stepper.view.draw({**stepper.view.shown, "dart": dart.shown()})
        with on_page(browser, stepper) as page:
            strip, hit = (page.locator(part).bounding_box() for part in (".gc-dart-pieces", ".gc-aimed.gc-piece"))
            assert hit["width"] >= 5 and hit["height"] == strip["height"]
            assert strip["x"] - 1 <= hit["x"] and hit["x"] + hit["width"] <= strip["x"] + strip["width"] + 1
            assert page.locator(".gc-dart-number").inner_text() == dart.uniform_text
            wait_for_dart(page, uniform)


@pytest.mark.parametrize("width", [600, 900, 1180])
def test_there_is_room_for_all_of_it(browser, stepper, generator, width):
    stepper.forward(60)
    generator.max_length = 300
    for widget in (stepper, generator):
        for text in ("Once upon a time", LONG):
            widget.prompt = text
            with on_page(browser, widget, width) as page:
                page.locator(".gc-text").wait_for()
                overflow = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
                height = "document.querySelector('.gc').getBoundingClientRect().height"
                for _ in range(2):
                    assert page.evaluate(overflow)
                    assert width < 700 or page.evaluate(height) <= 590
                    page.get_by_label("Projector").check()


def test_start_and_stop(browser, generator):
    with on_page(browser, generator) as page:
        start, stop = (page.get_by_role("button", name=name) for name in ("Start", "Stop"))
        assert stop.is_disabled() and page.get_by_text("Candidates for the first token", exact=True).is_visible()
        start.focus()
        page.keyboard.press("Enter")
        page.locator(".gc-caption").filter(has_text="It is writing").wait_for()
        page.wait_for_function("document.querySelector('.gc-text').innerText.length > 40")
        assert start.is_disabled() and page.get_by_role("textbox", name="Text").is_disabled()
        page.keyboard.press("Enter")  # the focus is on Stop now
        page.locator(".gc-caption").filter(has_text="Stopped").wait_for()
        generator.wait(5)
        page.wait_for_function("text => document.querySelector('.gc-text').innerText === text", arg=generator.text)
        last = gptcore.token_label(generator.tokenizer, generator.new_ids[-1])
        assert page.get_by_text(f"Chances from which {last} was drawn").is_visible()
        assert page.locator(".gc-piece.gc-aimed").get_attribute("title").startswith(f"{last} ")
        count = page.get_by_role("progressbar").get_attribute("aria-valuenow")
        assert int(count) == len(generator.new_ids)
        wait_for_dart(page, generator.view.shown["dart"]["uniform"])
        start.click()
        page.locator(".gc-caption").filter(has_text=re.compile("It is writing")).wait_for()
        generator.stop()  # by code
        page.locator(".gc-caption").filter(has_text="Stopped").wait_for()
        assert start.is_enabled()
