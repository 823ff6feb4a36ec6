"""How well a model predicts a text."""

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.checks import check_integer, say
from gptcore.language import _
from gptcore.model import GPTModel, check_model, evaluating
from gptcore.training.batches import Documents, evaluation_batches, evaluation_rows
from gptcore.training.distributed import Processes
from gptcore.training.optimization import not_finite
from gptcore.training.room import check_evaluation

Result = TypeVar("Result")
Steps: TypeAlias = Generator[None, None, Result]  # yields between two pieces of work, and returns the result


def finished(steps: Steps[Result]) -> Result:
    """Take all the steps: the result. An interrupt between two of them is raised inside the generator too."""
    try:
        while True:
            try:
                next(steps)
            except KeyboardInterrupt as interrupt:
                steps.throw(interrupt)
    except StopIteration as end:
        return end.value
    finally:
        steps.close()


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text."""

    loss: float  # mean surprise, in nats per token
    tokens: int  # how many tokens were predicted

    @property
    def perplexity(self) -> float:
        """exp(loss): as uncertain as among this many equally likely tokens; inf beyond what a float holds."""
        try:
            return math.exp(self.loss)
        except OverflowError:
            return math.inf


def evaluate(model: GPTModel, token_ids: Tensor | Documents, batch_size: int = 32) -> Evaluation:
    """The mean loss of `model` over all of `token_ids`, in eval mode.

    One row (N,) is cut into pieces of `context_length` tokens, and every token except the very first is predicted once.
    Documents are each read from their start; every token except a document's first is predicted. A document that is
    longer than the context is cut there.

    Warns if the loss is NaN, as it is if weights are. Raises TypeError or ValueError if the model cannot read
    `token_ids`, or if there is no token to predict; MemoryError if a batch does not fit into memory.
    """
    check_model(model)
    check_integer("batch_size", batch_size, least=1)
    rows = evaluation_rows("token_ids", token_ids, model.config)
    check_evaluation(model, rows, batch_size)
    found = finished(evaluation_steps(model, rows, batch_size, Processes(model.device)))
    if math.isnan(found.loss):
        name = not_finite(model)
        if name:
            sentence = _("the loss is nan, because the model has NaN or infinity in {name}: train or load it again")
            say(sentence.format(name=name))
        else:
            sentence = _(
                "the loss is nan, because the model computes values beyond {dtype}: train or load it again in float32"
            )
            say(sentence.format(dtype=model.dtype))
    return found


def evaluation_steps(model: GPTModel, rows: list[Tensor], batch_size: int, processes: Processes) -> Steps[Evaluation]:
    """`evaluate` batch by batch. Each process measures some of the rows; all get the result of the whole."""
    total = 0.0
    with fitting_into_memory(model, batch_size):
        for inputs, targets in evaluation_batches(rows[processes.rank :: processes.count], batch_size, model.device):
            with evaluating(model):  # not around the yield, where it would hold for the caller too
                logits = model(inputs).float()
                total += F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
            yield
    if processes.count > 1:
        total = processes.sum(torch.tensor(total, dtype=torch.float64, device=model.device)).item()
    tokens = sum(len(row) - 1 for row in rows)
    return Evaluation(total / tokens, tokens)


@contextmanager
def fitting_into_memory(model: GPTModel, batch_size: int) -> Iterator[None]:
    """Raise ValueError, with what to do, where PyTorch runs out of memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        words = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")  # GPU, Linux, Windows, cuBLAS
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
            word in str(error).lower() for word in words
        ):
            raise ValueError(
                _(
                    "a batch of batch_size={batch_size} rows of context_length={context_length} tokens "
                    "does not fit into the memory of {device}: choose a smaller batch_size"
                ).format(batch_size=batch_size, context_length=model.config.context_length, device=model.device)
            ) from error
        raise
