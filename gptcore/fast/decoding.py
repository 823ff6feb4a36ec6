"""The quick way to the next token. What is computed here is defined in `model.py` and `sampling.py`.

In a small model the arithmetic of one token takes less time than the Python and PyTorch around it: looking up modules
and weights by name, asking for dropout that is switched off, choosing between kernels. `decoder` does all that once and
returns a function that computes what `GPTModel` does for one new token in each row; for a single row of a small model
that is `small_decoder`. And top-k keeps little of a large vocabulary, so `draw_next` works on what it keeps, without a
record.
"""

import math
import operator
from array import array
from bisect import bisect_right
from collections.abc import Callable
from importlib.util import find_spec
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.fast.busy import share_cores
from gptcore.fast.cores import on_one_core
from gptcore.fast.gelu import GELU
from gptcore.fast.linear import Linear
from gptcore.fast.quantization import Int8Embedding, Int8Linear
from gptcore.model import CausalSelfAttention, FeedForward, GPTModel, KVCache, TransformerBlock
from gptcore.modes import Dropout, inference
from gptcore.sampling import Sampling, draw

SMALL = 2**22  # multiplications per token that one thread finishes sooner than several
FEW = 100  # logits that Python draws from sooner than PyTorch

# The modules whose work `decoder` knows how to do.
_KNOWN = {
    *(GPTModel, TransformerBlock, CausalSelfAttention, FeedForward, Linear, Int8Linear, Int8Embedding),
    *(nn.ModuleList, nn.Embedding, nn.Dropout, Dropout, nn.LayerNorm, GELU),
}

# Attention over the cache of one layer: query, key and value (B, n_heads, 1, head_dim) of the new token, and its
# position → (B, n_heads, 1, head_dim).
Attend = Callable[[Tensor, Tensor, Tensor, "int | Tensor"], Tensor]


def reader(model: GPTModel, batch_size: int, max_length: int) -> Callable[[Tensor], Tensor]:
    """A function from a growing text (B, T) to the logits (B, vocab_size) of its next token.

    It keeps keys and values of up to `max_length` tokens, and reads only what that cache lacks. Past the context length
    every position changes with each token, so it reads the whole window there. Call it in eval mode, without gradients.
    """
    context_length = model.config.context_length
    kv_cache = KVCache(model.config, batch_size, max_length, model.device, model.dtype)
    one_more = decoder(model, kv_cache) if can_decode(model) else None

    def next_logits(token_ids: Tensor) -> Tensor:
        length = token_ids.shape[1]
        if length > context_length:
            hidden = model.hidden_states(token_ids[:, -context_length:])
        elif one_more and length == len(kv_cache) + 1:
            return one_more(token_ids[:, -1:])
        elif one_more and len(kv_cache) == 0:
            return read_prompt(model, token_ids, kv_cache)
        else:
            hidden = model.hidden_states(token_ids[:, len(kv_cache) :], kv_cache)
        return model.head(hidden[:, -1])  # of the last position alone: the head is the largest matrix

    return next_logits


def can_decode(model: nn.Module) -> bool:
    """Whether `decoder` computes what `model` does: all its modules are the usual ones, none has hooks, and PyTorch
    changes no dtype on the way.
    """
    if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
        return False
    return type(model) is GPTModel and all(
        type(module) in _KNOWN and not module._forward_hooks and not module._forward_pre_hooks
        for module in model.modules()
    )


def decoder(
    model: GPTModel, kv_cache: KVCache, pads: Tensor | None = None, mask: Tensor | None = None
) -> Callable[[Tensor], Tensor]:
    """A function that reads one more token in each row, (B, 1), and returns the logits (B, vocab_size) after it.

    It continues where the cache ends. Call it in eval mode, without gradients. In rows of unequal length the first
    `pads`, (B,), places of the cache are not text; `mask`, (B, 1, 1, max_length), is added to the scores of attention.
    """
    rows = kv_cache.keys.shape[1]
    small = model.device.type == "cpu" and rows * model.num_parameters() <= SMALL
    in_numpy = small and _has_numpy(kv_cache.keys.dtype)
    if in_numpy and rows == 1 and _norms_have_vectors(model):
        from gptcore.fast.small import small_decoder

        return small_decoder(model, kv_cache)
    attend = _attend_on_one_core if in_numpy else _attend
    layers = zip(model.blocks, kv_cache.keys, kv_cache.values, strict=True)
    blocks = [decoder_block(block, rows, attend(keys, values, mask), small) for block, keys, values in layers]
    final_norm, head = norm(model.final_norm), model.head.product(rows, small)
    embed, positions = _embedding(model.token_embedding, rows), model.position_embedding.weight

    def one_more(token_ids: Tensor) -> Tensor:
        share_cores()
        with inference():
            position = kv_cache.length if pads is None else kv_cache.length - pads
            x = embed(token_ids) + positions[position]  # (B, C); for a single row (C,)
            for block in blocks:
                x = block(x, kv_cache.length)
            x = final_norm(x)
        kv_cache.length += 1
        return head(x).view(rows, -1)  # outside inference mode, so that autograd may use the result

    return one_more


