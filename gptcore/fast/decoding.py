"""The quick way to one more token. What it computes is defined elsewhere; here the same is done with less around it.

For a small model the arithmetic of one token takes less time than what Python and PyTorch do besides: looking up
modules and weights by name, asking for dropout that is switched off, choosing between ways to multiply. `decoder` does
all that once, and gives a function that does what `GPTModel` does, for one new token in each row. And of a large
vocabulary top-k keeps little, so `draw_next` looks at that alone, and keeps no record.
"""

import math
import operator
from array import array
from bisect import bisect_right
from collections.abc import Callable
from contextlib import nullcontext
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.fast.cores import one_core
from gptcore.fast.gelu import GELU
from gptcore.fast.linear import Linear
from gptcore.fast.quantization import Int8Embedding, Int8Linear
from gptcore.model import CausalSelfAttention, FeedForward, GPTModel, KVCache, TransformerBlock
from gptcore.sampling import draw, next_token_distribution

SMALL = 2**22  # products per step that one core does sooner than several
FEW = 100  # logits that Python draws from sooner than PyTorch

# The parts of a model whose work `decoder` knows how to do.
_KNOWN = {
    *(GPTModel, TransformerBlock, CausalSelfAttention, FeedForward, Linear, Int8Linear, Int8Embedding),
    *(nn.ModuleList, nn.Embedding, nn.Dropout, nn.LayerNorm, GELU),
}


def can_decode(model: nn.Module) -> bool:
    """Whether `decoder` computes what `model` does: all its parts are the usual ones, and nobody hooks into them."""
    return type(model) is GPTModel and all(
        type(module) in _KNOWN and not module._forward_hooks and not module._forward_pre_hooks
        for module in model.modules()
    )


def decoder(model: GPTModel, kv_cache: KVCache) -> Callable[[Tensor], Tensor]:
    """A function that reads one more token in each row, (B, 1), and gives the logits (B, vocab_size) after it.

    It is to be called in eval mode and without gradients, and goes on where the cache ends.
    """
    rows = kv_cache.keys.shape[1]
    small = model.device.type == "cpu" and rows * model.num_parameters() <= SMALL
    cores = one_core if small else nullcontext
    with cores():
        caches = zip(kv_cache.keys, kv_cache.values, strict=True)  # of each layer
        blocks = [_block(block, *cache) for block, cache in zip(model.blocks, caches, strict=True)]
        final_norm, head = _norm(model.final_norm), model.head.product(rows)
    embed, positions = _embedding(model.token_embedding, rows), model.position_embedding.weight

    def step(token_ids: Tensor) -> Tensor:
        with cores():
            with torch.inference_mode():
                x = embed(token_ids) + positions[kv_cache.length]  # (B, C); of a single row (C,)
                for block in blocks:
                    x = block(x, kv_cache.length)
                x = final_norm(x)
            kv_cache.length += 1
            return head(x).view(rows, -1)  # outside of that mode, for a tensor that may be used for anything

    return step


def read_prompt(model: GPTModel, token_ids: Tensor, kv_cache: KVCache) -> Tensor:
    """Read token_ids (B, T) into an empty cache: the logits (B, vocab_size) after them.

    Many texts from one prompt need it read only once.
    """
    B, T = token_ids.shape
    if B == 1 or (token_ids != token_ids[:1]).any():
        return model.head(model.hidden_states(token_ids, kv_cache)[:, -1])
    once = KVCache(model.config, 1, T, kv_cache.keys.device, kv_cache.keys.dtype)
    logits = model.head(model.hidden_states(token_ids[:1], once)[:, -1])
    kv_cache.keys[..., :T, :], kv_cache.values[..., :T, :] = once.keys, once.values
    kv_cache.length = T
    return logits.expand(B, -1)


def _embedding(embedding: nn.Module, rows: int) -> Callable[[Tensor], Tensor]:
    """What `embedding` gives for token_ids (B, 1): (B, C); of a single row (C,), which spares all that follows work."""
    if rows != 1:
        return lambda token_ids: embedding(token_ids[:, 0])
    if type(embedding) is nn.Embedding and embedding.weight.device.type == "cpu":
        return lambda token_ids: embedding.weight[token_ids.item()]
    return lambda token_ids: embedding(token_ids[0, 0])


