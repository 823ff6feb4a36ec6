import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from gptcore.show.charts import LINES, chart
from gptcore.show.plots import (
    HATCHED,
    plot_bars,
    plot_futures,
    plot_level,
    plot_lines,
    plot_marks,
    plot_pairs,
    plot_scores,
    plot_shares,
)
from tests.show.readable import contrast, dark, faults


def widths(ax):
    return [bar.get_width() for bar in ax.patches]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def rows(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


@pytest.mark.parametrize("text", ["$$", "$100 and 50% of $200", "\\frac", "옛날", "🦊"])
def test_no_text_of_a_chart_is_read_as_mathematics(recwarn, text):
    figure, ax = chart(6, 4, title=text, titles=[text])
    plot_bars(ax, [text, text], [1, 2], [text, text], xlabel=text)
    plot_lines(ax, [1, 2], {text: [1, 2]}, xlabel=text, ylabel=text)
    figure.canvas.draw()
    assert [str(warning.message) for warning in recwarn.list] == []


def test_bars_are_the_values_from_top_to_bottom():
    _, ax = chart(6, 4)
    plot_bars(ax, ["a", "b", "c"], [3, -2.5, 1], ["three", "less", "one"], hatched=[2], xlabel="logit")
    assert widths(ax) == [3, -2.5, 1] and rows(ax) == ["a", "b", "c"] and texts(ax) == ["three", "less", "one"]
    assert [text.xy[0] for text in ax.texts] == [3, 0, 1]  # beside a bar to the left, beyond its right end
    assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, False, True]
    assert ax.yaxis_inverted() and ax.get_xlabel() == "logit"


def test_shares_add_up_and_the_last_is_for_all_others():
    _, ax = chart(6, 4)
    plot_shares(ax, [("a", 0.75), ("2 others", 0.25)], "probability")
    assert widths(ax) == [0.75, 0.25] and texts(ax) == ["75.0%", "25.0%"]
    assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, True]


def test_scores_are_dots_with_the_gap_to_the_largest_and_nothing_begins_at_0():
    figure, ax = chart(6, 4)
    plot_scores(ax, ["a", "b", "c"], [14.5, 17, -3.25])
    largest, dots = ax.lines
    assert list(dots.get_xdata()) == [14.5, 17, -3.25] and list(dots.get_ydata()) == [0, 1, 2]
    assert set(largest.get_xdata()) == {17} and dots.get_linestyle() == "None"
    assert [line[:, 0].tolist() for line in ax.collections[0].get_segments()] == [[14.5, 17], [17, 17], [-3.25, 17]]
    assert texts(ax) == ["14.5 (2.5 less)", "17.0", "−3.2 (20.2 less)"] and rows(ax) == ["a", "b", "c"]
    assert ax.yaxis_inverted() and ax.get_xlabel() == "logit" and not ax.patches
    figure.draw_without_rendering()
    assert max(text.get_window_extent().x1 for text in ax.texts) <= figure.bbox.x1


def test_an_axis_of_scores_that_are_alike_shows_their_gaps_and_texts_can_be_given():
    _, ax = chart(6, 4)
    plot_scores(ax, ["a", "b"], [1001, 1000], ["more", "less"], xlabel="score")
    low, high = ax.get_xlim()
    assert 999 < low < 1000 and 1001 < high < 1002 and texts(ax) == ["more", "less"] and ax.get_xlabel() == "score"


