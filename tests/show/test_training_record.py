import math
import re
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from gptcore.show import plot_losses
from gptcore.show.training_record import Training, curves_svg, numbers_html, plot_samples, samples_html
from gptcore.training import Progress

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
    html = numbers_html(training)
    assert all(f"{name}<b" in html and f">{value}</b>" in html for name, value in training.numbers.items())
    assert 'aria-valuenow="4"' in html and "width:100.00%" in html and "step 4 of 4" in html


def test_the_caption_says_how_it_ended(training):
    end = " The model has the weights of step 2, the best on the validation text."
    best = replace(training, best_step=2)
    assert replace(best, state="finished").caption == f"Finished.{end}"
    assert replace(best, state="stopped").caption == f"Stopped by hand after 4 steps.{end}"
    assert replace(training, state="interrupted").caption == "The kernel was interrupted after 4 steps."
    assert replace(training, state="failed", error=ValueError("a reason")).caption == "It cannot go on: a reason"


def test_what_a_model_writes_is_never_html(training):
    training = replace(training, samples=[(0, "<img src=x onerror=alert(1)> $x$ $$")])
    assert "<img" not in samples_html(training) and "&lt;img" in samples_html(training)
    figure = Figure()
    plot_samples(figure.subplots(), training)
    figure.canvas.draw()


def test_the_newest_text_comes_first(training):
    html = samples_html(replace(training, samples=[(0, "before"), (4, "afterwards")]))
    assert html.index("afterwards") < html.index("before") and "appears here" not in html
    assert "appears here" in samples_html(training)


def test_curves_lie_where_their_losses_are(training):
    """On both charts: a loss that is lower is drawn lower, and nothing leaves the axes."""
    svg = curves_svg(training)
    points = re.search(r'class="training" points="([^"]+)"', svg)[1].split()
    xs, ys = zip(*(map(float, point.split(",")) for point in points), strict=True)
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1], abs=0.2)  # half the loss is always the same step down
    assert list(ys) == sorted(ys) and list(xs) == sorted(xs) and ys[0] > 0 and ys[-1] < 270
    assert svg.count("<circle") == 3 and 'role="img"' in svg and "training loss 0.10" in svg  # one in the legend
    ax = Figure().subplots()
    plot_losses(ax, training)
    curves = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    assert curves["training loss"] == [list(point) for point in LOSSES]
    assert curves["validation loss"] == [list(point) for point in VAL_LOSSES]
    low, high = ax.get_ylim()
    assert low < 0.1 and high > START


@pytest.mark.parametrize("max_steps", [0, 1, 2, 300])
def test_the_steps_are_written_once(max_steps):
    svg = curves_svg(Training(max_steps, START))
    marks = re.findall(r'<text x="[\d.]+" y="292.0" text-anchor="\w+">([\d,]+)</text>', svg)
    assert sorted(map(int, marks)) == sorted({0, max_steps // 2, max_steps})


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
