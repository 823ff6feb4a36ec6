"""What holds for every widget, whoever uses it: it answers, and says in a sentence what it cannot do."""

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from gptcore import GPTConfig, quantize, show
from tests.show.conftest import move, press

SAMPLING = {"temperature": 0.8, "top_k": 5}
CUTS = {"top_p": 0.9, "min_p": 0.01}
ACTIONS = 60  # in a walk
TINY = GPTConfig(vocab_size=64, context_length=8, emb_dim=8, n_heads=2, n_layers=1)


def predicted(**choice: Any) -> show.Prediction:
    """A question, answered if there is a `choice`."""
    prediction = show.Prediction("Is it?", {"yes": "It is not.", "no": "It is."}, right="no")
    prediction.change(**choice)
    return prediction


class Kind(NamedTuple):
    """A kind of widget: how one is made with settings, good settings, and what a hand in code may call."""

    make: Callable[..., Any]
    good: dict[str, Any]
    calls: dict[str, list[tuple[Any, ...]]] = {}


KINDS = {
    "AttentionView": Kind(show.AttentionView, {"text": "Once upon", "layer": 1, "head": 1, "position": 1}),
    "CostExplorer": Kind(
        lambda model, tokenizer, **settings: show.CostExplorer({"tiny": TINY}, **settings),
        {"tokens": 4, "batch_size": 2, "dtype": torch.bfloat16, "bandwidth": 5e9},
        {"look": [(0,), (1,), (-1,), ("x",)]},
    ),
    "DistributionExplorer": Kind(
        show.DistributionExplorer,
        {"prompt": "Once upon", **SAMPLING, **CUTS, "rows": 5, "seed": 3},
        {"draw": [(1,), (0,), (10**9,), ("x",), (-1,), (2.5,)], "reset": [()]},
    ),
    "FutureTree": Kind(
        show.FutureTree,
        {"prompt": "Once upon", "width": 2, "depth": 2, **SAMPLING, "uniform": 0.25, "seed": 3},
        {
            "throw": [()],
            "take": [()],
            "back": [()],
            "choose": [([5],), ([5, 6],), ([],), ([10**9],), (None,)],
        },
    ),
    "GenerationStepper": Kind(
        show.GenerationStepper,
        {"prompt": "Once upon", **SAMPLING, **CUTS, "seed": 3, "max_new_tokens": 30},
        {
            "forward": [()],
            "back": [()],
            "reset": [()],
            "go_to": [(0,), (1,), (-1,), (10**6,), ("x",)],
            "choose": [(5,), (-1,), (10**9,), (None,)],
        },
    ),
    "LogitLens": Kind(show.LogitLens, {"text": "Once upon", "position": 1, "row": 1}),
    "Machine": Kind(show.Machine, {"prompt": "Once upon", **SAMPLING, "seed": 3}, {"write": [()], "other_luck": [()]}),
    "ModelComparison": Kind(
        lambda model, tokenizer, **settings: show.ModelComparison({"one": model, "two": model}, tokenizer, **settings),
        {"prompt": "Once upon", **SAMPLING, "seed": 3, "max_length": 4},
        {"other_luck": [()]},
    ),
    "NextToken": Kind(
        show.NextToken, {"prompt": "Once upon", **SAMPLING, "seed": 3}, {"add_token": [()], "new_story": [()]}
    ),
    "PrecisionExplorer": Kind(
        show.PrecisionExplorer,
        {"bits": 4, "grouping": 64, "text": "Once upon", "prompt": "Once", **SAMPLING, "seed": 3, "max_length": 4},
        {"measure_next": [()], "other_luck": [()], "go_to": [(3, "row"), (16, None), ("x", 1), (5, [])]},
    ),
    "Prediction": Kind(lambda model, tokenizer, **choice: predicted(**choice), {"choice": "no"}),
    "SettingsComparison": Kind(
        show.SettingsComparison, {"prompt": "Once upon", "seed": 3, "max_length": 4}, {"other_luck": [()]}
    ),
    "Story": Kind(
        show.Story,
        {"prompt": "Once upon", **SAMPLING, "seed": 3, "max_length": 4, "shaded": True},
        {"another": [()]},
    ),
    "StreamingGenerator": Kind(
        show.StreamingGenerator,
        {"prompt": "Once upon", **SAMPLING, **CUTS, "seed": 3, "max_length": 4, "speed": None},
        {"start": [()], "stop": [()]},
    ),
    "TextScorer": Kind(
        show.TextScorer,
        {"text": "Once upon", "position": 1},
        {"replace": [(5,), (-1,), (10**9,), (None,), ("x",)]},
    ),
    "TokenExplorer": Kind(
        lambda model, tokenizer, **settings: show.TokenExplorer(tokenizer, **settings), {"text": "Once"}
    ),
    "TrainingMonitor": Kind(
        show.TrainingMonitor,
        {"prompt": "Once upon", **SAMPLING, "seed": 3, "sample_length": 3, "floor": 0.5},
        {"stop": [()]},
    ),
}
BY_HAND = {"log": False, "playing": False, "speed": 4}  # settings that no constructor takes
ODD = [
    *(None, True, False, "", "abc", "a fox ", "옛날", "\ud800", b"x", [1], {}, object(), len),
    *(-1, 0, 1, 2, 3, 10**6, 10**9, 2**63 - 1, 2**63, 10**400, -(10**400)),
    *(0.0, 0.5, 1.0, 2.5, -0.5, 1e-320, 1e300, float("nan"), float("inf"), -float("inf")),
    *(Fraction(1, 2), np.int64(2), np.float32(0.5), np.float64("nan"), torch.tensor(1), torch.float16, torch.int8),
    *("<img src=x onerror=alert(1)>", "$x$ \u202e \x00\x07\x1b[31m\u2066", "a b " * 5000),
]


