"""A model's mode belongs to the call: while one thread evaluates a model, another may train it, or just look at it.

PyTorch keeps the mode in the modules, as `training`, for everybody at once. `evaluating` leaves it alone, and notes for
its own thread which modules are being evaluated, as PyTorch does with gradients.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.fast.busy import free_cores
from gptcore.interrupts import held, restoring

P = ParamSpec("P")
T = TypeVar("T")


class _Thread(threading.local):
    evaluated: frozenset[nn.Module] = frozenset()


_thread = _Thread()
_INDIFFERENT = {nn.Embedding, nn.LayerNorm, nn.Linear, nn.ModuleList}  # the same in both modes

# Modules of other classes read `training` themselves, so that they have to be switched: each for so many calls.
_switched: dict[nn.Module, set[object]] = {}
_switching = threading.Lock()


def is_training(module: nn.Module) -> bool:
    """Whether `module` is in training mode, and this thread is not `evaluating` it."""
    return vars(module)["training"] and module not in _thread.evaluated


class Dropout(nn.Dropout):
    """`nn.Dropout`, off where its model is evaluated; `training` says so there, to a hook for example."""

    training = property(is_training, lambda self, mode: vars(self).update(training=mode))

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, is_training(self), self.inplace)  # torch.compile passes a property over


@restoring
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch off gradients, and dropout in every part of the model, for what this thread does in the block.

    `training` of its parts is neither needed nor changed; only parts of other classes than gptcore's are switched to
    eval mode, until nobody evaluates them.
    """
    modules, call = list(model.modules()), object()
    size = model.num_parameters() if hasattr(model, "num_parameters") else 0
    others = [module for module in modules if _is_switched_by_hand(module)]
    evaluated, gradients = _thread.evaluated, torch.is_grad_enabled()
    try:
        _thread.evaluated = evaluated.union(modules)
        _switch(others, call, training=False)
        with torch.no_grad(), free_cores(size):
            yield
    finally:
        _thread.evaluated = evaluated
        # An interrupt may end one of these as it begins, but not its twin: `no_grad` has an end of its own.
        try:
            torch.set_grad_enabled(gradients)
            _switch(others, call, training=True)
        finally:
            _switch(others, call, training=True)


@restoring
def inference() -> Iterator[None]:
    """`torch.inference_mode()`, whose end an interrupt cannot skip."""
    before, mode = torch.is_inference_mode_enabled(), torch.inference_mode()
    try:
        with mode:
            yield
    finally:
        if torch.is_inference_mode_enabled() != before:
            mode.__exit__(None, None, None)


@restoring
def in_training(model: nn.Module) -> Iterator[None]:
    """Every part of the model in training mode; afterwards, each in the mode in which it was."""
    before = [(module, module.training) for module in model.modules()]

    def restore() -> None:
        with held():
            for module, training in before:
                module.training = training

    try:
        model.train()
        yield
    finally:
        try:
            restore()
        finally:
            restore()  # in case an interrupt came before the first was held


@restoring
def same_luck(device: torch.device) -> Iterator[None]:
    """Random numbers that the block draws from PyTorch's own generators are missing nowhere else."""
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore() -> None:
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, device)

    try:
        yield
    finally:
        try:
            restore()
        finally:
            restore()  # in case an interrupt came in between


def _is_switched_by_hand(module: nn.Module) -> bool:
    ours = type(module) in _INDIFFERENT or type(module).__module__.startswith("gptcore.")
    return not ours and (module.training or module in _switched)


def _switch(modules: Collection[nn.Module], call: object, training: bool) -> None:
    """Take `modules` out of training mode for `call`; or back into it, unless another call evaluates them."""
    if not modules:
        return
    with held(), _switching:
        for module in modules:
            calls = _switched.setdefault(module, set())
            calls.discard(call) if training else calls.add(call)
            module.training = not calls
            if not calls:
                del _switched[module]


def keeping_gradients(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, after which gradients are on or off as before, even if an interrupt skips the end of a `no_grad` that
    PyTorch has in its own functions.
    """

    @wraps(function)
    def kept(*args: P.args, **kwargs: P.kwargs) -> T:
        gradients = torch.is_grad_enabled()
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_grad_enabled(gradients)

    return kept
