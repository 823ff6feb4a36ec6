"""Whole pages in Chromium: alive at every width and in both themes, silent, and the same as Python at every address."""

import inspect
import json
import re
import sys
import time
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe

from gptcore import __main__ as program
from gptcore import generate_text, show
from gptcore.page import address
from tests.browser.conftest import SCREENSHOTS, browser  # noqa: F401 (a fixture)
from tests.page.bench import difference
from tests.page.pages import PAGE, build, project, serving, visit

WIDTHS = 360, 768, 1920
PAGE_SIZE, MODEL_SIZE = 250_000, 10_000_000
ALIVE = (
    "[...document.querySelectorAll('.gptcore-widget')].every((el) => el.matches('.is-live') && el.querySelector('.gc'))"
)
TOLD = "(id) => { const view = document.getElementById(id).gptcoreView; return view.text ?? view.record.text; }"
SHOWN = "(id) => JSON.parse(JSON.stringify(document.getElementById(id).gptcoreView.view.get('shown')))"


@pytest.fixture(scope="module")
def notebooks(told, tmp_path_factory):
    model, tokenizer = told
    question = show.Prediction("Which comes <b>next</b>?", {"this": "Yes.", "that": "No."}, right="this")
    widgets = [
        show.NextToken(model, tokenizer, temperature=0.7),
        question,
        show.DistributionExplorer(model, tokenizer, top_k=5),
        show.TokenExplorer({"bilingual": tokenizer}, text="The fox and 호랑이 ☃"),
        show.NextToken(model, tokenizer, "옛날 옛적에", seed=2**63 - 1),
    ]
    return project(tmp_path_factory.mktemp("course"), widgets)


@pytest.fixture(scope="module")
def site(notebooks):
    return build(notebooks)


@pytest.fixture(scope="module")
def base(site):
    with serving(site) as base:
        yield base


@pytest.fixture
def seen(browser, base):  # noqa: F811
    """A visit that ends without a complaint."""
    with visit(browser, base) as seen:
        yield seen
        assert seen.complaints() == []


def eventually(check: Callable[[], bool], timeout: float = 15) -> None:
    """Wait until `check()` is true. (Playwright's own way needs `eval`, which the policy of a page forbids.)"""
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline, f"not so after {timeout} s: {inspect.getsource(check).strip()}"
        time.sleep(0.05)


def fragment_of(page) -> str:
    return page.evaluate("location.hash")


def wake_all(page) -> None:
    """Read the page from top to bottom, and wait until every widget is alive."""
    for box in page.locator(".gptcore-widget").all():
        box.scroll_into_view_if_needed()
        box.locator(".gc").wait_for()
    eventually(lambda: page.evaluate(ALIVE))


def shown(page, at: str = "next-token-1") -> dict:
    """What the widget `at` shows."""
    page.locator(f"#{at} .gc").wait_for()
    return page.evaluate(SHOWN, at)


def caption(page, at: str = "next-token-1") -> str:
    page.locator(f"#{at} .gc").wait_for()
    return page.locator(f"#{at} .gc-caption").inner_text()


def must_show(page, at: str, widget) -> None:
    """The widget `at` shows what `widget` does, as soon as it has written all that it writes."""
    expected = {name: thing for name, thing in widget.view.shown.items() if name != "link"}
    eventually(lambda: "writing" not in shown(page, at))
    assert difference(json.loads(json.dumps(expected)), shown(page, at)) is None


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_is_alive_silent_and_accessible(browser, base, width, theme):  # noqa: F811
    with visit(browser, base, width, theme) as seen:
        page = seen.open()
        wake_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".gptcore-widget img:visible, .gptcore-note").count() == 0
        page.get_by_role("button", name="Copy link").first.click()
        page.get_by_role("img", name="The link as a QR code").wait_for()
        page.wait_for_timeout(600)  # nothing moves any more
        found = Axe().run(page).response["violations"]
        assert [(fault["id"], [node["html"][:150] for node in fault["nodes"]][:3]) for fault in found] == []
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"page-{width}-{theme}.png", full_page=True)
        assert seen.complaints() == []
        assert {url.rpartition(".")[2] for url in seen.requests} <= {
            "html",
            "css",
            "js",
            "json",
            "txt",
            "png",
            "safetensors",
        }


