"""A scored text, and what the model expected at one place of it, as a record and as charts."""

import math
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from gptcore.language import _
from gptcore.model import GPTModel, evaluating
from gptcore.sampling import Distribution, next_token_distribution
from gptcore.show.candidates import Candidates
from gptcore.show.charts import SMALL, drawable, say, styled, write_beside
from gptcore.show.plots import plot_shares
from gptcore.show.scored_text import Score, ScoredText
from gptcore.show.style import CHOSEN, KEPT, OTHERS, columns, others_label, percent, short_label
from gptcore.show.tokens import Piece, Token
from gptcore.tokenizer import visible

CANDIDATES = 5
LINE, MOST_LINES = 77, 6  # letters on a line of a chart, and lines


@dataclass(frozen=True, eq=False)
class ScoredPlace:
    """A scored text, and what the model expected at one position."""

    scored: ScoredText
    position: int
    distribution: Distribution | None = None  # of the token there; None for the first
    candidates: Candidates | None = None  # the likeliest tokens there

    @property
    def score(self) -> Score | None:
        return self.scored.scores[self.position]

    @property
    def piece(self) -> Piece:
        """The piece that the token at the position belongs to."""
        return next(piece for piece in self.scored.pieces if self.position < piece.stop)

    @property
    def caption(self) -> str:
        return f"{self._here()}{self.scored.warning}"

    def _here(self) -> str:
        name = f"“{self.scored.labels[self.position]}”"
        if self.score is None:
            return _("{token} is the first token: nothing comes before it, so it is not predicted.").format(token=name)
        said = _("{token} (position {position}): chance {prob}, rank {rank} of {size}, {surprise} nats.").format(
            token=name,
            position=self.position,
            prob=percent(self.score.prob),
            rank=f"{self.score.rank:,}",
            size=f"{self.scored.vocab_size:,}",
            surprise=f"{self.score.surprise:.1f}",
        )
        if self.piece.text is None:
            return said
        whole = _("It is part of “{text}”, {surprise} nats in all.").format(
            text=visible(self.piece.text), surprise=f"{self.scored.surprise_of(self.piece):.1f}"
        )
        return f"{said} {whole}"

    def describe(self) -> str:
        scored, most = self.scored, self.scored.most_surprising
        return _(
            "{count} predicted tokens, {total} nats, perplexity {perplexity}; "
            "most surprising: {label} (position {position}), {surprise} nats"
        ).format(
            count=f"{len(scored.surprises):,}",
            total=f"{scored.total:.1f}",
            perplexity=number_text(scored.evaluation.perplexity),
            label=piece_label(most),
            position=most.start,
            surprise=f"{scored.surprise_of(most):.1f}",
        )

    @property
    def place(self) -> str:
        """The token at the position, and which part of its piece it is."""
        label = self.scored.labels[self.position]
        if self.piece.text is None:
            return label
        return _("{label}, token {number} of {count} of “{text}”").format(
            label=label,
            number=self.position - self.piece.start + 1,
            count=len(self.piece.tokens),
            text=visible(self.piece.text),
        )

    def expected(self) -> list[tuple[str, float]]:
        """(label, probability) of the likeliest tokens, of the one that came, and of all others together."""
        rows = list(zip(self.candidates.short_labels, self.candidates.probs, strict=True))
        others, count = self.candidates.others, self.candidates.others_count
        if self.came == len(rows):
            rows.append((piece_label(Piece(self.position, (self._token,))), self.score.prob))
            others, count = max(0.0, others - self.score.prob), max(0, count - 1)
        return [*rows, (others_label(count), others)]

    @property
    def came(self) -> int:
        """The row of the token that came among those `expected`."""
        token_ids = self.candidates.token_ids
        return token_ids.index(self._token.token_id) if self._token.token_id in token_ids else len(token_ids)

    @property
    def _token(self) -> Token:
        return self.scored.tokens.tokens[self.position]

    def shown(self) -> dict[str, Any]:
        """What the page draws: each piece as its text and the surprise and rank of its tokens, and the place."""
        scored, piece = self.scored, self.piece
        return {
            "pieces": [
                [piece_text(piece), *map(_numbers, scored.scores[piece.start : piece.stop])] for piece in scored.pieces
            ],
            "position": self.position,
            "guess": math.log(scored.vocab_size),
            "size": scored.vocab_size,
            "total": scored.total,
            "loss": scored.evaluation.loss,
            "perplexity": number_text(scored.evaluation.perplexity),
            "label": self._token.label,
            "score": self.score,
            "parts": [token.label for token in piece.tokens] if len(piece.tokens) > 1 else [],
            "whole": None if piece.text is None else visible(piece.text),
            "expected": None if self.candidates is None else self._rows_shown(),
        }

    def _rows_shown(self) -> list[dict[str, Any]]:
        token_ids = [
            *self.candidates.token_ids,
            *([self._token.token_id] if self.came == len(self.candidates.token_ids) else []),
        ]
        rows = [{"label": label, "prob": prob} for label, prob in self.expected()]
        for row, token_id in zip(rows, token_ids, strict=False):
            row |= {"id": token_id, "came": token_id == self._token.token_id}
        return rows


