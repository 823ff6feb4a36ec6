import pytest
import torch

from gptcore import next_token_distribution
from gptcore.fast.cores import SMALL, cores_for, one_core


@pytest.fixture(autouse=True)
def two_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_one_core_is_given_back_even_after_an_error():
    with pytest.raises(KeyError), one_core():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("numbers", "cores"), [(1, 1), (50_257, 1), (SMALL, 1), (SMALL + 1, 2)])
def test_small_tensors_have_one_core(numbers, cores):
    with cores_for(torch.zeros(numbers)):
        assert torch.get_num_threads() == cores
    with cores_for(torch.zeros(numbers, device="meta")):
        assert torch.get_num_threads() == 2


def test_a_row_of_logits_is_sampled_on_one_core_and_a_batch_on_all(monkeypatch):
    cores = []
    softmax = torch.Tensor.softmax
    monkeypatch.setattr(torch.Tensor, "softmax", lambda *args: cores.append(torch.get_num_threads()) or softmax(*args))
    next_token_distribution(torch.randn(50_257))
    next_token_distribution(torch.randn(4, 50_257))
    assert cores == [1, 2]
    with pytest.raises(ValueError, match="finite"):
        next_token_distribution(torch.tensor([float("nan")]))
    assert torch.get_num_threads() == 2