def test_a_page_and_its_model_are_small(site):
    html = site[PAGE].decode()
    needed = [name for name in site if name in html and name.endswith((".css", ".js"))]
    assert len(site[PAGE]) + sum(len(site[name]) for name in needed) <= PAGE_SIZE
    assert all(len(data) <= MODEL_SIZE for data in site.values())


def test_the_keyboard_alone_adds_a_token(seen):
    page = seen.open()
    page.locator("#next-token-1 .gc").wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").endswith("Add a token"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="Written:").first.wait_for()


def test_the_same_seed_tells_the_same_tale(seen, told):
    """Word for word what Python writes, through the real page."""
    model, tokenizer = told
    seen.open(fragment="at=next-token-1&prompt=The+fox&seed=11&temperature=0.8&top_k=")
    for count in range(1, 25):
        seen.page.get_by_role("button", name="Add a token").first.click()
        eventually(lambda count=count: shown(seen.page)["count"] == count)
    settings = {"temperature": 0.8, "top_k": None, "seed": 11}
    expected = generate_text(model, "The fox", tokenizer, max_length=24, **settings)
    assert "".join(shown(seen.page)["parts"]) == expected


STATES = {
    "AttentionView": ({"text": "The fox and the crow"}, [("choose", 1, 3)]),
    "DistributionExplorer": ({"prompt": "A bear", "top_p": 0.9, "seed": 4}, [("draw", 1000), ("draw",)]),
    "FutureTree": ({"prompt": "A bear", "width": 3, "depth": 3}, [("choose", [5]), ("throw",)]),
    "GenerationStepper": ({"prompt": "A bear", "top_k": 20}, [("forward", 5), ("back",)]),
    "LogitLens": ({"text": "A bear and"}, []),
    "Machine": ({"prompt": "The fox", "temperature": 0.5}, [("write",), ("write",)]),
    "NextToken": ({"prompt": "옛날 옛적에 ~*", "seed": 2**62, "top_k": 3}, [("choose", 5), ("add_token",)]),
    "SettingsComparison": ({"prompt": "The owl", "max_length": 12}, [("look", 4)]),
    "Story": ({"prompt": "The fox & the crow", "seed": 5, "max_length": 30}, [("another",)]),
    "TextScorer": ({"text": "The fox\nand"}, [("replace", 40)]),
}


@pytest.fixture(scope="module")
def every_widget(told, tmp_path_factory):
    """The address of a site with each of these widgets, as it is when it is made."""
    widgets = [getattr(show, name)(*told) for name in STATES]
    with serving(build(project(tmp_path_factory.mktemp("all"), widgets))) as base:
        yield base


def test_a_link_of_python_opens_what_python_shows(browser, every_widget, told, monkeypatch, subtests):  # noqa: F811
    monkeypatch.setenv(address.VARIABLE, every_widget)
    for name, (settings, did) in STATES.items():
        with subtests.test(name), visit(browser, every_widget) as seen:
            widget = getattr(show, name)(*told, **settings)
            for method, *given in did:
                getattr(widget, method)(*given)
            at = address.widget_id(name)
            link = widget.view.shown["link"]
            assert link.startswith(f"{every_widget}widgets.html#at={at}&")
            seen.page.goto(link)
            must_show(seen.page, at, widget)
            assert seen.page.locator(f"#{at}").evaluate("(el) => el.getBoundingClientRect().top") < 800
            assert seen.complaints() == []


