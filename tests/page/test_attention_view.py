"""AttentionView: the page does what Python does."""

import pytest

from gptcore import stories
from gptcore.show import AttentionView
from tests.page.hostile import HOSTILE, WRONG

TALE = stories.sample("en", seed=3)


@pytest.fixture
def widget(told):
    return AttentionView(*told, "Once upon a time", layer=3, head=5)


def test_heads_and_positions(same, told):
    widget = AttentionView(*told, TALE)
    steps = [["do", "choose", [layer, head]] for layer in range(4) for head in range(6)]
    steps += [["set", "position", position] for position in (0, 1, 7, 100, len(widget.labels) - 1)]
    same(widget, [*steps, ["set", "layer", 0], ["set", "head", 2]])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, widget, text):
    same(widget, [["set", "text", text], ["set", "position", 0], ["do", "choose", [2, 1]]])


def test_a_text_longer_than_the_context(same, widget):
    same(
        widget, [["set", "text", 3 * TALE], ["set", "position", 128], ["set", "text", "A fox."], ["set", "position", 1]]
    )
    assert widget.left_out == 0


@pytest.mark.parametrize("name", ["text", "position", "layer", "head"])
def test_what_is_not_allowed_is_the_same_sentence(same, widget, name):
    same(widget, [["set", name, value] for value in WRONG])


def test_what_a_page_may_not_choose(same, widget):
    same(widget, [["do", "choose", pair] for pair in ([4, 0], [0, 6], [-1, 0], [None, 0], ["0", 1], [1, 1])])


def test_the_place_that_was_saved(same, told):
    same(AttentionView(*told, TALE, layer=1, head=2, position=5))
    same(AttentionView(*told, ""))
