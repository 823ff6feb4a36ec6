"""The settings of a GPT-2 in Hugging Face's `config.json`; `hugging_face_weights.py` has its tensors."""

import math
import re
from pathlib import Path
from typing import Any

from gptcore.checks import check_bool, given
from gptcore.config import GPTConfig
from gptcore.files import read_json
from gptcore.language import _
from gptcore.model import GPTModel
from gptcore.other_kinds import CONFIG, LARGEST, check_kind, check_no_adapter, check_no_stand_in, instead_of_config

# Hugging Face's names for the settings of a GPT-2, and their values where config.json does not give them.
SETTINGS: dict[str, tuple[str, Any]] = {
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
    "gelu_accurate": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
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
# Settings that change the computation, with the value that `GPTModel` computes: see `query_scales` for two of them.
# (In the third, attention is computed in float32 even where weights are float16, as PyTorch's does anyway.)
_COMPUTED = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False,
    "add_cross_attention": False,
}


def read_config(folder: Path) -> GPTConfig:
    """The `GPTConfig` that `config.json` describes; ValueError if there is none that `GPTModel` can compute."""
    file, found = folder / CONFIG, _read_settings(folder)
    activation = found.get("activation_function", "gelu_new")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise ValueError(
            _("{file} has activation_function {activation}, but gptcore computes only {activations}").format(
                file=file, activation=given(activation), activations=", ".join(_ACTIVATIONS)
            )
        )
    names, defaults = {ours: theirs for ours, (theirs, _) in SETTINGS.items()}, dict(SETTINGS.values())
    for ours, theirs in names.items():
        alias = _ALIASES.get(theirs)
        if alias not in found:
            continue
        if found.get(theirs, found[alias]) != found[alias]:
            sentence = _("{file} has {name} {value}, but {alias} {other}, which means the same")
            raise ValueError(
                sentence.format(
                    file=file, name=theirs, value=given(found[theirs]), alias=alias, other=given(found[alias])
                )
            )
        names[ours] = theirs if theirs in found else alias
    settings = {ours: found.get(theirs, defaults.get(theirs)) for ours, theirs in names.items()}
    try:
        for name in _COMPUTED:
            check_bool(name, found.get(name, False))
        return GPTConfig(**settings, activation=_ACTIVATIONS[activation])
    except (TypeError, ValueError) as error:
        sentence = re.sub(r"(?a:\b[a-z_]+\b)", lambda word: names.get(word[0], word[0]), str(error))
        raise ValueError(
            _("{file} does not describe a GPT-2: {sentence}").format(file=file, sentence=sentence)
        ) from error


def _read_settings(folder: Path) -> dict[str, Any]:
    """What `config.json` says; ValueError if there is none, or if it describes something else than a GPT-2."""
    file = folder / CONFIG
    check_no_adapter(folder)
    if not file.is_file():
        raise ValueError(
            _("{folder} has no {config}, so it is not a model's folder{instead}").format(
                folder=folder, config=CONFIG, instead=instead_of_config(folder)
            )
        )
    check_no_stand_in(file)
    found = read_json(file, LARGEST)
    if not isinstance(found, dict):
        raise ValueError(_("{file} must hold a JSON object, got {kind}").format(file=file, kind=type(found).__name__))
    check_kind(file, found)
    return found


def query_scales(folder: Path, config: GPTConfig) -> list[float]:
    """For each layer the factor by which its attention scores differ from those of `GPTModel`.

    `config.json` may ask for scores that are not divided by the square root of the head's width, or that are also
    divided by the number of the layer (Karamcheti et al. 2021, "Mistral: A Journey towards Reproducible Language Model
    Training"). A score is a query times a key, so it is enough to multiply the queries.
    """
    found = _read_settings(folder)
    whole = 1.0 if found.get("scale_attn_weights", True) else math.sqrt(config.head_dim)
    by_layer = found.get("scale_attn_by_inverse_layer_idx", False)
    return [whole / (layer + 1 if by_layer else 1) for layer in range(config.n_layers)]


def hugging_face_config(model: GPTModel) -> dict[str, Any]:
    """What `config.json` says of a model."""
    config = model.config
    activation = next(theirs for theirs, ours in _ACTIVATIONS.items() if ours == config.activation)
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        **_COMPUTED,
        **{theirs: config[ours] for ours, (theirs, _) in SETTINGS.items()},
        "embd_pdrop": config.drop_rate,
        "attn_pdrop": config.drop_rate,
        "activation_function": activation,
        "dtype": str(model.dtype).removeprefix("torch."),
    }
