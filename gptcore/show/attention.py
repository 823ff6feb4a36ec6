"""`AttentionView`: where a token looks, head by head, while the model reads a text."""

import base64
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from gptcore.language import _
from gptcore.model import GPTModel
from gptcore.recording import Recording
from gptcore.show.charts import DPI, HEIGHT, SMALL, WIDTH, Chart, drawable, styled
from gptcore.show.front import Control
from gptcore.show.plots import plot_shares
from gptcore.show.recorded import Index, RecordedText, RecordedTextView, record_text
from gptcore.show.settings import OPENING, Shown
from gptcore.show.style import CHOSEN, KEPT, others_label, percent

STRONGEST = 5  # how many positions have a row of their own
MAP_SIZE = 48  # squares on each side of a small map, at most
MOST_SQUARES = 30_000  # of all small maps on a page together: 40 kB


@dataclass(frozen=True, eq=False)
class AttendedText(RecordedText):
    """A text as a model has read it, with what all heads did."""

    @cached_property
    def maps(self) -> dict[str, Any]:
        """The small maps for a page: their `size`, and of each head the lower half, row by row, as bytes in base64.

        A byte is 255 times the square root of a weight; in a long text a square stands for several tokens each way.
        """
        attention = self.recording.attention.flatten(0, 1)  # (n_layers * n_heads, T, T)
        size = map_size(len(attention), len(self.labels))
        rows, columns = torch.tril_indices(size, size)
        values = (255 * small_maps(attention, size)[:, rows, columns].sqrt()).round().to(torch.uint8)
        return {"size": size, "values": base64.b64encode(values.numpy().tobytes()).decode("ascii")}

    @cached_property
    def most(self) -> dict[str, torch.Tensor]:
        """The largest weight of each position in each head, (n_layers, n_heads, T), and whose it is."""
        weights, positions = self.recording.attention.max(-1)
        return {"weights": weights, "positions": positions}


