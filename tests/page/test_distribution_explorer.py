"""DistributionExplorer: the page does what Python does."""

import pytest

from gptcore.show import DistributionExplorer
from gptcore.show.distribution_explorer import MIN_PS, TEMPERATURES, TOP_KS, TOP_PS
from tests.page.hostile import HOSTILE, WRONG


@pytest.fixture
def explorer(told):
    return DistributionExplorer(*told, "Once upon a time there was a")


@pytest.mark.parametrize(
    ("name", "values"),
    [("temperature", TEMPERATURES), ("top_k", TOP_KS[:-2]), ("top_p", TOP_PS), ("min_p", MIN_PS)],
    ids=["temperature", "top_k", "top_p", "min_p"],
)
def test_every_place_of_every_slider(same, explorer, name, values):
    same(explorer, [["set", name, value] for value in (*values, None if name != "temperature" else 1)])


def test_settings_together(same, explorer):
    steps = [["set", "top_k", 40], ["set", "top_p", 0.9], ["set", "min_p", 0.02], ["set", "temperature", 0.4]]
    same(explorer, [*steps, ["set", "temperature", 1e-3], ["set", "temperature", 0], ["set", "temperature", 1e30]])


def test_rows_and_axis(same, explorer):
    same(explorer, [["set", "rows", rows] for rows in (5, 20, 1, 50, 51)] + [["set", "log", True], ["set", "log", 1]])


def test_draws(same, explorer):
    steps = [["do", "draw", [count]] for count in (1, 100, 1000, 0, 1, 5, -1, 2.5, None, 30_000)]
    states = same(explorer, [["do", "draw", []], *steps, ["set", "rows", 5], ["set", "temperature", 0.5], *steps])
    assert states[-1]["shown"]["draws"] == explorer.draws == 31_107


def test_at_most_a_million_draws_at_once(same, explorer):
    """Of two tokens: among thousands, the rounding of the page moves one draw of a million."""
    same(explorer, [["set", "top_k", 2], ["do", "draw", [1_000_001]]])
    assert "cut to 1,000,000" in explorer.caption


def test_what_was_drawn_before_it_was_saved(same, told):
    explorer = DistributionExplorer(*told, "Once upon a time there was a", seed=3)
    explorer.draw(1000)
    same(explorer, [["do", "draw", [1]]])
    same(explorer, [["do", "draw", [10]], ["do", "reset", []], ["do", "draw", [1]]])


def test_reset_goes_back_to_where_the_widget_began(same, told):
    explorer = DistributionExplorer(*told, "Once upon a", top_p=0.9, rows=7, temperature=0.7)
    explorer.change(prompt="옛날", temperature=0.33, top_p=None, log=True)
    same(explorer, [["do", "reset", []]])
    assert explorer.prompt == "Once upon a" and explorer.top_p == 0.9


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, explorer, text):
    same(explorer, [["set", "prompt", text], ["do", "draw", [1]]])


@pytest.mark.parametrize("name", ["prompt", "seed", "temperature", "top_k", "top_p", "min_p", "log", "rows"])
def test_what_is_not_allowed_is_the_same_sentence(same, explorer, name):
    wrong = [value for value in WRONG if value is not True or name == "log"]  # in Python it is a 1 that is offered
    same(explorer, [["set", name, value] for value in wrong])


def test_the_model_reads_a_prompt_once_and_not_while_a_slider_moves(bench, told, explorer):
    bench.walk(DistributionExplorer(*told, "a fox")._given())
    bench.evaluate(
        """() => {
          const model = context.models.storyteller;
          window.read = 0;
          model.hiddenStates = (...given) => (read += 1, GPTModel.prototype.hiddenStates.call(model, ...given));
        }"""
    )
    bench.walk(explorer._given(), [["set", "temperature", value] for value in TEMPERATURES])
    assert bench.evaluate("() => { delete context.models.storyteller.hiddenStates; return read; }") == 1
