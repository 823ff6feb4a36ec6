"""NextToken: the page does what Python does."""

import pytest

from gptcore.show import NextToken
from tests.page.hostile import HOSTILE, WRONG


@pytest.fixture
def widget(told):
    return NextToken(*told, "Once upon a time", seed=5)


def test_a_story_grows_by_the_same_tokens(same, widget):
    states = same(widget, [["do", "add_token", []]] * 12)
    assert states[-1]["shown"]["count"] == 12 and "".join(states[-1]["shown"]["parts"]) == widget.text


def test_a_bar_writes_its_token(same, widget):
    same(widget, [["do", "choose", [i]] for i in (5, 300, -1, 10**9, 2.5, None, "x", 3071, 7)])
    assert "is over" in widget.caption


def test_every_setting(same, widget):
    steps = [["set", "temperature", value] for value in (0, 0.7, 3)]
    steps += [["set", "top_k", value] for value in (1, 5, 10**6, None)]
    steps = [step for one in steps for step in (one, ["do", "new_story", []], ["do", "add_token", []])]
    same(widget, steps)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, widget, text):
    same(widget, [["set", "prompt", text], ["do", "add_token", []], ["do", "add_token", []]])


@pytest.mark.parametrize("name", ["prompt", "seed", "temperature", "top_k"])
def test_what_is_not_allowed_is_the_same_sentence(same, widget, name):
    wrong = [value for value in WRONG if name != "seed" or value is not None]  # which is new luck
    same(widget, [["set", name, value] for value in wrong])


def test_large_seeds(same, told):
    same(NextToken(*told, "Once", seed=2**63 - 1), [["do", "new_story", []], ["do", "add_token", []]])
    same(NextToken(*told, "Once", seed=2**62 + 1), [["do", "new_story", []], ["do", "add_token", []]])


def test_what_was_written_before_it_was_saved(same, widget):
    for token_id in (300, None, None, 3071):
        widget.add_token() if token_id is None else widget.choose(token_id)
        same(widget)


def test_a_text_beyond_the_context(same, told):
    widget = NextToken(*told, "Once upon a time there was a fox. " * 40, seed=2)
    same(widget, [["do", "add_token", []]] * 3)


def test_a_text_that_is_full(same, short):
    widget = NextToken(*short, "Once", seed=2)
    same(widget, [["do", "add_token", []]] * 14, model="short")
    assert "no more room" in widget.caption
