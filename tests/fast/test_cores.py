import os
import threading

import pytest
import torch

from gptcore import GPTConfig, GPTModel, generate, generate_steps
from gptcore.fast import cores
from gptcore.fast.cores import GRAIN, SMALL, on_one_core


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def seen(values, device="cpu"):
    """(the threads that work on so many values has, whether it is done by another thread)"""
    threads, ident = on_one_core(
        torch.empty(values, device=device), lambda: (torch.get_num_threads(), threading.get_ident())
    )
    return threads, ident != threading.get_ident()


@pytest.mark.parametrize(
    ("values", "expected"),
    [(1, (2, False)), (GRAIN - 1, (2, False)), (GRAIN, (1, True)), (50_257, (1, True)), (SMALL + 1, (2, False))],
)
def test_what_is_small_and_would_be_divided_has_one_core(values, expected):
    assert seen(values) == expected
    assert torch.get_num_threads() == 2
    assert seen(values, "meta") == (2, False)


def test_where_there_is_one_thread_nothing_is_handed_over():
    torch.set_num_threads(1)
    assert seen(50_257) == (1, False)


def test_no_other_thread_notices():
    assert seen(50_257) == (1, True)
    counts = []
    others = [threading.Thread(target=lambda: counts.append(torch.get_num_threads())) for _ in range(3)]
    [other.start() for other in others], [other.join() for other in others]
    assert counts == [2, 2, 2] and torch.get_num_threads() == 2


def test_errors_come_back():
    with pytest.raises(KeyError, match="lost"):
        on_one_core(torch.empty(GRAIN), {}.__getitem__, "lost")
    assert seen(GRAIN) == (1, True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_a_thread_of_its_own():
    assert seen(GRAIN) == (1, True)
    parent = cores._worker
    cores._forget()  # what the child of a fork does first
    assert seen(GRAIN) == (1, True) and cores._worker is not parent


@pytest.mark.parametrize("settings", [{}, {"top_k": 10}, {"temperature": 0}, {"top_p": 0.9}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_setting_of_the_process_is_changed_for_a_token(settings, dtype, monkeypatch):
    model = GPTModel(GPTConfig(vocab_size=40_000, context_length=8, emb_dim=8, n_heads=2, n_layers=2)).to(dtype)
    seen(GRAIN)  # its thread is made once
    monkeypatch.setattr(torch, "set_num_threads", lambda count: pytest.fail("the number of threads was changed"))
    list(generate_steps(model, torch.tensor([1]), 3, seed=1, **settings))
    generate(model, torch.tensor([[1]]), 12, seed=1, **settings)
    generate(model, [[1], [2, 3]], 3, seed=1, **settings)
    assert torch.get_num_threads() == 2 and torch.backends.mkldnn.enabled
