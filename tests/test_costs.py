import math

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from gptcore import GPT_CONFIG_124M, GPT_CONFIG_355M, GPT_CONFIG_774M, GPT_CONFIG_1558M, GPTConfig, GPTModel, KVCache
from gptcore.costs import (
    bytes_read_per_step,
    cache_bytes,
    cache_dtype,
    num_parameters,
    operations_per_token,
    seconds_per_token,
    weight_bytes,
)
from gptcore.fast.quantization import quantize
from gptcore.model import evaluating

SMALL = GPTConfig(vocab_size=50, context_length=16, emb_dim=12, n_heads=3, n_layers=2)
VARIANTS = [
    SMALL,
    GPTConfig(**{**SMALL, "tie_embeddings": False}),
    GPTConfig(**{**SMALL, "qkv_bias": False}),
    GPTConfig(**{**SMALL, "hidden_dim": 7, "n_layers": 1}),
]
GPT2 = [GPT_CONFIG_124M, GPT_CONFIG_355M, GPT_CONFIG_774M, GPT_CONFIG_1558M]


@pytest.mark.parametrize("config", VARIANTS + GPT2)
def test_parameters_are_those_of_the_model(config):
    with torch.device("meta"):  # takes no memory
        assert num_parameters(config) == sum(parameter.numel() for parameter in GPTModel(config).parameters())


def test_parameters_of_the_real_sizes():
    assert [num_parameters(config) for config in GPT2] == [124_439_808, 354_823_168, 774_030_080, 1_557_611_200]


@pytest.mark.parametrize("config", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_bytes_of_the_weights_are_those_of_the_tensors(config, dtype):
    model = GPTModel(config).to(dtype)
    assert weight_bytes(config, dtype) == sum(parameter.nbytes for parameter in model.parameters())


@pytest.mark.parametrize("config", VARIANTS)
def test_bytes_of_int8_weights_are_those_of_the_tensors(config):
    model = quantize(GPTModel(config))
    assert weight_bytes(config, torch.int8) == sum(t.nbytes for t in (*model.parameters(), *model.buffers()))


@pytest.mark.parametrize("config", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("tokens", "batch_size"), [(1, 1), (9, 1), (16, 3)])
def test_bytes_of_the_cache_are_those_of_its_tensors(config, dtype, tokens, batch_size):
    cache = KVCache(config, batch_size, tokens, dtype=dtype)
    assert cache_bytes(config, tokens, batch_size, dtype) == cache.keys.nbytes + cache.values.nbytes


def test_int8_keeps_a_cache_of_float32():
    assert quantize(GPTModel(SMALL)).dtype == torch.float32
    assert cache_dtype(torch.int8) == torch.float32 and cache_dtype(torch.bfloat16) == torch.bfloat16
    assert cache_bytes(SMALL, 5, 2, torch.int8) == cache_bytes(SMALL, 5, 2, torch.float32)


def counted(model, read):
    """Operations of the matrix products; torch's fast attention on a CPU would not be counted."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), evaluating(model):
        read()
    return counter.get_total_flops()


@pytest.mark.parametrize("config", VARIANTS)
@pytest.mark.parametrize("tokens", [1, 2, 9, 16])
def test_operations_with_the_cache_are_those_that_torch_counts(config, tokens):
    model, token_ids = GPTModel(config), torch.zeros(1, tokens, dtype=torch.int64)
    cache = KVCache(config)
    if tokens > 1:
        model(token_ids[:, 1:], cache)
    total = counted(model, lambda: model(token_ids[:, :1], cache))
    assert operations_per_token(config, tokens) == total


@pytest.mark.parametrize("tokens", [1, 2, 9, 16])
def test_operations_without_the_cache_are_those_that_torch_counts(tokens):
    model, token_ids = GPTModel(SMALL), torch.zeros(1, tokens, dtype=torch.int64)
    total = counted(model, lambda: model.head(model.hidden_states(token_ids)[:, -1]))
    masked = 2 * 2 * SMALL.n_layers * SMALL.emb_dim * (tokens * (tokens - 1) // 2)  # torch counts what is masked, too
    assert operations_per_token(SMALL, tokens, use_cache=False) == total - masked


def test_what_a_step_reads():
    """Everything but the rows of the embeddings that are not looked up."""
    read = bytes_read_per_step(SMALL, 0)
    assert read == weight_bytes(SMALL) - 4 * (SMALL.context_length - 2) * SMALL.emb_dim
    untied = bytes_read_per_step(VARIANTS[1], 0)
    assert untied == read
    assert bytes_read_per_step(SMALL, 7, 3) - bytes_read_per_step(SMALL, 0, 3) == cache_bytes(SMALL, 7, 3)
    skipped = 4 * (SMALL.context_length - 1) * SMALL.emb_dim - (1 + 4) * SMALL.emb_dim - 4
    assert bytes_read_per_step(SMALL, 0, 1, torch.int8) == weight_bytes(SMALL, torch.int8) - skipped
    assert bytes_read_per_step(SMALL, 7, 1, torch.bfloat16) == bytes_read_per_step(SMALL, 7) / 2


def test_a_batch_reads_the_weights_once():
    one, sixteen = (bytes_read_per_step(GPT_CONFIG_124M, 100, batch) for batch in (1, 16))
    caches = 15 * cache_bytes(GPT_CONFIG_124M, 100)
    assert caches <= sixteen - one <= caches + 15 * 2 * 4 * 768


def test_seconds_are_bytes_divided_by_bandwidth():
    assert seconds_per_token(SMALL, 4, 2, torch.bfloat16, 1e6) == bytes_read_per_step(SMALL, 4, 2, torch.bfloat16) / 1e6


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: weight_bytes(SMALL, torch.int64), ValueError, "dtype must be one of"),
        (lambda: bytes_read_per_step(SMALL, 4, 1, "int8"), ValueError, "dtype must be one of"),
        (lambda: cache_bytes(SMALL, 17), ValueError, "tokens must be at most 16, the context length, got 17"),
        (lambda: cache_bytes(SMALL, -1), ValueError, "tokens must be at least 0, got -1"),
        (lambda: cache_bytes(SMALL, 1.5), TypeError, "tokens must be an integer, got 1.5"),
        (lambda: cache_bytes(SMALL, True), TypeError, "tokens must be an integer, got True"),
        (lambda: cache_bytes(SMALL, 3, 0), ValueError, "batch_size must be at least 1, got 0"),
        (lambda: operations_per_token(SMALL, 17), ValueError, "tokens must be at most 16"),
        (lambda: seconds_per_token(SMALL, 3, bandwidth=0), ValueError, "bandwidth must be above 0"),
        (lambda: seconds_per_token(SMALL, 3, bandwidth=float("nan")), ValueError, "bandwidth must be above 0"),
        (lambda: seconds_per_token(SMALL, 3, bandwidth=float("inf")), ValueError, "bandwidth must be above 0"),
        (lambda: seconds_per_token(SMALL, 3, bandwidth="fast"), TypeError, "bandwidth must be a number"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_more_bytes_than_a_float_can_count_take_for_ever():
    assert seconds_per_token(GPT_CONFIG_124M, 1, batch_size=10**400) == math.inf
