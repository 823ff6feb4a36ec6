"""Teaching a GPT: show it a piece of text, measure how surprised it was by every next token, and make it a little
less so.

`fit` is the loop. `gptcore.training.batches` says where its rows come from, `gptcore.training.optimization` what one
step does with them, and `gptcore.training.distributed` how several processes share them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptcore.checks import given
from gptcore.fast.busy import free_cores
from gptcore.interrupts import held, restoring
from gptcore.language import _
from gptcore.model import GPTModel, check_model
from gptcore.modes import in_training, keeping_gradients, same_luck
from gptcore.seeds import LIMIT, step_seed
from gptcore.training.batches import Documents, TrainingRows, check_length, evaluation_rows
from gptcore.training.distributed import Processes
from gptcore.training.evaluation import Steps, evaluation_steps, finished, fitting_into_memory
from gptcore.training.history import History, Meter, Progress
from gptcore.training.optimization import adamw, check_finite, learn, learning_rate_at, seed_dropout
from gptcore.training.room import check_training
from gptcore.training.settings import TrainingSettings
from gptcore.training.state import checkpoint_file, read_state, write_state


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
    autocast: torch.dtype | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint: str | Path | None = None,
) -> History:
    """Train `model` in place with AdamW, a warm-up and a cosine (Radford et al. 2019; Loshchilov & Hutter 2019).

    `TrainingSettings` describes the settings, up to `autocast`, and `fit_steps` the rest. However training ends, the
    model keeps the weights with the lowest validation loss so far; before the first evaluation, those that it has.

    Raises TypeError or ValueError, before any work, if an argument is not as described there, if the text is too short,
    or if it has token ids that the model does not know; MemoryError if a step cannot fit into memory. Raises ValueError
    if a batch turns out not to fit, or if the loss diverges; the model keeps the best weights then too.
    """
    return finished(
        fit_steps(
            model,
            train_ids,
            val_ids,
            max_steps=max_steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            min_learning_rate=min_learning_rate,
            warmup_steps=warmup_steps,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            betas=betas,
            eval_interval=eval_interval,
            report_interval=report_interval,
            seed=seed,
            patience=patience,
            autocast=autocast,
            should_stop=should_stop,
            on_progress=on_progress,
            checkpoint=checkpoint,
        )
    )


def fit_steps(
    model: GPTModel,
    train_ids: Tensor | Documents,
    val_ids: Tensor | Documents | None = None,
    *,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint: str | Path | None = None,
    **settings: Any,
) -> Steps[History]:
    """The generator that `fit` finishes: it yields after each step and each batch of an evaluation, for a caller that
    has something else to do in between, and returns the `History`. `settings` are those of `TrainingSettings`.

    `train_ids` is one row of token ids (N,), from which random windows are taken, or documents, of which random ones
    are laid end to end, each row beginning with a document: of one that is longer than the context, only the beginning
    is read. `val_ids` is evaluated every `eval_interval` steps. Dropout is the model's own, `drop_rate` of its config.

    Training ends after `max_steps`; after `patience` evaluations in a row that were no better than the best; at a
    KeyboardInterrupt; or when `should_stop`, called after every step, returns True.

    With a `checkpoint` file everything is saved there at every evaluation, and interrupted training resumes from it
    with the same numbers as if it had not been interrupted. (Beside busy programs it computes with fewer threads, which
    may round them in another way: see `gptcore.fast.busy`.)

    Raises as `fit` does: for wrong arguments before the generator is returned.
    """
    return _Training(
        model, train_ids, val_ids, TrainingSettings(**settings), should_stop, on_progress, checkpoint
    ).steps()


class _Training:
    """One call of `fit`: its arguments, checked, and what changes from step to step."""

    def __init__(
        self,
        model: GPTModel,
        train_ids: Tensor | Documents,
        val_ids: Tensor | Documents | None,
        settings: TrainingSettings,
        should_stop: Callable[[], bool] | None,
        on_progress: Callable[[Progress], None] | None,
        checkpoint: str | Path | None,
    ):
        check_model(model)
        self.model, self.settings = model, settings
        self.should_stop, self.on_progress = should_stop, on_progress
        if settings.patience is not None and val_ids is None:
            raise ValueError(
                _("patience must be None without val_ids, whose evaluations it counts, got {patience}").format(
                    patience=settings.patience
                )
            )
        for name, function in {"should_stop": should_stop, "on_progress": on_progress}.items():
            if function is not None and not callable(function):
                raise TypeError(
                    _("{name} must be a function, or None, got {value}").format(name=name, value=given(function))
                )
        if not any(p.requires_grad for p in model.parameters()):
            raise ValueError(_("model must have weights that can be trained, but all are fixed, as int8 weights are"))
        if torch.is_inference_mode_enabled() or any(p.is_inference() for p in model.parameters()):
            raise ValueError(
                _("model must be made and trained outside of torch.inference_mode(), which has no gradients")
            )
        self.processes = Processes.together(model.device)
        if settings.batch_size % self.processes.count:
            raise ValueError(
                _("batch_size must be a multiple of {count}, the processes, got {batch_size}").format(
                    count=self.processes.count, batch_size=settings.batch_size
                )
            )
        self.batches = TrainingRows(train_ids, model.config, settings.batch_size, settings.seed)
        self.held_out = _HeldOut(model, val_ids, settings.batch_size, self.processes)
        check_training(model, settings, settings.batch_size // self.processes.count, val_ids is not None)
        self.file = None if checkpoint is None else checkpoint_file(checkpoint)
        self.optimizer = adamw(model, settings.learning_rate, settings.weight_decay, settings.betas)
        self.history = History()

    def steps(self) -> Steps[History]:
        done = self._resume()
        history, last = self.history, self.settings.max_steps
        learner, meter = self.processes.connected(self.model), Meter(done, last)
        try:
            with self.held_out.best_in_the_end(), in_training(self.model), same_luck(self.model.device):
                for step in range(done + 1, last + 1):
                    self._learn(learner, step, meter)
                    if step < last and self.processes.any(self.should_stop is not None and bool(self.should_stop())):
                        history.stopped_by = "should_stop"
                    yield from self._look_back(step, meter)
                    if history.stopped_by != "max_steps":
                        break
                    yield
        except KeyboardInterrupt:
            history.stopped_by = "interrupt"
        return history

    @keeping_gradients
    def _resume(self) -> int:
        """Go back to where the checkpoint was written, if there is one: how many steps are done."""
        if self.file is None or not self.file.is_file():
            return 0
        self.held_out.best, facts = read_state(self.file, self.model, self.optimizer)
        done = facts.pop("step")
        self.history = replace(self.history, **facts)
        return done

    @keeping_gradients
    @torch.enable_grad()
    def _learn(self, learner: torch.nn.Module, step: int, meter: Meter) -> None:
        settings, processes, device = self.settings, self.processes, self.model.device
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(step)
        with (
            meter.learning(settings.batch_size * self.model.config.context_length),
            fitting_into_memory(self.model, settings.batch_size),
            free_cores(self.model.num_parameters()),
        ):
            seed_dropout(device, (step_seed(settings.seed, step) * processes.count + processes.rank) % LIMIT)
            rows = processes.share(self.batches.of_step(step)).to(device, torch.long)
            loss = learn(learner, self.optimizer, rows, step, settings.clip_norm, settings.autocast, processes)
        meter.losses.append(loss)

    def _learning_rate(self, step: int) -> float:
        settings = self.settings
        highest, lowest = settings.learning_rate, settings.min_learning_rate
        lowest = highest / 10 if lowest is None else lowest
        return learning_rate_at(step, settings.max_steps, settings.warmup_steps, highest, lowest)

    def _look_back(self, step: int, meter: Meter) -> Steps[None]:
        """Evaluate, save and report, where `step` is one at which that is due."""
        settings, history = self.settings, self.history
        last = step == settings.max_steps
        due = last or (step % settings.eval_interval == 0 and history.stopped_by == "max_steps")
        val_loss = (yield from self.held_out.measure(step, history)) if due else None
        if not last and settings.patience is not None and history.evaluations_since_best >= settings.patience:
            history.stopped_by = "patience"
        if due and self.file is not None and self.processes.rank == 0:
            write_state(self.file, self.model, self.optimizer, self.held_out.best, {"step": step} | history.facts())
        if due or history.stopped_by != "max_steps" or step % settings.report_interval == 0:
            history.reports.append(meter.report(step, val_loss, self._learning_rate(step)))
            if self.on_progress is not None and self.processes.rank == 0:
                self.on_progress(history.reports[-1])
                self.model.train()  # whatever it did with the model


class _HeldOut:
    """The text that is evaluated and not learned from, and the weights that did best on it so far."""

    def __init__(self, model: GPTModel, val_ids: Tensor | Documents | None, batch_size: int, processes: Processes):
        self.model, self.batch_size, self.processes = model, batch_size, processes
        self.rows = None if val_ids is None else evaluation_rows("val_ids", val_ids, model.config)
        if isinstance(val_ids, Tensor):
            check_length("val_ids", val_ids, model.config)
        self.best: dict[str, Tensor] = {}

    def measure(self, step: int, history: History) -> Steps[float | None]:
        if self.rows is None:
            return None
        loss = (yield from evaluation_steps(self.model, self.rows, self.batch_size, self.processes)).loss
        check_finite("loss", torch.tensor(loss), step)
        history.evaluations_since_best += 1
        if loss < history.best_val_loss:
            self.best = {name: p.detach().clone() for name, p in self.model.named_parameters()}
            history.best_step, history.best_val_loss, history.evaluations_since_best = step, loss, 0
        return loss

    @restoring
    def best_in_the_end(self) -> Iterator[None]:
        """However the block ends, the model has the best weights then, if any were measured."""
        try:
            yield
        finally:
            try:
                self._restore()
            finally:
                self._restore()  # in case an interrupt came before the first was held

    @keeping_gradients
    def _restore(self) -> None:
        with held(), torch.no_grad():
            for name, weight in self.best.items():
                self.model.get_parameter(name).copy_(weight)
