"""The state of a widget in an address: the same from Python and from the page, and what a page makes of any address."""

import json

import pytest

from gptcore import GPTModel, show
from gptcore.page import address
from gptcore.page.scripts import VIEWS
from tests.page.bench import hear

# Made with things of their own, which no link holds: a question, files, models, a training.
UNLINKED = {"CostExplorer", "ModelComparison", "Prediction", "TokenExplorer", "TrainingMonitor"}
HOSTILE = "<img src=x onerror=alert(1)>&#=+%~*'\"호랑이 \u202e☃\U0001f98a"
STATES = {
    "NextToken": [
        [],
        [["set", "prompt", "The fox & the +1 ~ * crow: 100%"], ["set", "temperature", 0.7], ["set", "top_k", 5]],
        [["set", "prompt", HOSTILE], ["set", "seed", 2**40]],
        [["set", "seed", None], ["set", "temperature", 0]],
        [["set", "temperature", 1e-7], ["do", "add_token", []]],
        [["set", "temperature", 0.00001], ["do", "choose", [5]], ["do", "choose", [5]], ["do", "add_token", []]],
    ],
    "DistributionExplorer": [
        [["set", "top_p", 0.9], ["set", "log", True], ["do", "draw", [1000]], ["do", "draw", [1]]],
        [["set", "prompt", "5"], ["do", "draw", [100]]],
    ],
    "AttentionView": [[["set", "text", "The fox and the crow"], ["set", "position", 2], ["do", "choose", [1, 3]]]],
    "FutureTree": [
        [["set", "width", 3], ["do", "choose", [[5, 7]]], ["do", "throw", []]],
        [["do", "throw", []], ["do", "throw", []], ["do", "take", []]],
    ],
    "GenerationStepper": [
        [["set", "top_p", 0.8], ["do", "forward", [3]], ["do", "back", []]],
        [["do", "forward", [2]], ["do", "choose", [9]], ["do", "forward", []]],
    ],
    "LogitLens": [[["set", "text", "A bear"], ["set", "row", 1]]],
    "Machine": [[["do", "write", []], ["do", "write", []], ["set", "temperature", 0.5]]],
    "SettingsComparison": [[["set", "max_length", 8], ["set", "temperature_b", 1.5], ["do", "look", [4]]]],
    "Story": [[["set", "max_length", 20], ["set", "shaded", True], ["do", "another", []]]],
    "TextScorer": [[["set", "text", "The fox\nand"], ["set", "position", 1], ["do", "replace", [40]]]],
}
CASES = [(kind, steps) for kind, walks in STATES.items() for steps in walks]
WRITTEN = "(at) => addressOf(at, view.view.get('settings'), view.did())"
READ = "(hash) => readAddress(hash)"


def play(bench, widget, steps) -> None:
    """The same steps on the page and in Python."""
    bench.walk(widget._given(), steps)
    for step in steps:
        hear(widget, step)


def fragment(widget) -> str:
    given = widget._given()
    kind = given["widget"]
    return address.fragment(address.widget_id(kind), given["settings"], given.get("did", []))


@pytest.mark.parametrize(("kind", "steps"), CASES)
def test_python_and_the_page_write_the_same_address(bench, told, kind, steps):
    widget = getattr(show, kind)(*told)
    play(bench, widget, steps)
    assert bench.evaluate(WRITTEN, address.widget_id(kind)) == fragment(widget)


@pytest.mark.parametrize(("kind", "steps"), CASES)
def test_an_address_is_read_as_it_was_written(bench, told, kind, steps):
    widget = getattr(show, kind)(*told)
    play(bench, widget, steps)
    found = bench.evaluate(READ, fragment(widget))
    given = widget._given()
    assert found["at"] == address.widget_id(kind)
    assert found["did"] == [list(call) for call in given.get("did", [])]
    values = "(settings) => Object.entries(settings).map(([name, text]) => [name, settingValue(view, name, text)])"
    settings = {name: value for name, value in given["settings"].items() if name not in address.EPHEMERAL}
    assert dict(bench.evaluate(values, found["settings"])) == settings


def test_every_call_is_read_as_it_was_written(bench):
    did = [["take", []], ["choose", [[1, 2]]], ["choose", [[]]], ["choose", [[3]]], ["look", [0]], ["look", [0]]]
    written = bench.evaluate("(did) => didText(did)", did)
    assert written == "take.choose-1,2,.choose-,.choose-3,.look-0*2"
    assert address.fragment("x", {}, did) == "at=x&did=" + written.replace(",", "%2C")
    assert bench.evaluate("(text) => readDid(text)", written) == did


