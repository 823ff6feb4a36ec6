import pytest
import torch
from matplotlib.figure import Figure

from gptcore.show import plot_belief


@pytest.fixture
def ax():
    return Figure().subplots()


def bars(ax):
    """(truth's, belief's) widths from top to bottom."""
    return [[bar.get_width() for bar in container] for container in ax.containers]


def test_both_add_up_to_one(ax, tokenizer):
    belief = torch.full((len(tokenizer),), 1 / len(tokenizer))
    ids = tokenizer.encode("Once upon a time")
    truth = {ids[0]: 0.2, ids[1]: 0.5, ids[2]: 0.3}
    plot_belief(ax, truth, belief, tokenizer, count=2)
    true, believed = bars(ax)
    assert true == pytest.approx([0.5, 0.3, 0.2]) and sum(believed) == pytest.approx(1)
    assert believed[:2] == pytest.approx([1 / len(tokenizer)] * 2)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[-1] == f"{len(tokenizer) - 2:,} others" and len(labels) == 3
    assert ax.get_xlim()[1] > 0.9  # room for the widest bar


def test_a_whole_vocabulary_has_no_others(ax, tokenizer):
    plot_belief(ax, {0: 0.5, 1: 0.5}, torch.tensor([0.9, 0.1]), tokenizer)
    true, believed = bars(ax)
    assert true == [0.5, 0.5] and believed == pytest.approx([0.9, 0.1])


def test_labels_are_no_mathematics(ax, tokenizer):
    truth = dict.fromkeys(range(256), 1 / 256)
    plot_belief(ax, truth, torch.full((len(tokenizer),), 1 / len(tokenizer)), tokenizer, count=256)
    ax.figure.canvas.draw()
    assert len({label.get_text() for label in ax.get_yticklabels()}) == 257
