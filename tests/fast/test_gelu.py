import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gptcore.fast.gelu import GELU, MANY


@pytest.fixture
def x():
    """Many numbers on both sides of 0: where the activation bends, far from there, and ends of what float32 holds."""
    torch.manual_seed(0)
    x = 3 * torch.randn(MANY)
    x[:10] = torch.tensor([0.0, -0.0, 40.0, -40.0, 1e4, -1e4, 1e38, -1e38, 1e-40, -1e-40])
    return x


@pytest.mark.parametrize("grad", [False, True])
def test_its_numbers_are_those_of_pytorch(x, grad):
    with torch.set_grad_enabled(grad):
        mine, exact = GELU("tanh")(x), F.gelu(x.double(), approximate="tanh")
    assert torch.allclose(mine.double(), exact, rtol=2e-6, atol=1e-6)


def test_its_slope_is_that_of_pytorch(x):
    x = x[x.abs() < 1e19]  # beyond it, x² leaves float32, there as here
    x = torch.cat([x, torch.randn(MANY)]).requires_grad_()
    weights = torch.randn(len(x))
    (mine,) = torch.autograd.grad(GELU("tanh")(x), x, weights)
    (exact,) = torch.autograd.grad(F.gelu(x.double(), approximate="tanh"), x, weights.double())
    assert torch.allclose(mine, exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("how", ["few", "exact", "float64", "bfloat16"])
def test_all_else_is_left_to_pytorch(x, how):
    """Bit for bit."""
    approximate = "none" if how == "exact" else "tanh"
    x = {"few": x[1:], "float64": x.double(), "bfloat16": x.bfloat16()}.get(how, x)
    assert torch.equal(GELU(approximate)(x), nn.GELU(approximate)(x))


def test_what_it_reads_stays_as_it_is(x):
    before = x.clone()
    with torch.no_grad():
        GELU("tanh")(x)
    GELU("tanh")(x.requires_grad_()).sum().backward()
    assert torch.equal(x, before)
