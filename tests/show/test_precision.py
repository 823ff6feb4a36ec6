import math

import pytest
import torch
from torch import nn

from gptcore import GPTConfig, GPTModel, costs, quantize
from gptcore.show.precision import (
    BITS,
    FORMATS,
    GROUPINGS,
    Format,
    beliefs,
    bits_per_weight,
    coarse_model,
    first_row,
    in_float32,
    measure,
    rounded,
    stored_bytes,
)

WHOLE = [bits for bits in BITS if bits < 16]


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def model(request, model_of_noise):
    return model_of_noise(tie_embeddings=request.param, emb_dim=40)


def test_the_formats_are_every_number_of_bits_with_every_grouping_and_the_two_floats():
    assert len(FORMATS) == len(set(FORMATS)) == 2 + len(WHOLE) * len(GROUPINGS)
    assert Format.of(32, "row") == Format.of(32, 64) == Format(32) and Format.of(8, 64) == Format(8, 64)
    assert [Format(32).name, Format(16).name] == ["float32", "bfloat16"]
    assert Format(4, "row").name == "4 bits, a scale for each row"
    assert Format(3, 32).name == "3 bits, a scale for each 32 weights"


def test_four_weights_by_hand():
    row = torch.tensor([[0.31, -1.27, 0.004, 0.8]])
    by_hand = {
        8: [0.31, -1.27, 0.0, 0.8],
        4: [0.36, -1.27, 0.0, 0.73],
        3: [0.42, -1.27, 0.0, 0.85],
        2: [0, -1.27, 0, 1.27],
    }
    for bits, expected in by_hand.items():
        for grouping in GROUPINGS:
            found = rounded(row, Format(bits, grouping))
            assert [round(value, 2) for value in found[0].tolist()] == pytest.approx(expected)


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("bits", WHOLE)
def test_a_weight_is_off_by_half_a_scale_at_most_and_a_group_has_as_few_values_as_its_bits_allow(bits, grouping):
    torch.manual_seed(0)
    weight = torch.randn(5, 100)
    found = rounded(weight, Format(bits, grouping))
    sizes = {"matrix": 500, "row": 100}
    rows = [weight.reshape(-1)] if grouping == "matrix" else weight
    for row, result in zip(rows, [found.reshape(-1)] if grouping == "matrix" else found, strict=True):
        for group, values in zip(
            row.split(sizes.get(grouping, grouping)), result.split(sizes.get(grouping, grouping)), strict=True
        ):
            largest = group.abs().max()
            half = largest / (2 ** (bits - 1) - 1) / 2
            assert (group - values).abs().max() <= half * 1.0001
            assert values.abs().max() == pytest.approx(largest.item()) and len(values.unique()) < 2**bits


def test_zeros_stay_zeros_and_floats_are_what_pytorch_makes_of_them():
    assert torch.equal(rounded(torch.zeros(2, 4), Format(2, "row")), torch.zeros(2, 4))
    weight = torch.randn(3, 5)
    assert torch.equal(rounded(weight, Format(32)), weight)
    assert torch.equal(rounded(weight, Format(16)), weight.bfloat16().float())


def test_every_matrix_is_rounded_and_nothing_else(model):
    before = {name: value.clone() for name, value in model.named_parameters()}
    coarse = coarse_model(model, Format(3, "row"))
    for name, value in coarse.named_parameters():
        is_matrix = value.ndim == 2 and "position" not in name
        expected = rounded(before[name], Format(3, "row")) if is_matrix else before[name]
        assert torch.equal(value, expected) and not value.requires_grad, name
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())
    assert (coarse.head.weight is coarse.token_embedding.weight) == model.config.tie_embeddings


def test_in_bfloat16_everything_is_rounded(model):
    coarse = coarse_model(model, Format(16))
    for (name, value), expected in zip(coarse.named_parameters(), model.parameters(), strict=True):
        assert torch.equal(value, expected.bfloat16().float()), name


def test_bytes_are_counted_by_hand(model):
    config, count = model.config, costs.num_parameters(model.config)
    shapes = [module.weight.shape for module in model.modules() if isinstance(module, nn.Linear)]
    if not config.tie_embeddings:
        shapes.append(model.token_embedding.weight.shape)
    inside = sum(math.prod(shape) for shape in shapes)
    assert stored_bytes(model, Format(32)) == costs.weight_bytes(config)
    assert stored_bytes(model, Format(16)) == costs.weight_bytes(config, torch.bfloat16)
    scales = {"matrix": len(shapes), "row": sum(outputs for outputs, _ in shapes)}
    scales[32] = sum(outputs * math.ceil(inputs / 32) for outputs, inputs in shapes)
    for grouping, scale_count in scales.items():
        expected = sum(math.ceil(3 * math.prod(shape) / 8) for shape in shapes) + 4 * scale_count + 4 * (count - inside)
        assert stored_bytes(model, Format(3, grouping)) == expected
        assert bits_per_weight(model, Format(3, grouping)) == pytest.approx(3 + 32 * scale_count / inside)
    assert bits_per_weight(model, Format(16)) == 16


def test_the_divergence_is_that_of_the_two_distributions(model):
    token_ids, coarse = torch.tensor([1, 5, 9, 2]), coarse_model(model, Format(4, "row"))
    expected = beliefs(model, token_ids)
    found = measure(model, expected, Format(4, "row"), coarse)
    with torch.no_grad():
        truth, belief = (m.eval()(token_ids[None])[0].softmax(-1) for m in (model, coarse))
    by_hand = [
        sum(p * math.log(p / q) for p, q in zip(*rows, strict=True))
        for rows in zip(truth.tolist(), belief.tolist(), strict=True)
    ]
    assert found.kl == pytest.approx(sum(by_hand) / 4, rel=1e-3) and found.kl > 0
    assert found.unchanged == (truth.argmax(-1) == belief.argmax(-1)).sum()
    entropies = [-sum(p * math.log(p) for p in row) for row in truth.tolist()]
    assert expected.entropy == pytest.approx(sum(entropies) / 4, rel=1e-4)
    same = measure(model, expected, Format(32), coarse_model(model, Format(32)))
    assert same.kl == 0 and same.unchanged == 4


def test_a_row_shows_the_first_weights_and_what_became_of_them(model):
    weight = model.blocks[0].attention.qkv.weight
    row = first_row(model, Format(2, "row"))
    assert row.weights == weight[0, :32].tolist()
    assert row.rounded == rounded(weight.detach(), Format(2, "row"))[0, :32].tolist()
    assert row.scale == pytest.approx(weight[0].abs().max().item())
    assert first_row(model, Format(32)).scale is None and first_row(model, Format(32)).rounded == row.weights


def test_only_a_model_with_weights_in_floating_point_can_be_rounded(model):
    assert in_float32(model) is model
    half = GPTModel(GPTConfig(vocab_size=9, context_length=4, emb_dim=8, n_heads=1, n_layers=1)).bfloat16()
    assert in_float32(half).dtype == torch.float32 and half.dtype == torch.bfloat16
    with pytest.raises(ValueError, match="model must have floating-point weights, got one that is quantised"):
        in_float32(quantize(model))
    with pytest.raises(ValueError, match="model must have weights to be rounded"):
        in_float32(model.to("meta"))


def test_a_model_without_finite_scores_is_refused(model):
    nn.init.constant_(model.final_norm.weight, math.nan)
    with pytest.raises(ValueError, match="model must give finite scores"):
        beliefs(model, torch.tensor([1, 2]))
