"""A kernel that the machine's other users cannot reach: an extension of IPython.

A class's kernels speak over sockets in the student's own folder. ipykernel opens two ports of the machine besides, and
neither asks who speaks: at one arrives what a forked child prints, so that anyone could write into a student's cell;
at the other a debugger listens, which runs code. The first becomes one more socket in the folder; there is no debugger.
"""

from typing import Any

import zmq
from ipykernel import debugger


def load_ipython_extension(shell: Any) -> None:
    """Close the ports of the kernel of `shell`, if it speaks over sockets in a folder."""
    kernel = shell.kernel
    if kernel.parent.transport == "ipc":
        debugger._is_debugpy_available = False
        kernel.iopub_thread.schedule(lambda: _take_printed_at(f"ipc://{kernel.parent.ip}-printed", kernel.iopub_thread))


def _take_printed_at(address: str, printer: Any) -> None:
    """Let `printer`, ipykernel's thread for what is printed, hear its forked children at `address` instead."""

    def connected() -> tuple[zmq.Context, zmq.Socket]:
        context = zmq.Context()
        pipe = context.socket(zmq.PUSH)
        pipe.linger = 3000  # milliseconds in which a child that ends may still be heard
        pipe.connect(address)
        return context, pipe

    pipe = printer._pipe_in.socket
    pipe.unbind(pipe.last_endpoint)
    pipe.bind(address)
    printer._setup_pipe_out = connected
