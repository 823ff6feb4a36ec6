"""`preflight`: whether this machine is ready for the lessons, and if not, what to do."""

import sys
from importlib import import_module

import torch

NEEDED_MEMORY = 1_000_000_000  # bytes: more than any lesson needs


def preflight() -> None:
    """Print one line for each thing that the lessons need: "ok", or what is missing and what to do."""
    for name, problem in _checks():
        print(f"{name:<11} {problem or 'ok'}")
    print(f"{'runs on':<11} {'the GPU (CUDA)' if torch.cuda.is_available() else 'the CPU'}")


def _checks() -> list[tuple[str, str | None]]:
    return [
        ("Python", None if sys.version_info >= (3, 11) else "is too old: install Python 3.11 or newer"),
        ("widgets", _missing("ipywidgets") or _no_kernel()),
        ("charts", _missing("matplotlib")),
        ("memory", _missing("psutil") or _short_of_memory(_free_memory())),
    ]


def _missing(module: str) -> str | None:
    try:
        import_module(module)
    except ImportError:
        return f"{module} is missing: run  %pip install {module}  in a cell, then restart the kernel"
    return None


def _no_kernel() -> str | None:
    """What is wrong where there is no kernel: widgets answer only in a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    return None if shell is not None and hasattr(shell, "kernel") else "will not answer outside of a notebook"


def _free_memory() -> int:
    """Bytes of memory that are free."""
    import psutil

    return psutil.virtual_memory().available


def _short_of_memory(free: int) -> str | None:
    if free >= NEEDED_MEMORY:
        return None
    return f"only {free / 1e9:.1f} GB is free: shut down other notebooks (Kernel menu) or close other programs"
