"""What a GPT costs, counted from its config alone: parameters to keep, bytes to read, operations to compute.

The weights are read once for each new token. These counts are the same on every machine; the time is not:
`seconds_per_token` gives the least that it can be when reading memory is all that takes time. Activations, a few
thousand values, are left out everywhere.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from gptcore.checks import as_float, check_bool, check_integer, given
from gptcore.config import GPTConfig
from gptcore.language import _

# How the weights can be kept. In int8 the linear layers and the token embedding are integers with a scale for each
# output and each group, as in `gptcore.fast.quantization`; all else stays float32, the cache of keys and values too.
WEIGHT_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.int8)
INT8_GROUP = 192  # weights in a group, at most: FBGEMM reads longer rows sooner, but each group has one thread


def num_parameters(config: GPTConfig) -> int:
    """How many values are learned; a head that shares the embedding counts once."""
    config = GPTConfig.of(config)
    own_embedding = 0 if config.tie_embeddings else config.vocab_size * config.emb_dim
    return _linear_weights(config) + own_embedding + _vectors(config) + _positions(config)


def weight_bytes(config: GPTConfig, dtype: torch.dtype = torch.float32) -> int:
    """Bytes of memory that the weights take.

    Raises ValueError if `dtype` is not one of `WEIGHT_DTYPES`.
    """
    config = GPTConfig.of(config)
    _check_dtype(dtype)
    if dtype == torch.int8:
        own_embedding = 0 if config.tie_embeddings else _int8_bytes(config.vocab_size, config.emb_dim)
        return _int8_linear_bytes(config) + own_embedding + 4 * (_vectors(config) + _positions(config))
    return num_parameters(config) * dtype.itemsize


def int8_shape(outputs: int, inputs: int) -> tuple[int, int, int]:
    """The bytes (groups, inputs, row) that keep a matrix (outputs, inputs) in int8: see `gptcore.fast.quantization`.

    The outputs are divided evenly among the groups, and padded to a multiple of 8. A row has one byte for each output
    of its group, and 8 more.
    """
    groups = math.ceil(outputs / INT8_GROUP)
    return groups, inputs, 8 * math.ceil(outputs / (8 * groups)) + 8


def cache_bytes(config: GPTConfig, tokens: int, batch_size: int = 1, dtype: torch.dtype = torch.float32) -> int:
    """Bytes of memory that the keys and values of `batch_size` texts take, each of `tokens` tokens.

    Raises TypeError or ValueError unless `tokens` is from 0 to the context length and `batch_size` at least 1.
    """
    config = _checked(config, tokens, batch_size)
    keys_and_values = 2
    return keys_and_values * config.n_layers * batch_size * tokens * config.emb_dim * cache_dtype(dtype).itemsize


def cache_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of keys and values when the weights are `dtype`: the same one, or float32 if that is int8."""
    _check_dtype(dtype)
    return torch.float32 if dtype == torch.int8 else dtype


def operations_per_token(config: GPTConfig, tokens: int, use_cache: bool = True) -> int:
    """Multiplications and additions in the matrix products that give a text of `tokens` tokens its next token.

    With the cache only the last token is read, and it attends to all of them. Without the cache all are read again,
    and each attends to itself and those before it. Either way the head scores the last position only.
    """
    config = _checked(config, tokens)
    check_bool("use_cache", use_cache)
    head = config.vocab_size * config.emb_dim
    read = 1 if use_cache else tokens
    attended = tokens if use_cache else tokens * (tokens + 1) // 2
    attention = 2 * config.n_layers * config.emb_dim * attended  # a product with each key, and one with each value
    return 2 * ((_linear_weights(config) - head) * read + head + attention)


def bytes_read_per_step(config: GPTConfig, tokens: int, batch_size: int = 1, dtype: torch.dtype = torch.float32) -> int:
    """Bytes of weights and cache that are read to give each of `batch_size` texts its next token.

    The weights are read once for all texts; each text has its own keys and values. Of each embedding, one row per text
    is read; a head that shares the token embedding reads all of it.
    """
    config = _checked(config, tokens, batch_size)
    _check_dtype(dtype)
    if dtype == torch.int8:
        row = (1 + 4 + 4) * config.emb_dim + 4  # the embedding of a token and its scales, that of its position
        weights = _int8_linear_bytes(config) + 4 * _vectors(config) + batch_size * row
    else:
        row = 2 * config.emb_dim
        weights = (_linear_weights(config) + _vectors(config) + batch_size * row) * dtype.itemsize
    return weights + cache_bytes(config, tokens, batch_size, dtype)


def seconds_per_token(
    config: GPTConfig,
    tokens: int,
    batch_size: int = 1,
    dtype: torch.dtype = torch.float32,
    bandwidth: float = 20e9,
) -> float:
    """The least time for a new token of each text when memory delivers `bandwidth` bytes per second.

    It is a lower bound: the computation itself, and the calls of many small operations, come on top.

    Raises TypeError or ValueError if `bandwidth` is not a finite number above 0.
    """
    bandwidth = as_float("bandwidth", bandwidth)
    if not 0 < bandwidth < math.inf:
        raise ValueError(
            _("bandwidth must be above 0 bytes per second, and finite, got {value}").format(value=given(bandwidth))
        )
    try:
        return bytes_read_per_step(config, tokens, batch_size, dtype) / bandwidth
    except OverflowError:  # more bytes than a float can count
        return math.inf


def _sum_of_matrices(config: GPTConfig, size: Callable[[int, int], int]) -> int:
    """size(outputs, inputs) of every linear layer, the head too, summed."""
    C, hidden = config.emb_dim, config.hidden_dim
    block = size(3 * C, C) + size(C, C) + size(hidden, C) + size(C, hidden)  # qkv, out_proj, up_proj, down_proj
    return config.n_layers * block + size(config.vocab_size, C)


def _linear_weights(config: GPTConfig) -> int:
    return _sum_of_matrices(config, lambda outputs, inputs: outputs * inputs)


def _int8_linear_bytes(config: GPTConfig) -> int:
    return _sum_of_matrices(config, _int8_bytes)


def _int8_bytes(outputs: int, inputs: int) -> int:
    return math.prod(int8_shape(outputs, inputs)) + 4 * outputs  # a scale for each output


def _vectors(config: GPTConfig) -> int:
    """How many values the biases and the norms have."""
    C = config.emb_dim
    biases = (3 * C if config.qkv_bias else 0) + C + config.hidden_dim + C
    norms = 2 * 2 * C
    return config.n_layers * (biases + norms) + 2 * C


def _positions(config: GPTConfig) -> int:
    return config.context_length * config.emb_dim


def _check_dtype(dtype: torch.dtype) -> None:
    if not isinstance(dtype, torch.dtype) or dtype not in WEIGHT_DTYPES:
        raise ValueError(
            _("dtype must be one of {dtypes}, got {value}").format(
                dtypes=", ".join(map(str, WEIGHT_DTYPES)), value=given(dtype)
            )
        )


def _checked(config: GPTConfig | Mapping[str, Any], tokens: int, batch_size: int = 1) -> GPTConfig:
    """`config` as a GPTConfig, once it is checked that a text may have so many tokens."""
    config = GPTConfig.of(config)
    check_integer("tokens", tokens, least=0)
    check_integer("batch_size", batch_size, least=1)
    if tokens > config.context_length:
        raise ValueError(
            _("tokens must be at most {context_length}, the context length, got {value}").format(
                context_length=config.context_length, value=given(tokens)
            )
        )
    return config
