import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from gptcore import next_token_distribution, show
from gptcore.show.arguments import checked, fits, in_words
from gptcore.show.training_record import Training


@pytest.fixture(scope="module")
def calls(tokenizer):
    """{name: (function, arguments that are allowed)}"""
    _, ax = show.chart(4, 3)
    distribution = next_token_distribution(torch.arange(len(tokenizer)).float() / 50)
    candidates, dart = show.Candidates.of(distribution, tokenizer), show.Dart.of(distribution, 0.5, tokenizer)
    rows = {"ax": ax, "labels": ["a", "b"], "texts": ["x", "y"], "xlabel": "x"}
    lines = {"ax": ax, "log": False, "ends": False}
    truth = {"truth": {1: 0.5, 2: 0.5}, "belief": distribution.probs, "tokenizer": tokenizer, "count": 3}
    return {
        "plot_bars": (show.plot_bars, rows | {"values": [1, 2], "hatched": [0]}),
        "plot_scores": (show.plot_scores, rows | {"scores": [1, 2]}),
        "plot_pairs": (show.plot_pairs, rows | {"pairs": {"x": [1, 2], "y": [1, 2]}, "texts": {"x": ["a", "b"]}}),
        "plot_lines": (show.plot_lines, lines | {"x": [1, 2], "lines": {"a": [1, 2]}, "xlabel": "x", "ylabel": "y"}),
        "plot_time_per_token": (show.plot_time_per_token, lines | {"lengths": [1, 2], "seconds": {"a": [1, 2]}}),
        "plot_futures": (show.plot_futures, {"ax": ax, "rows": [{"a": 1.0}], "outlined": ["a"]}),
        "plot_candidates": (show.plot_candidates, {"ax": ax, "candidates": candidates}),
        "plot_dart": (show.plot_dart, {"ax": ax, "dart": dart}),
        "plot_belief": (show.plot_belief, {"ax": ax, **truth}),
        "plot_losses": (show.plot_losses, {"ax": ax, "training": Training(3, 1.0)}),
    }


def test_what_a_chart_accepts_can_be_drawn(calls):
    figure, ax = show.chart(3, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function, good in calls.values():
            if "ax" in good:
                ax.clear()
                function(**good | {"ax": ax})
                figure.canvas.draw()


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (show.plot_bars, (["a"], [1, 2]), "values must be no more than labels, 1, got 2"),
        (show.plot_bars, (["a"], [float("inf")]), "values must be finite"),
        (show.plot_bars, (["a"], [1], ["x"], [3]), "hatched must be numbers of rows"),
        (show.plot_bars, (["a"] * 2000, [1] * 2000), "labels must be at most 1,000, got 2,000"),
        (show.plot_bars, ([1], [1]), r"labels must be several texts \(str\), got \[1\]"),
        (show.plot_scores, ([], []), "scores must be at least one"),
        (show.plot_pairs, (["a"], {"x": [1]}), "pairs must be two, got 1"),
        (show.plot_pairs, (["a"], {"x": [1], "y": []}), "pairs must each have a value for each of 1 labels, got 0"),
        (show.plot_lines, ([1], {"a": [1, 2]}), "lines must have at most 1 points, as many as x, got 2 for 'a'"),
        (show.plot_candidates, (5,), "candidates must be of the class Candidates, got 5"),
    ],
)
def test_sentences_of_charts(function, arguments, words):
    (_, ax) = show.chart(3, 3)
    if function is show.plot_bars and len(arguments) > 3:
        arguments, more = arguments[:3], {"hatched": arguments[3]}
    else:
        more = {}
    with pytest.raises((TypeError, ValueError), match=words):
        function(ax, *arguments, **more)
    with pytest.raises(TypeError, match="ax must be of the class Axes, got 'ax'"):
        function("ax", *arguments, **more)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rows": 10**6}, "rows must be from 1 to 100"),
        ({"columns": 0}, "columns must be from 1 to 100"),
        ({"width": float("nan")}, "width must be above 0"),
        ({"height": 10**6}, "height must be above 0 and at most 500 inches"),
    ],
)
def test_a_chart_has_a_size(settings, words):
    with pytest.raises(ValueError, match=words):
        show.chart(**{"width": 3, "height": 3} | settings)


WIDGETS = [
    show.AttentionView,
    show.LogitLens,
    show.DistributionExplorer,
    show.GenerationStepper,
    show.NextToken,
    show.SettingsComparison,
]
WIDGETS += [show.StreamingGenerator, show.TrainingMonitor, show.TextScorer, show.PrecisionExplorer]


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.__name__)
def test_the_model_and_the_tokenizer_of_a_widget(widget, model, tokenizer):
    with pytest.raises(TypeError, match=r"^model must be a GPTModel, got tuple: load\(\) returns the model"):
        widget((model, tokenizer), tokenizer)
    for wrong in (None, "storyteller", torch.nn.Linear(1, 1), tokenizer):
        with pytest.raises(TypeError, match=r"^model must be a GPTModel, got \w+$"):
            widget(wrong, tokenizer)
    for wrong in (None, "gpt2", model):
        with pytest.raises(TypeError, match=r"^tokenizer must have encode and decode, got \w+$"):
            widget(model, wrong)


def test_models_and_configs_by_name(model, tokenizer):
    for wrong in (model, [model], None, {1: model}):
        with pytest.raises(TypeError, match="^models must be a dictionary with names as keys, got"):
            show.ModelComparison(wrong, tokenizer)
        with pytest.raises(TypeError, match="^configs must be a dictionary with names as keys, got"):
            show.CostExplorer(wrong)
    with pytest.raises(TypeError, match="^model must be a GPTModel, got int"):
        show.ModelComparison({"one": model, "two": 2}, tokenizer)


def test_what_fits_an_annotation():
    good = [(1.5, float), (torch.tensor(2), float), (3, int), (np.int64(3), int), (None, int | None)]
    good += [(np.ones(2), Sequence[float]), ({"a": [1]}, Mapping[str, Sequence[float]]), (iter(["a"]), Iterable[str])]
    good += [((1, "a"), tuple[int, str]), ({"a"}, Collection[str]), ({1: "a"}, dict[int, str])]
    assert all(fits(value, annotation) for value, annotation in good)
    bad = [("1", float), (True, float), (10**400, float), (1.5, int), ("a", int | None), ("ab", Sequence[str])]
    bad += [
        ([1], Sequence[str]),
        ({1: [1]}, Mapping[str, Sequence[float]]),
        ((1,), tuple[int, str]),
        ([], dict[int, str]),
    ]
    assert not any(fits(value, annotation) for value, annotation in bad)
    assert in_words(Axes | None) == "of the class Axes or None"


def test_a_checked_function_is_itself_otherwise():
    @checked
    def plain(first: int, *more: str, last: float = 1, **others: int) -> tuple:
        """What it does."""
        return first, more, last, others

    assert plain.__doc__ == "What it does."
    assert plain(1, "a", last=2, other="any") == (1, ("a",), 2, {"other": "any"})
    with pytest.raises(TypeError, match="^last must be a number, got 'x'$"):
        plain(1, last="x")
    with pytest.raises(TypeError, match="missing a required argument: 'first'"):
        plain()
