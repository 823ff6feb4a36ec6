import asyncio
import os
import signal
import threading

import pytest

from gptcore.show import interrupts


@pytest.fixture
def ignored():
    """As an idle kernel does, ignore the signal; afterwards all is as it was."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    interrupts.on_interrupt.clear()
    signal.signal(signal.SIGINT, before)


def test_all_that_work_are_told_and_then_the_signal_is_ignored_again(ignored):
    told = []

    async def kernel():
        interrupts.on_interrupt.update([lambda: told.append("one"), lambda: told.append("two")])
        interrupts.hear(interrupts.running_loop())
        assert signal.getsignal(signal.SIGINT) is interrupts.call_all
        os.kill(os.getpid(), signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the kernel after a message
        while signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            await asyncio.sleep(0.02)
        interrupts.on_interrupt.clear()
        while signal.getsignal(signal.SIGINT) is interrupts.call_all:
            await asyncio.sleep(0.02)

    loop = asyncio.new_event_loop()  # unlike asyncio.run, this leaves signals alone
    loop.run_until_complete(asyncio.wait_for(kernel(), 10))
    loop.close()
    assert sorted(told) == ["one", "two"]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_loop_is_only_that_of_the_main_thread():
    assert interrupts.running_loop() is None
    found = []

    async def look():
        found.append(interrupts.running_loop())

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    thread.join()
    assert found == [None]
