"""Generation on a GPU with no traffic between GPU and Python per token: one step, captured once and replayed.

A GPU often finishes a small kernel before Python has launched the next one. A CUDA graph holds all the kernels of a
step, and one launch replays them. What can be captured decides how the step is written: no tensor may change its shape,
and no value may be read back. So the cache has its full length, with a mask that says how much of it is text; the
position is a tensor; and all random numbers are drawn before the first step.

The tokens are those of `gptcore.generate` without a graph. `StaticStep` runs on any device, so that tests compare the
two on the CPU as well; only `replay` needs CUDA.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.fast.decoding import Attend, can_decode, decoder_block, draw_among, norm
from gptcore.language import _
from gptcore.model import GPTModel, KVCache
from gptcore.sampling import Sampling
from gptcore.seeds import Uniforms


class StaticStep:
    """One step of the loop over tensors that stay where they are: it reads the token at `position`, writes the next.

    `tokens` (B, T + n) holds the text, of which the first T are given; `uniforms` (B, T + n), float64, the random
    number for the token at each position.
    """

    def __init__(self, model: GPTModel, tokens: Tensor, uniforms: Tensor, kv_cache: KVCache, sampling: Sampling):
        self.model, self.tokens, self.uniforms, self.sampling = model, tokens, uniforms, sampling
        vocab_size = model.config.vocab_size
        self.top_k = vocab_size if sampling.top_k is None else min(sampling.top_k, vocab_size)
        self.position = torch.zeros(1, dtype=torch.long, device=model.device)
        positions = torch.arange(kv_cache.max_length, device=model.device)
        layers = zip(model.blocks, kv_cache.keys, kv_cache.values, strict=True)
        self.blocks = [
            decoder_block(block, len(tokens), _attend_with_mask(keys, values, positions))
            for block, keys, values in layers
        ]
        self.final_norm, self.head = norm(model.final_norm), model.head.product(len(tokens))

    def __call__(self) -> None:
        new = self.tokens.index_select(1, self.position)[:, 0]  # (B,)
        x = self.model.token_embedding(new) + self.model.position_embedding(self.position)  # (B, C)
        for block in self.blocks:
            x = block(x, self.position)
        logits = self.head(self.final_norm(x))
        uniforms = self.uniforms.index_select(1, self.position + 1)[:, 0]  # (B,)
        drawn = self._draw(logits, uniforms)
        self.tokens.index_copy_(1, self.position + 1, drawn[:, None].to(self.tokens.dtype))
        self.position += 1

    def _draw(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        """Token ids (B,)."""
        if self.sampling.temperature == 0:
            return logits.argmax(-1)
        best, token_ids = logits.topk(self.top_k)
        return draw_among(best, token_ids, uniforms, self.sampling)


def _attend_with_mask(keys: Tensor, values: Tensor, positions: Tensor) -> Attend:
    """As in `gptcore.fast.decoding`, but over the whole cache of a layer, masked where no text is yet."""

    def attend(query: Tensor, key: Tensor, value: Tensor, position: Tensor) -> Tensor:
        keys.index_copy_(2, position, key)
        values.index_copy_(2, position, value)
        seen = (positions <= position)[None, None, None]  # (1, 1, 1, max_length)
        return F.scaled_dot_product_attention(query, keys, values, attn_mask=seen)

    return attend


def graph_generate(
    model: GPTModel,
    token_ids: Tensor,
    max_new_tokens: int,
    uniforms: Uniforms,
    sampling: Sampling,
    ends: list[int],
    plain: bool,
) -> Tensor:
    """What `gptcore.generate` makes of token_ids (B, T), in eval mode, without gradients.

    Raises ValueError unless the model is a plain GPTModel on CUDA, and the call is `plain`: prompts of one length, with
    the cache, and without a logits_processor.
    """
    if model.device.type != "cuda" or not can_decode(model) or not plain:
        raise ValueError(
            _(
                "cuda_graph must be False unless a plain GPTModel is on CUDA, with its cache, no logits_processor "
                "and prompts of one length, got a {kind} on {device}"
            ).format(kind=type(model).__name__, device=model.device)
        )
    return static_generate(model, token_ids, max_new_tokens, uniforms, sampling, ends, replay)


def static_generate(
    model: GPTModel,
    token_ids: Tensor,
    max_new_tokens: int,
    uniforms: Uniforms,
    sampling: Sampling,
    ends: list[int],
    run: Callable[[StaticStep, int], None],
) -> Tensor:
    """token_ids (B, T) with the n tokens that `run`, which takes a step n times, writes after them.

    Raises ValueError if the text does not fit into the context: past it, every step would have another shape.
    """
    (B, T), n = token_ids.shape, max_new_tokens
    if T + n > model.config.context_length:
        raise ValueError(
            _(
                "max_new_tokens must be at most {most} with cuda_graph, since the text must fit into the context of "
                "{context_length} tokens, got {n}"
            ).format(most=max(0, model.config.context_length - T), context_length=model.config.context_length, n=n)
        )
    kv_cache = KVCache(model.config, B, T + n, model.device, model.dtype)
    kv_cache.keys.zero_(), kv_cache.values.zero_()  # masked values must still be finite
    if T > 1:
        model.hidden_states(token_ids[:, :-1], kv_cache)
    tokens = F.pad(token_ids, (0, n))
    step = StaticStep(model, tokens, F.pad(uniforms.ahead(n).to(model.device), (T, 0)), kv_cache, sampling)
    step.position.fill_(T - 1)
    run(step, n)
    return _ended(tokens, T, ends) if ends and n else tokens


def _ended(tokens: Tensor, T: int, ends: list[int]) -> Tensor:
    """Each row filled with its first new end token from there on, and no longer than the longest row needs."""
    new = tokens[:, T:]
    is_end = torch.isin(new, torch.tensor(ends).to(new))
    over = is_end.cumsum(1) > 0
    new = torch.where(over, new.gather(1, is_end.int().argmax(1, keepdim=True)), new)
    return torch.cat([tokens[:, :T], new[:, : int((~over).sum(1).max()) + 1]], dim=1)


def replay(step: StaticStep, count: int) -> None:
    """Run `step` `count` times on CUDA: captured once as a graph, then replayed."""
    if count == 0:
        return
    position = step.position.clone()
    with torch.cuda.device(position.device):  # streams belong to a GPU, and this may not be the first one
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # libraries initialise in a first run, which no capture may contain
            step()
        torch.cuda.current_stream().wait_stream(stream)
        step.position.copy_(position)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):  # captures, and runs nothing
            step()
        for _ in range(count):
            graph.replay()
