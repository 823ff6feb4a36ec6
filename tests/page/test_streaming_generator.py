"""StreamingGenerator: the page does what Python does, in slices."""

import json

import pytest

from gptcore import generate_text
from gptcore.show import StreamingGenerator
from tests.page.bench import difference, hear
from tests.page.hostile import HOSTILE, WRONG

# Start, stop after `stop` tokens if it is a number, and wait for the end.
RUN = """
async (stop) => {
  const front = view.view;
  const ask = (name) => {
    front.set("asked", [...front.get("asked"), [front.get("done") + 1, "do", name, []]]);
    front.save_changes();
  };
  ask("start");
  await null;
  ask("start"); // while it is at work this does nothing
  while (view.state === "running") {
    if (stop !== null && view.newIds.length >= stop) ask("stop");
    await new Promise((done) => setTimeout(done));
  }
  return { shown: front.get("shown"), caption: view.caption };
}
"""


@pytest.fixture
def generator(told):
    return StreamingGenerator(*told, "Once upon a time", max_length=25, seed=2)


@pytest.fixture
def ends_the_same(bench):
    """Let it write in Python and on the page; both show the same at the end. Returns what the page shows."""

    def ends_the_same(generator, *steps):
        bench.walk(json.loads(json.dumps(generator._given())), steps)
        page = bench.evaluate(RUN)
        for step in (*steps, ["do", "start", []]):
            hear(generator, step)
        generator.wait(60)
        python = json.loads(json.dumps({"shown": generator.view.shown, "caption": generator.caption}))
        for state in (python, page):
            assert state["shown"].pop("pace") is None or state["shown"]["count"]
        assert not bench.errors and difference(python, page) is None
        return page["shown"]

    return ends_the_same


def test_it_writes_the_same_text(ends_the_same, generator):
    shown = ends_the_same(generator)
    assert "".join(shown["parts"]) == generator.text and shown["count"] == 25


OTHERS = {"temperature": 0}, {"top_k": None, "top_p": 0.9}, {"min_p": 0.1}, {"max_length": 0}


@pytest.mark.parametrize("settings", OTHERS)
def test_other_settings(ends_the_same, told, settings):
    ends_the_same(StreamingGenerator(*told, "옛날 옛적에", seed=4, **{"max_length": 20} | settings))


def test_a_tale_that_ends(ends_the_same, told):
    ends_the_same(generator := StreamingGenerator(*told, "Once upon a time", max_length=250, seed=2))
    assert generator.ended


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(ends_the_same, told, text):
    ends_the_same(StreamingGenerator(*told, "Once", max_length=4, seed=1), ["set", "prompt", text])


def test_it_stops_and_keeps_the_text(bench, generator, told):
    generator.speed = 50
    bench.walk(json.loads(json.dumps(generator._given())))
    shown = bench.evaluate(RUN, 5)["shown"]
    assert shown["state"] == "stopped" and 5 <= shown["count"] < 25
    assert "".join(shown["parts"]) == generate_text(told[0], "Once upon a time", told[1], shown["count"], seed=2)


def test_settings_before_it_starts(same, generator):
    settings = {"speed": [1, 50, 60, None], "temperature": [0, 2], "top_k": [None, 5], "top_p": [0.5], "min_p": [0.1]}
    settings |= {"seed": [3], "max_length": [7, 10**6], "prompt": ["The", ""]}
    same(generator, [["set", name, value] for name, values in settings.items() for value in values])


@pytest.mark.parametrize("name", ["speed", "max_length", "seed", "top_k"])
def test_what_is_not_allowed_is_the_same_sentence(same, generator, name):
    same(generator, [["set", name, value] for value in WRONG])
