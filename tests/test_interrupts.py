import contextlib
import random
import signal
import threading
import time

import pytest

from gptcore.interrupts import apart, held, restoring

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends signals")


@pytest.fixture(autouse=True)
def same_handlers(hears_interrupts):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGALRM)]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    for number, handler in zip((signal.SIGINT, signal.SIGALRM), before, strict=True):
        signal.signal(number, handler)


def interrupted(function, moments, latest, seed=0):
    """How often `function`, called again and again, was interrupted by one SIGINT at a random moment."""
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    random.seed(seed)
    for _ in range(moments):
        with pytest.raises(KeyboardInterrupt) as interrupt:
            # Python drops an interrupt that it raises in a finaliser, so there is another one if need be.
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, latest), 1.0)
            while True:
                function()
        signal.setitimer(signal.ITIMER_REAL, 0)
        yield interrupt


def test_an_interrupt_never_skips_the_end_of_a_restoring_block():
    state = []

    def switched():
        try:
            state.append(1)
            yield
        finally:
            state.clear()

    def stuck(context_manager):
        def block():
            with context_manager():
                pass

        count, kept = 0, []  # a notebook keeps the traceback, and that keeps all frames and what they hold
        for interrupt in interrupted(block, moments=1000, latest=3e-4):
            count += bool(state)
            state.clear()
            kept.append(interrupt)
        return count

    assert stuck(restoring(switched)) == 0
    assert stuck(contextlib.contextmanager(switched)) > 0  # which is why there is another


def test_an_exception_in_a_restoring_block_passes_through():
    ends = []

    @restoring
    def noting():
        try:
            yield
        finally:
            ends.append("end")

    with pytest.raises(ZeroDivisionError), noting():
        1 / 0  # noqa: B018
    with noting():
        pass
    assert ends == ["end", "end"]


def test_a_held_section_is_never_left_half_done_and_the_interrupt_comes_at_its_end():
    steps = []

    def section():
        steps.clear()
        with held():
            for i in range(20):
                steps.append(i)
        steps.append("after")

    for _ in interrupted(section, moments=300, latest=1e-3):
        assert len(steps) in (0, 20, 21)


def test_an_interrupt_that_is_held_is_delivered_once_and_only_after_the_outermost_block():
    heard = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    with held():
        with held():
            signal.raise_signal(signal.SIGINT)
        assert heard == []
    assert heard == [signal.SIGINT]
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, signal.default_int_handler])
def test_any_handler_is_there_again_afterwards(handler):
    signal.signal(signal.SIGINT, handler)
    with held():
        pass
    assert signal.getsignal(signal.SIGINT) is handler
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_exception_of_a_held_section_passes_through():
    with pytest.raises(ZeroDivisionError), held():
        1 / 0  # noqa: B018


def test_held_does_nothing_in_another_thread():
    seen = []

    def work():
        with held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_work_apart_is_interrupted_only_at_its_end_and_an_error_is_passed_on():
    done = []

    def work(value):
        done.append(threading.current_thread())
        time.sleep(0.001)
        return value

    threads = threading.active_count()
    assert apart(work, 3) == 3 and done[0] is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 / 0)
    for _ in interrupted(lambda: apart(work, 4), moments=50, latest=5e-3):
        assert threading.active_count() == threads
