import pytest
import torch
from torch import nn

import gptcore
from gptcore.fast.linear import FEW_ROWS, LARGE, SEVERAL_ROWS, TILE, Linear, batch_is_quicker, product_on_all_threads


@pytest.fixture
def set_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def pair(out_features, in_features, bias=True, dtype=torch.float32):
    """A `Linear` and the `nn.Linear` with the same weights, in float32."""
    ours, theirs = Linear(in_features, out_features, bias), nn.Linear(in_features, out_features, bias)
    theirs.load_state_dict(ours.state_dict())
    return ours.to(dtype), theirs


@pytest.mark.parametrize(("threads", "batch"), [(1, False), (2, False), (2, True)])
@pytest.mark.parametrize(
    "rows", [(), (1,), (1, 1), (2, 3), (SEVERAL_ROWS,), (TILE,), (2, TILE), (FEW_ROWS,), (FEW_ROWS + 1,), (0, 4)]
)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("out_features", [1031, 2048, 3])
def test_it_is_the_linear_layer_of_torch(threads, batch, rows, bias, out_features, set_threads, monkeypatch):
    monkeypatch.setattr(gptcore.fast.linear, "batch_is_quicker", lambda threads: batch)
    ours, theirs = pair(out_features, 257, bias)
    assert (ours.weight.numel() >= LARGE) == (out_features > 1000)
    set_threads(threads)
    x = torch.randn(*rows, 257)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_outputs_are_shared_out_without_remainder(threads, set_threads):
    set_threads(threads)
    for outputs in (1, 2, 7, 50):
        weight, bias, x = torch.randn(outputs, 5), torch.randn(outputs), torch.randn(1, 5)
        torch.testing.assert_close(product_on_all_threads(weight, bias)(x), nn.functional.linear(x, weight, bias))


def test_what_is_quicker_is_tried_once(set_threads, monkeypatch):
    batch_is_quicker.cache_clear()
    set_threads(2)
    found = batch_is_quicker(2)
    assert found in (True, False)
    monkeypatch.setattr(gptcore.fast.linear, "_seconds", lambda product, x: pytest.fail("tried again"))
    assert batch_is_quicker(2) == found


def test_a_weight_that_lies_column_by_column_in_memory():
    weight, x = torch.randn(6, 9).t(), torch.randn(1, 6)
    torch.testing.assert_close(product_on_all_threads(weight)(x), x @ weight.t())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("rows", [1, 2, 70])
def test_sixteen_bits(dtype, tolerance, rows):
    ours, theirs = pair(2048, 256, dtype=dtype)
    x = torch.randn(rows, 256)
    with torch.no_grad():
        result = ours(x.to(dtype))
    assert result.dtype == dtype
    torch.testing.assert_close(result.float(), theirs(x), atol=tolerance * 4, rtol=tolerance)


def test_gradients_go_the_common_way():
    ours, theirs = pair(2048, 256)
    x = torch.randn(2, 256)
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
