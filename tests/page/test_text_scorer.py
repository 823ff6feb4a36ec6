"""TextScorer: the page scores a text as Python does."""

import pytest

from gptcore import stories
from gptcore.show import TextScorer
from tests.page.test_next_token import HOSTILE, WRONG

TEXTS = [
    "Once upon a time there was a fox",
    "옛날 옛적에 조용한 산골에 마음씨 고운 용용이가 살았어요.",
    "hello world, 🦊 and 👩‍👩‍👧!",
]


@pytest.fixture
def scorer(told):
    return lambda text=TEXTS[0], **more: TextScorer(*told, text, **more)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_every_position_of_a_text(same, scorer, text):
    widget = scorer(text)
    states = same(widget, [["set", "position", i] for i in range(len(widget.labels) + 1)])
    assert states[-1]["caption"].startswith("Not changed: position must be from 0 to ")
    assert [piece[0] for piece in states[0]["shown"]["pieces"]] == [piece[0] for piece in widget.view.shown["pieces"]]


def test_a_text_grows_and_is_changed(same, scorer):
    text = stories.sample("en", 5)[:160]
    steps = [["set", "text", text[:i]] for i in (40, 41, 42, 50, 45, 160)]
    steps += [["set", "text", f"A{text[1:]}"], ["set", "text", ""], ["set", "text", "A"], ["set", "text", text]]
    same(scorer(), steps)


def test_another_token_is_put_in_the_place(same, scorer):
    steps = [["do", "replace", [i]] for i in (287, 5, 3071, 3072, -1, 2.5, None, "x")]
    widget = scorer()
    same(widget, [steps[0], ["set", "position", 3], *steps])
    assert len(widget.labels) > 5


def test_a_text_that_is_longer_than_the_context(same, scorer):
    tale = " ".join(stories.sample(language, 6) for language in ("en", "ko"))
    assert len(scorer(tale).labels) > 257
    states = same(scorer(tale), [["set", "text", f"{tale} The"], ["set", "position", 200], ["do", "replace", [9]]])
    assert "longer than the context of 256 tokens" in states[-1]["caption"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, scorer, text):
    same(scorer(), [["set", "text", text[:1300]], ["set", "position", 1]])


@pytest.mark.parametrize("name", ["text", "position"])
def test_what_is_not_allowed_is_the_same_sentence(same, scorer, name):
    same(scorer(), [["set", name, value] for value in WRONG])


def test_a_saved_scorer_looks_at_the_same_place(same, scorer):
    same(scorer(position=2))
    same(scorer(""))


def test_while_a_long_text_is_read_a_newer_one_may_come(bench, scorer):
    """What was shown stays until then, and what was asked last is shown."""
    page = scorer()._given()
    code = """async ([page, long]) => {
        const view = new views.TextScorer(context, page);
        await view.settled();
        const pieces = () => JSON.stringify(view.view.get("shown").pieces);
        const before = pieces();
        view.change({ text: long });
        const during = [view.caption, pieces() === before];
        view.change({ text: "Once upon" });
        await view.settled();
        await new Promise((done) => setTimeout(done, 300));
        return [...during, view.text, view.view.get("shown").pieces.length];
    }"""
    caption, is_same, text, count = bench.evaluate(code, [page, "a fox and " * 500])
    assert caption == "…" and is_same
    assert text == "Once upon" and count == 2


def test_a_widget_that_leaves_the_page_reads_no_further(bench, scorer):
    code = """(page) => {
        const view = new views.TextScorer(context, page), el = document.body.appendChild(document.createElement("div"));
        const leave = fronts.text_scorer.render({ model: view.view, el });
        const read = [...el.querySelectorAll("button")].find((button) => button.textContent.includes("Read along"));
        read.click();
        leave();
        const isReading = read.textContent.includes("Pause");
        el.remove();
        return isReading;
    }"""
    assert bench.evaluate(code, scorer()._given()) is False
