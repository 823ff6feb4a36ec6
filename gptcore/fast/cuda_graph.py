"""Generation on a GPU without a word between GPU and Python per token: one step, recorded once and played again.

A GPU is often done with a small kernel before Python has asked for the next one. A CUDA graph is a recording of all the
kernels of a step, and to play it takes one request. What can be recorded decides how the step is written: no tensor may
change its shape, and nothing may be looked at on the way. So the cache has its full length, with a mask that says how
much of it is text; the place of the token is a tensor; and all random numbers are drawn before the first step.

The eager path of `gptcore.generate` is the reference. `StaticStep` runs on any device, so that tests compare the two on
the CPU as well; only `play_graph` needs CUDA.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.fast.decoding import draw_among
from gptcore.model import GPTModel, KVCache


class StaticStep:
    """One step of the loop over tensors that stay where they are: it reads the token at `place` and writes the next.

    `tokens` (B, T + n) holds the text, of which the first T are given; `uniforms` (B, T + n), float64, the random
    number for the token at each place.
    """

    def __init__(
        self,
        model: GPTModel,
        tokens: Tensor,
        uniforms: Tensor,
        kv_cache: KVCache,
        temperature: float,
        top_k: int | None,
        top_p: float | None,
        min_p: float | None,
    ):
        self.model, self.tokens, self.uniforms, self.kv_cache = model, tokens, uniforms, kv_cache
        vocab_size = model.config.vocab_size
        self.temperature, self.top_p, self.min_p = temperature, top_p, min_p
        self.top_k = vocab_size if top_k is None else min(top_k, vocab_size)
        self.place = torch.zeros(1, dtype=torch.long, device=model.device)
        self.places = torch.arange(kv_cache.max_length, device=model.device)

    def __call__(self) -> None:
        new = self.tokens.index_select(1, self.place)[:, 0]  # (B,)
        logits = self.model.head(self._hidden(new))
        uniforms = self.uniforms.index_select(1, self.place + 1)[:, 0]  # (B,)
        self.tokens.index_copy_(1, self.place + 1, self._drawn(logits, uniforms)[:, None].to(self.tokens.dtype))
        self.place += 1

    def _hidden(self, token_ids: Tensor) -> Tensor:
        """As `gptcore.fast.decoding.decoder`, but looking at the whole cache, with a mask."""
        model, config = self.model, self.model.config
        B = len(token_ids)
        seen = (self.places <= self.place)[None, None, None]  # (1, 1, 1, max_length)
        x = model.token_embedding(token_ids) + model.position_embedding(self.place)  # (B, C)
        for layer, block in enumerate(model.blocks):
            qkv = block.attention.qkv(block.attention_norm(x)).view(B, 3, config.n_heads, 1, config.head_dim)
            queries, keys, values = qkv.unbind(1)
            self.kv_cache.keys[layer].index_copy_(2, self.place, keys)
            self.kv_cache.values[layer].index_copy_(2, self.place, values)
            mixed = F.scaled_dot_product_attention(
                queries, self.kv_cache.keys[layer], self.kv_cache.values[layer], attn_mask=seen
            )
            x = x + block.attention.out_proj(mixed.flatten(1))
            x = x + block.feed_forward(block.feed_forward_norm(x))
        return model.final_norm(x)

    def _drawn(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        """Token ids (B,)."""
        if self.temperature == 0:
            return logits.argmax(-1)
        best, token_ids = logits.topk(self.top_k)
        return draw_among(best, token_ids, uniforms, self.temperature, self.top_p, self.min_p)


def static_generate(
    model: GPTModel,
    token_ids: Tensor,
    uniforms: Tensor,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    min_p: float | None,
    eos_token_id: int | None,
    play: Callable[[StaticStep, int], None],
) -> Tensor:
    """What `gptcore.generate` makes of token_ids (B, T) and uniforms (B, n); `play` runs a step n times.

    Raises ValueError if the text does not fit into the context: past it, every step would have another shape.
    """
    (B, T), n = token_ids.shape, uniforms.shape[1]
    if T + n > model.config.context_length:
        raise ValueError(
            f"max_new_tokens must be at most {max(0, model.config.context_length - T)} with cuda_graph, since the text "
            f"must fit into the context of {model.config.context_length} tokens, got {n}"
        )
    kv_cache = KVCache(model.config, B, T + n, model.device, model.dtype)
    kv_cache.keys.zero_(), kv_cache.values.zero_()  # what is masked must still be a number
    if T > 1:
        model.hidden_states(token_ids[:, :-1], kv_cache)
    tokens = F.pad(token_ids, (0, n))
    step = StaticStep(
        model, tokens, F.pad(uniforms.to(model.device), (T, 0)), kv_cache, temperature, top_k, top_p, min_p
    )
    step.place.fill_(T - 1)
    play(step, n)
    return tokens if eos_token_id is None else _ended(tokens, T, eos_token_id)


def _ended(tokens: Tensor, T: int, eos_token_id: int) -> Tensor:
    """Each row is filled with the end token from its first new one on; no longer than the longest row needs."""
    ends = (tokens[:, T:] == eos_token_id).cumsum(1) > 0
    tokens = torch.cat([tokens[:, :T], tokens[:, T:].masked_fill(ends, eos_token_id)], dim=1)
    unfinished = int((~ends).sum(1).max())
    return tokens[:, : T + unfinished + 1]


def play_graph(step: StaticStep, count: int) -> None:
    """Run `step` `count` times on CUDA: recorded once as a graph, which is then played."""
    if count == 0:
        return
    place = step.place.clone()
    with torch.cuda.device(place.device):  # streams belong to a GPU, and this need not be the first one
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # libraries set themselves up in a first run, and no recording may hold that
            step()
        torch.cuda.current_stream().wait_stream(stream)
        step.place.copy_(place)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):  # records, and runs nothing
            step()
        for _ in range(count):
            graph.replay()