def _block(block: TransformerBlock, keys: Tensor, values: Tensor) -> Callable[[Tensor, int], Tensor]:
    """What `block` does to x, (B, C) or (C,), a token at some position; `keys` and `values` are those of its layer."""
    attention, feed_forward = block.attention, block.feed_forward
    rows, n_heads, _, head_dim = keys.shape
    attention_norm, feed_forward_norm = _norm(block.attention_norm), _norm(block.feed_forward_norm)
    qkv, out_proj = attention.qkv.product(rows), attention.out_proj.product(rows)
    up_proj, down_proj = feed_forward.up_proj.product(rows), feed_forward.down_proj.product(rows)
    gelu = feed_forward.activation.forward

    def step(x: Tensor, position: int) -> Tensor:
        query, key, value = qkv(attention_norm(x)).contiguous().view(rows, 3, n_heads, 1, head_dim).unbind(1)
        keys.narrow(2, position, 1).copy_(key)
        values.narrow(2, position, 1).copy_(value)
        seen = position + 1
        mixed = F.scaled_dot_product_attention(query, keys.narrow(2, 0, seen), values.narrow(2, 0, seen))
        x = x + out_proj(mixed.reshape(x.shape))
        return x + down_proj(gelu(up_proj(feed_forward_norm(x))))

    return step


def _norm(norm: nn.LayerNorm) -> Callable[[Tensor], Tensor]:
    shape, weight, bias, epsilon = norm.normalized_shape, norm.weight, norm.bias, norm.eps
    return lambda x: torch.layer_norm(x, shape, weight, bias, epsilon)


def draw_next(
    logits: Tensor,
    uniforms: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Tensor:
    """`draw(next_token_distribution(logits, …), uniforms)`, token ids (B,) for logits (B, vocab_size).

    Temperature does not change the order of the tokens, so top-k may come first. Where there is no top-k, where tokens
    tie, and where a logit is no number, the sampler itself is asked.
    """
    if top_k is not None and top_k < logits.shape[-1] and temperature > 0:
        best, token_ids = logits.topk(top_k + 1, dim=-1)  # one more, to see that it is less likely than the last
        rows = best.tolist()
        if all(row[0] < math.inf and all(map(operator.gt, row, row[1:])) for row in rows):
            if best.numel() <= FEW and best.dtype != torch.float64 and best.device.type == "cpu":
                each = zip(rows, token_ids.tolist(), uniforms.tolist(), strict=True)
                how = temperature, top_p, min_p
                return torch.tensor([_draw_one(row[:-1], ids[:-1], uniform, *how) for row, ids, uniform in each])
            return draw_among(best[:, :-1], token_ids[:, :-1], uniforms, temperature, top_p, min_p)
    return draw(next_token_distribution(logits, temperature, top_k, top_p, min_p), uniforms)


def draw_among(
    best: Tensor,
    token_ids: Tensor,
    uniforms: Tensor,
    temperature: float,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Tensor:
    """The tokens (B,) on which `uniforms` (B,) fall among a few: their logits `best` (B, k), likeliest first, and ids.

    These are the stages of `gptcore.sampling` from top-p on, without a record. It looks at no number, so that a GPU
    need not wait for Python; what ties at the edge of top-p may be cut in another order than by id.
    """
    probs_dtype = torch.promote_types(best.dtype, torch.float32)
    best = best.double()
    scaled = (best - best[:, :1]) / temperature
    if top_p is not None and top_p < 1:
        before = F.pad(scaled.softmax(-1).cumsum(-1)[:, :-1], (1, 0))
        scaled = scaled.masked_fill(before >= top_p, -math.inf)
    if min_p:
        scaled = scaled.masked_fill(scaled < math.log(min_p), -math.inf)
    token_ids, order = token_ids.sort(-1)  # the bar is in the order of the vocabulary
    cdf = scaled.gather(-1, order).softmax(-1).to(probs_dtype).double().cumsum(-1)
    place = torch.searchsorted(cdf, uniforms[:, None] * cdf[:, -1:], right=True)
    return token_ids.gather(-1, place)[:, 0]


def _draw_one(
    best: list[float],
    token_ids: list[int],
    uniform: float,
    temperature: float,
    top_p: float | None,
    min_p: float | None,
) -> int:
    """`draw_among` for one row, in Python, which for a few numbers is done before PyTorch has begun."""
    scaled = [(logit - best[0]) / temperature for logit in best]
    if top_p is not None and top_p < 1:
        before = [0.0, *accumulate(_softmax(scaled))]  # the likeliest is always kept
        scaled = [value for value, mass in zip(scaled, before, strict=False) if mass < top_p]
    if min_p:
        scaled = [value for value in scaled if value >= math.log(min_p)]
    probs = array("f", _softmax(scaled))  # float32, as the sampler gives them
    by_id = sorted(zip(token_ids, probs, strict=False))  # the bar is in the order of the vocabulary
    cdf = list(accumulate(p for _, p in by_id))
    return by_id[bisect_right(cdf, uniform * cdf[-1])][0]


def _softmax(scaled: list[float]) -> list[float]:
    weights = [math.exp(value) for value in scaled]
    total = sum(weights)
    return [weight / total for weight in weights]