def look_at(model: GPTModel, tokenizer: Any, scored: ScoredText, position: int) -> ScoredPlace:
    """What the model expected at `position`, computed from its state there."""
    if position == 0:
        return ScoredPlace(scored, position)
    with evaluating(model):
        distribution = next_token_distribution(model.head(scored.states[position - 1]))
    return ScoredPlace(scored, position, distribution, Candidates.of(distribution, tokenizer, CANDIDATES))


def number_text(value: float) -> str:
    """A perplexity: one decimal, or a power of ten where it would be too long to read."""
    return f"{value:,.1f}" if value < 1e6 else f"{value:.1e}"


def piece_text(piece: Piece) -> str:
    """A piece as it is read; bytes that are no text as their label."""
    token = piece.tokens[0]
    return piece.text or (token.data.decode() if token.is_text else token.label)


def _numbers(score: Score | None) -> list[float] | None:
    return score and [round(score.surprise, 4), score.rank]


def piece_label(piece: Piece) -> str:
    """A piece as it stands in a chart."""
    if piece.text is not None:
        return visible(piece.text)
    return short_label(piece.tokens[0].label, piece.tokens[0].token_id)


def piece_lines(pieces: list[Piece]) -> list[list[Piece]]:
    """The pieces broken into lines of a chart."""
    lines: list[list[Piece]] = [[]]
    used = 0.0
    for piece in pieces:
        if lines[-1] and used + _width(piece) > LINE:
            lines.append([])
            used = 0.0
        lines[-1].append(piece)
        used += _width(piece)
    return lines


def _width(piece: Piece) -> float:
    """In letters, generously, and no narrower than the number below it."""
    return max(4.6, 1.12 * columns(piece_label(piece)) + 0.9)


@styled
def plot_surprise(ax: Axes, place: ScoredPlace) -> None:
    """The text, each piece the darker the more it surprised, with its surprise in nats below it; the token outlined."""
    lines = piece_lines(place.scored.pieces)
    for y, pieces in enumerate(lines[:MOST_LINES]):
        x = 0.0
        for piece in pieces:
            _plot_piece(ax, x, y, piece, place)
            x += _width(piece)
    bottom = min(len(lines), MOST_LINES)
    if hidden := len(place.scored.scores) - lines[bottom - 1][-1].stop:
        more = _("… and {hidden} more tokens").format(hidden=f"{hidden:,}")
        write_beside(ax, more, (0, bottom - 0.2), room=0, fontsize=SMALL)
    ax.set(xlim=(-0.2, LINE + 0.4), ylim=(bottom + 0.1, -0.6))
    ax.set_axis_off()
    say(ax, place.describe())


def _plot_piece(ax: Axes, x: float, y: float, piece: Piece, place: ScoredPlace) -> None:
    surprise, width = place.scored.surprise_of(piece), _width(piece) - 0.3
    chosen = piece is place.piece
    edge = {"ec": KEPT, "lw": 2} if chosen else {"ec": OTHERS, "lw": 0.5}
    ax.add_patch(Rectangle((x, y - 0.4), width, 0.5, fc=CHOSEN, alpha=0.75 * place.scored.share(surprise), lw=0))
    ax.add_patch(Rectangle((x, y - 0.4), width, 0.5, fill=False, **edge, zorder=3 if chosen else 2))
    ax.text(x + width / 2, y - 0.15, drawable(piece_label(piece)), ha="center", va="center", fontsize=SMALL)
    number = "–" if piece.stop == 1 else f"{surprise:.1f}"
    ax.text(x + width / 2, y + 0.28, number, ha="center", va="center", fontsize=SMALL, color="#555555")


@styled
def plot_expected(ax: Axes, place: ScoredPlace) -> None:
    """The likeliest tokens at the position, the one that came, outlined, and all others together."""
    plot_shares(ax, place.expected(), _("probability"))
    ax.patches[place.came].set(edgecolor=CHOSEN, linewidth=2)
