import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gptcore import STAGES, Distribution, Sampling, draw, next_token_distribution

INF, NAN = math.inf, math.nan
CODE = {stage: code for code, stage in enumerate(STAGES, start=1)}
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
SHAPES = [(), (3,), (2, 3)]

stage_settings = st.fixed_dictionaries(
    {
        "temperature": st.floats(0.05, 20),
        "top_k": st.none() | st.integers(1, 60),
        "top_p": st.none() | st.floats(0.01, 0.999),
        "min_p": st.none() | st.floats(0.001, 1),
    }
)


def distinct_logits(seed: int, shape: tuple[int, ...], vocab_size: int, dtype: torch.dtype) -> torch.Tensor:
    """Random logits with no two alike in a row, exact in every dtype; some are -inf."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(*shape, 256, generator=generator, dtype=torch.float64).argsort(-1)[..., :vocab_size]
    logits = (order - 128) / 2 ** (seed % 6)
    if seed % 3 == 0 and vocab_size > 1:
        logits[..., seed % vocab_size] = -INF
    return logits.to(dtype)


def of_transformers(logits: torch.Tensor, settings: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """What removed each token, and the probabilities, by the logits processors of transformers in float64."""
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    warpers = {
        "temperature": TemperatureLogitsWarper,
        "top_k": TopKLogitsWarper,
        "top_p": TopPLogitsWarper,
        "min_p": MinPLogitsWarper,
    }
    scores = logits.double().reshape(-1, logits.shape[-1])
    removed_by = torch.where(scores == -INF, CODE["masked"], 0)
    for stage, warper in warpers.items():
        if settings[stage] is not None:
            scores = warper(settings[stage])(None, scores)
            removed_by = torch.where((scores == -INF) & (removed_by == 0), CODE[stage], removed_by)
    return removed_by.reshape(logits.shape), scores.softmax(-1).reshape(logits.shape)


@pytest.mark.parametrize(("shape", "dtype"), list(itertools.product(SHAPES, DTYPES)))
@settings(max_examples=400)
@given(seed=st.integers(0, 2**20), vocab_size=st.integers(1, 60), chosen=stage_settings)
def test_each_stage_keeps_what_transformers_keeps_with_the_same_probabilities(shape, dtype, seed, vocab_size, chosen):
    logits = distinct_logits(seed, shape, vocab_size, dtype)
    untouched = logits.clone()
    found = next_token_distribution(logits, **chosen)
    removed_by, probs = of_transformers(logits, chosen)
    assert torch.equal(found.removed_by, removed_by.to(torch.int8))
    assert (found.probs - probs).abs().max() <= 1e-6
    assert torch.equal(logits, untouched)


def by_the_documented_rule(logits: list[float], temperature, top_k, top_p, min_p) -> dict[int, float]:
    """{kept id: probability} of one row: sort by likelihood, then by id, and count."""
    ranked = sorted(range(len(logits)), key=lambda token_id: (-logits[token_id], token_id))[:top_k]
    weights = {token_id: math.exp((logits[token_id] - max(logits)) / temperature) for token_id in ranked}
    if top_p is not None:
        before, total, nucleus = 0.0, sum(weights.values()), {}
        for token_id in ranked:
            assume(abs(before - top_p) > 1e-9)  # which side of p a sum falls on is not for rounding to say
            if before < top_p:
                nucleus[token_id] = weights[token_id]
            before += weights[token_id] / total
        weights = nucleus
    if min_p is not None:
        assume(all(abs(weight - min_p) > 1e-9 for weight in weights.values()))
        weights = {token_id: weight for token_id, weight in weights.items() if weight >= min_p}
    return {token_id: weight / sum(weights.values()) for token_id, weight in weights.items()}


@settings(max_examples=600)
@given(logits=st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5]), min_size=1, max_size=12), chosen=stage_settings)
def test_among_equally_likely_tokens_the_lower_ids_are_kept_first(logits, chosen):
    expected = by_the_documented_rule(logits, **chosen)
    found = next_token_distribution(torch.tensor(logits), **chosen)
    assert found.kept.nonzero().flatten().tolist() == sorted(expected)
    assert {i: found.probs[i].item() for i in expected} == pytest.approx(expected, abs=1e-6)


@settings(max_examples=300)
@given(
    logits=st.lists(st.sampled_from([-1.0, 0.0, 1.0, -INF]), min_size=1, max_size=10),
    top_k=st.integers(1, 12),
    temperature=st.floats(0.01, 10),
)
@example(logits=[2.0, 1.0, 1.0, 1.0, 0.0], top_k=2, temperature=1.0)
def test_top_k_keeps_exactly_k_however_many_tie(logits, top_k, temperature):
    possible = sum(logit > -INF for logit in logits)
    assume(possible)
    found = next_token_distribution(torch.tensor(logits), temperature, top_k)
    assert found.kept_count == min(top_k, possible)


@settings(max_examples=300)
@given(seed=st.integers(0, 2**20), shape=st.sampled_from(SHAPES), chosen=stage_settings)
def test_probabilities_sum_to_one_and_so_do_kept_and_removed_mass(seed, shape, chosen):
    logits = distinct_logits(seed, shape, 30, torch.float64)
    found = next_token_distribution(logits, **chosen)
    before = found.scaled_logits.softmax(-1)
    kept_mass = (before * found.kept).sum(-1)
    assert list(found.removed_mass) == list(STAGES)
    one = torch.ones(shape, dtype=torch.float64)
    torch.testing.assert_close(kept_mass + sum(found.removed_mass.values()), one)
    torch.testing.assert_close(found.probs.sum(-1), one)
    assert found.kept_count.shape == found.entropy.shape == shape
    assert ((found.probs > 0) <= found.kept).all()


def test_a_record_holds_every_stage_in_order():
    found = next_token_distribution(torch.tensor([3.0, -INF, 2.0, 1.0, 0.0, -9.0]), 2.0, top_k=4, top_p=0.85, min_p=0.5)
    assert found.scaled_logits.tolist() == [0.0, -INF, -0.5, -1.0, -1.5, -6.0]
    assert [STAGES[code - 1] if code else "kept" for code in found.removed_by] == [
        *("kept", "masked", "kept", "min_p", "top_p", "top_k")
    ]
    assert found.removed_by.dtype == torch.int8
    assert found.probs.tolist() == pytest.approx([0.6225, 0, 0.3775, 0, 0, 0], abs=1e-4)
    assert found.kept_count == 2 and found.kept.dtype == torch.bool


def test_each_stage_sees_only_what_the_ones_before_it_kept():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    assert next_token_distribution(logits, top_p=0.8).kept_count == 2
    assert next_token_distribution(logits, 2.0, top_p=0.8).kept_count == 3  # temperature comes before top-p
    assert next_token_distribution(logits, top_k=2, top_p=0.6).kept_count == 1  # .625 of what top-k kept


def test_top_p_stops_where_the_mass_reaches_p_and_never_keeps_none():
    logits = torch.tensor([0.5, 0.25, 0.125, 0.125], dtype=torch.float64).log()
    kept = {p: int(next_token_distribution(logits, top_p=p).kept_count) for p in (1e-9, 0.5, 0.51, 0.75, 0.76, 1.0)}
    assert kept == {1e-9: 1, 0.5: 1, 0.51: 2, 0.75: 2, 0.76: 3, 1.0: 4}


def test_none_turns_every_stage_off():
    logits = torch.randn(50, generator=torch.Generator().manual_seed(0))
    found = next_token_distribution(logits)
    assert found.kept.all()
    torch.testing.assert_close(found.probs, logits.softmax(-1))
    assert next_token_distribution(logits, top_k=50, top_p=1.0, min_p=0.0).kept.all()
    assert next_token_distribution(logits, top_k=10**9).kept.all()


@pytest.mark.parametrize("temperature", [0, 0.0])
@pytest.mark.parametrize("cuts", [{}, {"top_k": 3}, {"top_p": 0.5}, {"min_p": 0.1}])
def test_temperature_0_is_one_hot_at_the_lowest_id_of_the_likeliest(temperature, cuts):
    logits = torch.tensor([[1.0, 3.0, 3.0, -INF], [5.0, 5.0, 5.0, 5.0]])
    found = next_token_distribution(logits, temperature, **cuts)
    assert found.probs.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert torch.equal(found.scaled_logits, logits)
    T, M = CODE["temperature"], CODE["masked"]
    assert found.removed_by.tolist() == [[T, 0, T, M], [0, T, T, T]]
    assert found.kept_count.tolist() == [1, 1]
    assert found.entropy.tolist() == [0, 0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("temperature", [1e-320, 1e-38, 1e-9])
def test_a_tiny_temperature_is_nearly_greedy_and_never_overflows(dtype, temperature):
    logits = torch.tensor([500.0, 100.0, 504.0, -500.0], dtype=dtype)
    for cuts in ({}, {"top_k": 2}, {"top_p": 0.9}, {"min_p": 0.1}):
        found = next_token_distribution(logits, temperature, **cuts)
        assert found.probs.tolist() == [0, 0, 1, 0]
    assert next_token_distribution(torch.tensor([1.0, 1.0, 0.0]), temperature).probs.tolist() == [0.5, 0.5, 0]


@pytest.mark.parametrize("temperature", [1e9, 1e300, 1e308])
def test_a_huge_temperature_is_uniform_over_what_is_kept(temperature):
    logits = torch.tensor([1.0, 9.0, 3.0, -4.0])
    assert next_token_distribution(logits, temperature).probs.tolist() == pytest.approx([0.25] * 4)
    assert next_token_distribution(logits, temperature, top_k=2).probs.tolist() == pytest.approx([0, 0.5, 0.5, 0])


def test_logits_near_the_largest_number_do_not_overflow():
    found = next_token_distribution(torch.tensor([3e38, 3e38, -3e38]), 0.1)
    assert found.probs.tolist() == [0.5, 0.5, 0]


def test_entropy_is_in_nats_and_counts_a_removed_token_as_nothing():
    found = next_token_distribution(torch.tensor([1.0, 1.0, 1.0, 1.0, -INF, -5.0]), top_k=4)
    assert found.entropy.item() == pytest.approx(math.log(4))


@pytest.mark.parametrize(("dtype", "kept_as"), [*((d, torch.float32) for d in DTYPES[:3]), (DTYPES[3], DTYPES[3])])
def test_half_precision_is_recorded_as_float32_and_float64_as_itself(dtype, kept_as):
    found = next_token_distribution(torch.tensor([1.0, 0.0], dtype=dtype), 0.7, top_k=1)
    assert found.logits.dtype == found.scaled_logits.dtype == found.probs.dtype == kept_as


def test_each_row_of_a_batch_is_the_row_alone():
    logits = distinct_logits(7, (2, 3), 40, torch.float32)
    together = next_token_distribution(logits, 0.8, 20, 0.9, 0.01)
    for b, t in itertools.product(range(2), range(3)):
        alone = next_token_distribution(logits[b, t], 0.8, 20, 0.9, 0.01)
        assert torch.equal(together.removed_by[b, t], alone.removed_by)
        torch.testing.assert_close(together.probs[b, t], alone.probs)


def test_a_batch_as_wide_as_the_vocabulary_is_not_mixed_up():
    logits = torch.tensor([[1.0, 2.0, 3.0], [30.0, 20.0, 10.0], [0.0, 5.0, 0.0]])
    assert next_token_distribution(logits, top_k=1).probs.argmax(-1).tolist() == [2, 0, 1]


def test_a_view_and_logits_that_need_a_gradient_are_left_as_they_were():
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0), requires_grad=True)
    before = logits.detach().clone()
    found = next_token_distribution(logits[:, ::2], 0.5, 2, 0.9, 0.1)
    assert torch.equal(logits, before) and logits.requires_grad
    assert not found.probs.requires_grad


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_a_batch_without_rows_has_a_distribution_without_rows(shape):
    found = next_token_distribution(torch.zeros(*shape, 7), 0.7, 5, 0.9, 0.1)
    assert found.probs.shape == (*shape, 7) and draw(found, torch.zeros(shape)).shape == shape
    assert "0 to 0 kept" in repr(found)


@pytest.mark.parametrize("uniform", [1, 1.0, -0.1, NAN, INF])
def test_a_dart_that_misses_the_bar_is_refused(uniform):
    with pytest.raises(ValueError, match=f"uniform must be at least 0 and below 1, got {uniform}"):
        draw(next_token_distribution(torch.zeros(5)), uniform)


def test_a_distribution_is_frozen_and_shortly_described():
    found = next_token_distribution(torch.zeros(2, 5), top_k=3)
    with pytest.raises(AttributeError):
        found.probs = torch.zeros(5)
    assert "2x5" in repr(found) and "3" in repr(found) and len(repr(found)) < 80


def hand_made(probs: torch.Tensor) -> Distribution:
    return Distribution(probs.log(), probs.log(), (probs == 0).to(torch.int8), probs)


def inverse_cdf(probs: list[float], uniform: float) -> int:
    """The id on which a dart falls, found by walking along the bar."""
    ends = list(itertools.accumulate(probs))
    return next(token_id for token_id, end in enumerate(ends) if end > uniform * ends[-1])


uniforms = st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, 0.25, 0.5, math.nextafter(1, 0)])


@settings(max_examples=800)
@given(weights=st.lists(st.sampled_from([0, 0, 1, 1, 2, 1e-9, 7]), min_size=1, max_size=20), uniform=uniforms)
def test_draw_is_the_inverse_cdf_in_vocabulary_order_and_never_hits_what_was_removed(weights, uniform):
    assume(sum(weights) > 0)
    probs = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    token_id = draw(hand_made(probs), uniform)
    assert token_id.dtype == torch.int64 and token_id.shape == ()
    assert token_id == inverse_cdf(probs.tolist(), uniform)
    assert weights[token_id] > 0


@settings(max_examples=200)
@given(seed=st.integers(0, 2**20), uniform=uniforms, top_k=st.integers(1, 40), dtype=st.sampled_from(DTYPES))
def test_whatever_the_luck_a_kept_token_is_drawn(seed, uniform, top_k, dtype):
    found = next_token_distribution(distinct_logits(seed, (3,), 40, dtype), 0.9, top_k)
    token_ids = draw(found, torch.full((3,), uniform, dtype=torch.float64))
    assert found.kept.gather(-1, token_ids[:, None]).all()
    assert token_ids.tolist() == [inverse_cdf(row, uniform) for row in found.probs.double().tolist()]


def test_the_ends_of_the_bar_are_the_first_and_the_last_kept_token():
    probs = torch.tensor([0, 0, 0.1, 0.2, 0.3, 0.4, 0, 0])
    assert draw(hand_made(probs), 0.0) == 2
    assert draw(hand_made(probs), math.nextafter(1, 0)) == 5
    assert draw(hand_made(probs / 3), math.nextafter(1, 0)) == 5  # a bar that is not of length 1


@pytest.mark.parametrize("shape", SHAPES)
def test_draws_have_the_shape_of_the_batch(shape):
    found = next_token_distribution(torch.zeros(*shape, 4))
    uniform = torch.full(shape, 0.6, dtype=torch.float64)
    assert torch.equal(draw(found, uniform), torch.full(shape, 2))


@pytest.mark.parametrize(
    ("chosen", "error", "words"),
    [
        ({"temperature": -0.5}, ValueError, ["temperature", "-0.5", "0"]),
        ({"temperature": NAN}, ValueError, ["temperature", "nan", "finite"]),
        ({"temperature": INF}, ValueError, ["temperature", "inf", "finite"]),
        ({"temperature": "warm"}, TypeError, ["temperature", "'warm'", "number"]),
        ({"temperature": None}, TypeError, ["temperature", "None", "number"]),
        ({"temperature": True}, TypeError, ["temperature", "True", "number"]),
        ({"top_k": 0}, ValueError, ["top_k", "0", "at least 1"]),
        ({"top_k": -3}, ValueError, ["top_k", "-3", "at least 1"]),
        ({"top_k": 2.0}, TypeError, ["top_k", "2.0", "integer"]),
        ({"top_k": "5"}, TypeError, ["top_k", "'5'", "integer"]),
        ({"top_k": True}, TypeError, ["top_k", "True", "integer"]),
        ({"top_p": 0}, ValueError, ["top_p", "0", "above 0"]),
        ({"top_p": 1.1}, ValueError, ["top_p", "1.1", "at most 1"]),
        ({"top_p": -0.1}, ValueError, ["top_p", "-0.1", "above 0"]),
        ({"top_p": NAN}, ValueError, ["top_p", "nan"]),
        ({"top_p": "all"}, TypeError, ["top_p", "'all'", "number"]),
        ({"min_p": -0.1}, ValueError, ["min_p", "-0.1", "from 0 to 1"]),
        ({"min_p": 1.5}, ValueError, ["min_p", "1.5", "from 0 to 1"]),
        ({"min_p": NAN}, ValueError, ["min_p", "nan"]),
        ({"min_p": [0.1]}, TypeError, ["min_p", "[0.1]", "number"]),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_value(chosen, error, words):
    with pytest.raises(error) as raised:
        next_token_distribution(torch.zeros(4), **chosen)
    assert all(word in str(raised.value) for word in words)


@pytest.mark.parametrize("temperature", [0, 1.0])
@pytest.mark.parametrize(
    ("row", "words"), [([-INF] * 3, "nothing but -inf"), ([0.0, NAN, 1.0], "NaN"), ([0.0, INF, 1.0], "+inf")]
)
def test_a_row_that_has_no_probabilities_is_refused_wherever_it_is(row, words, temperature):
    for logits in (torch.tensor(row), torch.tensor([[[0.0, 0.0, 0.0], row]])):
        with pytest.raises(ValueError, match="logits") as raised:
            next_token_distribution(logits, temperature)
        assert words in str(raised.value)


@pytest.mark.parametrize(
    ("logits", "error"),
    [
        (torch.tensor([1, 2]), TypeError),
        ([1.0, 2.0], TypeError),
        (torch.tensor(1.0), ValueError),
        (torch.zeros(2, 0), ValueError),
    ],
)
def test_what_is_no_logits_is_refused(logits, error):
    with pytest.raises(error, match="logits must"):
        next_token_distribution(logits)


LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    "wrong",
    [1, -1, NAN, torch.inf, 10**400, Fraction(10**20 - 1, 10**20), *map(torch.tensor, (1.0, -1.0, NAN, 1, [0.5, 1.0]))],
    ids=str,
)
def test_a_dart_beside_the_bar_is_refused(wrong):
    for logits in LOGITS, LOGITS[0]:
        with pytest.raises(ValueError, match="uniform must be (at least 0 and below 1|a number that a float can hold)"):
            draw(next_token_distribution(logits), wrong)


@pytest.mark.parametrize("shape", [(3,), (1, 2), (2, 1), (0,), (2, 2)])
def test_darts_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"uniform must be one number, or have the shape \(2,\), got \("):
        draw(next_token_distribution(LOGITS), torch.full(shape, 0.5))


@pytest.mark.parametrize(
    "wrong", [True, None, "0.5", 1j, Decimal("0.5"), [0.5], torch.tensor(0.5j), torch.tensor(True)]
)
def test_what_is_no_number_is_no_dart(wrong):
    with pytest.raises(TypeError, match="uniform must be"):
        draw(next_token_distribution(LOGITS), wrong)
    with pytest.raises(TypeError, match="distribution must be a Distribution, got Tensor"):
        draw(LOGITS, 0.5)


@pytest.mark.parametrize("half", [Fraction(1, 2), np.float32(0.5), np.float16(0.5), torch.tensor(0.5), 0.5], ids=repr)
def test_a_dart_is_any_number(half):
    """By hand: the probabilities are 0.665, 0.245, 0.09 and 0.21, 0.21, 0.58."""
    assert draw(next_token_distribution(LOGITS), half).tolist() == [0, 2]
    assert draw(next_token_distribution(LOGITS[0]), half).item() == 0
    assert draw(next_token_distribution(LOGITS[0]), torch.tensor([[0.5, 0.7]])).tolist() == [[0, 1]]


@pytest.mark.parametrize("half", [Fraction(1, 2), np.float32(0.5), np.float64(0.5)], ids=repr)
def test_settings_are_any_real_numbers(half):
    found = next_token_distribution(LOGITS, temperature=half, top_p=half, min_p=half)
    assert torch.equal(found.probs, next_token_distribution(LOGITS, temperature=0.5, top_p=0.5, min_p=0.5).probs)
    settings = Sampling(half, np.int64(2), half, half)
    assert [type(value) for value in vars(settings).values()] == [float, int, float, float]
    assert next_token_distribution(LOGITS, top_k=10**400).kept_count.tolist() == [3, 3]
    flat = next_token_distribution(LOGITS, temperature=10**300).probs
    assert torch.allclose(flat, torch.full((2, 3), 1 / 3))


@pytest.mark.parametrize("name", ["temperature", "top_p", "min_p"])
def test_a_setting_that_no_float_holds_is_refused_at_once(name):
    for wrong, error in (
        (10**400, ValueError),
        (Decimal("0.5"), TypeError),
        (1j, TypeError),
        (torch.tensor(0.5), TypeError),
    ):
        with pytest.raises(error, match=f"^{name} must be a number.*got .{{1,90}}$"):
            Sampling(**{name: wrong})


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.complex64, torch.bool])
def test_logits_of_other_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match=f"logits must be .* got {dtype}"):
        next_token_distribution(LOGITS.to(dtype))
