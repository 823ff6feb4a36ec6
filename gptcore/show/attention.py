"""`AttentionView`: where a token looks, head by head, while the model reads a text."""

from dataclasses import dataclass
from typing import Any

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from gptcore.model import GPTModel
from gptcore.recording import Recording
from gptcore.show.charts import DPI, HEIGHT, SMALL, WIDTH, Chart, drawable, styled
from gptcore.show.parts import framed, html, side_by_side
from gptcore.show.plots import plot_shares
from gptcore.show.recorded import Index, RecordedText, RecordedTextView, index_slider
from gptcore.show.settings import Shown
from gptcore.show.style import CHOSEN, EMPTY_ROW, KEPT, caption_html, escape, others_label, percent, row_html

STRONGEST = 5  # how many positions have a row of their own
MAP_SIZE = 48  # squares on each side of a small map, at most


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
        target = "itself" if position == self.position else self.text.quoted(position)
        return (
            f"In layer {self.layer}, head {self.head}, {self.text.quoted(self.position)} gives most of its attention, "
            f"{percent(weight)}, to {target}.{self.text.warning}"
        )

    def describe(self) -> str:
        position, weight = self.strongest[0]
        token, target = self.text.name(self.position), self.text.name(position)
        return f"layer {self.layer}, head {self.head}, {token} looks most at {target}, {percent(weight)}"


def head_attention(text: RecordedText, layer: int, head: int, position: int) -> HeadAttention:
    """Where the token at `position` looks, in one head of one layer."""
    weights = text.recording.attention[layer, head, position, : position + 1].tolist()
    return HeadAttention(text, layer, head, position, weights)


KEY = (
    '<div class="gptcore"><div class="gptcore-key gptcore-look-key">The bar under a token is the share of the '
    "attention that it gets; framed: the token that looks; pale: what it cannot see, because it comes later."
    "</div></div>"
)


def chips_html(attention: HeadAttention | None) -> str:
    """The tokens of the text, each with its share of the attention."""
    chips = ""
    if attention is not None:
        text = attention.text
        chips = f'<span class="gptcore-key">… {text.left_out:,} tokens before … </span>' if text.left_out else ""
        chips += "".join(_chip_html(attention, position) for position in range(len(text.labels)))
    return (
        '<div class="gptcore"><div class="gptcore-look" role="list" aria-label="The tokens, and how much attention '
        f'each gets">{chips}</div></div>'
    )


def _chip_html(attention: HeadAttention, position: int) -> str:
    label, weight = escape(attention.text.labels[position]), 0.0
    if position < len(attention.weights):
        weight = attention.weights[position]
        kind, says = "", f"gets {escape(percent(weight))}"
    else:
        kind, says = " gptcore-look-later", "comes later"
    if position == attention.position:
        kind, says = f"{kind} gptcore-look-from", f"{says}, looks from here"
    name = f"{label}, position {position}: {says}"
    return (
        f'<span class="gptcore-look-chip{kind}" role="listitem" style="--weight:{weight:.3f}" title="{name}" '
        f'aria-label="{name}">{label}</span>'
    )


def bars_html(attention: HeadAttention | None) -> str:
    """The strongest positions as bars, and one for all others; of constant height."""
    rows = [] if attention is None else attention.rows
    lines = [row_html(label, weight, percent(weight), room=99) for label, weight in rows[:-1]]
    lines += [EMPTY_ROW] * (STRONGEST - len(lines))
    lines += [row_html(label, weight, percent(weight), "gptcore-others") for label, weight in rows[-1:]] or [EMPTY_ROW]
    return (
        '<div class="gptcore gptcore-look-bars" role="list" aria-label="The positions that are looked at most">'
        f"{''.join(lines)}</div>"
    )


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
    weights = weights.float().cpu()
    if len(weights) > MAP_SIZE:
        weights = F.adaptive_max_pool2d(weights[None], MAP_SIZE)[0]
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
    plot_shares(ax, attention.rows, "share of the attention")
    token = attention.text.name(attention.position)
    ax.set_title(drawable(f"Layer {attention.layer}, head {attention.head}: where\n{token} looks"), fontsize=11, pad=9)


class AttentionView(RecordedTextView):
    """A text, and how one head of one layer shares the attention of one token among the tokens up to it.

    >>> view = AttentionView(model, tokenizer, "Once upon a time", layer=3, head=2)
    >>> view.position = 1
    >>> [round(weight, 2) for weight in view.weights]  # of the first token and of the second
    [0.6, 0.4]

    Layers, heads and positions are counted from 0. A new text puts `position` on its last token, the one from which
    the next is predicted. A value that is not allowed changes nothing, and `problem` says why. Of a text longer than
    the context, the model reads the last `context_length` tokens, and positions are counted from the first of those.
    Only a new text calls the model.
    """

    layer, head = Index(lambda view: view.model.config.n_layers), Index(lambda view: view.model.config.n_heads)
    weights, strongest = Shown(empty=[]), Shown(empty=[])

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        text: str = "Once upon a time",
        layer: int = 0,
        head: int = 0,
        position: int | None = None,
    ):
        super().__init__(model, tokenizer)
        layers, heads = model.config.n_layers, model.config.n_heads
        self.controls |= {"layer": index_slider("Layer", layers), "head": index_slider("Head", heads)}
        self._chips, self._message, self._bars = html(), html(), html()
        # The box that scrolls outlives what it shows, so that it stays where it is while a slider moves.
        box = ipywidgets.Box([self._chips], layout={"height": "350px", "overflow": "hidden auto", "display": "block"})
        box.add_class("gptcore-look-box")
        sliders = side_by_side(*(self.controls[name] for name in ("layer", "head", "position")))
        parts = self.controls["text"], sliders, box, ipywidgets.HTML(KEY), self._message, self._bars
        self.view = framed(*parts, width=1000)
        self._begin(text, layer=layer, head=head, position=position)

    @styled
    def picture(self) -> Figure:
        """A small map for each head, a layer to a row, and beside them where the chosen token looks, as bars.

        The chosen head has a frame, the chosen token a tick.
        """
        layers, heads = self.model.config.n_layers, self.model.config.n_heads
        figure = Chart(figsize=(WIDTH, max(3.2, min(HEIGHT, 0.85 * layers + 1.1))), dpi=DPI, layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(5, 4))
        left.suptitle("Head, from left to right", fontsize=11)
        left.supylabel("Layer, from top to bottom", fontsize=11)
        left.supxlabel("Each map: a token looks (down) at tokens (across)", fontsize=SMALL)
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
        self._chips.value = chips_html(self.record)
        self._bars.value = bars_html(self.record)
        self._message.value = caption_html(self.caption, 2, 3)
