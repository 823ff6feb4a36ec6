"""What happens inside a model while it reads: which token attends to which, and how the answer grows by layer.

This is the forward pass again, slower and with nothing hidden: attention is written out as softmax(Q Kᵀ / √d), where
the model calls PyTorch's fast `scaled_dot_product_attention`. The two agree as far as rounding allows.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from gptcore.checks import given, is_integer
from gptcore.language import _
from gptcore.memory import check_room
from gptcore.model import CausalSelfAttention, GPTModel, check_model, check_token_ids, evaluating


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """One forward pass over T tokens, on record."""

    token_ids: Tensor  # (T,)
    attention: Tensor  # (n_layers, n_heads, T, T): each row is how one position shares out its attention; it sums to 1
    residuals: Tensor  # (n_layers + 1, T, emb_dim): the stream after the embedding, and after each block
    logits: Tensor  # (T, vocab_size)

    def __repr__(self) -> str:
        layers, heads, tokens = self.attention.shape[:3]
        sentence = _("Recording({tokens} tokens, {layers} layers of {heads} heads)")
        return sentence.format(tokens=tokens, layers=layers, heads=heads)


def record(model: GPTModel, token_ids: Tensor, ablated: Collection[tuple[int, int]] = ()) -> Recording:
    """What `model` does while it reads token_ids, (T,) or (1, T): in eval mode, without gradients.

    `ablated` names heads, (layer, head) counted from 0, whose output is replaced by zeros, to see what the others can
    do without them. The attention takes n_layers * n_heads * T * T values.

    Raises TypeError or ValueError if the model cannot read token_ids, or has no such head; MemoryError if there
    is no room for what is recorded.
    """
    check_model(model)
    if isinstance(token_ids, Tensor) and token_ids.ndim == 1:
        token_ids = token_ids[None]
    check_token_ids(model, token_ids)
    _check_size(model, token_ids)
    _check_heads(model, ablated)
    _check_room(model, token_ids.shape[1])
    token_ids, weights = token_ids[0], []
    with evaluating(model):
        x = model.token_embedding(token_ids) + model.position_embedding.weight[: len(token_ids)]  # (T, C)
        residuals = [x]
        for layer, block in enumerate(model.blocks):
            heads = [head for ablated_layer, head in ablated if ablated_layer == layer]
            seen, gathered = _attend(block.attention, block.attention_norm(x), heads)
            x = x + gathered
            x = x + block.feed_forward(block.feed_forward_norm(x))
            weights.append(seen)
            residuals.append(x)
        return Recording(token_ids, torch.stack(weights), torch.stack(residuals), model.head(model.final_norm(x)))


def lens_logits(model: GPTModel, residuals: Tensor) -> Tensor:
    """The logits (..., vocab_size) that the head would compute if `residuals` (..., emb_dim) were the last.

    The stream has the same width after every layer, so the final norm and the head can read it anywhere; after the last
    block they compute the model's own logits. Known as the logit lens (nostalgebraist 2020, "interpreting GPT: the
    logit lens").

    Raises TypeError or ValueError if `residuals` are not a stream of this model, MemoryError if there is no room.
    """
    check_model(model)
    _check_residuals(model, residuals)
    with evaluating(model):
        return model.head(model.final_norm(residuals))


def _attend(attention: CausalSelfAttention, x: Tensor, ablated: Collection[int]) -> tuple[Tensor, Tensor]:
    """The weights (n_heads, T, T) with which each position looks back, and what it gathers with them, (T, C)."""
    T, C = x.shape
    queries, keys, values = (
        part.view(T, attention.n_heads, -1).transpose(0, 1)  # (n_heads, T, head_dim)
        for part in attention.qkv(x).split(C, dim=-1)
    )
    scores = queries @ keys.mT / math.sqrt(queries.shape[-1])  # (n_heads, T, T)
    later = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(diagonal=1)
    weights = scores.masked_fill(later, -math.inf).softmax(-1)
    mixed = weights @ values  # (n_heads, T, head_dim)
    mixed[list(ablated)] = 0.0
    return weights, attention.out_proj(mixed.transpose(0, 1).reshape(T, C))


def _check_size(model: GPTModel, token_ids: Tensor) -> None:
    (rows, T), limit = token_ids.shape, model.config.context_length
    if rows != 1:
        raise ValueError(_("token_ids must be one text, (T,) or (1, T), got {rows} of them").format(rows=rows))
    if limit < T:
        raise ValueError(
            _("token_ids must be at most {limit}, the context length, got {count}").format(limit=limit, count=T)
        )


def _check_room(model: GPTModel, T: int) -> None:
    config = model.config
    attention = 2 * config.n_layers * config.n_heads * T * T  # of each layer, and then of all in one tensor
    residuals = 2 * (config.n_layers + 1) * T * config.emb_dim
    needed = (attention + residuals + T * config.vocab_size) * model.dtype.itemsize
    what = _("a recording of {count} tokens").format(count=T)
    check_room(what, needed, model.device, _("take a shorter text"))


def _check_residuals(model: GPTModel, residuals: Tensor) -> None:
    if not isinstance(residuals, Tensor) or residuals.dtype != model.dtype:
        kind = residuals.dtype if isinstance(residuals, Tensor) else type(residuals).__name__
        raise TypeError(
            _("residuals must be a tensor with the dtype of the model, {dtype}, got {kind}").format(
                dtype=model.dtype, kind=kind
            )
        )
    C = model.config.emb_dim
    if residuals.shape[-1:] != (C,) or residuals.device != model.device:
        found = _("{shape} on {device}").format(shape=tuple(residuals.shape), device=residuals.device)
        raise ValueError(
            _("residuals must have the shape (..., {width}), on {device} like the model, got {found}").format(
                width=C, device=model.device, found=found
            )
        )
    needed = residuals.numel() // C * model.config.vocab_size * model.dtype.itemsize
    check_room(_("the logits of residuals"), needed, model.device, _("take fewer of them"))


def _check_heads(model: GPTModel, heads: Collection[tuple[int, int]]) -> None:
    layers, per_layer = model.config.n_layers, model.config.n_heads
    if isinstance(heads, Tensor) or not isinstance(heads, Collection) or not all(map(_is_pair, heads)):
        raise TypeError(
            _("ablated must be a list of heads, each a pair of integers (layer, head), got {value}").format(
                value=given(heads)
            )
        )
    for layer, head in heads:
        if not (0 <= layer < layers and 0 <= head < per_layer):
            raise ValueError(
                _("ablated must name heads from (0, 0) to ({last_layer}, {last_head}), got ({layer}, {head})").format(
                    last_layer=layers - 1, last_head=per_layer - 1, layer=layer, head=head
                )
            )


def _is_pair(head: object) -> bool:
    return isinstance(head, (tuple, list)) and len(head) == 2 and all(is_integer(number) for number in head)
