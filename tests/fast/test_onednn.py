import signal
import threading
from contextlib import suppress

import pytest
import torch
import torch.nn.functional as F

from gptcore.fast.onednn import linear_without_onednn


def enabled() -> bool:
    return torch.backends.mkldnn.enabled


WEIGHT, BIAS = torch.randn(512, 256).bfloat16(), torch.randn(512).bfloat16()
ROW = torch.randn(256).bfloat16()


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("bias", [BIAS, None])
def test_it_is_off_for_the_product_alone(before, bias, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", before)
    during, linear = [], F.linear
    monkeypatch.setattr(F, "linear", lambda *args: during.append(enabled()) or linear(*args))
    made = linear_without_onednn(ROW, WEIGHT, bias)
    assert during == [False] and enabled() == before
    exact = linear(ROW.float(), WEIGHT.float(), None if bias is None else bias.float())
    torch.testing.assert_close(made.float(), exact, atol=0.1, rtol=0.02)
    with pytest.raises(RuntimeError):
        linear_without_onednn(ROW[1:], WEIGHT, bias)
    assert enabled() == before


def test_the_last_of_several_threads_puts_it_back(monkeypatch):
    entered, leave, linear = threading.Event(), threading.Event(), F.linear

    def slow(*args):
        if threading.current_thread() is not threading.main_thread():
            entered.set()
            leave.wait(10)
        return linear(*args)

    monkeypatch.setattr(F, "linear", slow)
    other = threading.Thread(target=linear_without_onednn, args=(ROW, WEIGHT, None))
    other.start()
    assert entered.wait(10)
    linear_without_onednn(ROW, WEIGHT, None)
    assert not enabled()  # the other one still wants it off
    leave.set()
    other.join()
    assert enabled()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer that interrupts")
def test_an_interrupt_at_any_moment_leaves_it_as_it_was(hears_interrupts):
    interrupts = 0

    def interrupt(*_):
        nonlocal interrupts
        interrupts += 1
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for number in range(300):
            with suppress(KeyboardInterrupt):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 1e-6 + number * 2e-6)
                    for _ in range(40):
                        linear_without_onednn(ROW, WEIGHT, None)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            assert enabled()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert interrupts > 100
