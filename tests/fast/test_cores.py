import pytest
import torch

from gptcore import GPTConfig, GPTModel, generate_steps
from gptcore.fast.cores import SMALL, one_thread, threads_for


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_one_thread_is_given_back_even_after_an_error():
    with pytest.raises(KeyError), one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("values", "threads"), [(1, 1), (50_257, 1), (SMALL, 1), (SMALL + 1, 2)])
def test_small_tensors_have_one_thread(values, threads):
    with threads_for(torch.zeros(values)):
        assert torch.get_num_threads() == threads
    with threads_for(torch.zeros(values, device="meta")):
        assert torch.get_num_threads() == 2


def test_a_step_is_sampled_on_one_thread(monkeypatch):
    threads = []
    softmax = torch.Tensor.softmax
    monkeypatch.setattr(
        torch.Tensor, "softmax", lambda *args: threads.append(torch.get_num_threads()) or softmax(*args)
    )
    model = GPTModel(GPTConfig(vocab_size=9, context_length=8, emb_dim=8, n_heads=1, n_layers=1))
    list(generate_steps(model, torch.tensor([1]), 3))
    assert threads == [1, 1, 1] and torch.get_num_threads() == 2
