"""`TextScorer`: how likely a model held each token of a text, and where the text surprised it."""

from collections.abc import Collection
from typing import Any

from matplotlib.figure import Figure

from gptcore.checks import check_integer, given
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.show.band import band
from gptcore.show.charts import WIDTH, chart
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.scored_place import MOST_LINES, ScoredPlace, look_at, piece_lines, plot_expected, plot_surprise
from gptcore.show.scored_text import Score, ScoredText, score_text
from gptcore.show.settings import OPENING, Setting, Shown, TextSetting, check_length
from gptcore.tokenizer import check_tokenizer, decode


class TextScorer(LiveView):
    """Each token of a text with its probability, rank and surprise under a model, and what all of them add up to.

    >>> scorer = TextScorer(model, tokenizer, "Once upon a time there was a fox")
    >>> scorer.labels[scorer.position], scorer.ranks[scorer.position]  # the most surprising token, until you choose
    ('␣fox', 404)
    >>> round(scorer.total, 1), round(scorer.perplexity, 1)  # nats; as uncertain as among so many tokens
    (14.9, 8.4)
    >>> scorer.position = 4  # look at another token: `candidates` are the likeliest in its place

    `probs`, `ranks` and `surprises` have a value for each token; that of the first, which nothing predicts, is None.
    `total`, `loss` and `perplexity` are what `gptcore.evaluate` says of a text that fits the context; a longer one is
    read in windows that overlap by half. Syllables stay whole: the tokens of one are shown as one piece, whose surprise
    is their sum. Nothing is shown of a text that cannot be read, and `problem` says why.
    """

    text, position = TextSetting(), Setting(check_length)
    candidates = Shown()
    front, hands = "text_scorer", ("replace",)
    _remembered = "record", "scored"

    def __init__(self, model: GPTModel, tokenizer: Any, text: str = OPENING, position: int | None = None):
        check_model(model)
        check_tokenizer(tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self.scored: ScoredText | None = None  # None if the text cannot be read
        self._open(text=Control(""), position=Control(0))
        self.change(text=text, **{} if position is None else {"position": position})

    @property
    def labels(self) -> list[str]:
        """How each token is shown."""
        return [] if self.scored is None else self.scored.labels

    @property
    def scores(self) -> list[Score | None]:
        """Probability, rank and surprise of each token; None for the first."""
        return [] if self.scored is None else self.scored.scores

    @property
    def probs(self) -> list[float | None]:
        """How likely the model held each token."""
        return [score and score.prob for score in self.scores]

    @property
    def ranks(self) -> list[int | None]:
        """The rank of each token: 1 is the likeliest."""
        return [score and score.rank for score in self.scores]

    @property
    def surprises(self) -> list[float | None]:
        """The surprise of each token, in nats."""
        return [score and score.surprise for score in self.scores]

    @property
    def total(self) -> float | None:
        """The surprise of the whole text, in nats."""
        return None if self.scored is None else self.scored.total

    @property
    def loss(self) -> float | None:
        """The mean surprise, in nats per token."""
        return None if self.scored is None else self.scored.evaluation.loss

    @property
    def perplexity(self) -> float | None:
        """exp(loss)."""
        return None if self.scored is None else self.scored.evaluation.perplexity

    def picture(self) -> Figure:
        """The text, the darker the more it surprised; below it what was expected at the position."""
        if self.record is None:
            figure, ax = chart(WIDTH, 1, title=self.caption)
            ax.set_axis_off()
            return figure
        height = 0.52 * (min(MOST_LINES, len(piece_lines(self.scored.pieces))) + 0.5)
        title = _("Surprise in nats, below each piece of the text")
        if self.record.candidates is None:
            figure, top = chart(WIDTH, 0.6 + height, titles=[title])
        else:
            expected = _("What was expected in the place of {token}").format(token=self.record.place)
            layout = {"rows": 2, "titles": [title, expected], "height_ratios": [height, 1.7]}
            figure, (top, below) = chart(WIDTH, 2.3 + height, **layout)
            plot_expected(below, self.record)
        plot_surprise(top, self.record)
        return figure

    def replace(self, token_id: int) -> None:
        """Put `token_id` in the place of the token at `position`, and score the text again.

        The tokens of the new text may be others: it is read from its beginning. Raises TypeError or ValueError if
        `token_id` is not in the vocabulary.
        """
        check_integer("token_id", token_id, least=0)
        if self.scored is None:
            return
        if token_id >= self.model.config.vocab_size:
            rule = _("token_id must be below {size}, got {value}")
            raise ValueError(rule.format(size=f"{self.model.config.vocab_size:,}", value=given(token_id)))
        token_ids = self.scored.tokens.token_ids
        token_ids[self.position] = int(token_id)
        before = self.position
        self.change(text=decode(self.tokenizer, token_ids))
        if before < len(self.labels):
            self.position = before

    def _update(self, names: Collection[str]) -> None:
        if "text" in names:
            self.record = self.scored = None
            self._try(self._read)
            if self.scored is not None and "position" not in names:
                self._put(position=max(1, self.scored.most_surprising.start))
        if self.scored is not None:
            self._try(self._look)
        self._show()

    def _read(self) -> None:
        self.scored = score_text(self.model, self.tokenizer, self.text)

    def _look(self) -> ScoredPlace:
        if self.position >= len(self.labels):
            rule = _("position must be from 0 to {last}, got {value}")
            raise ValueError(rule.format(last=len(self.labels) - 1, value=given(self.position)))
        return look_at(self.model, self.tokenizer, self.scored, self.position)

    def _shown(self) -> dict[str, Any]:
        return {} if self.record is None else self.record.shown()

    def _band(self) -> dict[str, Any]:
        if self.record is None:
            return {}
        known = () if self.record.distribution is None else (self.tokenizer, self.record.distribution)
        return band(self.text, self.scored.tokens.token_ids, self.model, *known)
