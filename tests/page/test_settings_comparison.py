"""SettingsComparison: the page does what Python does."""

import json

import pytest

from gptcore.show import SettingsComparison
from tests.page.bench import difference
from tests.page.hostile import HOSTILE, WRONG


@pytest.fixture
def comparison(told):
    return SettingsComparison(*told, "Once upon a time", seed=5, max_length=15)


@pytest.fixture
def short(told):
    return SettingsComparison(*told, "Once upon a time", seed=5, max_length=3)


def test_every_token_can_be_looked_at(same, comparison):
    steps = [["do", "look", [i]] for i in (0, 3, 14, 15, *WRONG)]
    states = same(comparison, [*steps, ["do", "other_luck", []], ["do", "other_luck", []]])
    assert [state["shown"]["position"] for state in states[1:4]] == [0, 3, 14]


def test_every_setting(same, short):
    settings = {"temperature_a": [0, 0.35, 2, 3], "top_k_a": [1, 7, None], "top_k_b": [10, 10**6]}
    settings |= {
        "temperature_b": [0.7],
        "seed": [0, 2**40],
        "max_length": [0, 1, 1000, 2],
        "prompt": ["옛날 옛적에", ""],
    }
    same(short, [["set", name, value] for name, values in settings.items() for value in values])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, short, text):
    same(short, [["set", "prompt", text]])


@pytest.mark.parametrize("name", ["prompt", "seed", "max_length", "temperature_b", "top_k_a"])
def test_what_is_not_allowed_is_the_same_sentence(same, short, name):
    same(short, [["set", name, value] for value in WRONG if value is not None or name != "top_k_a"])


def test_a_text_that_does_not_fit_is_cut(same, told):
    comparison = SettingsComparison(*told, "Once", seed=5, max_length=10)
    states = same(comparison, [["set", "prompt", text] for text in ("옛날 옛적에 " * 200, "The end. " * 90)])
    assert all("was cut to its last" in state["caption"] for state in states[1:])


def test_settings_without_a_control_and_the_same_settings_twice(same, told):
    both = {"temperature": 1.0, "top_k": 10}, {"temperature": 0.7, "top_p": 0.9, "min_p": 0.05}
    same(SettingsComparison(*told, settings=both, seed=2, max_length=8), [["set", "top_k_b", 5]])
    alike = SettingsComparison(*told, settings=both[:1] * 2, seed=2, max_length=5)
    states = same(alike, [["do", "look", [2]]])
    assert states[0]["caption"] == "The texts are the same, all 5 new tokens."


def test_the_token_that_was_looked_at_is_there_again(same, short, bench):
    short.look(0)
    (state,) = same(short)
    assert state["shown"]["position"] == 0 and bench.evaluate("() => view.did()") == [["look", [0]]]


SLOWLY = """
async () => {
  view.change({ max_length: 30 });
  const seen = [view.view.get("shown"), view.caption];
  view.heard("do", "look", [2]);
  view.change({ seed: 7 }); // other texts begin
  view.heard("do", "look", [4]);
  await view.settled();
  return [...seen, view.view.get("shown"), view.did()];
}
"""


def test_the_page_answers_while_the_texts_grow(bench, told, short):
    bench.walk(json.loads(json.dumps(short._given())))
    first, said, last, did = bench.evaluate(SLOWLY)
    assert [side["pieces"] for side in first["sides"]] == [[], []] and said == "It is writing."
    comparison = SettingsComparison(*told, "Once upon a time", seed=7, max_length=30)
    comparison.look(4)
    assert difference(comparison.view.shown["sides"], last["sides"]) is None
    assert last["position"] == 4 and did == [["look", [4]]] and "writing" not in last