SENT = [thing for thing in ODD if isinstance(thing, (str, int, float, list, dict, type(None)))]  # what JSON has


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    writers = show.SettingsComparison, show.ModelComparison, show.StreamingGenerator, show.PrecisionExplorer, show.Story
    for owner in writers:
        monkeypatch.setattr(owner.max_length, "most", 6)  # a walk is long enough
    return KINDS[request.param]


@pytest.fixture
def make(kind, model_of_noise, tokenizer):
    """make(**settings): a widget of this kind, on a model and a tokenizer that are the same each time."""
    model = model_of_noise(n_layers=2, n_heads=2, emb_dim=8, context_length=12)
    return lambda **settings: kind.make(model, tokenizer, **settings)


class Walk:
    """A walk of random actions: what a hand can do on the page, and what can be set and called in code."""

    def __init__(self, widget: Any, kind: Kind, seed: int):
        self.widget, self.kind, self.luck = widget, kind, random.Random(seed)
        self.done = dict.fromkeys(("attribute", "control", "button", "call"), 0)

    def go(self, actions: int) -> None:
        for _ in range(actions):
            name = self.luck.choice(["attribute", "attribute", "control", "control", "call"])
            getattr(self, name)()
            assert isinstance(self.widget.caption, str) and self.widget.describe()

    def attribute(self) -> None:
        """Any value for any setting: what is not allowed changes nothing, and is said."""
        name = self.luck.choice([*self.kind.good, *(name for name in BY_HAND if name in self.widget.controls)])
        value = self.luck.choice([*ODD, *3 * [self.kind.good.get(name)]])
        before = getattr(self.widget, name)
        setattr(self.widget, name, value)
        if self.widget.problem and self.widget.record is not None:
            assert getattr(self.widget, name) is before or getattr(self.widget, name) == before, (name, value)
            assert self.widget.problem in self.widget.caption
        self.done["attribute"] += 1

    def control(self) -> None:
        """A page may send anything for any control, and any values with any button."""
        if self.widget.hands and self.luck.random() < 0.4:
            name = self.luck.choice(self.widget.hands)
            values = self.luck.choice([(), *self.kind.calls.get(name, ()), (self.luck.choice(SENT),)])
            press(self.widget, name, *values)
            self.done["button"] += 1
        elif self.widget.controls:
            name = self.luck.choice(list(self.widget.controls))
            offered = self.widget.view.offers.get(name, {}).get("options", [])
            move(self.widget, **{name: self.luck.choice([*(value for _, value in offered), *SENT])})
            self.done["control"] += 1

    def call(self) -> None:
        if not self.kind.calls:
            return self.attribute()
        name = self.luck.choice(list(self.kind.calls))
        try:
            getattr(self.widget, name)(*self.luck.choice(self.kind.calls[name]))
        except (TypeError, ValueError) as error:
            assert str(error).split(" must be")[0] in ("count", "position", "token_id", "way"), error
        self.done["call"] += 1


