"""`Machine`: the whole way from a text to its next token, stage by stage, down to single rows of numbers."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from gptcore.checks import check_integer
from gptcore.fast.quantization import weights_of
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.recording import lens_logits, record
from gptcore.sampling import Distribution, Sampling
from gptcore.seeds import Uniforms
from gptcore.show.band import band
from gptcore.show.candidates import Candidates, plot_candidates
from gptcore.show.charts import SMALL, WIDTH, chart, drawable, say, styled
from gptcore.show.dart import Dart
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.recorded import RecordedText
from gptcore.show.settings import OPENING, Setting, Shown, TextSetting, check_sampling, check_seed, next_seed
from gptcore.show.style import CHOSEN, KEPT, counted, ending, percent
from gptcore.text_generation import start_ids, text_steps
from gptcore.tokenizer import check_tokenizer, decode, end_token_ids, token_label

MOST_NUMBERS = 192  # of a row that are sent to a page; a model may have thousands
MOST_LETTERS = 60  # of the text whose bytes are shown
ROWS = 8  # candidates


@dataclass(frozen=True, eq=False)
class Passage:
    """One token's way through the machine: what each stage makes of it."""

    text: str
    read: RecordedText
    rows: list[list[float]]  # the stream at the last position: after the embedding, and after each block
    guesses: list[tuple[str, float]]  # of each row: the likeliest token if the head read it, and its probability
    reads: list[list[float]]  # of each block: how the last position shares out its attention, the mean over all heads
    last_row: list[float]  # what the head reads: the last row after the final norm
    embedding: list[float]  # the head's row for the token that the dart hits
    distribution: Distribution
    candidates: Candidates
    dart: Dart
    has_ended: bool = False  # the token that was written last was the end of the text

    @property
    def vocab_size(self) -> int:
        return self.distribution.probs.numel()

    @property
    def logit(self) -> float:
        """That of the token that the dart hits."""
        return self.distribution.logits[self.dart.token_id].item()

    @property
    def caption(self) -> str:
        ended = [_("The dart hit the end of the text: the story is over.")] * self.has_ended
        said = _(
            "{tokens} in, {logits} logits out; the dart at {uniform} hits “{label}”, which has a chance of {chance}."
        ).format(
            tokens=counted(len(self.read.labels), "token"),
            logits=f"{self.vocab_size:,}",
            uniform=self.dart.uniform_text,
            label=self.dart.label,
            chance=percent(self.dart.prob),
        )
        return " ".join([*ended, said]) + self.read.warning

    def describe(self) -> str:
        said = _(
            "{text} is {tokens}, {rows} rows of {size} numbers, {logits} logits; {candidates}; the dart hits {label}"
        )
        return said.format(
            text=repr(self.text),
            tokens=counted(len(self.read.labels), "token"),
            rows=len(self.rows),
            size=f"{len(self.last_row):,}",
            logits=f"{self.vocab_size:,}",
            candidates=self.candidates.describe(),
            label=self.dart.label,
        )

    def shown(self) -> dict[str, Any]:
        """Every stage for the page."""
        letters, token_ids = self.text[-MOST_LETTERS:], self.read.recording.token_ids.tolist()
        return {
            "text": self.text,
            "letters": [[letter, letter.encode(errors="replace").hex(" ")] for letter in letters],
            "hiddenLetters": len(self.text) - len(letters),
            "tokens": [list(token) for token in zip(token_ids, self.read.labels, strict=True)],
            "size": len(self.last_row),
            "rows": [_short(row) for row in self.rows],
            "guesses": self.guesses,
            "reads": [_short(weights, len(weights)) for weights in self.reads],
            "lastRow": _short(self.last_row),
            "embedding": _short(self.embedding),
            "logit": self.logit,
            "candidates": [
                row | {"logit": None if row["id"] is None else self.distribution.logits[row["id"]].item()}
                for row in self.candidates.rows_shown()
            ],
            "dart": self.dart.shown(),
        }


def _short(numbers: list[float], most: int = MOST_NUMBERS) -> list[float]:
    """The first numbers, with as many digits as can be read."""
    return [round(number, 3) for number in numbers[:most]]


def pass_through(
    model: GPTModel, tokenizer: Any, token_ids: list[int], sampling: Sampling, uniform: float, has_ended: bool = False
) -> Passage:
    """Send a text through the machine, or its last `context_length` tokens, and throw the dart at `uniform`."""
    seen = token_ids[-model.config.context_length :]
    recording = record(model, torch.tensor(seen, device=model.device))
    read = RecordedText(recording, [token_label(tokenizer, i) for i in seen], len(token_ids) - len(seen))
    stream = read.recording.residuals[:, -1]  # (n_layers + 1, emb_dim)
    likeliest = lens_logits(model, stream).softmax(-1).max(-1)
    guesses = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
    distribution = sampling.distribution(read.recording.logits[-1])
    dart = Dart.of(distribution, uniform, tokenizer)
    with torch.no_grad():
        last_row = model.final_norm(stream[-1])
    return Passage(
        text=decode(tokenizer, token_ids),
        read=read,
        rows=stream.tolist(),
        guesses=[(token_label(tokenizer, token_id), prob) for token_id, prob in guesses],
        reads=read.recording.attention[:, :, -1].mean(1).tolist(),
        last_row=last_row.tolist(),
        embedding=weights_of(model.head, dart.token_id).tolist(),
        distribution=distribution,
        candidates=Candidates.of(distribution, tokenizer, ROWS),
        dart=dart,
        has_ended=has_ended,
    )


