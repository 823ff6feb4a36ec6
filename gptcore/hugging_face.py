"""The layout of a GPT-2 from Hugging Face: names, settings and tensors in `config.json` and `model.safetensors`.

Only safetensors are read, never a pickle, which could run any code.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptcore.config import GPTConfig
from gptcore.model import GPTModel

CONFIG, WEIGHTS = "config.json", "model.safetensors"

# Hugging Face's names for the settings of a GPT-2, and their values where config.json does not give them.
_SETTINGS: dict[str, tuple[str, Any]] = {
    "vocab_size": ("vocab_size", 50257),
    "context_length": ("n_positions", 1024),
    "emb_dim": ("n_embd", 768),
    "n_heads": ("n_head", 12),
    "n_layers": ("n_layer", 12),
    "drop_rate": ("resid_pdrop", 0.1),
    "qkv_bias": ("qkv_bias", True),  # our own: a Hugging Face GPT-2 always has this bias, even if it is zero
    "tie_embeddings": ("tie_word_embeddings", True),
    "hidden_dim": ("n_inner", None),
    "layer_norm_epsilon": ("layer_norm_epsilon", 1e-5),
}
_ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "gelu_python": "gelu",
}
# Other names that Hugging Face accepts for the same settings.
_ALIASES = {
    "n_positions": "max_position_embeddings",
    "n_embd": "hidden_size",
    "n_head": "num_attention_heads",
    "n_layer": "num_hidden_layers",
}
# Settings that change the computation, with the only value that GPTModel supports.
_REQUIRED = {
    "model_type": "gpt2",
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}


def read_config(folder: Path) -> GPTConfig:
    """The `GPTConfig` that `config.json` describes; ValueError if there is none that `GPTModel` can compute."""
    file = folder / CONFIG
    if not file.is_file():
        raise ValueError(f"{folder} has no {CONFIG}, so it is not a model's folder")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{file} must hold a JSON object, got {type(found).__name__}")
    for key, required in _REQUIRED.items():
        if (value := found.get(key, None if key == "model_type" else required)) != required:
            raise ValueError(f"{file} has {key} {value!r}, but GPTModel computes only {required!r}")
    activation = found.get("activation_function", "gelu_new")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise ValueError(
            f"{file} has activation_function {activation!r}, but GPTModel computes only {', '.join(_ACTIVATIONS)}"
        )
    for name, alias in _ALIASES.items():
        if alias in found and found.setdefault(name, found[alias]) != found[alias]:
            raise ValueError(f"{file} has {name} {found[name]!r}, but {alias} {found[alias]!r}, which means the same")
    settings = {ours: found.get(theirs, default) for ours, (theirs, default) in _SETTINGS.items()}
    try:
        return GPTConfig(**settings, activation=_ACTIVATIONS[activation])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file} does not describe a GPT-2: {error}") from error


def hugging_face_config(model: GPTModel, eos_token_id: int | None) -> dict[str, Any]:
    """What `config.json` says of a model."""
    config = model.config
    activation = next(theirs for theirs, ours in _ACTIVATIONS.items() if ours == config.activation)
    return {
        "architectures": ["GPT2LMHeadModel"],
        **_REQUIRED,
        **{theirs: config[ours] for ours, (theirs, _) in _SETTINGS.items()},
        "embd_pdrop": config.drop_rate,
        "attn_pdrop": config.drop_rate,
        "activation_function": activation,
        "bos_token_id": eos_token_id,
        "eos_token_id": eos_token_id,
        "dtype": str(model.dtype).removeprefix("torch."),
    }


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a model's weights: one file, or all that an index names, whether they exist or not."""
    index = folder / f"{WEIGHTS}.index.json"
    if (folder / WEIGHTS).is_file() or not index.is_file():
        return [folder / WEIGHTS]
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        if all(Path(name).name == name for name in names):
            return [folder / name for name in names]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{index} is not a valid index of safetensors files in the same folder")


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of all weight files in `folder`, under Hugging Face's names."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    weights: dict[str, Tensor] = {}
    for file in weight_files(folder):
        if not file.is_file():
            pickled = [path.name for path in folder.glob("*.bin")]
            raise ValueError(
                f"{folder} has no {file.name}"
                + (f"; its {pickled[0]} is a pickle, which could run any code and is never read: if you trust it, "
                   f"load it with `transformers` and save it as safetensors with save_pretrained()" if pickled else "")
            )  # fmt: skip
        try:
            weights |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{file} is not a complete safetensors file: {error}") from error
    return weights


