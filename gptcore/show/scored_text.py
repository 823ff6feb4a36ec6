"""How likely a model held each token of a text."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gptcore.checks import check_text
from gptcore.language import _
from gptcore.model import GPTModel, check_model, check_token_ids, evaluating
from gptcore.sampling import with_float64
from gptcore.show.logit_lens import ranks_of
from gptcore.show.tokens import Piece, Tokens, Vocabulary, read_tokens
from gptcore.tokenizer import check_tokenizer
from gptcore.training.evaluation import Evaluation

ROWS = 64  # positions whose logits are computed at a time: at GPT-2's vocabulary they take 13 MB


class Score(NamedTuple):
    """How likely a model held a token, given those before it."""

    prob: float
    rank: int  # 1 is the likeliest; equally likely ones by id
    surprise: float  # −ln prob, in nats


@dataclass(frozen=True, eq=False)
class ScoredText:
    """A text of N tokens as a model has read it. Nothing comes before the first, so that it is not predicted."""

    tokens: Tokens
    scores: list[Score | None]  # of each token; None for the first
    states: Tensor  # (N - 1, emb_dim): what the head has read to predict each of the others
    context_length: int
    vocab_size: int

    @property
    def labels(self) -> list[str]:
        return self.tokens.labels

    @cached_property
    def pieces(self) -> list[Piece]:
        """The tokens that are text on their own, and the neighbours that only become text together."""
        return self.tokens.pieces()

    @cached_property
    def surprises(self) -> list[float]:
        """In nats, of every token but the first."""
        return [score.surprise for score in self.scores[1:]]

    @property
    def total(self) -> float:
        """The surprise of the whole text, in nats."""
        return math.fsum(self.surprises)

    @property
    def evaluation(self) -> Evaluation:
        return Evaluation(self.total / len(self.surprises), len(self.surprises))

    @cached_property
    def most_surprising(self) -> Piece:
        """The piece with the largest surprise, the first of them."""
        return max(self.pieces, key=self.surprise_of)

    def surprise_of(self, piece: Piece) -> float:
        """The surprise of a piece: that of its tokens, added up, as their probabilities multiply."""
        return math.fsum(self.surprises[max(0, piece.start - 1) : piece.stop - 1])

    def share(self, surprise: float) -> float:
        """`surprise` on a scale from 0 to 1, which is that of a guess among all tokens, or more."""
        return min(1.0, surprise / math.log(self.vocab_size)) if self.vocab_size > 1 else 0.0

    @property
    def warning(self) -> str:
        """What there is to say of how the text was read."""
        said = []
        if len(self.scores) > self.context_length + 1:
            said.append(
                _(
                    "The text is longer than the context of {size} tokens: each of its later tokens is predicted "
                    "from at least {least} before it."
                ).format(
                    size=f"{self.context_length:,}",
                    least=f"{self.context_length - stride(self.context_length) + 1:,}",
                )
            )
        if self.tokens.change:
            said.append(f"{self.tokens.change[:1].upper()}{self.tokens.change[1:]}.")
        return " ".join(["", *said])


def score_text(model: GPTModel, tokenizer: Any, text: str) -> ScoredText:
    """Read `text` and note how likely the model held each of its tokens but the first.

    Raises TypeError or ValueError if `text` is no text, has fewer than two tokens or one that the model does not know.
    """
    check_model(model)
    check_tokenizer(tokenizer)
    check_text("text", text)
    tokens = read_tokens(Vocabulary(tokenizer), text)
    if tokens.problem:
        raise ValueError(tokens.problem)
    if len(tokens.tokens) < 2:
        raise ValueError(
            _("text must have at least two tokens, so that there is one to predict, got {count}").format(
                count=len(tokens.tokens)
            )
        )
    token_ids = torch.tensor(tokens.token_ids, device=model.device)
    check_token_ids(model, token_ids[None])
    states = _states(model, token_ids)
    scores = [score for rows in _rows(len(states)) for score in _scores(model, states[rows], token_ids[1:][rows])]
    config = model.config
    return ScoredText(tokens, [None, *scores], states, config.context_length, config.vocab_size)


def stride(context_length: int) -> int:
    """How far the window moves in a text that is longer than the context: half of it."""
    return max(1, context_length // 2)


def windows(count: int, context_length: int) -> Iterator[tuple[int, int, int]]:
    """(start, first, stop) of each reading of a text: it begins at `start`, and predicts the tokens from `first` on.

    A text of at most context_length + 1 tokens is read at once, as `evaluate` reads a document.
    """
    stop = 1
    for start in range(0, count, stride(context_length)):
        first, stop = stop, min(count, start + context_length + 1)
        yield start, first, stop
        if stop == count:
            return


def _states(model: GPTModel, token_ids: Tensor) -> Tensor:
    """(N - 1, emb_dim): the state after each of token_ids (N,) but the last."""
    found = []
    for start, first, stop in windows(len(token_ids), model.config.context_length):
        with evaluating(model):
            found.append(model.hidden_states(token_ids[None, start : stop - 1])[0, first - 1 - start :])
    return torch.cat(found)


def _rows(count: int) -> Iterator[slice]:
    return (slice(start, start + ROWS) for start in range(0, count, ROWS))


def _scores(model: GPTModel, states: Tensor, token_ids: Tensor) -> Iterator[Score]:
    """The scores of token_ids (T,), each predicted from its row of states (T, emb_dim)."""
    with evaluating(model):
        logits = model.head(states).float()  # (T, vocab_size)
    # In float32 the log of a chance just below 1 would be 0: certain.
    exact = logits.to(with_float64(logits.device)).double().log_softmax(-1)
    surprises = -exact.gather(-1, token_ids[:, None].to(exact.device))[:, 0]
    if not surprises.isfinite().all():
        raise ValueError(_("model must give finite scores to the tokens of text, got some that are not"))
    for surprise, rank in zip(surprises.tolist(), ranks_of(logits, token_ids).tolist(), strict=True):
        yield Score(math.exp(-surprise), rank, max(0.0, surprise))
