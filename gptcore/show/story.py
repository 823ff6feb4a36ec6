"""`Story`: a tale in type made for reading, and on request the model's surprise at each token as its shade."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from matplotlib.figure import Figure

from gptcore.checks import check_bool
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.sampling import Sampling
from gptcore.show.band import band
from gptcore.show.charts import DPI, WIDTH, chart, say
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.settings import (
    OPENING,
    Setting,
    Shown,
    TextSetting,
    check_any_seed,
    check_length,
    check_sampling,
    next_seed,
)
from gptcore.show.style import counted
from gptcore.show.typesetting import LINE, Piece, plot_type, typeset
from gptcore.text_generation import text_steps
from gptcore.tokenizer import check_tokenizer, end_token_ids, stream_decode

OPENINGS = (("English", "Once upon a time"), ("한국어", "옛날 옛적에"))  # how the tales of the two languages begin
MOST_TOKENS = 400  # of a tale
SENTENCES = 3  # of a paragraph in which nobody speaks, at most
SENTENCE = re.compile(r"""(?:(?<=[.!?])|(?<=[.!?]["”]))\s+(?![a-z])""")  # what stands between two sentences
MOST_LINES = 21  # of a picture


@dataclass(frozen=True, eq=False)
class Tale:
    """A text that a model has written, in paragraphs."""

    prompt_ids: list[int]
    new_ids: list[int]
    pieces: list[Piece]  # those of the prompt first
    has_ended: bool  # by the end-of-text token

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def surprise(self) -> float:
        """The sum over all new tokens that can be seen, in nats."""
        return sum(piece.surprise or 0.0 for piece in self.pieces)

    @property
    def most_surprising(self) -> Piece | None:
        """The new piece with the largest surprise, the first of them."""
        new = [piece for piece in self.pieces if piece.surprise is not None]
        return max(new, key=lambda piece: piece.surprise, default=None)

    @property
    def paragraphs(self) -> list[list[Piece]]:
        """The pieces of each paragraph, with no white space at its ends."""
        starts, place, number, found = paragraph_starts(self.text), 0, 0, []
        for piece in self.pieces:
            # A piece begins with the space before its word, and so a paragraph begins with the second letter of it.
            while number < len(starts) and place + len(piece.text) - len(piece.text.lstrip()) >= starts[number]:
                number += 1
            found.append((number, piece))
            place += len(piece.text)
        groups = ([piece for _number, piece in group] for _number, group in groupby(found, key=lambda pair: pair[0]))
        return [stripped for group in groups if (stripped := _stripped(group))]

    @property
    def caption(self) -> str:
        size = _("{tokens} in all, of which the model wrote {new}.").format(
            tokens=counted(len(self.prompt_ids) + len(self.new_ids), "token"), new=f"{len(self.new_ids):,}"
        )
        most = self.most_surprising
        if most is None:
            return size
        said = _("It was surprised most at “{text}”, by {nats} nats.")
        return f"{size} {said.format(text=most.text.strip(), nats=f'{most.surprise:.1f}')}"

    def describe(self) -> str:
        return f"{' '.join(self.text.split())} ({counted(len(self.new_ids), 'new token')})"


def _stripped(pieces: list[Piece]) -> list[Piece]:
    """`pieces` without white space before the first word and after the last."""
    while pieces and not pieces[0].text.strip():
        pieces = pieces[1:]
    while pieces and not pieces[-1].text.strip():
        pieces = pieces[:-1]
    if not pieces:
        return []
    first, last = pieces[0], pieces[-1]
    pieces = [Piece(first.text.lstrip(), first.surprise, first.count), *pieces[1:]]
    return [*pieces[:-1], Piece(pieces[-1].text.rstrip(), last.surprise, last.count)]


def paragraph_starts(text: str) -> list[int]:
    """Where paragraphs begin in `text` after the first.

    They are those of the text. One without any is divided as a book would: someone who speaks begins a new paragraph,
    and so does the teller when they have spoken, and after every third sentence.
    """
    if "\n" in text.strip():
        return [match.end() for match in re.finditer(r"\n+", text)]
    starts, count, was_spoken = [], 0, False
    ends = [match.end() for match in SENTENCE.finditer(text)]
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        speaks = text[start:end].lstrip()[:1] in ('"', "“")
        if start and ((speaks and not was_spoken) or (was_spoken and not speaks and count > 1) or count >= SENTENCES):
            starts.append(start)
            count = 0
        count, was_spoken = count + 1, speaks
    return starts


def tell(model: GPTModel, tokenizer: Any, prompt: str, max_length: int, sampling: Sampling, seed: int | None) -> Tale:
    """The text of `gptcore.generate_text` with these settings, and the model's surprise at each of its tokens.

    The surprise is that of the model itself, -ln p before all settings.
    """
    prompt_ids, steps = text_steps(model, prompt, tokenizer, max_length, sampling, seed)
    told = [(step.token_id, -step.distribution.logits.double().log_softmax(-1)[step.token_id].item()) for step in steps]
    has_ended = bool(told) and told[-1][0] in end_token_ids(tokenizer)
    told = told[:-1] if has_ended else told
    new_ids = [token_id for token_id, _nats in told]
    first, *texts = stream_decode(tokenizer, new_ids, start=prompt_ids, cut=True)
    pieces = [Piece(first, None, len(prompt_ids))] if first else []
    return Tale(prompt_ids, new_ids, [*pieces, *_pieces(texts, [nats for _id, nats in told])], has_ended)


def _pieces(texts: list[str], surprises: list[float]) -> Iterator[Piece]:
    """A piece for each text that is not empty: those before it are the first bytes of its character."""
    nats, count = 0.0, 0
    for text, surprise in zip(texts, surprises, strict=False):  # one more text: what is left at the end
        nats, count = nats + surprise, count + 1
        if text:
            yield Piece(text, nats, count)
            nats, count = 0.0, 0


class Story(LiveView):
    """A tale that a model tells, in type made for reading; with `shaded`, each token as dark as it was surprising.

    >>> story = Story(model, tokenizer, seed=1)
    >>> story.another()  # the next seed
    >>> story.change(prompt="옛날 옛적에", shaded=True)

    `text`, `pieces`, `paragraphs` and `new_ids` are those of the `Tale` that is shown. The settings are those of
    `gptcore.generate_text`.
    """

    prompt, seed, shaded = TextSetting(), Setting(check_any_seed), Setting(check_bool)
    temperature, top_k = Setting(check_sampling), Setting(check_sampling)
    max_length = Setting(check_length, most=MOST_TOKENS)
    text, pieces, paragraphs, new_ids = Shown(empty=""), Shown(empty=[]), Shown(empty=[]), Shown(empty=[])
    front, hands = "story", ("another",)

    def __init__(
        self,
        model: GPTModel,
        tokenizer: Any,
        prompt: str = OPENING,
        temperature: float = 0.7,
        top_k: int | None = None,
        seed: int | None = 1,
        max_length: int = 250,
        shaded: bool = False,
    ):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        names = "seed", "temperature", "top_k", "max_length"
        self._open(prompt=Control(""), shaded=Control(False), **{name: Control() for name in names})
        settings = {"temperature": temperature, "top_k": top_k, "max_length": max_length}
        self.change(prompt=prompt, seed=seed, **settings, shaded=shaded)

    def another(self) -> None:
        """Another story: the one of the next `seed`."""
        self.seed = next_seed(self.seed)

    def _update(self, names: Collection[str]) -> None:
        if self.record is None or set(names) != {"shaded"}:
            sampling = Sampling(self.temperature, self.top_k)
            job = self.model, self.tokenizer, self.prompt, self.max_length, sampling, self.seed
            self._try(partial(tell, *job))
        self._show()

    def picture(self) -> Figure:
        lines = typeset(self.paragraphs, WIDTH * DPI - 60)[:MOST_LINES]
        figure, ax = chart(WIDTH, max(1.0, (len(lines) + 1) * LINE / DPI))
        plot_type(ax, lines, WIDTH * DPI - 30, self.shaded)
        say(ax, self.caption if self.record is None else self.text)
        return figure

    def _shown(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        paragraphs = [[[piece.text, piece.surprise, piece.count] for piece in pieces] for pieces in self.paragraphs]
        language = "ko" if re.search("[가-힣]", self.text) else "en"
        return {"paragraphs": paragraphs, "ended": self.record.has_ended, "language": language, "openings": OPENINGS}

    def _band(self) -> dict[str, Any]:
        return {} if self.record is None else band(self.text, self.record.prompt_ids + self.new_ids, self.model)
