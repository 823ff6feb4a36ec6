"""What a model believes comes next, beside what is true: two bars for each token."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from torch import Tensor

from gptcore.show.style import KEPT, OTHERS, drawable, fonts, percent
from gptcore.tokenizer import token_label


def plot_belief(ax: Axes, truth: Mapping[int, float], belief: Tensor, tokenizer: Any, count: int = 8) -> None:
    """The `count` tokens that are truly the likeliest, and one row for all others, each with two bars on `ax`.

    `truth` is {token_id: probability}, as `gptcore.stories.next_token` gives it, `belief` the model's probabilities
    (vocab_size,). Both rows of bars add up to 1.
    """
    likeliest = sorted(truth, key=truth.get, reverse=True)[:count]
    true = [truth[token_id] for token_id in likeliest]
    believed = [belief[token_id].item() for token_id in likeliest]
    others = len(belief) - len(likeliest)
    labels = [token_label(tokenizer, token_id) for token_id in likeliest]
    if others:
        labels.append(f"{others:,} others")
        true.append(max(0.0, 1 - sum(true)))
        believed.append(max(0.0, 1 - sum(believed)))
    rows = range(len(labels))
    ax.barh([row - 0.2 for row in rows], true, 0.4, color="white", edgecolor=OTHERS, hatch="///", label="truth")
    ax.barh([row + 0.2 for row in rows], believed, 0.4, color=KEPT, label="the model's belief")
    for row, pair in enumerate(zip(true, believed, strict=True)):
        for probability, place in zip(pair, (row - 0.2, row + 0.2), strict=True):
            ax.text(probability + 0.005, place, percent(probability), va="center", fontsize=8)
    ax.set_yticks(rows, [drawable(label) for label in labels], parse_math=False, fontfamily=fonts())
    ax.set(xlabel="probability", xlim=(0, 1.15 * max(true + believed)))
    ax.invert_yaxis()
    ax.legend(loc="center right", frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
