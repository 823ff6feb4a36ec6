"""Text as a model reads it while it learns: rows of token ids, in which each token is predicted from those before it.

Text comes as one long row of token ids (N,), or as documents, each read from its start. Documents are a sequence of
rows of token ids. A sequence that makes its rows on demand is checked as it is read, everything else before any work.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from gptcore.checks import given
from gptcore.config import GPTConfig
from gptcore.files import as_path
from gptcore.language import _
from gptcore.seeds import step_seed

Documents = Sequence[Sequence[int] | Tensor]

_IGNORED = -100  # the target of a position that only fills up a row; cross_entropy ignores it
_INTEGERS = (torch.uint8, torch.int16, torch.int32, torch.int64)


def read_text(file: str | Path) -> str:
    """The text of a UTF-8 file, with "\\n" at the end of every line.

    Raises ValueError if the file is missing or empty, or if it is not UTF-8.
    """
    file = as_path("file", file)
    if not os.path.isfile(file):
        raise ValueError(_("file must be a text file, but there is none at {path}").format(path=given(str(file))))
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            _(
                "file {file} must be UTF-8, but its byte {start:,} is not: open it in an editor and save it as UTF-8"
            ).format(file=file, start=error.start)
        ) from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")  # which some editors write
    if not text.strip():
        raise ValueError(_("file {file} must hold some text, but it is empty").format(file=file))
    return text


class TrainingRows:
    """Random rows of context_length + 1 token ids; those of a step depend on the seed and the step alone.

    Raises TypeError or ValueError if there is too little text, or if a token id is not in the vocabulary.
    """

    def __init__(self, train_ids: Tensor | Documents, config: GPTConfig, batch_size: int, seed: int):
        self.token_ids = checked_text("train_ids", train_ids, config)
        self.config, self.batch_size, self.seed = config, batch_size, seed
        self.row_length = config.context_length + 1
        if isinstance(self.token_ids, Tensor):
            check_length("train_ids", self.token_ids, config)
        elif not len(self.token_ids):
            raise ValueError(_("train_ids must have at least one document, got none"))

    def of_step(self, step: int) -> Tensor:
        """(batch_size, context_length + 1)"""
        generator = torch.Generator().manual_seed(step_seed(self.seed, step))
        if isinstance(self.token_ids, Tensor):
            starts = torch.randint(len(self.token_ids) - self.row_length + 1, (self.batch_size,), generator=generator)
            return self.token_ids[starts[:, None] + torch.arange(self.row_length)]
        return torch.stack([self._documents(generator) for _ in range(self.batch_size)])

    def _documents(self, generator: torch.Generator) -> Tensor:
        """One row: random documents laid end to end."""

        def document() -> Tensor:
            i = _random_below(len(self.token_ids), generator)
            row = self.token_ids[i]
            return row if isinstance(self.token_ids, list) else _checked_row(f"train_ids[{i}]", row, self.config)

        # Half of the rows begin after the end of another document, as a text does that starts from the end-of-text
        # token.
        pieces = [document()[-1:]] if _random_below(2, generator) else []
        while sum(map(len, pieces)) < self.row_length:
            pieces.append(document())
        return torch.cat(pieces)[: self.row_length]


def _random_below(limit: int, generator: torch.Generator) -> int:
    return int(torch.randint(limit, (), generator=generator))


def evaluation_rows(name: str, token_ids: Tensor | Documents, config: GPTConfig) -> list[Tensor]:
    """Rows of at most context_length + 1 tokens, in which each token of the text is predicted once.

    Raises TypeError or ValueError, naming the argument, if there is no token to predict, or one that is not in the
    vocabulary.
    """
    text = checked_text(name, token_ids, config)
    T = config.context_length
    if isinstance(text, Tensor):
        # Neighbours share one token: the last target of a piece is the first input of the next.
        rows = [text[i : i + T + 1] for i in range(0, len(text) - 1, T)]
    else:
        rows = [_checked_row(f"{name}[{i}]", document, config)[: T + 1] for i, document in enumerate(text)]
        rows = sorted((row for row in rows if len(row) > 1), key=len)  # rows of one batch are about equally long
    if not rows:
        raise ValueError(_("{name} must hold at least two tokens, so that there is one to predict").format(name=name))
    return rows


def evaluation_batches(rows: list[Tensor], batch_size: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets (B, T): each target is the token that follows its input. Short rows are filled up."""
    for i in range(0, len(rows), batch_size):
        batch = [row.long() for row in rows[i : i + batch_size]]
        inputs = torch.nn.utils.rnn.pad_sequence([row[:-1] for row in batch], batch_first=True)
        targets = torch.nn.utils.rnn.pad_sequence([row[1:] for row in batch], batch_first=True, padding_value=_IGNORED)
        yield inputs.to(device), targets.to(device)


def checked_text(name: str, token_ids: Tensor | Documents, config: GPTConfig) -> Tensor | Documents:
    """`token_ids`, with the documents of a list as tensors.

    Raises TypeError or ValueError, naming the argument, if it is no text that a model of this shape can read.
    """
    if isinstance(token_ids, Tensor):
        return _checked_row(name, token_ids, config, shortest=0)
    if not isinstance(token_ids, Sequence) or isinstance(token_ids, (str, bytes)):
        raise TypeError(
            _("{name} must be a tensor of token ids or a list of documents, got {kind}").format(
                name=name, kind=type(token_ids).__name__
            )
        )
    if isinstance(token_ids, (list, tuple)):
        return [_checked_row(f"{name}[{i}]", document, config) for i, document in enumerate(token_ids)]
    return token_ids


def check_length(name: str, token_ids: Tensor, config: GPTConfig) -> None:
    """Raise ValueError, naming the argument, if the text does not fill one context."""
    shortest = config.context_length + 1
    if len(token_ids) < shortest:
        raise ValueError(
            _(
                "{name} must have at least context_length + 1 = {shortest} tokens, got {count}: take a longer "
                "text, or a model with a shorter context"
            ).format(name=name, shortest=shortest, count=len(token_ids))
        )


def _checked_row(name: str, row: Sequence[int] | Tensor, config: GPTConfig, shortest: int = 1) -> Tensor:
    if not isinstance(row, (Tensor, Sequence)) or isinstance(row, (str, bytes)):
        raise TypeError(
            _("{name} must be a row of token ids, got {row!r}; one long row is given as a torch tensor").format(
                name=name, row=row
            )
        )
    try:
        row = torch.as_tensor(row) if len(row) else torch.zeros(0, dtype=torch.long)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            _("{name} must be a row of integers, but PyTorch says: {error}").format(name=name, error=error)
        ) from error
    if row.dtype not in _INTEGERS:
        raise TypeError(
            _("{name} must be integers (torch.int64, int32, int16 or uint8), got {dtype}").format(
                name=name, dtype=row.dtype
            )
        )
    if row.ndim != 1:
        raise ValueError(
            _("{name} must be one row of token ids, (N,), got the shape {shape}").format(
                name=name, shape=tuple(row.shape)
            )
        )
    if len(row) < shortest:
        raise ValueError(_("{name} must have at least one token, got none").format(name=name))
    if len(row):
        low, high = (int(end) for end in row.aminmax())
        if low < 0 or high >= config.vocab_size:
            wrong = low if low < 0 else high
            raise ValueError(
                _("{name} must be from 0 to {last}, the model's vocabulary, got {value}").format(
                    name=name, last=config.vocab_size - 1, value=wrong
                )
            )
    return row
