"""What a model believes comes next, beside what is true: two bars for each token."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from torch import Tensor

from gptcore.any_tokenizer import check_decoder
from gptcore.checks import check_integer
from gptcore.language import _
from gptcore.show.arguments import checked
from gptcore.show.plots import PERCENTS, plot_pairs
from gptcore.show.style import others_label, percent
from gptcore.tokenizer import token_label


@checked
def plot_belief(ax: Axes, truth: Mapping[int, float], belief: Tensor, tokenizer: Any, count: int = 8) -> None:
    """The `count` tokens that are truly the likeliest, and one row for all others, each with two bars on `ax`.

    `truth` is {token_id: probability}, as `gptcore.stories.next_token` gives it, `belief` the model's probabilities
    (vocab_size,). Both rows of bars add up to 1.
    """
    check_decoder(tokenizer)
    check_integer("count", count, least=1)
    if belief.ndim != 1:
        raise ValueError(_("belief must have the shape (vocab_size,), got {shape}").format(shape=tuple(belief.shape)))
    if wrong := [token_id for token_id in truth if not 0 <= token_id < len(belief)]:
        raise ValueError(
            _("truth must have token ids from 0 to {last}, those of belief, got {value}").format(
                last=len(belief) - 1, value=wrong[0]
            )
        )
    likeliest = sorted(truth, key=truth.get, reverse=True)[:count]
    true = [truth[token_id] for token_id in likeliest]
    believed = [belief[token_id].item() for token_id in likeliest]
    others = len(belief) - len(likeliest)
    labels = [token_label(tokenizer, token_id) for token_id in likeliest]
    if others:
        labels.append(others_label(others))
        true.append(max(0.0, 1 - sum(true)))
        believed.append(max(0.0, 1 - sum(believed)))
    pairs = {_("truth"): true, _("the model's belief"): believed}
    texts = {name: [percent(prob) for prob in probs] for name, probs in pairs.items()}
    plot_pairs(ax, labels, pairs, texts, xlabel=_("probability"))
    ax.set(**PERCENTS)
