import base64
import json

import pytest
import torch

import gptcore
from gptcore import END_OF_TEXT, Tokenizer
from gptcore.show.charts import chart
from gptcore.show.precision import FORMATS, Format, coarse_model
from gptcore.show.precision_explorer import PrecisionExplorer
from gptcore.show.precision_record import LOWEST, levels, nats_text, parts, plot_precision, plot_row

TEXT = "Once upon a time there was a queen"


@pytest.fixture
def model(model_of_noise):
    return model_of_noise(emb_dim=32)


@pytest.fixture
def make(model, tokenizer):
    def make(**settings):
        return PrecisionExplorer(model, tokenizer, **{"text": TEXT, "max_length": 8} | settings)

    return make


@pytest.fixture
def explorer(make):
    return make()


def test_it_measures_what_it_is_set_to_and_keeps_what_was_measured(explorer):
    assert [point.format for point in explorer.points] == [Format(32), Format(8, "row")]
    explorer.change(bits=3, grouping="matrix")
    assert {point.format for point in explorer.points} == {Format(32), Format(8, "row"), Format(3, "matrix")}
    here = next(point for point in explorer.points if point.format == Format(3, "matrix"))
    assert (explorer.kl, explorer.size, explorer.unchanged) == (here.kl, here.size, here.unchanged)
    explorer.bits = 32
    assert explorer.kl == 0 and explorer.first_difference is None and explorer.texts[0] == explorer.texts[1]


def test_an_empty_text_starts_from_the_end_of_text(explorer, make, model):
    explorer.text = ""
    assert explorer.problem is None and "at 1 of 1 positions" in explorer.caption
    assert explorer.kl == make(text=END_OF_TEXT).kl > 0
    with pytest.raises(ValueError, match="text must not be empty, since this tokenizer has no end-of-text token"):
        PrecisionExplorer(model, Tokenizer.of_characters("abc"), text="")


def test_the_texts_are_those_of_generate_text_with_the_same_seed(explorer, model, tokenizer):
    explorer.change(bits=2, grouping="row", seed=5, temperature=0.9, top_k=20)
    settings = {"max_length": 8, "temperature": 0.9, "top_k": 20, "seed": 5}
    coarse = coarse_model(model, Format(2, "row"))
    expected = [gptcore.generate_text(m, "Once upon a time", tokenizer, **settings) for m in (model, coarse)]
    assert list(explorer.texts) == expected and expected[0] != expected[1]
    first, second = (text.token_ids for text in explorer.record.written)
    assert first[explorer.first_difference] != second[explorer.first_difference]
    assert first[: explorer.first_difference] == second[: explorer.first_difference]


def test_all_formats_are_measured_at_once_or_one_after_the_other(explorer, make):
    explorer.measure_all()
    assert [point.format for point in explorer.points] == list(FORMATS)
    other = make()
    for count in range(3, len(FORMATS) + 1):
        other.measure_next()
        assert len(other.points) == count
    other.measure_next()
    assert other.points == explorer.points


def test_nothing_is_computed_twice(explorer, monkeypatch):
    explorer.measure_all()
    explorer.change(bits=3, grouping=64)
    explorer.change(bits=8, grouping="row")
    monkeypatch.setattr("gptcore.show.precision.coarse_model", None)
    explorer.change(bits=3, grouping=64)
    assert explorer.problem is None and explorer.record.here.format == Format(3, 64)


def test_another_text_is_measured_anew_and_other_luck_only_written_anew(explorer):
    explorer.measure_all()
    kl, texts = explorer.kl, explorer.texts
    explorer.other_luck()
    assert explorer.seed == 2 and explorer.texts != texts and explorer.kl == kl and len(explorer.points) == len(FORMATS)
    explorer.text = "the fox and the golden key"
    assert explorer.kl != kl and len(explorer.points) == 2