NUMBERS = [0.0, -0.5, 0.1 + 0.2, 1.0, 1e-6, 1.5e-7, 1e21, 1.7e308, 5e-324, 2**53 - 1, 123456789.125]


def test_numbers_are_those_of_javascript(bench):
    for number in NUMBERS:
        expected = bench.evaluate("(number) => addressOf('x', { number })", number)
        assert address.fragment("x", {"number": number}) == expected


@pytest.mark.parametrize("hash", ["", "#", "#Greedy-decoding", "#%E0%A4%A", "#content"])
def test_a_place_on_the_page_is_no_state(bench, hash):
    assert bench.evaluate(READ, hash) is None


@pytest.mark.parametrize(
    "hash",
    [
        "#prompt=%E0%A4%A&seed=1e999&temperature=NaN",
        "#__proto__=1&constructor=2&toString=3",
        "#=&&&==&did=",
        "#did=" + "add_token*99999999." * 3,
        "#did=__proto__-1.constructor.heard-1,2,3.-...*9",
        "#seed=" + "9" * 5000,
    ],
)
def test_any_address_can_be_read(bench, told, hash):
    bench.same(show.NextToken(*told))
    found = bench.evaluate(READ, hash)
    assert len(found["did"]) <= 500
    values = "([settings]) => Object.entries(settings).map(([name, text]) => String(settingValue(view, name, text)))"
    assert len(bench.evaluate(values, [found["settings"]])) == len(found["settings"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://example.org", "https://example.org/"),
        (" https://example.org/a/index.html ", "https://example.org/a/"),
        ("http://10.0.0.5:8000/", "http://10.0.0.5:8000/"),
        ("file:///home/me/site", "file:///home/me/site/"),
        ("", None),
    ],
)
def test_the_base_is_a_folder(monkeypatch, given, expected):
    monkeypatch.setenv(address.VARIABLE, given)
    assert address.base() == expected


@pytest.mark.parametrize("given", ["example.org", "javascript:alert(1)", "https://", "ftp://example.org"])
def test_a_base_that_is_no_address_is_refused_in_a_sentence(monkeypatch, told, given):
    monkeypatch.setenv(address.VARIABLE, given)
    with pytest.raises(ValueError, match="GPTCORE_PAGE must be the address of a folder with pages"):
        address.base()
    assert "link" not in show.NextToken(*told).view.shown


def test_a_widget_offers_its_link_where_pages_are_known(monkeypatch, told):
    assert "link" not in show.NextToken(*told).view.shown
    monkeypatch.setenv(address.VARIABLE, "https://example.org/gptcore")
    widget = show.NextToken(*told, "The fox", seed=5)
    start = "https://example.org/gptcore/widgets.html#at=next-token-1&prompt=The+fox&seed=5&temperature=1&top_k="
    assert widget.view.shown["link"] == start
    widget.choose(7)
    assert widget.view.shown["link"] == start + "&did=choose-7"


@pytest.mark.parametrize("kind", [name for name in VIEWS if name not in UNLINKED])
def test_every_widget_of_the_bundled_model_offers_a_link(monkeypatch, told, kind):
    monkeypatch.setenv(address.VARIABLE, "https://example.org/gptcore")
    widget = getattr(show, kind)(*told)
    given = widget._given()
    expected = address.fragment(address.widget_id(kind), given["settings"], given.get("did", []))
    assert widget.view.shown["link"] == f"https://example.org/gptcore/widgets.html#{expected}"


def test_a_widget_with_a_model_that_no_page_has_offers_no_link(monkeypatch, told):
    monkeypatch.setenv(address.VARIABLE, "https://example.org/gptcore")
    assert "link" not in show.NextToken(GPTModel(told[0].config), told[1]).view.shown
    assert "link" not in show.Prediction("Which?", {"this": "Yes.", "that": "No."}, right="this").view.shown


def test_json_of_a_link_is_plain(monkeypatch, told):
    monkeypatch.setenv(address.VARIABLE, "https://example.org/gptcore")
    widget = show.NextToken(*told, HOSTILE)
    link = json.loads(json.dumps(widget.view.shown))["link"]
    assert link.isascii() and not set("<>\"' ") & set(link)
