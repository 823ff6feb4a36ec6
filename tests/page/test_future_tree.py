"""FutureTree: the page does what Python does, and knows the same truth."""

import json
from random import Random

import pytest

from gptcore import load_tokenizer, stories
from gptcore.hub import STORYTELLER
from gptcore.page.source import source, steps_of
from gptcore.show import FutureTree
from tests.page.test_next_token import HOSTILE, WRONG

BEGINNINGS = ["Once upon a time there", "Once upon a time there was a", "옛날 옛적에 조용한", "hello world", ""]


@pytest.fixture
def tree(told):
    return lambda prompt="Once upon a time there", width=3, depth=2, **more: FutureTree(
        *told, prompt, width, depth, **more
    )


def truth_on_page(bench, rows: list[list[int]], tokenizer: str = "storyteller") -> list[dict[int, float] | None]:
    """What the page says of the next token after each of `rows`; None if it cannot be asked."""
    code = """([rows, name]) => rows.map((row) => {
        try { return [...stories.nextToken(row, context.tokenizers[name])]; } catch { return null; }
    })"""
    return [found if found is None else dict(found) for found in bench.evaluate(code, [rows, tokenizer])]


def truth(row: list[int], tokenizer) -> dict[int, float] | None:
    try:
        return stories.next_token(row, tokenizer)
    except ValueError:
        return None


def is_same_truth(python: dict[int, float] | None, page: dict[int, float] | None) -> bool:
    if python is None or page is None:
        return python is page
    return python.keys() == page.keys() and all(abs(python[i] - page[i]) < 1e-12 for i in python)


@pytest.mark.parametrize("language", stories.LANGUAGES)
def test_the_page_knows_the_true_next_tokens_of_every_tale(bench, told, language):
    _, tokenizer = told
    random, rows = Random(language), []
    for seed in range(30):  # every plot a few times
        row = tokenizer.encode(stories.sample(language, seed + 70_000))
        rows += [row[: random.randrange(len(row))] for _ in range(8)]
        rows += [row, [*row, tokenizer.eos_token_id], row[:-1]]
        wrong = [*row[: random.randrange(len(row))], random.randrange(len(tokenizer))]  # no tale, perhaps
        rows.append(wrong)
    for row, page in zip(rows, truth_on_page(bench, rows), strict=True):
        assert is_same_truth(truth(row, tokenizer), page), tokenizer.decode(row)


def test_what_is_no_tale_is_none_on_the_page(bench, told):
    english = load_tokenizer(STORYTELLER / "english_tokenizer")
    texts = [*HOSTILE, *BEGINNINGS, " ", "Once upon a time ", "½ cup", "a_b __", "Once upon a time there\ufffd", "옛"]
    for name, tokenizer in (("storyteller", told[1]), ("english", english)):
        rows = [tokenizer.encode(text) for text in texts if "\ud83e" not in text]
        rows += [[2000], [*tokenizer.encode("Once upon"), 3000]]  # tokens that the small tokenizer lacks
        for row, page in zip(rows, truth_on_page(bench, rows, name), strict=True):
            assert is_same_truth(truth(row, tokenizer), page), (name, row)


def test_the_steps_of_a_plot_are_data():
    """A plot that asks for something else than templates, memory and choices cannot be written down."""
    assert json.loads(json.dumps(steps_of(lambda tale: tale.say("a {b}", ("c", "d"))))) == [
        ["say", "a {b}"],
        ["either", ["c", "d"]],
    ]
    assert steps_of(lambda tale: tale.say("x" if "food" in tale.memory else "y")) == [
        ["has", "food", [[["say", "y"]], [["say", "x"]]]]
    ]
    assert "</" not in source().partition("\n")[0]


@pytest.mark.parametrize("prompt", BEGINNINGS, ids=range(len(BEGINNINGS)))
def test_the_same_ways_with_the_same_truth(same, tree, prompt):
    states = same(tree(prompt, width=4, depth=3), [["set", "temperature", 0.5], ["set", "top_k", 2]])
    branches = states[0]["shown"]["branches"]
    assert len(branches) > 4 and all((branch["true"] is None) == (prompt == "hello world") for branch in branches)


