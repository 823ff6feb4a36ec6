"""Other ways to generate from the same weights, each a function (token_ids (1, T), max_new_tokens) → (1, T + n)."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.config import GPTConfig
from gptcore.model import GPTModel

Writer = Callable[[Tensor, int], Tensor]


def plain_model(model: GPTModel) -> GPTModel:
    """The same weights in PyTorch's own `nn.Linear`, which the loops below would use."""
    plain = GPTModel(model.config).to(model.device, model.dtype).eval()
    plain.load_state_dict(model.state_dict())
    for module in plain.modules():
        if isinstance(module, torch.nn.Linear):
            module.__class__ = torch.nn.Linear
    return plain


def lesson_loop(model: GPTModel, temperature: float, top_k: int) -> Writer:
    """The loop of the course that this project grew from: each token re-reads the text and scores all positions."""

    @torch.no_grad()
    def write(token_ids: Tensor, max_new_tokens: int) -> Tensor:
        for _ in range(max_new_tokens):
            logits = model(token_ids)[:, -1, :] / temperature
            values, candidates = torch.topk(logits, top_k, dim=-1)
            chosen = torch.multinomial(F.softmax(values, dim=-1), num_samples=1)
            token_ids = torch.cat([token_ids, candidates.gather(-1, chosen)], dim=-1)
        return token_ids

    return write


def cropped_loop(model: GPTModel, temperature: float, top_k: int) -> Writer:
    """A loop like nanoGPT's: each token re-reads the end of the text and scores the last position."""

    @torch.no_grad()
    def write(token_ids: Tensor, max_new_tokens: int) -> Tensor:
        for _ in range(max_new_tokens):
            window = token_ids[:, -model.config.context_length :]
            logits = model.head(model.hidden_states(window)[:, [-1]])[:, -1, :] / temperature
            values, _ = torch.topk(logits, top_k)
            logits[logits < values[:, [-1]]] = -torch.inf
            chosen = torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)
            token_ids = torch.cat([token_ids, chosen], dim=1)
        return token_ids

    return write


def transformers_generate(folder: Path, temperature: float, top_k: int, top_p: float | None = None) -> Writer:
    """`generate` of transformers, with its cache, in float32."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = transformers.GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).to(device).eval()

    def write(token_ids: Tensor, max_new_tokens: int) -> Tensor:
        return model.generate(
            token_ids,
            attention_mask=torch.ones_like(token_ids),
            max_new_tokens=max_new_tokens,
            min_new_tokens=max_new_tokens,
            do_sample=True,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            pad_token_id=0,
        )

    return write


def from_scratch_generate(model: GPTModel, temperature: float, top_k: int) -> Writer | None:
    """`generate` of the package llms-from-scratch, without a cache; None if it is not installed.

    (Its GPT-2 with a cache stops at the second token, as of version 1.0.19: the mask has the wrong shape.)
    """
    if find_spec("llms_from_scratch") is None:
        return None
    from llms_from_scratch.ch04 import GPTModel as TheirModel
    from llms_from_scratch.ch05 import generate

    theirs = TheirModel(_their_config(model.config)).to(model.device).eval()
    theirs.load_state_dict(_their_weights(model), strict=False)  # its causal mask is among its weights

    def write(token_ids: Tensor, max_new_tokens: int) -> Tensor:
        return generate(theirs, token_ids, max_new_tokens, model.config.context_length, temperature, top_k)

    return write


def _their_config(config: GPTConfig) -> dict:
    keys = ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers", "drop_rate", "qkv_bias")
    return {key: config[key] for key in keys}


def _their_weights(model: GPTModel) -> dict[str, Tensor]:
    state, ours = {}, model.state_dict()
    state["tok_emb.weight"], state["pos_emb.weight"] = ours["token_embedding.weight"], ours["position_embedding.weight"]
    for i in range(model.config.n_layers):
        for kind in ("weight", "bias"):
            parts = ours[f"blocks.{i}.attention.qkv.{kind}"].chunk(3)
            for name, part in zip(("W_query", "W_key", "W_value"), parts, strict=True):
                state[f"trf_blocks.{i}.att.{name}.{kind}"] = part
            for theirs, name in (
                ("att.out_proj", "attention.out_proj"),
                ("ff.layers.0", "feed_forward.up_proj"),
                ("ff.layers.2", "feed_forward.down_proj"),
            ):
                state[f"trf_blocks.{i}.{theirs}.{kind}"] = ours[f"blocks.{i}.{name}.{kind}"]
        for theirs, name in (("norm1", "attention_norm"), ("norm2", "feed_forward_norm")):
            state[f"trf_blocks.{i}.{theirs}.scale"] = ours[f"blocks.{i}.{name}.weight"]
            state[f"trf_blocks.{i}.{theirs}.shift"] = ours[f"blocks.{i}.{name}.bias"]
    state["final_norm.scale"], state["final_norm.shift"] = ours["final_norm.weight"], ours["final_norm.bias"]
    state["out_head.weight"] = ours["head.weight"]
    return state
