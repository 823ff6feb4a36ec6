"""Ctrl-C at a safe point. An interrupt may be raised between any two instructions of Python: also where a switch has
been turned, and what would turn it back has not begun yet.

Python asks for signals at the first instruction of a function, after each call, and where a loop goes back. So the end
of an ordinary context manager, which is a function written in Python, can be skipped at its very first instruction.
"""

import _signal  # the functions of `signal` as C has them: without its enums, ten times quicker
import io
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import wraps
from types import FrameType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_NAMES = ("SIGINT", "SIGBREAK", "SIGTERM", "SIGHUP", "SIGALRM", "SIGVTALRM", "SIGPROF")  # those that often raise
_SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class _FromGenerator(io.IOBase):
    """A context manager whose beginning and end are the generator's own `__next__` and `close`.

    `IOBase` is here for its `__exit__`, which is written in C and calls `close`: an interrupt is raised before it or
    inside the generator, whose `finally` runs in both cases, but nowhere in between.
    """

    __slots__ = ("__enter__",)

    def __init__(self, generator: Any):
        self.__enter__, self.close = generator.__next__, generator.close


def restoring(function: Callable[P, Iterator[None]]) -> Callable[P, _FromGenerator]:
    """`contextlib.contextmanager` for one `try: … yield, finally: …`, of which an interrupt cannot skip the `finally`.

    The generator is closed at the end of the block, so it sees `GeneratorExit`, and no exception of the block. It still
    has to note what was before it changes anything, and an interrupt may be raised after each call in its `finally`.
    """

    @wraps(function)
    def context_manager(*args: P.args, **kwargs: P.kwargs) -> _FromGenerator:
        return _FromGenerator(function(*args, **kwargs))

    return context_manager


@restoring
def held() -> Iterator[None]:
    """Hold interrupts back until the end of the block: for sections of at most 0.1 s that must not be left half done.

    Signals whose handler is a Python function are noted; the handler is called once the block has ended. In other
    threads than the main one nothing happens, because none is interrupted.
    """
    noted: dict[int, FrameType | None] = {}
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: _signal.getsignal(number) for number in _SIGNALS}
        handlers = {number: handler for number, handler in handlers.items() if callable(handler)}

    def restore() -> None:
        for number, handler in handlers.items():
            _signal.signal(number, handler)

    try:
        for number in handlers:
            _signal.signal(number, noted.__setitem__)
        yield
    finally:
        try:
            restore()
        finally:
            restore()  # in case an interrupt came between two of them
        for number, frame in noted.items():
            handlers[number](number, frame)


def apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """function(*args, **kwargs), computed in a thread of its own, where no interrupt is raised, and where PyTorch's
    switches (gradients, modes) are the thread's own. An interrupt waits for it: for work of at most 0.1 s.
    """
    result: Future[T] = Future()

    def work() -> None:
        try:
            result.set_result(function(*args, **kwargs))
        except BaseException as error:
            result.set_exception(error)

    with held():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    return result.result()
