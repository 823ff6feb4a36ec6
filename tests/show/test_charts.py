import base64
import struct

import matplotlib
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import gptcore
from gptcore.show import front
from gptcore.show.charts import DPI, Chart, chart, drawable, fonts, say, wrapped
from gptcore.show.plots import plot_bars, plot_futures, plot_level, plot_lines, plot_marks, plot_pairs, plot_scores
from gptcore.show.style import columns
from gptcore.tokenizer import token_label
from tests.show.readable import INVERTED, dark


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


def test_a_chart_is_a_figure_of_its_size_with_a_title_for_each_of_its_axes():
    figure, (first, second) = chart(6, 4, rows=2, title="both", titles=["a", "b"])
    assert figure.get_size_inches().tolist() == [6, 4] and figure.get_suptitle() == "both"
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("a", "b")
    figure, ax = chart(6, 2)
    assert figure.axes == [ax] and figure.get_suptitle() == ""
    assert not ax.spines["top"].get_visible() and ax.spines["left"].get_visible()


def test_a_chart_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    _, ax = chart(6, 4)
    plot_bars(ax, ["a"], [1])
    assert dict(matplotlib.rcParams) == before


def test_a_chart_says_in_words_what_is_drawn():
    figure, (left, right) = chart(8, 3, columns=2, title="Two\nmodels", titles=["small", "large"])
    plot_bars(left, ["a", "b"], [1, 2.25], ["one", "two"], xlabel="loss")
    plot_scores(right, ["c", "d"], [3, 1])
    assert figure.words == "Two models. small: loss: a one · b two. large: logit: c 3.0 · d 1.0 (2.0 less)."
    figure.set_label("Two curves\u202e")
    assert figure.words == "Two curves<U+202E>"


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda ax: plot_bars(ax, ["a"], [0.5]), "a 0.5."),
        (lambda ax: plot_marks(ax, ["a"], [0.5], ["1 kB"], xlabel="memory"), "memory: a 1 kB."),
        (lambda ax: plot_pairs(ax, ["a"], {"x": [1], "y": [2]}), "x: a 1. y: a 2."),
        (lambda ax: plot_lines(ax, [0, 1], {"loss": [2, 1.5]}), "loss from 2 to 1.5."),
        (lambda ax: plot_lines(ax, [0, 1], {"": [2, 1]}, ylabel="rate"), "rate from 2 to 1."),
        (lambda ax: plot_level(ax, 0.5, "floor 0.50"), "floor 0.50."),
        (lambda ax: plot_futures(ax, [{"a": 1.0}, {"a b": 1.0}]), "word 1: a 100.0%. word 2: a b 100.0%."),
        (lambda ax: say(ax, "Nothing yet."), "Nothing yet."),
        (lambda ax: ax.set_title("empty", loc="left"), ""),
    ],
)
def test_each_kind_of_chart_has_its_words(draw, words):
    figure, ax = chart(6, 4)
    draw(ax)
    assert figure.words == words


def test_a_notebook_gets_a_picture_with_its_words_and_the_size_of_the_figure():
    figure, ax = chart(6, 4)
    plot_bars(ax, ["a"], [1], ["one"])
    bundle, metadata = figure._repr_mimebundle_(include=None, exclude=None)
    png = base64.b64decode(bundle["image/png"])
    width, height = struct.unpack(">II", png[16:24])
    assert abs(width - 6 * DPI) < 20 and abs(height - 4 * DPI) < 20 and png.startswith(b"\x89PNG")
    assert metadata == {"image/png": {"alt": "a one."}, "needs_background": "light"}
    assert isinstance(figure, Chart) and repr(figure).startswith("<Chart size 600x400")


def test_a_dark_theme_turns_pictures_around_until_white_is_its_own_page():
    assert f"filter: invert({INVERTED}) hue-rotate(180deg)" in front.style()
    assert dark((1, 1, 1)) == pytest.approx(to_rgb("#111111"), abs=0.002)


def test_a_text_is_broken_into_lines_of_a_width():
    lines = wrapped("옛날 옛적에 a fox " + "x" * 99 + " lived", 20, 9).split("\n")
    assert max(map(columns, lines)) <= 20 and lines[0] == "옛날 옛적에 a fox" and lines[-1].endswith("lived")
    assert wrapped("a b c d", 3, 2) == "a b\nc d" and wrapped("a b c d e", 3, 2) == "a b\nc d …"
