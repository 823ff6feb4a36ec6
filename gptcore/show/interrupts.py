"""The kernel's interrupt, for a thread that works while the kernel is idle.

While a cell runs, an interrupt belongs to the cell. An idle kernel ignores the signal, so a thread would never hear of
it: as long as there is anything to call `on_interrupt`, the idle kernel gets a handler of ours instead.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

on_interrupt: set[Callable[[], None]] = set()  # what is called; a thread adds its own, and takes it away at its end


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The kernel's event loop, on which its main thread waits for work; None outside of a kernel."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop if threading.current_thread() is threading.main_thread() else None  # others hear no signals


def hear(loop: asyncio.AbstractEventLoop) -> None:
    """Look ten times a second, because the kernel puts its own handler back after each of its messages."""
    if not on_interrupt:
        if signal.getsignal(signal.SIGINT) is call_all:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # the kernel is idle
        signal.signal(signal.SIGINT, call_all)
    loop.call_later(0.1, hear, loop)


def call_all(signal_number: int, frame: Any) -> None:
    """The handler."""
    for call in list(on_interrupt):
        call()