def read_prompt(model: GPTModel, token_ids: Tensor, kv_cache: KVCache) -> Tensor:
    """Read token_ids (B, T) into an empty cache, and return the logits (B, vocab_size) after them.

    If all rows have the same prompt, it is read once.
    """
    B, T = token_ids.shape
    if B == 1 or (token_ids != token_ids[:1]).any():
        return model.head(model.hidden_states(token_ids, kv_cache)[:, -1])
    once = KVCache(model.config, 1, T, kv_cache.keys.device, kv_cache.keys.dtype)
    logits = model.head(model.hidden_states(token_ids[:1], once)[:, -1])
    kv_cache.keys[..., :T, :], kv_cache.values[..., :T, :] = once.keys, once.values
    kv_cache.length = T
    return logits.expand(B, -1)


def decoder_block(
    block: TransformerBlock, rows: int, attend: Attend, small: bool = False
) -> Callable[[Tensor, "int | Tensor"], Tensor]:
    """What `block` does to x, one token in each of `rows` rows, (B, C) or for a single row (C,), at a position."""
    attention, feed_forward = block.attention, block.feed_forward
    attention_norm, feed_forward_norm = norm(block.attention_norm), norm(block.feed_forward_norm)
    qkv, out_proj = (layer.product(rows, small) for layer in (attention.qkv, attention.out_proj))
    up_proj, down_proj = (layer.product(rows, small) for layer in (feed_forward.up_proj, feed_forward.down_proj))
    gelu, n_heads = feed_forward.activation.forward, attention.n_heads

    def step(x: Tensor, position: int | Tensor) -> Tensor:
        query, key, value = qkv(attention_norm(x)).contiguous().view(rows, 3, n_heads, 1, -1).unbind(1)
        x = x + out_proj(attend(query, key, value, position).reshape(x.shape))
        return x + down_proj(gelu(up_proj(feed_forward_norm(x))))

    return step


def norm(module: nn.LayerNorm) -> Callable[[Tensor], Tensor]:
    """What `module` does, its weights looked up once."""
    shape, weight, bias, epsilon = module.normalized_shape, module.weight, module.bias, module.eps
    return lambda x: torch.layer_norm(x, shape, weight, bias, epsilon)


def _attend(keys: Tensor, values: Tensor, mask: Tensor | None) -> Attend:
    """`keys` and `values` (B, n_heads, max_length, head_dim) are a layer's cache; of it, what is filled is seen."""

    def attend(query: Tensor, key: Tensor, value: Tensor, position: int) -> Tensor:
        keys.narrow(2, position, 1).copy_(key)
        values.narrow(2, position, 1).copy_(value)
        seen = position + 1
        seen_mask = None if mask is None else mask.narrow(3, 0, seen)
        return F.scaled_dot_product_attention(query, keys.narrow(2, 0, seen), values.narrow(2, 0, seen), seen_mask)

    return attend


def _attend_on_one_core(keys: Tensor, values: Tensor, mask: Tensor | None) -> Attend:
    """`_attend` in NumPy, which leaves it to one thread; PyTorch gives each head to a thread, however small it is."""
    from gptcore.fast.small import softmax

    all_keys, all_values, scale = keys.numpy(), values.numpy(), keys.shape[-1] ** -0.5
    added = None if mask is None else mask.numpy()

    def attend(query: Tensor, key: Tensor, value: Tensor, position: int) -> Tensor:
        all_keys[:, :, position], all_values[:, :, position] = key.numpy()[:, :, 0], value.numpy()[:, :, 0]
        seen = position + 1
        scores = query.numpy() @ all_keys[:, :, :seen].swapaxes(2, 3)  # (B, n_heads, 1, S)
        weights = softmax(scores, scale, None if added is None else added[..., :seen])
        return torch.from_numpy(weights @ all_values[:, :, :seen])

    return attend


def _has_numpy(dtype: torch.dtype) -> bool:
    """Whether NumPy is there, and has this dtype."""
    return dtype in (torch.float32, torch.float64) and find_spec("numpy") is not None


def _norms_have_vectors(model: GPTModel) -> bool:
    """Whether all norms have their vectors."""
    return all(type(module) is not nn.LayerNorm or module.bias is not None for module in model.modules())


