import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gptcore
from gptcore import GPTConfig, GPTModel
from gptcore.costs import int8_shape
from gptcore.fast.quantization import (
    AT_ONCE,
    FEW_ROWS,
    Int8Embedding,
    Int8Linear,
    from_int8,
    quantize,
    to_int8,
    weights_of,
)


@pytest.fixture(scope="module")
def storyteller():
    return gptcore.load_model(device="cpu")


def rounded(layer):
    """The weights (out_features, in_features) that `layer` computes with."""
    return restored(layer.weight, layer.scale)


def restored(table, scale):
    return from_int8(table).transpose(1, 2).flatten(0, 1)[: len(scale)] * scale[:, None]


@pytest.mark.parametrize(("outputs", "inputs"), [(192, 5), (193, 5), (30, 17), (1, 1), (384, 8), (1000, 3)])
def test_numbers_are_rounded_to_half_the_scales_of_their_output_and_their_group(outputs, inputs):
    weight = torch.randn(outputs, inputs) * torch.logspace(-6, 3, inputs) * torch.logspace(3, -6, outputs)[:, None]
    weight[:, 0] = 0
    table, output_scale = to_int8(weight)
    assert table.dtype == torch.uint8 and table.shape == int8_shape(outputs, inputs)
    assert torch.equal(output_scale, weight.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny))
    groups, _, row = table.shape
    assert row - 8 <= 192 and groups * (row - 8) >= outputs
    equal = weight / output_scale[:, None]  # the largest of each output is 1
    for group, rows in enumerate(equal.split(row - 8)):
        scale = rows.abs().amax(0) / 127
        difference = from_int8(table)[group].t()[: len(rows)] - rows
        assert (difference.abs() <= 0.5001 * scale).all()
        assert (table[group, 1:, : len(rows)].int() - 128).abs().amax(1).tolist() == [127] * (inputs - 1)


def test_a_large_output_does_not_spoil_a_small_one():
    weight = torch.randn(2, 50)
    weight[0] *= 1e6
    assert (restored(*to_int8(weight)) - weight)[1].abs().max() < 0.02


def test_outputs_and_matrices_of_zeros_stay_zeros():
    weight = torch.randn(7, 5)
    weight[3] = 0
    assert (restored(*to_int8(weight))[3] == 0).all()
    assert (restored(*to_int8(torch.zeros(7, 5))) == 0).all()


@pytest.mark.parametrize("rows", [(), (1,), (2, 2), (FEW_ROWS + 1,), (3, 40), (0,)])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 96), (48, 7), (5, 3), (33, 400)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_layer_computes_with_its_rounded_weights(rows, inputs, outputs, bias):
    linear = nn.Linear(inputs, outputs, bias)
    layer = Int8Linear(linear)
    x = torch.randn(*rows, inputs)
    with torch.no_grad():
        expected = F.linear(x, rounded(layer), linear.bias)
    result = layer(x)
    assert result.shape == expected.shape and result.dtype == torch.float32
    torch.testing.assert_close(result, expected)


def test_an_embedding_gives_the_rounded_rows_of_its_tokens():
    weight = torch.randn(200, 24)
    embedding = Int8Embedding(*(nn.Parameter(value, requires_grad=False) for value in to_int8(weight)))
    token_ids = torch.tensor([[0, 199, 66], [67, 68, 0]])
    assert (embedding(token_ids) - weight[token_ids]).abs().max() < 0.02
    linear = nn.Linear(24, 200, bias=False)
    with torch.no_grad():
        linear.weight.copy_(weight)
    assert torch.equal(embedding(token_ids), rounded(Int8Linear(linear))[token_ids])
    for output in (0, 67, 199):
        assert torch.equal(weights_of(linear, output), weight[output])
        assert torch.equal(weights_of(Int8Linear(linear), output), rounded(Int8Linear(linear))[output])


def test_the_model_is_small_and_says_nearly_the_same(storyteller):
    small = quantize(storyteller)

    def size(model):
        tensors = {tensor.data_ptr(): tensor for tensor in [*model.parameters(), *model.buffers()]}
        return sum(tensor.nbytes for tensor in tensors.values())

    assert size(small) < 0.29 * size(storyteller)
    assert small.num_parameters() == sum(parameter.numel() for parameter in storyteller.parameters())
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


@pytest.mark.parametrize("quantized", [quantize, lambda model: gptcore.load_model(model.folder, "cpu", torch.int8)])
def test_no_matrix_is_held_in_float32_a_second_time(quantized, made, tmp_path):
    model = GPTModel(GPTConfig(vocab_size=20_000, context_length=20, emb_dim=512, n_heads=2, n_layers=1))
    gptcore.save(tmp_path, model, gptcore.load_tokenizer())
    model.folder = tmp_path
    with made() as tensors, torch.no_grad():
        quantized(model)(torch.zeros(1, FEW_ROWS + 1, dtype=torch.int64))
    assert max(tensors.sizes) <= AT_ONCE < 20_000 * 512 / 2


def test_twice_is_refused_and_so_is_saving(storyteller, tmp_path):
    small = quantize(storyteller)
    with pytest.raises(ValueError, match="quantised already"):
        quantize(small)
    with pytest.raises(ValueError, match="got int8"):
        gptcore.save(tmp_path / "model", small, gptcore.load_tokenizer())
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -float("inf"), 3e38, -3.4e38])
@pytest.mark.parametrize("name", ["token_embedding.weight", "blocks.0.attention.qkv.weight", "final_norm.bias"])
def test_weights_that_no_scale_fits_are_refused(name, weight):
    model = GPTModel(GPTConfig(vocab_size=20, context_length=8, emb_dim=8, n_heads=2, n_layers=1))
    with torch.no_grad():
        model.get_parameter(name).view(-1)[3] = weight
    with pytest.raises(ValueError, match=f"model must have finite weights below .* got .* in {name}$"):
        quantize(model)


def test_what_has_no_weights_is_not_quantised():
    for wrong, error in ((None, TypeError), ("gpt2", TypeError), (nn.Linear(2, 2), TypeError)):
        with pytest.raises(error, match="model must be a GPTModel, got"):
            quantize(wrong)
    config = GPTConfig(vocab_size=20, context_length=8, emb_dim=8, n_heads=2, n_layers=1)
    with pytest.raises(ValueError, match="model must have weights to be quantised"):
        quantize(GPTModel(config).to("meta"))
