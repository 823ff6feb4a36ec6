"""The quick way to one more token. What it computes is defined elsewhere; here the same is done with less around it.

For a small model the arithmetic of one token takes less time than what Python and PyTorch do besides: calling modules,
asking for dropout that is switched off. `decode` does what `GPTModel.hidden_states` does, for one new token in each
row. And of a large vocabulary top-k keeps little, so `draw_next` lets the sampler look at that alone.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.model import GPTModel, KVCache, TransformerBlock
from gptcore.sampling import draw, next_token_distribution


def can_decode(model: nn.Module) -> bool:
    """Whether `decode` computes what `model` does: it is a plain GPTModel, and nobody has hooked into its parts."""
    return (
        type(model) is GPTModel
        and all(type(block) is TransformerBlock for block in model.blocks)
        and not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    )


def decode(model: GPTModel, token_ids: Tensor, kv_cache: KVCache) -> Tensor:
    """What the head reads, (B, emb_dim), for one more token in each row: token_ids (B, 1), in eval mode."""
    config, position = model.config, len(kv_cache)
    shape = (token_ids.shape[0], 3, config.n_heads, 1, config.head_dim)
    x = model.token_embedding(token_ids[:, 0]) + model.position_embedding.weight[position]  # (B, C)
    for layer, block in enumerate(model.blocks):
        attention, feed_forward = block.attention, block.feed_forward
        queries, keys, values = attention.qkv(_norm(x, block.attention_norm)).view(shape).unbind(1)
        keys, values = kv_cache.extend(layer, keys, values)  # (B, n_heads, position + 1, head_dim)
        mixed = F.scaled_dot_product_attention(queries, keys, values)  # (B, n_heads, 1, head_dim)
        x = x + attention.out_proj(mixed.flatten(1))
        x = x + feed_forward.forward(_norm(x, block.feed_forward_norm))
    kv_cache.length += 1
    return _norm(x, model.final_norm)


def _norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    return F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def draw_next(
    logits: Tensor,
    uniforms: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Tensor:
    """`draw(next_token_distribution(logits, …), uniforms)`, token ids (B,) for logits (B, vocab_size).

    Temperature does not change the order of the tokens, so top-k may come first; the sampler then sees its k tokens,
    in the order of the vocabulary. Where tokens tie at the edge of the k, and where there is no top-k, it sees all.
    """
    if top_k is not None and top_k < logits.shape[-1] and temperature > 0:
        best, token_ids = logits.topk(top_k, dim=-1)
        if ((logits >= best[..., -1:]).sum(-1) == top_k).all():
            token_ids = token_ids.sort(-1).values  # (B, k)
            distribution = next_token_distribution(logits.gather(-1, token_ids), temperature, None, top_p, min_p)
            return token_ids.gather(-1, draw(distribution, uniforms)[..., None])[..., 0]
    return draw(next_token_distribution(logits, temperature, top_k, top_p, min_p), uniforms)