def _embedding(embedding: nn.Module, rows: int) -> Callable[[Tensor], Tensor]:
    """The embedding of token_ids (B, 1): (B, C), or for a single row (C,): operations on vectors are quicker."""
    if rows != 1:
        return lambda token_ids: embedding(token_ids[:, 0])
    if type(embedding) is nn.Embedding and embedding.weight.device.type == "cpu":
        return lambda token_ids: embedding.weight[token_ids.item()]
    return lambda token_ids: embedding(token_ids[0, 0])


def draw_next(logits: Tensor, uniforms: Tensor, sampling: Sampling) -> Tensor:
    """`draw(sampling.distribution(logits), uniforms)`: token ids (B,) for logits (B, vocab_size), uniforms (B,).

    Temperature does not change the order of the tokens, so top-k may come first. The sampler itself decides where there
    is no top-k, where tokens tie, and where a logit is NaN or infinite.
    """
    logits = logits.to(uniforms.device)
    if sampling.top_k is not None and sampling.top_k < logits.shape[-1] and sampling.temperature > 0:
        best, token_ids = logits.topk(sampling.top_k + 1, dim=-1)  # one more, to see that it does not tie with the last
        rows = best.tolist()
        if all(row[0] < math.inf and all(map(operator.gt, row, row[1:])) for row in rows):
            if best.numel() <= FEW and best.dtype != torch.float64 and best.device.type == "cpu":
                each = zip(rows, token_ids.tolist(), uniforms.tolist(), strict=True)
                return torch.tensor([_draw_one(row[:-1], ids[:-1], uniform, sampling) for row, ids, uniform in each])
            return draw_among(best[:, :-1], token_ids[:, :-1], uniforms, sampling)
    return draw(on_one_core(logits, sampling.distribution, logits), uniforms)


def draw_among(best: Tensor, token_ids: Tensor, uniforms: Tensor, sampling: Sampling) -> Tensor:
    """The tokens (B,) that `uniforms` (B,) hit among the ids of the k largest logits, `best` (B, k), in falling order.

    These are the stages of `gptcore.sampling` from top-p on, without a record and without a `.item()`, so a GPU need
    not wait for Python. Tokens that tie at the edge of top-p may be cut in another order than by id.
    """
    probs_dtype = torch.promote_types(best.dtype, torch.float32)
    best = best.double()
    scaled = (best - best[:, :1]) / sampling.temperature
    limits = _limits(sampling)
    if limits != _OFF:
        before = F.pad(scaled.softmax(-1).cumsum(-1)[:, :-1], (1, 0))
        scaled = scaled.masked_fill(~_kept(scaled, before, *limits), -math.inf)
    token_ids, order = token_ids.sort(-1)  # the bar is in vocabulary order
    cdf = scaled.gather(-1, order).softmax(-1).to(probs_dtype).double().cumsum(-1)
    hit = torch.searchsorted(cdf, uniforms[:, None] * cdf[:, -1:], right=True)
    return token_ids.gather(-1, hit)[:, 0]


def _draw_one(best: list[float], token_ids: list[int], uniform: float, sampling: Sampling) -> int:
    """`draw_among` for one row, in Python, which finishes with a few values before PyTorch has begun."""
    scaled = [(logit - best[0]) / sampling.temperature for logit in best]
    limits = _limits(sampling)
    if limits != _OFF:
        before = accumulate(_softmax(scaled), initial=0.0)
        scaled = [value for value, mass in zip(scaled, before, strict=False) if _kept(value, mass, *limits)]
    probs = array("f", _softmax(scaled))  # float32, as the sampler's are
    by_id = sorted(zip(token_ids, probs, strict=False))  # the bar is in vocabulary order
    cdf = list(accumulate(p for _, p in by_id))
    return by_id[bisect_right(cdf, uniform * cdf[-1])][0]


_OFF = math.inf, -math.inf


def _limits(sampling: Sampling) -> tuple[float, float]:
    """What top-p and min-p cut: tokens with so much probability before them, and scaled logits below the second."""
    top_p, min_p = sampling.top_p, sampling.min_p
    return math.inf if top_p is None or top_p == 1 else top_p, math.log(min_p) if min_p else -math.inf


def _kept(scaled, before, most_before: float, least: float):
    """Whether top-p and min-p keep a token, the likeliest first: for floats, and for tensors element by element.

    Both keep a beginning of that order, so neither depends on what the other cuts.
    """
    return (before < most_before) & (scaled >= least)


def _softmax(scaled: list[float]) -> list[float]:
    weights = [math.exp(value) for value in scaled]
    total = sum(weights)
    return [weight / total for weight in weights]
