"""Teaching a GPT: show it a piece of text, measure how surprised it was by every next token, and make it a little
less so.

Text comes as one long row of token ids, or as documents, each read from its start. Both are handled by two functions,
`_Batches` for training and `evaluate` for measuring.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.model import GPTModel, reading

Documents = Sequence[Sequence[int] | Tensor]
_IGNORED = -100  # the target of a place that is only there to fill a row


@dataclass(frozen=True)
class Evaluation:
    """How well a model foretells a text."""

    loss: float  # mean surprise, in nats per token
    tokens: int  # how many tokens were foretold

    @property
    def perplexity(self) -> float:
        """exp(loss): as uncertain as among this many equally likely tokens."""
        return math.exp(self.loss)


def evaluate(model: GPTModel, token_ids: Tensor | Documents, batch_size: int = 32) -> Evaluation:
    """The mean loss of `model` over all of `token_ids`, in eval mode.

    One row (N,) is cut into pieces of `context_length` tokens, and every token but the first of all is foretold once.
    Documents are each read from their start; every token but a document's first is foretold. A document that is
    longer than the context is cut there.

    Raises ValueError if there is no token to foretell.
    """
    total, count = 0.0, 0
    with reading(model):
        for rows in _evaluation_batches(token_ids, model.config.context_length, batch_size):
            inputs, targets = _to_batch(rows, model.device)
            logits = model(inputs).float()
            total += F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
            count += int((targets != _IGNORED).sum())
    if not count:
        raise ValueError("token_ids must hold at least two tokens, so that there is one to foretell")
    return Evaluation(total / count, count)


@dataclass(frozen=True)
class Progress:
    """What `fit` tells about a step."""

    step: int  # steps done
    max_steps: int
    loss: float  # mean training loss since the last report, nats per token
    val_loss: float | None  # nats per token, at steps where it was measured
    learning_rate: float
    tokens_per_second: float
    seconds_left: float


@dataclass
class History:
    """What `fit` returns: every report, and the step at which the validation loss was lowest."""

    reports: list[Progress] = field(default_factory=list)
    best_step: int | None = None
    best_val_loss: float = math.inf


def fit(
    model: GPTModel,
    train_ids: Tensor | Documents,
    val_ids: Tensor | Documents | None = None,
    *,
    max_steps: int,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    min_learning_rate: float | None = None,
    warmup_steps: int = 100,
    weight_decay: float = 0.1,
    clip_norm: float = 1.0,
    betas: tuple[float, float] = (0.9, 0.99),
    eval_interval: int = 250,
    report_interval: int = 50,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint: str | Path | None = None,
    autocast: torch.dtype | None = None,
) -> History:
    """Train `model` in place with AdamW, a warm-up and a cosine (Radford et al. 2019; Loshchilov & Hutter 2019).

    `train_ids` is one row of token ids (N,), from which random windows are taken, or documents, of which random ones
    are laid end to end, each row beginning with a document. `val_ids` is evaluated every `eval_interval` steps, and
    the model ends with the weights that did best there. A KeyboardInterrupt ends training early in the same way.

    The learning rate rises for `warmup_steps` and then falls to `min_learning_rate` (a tenth of it, if None). Weight
    decay spares biases, norms and embeddings; gradients are clipped to a norm of `clip_norm`.

    `autocast=torch.bfloat16` computes matrix products in that type: faster where the processor has it, a little less
    exact.

    With a `checkpoint` file everything is saved there at every evaluation, and training that was broken off goes on
    from it with the same numbers as if it had not been.

    Raises ValueError if the text is too short, or if the loss is no longer a number; the best weights are kept.
    """
    batches = _Batches(train_ids, model.config.context_length, batch_size, seed)
    optimizer = _optimizer(model, learning_rate, weight_decay, betas)
    history = History()
    best: dict[str, Tensor] | None = None
    first = 0
    if checkpoint is not None and Path(checkpoint).is_file():
        first = _resume(Path(checkpoint), model, optimizer)
    losses: list[Tensor] = []
    started, tokens = perf_counter(), 0
    was_training = model.training
    try:
        with torch.random.fork_rng():
            for step in range(first + 1, max_steps + 1):
                model.train()
                torch.manual_seed(seed * 1_000_003 + step)  # dropout: the same after a restart
                rate = _learning_rate(step, max_steps, warmup_steps, learning_rate, min_learning_rate)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                inputs, targets = _to_batch(batches.rows(step), model.device)
                with torch.autocast(model.device.type, autocast, enabled=autocast is not None):
                    logits = model(inputs)  # (B, T, vocab_size)
                loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
                if not loss.isfinite():
                    raise ValueError(f"the loss became {loss.item()} at step {step}: try a lower learning_rate")
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
                optimizer.step()
                losses.append(loss.detach())
                tokens += targets.numel()

                measured = step % eval_interval == 0 or step == max_steps
                val_loss = None
                if measured and val_ids is not None:
                    val_loss = evaluate(model, val_ids, batch_size).loss
                    if val_loss < history.best_val_loss:
                        history.best_step, history.best_val_loss = step, val_loss
                        best = {name: value.clone() for name, value in model.state_dict().items()}
                if measured and checkpoint is not None:
                    _write_checkpoint(Path(checkpoint), model, optimizer, step)
                if measured or step % report_interval == 0:
                    seconds = perf_counter() - started
                    left = seconds / len(losses) * (max_steps - step)
                    mean = torch.stack(losses).mean().item()
                    history.reports.append(Progress(step, max_steps, mean, val_loss, rate, tokens / seconds, left))
                    losses.clear()
                    started, tokens = perf_counter(), 0
                    if on_progress is not None:
                        on_progress(history.reports[-1])
    except KeyboardInterrupt:
        pass
    finally:
        if best is not None:
            model.load_state_dict(best)
        model.train(was_training)
    return history


class _Batches:
    """Rows of context_length + 1 token ids; those of a step depend on the seed and the step alone."""

    def __init__(self, token_ids: Tensor | Documents, context_length: int, batch_size: int, seed: int):
        self.token_ids, self.batch_size, self.seed = token_ids, batch_size, seed
        self.row_length = context_length + 1
        if isinstance(token_ids, Tensor) and len(token_ids) <= self.row_length:
            raise ValueError(
                f"train_ids must have more than context_length + 1 = {self.row_length} tokens, got {len(token_ids)}"
            )
        if not len(token_ids):
            raise ValueError("train_ids must have at least one document, got none")

    def rows(self, step: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        row = self._window if isinstance(self.token_ids, Tensor) else self._documents
        return [row(generator) for _ in range(self.batch_size)]

    def _window(self, generator: torch.Generator) -> Tensor:
        start = _random_below(len(self.token_ids) - self.row_length + 1, generator)
        return self.token_ids[start : start + self.row_length]

    def _documents(self, generator: torch.Generator) -> Tensor:
        def document() -> Sequence[int] | Tensor:
            return self.token_ids[_random_below(len(self.token_ids), generator)]

        # Half of the rows begin after the end of another document, as a text does that starts from the end-of-text
        # token.
        row = [int(document()[-1])] if _random_below(2, generator) else []
        while len(row) < self.row_length:
            row.extend(document())
        return torch.tensor(row[: self.row_length])


def _random_below(limit: int, generator: torch.Generator) -> int:
    return int(torch.randint(limit, (), generator=generator))


def _evaluation_batches(token_ids: Tensor | Documents, context_length: int, batch_size: int) -> Iterator[list[Tensor]]:
    if isinstance(token_ids, Tensor):
        # Neighbours share one token: the last target of a piece is the first input of the next.
        pieces = [token_ids[i : i + context_length + 1] for i in range(0, len(token_ids) - 1, context_length)]
    else:
        pieces = [torch.as_tensor(document)[: context_length + 1] for document in token_ids if len(document) > 1]
        pieces.sort(key=len)  # rows of one batch are about equally long
    for i in range(0, len(pieces), batch_size):
        yield pieces[i : i + batch_size]


def _to_batch(rows: list[Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
    """Inputs and targets (B, T): each target is the token that follows its input. Short rows are filled up."""
    targets = torch.nn.utils.rnn.pad_sequence(
        [row[1:].long() for row in rows], batch_first=True, padding_value=_IGNORED
    )
    inputs = torch.nn.utils.rnn.pad_sequence([row[:-1].long() for row in rows], batch_first=True)
    return inputs.to(device), targets.to(device)


def _optimizer(model: GPTModel, rate: float, decay: float, betas: tuple[float, float]) -> torch.optim.AdamW:
    """AdamW that pulls only matrices towards zero: neither biases and norms, nor the embeddings."""
    named = dict(model.named_parameters())
    decayed = [p for name, p in named.items() if p.ndim == 2 and "embedding" not in name]
    spared = [p for name, p in named.items() if p.ndim < 2 or "embedding" in name]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": spared, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=betas, fused=True)


def _learning_rate(step: int, max_steps: int, warmup: int, highest: float, lowest: float | None) -> float:
    lowest = highest / 10 if lowest is None else lowest
    if step <= warmup:
        return highest * step / warmup
    way = (step - warmup) / max(1, max_steps - warmup)
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * way)) / 2


def _write_checkpoint(file: Path, model: GPTModel, optimizer: torch.optim.Optimizer, step: int) -> None:
    from safetensors.torch import save_file

    tensors = {f"model.{name}": p.detach().contiguous() for name, p in model.named_parameters()}
    for name, p in model.named_parameters():
        for key in ("exp_avg", "exp_avg_sq"):
            tensors[f"{key}.{name}"] = optimizer.state[p][key].contiguous()
    temporary = file.with_suffix(".writing")
    save_file(tensors, temporary, metadata={"step": str(step)})
    temporary.replace(file)


def _resume(file: Path, model: GPTModel, optimizer: torch.optim.Optimizer) -> int:
    """Put model and optimizer back to where `_write_checkpoint` left them; return the step."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as saved, torch.no_grad():
        step = int(saved.metadata()["step"])
        for name, p in model.named_parameters():
            p.copy_(saved.get_tensor(f"model.{name}"))
            state = {key: saved.get_tensor(f"{key}.{name}").to(p.device) for key in ("exp_avg", "exp_avg_sq")}
            optimizer.state[p] = {"step": torch.tensor(float(step), device=p.device), **state}
    return step
