"""`DistributionExplorer`: logit → scaled → probability of the next token, with every setting of the sampler to move."""

from html import escape
from typing import Any

import ipywidgets
import torch
from matplotlib.figure import Figure

from gptcore.fast.cores import one_thread
from gptcore.generation import text_steps
from gptcore.model import GPTModel
from gptcore.sampling import Distribution, Sampling, draw, next_token_distribution
from gptcore.show.charts import drawable, styled
from gptcore.show.live import LiveView
from gptcore.show.panels import Panels, panels_html, plot_panels, row_labels
from gptcore.show.style import ending, percent, stylesheet
from gptcore.tokenizer import token_label

TEMPERATURES = [*(i / 20 for i in range(41)), 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0, 50.0, 100.0]
TOP_KS = [*range(1, 11), 12, 15, 20, 25, 30, 40, 50, 75, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 20_000]
TOP_PS = [*(i / 20 for i in range(1, 20)), 0.97, 0.99, 0.999]
MIN_PS = [0.001, 0.002, 0.005, 0.01, 0.02, *(i / 20 for i in range(1, 21))]
MOST_ROWS = 50
OFF = "off"  # None, for a control: an ipywidgets slider cannot have None as a value


class _Setting:
    """A plain attribute of the widget that is the value of a control; setting it is as good as moving the control."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, widget: "DistributionExplorer | None", owner: type | None = None) -> Any:
        if widget is None:
            return self
        value = widget.controls[self.name].value
        return None if value == OFF and self.name != "prompt" else value

    def __set__(self, widget: "DistributionExplorer", value: Any) -> None:
        widget.change(**{self.name: value})


class DistributionExplorer(LiveView):
    """The scores of the likeliest next tokens after a prompt, and how the settings turn them into chances.

    >>> explorer = DistributionExplorer(model, tokenizer, "Once upon a time")
    >>> explorer.temperature = 0.5
    >>> explorer.distribution.probs.max(), explorer.entropy, explorer.choices
    >>> explorer.draw(1000)
    >>> explorer.counts

    The settings are those of `gptcore.next_token_distribution`; `log` makes the probability axis logarithmic, `rows` is
    the number of tokens with a row of their own. A value that is not allowed changes nothing, and `problem` says why.
    The model is called when the prompt changes, and never else. A change of prompt or setting clears the counts and
    starts the luck again from `seed`.
    """

    prompt, temperature, top_k, top_p, min_p, log, rows = (_Setting() for _ in range(7))

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = "Once upon a time",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        rows: int = 10,
        seed: int = 1,
    ):
        self.model, self.tokenizer, self.seed = model, tokenizer, seed
        self.distribution: Distribution | None = None  # the record that is shown; None if there is nothing to show
        self.token_ids: list[int] = []  # of the prompt
        self.problem: str | None = None  # what is wrong with the prompt or a setting, in a sentence
        self._prompt_read: str | None = None
        self._labelled: int | None = None  # how many rows have labels; None when a prompt was just read
        self._busy = False
        self._make_controls(len(tokenizer) if hasattr(tokenizer, "__len__") else model.config.vocab_size)
        self._start = {"prompt": prompt, "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
        self._start |= {"log": False, "rows": rows}
        self.reset()

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def panels(self) -> Panels | None:
        """The rows on screen, and the sums over all that are not."""
        if self.distribution is None:
            return None
        counts = self.counts if self.draws else None
        return Panels.of(self.distribution, self._labels, self.temperature, counts, self.last_id)

    @property
    def entropy(self) -> float | None:
        """In nats."""
        return None if self.distribution is None else self.distribution.entropy.item()

    @property
    def choices(self) -> float | None:
        """Among how many equally likely tokens the choice would be as uncertain: exp(entropy)."""
        return None if self.distribution is None else self.distribution.entropy.exp().item()

    @property
    def draws(self) -> int:
        """How many tokens were drawn since the last change."""
        return int(self.counts.sum())

    @property
    def reading(self) -> str:
        """What is to be seen, in words."""
        if self.distribution is None:
            return f"There is nothing to show: {self.problem}."
        sentences = [self._setting_sentence(), self._entropy_sentence(), self._draw_sentence()]
        if self.prompt.endswith(" "):
            sentences.append("The prompt ends in a space, which is an unusual place to go on from.")
        if len(self.token_ids) > (limit := self.model.config.context_length):
            sentences.append(f"The prompt is long: the model sees only its last {limit:,} tokens.")
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
            _put(self.controls[name], value)
        self._busy = False
        self._update(choose=not settings.keys() <= {"log", "rows"})

    def draw(self, count: int = 1) -> None:
        """Draw `count` tokens from the distribution, and count them with those drawn before."""
        if self.distribution is None:
            return
        uniforms = torch.rand(count, generator=self._generator, dtype=torch.float64)
        token_ids = draw(self.distribution, uniforms).cpu()
        self.counts += torch.bincount(token_ids, minlength=self.counts.numel())
        self.last_id = int(token_ids[0]) if count == 1 else None
        self._show()

    def reset(self) -> None:
        """Back to how it began: the prompt, the settings, the luck; nothing drawn."""
        good, problem = {}, None
        for name, value in self._start.items():
            try:
                self._check({name: value})
            except (TypeError, ValueError) as error:
                good[name], problem = getattr(self, name), str(error)
            else:
                good[name] = value
        self.change(**good)
        if problem:
            self.problem = problem
            self._show()

    def _check(self, settings: dict[str, Any]) -> None:
        if unknown := settings.keys() - self.controls.keys():
            raise TypeError(f"settings are {', '.join(self.controls)}, got {', '.join(sorted(unknown))}")
        Sampling(*(settings.get(name, getattr(self, name)) for name in ("temperature", "top_k", "top_p", "min_p")))
        if not isinstance(settings.get("prompt", ""), str):
            raise TypeError(f"prompt must be a text, got {settings['prompt']!r}")
        rows = settings.get("rows", 1)
        if isinstance(rows, bool) or not isinstance(rows, int) or not 1 <= rows <= MOST_ROWS:
            raise ValueError(f"rows must be a whole number from 1 to {MOST_ROWS}, got {rows!r}")
        if not isinstance(settings.get("log", True), bool):
            raise TypeError(f"log must be True or False, got {settings['log']!r}")

    def _update(self, choose: bool = True) -> None:
        """Bring everything up to date with the controls; `choose` is False if only the look has changed."""
        if self._busy:
            return
        self.problem = None if choose or self.distribution is not None else self.problem
        if choose:
            self._choose()
        if self.distribution is not None and self._labelled != self.rows:
            with one_thread():
                self._labels = row_labels(self.logits, self.tokenizer, self.rows)
            self._labelled = self.rows
        self._show()

    def _choose(self) -> None:
        """The distribution anew, from logits that are read again only for a new prompt."""
        self._generator = torch.Generator().manual_seed(self.seed)
        with one_thread():
            self.counts = torch.zeros(self.model.config.vocab_size, dtype=torch.int64)
        self.last_id: int | None = None
        try:
            if self.prompt != self._prompt_read:
                self.distribution, self._prompt_read, self._labelled = None, None, None
                self.token_ids, steps = text_steps(self.model, self.prompt, self.tokenizer, 1, Sampling())
                self.logits, self._prompt_read = next(steps).distribution.logits, self.prompt
            self.distribution = next_token_distribution(
                self.logits, self.temperature, self.top_k, self.top_p, self.min_p
            )
        except (TypeError, ValueError, RuntimeError, LookupError) as error:
            self.problem = f"{error}"

    # How it looks ------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        if self.distribution is None:
            return f"DistributionExplorer: {self.problem}"
        settings = ", ".join(
            f"{name} {getattr(self, name)}"
            for name in ("temperature", "top_k", "top_p", "min_p")
            if getattr(self, name) is not None
        )
        drawn = f"; {self.draws:,} drawn" if self.draws else ""
        return (
            f"DistributionExplorer: after {self.prompt!r} at {settings}: {self.panels.describe()}; "
            f"entropy {self.entropy:.2f} nats, as if choosing among {_among(self.choices)}{drawn}"
        )

    @styled
    def picture(self) -> Figure:
        figure = Figure(figsize=(11, 1.4 + 0.27 * self.rows), layout="constrained")
        axes = figure.subplots(1, 3, width_ratios=[1, 1, 1.2])
        if self.distribution is not None:
            plot_panels(axes, self.panels, self.log)
        title = f"After “{ending(drawable(self.prompt), 70)}”, temperature {self.temperature:g}"
        figure.suptitle(title, x=0.01, ha="left")
        return figure

    def _make_controls(self, vocab_size: int) -> None:
        wide = ipywidgets.Layout(width="auto")
        self.controls: dict[str, Any] = {
            "prompt": ipywidgets.Text("", description="Prompt", continuous_update=False, layout=wide),
            "temperature": _slider("Temperature", [(f"{t:g}", t) for t in TEMPERATURES], 1.0),
            "top_k": _slider("Top-k", [*((f"{k:,}", k) for k in TOP_KS if k < vocab_size), ("off", OFF)], OFF),
            "top_p": _slider("Top-p", [*((f"{p:g}", p) for p in TOP_PS), ("off", OFF)], OFF),
            "min_p": _slider("Min-p", [("off", OFF), *((f"{p:g}", p) for p in MIN_PS)], OFF),
            "log": ipywidgets.Checkbox(False, description="Logarithmic", indent=False, layout={"width": "130px"}),
            "rows": ipywidgets.Dropdown(
                options=[5, 10, 15, 20], value=10, description="Rows", layout={"width": "120px"}, style=_narrow("45px")
            ),
        }
        for name, control in self.controls.items():
            choose = name not in ("log", "rows")
            control.observe(lambda _, choose=choose: self._update(choose), names="value")
        self.buttons = {
            "draw 1": _button("Draw 1", lambda: self.draw(1), "random"),
            "draw 100": _button("Draw 100", lambda: self.draw(100), "random"),
            "draw 1,000": _button("Draw 1,000", lambda: self.draw(1000), "random"),
            "reset": _button("Reset", self.reset, "undo"),
        }
        self._shown = ipywidgets.HTML(layout=wide)  # one for all that changes: one message, one frame in the browser
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        names = ("temperature", "top_k", "top_p", "min_p")
        self.view = ipywidgets.VBox(
            [
                ipywidgets.HTML(stylesheet()),
                self.controls["prompt"],
                ipywidgets.HBox([self.controls[name] for name in names], layout=wrap),
                ipywidgets.HBox([*self.buttons.values(), self.controls["rows"], self.controls["log"]], layout=wrap),
                self._shown,
            ],
            layout=ipywidgets.Layout(max_width="1100px", width="100%"),
        )

    def _show(self) -> None:
        with one_thread():
            bars, reading = panels_html(self.panels, self.rows, self.log), self.reading
        status = f'<div role="status" aria-live="polite">{escape(reading)}</div>'
        self._shown.value = f'{bars}<div class="gptcore gptcore-reading">{status}</div>'
        for name in ("draw 1", "draw 100", "draw 1,000"):
            self.buttons[name].disabled = self.distribution is None

    def _setting_sentence(self) -> str:
        count, vocab_size = int(self.distribution.kept_count), self.distribution.probs.numel()
        likeliest = int(self.distribution.probs.argmax())
        label, chance = token_label(self.tokenizer, likeliest), percent(self.distribution.probs[likeliest].item())
        if self.temperature == 0:
            return f"Temperature 0 is greedy: the likeliest token, {label}, is taken every time."
        tokens = f"{count:,} of {vocab_size:,} tokens can be drawn"
        return f"At temperature {self.temperature:g}, {tokens}; the likeliest is {label} with {chance}."

    def _entropy_sentence(self) -> str:
        return f"Entropy: {self.entropy:.2f} nats, as if choosing among {_among(self.choices)} equally likely tokens."

    def _draw_sentence(self) -> str:
        if not self.draws:
            return "Nothing is drawn yet."
        chosen = int(self.counts.argmax()) if self.last_id is None else self.last_id
        label, p = token_label(self.tokenizer, chosen), self.distribution.probs[chosen].item()
        if self.last_id is not None:
            return f"Drawn: {label}, which had a chance of {percent(p)}."
        return (
            f"Of {self.draws:,} draws, {label} came {int(self.counts[chosen]):,} times; "
            f"{self.draws * p:,.1f} were expected."
        )


def _among(choices: float) -> str:
    return f"{choices:,.1f}"


def _narrow(width: str) -> dict[str, str]:
    return {"description_width": width}


def _slider(name: str, options: list[tuple[str, Any]], value: Any) -> ipywidgets.SelectionSlider:
    layout = ipywidgets.Layout(flex="1 1 45%", min_width="300px")
    return ipywidgets.SelectionSlider(
        options=options, value=value, description=name, layout=layout, style=_narrow("85px")
    )


def _button(name: str, action: Any, icon: str) -> ipywidgets.Button:
    button = ipywidgets.Button(description=name, icon=icon, layout={"width": "auto"})
    button.on_click(lambda _: action())
    return button


def _put(control: Any, value: Any) -> None:
    """Set a control to `value`; one that offers a choice is made to offer it, in its place."""
    if isinstance(control, ipywidgets.SelectionSlider | ipywidgets.Dropdown):
        value = OFF if value is None else value
        options = [option if isinstance(option, tuple) else (str(option), option) for option in control.options]
        if value not in (known for _, known in options):
            text = f"{value:,}" if isinstance(value, int) else f"{value:g}"
            numbers = sorted([option for option in options if option[1] != OFF] + [(text, value)], key=lambda o: o[1])
            last = [option for option in options[-1:] if option[1] == OFF]
            first = [option for option in options[:1] if option[1] == OFF]
            control.options = [*first, *numbers, *last]
    control.value = value