def test_the_link_of_the_terminal_shows_its_tale(browser, every_widget, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setenv(address.VARIABLE, every_widget)
    for more, at in (([], "story-1"), (["--top-p", "0.9"], "generation-stepper-1")):
        monkeypatch.setattr(sys, "argv", ["gptcore", "The fox", "--max-new-tokens", "30", "--device", "cpu", *more])
        assert program.main() == 0
        tale, said = capsys.readouterr()
        link = re.search(r"http\S+", said)[0]
        assert f"#at={at}&prompt=The+fox&seed=" in link
        with visit(browser, every_widget) as seen:
            seen.page.goto(link)
            if at == "story-1":
                eventually(lambda page=seen.page: "writing" not in shown(page, "story-1"))
            else:
                seen.page.locator(f"#{at} .gc").wait_for()
                seen.page.evaluate(f"document.getElementById('{at}').gptcoreView.forward(30)")
            told = seen.page.evaluate(TOLD, at)
            assert told.rstrip("\ufffd") == tale.removesuffix("\n").rstrip("\ufffd")  # half a character at the end


def test_a_copied_link_shows_the_same_elsewhere(browser, bench, base):  # noqa: F811
    with visit(browser, base, permissions=["clipboard-read", "clipboard-write"]) as seen:
        page = seen.open()
        for _ in range(3):
            page.get_by_role("button", name="Add a token").first.click()
        page.get_by_label("Text", exact=True).first.fill("The owl")
        page.keyboard.press("Enter")
        for count in (1, 2):
            page.get_by_role("button", name="Add a token").first.click()
            eventually(lambda count=count: shown(page)["count"] == count)
        page.get_by_role("button", name="Copy link").first.click()
        page.get_by_text("The link was copied.").wait_for()
        link = page.evaluate("navigator.clipboard.readText()")
        assert page.get_by_label("The link to this state").first.input_value() == link
        drawn = page.locator(".gc-share-code path").first.get_attribute("d")
        assert drawn == bench.evaluate("(link) => qrPath(qrCode(link))", link)
        before = shown(page)
        page.goto("about:blank")
        page.goto(link)
        assert shown(page) == before and before["count"] == 2 and before["parts"][0] == "The owl"
        assert seen.complaints() == []


def test_without_a_clipboard_the_link_is_selected(seen):
    seen.page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });document.execCommand = () => false;"
    )
    page = seen.open()
    page.get_by_role("button", name="Copy link").first.click()
    page.get_by_text("The link is selected: copy it with Ctrl+C or ⌘C.").wait_for()
    selected = (
        "document.activeElement.value.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)"
    )
    assert page.evaluate(selected) == page.get_by_label("The link to this state").first.input_value()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Copy link"


def test_the_address_follows_the_hand_without_a_trail(seen):
    page = seen.open()
    explorer = page.locator("#distribution-explorer-1")
    explorer.scroll_into_view_if_needed()
    slider = explorer.get_by_role("slider", name="Temperature")
    slider.focus()
    before = page.evaluate("history.length")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    eventually(lambda: "temperature=" in fragment_of(page))
    page.wait_for_timeout(500)
    fragment = page.evaluate("location.hash")
    assert fragment.startswith("#at=distribution-explorer-1&") and page.evaluate("history.length") == before
    state = shown(page, "distribution-explorer-1")
    page.reload()
    assert shown(page, "distribution-explorer-1") == state and page.evaluate("location.hash") == fragment


def test_a_new_address_is_followed(seen):
    page = seen.open(fragment="prompt=The+fox&seed=3")
    assert shown(page)["parts"][0] == "The fox"
    page.get_by_role("button", name="Add a token").first.click()
    eventually(lambda: "did=choose-" in fragment_of(page))
    page.evaluate("location.hash = '#at=next-token-2&prompt=The+owl'")
    page.locator("#next-token-2 .gc").wait_for()
    eventually(
        lambda: page.evaluate("(id) => document.getElementById(id).gptcoreView?.prompt", "next-token-2") == "The owl"
    )
    assert page.locator("#next-token-2").evaluate("(el) => el.getBoundingClientRect().top") < 800
    page.go_back()
    eventually(lambda: shown(page, "next-token-1")["count"] == 1)
    page.evaluate("location.hash = '#at=next-token-1&seed=4'")
    eventually(lambda: page.evaluate("(id) => document.getElementById(id).gptcoreView?.seed", "next-token-1") == 4)
    assert shown(page)["count"] == 0 and page.locator("#next-token-1 .gc").count() == 1


def test_a_link_to_a_heading_is_no_state(seen):
    page = seen.open(fragment="NextToken-4")
    wake_all(page)
    assert page.get_by_role("heading", name="NextToken 4").bounding_box()["y"] < 800
    assert caption(page).startswith("What comes next?")