def test_pairs_of_bars_have_a_legend():
    _, ax = chart(6, 4)
    plot_pairs(ax, ["a", "b"], {"expected": [5, 6], "drawn": [4, 7]}, {"drawn": ["four", "seven"]}, xlabel="draws")
    assert widths(ax) == [5, 6, 4, 7] and texts(ax) == ["four", "seven"] and rows(ax) == ["a", "b"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["expected", "drawn"]
    centres = [bar.get_y() + bar.get_height() / 2 for bar in ax.patches]
    assert centres == pytest.approx([-0.2, 0.8, 0.2, 1.2])


def test_lines_are_told_apart_without_their_colour_and_one_may_end_earlier():
    _, ax = chart(6, 4)
    plot_lines(ax, [0, 10, 20], {"all": [1, 2, 3], "some": [5, 4]}, xlabel="step", ylabel="loss")
    plot_lines(ax, [0, 10], {"later": [6, 6]})
    assert [list(line.get_xdata()) for line in ax.lines] == [[0, 10, 20], [0, 10], [0, 10]]
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 2, 3], [5, 4], [6, 6]]
    assert len({line.get_linestyle() for line in ax.lines}) == len({line.get_marker() for line in ax.lines}) == 3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["all", "some", "later"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss")


def test_five_lines_are_told_apart_by_their_dashes_by_their_marks_and_by_their_colour():
    _, ax = chart(6, 4)
    plot_lines(ax, [0, 1], {name: [0, 1] for name in "abcde"})
    for looks in (Line2D.get_color, Line2D.get_marker, lambda line: str(line._dash_pattern)):
        assert len(set(map(looks, ax.lines))) == 5


def test_lines_named_at_their_ends_on_a_logarithmic_axis():
    figure, ax = chart(6, 4)
    plot_lines(ax, [0, 10], {"limit": [1, 1000]}, log=True, ends=True)
    assert texts(ax) == ["limit"] and ax.get_legend() is None and ax.get_yscale() == "log"
    plot_lines(ax, range(100), {"": range(1, 101)})
    assert ax.get_legend() is None and ax.lines[-1].get_marker() in ("None", None, "")
    figure.canvas.draw()
    assert "1000" in [label.get_text() for label in ax.get_yticklabels()]


def test_each_future_stands_below_the_text_that_it_continues_and_is_as_wide_as_it_is_likely():
    _, ax = chart(8, 2)
    plot_futures(ax, [{"$a": 0.6, "b": 0.4}, {"$a c": 0.3, "$a d": 0.3, "b c": 0.38, "b d": 0.02}], ["b c"])
    plain = [bar for bar in ax.patches if bar.get_fill()]
    assert [round(bar.get_x(), 2) for bar in plain] == [0, 0.6, 0, 0.3, 0.6, 0.98]
    assert [round(bar.get_width(), 2) for bar in plain] == [0.6, 0.4, 0.3, 0.3, 0.38, 0.02]
    (outline,) = (bar for bar in ax.patches if not bar.get_fill())
    assert outline.get_x() == 0.6 and outline.get_width() == 0.38
    assert texts(ax) == ["$a\n60.0%", "b\n40.0%", "c\n30.0%", "d\n30.0%", "c\n38.0%"]  # no room for the last
    assert rows(ax) == ["word 1", "word 2"]


def test_marks_are_dots_whose_lengths_mean_nothing():
    _, ax = chart(6, 4)
    plot_marks(ax, ["a", "b"], [0.2, 0.7], ["1 kB", "1 GB"], xlabel="memory")
    dots, *_ = ax.lines
    assert list(dots.get_xdata()) == [0.2, 0.7] and dots.get_linestyle() == "None" and not ax.patches
    guides = [line[:, 0].tolist() for line in ax.collections[0].get_segments()]
    assert guides == [[0, 1], [0, 1]] and texts(ax) == ["1 kB", "1 GB"] and rows(ax) == ["a", "b"]


def test_a_probability_axis_ends_at_100_percent_and_no_number_is_cut_off():
    figure, ax = chart(7, 2.6)
    plot_shares(ax, [("a", 0.995), ("2 others", 0.005)], "probability")
    assert ax.get_xlim() == (0, 1) and [label.get_text() for label in ax.get_xticklabels()][-1] == "100%"
    assert faults(figure) == []


def test_the_numbers_of_a_pair_stand_over_no_bar():
    figure, ax = chart(7, 2.6)
    values = {"truth": [0.3, 0.1], "belief": [0.0004, 0.6]}
    plot_pairs(ax, ["a", "b"], values, {"truth": ["30%", "10%"], "belief": ["<0.1%", "60%"]})
    figure.draw_without_rendering()
    bars = [bar.get_window_extent() for bar in ax.patches]
    for text in ax.texts:
        box = text.get_window_extent()
        assert not any(box.overlaps(bar) for bar in bars)
    assert faults(figure) == []


def test_a_legend_stands_above_what_it_names_and_below_the_title():
    figure, (ax, other) = chart(8, 5, rows=2, titles=["a title", "another"])
    plot_lines(ax, [1, 2], {f"a line with a long name, {i}": [i, i] for i in range(5)}, xlabel="x")
    plot_pairs(other, ["a"], {"expected": [1], "drawn": [2]})
    figure.draw_without_rendering()
    for one in (ax, other):
        legend = one.get_legend().get_window_extent()
        assert legend.y0 >= one.get_window_extent().y1 and legend.x1 <= figure.bbox.x1
    assert faults(figure) == []


def test_points_without_a_line():
    _, ax = chart(6, 4)
    plot_lines(ax, range(100), {"": range(100)}, points=True)
    (points,) = ax.lines
    assert points.get_linestyle() == "None" and points.get_marker() == "o" and points.get_color() == LINES[0][0]


def test_a_level_has_its_name_at_its_end():
    figure, (ax, other) = chart(8, 3, columns=2)
    plot_bars(ax, ["a", "b"], [1, 2])
    plot_level(ax, 1.5, "floor 1.50", vertical=True)
    plot_lines(other, [0, 1], {"a": [1, 2]})
    plot_level(other, 1.2, "limit")
    assert set(ax.lines[-1].get_xdata()) == {1.5} and set(other.lines[-1].get_ydata()) == {1.2}
    assert texts(ax) == ["floor 1.50"] and texts(other) == ["limit"] and faults(figure) == []
    plot_level(other, 0.5, "half", vertical=True)
    assert [text.get_text() for text in other.get_legend().get_texts()] == ["a", "half"]
    with pytest.raises(ValueError, match="value must be a finite number, got nan"):
        plot_level(ax, float("nan"), "floor")


def test_what_is_drawn_is_seen_in_a_light_theme_and_in_a_dark_one():
    for color in (*(color for color, *_ in LINES), HATCHED["edgecolor"]):
        assert contrast(to_rgb(color), (1, 1, 1)) > 3 and contrast(dark(to_rgb(color)), dark((1, 1, 1))) > 3
    for color, *_ in LINES[:2]:  # white texts stand on them
        assert contrast(to_rgb(color), (1, 1, 1)) > 4.5 and contrast(dark(to_rgb(color)), dark((1, 1, 1))) > 4.5
