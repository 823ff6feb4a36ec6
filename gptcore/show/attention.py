"""`AttentionView`: where a token looks, head by head, while the model reads a text."""

from html import escape
from typing import Any

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from gptcore.model import GPTModel
from gptcore.recording import Recording, record
from gptcore.show.charts import drawable, plot_shares, styled
from gptcore.show.live import LiveView
from gptcore.show.style import (
    CHOSEN,
    EMPTY_ROW,
    KEPT,
    caption_html,
    others_label,
    percent,
    row_html,
    stylesheet,
)
from gptcore.tokenizer import token_label

STRONGEST = 5  # how many places have a row of their own
MAP_SIZE = 48  # how many squares a small map has at most on each side


class AttentionView(LiveView):
    """A text, and how one head of one layer shares the attention of one token among the tokens up to it.

    >>> view = AttentionView(model, tokenizer, "Once upon a time", layer=3, head=2)
    >>> view.position = 1
    >>> view.weights, view.strongest

    Layers, heads and positions are counted from 0. A new text puts `position` on its last token, the one from which
    the next is predicted. A value that is not allowed changes nothing, and `problem` says why. Of a text longer than
    the context, the model reads the last `context_length` tokens, and positions are counted from the first of those.
    The model is called when the text changes, and never else.
    """

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        text: str = "Once upon a time",
        layer: int = 0,
        head: int = 0,
        position: int | None = None,
    ):
        self.model, self.tokenizer = model, tokenizer
        self.recording: Recording | None = None  # what is shown; None if there is nothing to show
        self.labels: list[str] = []  # of the tokens that were read
        self.left_out = 0  # how many tokens before those the model does not see
        self.problem: str | None = None  # what is wrong with the text or a setting, in a sentence
        self._busy = False
        self._make_controls()
        self.change(text=text)
        self.change(**{"layer": layer, "head": head} | ({} if position is None else {"position": position}))

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        return self.controls["text"].value

    @text.setter
    def text(self, text: str) -> None:
        self.change(text=text)

    @property
    def layer(self) -> int:
        return min(self.controls["layer"].value, self.model.config.n_layers - 1)

    @layer.setter
    def layer(self, layer: int) -> None:
        self.change(layer=layer)

    @property
    def head(self) -> int:
        return min(self.controls["head"].value, self.model.config.n_heads - 1)

    @head.setter
    def head(self, head: int) -> None:
        self.change(head=head)

    @property
    def position(self) -> int:
        """The place of the token that looks."""
        return min(self.controls["position"].value, max(0, len(self.labels) - 1))

    @position.setter
    def position(self, position: int) -> None:
        self.change(position=position)

    @property
    def weights(self) -> list[float]:
        """How much of the attention each token gets, up to the one that looks; they sum to 1."""
        if self.recording is None:
            return []
        return self.recording.attention[self.layer, self.head, self.position, : self.position + 1].tolist()

    @property
    def strongest(self) -> list[tuple[int, float]]:
        """(place, weight) of the places that are looked at most, the strongest first, equal ones in order."""
        places = sorted(enumerate(self.weights), key=lambda place: -place[1])
        return places[:STRONGEST]

    @property
    def reading(self) -> str:
        """What is to be seen, in words."""
        if self.recording is None:
            return f"There is nothing to show: {self.problem}."
        place, weight = self.strongest[0]
        sentences = [
            f"In layer {self.layer}, head {self.head}, {self._quoted(self.position)} gives most of its attention, "
            f"{percent(weight)}, to {'itself' if place == self.position else self._quoted(place)}."
        ]
        if self.left_out:
            limit = self.model.config.context_length
            sentences.append(f"The text is long: the model sees only its last {limit:,} tokens.")
        if self.problem:
            sentences.insert(0, f"Not changed: {self.problem}.")
        return " ".join(sentences)

    # What it does ------------------------------------------------------------------------------------------------

    def change(self, **settings: Any) -> None:
        """Change several settings at once, and draw the picture once."""
        try:
            self._check(settings)
        except (TypeError, ValueError) as error:
            self.problem = str(error)
            self._show()
            return
        self._busy = True
        for name, value in settings.items():
            self.controls[name].value = value
        self._busy = False
        self._update("text" in settings)

    def _check(self, settings: dict[str, Any]) -> None:
        if unknown := settings.keys() - self.controls.keys():
            raise TypeError(f"settings are {', '.join(self.controls)}, got {', '.join(sorted(unknown))}")
        if not isinstance(settings.get("text", ""), str):
            raise TypeError(f"text must be a text, got {settings['text']!r}")
        config = self.model.config
        counts = {"layer": config.n_layers, "head": config.n_heads, "position": len(self.labels)}
        for name, count in counts.items():
            value = settings.get(name, 0)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if name in settings and not (whole and 0 <= value < count):
                raise ValueError(f"{name} must be a whole number from 0 to {max(0, count - 1)}, got {value!r}")

    def _update(self, read: bool) -> None:
        """Bring everything up to date with the controls; `read` is True if the text is another."""
        if self._busy:
            return
        self.problem = None if read or self.recording is not None else self.problem
        if read:
            self._read()
        self._show()

    def _read(self) -> None:
        self._busy = True
        self.recording, self.labels, self.left_out = None, [], 0
        try:
            self.recording, self.left_out = record_text(self.model, self.tokenizer, self.text)
            self.labels = [token_label(self.tokenizer, token_id) for token_id in self.recording.token_ids.tolist()]
        except (TypeError, ValueError, RuntimeError, LookupError) as error:
            self.problem = str(error)
        put_last(self.controls["position"], len(self.labels))
        self._busy = False

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        if self.recording is None:
            return f"AttentionView: {self.problem}"
        place, weight = self.strongest[0]
        where = f"layer {self.layer}, head {self.head}, {self._name(self.position)}"
        return f"AttentionView: {where} looks most at {self._name(place)}, {percent(weight)}"

    @styled
    def picture(self) -> Figure:
        """A small map for each head, a layer to a row, and below them where the chosen token looks, as bars.

        In a map, the token that looks goes from top to bottom and what it sees from left to right; darker is more
        attention. In a text longer than 48 tokens a dot stands for several, and shows the largest weight among them.
        The chosen head has a frame, the chosen token a tick.
        """
        layers, heads = self.model.config.n_layers, self.model.config.n_heads
        sizes = min(12.0, 1.3 * layers + 0.5), 2.2
        figure = Figure(figsize=(max(7.0, min(13.0, 1.3 * heads + 0.6)), sum(sizes)), layout="constrained")
        top, bottom = figure.subfigures(2, height_ratios=sizes)
        grid = top.subplots(layers, heads, squeeze=False)
        for layer, row in enumerate(grid):
            row[0].set_ylabel(f"layer {layer}", fontsize=8)
            for head, ax in enumerate(row):
                ax.spines[:].set_visible(True)
                ax.set(xticks=[], yticks=[])
                ax.set_title(f"head {head}" if layer == 0 else "", loc="center", fontsize=8)
                if self.recording is not None:
                    _draw_map(ax, self.recording.attention[layer, head])
        ax = bottom.subplots()
        if self.recording is None:
            ax.set_axis_off()
            return figure
        self._mark(grid[self.layer][self.head])
        plot_shares(ax, self._rows(), "share of the attention")
        title = f"Layer {self.layer}, head {self.head}: where {self._name(self.position)} looks"
        ax.set_title(drawable(title))
        return figure

    def _mark(self, ax: Axes) -> None:
        """A frame for the chosen head, and a tick where the chosen token is."""
        for spine in ax.spines.values():
            spine.set(color=CHOSEN, linewidth=2.5)
        tokens = len(self.labels)
        size = min(tokens, MAP_SIZE)
        ax.set_yticks([(self.position + 0.5) * size / tokens - 0.5], [""])
        ax.tick_params(axis="y", color=CHOSEN, width=2.5, length=5)

    def _make_controls(self) -> None:
        wide = ipywidgets.Layout(width="auto")
        config = self.model.config
        self.controls: dict[str, Any] = {
            "text": ipywidgets.Text("", description="Text", continuous_update=False, layout=wide),
            "layer": number_slider("Layer", config.n_layers),
            "head": number_slider("Head", config.n_heads),
            "position": number_slider("Token", 1, flex="1 1 100%"),
        }
        for name, control in self.controls.items():
            control.observe(lambda _, read=name == "text": self._update(read), names="value")
        self._message, self._chips, self._bars = (ipywidgets.HTML(layout=wide) for _ in range(3))
        # The box that scrolls outlives what it shows, so that it stays where it is while a slider moves.
        box = ipywidgets.Box([self._chips], layout={"height": "350px", "overflow": "hidden auto", "display": "block"})
        box.add_class("gptcore-look-box")
        sliders = ipywidgets.HBox([self.controls[name] for name in ("layer", "head", "position")])
        sliders.layout.flex_flow = "row wrap"
        key = (
            '<div class="gptcore"><div class="gptcore-key gptcore-look-key">The bar under a token is the share of the '
            "attention that it gets; framed: the token that looks; pale: what it cannot see, because it comes later."
            "</div></div>"
        )
        self.view = ipywidgets.VBox(
            [ipywidgets.HTML(stylesheet()), self.controls["text"], sliders, box, ipywidgets.HTML(key), self._message]
            + [self._bars],
            layout=ipywidgets.Layout(max_width="1000px", width="100%"),
        )

    def _show(self) -> None:
        self._chips.value = self._chips_html()
        self._bars.value = self._bars_html()
        self._message.value = caption_html(self.reading, 2, 3)

    def _chips_html(self) -> str:
        weights = self.weights
        chips = [self._chip_html(place, weights) for place in range(len(self.labels))]
        before = f'<span class="gptcore-key">… {self.left_out:,} tokens before … </span>' if self.left_out else ""
        return (
            '<div class="gptcore"><div class="gptcore-look" role="list" aria-label="The tokens, and how much attention '
            f'each gets">{before}{"".join(chips)}</div></div>'
        )

    def _chip_html(self, place: int, weights: list[float]) -> str:
        label = escape(self.labels[place])
        seen = place < len(weights)
        kind = "" if seen else " gptcore-look-later"
        kind += " gptcore-look-from" if place == self.position else ""
        says = f"gets {escape(percent(weights[place]))}" if seen else "comes later"
        says += ", looks from here" if place == self.position else ""
        name = f"{label}, place {place}: {says}"
        weight = weights[place] if seen else 0.0
        return (
            f'<span class="gptcore-look-chip{kind}" role="listitem" style="--weight:{weight:.3f}" title="{name}" '
            f'aria-label="{name}">{label}</span>'
        )

    def _rows(self) -> list[tuple[str, float]]:
        """(label, weight) of the strongest places, and of all others together, so that the bars add up."""
        strongest = self.strongest
        others = len(self.weights) - len(strongest)
        rest = max(0.0, 1 - sum(weight for _, weight in strongest)) if others else 0.0
        rows = [(self._name(place), weight) for place, weight in strongest]
        return [*rows, (others_label(others), rest)]

    def _bars_html(self) -> str:
        rows = self._rows() if self.recording is not None else []
        lines = [row_html(label, weight, percent(weight), room=99) for label, weight in rows[:-1]]
        lines += [EMPTY_ROW] * (STRONGEST - len(lines))
        lines += [row_html(label, weight, percent(weight), "gptcore-others") for label, weight in rows[-1:]]
        lines += [EMPTY_ROW] * (not rows)
        return (
            '<div class="gptcore gptcore-look-bars" role="list" aria-label="The places that are looked at most">'
            f"{''.join(lines)}</div>"
        )

    def _quoted(self, place: int) -> str:
        """For a sentence, where a full stop may be a token."""
        return f"“{self.labels[place]}” (place {place})"

    def _name(self, place: int) -> str:
        return f"{self.labels[place]} (place {place})"


