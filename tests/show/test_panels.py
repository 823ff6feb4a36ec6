import pytest
import torch
from matplotlib.figure import Figure

from gptcore import next_token_distribution
from gptcore.show.panels import Panels, number, on_axis, plot_panels, row_labels


def test_ties_go_by_id(tokenizer):
    logits = torch.zeros(len(tokenizer))
    logits[[9, 4]] = 1.0
    assert list(row_labels(logits, tokenizer, 4)) == [4, 9, 0, 1]
    assert len(row_labels(logits, tokenizer, 10_000)) == len(tokenizer)


def test_long_labels_are_told_apart_and_leave_room_for_the_panels():
    record = next_token_distribution(torch.arange(10.0))
    labels = {9: "-" * 64, 8: "-" * 65, 7: "␣<0xEC><0x95>", 6: "␣<0xEC><0x98>", 5: "the"}
    panels = Panels.of(record, labels, 1.0)
    shown = [row["label"] for row in panels.shown()["rows"][:5]]
    assert shown == ["--------------… id 9", "--------------… id 8", "␣<0xEC><0x95>", "␣<0xEC><0x98>", "the"]
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots(1, 3)
    plot_panels(axes, panels)
    figure.canvas.draw()
    assert all(ax.get_position().width > 0.2 for ax in axes)


def test_no_label_is_read_as_mathtext():
    nasty = ["<img src=x onerror=alert(1)>", "&amp;", '"><script>', "$$", "_a", "\u202e"]
    record = next_token_distribution(torch.arange(10.0))
    panels = Panels.of(record, {9 - i: label for i, label in enumerate(nasty)}, 1.0)
    seen = [*nasty[:-1], "<U+202E>"]  # it would turn the text around
    figure = Figure()
    axes = figure.subplots(1, 3)
    plot_panels(axes, panels)
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == [*seen, "4 others"]
    assert [bar.get_width() for bar in axes[2].patches] == pytest.approx([*panels.probs, panels.others])


def test_a_masked_token_has_no_bar():
    record = next_token_distribution(torch.tensor([1.0, 0.0, -torch.inf]))
    panels = Panels.of(record, {0: "a", 1: "b", 2: "c"}, 1.0)
    assert panels.cut_by == ["", "", "impossible"] and panels.others_label == "no others"
    row = panels.shown()["rows"][2]
    assert row["logit"] == float("-inf") and row["prob"] == 0 and row["cut"] == "impossible"
    assert (number(-0.001), number(-12.34), number(12345.6)) == ("0.00", "−12.34", "12,346")


def test_logits_are_dots_on_an_axis_that_need_not_hold_0():
    record = next_token_distribution(torch.tensor([17.0, 15.0, 7.0]))
    panels = Panels.of(record, {0: "a", 1: "b", 2: "c"}, 1.0)
    low, high = panels.axis
    assert 0 < low < 7 and 17 < high < 18
    axes = Figure().subplots(1, 3)
    plot_panels(axes, panels)
    assert not axes[0].patches and list(axes[0].lines[1].get_xdata()) == [17, 15, 7]
    assert Panels.of(next_token_distribution(torch.tensor([3.0, 3.0])), {0: "a", 1: "b"}, 1.0).axis == (2.5, 3.5)


def test_the_logarithmic_axis_goes_from_a_millionth_to_one():
    assert [on_axis(p, True) for p in (1, 1e-3, 1e-6, 1e-9, 0)] == pytest.approx([1, 0.5, 0, 0, 0], abs=1e-6)
    assert on_axis(0.3) == 0.3
