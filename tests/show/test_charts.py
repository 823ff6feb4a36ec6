import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import gptcore
from gptcore.show.charts import (
    chart,
    drawable,
    fonts,
    plot_bars,
    plot_futures,
    plot_lines,
    plot_pairs,
    plot_scores,
    plot_shares,
)
from gptcore.tokenizer import token_label


def test_every_token_of_gpt2_can_be_drawn_without_a_warning(gpt2_folder, recwarn):
    tokenizer = gptcore.load_tokenizer(gpt2_folder)
    labels = [drawable(token_label(tokenizer, i)) for i in range(len(tokenizer))]
    for i in range(0, len(labels), 1000):
        figure = Figure()
        figure.text(0, 0, "\n".join(labels[i : i + 1000]), parse_math=False, fontfamily=fonts())
        figure.canvas.draw()
    assert [str(warning.message) for warning in recwarn.list] == []


@pytest.mark.parametrize(("text", "drawn"), [("␣나무꾼 fox", "␣나무꾼 fox"), ("🦊", "<U+1F98A>")])
def test_what_no_font_can_draw_is_named(text, drawn):
    assert drawable(text) == drawn


def widths(ax):
    return [bar.get_width() for bar in ax.patches]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def rows(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_a_chart_is_a_figure_of_its_size_with_a_title_for_each_of_its_axes():
    figure, (first, second) = chart(6, 4, rows=2, title="both", titles=["a", "b"])
    assert figure.get_size_inches().tolist() == [6, 4] and figure.get_suptitle() == "both"
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("a", "b")
    figure, ax = chart(6, 2)
    assert figure.axes == [ax] and figure.get_suptitle() == ""
    assert not ax.spines["top"].get_visible() and ax.spines["left"].get_visible()


@pytest.mark.parametrize("text", ["$$", "$100 and 50% of $200", "\\frac", "옛날", "🦊"])
def test_no_text_of_a_chart_is_read_as_mathematics(recwarn, text):
    figure, ax = chart(6, 4, title=text, titles=[text])
    plot_bars(ax, [text, text], [1, 2], [text, text], xlabel=text)
    plot_lines(ax, [1, 2], {text: [1, 2]}, xlabel=text, ylabel=text)
    figure.canvas.draw()
    assert [str(warning.message) for warning in recwarn.list] == []


def test_a_chart_leaves_matplotlib_as_it_was():
    import matplotlib

    before = dict(matplotlib.rcParams)
    _, ax = chart(6, 4)
    plot_bars(ax, ["a"], [1])
    assert dict(matplotlib.rcParams) == before


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