HOSTILE = {
    "prompt=<img src=x onerror=alert(1)>&seed=1": "What comes next?",
    "temperature=<script>alert(1)</script>": "Not changed: temperature must be a number, got '<script>alert(1)<",
    "temperature=-1": "Not changed: temperature must be",
    "top_k=1e999": "Not changed: top_k must be",
    "seed=99999999999999999999999999": "Not changed: seed must be",
    "seed=1.5": "Not changed: seed must be an integer",
    "onload=alert(1)": "Not changed: settings are prompt, seed, temperature, top_k, got onload",
    "__proto__=1": "Not changed: settings are prompt, seed, temperature, top_k, got __proto__",
    "prompt=%E0%A4%A%00%FF": "What comes next?",
    "did=choose-999999": "Not changed: token_id must be below 3,072, got 999,999",
    "did=constructor-1.change-5.heard-1": "What comes next?",
    "did=add_token*99999999&prompt=The": "",
}


@pytest.mark.parametrize("fragment", HOSTILE)
def test_a_hostile_address_ends_in_the_sentence_of_the_widget(seen, fragment):
    page = seen.open(fragment=f"at=next-token-1&{fragment}")
    assert caption(page).startswith(HOSTILE[fragment])
    assert page.locator(".gptcore-widget img[src=x], .gptcore-note").count() == 0
    page.get_by_role("button", name="New story").first.click()
    eventually(lambda: "seed=" in fragment_of(page))


def test_a_link_to_no_widget_says_so(seen):
    page = seen.open(fragment="at=<b>no</b>-1&seed=5")
    page.get_by_text("No widget on this page is called “<b>no</b>-1”.").wait_for()
    wake_all(page)


def test_without_scripts_the_pictures_are_there(browser, base):  # noqa: F811
    with visit(browser, base, java_script_enabled=False) as seen:
        page = seen.open()
        pictures = page.locator(".gptcore-widget img")
        assert pictures.count() == page.locator(".gptcore-widget").count() == 5
        pictures.last.scroll_into_view_if_needed()
        assert page.locator(".gc").count() == 0


def test_who_waits_for_the_model_is_told_so(browser, base):  # noqa: F811
    with visit(browser, base) as seen:
        held = []
        seen.page.route("**/*.safetensors", lambda route: held.append(route))  # the slow Wi-Fi of a class
        page = seen.open()
        note = page.locator("#next-token-1 .gptcore-note")
        note.wait_for()
        assert note.inner_text() == "The model is being loaded. This picture comes alive when it is here."
        assert page.locator("#next-token-1 img").is_visible()
        held[0].continue_()
        page.locator("#next-token-1.is-live").wait_for()
        assert note.count() == 0 and seen.complaints() == []


def test_without_its_model_a_widget_stays_a_picture_and_says_why(browser, site):  # noqa: F811
    files = {name: data for name, data in site.items() if not name.endswith(".safetensors")}
    with serving(files) as base, visit(browser, base) as seen:
        page = seen.open()
        page.get_by_text("it could not be brought to life, because the server answered 404").first.wait_for()
        assert page.locator("#next-token-1 img").is_visible()
        page.locator("#prediction-1").scroll_into_view_if_needed()
        page.locator("#prediction-1 .gc").wait_for()  # which needs none


def test_a_single_page_needs_no_server(browser, notebooks, tmp_path):  # noqa: F811
    file = tmp_path / PAGE
    file.write_bytes(build(notebooks, single=True)[PAGE])
    with visit(browser, "file://") as seen:
        seen.page.goto(f"{file.as_uri()}#prompt=The+fox&seed=5")
        assert shown(seen.page)["parts"][0] == "The fox"
        seen.page.get_by_role("button", name="Add a token").first.click()
        seen.page.get_by_role("status").filter(has_text="Written:").first.wait_for()
        eventually(lambda: "did=choose-" in fragment_of(seen.page))
        seen.page.get_by_role("button", name="Copy link").first.click()
        seen.page.get_by_text("It leads to this computer: other devices cannot open it.").wait_for()
        assert seen.complaints() == []
        assert [url for url in seen.requests if not url.startswith("data:")] == [file.as_uri()]
