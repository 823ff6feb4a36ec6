"""One more token from a small model, mostly in NumPy, whose calls take a third of the time of PyTorch's.

The processor reads the matrices of a small model in less time than PyTorch needs to prepare the hundred operations of a
token. So only the products are PyTorch's here. Every vector has a place in memory that both see, the same for all
tokens, and each part of the model is a function that knows where to read and where to write.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from gptcore.fast.busy import share_cores
from gptcore.fast.gelu import BEND, SLOPE
from gptcore.fast.linear import Linear
from gptcore.fast.quantization import Int8Linear
from gptcore.model import GPTModel, KVCache, TransformerBlock


def small_decoder(model: GPTModel, kv_cache: KVCache) -> Callable[[Tensor], Tensor]:
    """`gptcore.fast.decoding.decoder` for one row, on the CPU."""
    embed, positions = _embedding(model.token_embedding), _array(model.position_embedding.weight)
    x, normed = (torch.empty(model.config.emb_dim, dtype=model.dtype) for _ in range(2))
    stream = x.numpy()
    layers = zip(model.blocks, kv_cache.keys, kv_cache.values, strict=True)
    blocks = [_block(block, x, normed, _array(keys[0]), _array(values[0])) for block, keys, values in layers]
    final_norm, head = _norm(model.final_norm, x, normed), model.head.product(1, small=True)

    def one_more(token_ids: Tensor) -> Tensor:
        share_cores()
        position = kv_cache.length
        np.add(embed(token_ids), positions[position], out=stream)
        for block in blocks:
            block(position)
        final_norm()
        kv_cache.length += 1
        return head(normed)[None]

    return one_more


def _block(
    block: TransformerBlock, x: Tensor, normed: Tensor, keys: np.ndarray, values: np.ndarray
) -> Callable[[int], None]:
    """What `block` does to the stream x at a position; `normed` is where the norms write."""
    attention, feed_forward, mixed = block.attention, block.feed_forward, torch.empty_like(x)
    attention_norm, feed_forward_norm = (
        _norm(norm, x, normed) for norm in (block.attention_norm, block.feed_forward_norm)
    )
    qkv, vectors = _product(attention.qkv, normed)
    out_proj, gathered = _product(attention.out_proj, mixed)
    up_proj, hidden = _product(feed_forward.up_proj, normed)
    gelu, bent = _gelu(feed_forward.activation, hidden)
    down_proj, answer = _product(feed_forward.down_proj, bent)
    attend = _attend(_array(vectors), _array(mixed), keys, values)
    stream, gathered, answer = map(_array, (x, gathered, answer))

    def step(position: int) -> None:
        attention_norm()
        qkv()
        attend(position)
        out_proj()
        np.add(stream, gathered, out=stream)
        feed_forward_norm()
        up_proj()
        gelu()
        down_proj()
        np.add(stream, answer, out=stream)

    return step


def _array(tensor: Tensor) -> np.ndarray:
    """The same memory."""
    return tensor.detach().numpy()


def _embedding(embedding: nn.Module) -> Callable[[Tensor], np.ndarray]:
    """The embedding of token_ids (1, 1): (C,)."""
    if type(embedding) is nn.Embedding:
        rows = _array(embedding.weight)
        return lambda token_ids: rows[token_ids.item()]
    return lambda token_ids: embedding.forward(token_ids[0, 0]).numpy()


def _product(linear: Linear | Int8Linear, x: Tensor) -> tuple[Callable[[], Tensor], Tensor]:
    """The product of `linear` and x, and where it is written."""
    y = x.new_empty(linear.out_features)
    if type(linear) is Int8Linear:
        product = linear.product(1)
        return lambda: y.copy_(product(x)), y
    weight = linear.weight.detach()
    if linear.bias is None:
        return partial(torch.mv, weight, x, out=y), y
    return partial(torch.addmv, linear.bias.detach(), weight, x, out=y), y


def _norm(norm: nn.LayerNorm, x: Tensor, y: Tensor) -> Callable[[], None]:
    share = np.full(len(x), 1 / len(x), x.numpy().dtype)
    return partial(_normalise, *map(_array, (x, y, norm.weight, norm.bias)), share, norm.eps)


def _normalise(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, bias: np.ndarray, share: np.ndarray, epsilon: float
) -> None:
    np.subtract(x, x.dot(share), out=y)  # x.mean() takes longer
    y *= 1 / math.sqrt(y.dot(y) / len(y) + epsilon)
    y *= weight
    y += bias


def _gelu(gelu: nn.GELU, x: Tensor) -> tuple[Callable[[], None], Tensor]:
    """The activation of x, and where it is written."""
    y = torch.empty_like(x)
    if gelu.approximate == "tanh":
        return partial(_gelu_tanh, x.numpy(), y.numpy()), y
    return lambda: y.copy_(gelu.forward(x)), y


def _gelu_tanh(x: np.ndarray, y: np.ndarray) -> None:
    """y = 0.5 · x · (1 + tanh(u)), u = √(2/π) · (x + 0.044715 · x³)."""
    np.multiply(x, x, out=y)
    y *= BEND / 2
    y += SLOPE / 2
    y *= x
    np.tanh(y, out=y)
    y += 1
    y *= x
    y *= 0.5


def _attend(vectors: np.ndarray, mixed: np.ndarray, keys: np.ndarray, values: np.ndarray) -> Callable[[int], None]:
    """Attention over the cache of a layer, `keys` and `values` (n_heads, max_length, head_dim).

    `vectors` are the query, the key and the value of the new token; what it gathers is written to `mixed`.
    """
    n_heads, _max_length, head_dim = keys.shape
    query, key, value = vectors.reshape(3, n_heads, 1, head_dim)
    mixed, scale = mixed.reshape(query.shape), head_dim**-0.5

    def attend(position: int) -> None:
        seen = position + 1
        keys[:, position:seen], values[:, position:seen] = key, value
        weights = softmax(query @ keys[:, :seen].swapaxes(1, 2), scale)  # (n_heads, 1, S)
        np.matmul(weights, values[:, :seen], out=mixed)

    return attend


def softmax(scores: np.ndarray, scale: float, mask: np.ndarray | None = None) -> np.ndarray:
    """softmax(scores · scale + mask) over the last dimension, written over `scores`."""
    scores *= scale
    if mask is not None:
        scores += mask
    scores -= np.maximum.reduce(scores, -1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores, -1, keepdims=True)
    return scores
