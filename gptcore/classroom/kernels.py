"""Kernels, as the daemon of `prefork.py` forks them: what it imports for them, and how a fork becomes a kernel."""

import os
import sys
import tempfile
from functools import cache
from importlib import import_module

NAME = "gptcore-kernel"
BEHIND = 5  # niceness, more than that of the process which asks: what lets students in goes before their work
# What the lessons import, but nothing that reads a user's settings while it is imported, as huggingface_hub does.
MODULES = (
    "torch",
    "numpy",
    "tokenizers",
    "psutil",
    "matplotlib.font_manager",
    "matplotlib_inline.backend_inline",
    "ipywidgets",
    "anywidget",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "gptcore.checkpoint",
    "gptcore.exercises",
    "gptcore.stories",
)


def preload() -> None:
    """Import what the lessons need, under settings of matplotlib that are nobody's."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MPLCONFIGDIR"] = folder
        for name in MODULES:
            import_module(name)
        show = import_module("gptcore.show")
        for name in show.__all__:
            getattr(show, name)
        del os.environ["MPLCONFIGDIR"]
    import torch

    torch.set_num_threads(1)


def adopt() -> None:
    """Draw as no other kernel does, although all were forked from one; have the student's threads and folders."""
    import numpy
    import torch

    numpy.random.seed()
    torch.seed()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    torch.set_num_threads(int(asked) if asked.isdecimal() and int(asked) else len(os.sched_getaffinity(0)))
    _adopt_folders_of_matplotlib()


def _adopt_folders_of_matplotlib() -> None:
    import matplotlib

    for name in ("get_configdir", "get_cachedir"):  # they remember the daemon's
        setattr(matplotlib, name, cache(getattr(matplotlib, name).__wrapped__))
    matplotlib.rcParams["backend"] = os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline"


def begin(arguments: list[str]) -> None:
    """Be a kernel with these arguments of ipykernel, until it ends."""
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher", *arguments]
    # The daemon looks nowhere that others can write; a student's own modules lie beside the notebook.
    before = (place for place, folder in enumerate(sys.path) if folder.endswith(("site-packages", "dist-packages")))
    sys.path.insert(next(before, 0), "")
    IPKernelApp.launch_instance([*arguments, "--IPKernelApp.parent_handle=1"])  # whose end the daemon looks after
