import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gptcore
from gptcore import GPTConfig, GPTModel
from gptcore.quantization import FEW_ROWS, Int8Linear, int8_rows, quantize


@pytest.fixture(scope="module")
def storyteller():
    return gptcore.load_model(device="cpu")


def test_rows_are_rounded_to_half_a_scale():
    weight = torch.randn(30, 17) * torch.logspace(-6, 3, 30)[:, None]
    weight[4] = 0
    rows, scale = int8_rows(weight)
    assert rows.dtype == torch.int8 and scale.dtype == torch.float32 and scale.shape == (30,)
    assert rows.abs().amax(1).tolist() == [127 if i != 4 else 0 for i in range(30)]
    assert ((rows * scale[:, None] - weight).abs() <= scale[:, None] * 0.5001).all()


@pytest.mark.parametrize("rows", [(1,), (2, 2), (FEW_ROWS + 1,), (3, 40)])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 96), (48, 7), (5, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_layer_computes_with_its_rounded_weights(rows, inputs, outputs, bias):
    linear = nn.Linear(inputs, outputs, bias)
    layer = Int8Linear(linear)
    x = torch.randn(*rows, inputs)
    expected = F.linear(x, layer.weight * layer.scale[:, None], linear.bias)
    result = layer(x)
    assert result.shape == expected.shape and result.dtype == torch.float32
    error = (result - expected).abs().max() / expected.abs().max()
    assert error < 0.02  # bfloat16 keeps three digits


def test_the_model_is_a_quarter_and_says_nearly_the_same(storyteller):
    small = quantize(storyteller)

    def size(model):
        tensors = {tensor.data_ptr(): tensor for tensor in [*model.parameters(), *model.buffers()]}
        return sum(tensor.nbytes for tensor in tensors.values())

    assert size(small) < 0.28 * size(storyteller)
    assert small.num_parameters() == storyteller.num_parameters()
    assert small.config == storyteller.config and small.dtype == torch.float32
    token_ids = torch.tensor([gptcore.load_tokenizer().encode(gptcore.stories.sample("en", 3))])
    with torch.no_grad():
        exact, rounded = storyteller(token_ids).log_softmax(-1), small(token_ids).log_softmax(-1)
    divergence = (exact.exp() * (exact - rounded)).sum(-1).mean()
    assert 0 < divergence < 0.001


def test_the_model_that_was_given_stays_as_it_is(storyteller):
    before = {name: value.clone() for name, value in storyteller.state_dict().items()}
    quantize(storyteller)
    after = storyteller.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(parameter.requires_grad for parameter in storyteller.parameters())


@pytest.mark.parametrize("changes", [{}, {"tie_embeddings": False}, {"qkv_bias": False}])
def test_it_writes(changes):
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(vocab_size=50, context_length=8, emb_dim=16, n_heads=2, n_layers=2, **changes))
    small = quantize(model.to(torch.bfloat16))
    assert not small.training and small.dtype == torch.float32
    tied = small.head.weight is small.token_embedding.weight
    assert tied == model.config.tie_embeddings
    written = gptcore.generate(small, torch.tensor([[1, 2], [3, 4]]), 12, seed=1)  # past the window, too
    assert written.shape == (2, 14)


def test_load_asks_for_int8(storyteller):
    loaded = gptcore.load_model(device="cpu", dtype=torch.int8)
    assert torch.equal(loaded.head.weight, quantize(storyteller).head.weight)
    with pytest.raises(ValueError, match="dtype must be .* got torch.int32"):
        gptcore.load_model(dtype=torch.int32)


def test_twice_is_refused_and_so_is_saving(storyteller, tmp_path):
    small = quantize(storyteller)
    with pytest.raises(ValueError, match="quantised already"):
        quantize(small)
    with pytest.raises(ValueError, match="got int8"):
        gptcore.save(tmp_path / "model", small, gptcore.load_tokenizer())
    assert not (tmp_path / "model").exists()