def settled(widget: Any, kind: Kind) -> Any:
    """The widget with good settings."""
    by_hand = {name: value for name, value in BY_HAND.items() if name in widget.controls and name not in kind.good}
    for action in ("stop", "wait"):
        getattr(widget, action, lambda: None)()
    widget.change(**kind.good, **by_hand)
    if isinstance(widget, show.SettingsComparison):
        widget.settings = SAMPLING, CUTS
    if isinstance(widget, show.ModelComparison):
        widget.position = 0
    if isinstance(widget, show.GenerationStepper):
        widget.reset()
    if isinstance(widget, show.StreamingGenerator):
        widget.start()
        widget.wait()
        widget.view.draw({**widget.view.shown, "pace": None})
    return widget


@pytest.mark.parametrize("seed", [1])
def test_after_a_walk_of_any_actions_it_answers_as_a_new_one(make, kind, shown, seed):
    widget = make()
    walk = Walk(widget, kind, seed)
    walk.go(ACTIONS)
    assert sum(walk.done.values()) > ACTIONS / 2
    assert shown(settled(widget, kind)) == shown(settled(make(**kind.good), kind)) and widget.problem is None


@pytest.mark.parametrize("prepared", [quantize, lambda model: model.bfloat16()], ids=["int8", "bfloat16"])
def test_it_shows_a_model_whatever_its_weights_are_kept_as(prepared, kind, make, model_of_noise, tokenizer):
    model = prepared(model_of_noise(n_layers=2, n_heads=2, emb_dim=8, context_length=12))
    if kind.make is show.PrecisionExplorer and prepared is quantize:  # it rounds weights, but not twice
        with pytest.raises(ValueError, match="quantised already"):
            kind.make(model, tokenizer, **kind.good)
        return
    widget = settled(kind.make(model, tokenizer, **kind.good), kind)
    assert widget.problem is None and widget.record is not None
    assert widget.view.offers.keys() == settled(make(**kind.good), kind).view.offers.keys()


ERRORS = [MemoryError(), KeyError("key"), StopIteration(), OSError(28, "no <space>")]


def act(widget: Any, kind: Kind) -> None:
    """Every setting, every button and every control once, with a value that is allowed."""
    for name, value in kind.good.items():
        setattr(widget, name, value)
    for name in widget.hands:
        press(widget, name, *kind.calls.get(name, [()])[0])
    for name, offer in widget.view.offers.items():
        for _, value in offer.get("options", [])[:3]:
            move(widget, **{name: value})


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["_show", "_update", "model"])
def test_whatever_goes_wrong_is_said_and_it_still_answers(make, kind, shown, place, error):
    def fail(*arguments, **settings):
        raise error

    fresh, widget = shown(settled(make(**kind.good), kind)), make(**kind.good)
    with pytest.MonkeyPatch.context() as patch:
        if place != "model":
            patch.setattr(widget, place, fail)
        elif not hasattr(widget, "model"):
            return
        else:
            patch.setattr(type(widget.model), "hidden_states", fail)
        act(widget, kind)
        getattr(widget, "wait", lambda: None)()
        if place != "model" or kind.calls.keys() & {"draw", "forward", "start"}:
            said = str(error).strip("'") if isinstance(error, KeyError) else str(error) or type(error).__name__
            widget.change(**kind.good)
            assert said in widget.caption
    assert shown(settled(widget, kind)) == fresh and widget.problem is None