def test_every_setting(same, tree):
    steps = [["set", "width", value] for value in (1, 12, 13, 6)]
    steps += [["set", "depth", value] for value in (1, 4, 99)]
    steps += [["set", "temperature", value] for value in (0, 0.05, 2, 1)]
    steps += [["set", "top_k", value] for value in (1, 3, 10**6, None)]
    same(tree(), steps)


def test_the_darts_are_those_of_the_seed(same, tree):
    throw = ["do", "throw", []]
    steps = [throw] * 6 + [["set", "seed", 7], throw, ["set", "temperature", 0.4], throw]
    steps += [["set", "uniform", value] for value in (0, 0.5, 0.999999, None)]
    states = same(tree(), steps)
    assert len({state["shown"]["uniform"] for state in states}) > 9


def test_ways_are_written_and_taken_away(same, tree):
    throw, take, back = (["do", name, []] for name in ("throw", "take", "back"))
    steps = [["do", "choose", [[287, 285]]], throw, take, throw, take, back, back, throw, back, back, back]
    steps += [["do", "choose", [way]] for way in ([3071], [5], [3072], [-1], [], None, "x", [1.5], [True], {"a": 1})]
    steps += [throw, take, back, ["set", "prompt", "Once"]]
    widget = tree()
    same(widget, steps)
    assert widget.text == "Once"


def test_a_saved_tree_goes_on_where_it_was(same, tree):
    widget = tree(seed=5)
    widget.throw()
    widget.take()
    widget.choose([287])
    same(widget, [["do", "throw", []]])  # after a way was written, and
    widget.throw()
    states = same(widget, [["do", "throw", []], ["do", "back", []], ["do", "throw", []]])  # with a dart
    assert widget.hit is not None and len({state["settings"]["uniform"] for state in states}) == 4


def test_a_hand_need_not_wait_for_a_tree_that_grows(bench, tree):
    """What was shown stays until then, the newest settings count, and a button acts on the tree that they make."""
    code = """async (page) => {
        const view = new views.FutureTree(context, page);
        await view.settled();
        const branches = () => JSON.stringify(view.view.get("shown").branches);
        const before = branches();
        view.change({ width: 12, depth: 6 });
        const during = [view.caption, branches() === before, view.view.get("settings").width];
        view.change({ width: 2, depth: 5 });
        view.heard("do", "throw", []);
        const after = [view.work.isOpen, view.caption, view.record.ways.length];
        view.change({ width: 12, depth: 6, top_k: 30 });
        await view.settled();
        return [during, after, [view.record.ways.length, view.view.get("shown").uniform === view.uniform]];
    }"""
    widget = tree("Once upon a time there was a")
    during, after, last = bench.evaluate(code, widget._given())
    widget.change(width=2, depth=5)
    widget.throw()
    assert during == ["…", True, 12] and after == [False, widget.caption, len(widget.ways)]
    widget.change(width=12, depth=6, top_k=30)
    assert last == [len(widget.ways), True]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, tree, text):
    same(tree(uniform=0.99), [["set", "prompt", text]])


@pytest.mark.parametrize("name", ["prompt", "seed", "width", "depth", "temperature", "top_k", "uniform"])
def test_what_is_not_allowed_is_the_same_sentence(same, tree, name):
    allowed = {"seed": [None], "uniform": [None]}  # new luck, and no dart
    same(tree(), [["set", name, value] for value in WRONG if value not in allowed.get(name, [])])


def test_a_text_that_is_as_long_as_the_context(same, tree, told):
    tale = told[1].decode(told[1].encode(stories.sample("en", 3) + " " + stories.sample("en", 4))[:253])
    same(tree(tale, depth=3), [["set", "depth", 5], ["do", "choose", [[5, 6, 7]]], ["do", "throw", []]])
