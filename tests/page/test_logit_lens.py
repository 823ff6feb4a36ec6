"""LogitLens: the page does what Python does."""

import pytest

from gptcore import lens_logits, stories
from gptcore.show import LogitLens
from tests.page.hostile import HOSTILE, WRONG

TALE = stories.sample("en", seed=3)


@pytest.fixture
def widget(told):
    return LogitLens(*told, "Once upon a time")


def is_sure(widget: LogitLens, position: int) -> bool:
    """Whether no other score is so near that of the answer, in any row, that rounding could change its rank."""
    for residuals in widget.recorded.recording.residuals:
        scores = lens_logits(widget.model, residuals[position])
        answer = widget.recorded.recording.logits[position].argmax()
        if (scores - scores[answer]).abs().sort().values[1] < 1e-4:
            return False
    return True


def test_cells_and_positions(same, told):
    widget = LogitLens(*told, TALE)
    last = len(widget.labels) - 1
    steps = [["set", "position", position] for position in (0, 3, 4, 5, 100, last - 4, last)]
    steps = [*steps, *(["do", "open", [row, 90 + row]] for row in range(5)), ["set", "row", 2]]
    sure = [step for step in steps if step[1] == "row" or is_sure(widget, step[2][1] if step[0] == "do" else step[2])]
    assert len(sure) > 10
    same(widget, sure)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, widget, text):
    same(widget, [["set", "text", text], ["set", "position", 0], ["do", "open", [1, 0]]])


def test_a_text_longer_than_the_context(same, widget):
    same(
        widget, [["set", "text", 3 * TALE], ["set", "position", 128], ["set", "text", "A fox."], ["set", "position", 1]]
    )


@pytest.mark.parametrize("name", ["text", "position", "row"])
def test_what_is_not_allowed_is_the_same_sentence(same, widget, name):
    same(widget, [["set", name, value] for value in WRONG])


def test_what_a_page_may_not_open(same, widget):
    same(widget, [["do", "open", pair] for pair in ([5, 0], [0, 500], [-1, 0], [None, 0], ["0", 1], [1, 1])])


def test_the_cell_that_was_saved(same, told):
    same(LogitLens(*told, TALE, row=1, position=5))
    same(LogitLens(*told, ""))
