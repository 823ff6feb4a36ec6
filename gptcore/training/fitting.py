"""Teaching a GPT: show it a piece of text, measure how surprised it was by every next token, and make it a little
less so.

`fit` is the loop. Where its rows come from is told in `gptcore.training.batches`, how several processes share them in
`gptcore.training.distributed`.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.model import GPTModel, evaluating
from gptcore.steps import Steps, by_steps, finished
from gptcore.training.batches import Documents, TrainingRows, check_length, evaluation_batches, evaluation_rows
from gptcore.training.distributed import Processes
from gptcore.training.state import read_state, write_state


def read_text(file: str | Path) -> str:
    """The text of a UTF-8 file, with "\\n" at the end of every line.

    Raises ValueError if the file is missing or empty, or if it is not UTF-8.
    """
    file = Path(file)
    if not file.is_file():
        raise ValueError(f"file must be a text file, but there is none at {str(file)!r}")
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} must be UTF-8, but its byte {error.start:,} is not: open it in an editor and save it as UTF-8"
        ) from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")  # which some editors write
    if not text.strip():
        raise ValueError(f"{file} must hold some text, but it is empty")
    return text


@dataclass(frozen=True)
class Evaluation:
    """How well a model foretells a text."""

    loss: float  # mean surprise, in nats per token
    tokens: int  # how many tokens were foretold

    @property
    def perplexity(self) -> float:
        """exp(loss): as uncertain as among this many equally likely tokens; inf beyond what a float holds."""
        try:
            return math.exp(self.loss)
        except OverflowError:
            return math.inf


def evaluate(model: GPTModel, token_ids: Tensor | Documents, batch_size: int = 32) -> Evaluation:
    """The mean loss of `model` over all of `token_ids`, in eval mode.

    One row (N,) is cut into pieces of `context_length` tokens, and every token but the first of all is foretold once.
    Documents are each read from their start; every token but a document's first is foretold. A document that is
    longer than the context is cut there.

    Raises TypeError or ValueError if `token_ids` are no text for this model, or if there is no token to foretell.
    """
    _check_counts(batch_size=batch_size)
    rows = evaluation_rows("token_ids", token_ids, model.config)
    return finished(_evaluation(model, rows, batch_size, Processes(model.device)))


def _evaluation(model: GPTModel, rows: list[Tensor], batch_size: int, processes: Processes) -> Steps[Evaluation]:
    """Each process measures some of the rows; all get the result of the whole."""
    total = 0.0
    with _fitting_into_memory(model, batch_size):
        for inputs, targets in evaluation_batches(rows[processes.rank :: processes.count], batch_size, model.device):
            with evaluating(model):  # not around the yield: the caller's own work is none of ours
                logits = model(inputs).float()
                total += F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
            yield
    if processes.count > 1:
        total = processes.sum(torch.tensor(total, dtype=torch.float64, device=model.device)).item()
    tokens = sum(len(row) - 1 for row in rows)
    return Evaluation(total / tokens, tokens)


@dataclass(frozen=True)
class Progress:
    """What `fit` tells about a step."""

    step: int  # steps done
    max_steps: int
    loss: float  # mean training loss since the last report, nats per token
    val_loss: float | None  # nats per token, at steps where it was measured
    learning_rate: float
    tokens_per_second: float  # while it learns; the time of evaluations is left out
    seconds_left: float


@dataclass
class History:
    """What `fit` returns: every report, the step at which the validation loss was lowest, and what ended training."""

    reports: list[Progress] = field(default_factory=list)
    best_step: int | None = None
    best_val_loss: float = math.inf
    evaluations_since_best: int = 0
    stopped_by: str = "max_steps"  # or "patience", "should_stop", "interrupt"

    def facts(self) -> dict[str, float | None]:
        """What a checkpoint keeps of it."""
        return {name: getattr(self, name) for name in ("best_step", "best_val_loss", "evaluations_since_best")}


@by_steps
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
    patience: int | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint: str | Path | None = None,
    autocast: torch.dtype | None = None,
) -> Steps[History]:
    """Train `model` in place with AdamW, a warm-up and a cosine (Radford et al. 2019; Loshchilov & Hutter 2019).

    `train_ids` is one row of token ids (N,), from which random windows are taken, or documents, of which random ones
    are laid end to end, each row beginning with a document: of one that is longer than the context, only the beginning
    is read. `val_ids` is evaluated every `eval_interval` steps, and the model ends with the weights that did best
    there. Dropout is the model's own, `drop_rate` of its config.

    Training ends after `max_steps`; after `patience` evaluations in a row that were no better than the best; at a
    KeyboardInterrupt; or when `should_stop`, which is asked after every step, says true. However it ends, the model
    keeps the best weights so far; before the first evaluation, those are the ones that it has.

    The learning rate rises for `warmup_steps` and then falls to `min_learning_rate` (a tenth of it, if None). Weight
    decay spares biases, norms and embeddings; gradients are clipped to a norm of `clip_norm`.

    `autocast=torch.bfloat16` computes matrix products in that type: faster where the processor has it, a little less
    exact.

    With a `checkpoint` file everything is saved there at every evaluation, and training that was broken off goes on
    from it with the same numbers as if it had not been.

    Several processes share the work when each calls `fit` with the same arguments. Every step's `batch_size` rows are
    divided among them, and the weights come out as if one process had read them all; only process 0 writes checkpoints
    and calls `on_progress`. `torchrun --nproc-per-node 2 tales.py` starts two, where tales.py is

    >>> torch.distributed.init_process_group()
    >>> model = GPTModel(config)  # on a GPU: .to(f"cuda:{os.environ['LOCAL_RANK']}")
    >>> fit(model, train_ids, val_ids, max_steps=2000, batch_size=32)
    >>> if torch.distributed.get_rank() == 0:
    ...     save("tales", model, tokenizer)
    >>> torch.distributed.destroy_process_group()

    `fit.steps`, with the same arguments, is a generator that does the same one step at a time.

    Raises TypeError or ValueError, before any work, if an argument is not as said here, if the text is too short, or
    if it has token ids that the model does not know. Raises ValueError if a batch does not fit into memory, or if a
    loss is no longer a number; the model keeps the best weights then too.
    """
    _check_counts(
        max_steps=max_steps,
        batch_size=batch_size,
        eval_interval=eval_interval,
        report_interval=report_interval,
        patience=1 if patience is None else patience,
    )
    _check_counts(least=0, warmup_steps=warmup_steps, seed=seed)
    _check_rates(learning_rate, min_learning_rate, weight_decay, clip_norm, betas)
    if autocast not in (None, torch.bfloat16):
        raise ValueError(f"autocast must be torch.bfloat16, or None for the model's own type, got {autocast}")
    if patience is not None and val_ids is None:
        raise ValueError(f"patience must be None without val_ids, whose evaluations it counts, got {patience}")
    for name, function in {"should_stop": should_stop, "on_progress": on_progress}.items():
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function, or None, got {function!r}")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("model must have weights that can be learned, but all are fixed, as int8 weights are")
    processes = Processes.together(model.device)
    if batch_size % processes.count:
        raise ValueError(f"batch_size must be a multiple of {processes.count}, the processes, got {batch_size}")
    batches = TrainingRows(train_ids, model.config, batch_size, seed)
    held_out = _HeldOut(model, val_ids, batch_size, processes)

    file = None if checkpoint is None else Path(checkpoint)
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        raise ValueError(f"checkpoint must be a file in a folder that there is, got {str(file)!r}")

    optimizer = _optimizer(model, learning_rate, weight_decay, betas)
    history = History()
    first = 0
    if file is not None and file.is_file():
        held_out.best, facts = read_state(file, model, optimizer)
        first = facts.pop("step")
        history = replace(history, **facts)
    learner = processes.connected(model)
    meter = _Meter(first, max_steps)
    modes = [(module, module.training) for module in model.modules()]
    model.train()
    try:
        with torch.random.fork_rng([model.device] if model.device.type == "cuda" else []):
            for step in range(first + 1, max_steps + 1):
                rate = _learning_rate(step, max_steps, warmup_steps, learning_rate, min_learning_rate)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                _seed_dropout(model.device, (seed * 1_000_003 + step) * processes.count + processes.rank)
                with meter.learning(batch_size * model.config.context_length), _fitting_into_memory(model, batch_size):
                    rows = processes.share(batches.of_step(step)).to(model.device, torch.long)
                    loss = _learn(learner, optimizer, rows, step, clip_norm, autocast, processes)
                meter.losses.append(loss)

                last = step == max_steps
                if not last and processes.any(should_stop is not None and bool(should_stop())):
                    history.stopped_by = "should_stop"
                measured = last or (step % eval_interval == 0 and history.stopped_by == "max_steps")
                val_loss = (yield from held_out.measure(step, history)) if measured else None
                if not last and patience is not None and history.evaluations_since_best >= patience:
                    history.stopped_by = "patience"
                if measured and file is not None and processes.rank == 0:
                    write_state(file, model, optimizer, held_out.best, {"step": step} | history.facts())
                stopped = history.stopped_by != "max_steps"
                if measured or stopped or step % report_interval == 0:
                    history.reports.append(meter.report(step, val_loss, rate))
                    if on_progress is not None and processes.rank == 0:
                        on_progress(history.reports[-1])
                        model.train()  # whatever it did with the model
                if stopped:
                    break
                yield
    except KeyboardInterrupt:
        history.stopped_by = "interrupt"
    finally:
        held_out.restore()
        for module, training in modes:
            module.training = training
    return history


def _learn(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: Tensor,
    step: int,
    clip_norm: float,
    autocast: torch.dtype | None,
    processes: Processes,
) -> Tensor:
    """Read the rows (B, T + 1), and move every weight a little, so that they would surprise less: the loss before."""
    inputs, targets = rows[:, :-1], rows[:, 1:]  # each target is the token that follows its input
    with torch.autocast(rows.device.type, autocast, enabled=autocast is not None):
        logits = model(inputs)  # (B, T, vocab_size)
    loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    loss = processes.sum(loss.detach()) / processes.count
    for name, value in (("loss", loss), ("gradient", norm)):
        if not value.isfinite():
            raise ValueError(f"the {name} became {value.item()} at step {step}: try a lower learning_rate")
    optimizer.step()
    return loss


class _HeldOut:
    """The text that is measured and not learned from, and the weights that did best on it so far."""

    def __init__(self, model: GPTModel, val_ids: Tensor | Documents | None, batch_size: int, processes: Processes):
        self.model, self.batch_size, self.processes = model, batch_size, processes
        self.rows = None if val_ids is None else evaluation_rows("val_ids", val_ids, model.config)
        if isinstance(val_ids, Tensor):
            check_length("val_ids", val_ids, model.config)
        self.best: dict[str, Tensor] = {}

    def measure(self, step: int, history: History) -> Steps[float | None]:
        if self.rows is None:
            return None
        loss = (yield from _evaluation(self.model, self.rows, self.batch_size, self.processes)).loss
        if not math.isfinite(loss):
            raise ValueError(f"the loss became {loss} at step {step}: try a lower learning_rate")
        history.evaluations_since_best += 1
        if loss < history.best_val_loss:
            self.best = {name: p.detach().clone() for name, p in self.model.named_parameters()}
            history.best_step, history.best_val_loss, history.evaluations_since_best = step, loss, 0
        return loss

    def restore(self) -> None:
        with torch.no_grad():
            for name, weight in self.best.items():
                self.model.get_parameter(name).copy_(weight)


class _Meter:
    """The losses since the last report, and the time."""

    def __init__(self, first: int, max_steps: int):
        self.first, self.max_steps = first, max_steps
        self.losses: list[Tensor] = []
        self.tokens, self.seconds = 0, 0.0
        self.begun = perf_counter()

    @contextmanager
    def learning(self, tokens: int) -> Iterator[None]:
        started = perf_counter()
        yield
        self.seconds += perf_counter() - started
        self.tokens += tokens

    def report(self, step: int, val_loss: float | None, learning_rate: float) -> Progress:
        loss = torch.stack(self.losses).mean().item()
        seconds_left = (perf_counter() - self.begun) / (step - self.first) * (self.max_steps - step)
        speed = self.tokens / self.seconds
        self.losses.clear()
        self.tokens, self.seconds = 0, 0.0
        return Progress(step, self.max_steps, loss, val_loss, learning_rate, speed, seconds_left)


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


def _seed_dropout(device: torch.device, number: int) -> None:
    """Dropout at this step is the same after a restart."""
    # torch.manual_seed also makes ready for devices that are not used, which takes longer than the smallest steps.
    seed = torch.default_generator.manual_seed if device.type == "cpu" else torch.manual_seed
    seed(number % 2**63)


@contextmanager
def _fitting_into_memory(model: GPTModel, batch_size: int) -> Iterator[None]:
    """Raise ValueError, with what to do, where PyTorch runs out of memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        words = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")  # GPU, Linux, Windows, cuBLAS
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
            word in str(error).lower() for word in words
        ):
            raise ValueError(
                f"a batch of batch_size={batch_size} rows of context_length={model.config.context_length} tokens "
                f"does not fit into the memory of {model.device}: choose a smaller batch_size"
            ) from error
        raise


def _check_counts(least: int = 1, **counts: object) -> None:
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def _check_rates(
    learning_rate: float, min_learning_rate: float | None, weight_decay: float, clip_norm: float, betas: object
) -> None:
    lowest = 0 if min_learning_rate is None else min_learning_rate
    rates = {"learning_rate": learning_rate, "min_learning_rate": lowest, "weight_decay": weight_decay}
    for name, value in {**rates, "clip_norm": clip_norm}.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number, got {value!r}")
        above = name in ("learning_rate", "clip_norm")
        if not 0 <= value < math.inf or (above and value == 0):
            raise ValueError(f"{name} must be {'above 0' if above else '0 or above'} and finite, got {value}")
    if (
        not isinstance(betas, (tuple, list))
        or len(betas) != 2
        or not all(isinstance(beta, Real) and 0 <= beta < 1 for beta in betas)
    ):
        raise ValueError(f"betas must be two numbers, each at least 0 and below 1, got {betas!r}")
