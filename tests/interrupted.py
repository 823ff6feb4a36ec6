"""Interrupts at chosen moments, and everything that they must leave as it was."""

import gc
import inspect
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gptcore import modes


class Interrupt:
    """A SIGINT at the `at`-th moment at which Python asks for signals: a function begins, or C's has returned.

    0 is never: `count` then says how many moments there are.
    """

    def __init__(self, at: int = 0):
        self.at, self.count = at, 0

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        # A generator that goes on, or that is closed, is told as a call too.
        if event == "c_return" or (event == "call" and not frame.f_code.co_flags & inspect.CO_GENERATOR):
            self.count += 1
            if self.count == self.at:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGINT)

    def __enter__(self) -> "Interrupt":
        sys.setprofile(self)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.setprofile(None)


def state(models: list[nn.Module], folder: Path) -> dict[str, Any]:
    """What the process is like."""
    return {
        "threads of PyTorch": torch.get_num_threads(),
        "oneDNN": torch.backends.mkldnn.enabled,
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "default dtype and device": (torch.get_default_dtype(), torch.get_default_device()),
        "autocast": torch.is_autocast_enabled("cpu"),
        "random state": bytes(torch.get_rng_state().tolist()),
        "modes": [[vars(module)["training"] for module in model.modules()] for model in models],
        "switched": (len(modes._switched), len(modes._thread.evaluated)),
        "trainable": [[p.requires_grad for p in model.parameters()] for model in models],
        "handlers": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "umask": _umask(),
        "threads of Python": threading.active_count(),
        "open files": _open_files(),
        "temporary files": sorted(path.name for path in folder.rglob("*gptcore-*")),
        "warnings, output, folder": (len(warnings.filters), sys.stdout, os.getcwd()),
    }


def _open_files() -> list[str]:
    """Where the process's file descriptors lead; those that only garbage still holds are closed first."""
    gc.collect()
    numbers = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    links = [f"/proc/self/fd/{number}" for number in numbers]
    return sorted(os.readlink(link) for link in links if os.path.islink(link))  # without the list's own


def _umask() -> int:
    os.umask(mask := os.umask(0o022))
    return mask
