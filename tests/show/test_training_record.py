import math
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from gptcore.show import plot_losses
from gptcore.show.training_record import MOST_POINTS, Training, plot_samples, thinned
from gptcore.training import History, Progress

START = math.log(3072)
LOSSES, VAL_LOSSES = [(1, 5.0), (2, 2.5), (3, 1.25), (4, 0.1)], [(2, 3.0), (4, 1.0)]


@pytest.fixture
def training():
    return Training(4, START, 0.4, step=4, losses=LOSSES, val_losses=VAL_LOSSES)


def progress(step, loss, val_loss=None):
    return Progress(step, 40, loss, val_loss, learning_rate=1e-3, tokens_per_second=1234.5, seconds_left=99.0)


def test_a_report_is_added_and_the_record_before_it_stays():
    before = Training(40, START, state="running")
    first = before.after(progress(10, 3.0), seconds=2.0)
    second = first.after(progress(20, 2.0, 2.5), seconds=5.0)
    assert before.losses == [] and first.losses == [(10, 3.0)] and first.val_losses == []
    assert second.losses == [(10, 3.0), (20, 2.0)] and second.val_losses == [(20, 2.5)]
    assert (second.step, second.seconds, second.tokens_per_second) == (20, 5.0, 1234.5)
    assert before.seconds_left == math.inf and second.seconds_left == 5.0  # 20 more steps of 0.25 s
    assert replace(second, seconds=65.0).numbers["time left"] == "1:05"


def test_the_numbers(training):
    assert training.numbers == {
        "training loss": "0.10",
        "validation loss": "1.00",
        "above the floor": "+150%",
        "tokens per second": "0",
        "time left": "–",
    }
    assert set(Training(4, START).numbers.values()) == {"–"}


def test_in_the_end_the_numbers_are_those_of_the_best_step(training):
    training = replace(training, losses=[*LOSSES, (5, 0.05)], val_losses=[*VAL_LOSSES, (5, 2.0)], step=5)
    assert training.model_step == 5 and training.best == (4, 1.0)  # while it learns
    assert list(training.numbers.values())[:3] == ["0.05", "2.00", "+400%"]
    ended = training.ended("finished", History(best_step=4, best_val_loss=1.0))
    assert ended.model_step == 4 and list(ended.numbers.values())[:3] == ["0.10", "1.00", "+150%"]
    assert ended.shown()["best"] == {"step": 4, "loss": 1.0, "text": "step 4, 1.00"}
    assert "At step 4: training loss 0.10, validation loss 1.00" in ended.summary and "best: step 4" in ended.summary
    assert training.ended("interrupted") == replace(ended, state="interrupted")  # without a history


def test_the_best_step_may_be_one_before_the_training_went_on(training):
    resumed = replace(training, losses=[(3, 2.0), (4, 1.9)], val_losses=[(4, 2.0)])
    resumed = resumed.ended("finished", History(best_step=2, best_val_loss=1.5))
    assert resumed.best == (2, 1.5) and list(resumed.numbers.values())[:2] == ["–", "1.50"]


def test_each_point_says_the_losses_of_its_step(training):
    points = replace(training, samples=[(0, "before")]).points()
    assert [(point["step"], point["loss"], point["val"]) for point in points] == [
        (0, None, None),
        (1, 5.0, None),
        (2, 2.5, 3.0),
        (3, 1.25, None),
        (4, 0.1, 1.0),
    ]
    assert [point["said"] for point in points] == [
        ["–", "–", "–"],
        ["5.00", "–", "–"],
        ["2.50", "3.00", "+650%"],
        ["1.25", "3.00", "+650%"],
        ["0.10", "1.00", "+150%"],
    ]
    assert [point["of"] for point in points] == [None, None, 2, 2, 4]


def test_a_long_training_is_thinned_for_the_page(training):
    losses = [(step, 1.0) for step in range(1, 5001)]
    steps = [point["step"] for point in replace(training, losses=losses, best_step=1234, samples=[]).points()]
    assert len(steps) <= MOST_POINTS + 1 and steps[-1] == 5000 and 1234 in steps
    assert thinned([1, 2, 3, 4, 5], 2) == [2, 5] and thinned([], 3) == []
    samples = [(step, "a" * 5000) for step in range(100)]
    texts = replace(training, samples=samples).shown()["samples"]
    assert texts[0]["step"] == 0 and texts[-1]["step"] == 99 and len(texts) <= 41
    assert all(len(text["text"]) <= 1001 for text in texts)


def test_the_caption_says_how_it_ended(training):
    end = " The model has the weights of step 2, the best on the validation text."
    best = replace(training, best_step=2)
    assert replace(best, state="finished").caption == f"Finished.{end}"
    assert replace(best, state="stopped").caption == f"Stopped by hand after 4 steps.{end}"
    assert replace(training, state="interrupted").caption == "The kernel was interrupted after 4 steps."
    assert replace(training, state="failed", error=ValueError("a reason")).caption == "It cannot go on: a reason"


def test_what_a_model_writes_is_only_text(training):
    training = replace(training, samples=[(0, "<img src=x onerror=alert(1)> $x$ $$")])
    figure = Figure()
    plot_samples(figure.subplots(), training)
    figure.canvas.draw()


def test_curves_lie_where_their_losses_are(training):
    ax = Figure().subplots()
    plot_losses(ax, training)
    curves = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    assert curves["training loss"] == [list(point) for point in LOSSES]
    assert curves["validation loss"] == [list(point) for point in VAL_LOSSES]
    low, high = ax.get_ylim()
    assert low < 0.1 and high > START


def test_the_legend_covers_no_loss():
    """Of a model that overfits, the validation loss stays high, where the legend is otherwise."""
    steps = range(10, 301, 10)
    losses = [(step, max(0.05, 7.6 * math.exp(-step / 45))) for step in steps]
    val_losses = [(step, 3 + step / 500) for step in steps]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    ax = figure.subplots()
    plot_losses(ax, Training(300, START, 0.4, losses=losses, val_losses=val_losses))
    figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    for curve in (losses, val_losses):
        assert not any(legend.contains(*point) for point in ax.transData.transform(curve))