# The layers of one block: our name, theirs, and whether their weight is a Conv1D's, which is (in, out).
_BLOCK = {
    "attention_norm": ("ln_1", False),
    "attention.qkv": ("attn.c_attn", True),
    "attention.out_proj": ("attn.c_proj", True),
    "feed_forward_norm": ("ln_2", False),
    "feed_forward.up_proj": ("mlp.c_fc", True),
    "feed_forward.down_proj": ("mlp.c_proj", True),
}


def _names(n_layers: int) -> Iterator[tuple[str, str, bool]]:
    """(our name, Hugging Face's name, whether theirs is transposed) of every tensor but the head."""
    yield "token_embedding.weight", "transformer.wte.weight", False
    yield "position_embedding.weight", "transformer.wpe.weight", False
    for layer in range(n_layers):
        for ours, (theirs, transposed) in _BLOCK.items():
            yield f"blocks.{layer}.{ours}.weight", f"transformer.h.{layer}.{theirs}.weight", transposed
            yield f"blocks.{layer}.{ours}.bias", f"transformer.h.{layer}.{theirs}.bias", False
    yield "final_norm.weight", "transformer.ln_f.weight", False
    yield "final_norm.bias", "transformer.ln_f.bias", False


def to_hugging_face(model: GPTModel) -> dict[str, Tensor]:
    """The weights of `model`, contiguous, under Hugging Face's names."""
    state = model.state_dict()
    config = model.config
    tensors = {}
    for ours, theirs, transposed in _names(config.n_layers):
        if ours.endswith("qkv.bias") and not config.qkv_bias:
            tensors[theirs] = state["final_norm.bias"].new_zeros(3 * config.emb_dim)
        else:
            tensors[theirs] = (state[ours].t() if transposed else state[ours]).contiguous()
    if not config.tie_embeddings:
        tensors["lm_head.weight"] = state["head.weight"].contiguous()
    return tensors


def from_hugging_face(weights: Mapping[str, Tensor], config: GPTConfig, folder: Path) -> dict[str, Tensor]:
    """The state dict of a `GPTModel`: every weight in the files is used, and every weight of the model is found.

    Raises ValueError if the weights do not belong to `config`.
    """
    head = weights.get("lm_head.weight")
    # The oldest GPT-2 files lack the prefix, and store the causal mask as if it were a weight.
    weights = {
        key if key.startswith("transformer.") else f"transformer.{key}": value
        for key, value in weights.items()
        if key != "lm_head.weight" and not key.endswith((".attn.bias", ".attn.masked_bias"))
    }
    state = {}
    for ours, theirs, transposed in _names(config.n_layers):
        if theirs not in weights:
            raise ValueError(f"{folder}: the weights lack {theirs}, which {CONFIG} calls for")
        weight = weights.pop(theirs)
        state[ours] = weight.t().contiguous() if transposed and weight.ndim == 2 else weight
    if weights:
        raise ValueError(f"{folder}: the weights contain {sorted(weights)[0]}, which {CONFIG} does not call for")
    if not config.qkv_bias:
        for layer in range(config.n_layers):
            if state.pop(f"blocks.{layer}.attention.qkv.bias").any():
                raise ValueError(f"{folder}: {CONFIG} says qkv_bias false, but the weights have one in layer {layer}")
    if head is None and not config.tie_embeddings:
        raise ValueError(f"{folder}: {CONFIG} says that the head has its own weights, but there is no lm_head.weight")
    if head is not None and config.tie_embeddings and not torch.equal(head, state["token_embedding.weight"]):
        raise ValueError(f"{folder}: {CONFIG} says that head and embedding share their weights, but these differ")
    state["head.weight"] = state["token_embedding.weight"] if config.tie_embeddings else head
    return state
