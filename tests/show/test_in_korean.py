"""Charts in Korean: what is written on them and said of them, but for code, names and tokens."""

import re

import pytest
import torch
from matplotlib.text import Text

import gptcore
from gptcore.show import (
    plot_belief,
    plot_candidates,
    plot_dart,
    plot_futures,
    plot_lines,
    plot_scores,
    plot_time_per_token,
)
from gptcore.show.candidates import Candidates
from gptcore.show.charts import chart
from gptcore.show.dart import Dart
from tests.show.test_all_widgets import KINDS

# Units, types, names that a test gives, names of settings, and tokens that the bundled model knows.
NO_ENGLISH = {"nat", "float", "bfloat", "tiny", "one", "two", "yes", "position", "Once", "upon"}


@pytest.fixture(scope="module")
def told():
    return gptcore.load(device="cpu")


def english(figure, *said):
    """The English words in a chart, and in what is `said` of it."""
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.findobj(Text)] + [figure.words, *said]
    return {word for text in texts for word in re.findall(r"(?<![\w<])[A-Za-z]{3,}", text)}


@pytest.mark.parametrize("name", KINDS)
def test_the_picture_of_a_widget(told, in_korean, name):
    korean = {"prompt": "옛날 옛적에", "text": "옛날"}  # what the model expects after these is Korean, too
    good = {key: korean.get(key, value) for key, value in KINDS[name].good.items()}
    widget = KINDS[name].make(*told, **good)
    assert english(widget.picture(), widget.describe(), widget.caption) <= {name, *NO_ENGLISH}


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if {"prompt", "text"} & kind.good.keys()])
def test_a_widget_without_a_text_begins_in_korean(told, in_korean, name):
    widget = KINDS[name].make(*told)
    begins = {getattr(widget, key)[:6] for key in ("prompt", "text") if key in KINDS[name].good}
    assert begins == {"옛날 옛적에"}


def test_who_asks_for_english_gets_it(told, in_korean):
    assert gptcore.show.NextToken(*told, "Once upon a time").prompt == "Once upon a time"


def test_what_the_lessons_draw(told, in_korean):
    model, tokenizer = told
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer.encode("옛날 옛적에")]))[0, -1]
    distribution = gptcore.Sampling(top_k=20).distribution(logits)
    figure, axes = chart(8, 16, rows=7)
    plot_scores(axes[0], ["여우", "호랑이"], [3.0, 2.0])
    plot_lines(axes[1], [1, 2], {"": [1, 2]})
    plot_futures(axes[2], [{"여우": 0.6, "호랑이": 0.4}])
    plot_time_per_token(axes[3], [1, 2], {"캐시": [0.1, 0.2]})
    plot_belief(axes[4], {5: 0.5, 6: 0.5}, distribution.probs, tokenizer)
    plot_candidates(axes[5], Candidates.of(distribution, tokenizer))
    plot_dart(axes[6], Dart.of(distribution, 0.5, tokenizer))
    assert not english(figure)
