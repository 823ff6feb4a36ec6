import json

import pytest

from gptcore.sampling import Sampling
from gptcore.show import FutureTree
from gptcore.show.futures import futures, thrown
from gptcore.show.ways import Reader


@pytest.fixture
def widget(model_of_noise, tokenizer):
    return FutureTree(model_of_noise(n_layers=1), tokenizer, "Once upon a time there", width=3, depth=3, seed=4)


def test_it_shows_the_likeliest_ways(widget, tokenizer):
    expected = futures(Reader(widget.model, tokenizer, tokenizer.encode(widget.text)), "", Sampling(), 3, 3)
    assert [(way.way, way.path_prob) for way in widget.ways] == [(way.way, way.path_prob) for way in expected.ways]
    assert widget.greedy.way == expected.greedy.way and widget.hit is None
    assert widget.describe().startswith("FutureTree: 'Once upon a time there' may go on with ")


def test_settings_by_hand(widget, move):
    move(widget, width=1, depth=2, temperature=0.5)
    assert {len(way.way) for way in widget.ways} == {2} and len(widget.ways) <= 2
    prob = widget._reader.distribution((), Sampling(0.5)).probs.max().item()
    assert widget.root.branches[0].prob == prob
    move(widget, temperature=0)
    assert [way.path_prob for way in widget.ways] == [1.0]
    move(widget, width=0)
    assert "width must be at least 1" in widget.caption and widget.width == 1
    move(widget, prompt="옛날")
    assert widget.text == "옛날"


def test_the_darts_are_those_of_the_seed(widget, press):
    darts = []
    for _ in range(3):
        press(widget, "throw")
        darts.append(widget.uniform)
        assert widget.hit.branch is thrown(widget.record, widget.uniform, widget._reader, Sampling()).hit.branch
        assert f"The dart at {widget.record.uniform_text} hits" in widget.caption
    assert len(set(darts)) == 3
    widget.seed = 4
    press(widget, "throw")
    assert widget.uniform == darts[0]
    widget.uniform = None
    assert widget.hit is None


def test_a_new_setting_keeps_the_dart(widget):
    widget.uniform = 0.4
    widget.temperature = 0.6
    assert widget.hit.branch.way == thrown(widget.record, 0.4, widget._reader, Sampling(0.6)).hit.branch.way


def test_a_way_is_written_and_taken_away(widget, press, tokenizer):
    start, way = list(widget.token_ids), tuple(tokenizer.encode(" fox"))
    press(widget, "choose", list(way))
    assert widget.token_ids == [*start, *way] and widget.view.shown["start"] == list(way)
    assert widget.prompt == "Once upon a time there" and widget.text.startswith(widget.prompt)
    widget.uniform = 0.999
    hit = widget.hit.way
    press(widget, "take")
    assert widget.token_ids == [*start, *way, *hit] and widget.hit is None and widget.uniform is None
    press(widget, "back")
    press(widget, "back")
    press(widget, "back")  # does nothing
    assert widget.token_ids == start
    press(widget, "choose", list(way))
    widget.prompt = "Once"
    assert widget.token_ids == tokenizer.encode("Once")


def test_after_the_end_there_is_nothing_to_choose(widget, press):
    before = len(widget.token_ids)
    press(widget, "choose", [widget.tokenizer.eos_token_id])
    assert "ends the text" in widget.caption and widget.ways == [] and widget.view.shown["branches"] == []
    assert widget.text == widget.prompt and widget.view.shown["parts"] == [widget.prompt, ""]
    for name, *values in (("throw",), ("take",), ("choose", [1])):
        press(widget, name, *values)
    widget.uniform = 0.5
    widget.picture()
    press(widget, "back")
    assert len(widget.token_ids) == before and widget.ways


@pytest.mark.parametrize("way", ["a", [], [-1], [10**9], ["a"], None, [True], 3])
def test_what_is_no_way_is_refused(widget, press, way):
    before = widget.token_ids
    with pytest.raises((TypeError, ValueError), match="way must be several token ids"):
        widget.choose(way)
    press(widget, "choose", way)
    assert "way must be several token ids" in widget.caption and widget.token_ids == before


@pytest.mark.parametrize("uniform", [1, -0.1, "a", float("nan")])
def test_a_dart_falls_on_the_bar(widget, uniform):
    widget.uniform = uniform
    assert widget.problem.startswith("uniform must be") and widget.uniform is None


def test_a_prompt_that_cannot_be_read_becomes_a_sentence(widget):
    widget.prompt = "a\ud800"
    assert "prompt must be text that UTF-8 can hold" in widget.caption
    assert widget.text == "Once upon a time there"


def test_the_page_gets_each_branch_with_the_one_that_it_parts_from(widget):
    widget.throw()
    shown = widget.view.shown
    branches = shown["branches"]
    assert len(branches) == len(list(widget.root)) - 1
    for branch in branches:
        parent = branches[branch["parent"]] if branch["parent"] >= 0 else {"way": [], "path": 1, "true": 1}
        assert branch["path"] == pytest.approx(parent["path"] * branch["prob"])
        assert list(branch["way"])[: len(parent["way"])] == list(parent["way"])
    ends = [i for i in range(len(branches)) if i not in {branch["parent"] for branch in branches}]
    assert sum(branches[i]["path"] for i in ends) == pytest.approx(1) == sum(branches[i]["true"] for i in ends)
    assert shown["hit"] in ends and shown["trueHit"] in ends and shown["uniform"] == widget.uniform
    assert len(json.dumps(shown)) < 60_000


def test_the_picture_shows_the_ends_and_all_others(widget):
    left, right = widget.picture().axes
    rows = [text.get_text().split("\n")[0] for text in left.texts]
    assert {branch.label for branch in widget.root if branch.way and not branch.is_others} <= set(rows)
    truth, model = ([bar.get_width() for bar in bars] for bars in right.containers)
    assert sum(truth) == pytest.approx(1) and sum(model) == pytest.approx(1)
    widget.prompt = "Hello"
    (bars,) = widget.picture().axes[1].containers
    assert sum(bar.get_width() for bar in bars) == pytest.approx(1)
