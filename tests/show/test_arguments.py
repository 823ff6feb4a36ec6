import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from gptcore import next_token_distribution
from gptcore.show import (
    AttentionView,
    Candidates,
    CostExplorer,
    Dart,
    DistributionExplorer,
    GenerationStepper,
    LogitLens,
    ModelComparison,
    NextToken,
    SettingsComparison,
    StreamingGenerator,
    TrainingMonitor,
    chart,
    percent,
    plot_bars,
    plot_belief,
    plot_candidates,
    plot_dart,
    plot_futures,
    plot_lines,
    plot_losses,
    plot_pairs,
    plot_scores,
    plot_time_per_token,
    print_text,
)
from gptcore.show.arguments import checked, fits, in_words
from gptcore.show.training_record import Training

BAD = [
    *(None, 0, -1, 1, True, 0.5, float("nan"), float("inf"), 10**400, "x", "", b"x", object(), len, type),
    *([], [1], ["a"], [[1]], [float("inf")], [float("nan"), 1], {}, {"a": 1}, {"a": [1]}, {1: 2}, range(3)),
    *(torch.tensor(1.0), torch.tensor([1, 2]), np.array([1.0, 2.0])),
]


@pytest.fixture(scope="module")
def calls(tokenizer):
    """{name: (function, arguments that are allowed)}"""
    figure, ax = chart(4, 3)
    distribution = next_token_distribution(torch.arange(len(tokenizer)).float() / 50)
    candidates, dart = Candidates.of(distribution, tokenizer), Dart.of(distribution, 0.5, tokenizer)
    rows = {"ax": ax, "labels": ["a", "b"], "texts": ["x", "y"], "xlabel": "x"}
    lines = {"ax": ax, "log": False, "ends": False}
    truth = {"truth": {1: 0.5, 2: 0.5}, "belief": distribution.probs, "tokenizer": tokenizer, "count": 3}
    return {
        "plot_bars": (plot_bars, rows | {"values": [1, 2], "hatched": [0], "fontsize": 9}),
        "plot_scores": (plot_scores, rows | {"scores": [1, 2]}),
        "plot_pairs": (plot_pairs, rows | {"pairs": {"x": [1, 2], "y": [1, 2]}, "texts": {"x": ["a", "b"]}}),
        "plot_lines": (plot_lines, lines | {"x": [1, 2], "lines": {"a": [1, 2]}, "xlabel": "x", "ylabel": "y"}),
        "plot_time_per_token": (plot_time_per_token, lines | {"lengths": [1, 2], "seconds": {"a": [1, 2]}}),
        "plot_futures": (plot_futures, {"ax": ax, "rows": [{"a": 1.0}], "outlined": ["a"]}),
        "plot_candidates": (plot_candidates, {"ax": ax, "candidates": candidates}),
        "plot_dart": (plot_dart, {"ax": ax, "dart": dart}),
        "plot_belief": (plot_belief, {"ax": ax, **truth}),
        "plot_losses": (plot_losses, {"ax": ax, "training": Training(3, 1.0)}),
        "chart": (chart, {"width": 3, "height": 3, "rows": 1, "columns": 1, "title": "x", "titles": ["a"]}),
        "Candidates.of": (Candidates.of, {"distribution": distribution, "tokenizer": tokenizer, "count": 3}),
        "Dart.of": (Dart.of, {"distribution": distribution, "uniform": 0.5, "tokenizer": tokenizer}),
        "print_text": (print_text, {"pieces": "a", "width": 10}),
        "percent": (percent, {"prob": 0.5}),
    }


@pytest.mark.filterwarnings("ignore")  # of axes that have no room
def test_whatever_is_given_is_drawn_or_refused_in_a_sentence(calls):
    refused = 0
    for name, (function, good) in calls.items():
        function(**good)
        for argument in good:
            if "ax" in good:
                good["ax"].clear()
            for bad in BAD:
                try:
                    function(**good | {argument: bad})
                except (TypeError, ValueError) as error:
                    assert " must " in str(error) and "\n" not in str(error), (name, argument, bad, error)
                    assert len(str(error)) < 300
                    refused += 1
    assert refused > 1_000


def test_a_chart_that_was_refused_nothing_can_be_drawn(calls):
    figure, ax = chart(3, 3)
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
        (plot_bars, (["a"], [1, 2]), "values must be no more than labels, 1, got 2"),
        (plot_bars, (["a"], [float("inf")]), "values must be finite"),
        (plot_bars, (["a"], [1], ["x"], [3]), "hatched must be numbers of rows"),
        (plot_bars, (["a"] * 2000, [1] * 2000), "labels must be at most 1,000, got 2,000"),
        (plot_bars, ([1], [1]), r"labels must be several texts \(str\), got \[1\]"),
        (plot_scores, ([], []), "scores must be at least one"),
        (plot_pairs, (["a"], {"x": [1]}), "pairs must be two, got 1"),
        (plot_pairs, (["a"], {"x": [1], "y": []}), "pairs must each have a value for each of 1 labels, got 0"),
        (plot_lines, ([1], {"a": [1, 2]}), "lines must have at most 1 points, as many as x, got 2 for 'a'"),
        (plot_candidates, (5,), "candidates must be of the class Candidates, got 5"),
    ],
)
def test_sentences_of_charts(function, arguments, words):
    (_, ax) = chart(3, 3)
    if function is plot_bars and len(arguments) > 3:
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
        chart(**{"width": 3, "height": 3} | settings)


WIDGETS = [AttentionView, LogitLens, DistributionExplorer, GenerationStepper, NextToken, SettingsComparison]
WIDGETS += [StreamingGenerator, TrainingMonitor]


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
            ModelComparison(wrong, tokenizer)
        with pytest.raises(TypeError, match="^configs must be a dictionary with names as keys, got"):
            CostExplorer(wrong)
    with pytest.raises(TypeError, match="^model must be a GPTModel, got int"):
        ModelComparison({"one": model, "two": 2}, tokenizer)


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