def map_size(heads: int, tokens: int) -> int:
    """The squares on each side of the small map of each of so many `heads` on a page."""
    return max(1, min(tokens, MAP_SIZE, (math.isqrt(1 + 8 * MOST_SQUARES // heads) - 1) // 2))


def read_attention(model: GPTModel, tokenizer: Any, text: str) -> AttendedText:
    """Record `text`: see `record_text`."""
    return AttendedText(**vars(record_text(model, tokenizer, text)))


def small_maps(weights: torch.Tensor, size: int = MAP_SIZE) -> torch.Tensor:
    """The weights (heads, T, T) with at most `size` squares each way; one shows the largest of those it stands for."""
    weights = weights.float().cpu()
    return weights if weights.shape[-1] <= size else F.adaptive_max_pool2d(weights, size)


@dataclass(frozen=True, eq=False)
class HeadAttention:
    """How one head of one layer shares the attention of the token at `position` among the tokens up to it."""

    text: RecordedText
    layer: int
    head: int
    position: int
    weights: list[float]  # of each token up to `position`; they sum to 1

    @property
    def strongest(self) -> list[tuple[int, float]]:
        """(position, weight) of the tokens that get most of it, the strongest first, equal ones in order."""
        return sorted(enumerate(self.weights), key=lambda pair: -pair[1])[:STRONGEST]

    @property
    def rows(self) -> list[tuple[str, float]]:
        """(label, weight) of the strongest, and of all others together, so that the bars add up to 1."""
        strongest = self.strongest
        others = len(self.weights) - len(strongest)
        rest = max(0.0, 1 - sum(weight for _, weight in strongest)) if others else 0.0
        return [*((self.text.name(position), weight) for position, weight in strongest), (others_label(others), rest)]

    @property
    def caption(self) -> str:
        position, weight = self.strongest[0]
        return _(
            "In layer {layer}, head {head}, {token} gives most of its attention, {share}, to {target}.{more}"
        ).format(
            layer=self.layer,
            head=self.head,
            token=self.text.quoted(self.position),
            share=percent(weight),
            target=_("itself") if position == self.position else self.text.quoted(position),
            more=self.text.warning,
        )

    def describe(self) -> str:
        position, weight = self.strongest[0]
        token, target = self.text.name(self.position), self.text.name(position)
        return _("layer {layer}, head {head}, {token} looks most at {target}, {share}").format(
            layer=self.layer, head=self.head, token=token, target=target, share=percent(weight)
        )


def head_attention(text: RecordedText, layer: int, head: int, position: int) -> HeadAttention:
    """Where the token at `position` looks, in one head of one layer."""
    weights = text.recording.attention[layer, head, position, : position + 1].tolist()
    return HeadAttention(text, layer, head, position, weights)


@styled
def plot_maps(axes: Any, weights: torch.Tensor | None) -> None:
    """The attention (n_layers, n_heads, T, T) on `axes`, an array of them: a small map for each head.

    In a map, the token that looks goes from top to bottom and what it sees from left to right; a stronger colour
    is more attention. In a text longer than 48 tokens a dot stands for several, and shows their largest weight.
    """
    for layer, row in enumerate(axes):
        row[0].set_ylabel(f"{layer}", fontsize=SMALL, rotation="horizontal", ha="right", va="center")
        for head, ax in enumerate(row):
            ax.spines[:].set_visible(True)
            ax.set(xticks=[], yticks=[])
            ax.set_title(f"{head}" if layer == 0 else "", loc="center", fontsize=SMALL, pad=3)
            if weights is not None:
                _plot_map(ax, weights[layer, head])


def _plot_map(ax: Axes, weights: torch.Tensor) -> None:
    """The weights (T, T) of one head; what cannot be seen stays white."""
    weights = small_maps(weights[None])[0]
    colours = LinearSegmentedColormap.from_list("attention", ["white", KEPT, "#002B45"])
    ax.imshow(weights.sqrt().numpy(), cmap=colours, vmin=0, vmax=1, interpolation="nearest", aspect="auto")


def mark_map(ax: Axes, attention: HeadAttention) -> None:
    """A frame around the map of the chosen head, and a tick at the chosen token."""
    for spine in ax.spines.values():
        spine.set(color=CHOSEN, linewidth=2.5)
    tokens = len(attention.text.labels)
    ax.set_yticks([(attention.position + 0.5) * min(tokens, MAP_SIZE) / tokens - 0.5], [""])
    ax.tick_params(axis="y", color=CHOSEN, width=2.5, length=6, direction="in")


@styled
def plot_attention(ax: Axes, attention: HeadAttention) -> None:
    """The strongest positions as bars on `ax`."""
    plot_shares(ax, attention.rows, _("share of the attention"))
    title = _("Layer {layer}, head {head}: where\n{token} looks").format(
        layer=attention.layer, head=attention.head, token=attention.text.name(attention.position)
    )
    ax.set_title(drawable(title), fontsize=11, pad=9)


class AttentionView(RecordedTextView):
    """A text, and how one head of one layer shares the attention of one token among the tokens up to it.

    >>> view = AttentionView(model, tokenizer, "Once upon a time", layer=3, head=2)
    >>> view.position = 1
    >>> [round(weight, 2) for weight in view.weights]  # of the first token and of the second
    [0.06, 0.94]

    Layers, heads and positions are counted from 0. A new text puts `position` on its last token, the one from which
    the next is predicted. A value that is not allowed changes nothing, and `problem` says why. Of a text longer than
    the context, the model reads the last `context_length` tokens, and positions are counted from the first of those.
    Only a new text calls the model.
    """

    front, hands = "attention_view", ("choose",)
    layer, head = Index(lambda view: view.model.config.n_layers), Index(lambda view: view.model.config.n_heads)
    weights, strongest = Shown(empty=[]), Shown(empty=[])
    _read_text = staticmethod(read_attention)

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        text: str = OPENING,
        layer: int = 0,
        head: int = 0,
        position: int | None = None,
    ):
        settings = {"position": position, "layer": layer, "head": head}
        super().__init__(model, tokenizer, text, settings, layer=Control(0), head=Control(0))

    def choose(self, layer: int, head: int) -> None:
        """Show another head."""
        self.change(layer=layer, head=head)

    @styled
    def picture(self) -> Figure:
        """A small map for each head, a layer to a row, and beside them where the chosen token looks, as bars.

        The chosen head has a frame, the chosen token a tick.
        """
        layers, heads = self.model.config.n_layers, self.model.config.n_heads
        figure = Chart(figsize=(WIDTH, max(3.2, min(HEIGHT, 0.85 * layers + 1.1))), dpi=DPI, layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(5, 4))
        left.suptitle(_("Head, from left to right"), fontsize=11)
        left.supylabel(_("Layer, from top to bottom"), fontsize=11)
        left.supxlabel(_("Each map: a token looks (down) at tokens (across)"), fontsize=SMALL)
        maps, ax = left.subplots(layers, heads, squeeze=False), right.subplots()
        plot_maps(maps, None if self.recording is None else self.recording.attention)
        if self.record is None:
            ax.set_axis_off()
        else:
            mark_map(maps[self.layer][self.head], self.record)
            plot_attention(ax, self.record)
        return figure

    @property
    def recording(self) -> Recording | None:
        """What `gptcore.record` has written down of the text."""
        return None if self.recorded is None else self.recorded.recording

    def _record(self) -> HeadAttention:
        return head_attention(self.recorded, self.layer, self.head, self.position)

    def _show(self) -> None:
        """Offer the maps too, which a page needs once for each text."""
        self.controls["head"].maps = None if self.recorded is None else self.recorded.maps
        super()._show()

    def _shown(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        *strongest, (others, rest) = self.record.rows
        ids = [position for position, _ in self.record.strongest]
        rows = [{"id": i, "label": self.labels[i], "prob": prob} for i, (_, prob) in zip(ids, strongest, strict=True)]
        return {
            "layer": self.layer,
            "head": self.head,
            "position": self.position,
            "weights": [float(f"{weight:.6g}") for weight in self.weights],
            "rows": [*rows, {"id": None, "label": others, "prob": rest}],
            "heads": {name: values[:, :, self.position].tolist() for name, values in self.recorded.most.items()},
            "left_out": self.left_out,
        }