def test_the_model_is_left_as_it_was(explorer, model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    explorer.measure_all()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training and all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"bits": 5}, "bits must be one of 32, 16, 8, 6, 4, 3, 2, got 5"),
        ({"bits": "8"}, "bits must be one of"),
        ({"grouping": "column"}, "grouping must be one of 'matrix', 'row', 64, 32, got 'column'"),
        ({"grouping": None}, "grouping must be one of"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"temperature": "hot"}, "temperature must be a number"),
    ],
)
def test_what_is_not_allowed_changes_nothing_and_is_said(explorer, make, setting, problem):
    before = explorer.describe(), explorer.texts, explorer.points
    explorer.change(**setting)
    assert problem in explorer.problem and f"Not changed: {problem}" in explorer.caption
    assert (explorer.describe(), explorer.texts, explorer.points) == before
    explorer.bits = 4
    assert explorer.problem is None
    with pytest.raises((TypeError, ValueError), match=problem.split(",")[0]):
        make(**setting)


def test_hands_on_the_page(explorer, move, press):
    move(explorer, bits=4)
    assert explorer.bits == explorer.view.shown["here"]["bits"] == 4
    move(explorer, grouping=64)
    press(explorer, "go_to", 2, "matrix")
    assert (explorer.bits, explorer.grouping) == (2, "matrix")
    press(explorer, "go_to", 16, None)
    assert explorer.bits == 16 and explorer.view.shown["here"]["name"] == "bfloat16"
    press(explorer, "measure_next")
    assert len(explorer.view.shown["points"]) == 7
    press(explorer, "go_to", "x", [])
    assert explorer.bits == 16 and "bits must be one of" in explorer.caption
    assert len(json.dumps(explorer.view.shown)) < 10_000


def test_the_texts_are_shown_in_three_parts(explorer):
    explorer.change(bits=2, grouping="matrix")
    index = explorer.first_difference
    for text, whole in zip(explorer.record.written, explorer.texts, strict=True):
        same, first, rest = parts(text, index)
        assert same + first + rest == whole
    one, other = (parts(text, index) for text in explorer.record.written)
    assert one[0] == other[0] and one[1:] != other[1:]
    assert parts(explorer.record.written[0], None) == [explorer.texts[0], "", ""]


def test_a_divergence_has_two_digits():
    written = [nats_text(nats) for nats in (0, 1.234, 12.34, 0.0516, 0.00446, 0.0000018)]
    assert written == ["0", "1.23", "12.34", "0.052", "0.0045", "0.0000018"]


def test_the_caption_says_what_was_measured(explorer):
    explorer.change(bits=4, grouping=32)
    assert explorer.caption.startswith(f"4 bits, a scale for each 32 weights: {nats_text(explorer.kl)} nats per token")
    assert f"uncertainty is {explorer.entropy:.2f}" in explorer.caption
    assert f"the same at {explorer.unchanged} of {explorer.record.positions} positions" in explorer.caption
    explorer.bits = 32
    assert explorer.caption.endswith("The texts are the same.")


def test_the_chart_has_a_line_for_each_grouping_and_frames_this_point(explorer):
    explorer.measure_all()
    explorer.change(bits=3, grouping="row")
    figure, ax = chart(8, 4)
    plot_precision(ax, explorer.record)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 5]
    assert len(lines) == 4
    points = {(point.bits_per_weight, max(point.kl, LOWEST)) for point in explorer.points}
    drawn = {(float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True)}
    assert drawn <= points and len(drawn) == len(points) - 2
    frame = next(line for line in ax.lines if line.get_markersize() == 16)
    here = explorer.record.here
    assert (frame.get_xdata()[0], frame.get_ydata()[0]) == (here.bits_per_weight, max(here.kl, LOWEST))


def test_the_weights_are_drawn_with_the_values_that_they_can_have(explorer):
    explorer.change(bits=2, grouping="matrix")
    row = explorer.record.row
    figure, ax = chart(8, 2)
    plot_row(ax, row)
    moves = [line for line in ax.lines if line.get_marker() == "o"]
    assert [tuple(line.get_xdata()) for line in moves] == list(zip(row.weights, row.rounded, strict=True))
    assert levels(row, 1.5 * row.scale) == pytest.approx([-row.scale, 0, row.scale])
    explorer.bits = 8
    assert levels(explorer.record.row, 1.0) == []  # too many to be seen


def test_the_line_and_the_picture(explorer):
    explorer.bits = 4
    said = f"PrecisionExplorer: 4 bits, a scale for each row: {explorer.kl:.3f} nats per token from float32, "
    assert explorer.describe().startswith(said)
    bundle = explorer._repr_mimebundle_()[0]
    assert bundle["text/plain"] == explorer.describe()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
