"""Widgets that are heard while a cell awaits, in every kernel that is allowed."""

import json
import sys
from typing import Any


async def hear_widgets() -> None:
    """Let the widgets hear what was clicked and moved since the cell began; outside of a kernel, do nothing.

    ipykernel 6 keeps every message until the cell has ended; ipykernel 7.4 passes those of widgets on by itself.
    """
    kernel = running_kernel()
    queue = getattr(kernel, "msg_queue", None)  # ipykernel 7 has none
    if queue is None or queue.empty():
        return
    waiting = [queue.get_nowait() for _ in range(queue.qsize())]
    heard = [entry for entry in waiting if _is_of_a_widget(kernel, entry)]
    for entry in waiting:
        if entry not in heard:
            queue.put_nowait(entry)  # the cells below wait for their turn
    cell, ident, handler = kernel.get_parent("shell"), kernel._parent_ident["shell"], kernel.saved_sigint_handler
    try:
        for _, dispatch, arguments in heard:
            await dispatch(*arguments)
    finally:  # what is printed belongs to the cell again, and so does the interrupt
        kernel.set_parent(ident, cell)
        kernel.saved_sigint_handler = handler


def running_kernel() -> Any | None:
    """The kernel that runs this code; None outside of a notebook."""
    if "IPython" not in sys.modules:  # it has started every kernel
        return None
    return getattr(sys.modules["IPython"].get_ipython(), "kernel", None)


def _is_of_a_widget(kernel: Any, entry: tuple) -> bool:
    """Whether an entry of the queue, (number, dispatch, [message]), is a message to a widget."""
    _, _, arguments = entry
    if not arguments:
        return False
    _, frames = kernel.session.feed_identities(arguments[0], copy=False)
    return json.loads(frames[1].bytes)["msg_type"] == "comm_msg"