@styled
def plot_rows(ax: Axes, passage: Passage) -> None:
    """The rows of numbers at the last position, one below the other: orange below 0, blue above."""
    colours = LinearSegmentedColormap.from_list("numbers", [CHOSEN, "#ffffff", KEPT])
    largest = [max(1e-9, max(map(abs, row))) for row in passage.rows]
    scaled = [[number / most for number in row] for row, most in zip(passage.rows, largest, strict=True)]
    ax.imshow(scaled, aspect="auto", cmap=colours, vmin=-1, vmax=1, interpolation="nearest")
    names = [_("embedding"), *(_("after layer {i}").format(i=i) for i in range(len(passage.rows) - 1))]
    ax.set_yticks(range(len(names)), names, fontsize=SMALL)
    ax.set_xlabel(_("the numbers of one row: orange below 0, blue above"))
    say(ax, _("{rows} rows of {size} numbers").format(rows=len(names), size=f"{len(passage.last_row):,}"))


class Machine(LiveView):
    """The way from a text to its next token: text, tokens, layers, logits, probabilities, dart, next token.

    >>> machine = Machine(model, tokenizer, "Once upon a time", seed=1)
    >>> machine.write()  # the token that the dart hit
    >>> machine.text
    'Once upon a time,'

    `text` is the prompt and what was written; `distribution`, `dart`, `rows` and `guesses` are those of the `Passage`
    that is shown. The tokens are those of `gptcore.generate` with the same settings and seed. Setting `prompt` or
    `seed` begins again.
    """

    prompt, seed = TextSetting(), Setting(check_seed)
    temperature, top_k = Setting(check_sampling), Setting(check_sampling)
    distribution, dart, rows, guesses = (Shown() for _ in range(4))
    text = Shown(empty="")
    front, hands = "machine", ("write", "other_luck")
    _remembered = "record", "_token_ids", "_written"

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = OPENING,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 1,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self._token_ids, self._written = [], 0
        self._open(
            prompt=Control(""),
            temperature=Control(1.0, min=0, max=2, step=0.05),
            top_k=Control(options=[*((str(k), k) for k in (1, 2, 5, 10, 50)), (_("off"), None)]),
            seed=Control(1),
        )
        self.change(prompt=prompt, temperature=temperature, top_k=top_k, seed=seed)

    def write(self, *token_ids: int) -> None:
        """Append the token that the dart hit, or `token_ids`, and send the longer text through the machine.

        Raises TypeError or ValueError if one of them is not in the vocabulary.
        """
        for token_id in token_ids:
            check_integer("token_id", token_id, least=0)
            if token_id >= (size := self.model.config.vocab_size):
                raise ValueError(
                    _("token_id must be below {size}, got {value}").format(size=f"{size:,}", value=f"{token_id:,}")
                )
        if self.record is None:
            return
        ends = end_token_ids(self.tokenizer)
        written = [int(token_id) for token_id in token_ids] or [self.record.dart.token_id]
        new_ids = list(takewhile(lambda token_id: token_id not in ends, written))
        if new_ids:
            self._try(lambda: self._pass([*self._token_ids, *new_ids], self._written + len(new_ids)))
        if len(new_ids) < len(written):
            self.record = replace(self.record, has_ended=True)
        self._show()

    def other_luck(self) -> None:
        """The next seed."""
        self.seed = next_seed(self.seed)

    def _update(self, names: Collection[str]) -> None:
        if names & {"prompt", "seed"} or self.record is None:
            self._try(self._begin)
        else:
            self._try(lambda: self._pass(self._token_ids, self._written))
        self._show()

    def _begin(self) -> Passage:
        token_ids, _ = text_steps(self.model, self.prompt, self.tokenizer)
        return self._pass(token_ids or start_ids(self.model, self.tokenizer), 0)

    def _pass(self, token_ids: list[int], written: int) -> Passage:
        """Send the text through, with the random number of the token after `written` new ones."""
        uniform = Uniforms(self.seed).ahead(written + 1)[0, -1].item()
        sampling = Sampling(self.temperature, self.top_k)
        passage = pass_through(self.model, self.tokenizer, token_ids, sampling, uniform)
        self._token_ids, self._written = token_ids, written
        return passage

    def picture(self) -> Figure:
        title = _("“{text}” on its way through the machine").format(text=ending(drawable(self.text), 60))
        titles = [title, _("What comes next?")]
        figure, (top, bottom) = chart(WIDTH, 4.8, rows=2, titles=titles, height_ratios=[1.2, 2])
        if self.record is not None:
            plot_rows(top, self.record)
            plot_candidates(bottom, self.record.candidates)
        return figure

    def _shown(self) -> dict[str, Any]:
        return {} if self.record is None else self.record.shown()

    def _given(self) -> dict[str, Any]:
        """What was written, a page writes again, whatever the settings were when it was drawn."""
        new_ids = self._token_ids[len(self._token_ids) - self._written :]
        if self.record is not None and self.record.has_ended:
            new_ids = [*new_ids, end_token_ids(self.tokenizer)[0]]
        return super()._given() | {"did": [["write", new_ids]] if new_ids else []}

    def _band(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        known = self.tokenizer, self.distribution, self.dart.uniform, self.dart.token_id
        return band(self.text, self._token_ids, self.model, *known)