def record_text(model: GPTModel, tokenizer: Any, text: str) -> tuple[Recording, int]:
    """The recording of `text`, and how many of its first tokens were left out because the context is full.

    Raises ValueError if the text has no token, or one that the model does not know.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"text must be text that UTF-8 can hold, without surrogates, got {text!r}")
    token_ids = list(tokenizer.encode(text)) if text else []
    if not token_ids:
        raise ValueError("text must have at least one token, got none")
    seen = token_ids[-model.config.context_length :]
    return record(model, torch.tensor(seen, device=model.device)), len(token_ids) - len(seen)


def number_slider(name: str, count: int, flex: str = "1 1 45%") -> ipywidgets.IntSlider:
    """A slider over 0 … count - 1; one that has nothing to choose from is disabled."""
    slider = ipywidgets.IntSlider(0, 0, max(1, count - 1), description=name, disabled=count < 2)
    slider.layout = ipywidgets.Layout(flex=flex, min_width="280px")
    slider.style.description_width = "60px"
    return slider


def put_last(slider: ipywidgets.IntSlider, count: int) -> None:
    """Let the slider go over 0 … count - 1, and put it on the last."""
    slider.value = 0
    slider.max = max(1, count - 1)
    slider.value = max(0, count - 1)
    slider.disabled = count < 2


def _draw_map(ax: Axes, attention: torch.Tensor) -> None:
    """One head's attention (T, T) on `ax`; what cannot be seen stays white."""
    weights = attention.float().cpu()
    if len(weights) > MAP_SIZE:
        weights = F.adaptive_max_pool2d(weights[None], MAP_SIZE)[0]
    colours = LinearSegmentedColormap.from_list("attention", ["white", KEPT, "#002B45"])
    ax.imshow(weights.sqrt().numpy(), cmap=colours, vmin=0, vmax=1, interpolation="nearest", aspect="auto")
