"""Models on disk, in one format: the layout that Hugging Face uses for GPT-2.

A folder has `config.json`, `model.safetensors` and the tokenizer's files. Only safetensors are read, never a pickle,
which could run any code.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gptcore.config import GPTConfig
from gptcore.fast.quantization import quantize
from gptcore.hub import CONFIG as _CONFIG
from gptcore.hub import HUB_MODELS, STORYTELLER, find_folder, first_available, licence, weight_files
from gptcore.hub import WEIGHTS as _WEIGHTS
from gptcore.model import GPTModel, resolve_device
from gptcore.tokenizer import END_OF_TEXT, Tokenizer, byte_level_bpe

__all__ = [
    "HUB_MODELS",
    "STORYTELLER",
    "find_folder",
    "first_available",
    "licence",
    "load",
    "load_model",
    "load_tokenizer",
    "save",
    "save_tokenizer",
    "write_text",
]


def load(
    name: str | Path = "storyteller", device: str | torch.device = "auto", dtype: torch.dtype | None = None
) -> tuple[GPTModel, Tokenizer]:
    """A model, ready to generate, and its tokenizer: `load_model(name, device, dtype), load_tokenizer(name)`.

    `name` is "storyteller", the model that comes with this package; a folder; or the Hugging Face name of a GPT-2
    ("gpt2", "owner/name", "owner/name@revision"), which is downloaded once and then works offline.

    Raises ValueError, in one sentence, if there is no such model, if it cannot be had now, if its files cannot be
    read, or if its tokenizer has tokens that the model does not know.
    """
    folder = find_folder(name)
    model, tokenizer = load_model(folder, device, dtype), load_tokenizer(folder)
    highest = max(tokenizer.backend.get_vocab().values(), default=0)
    if highest >= model.config.vocab_size:
        raise ValueError(
            f"the tokenizer in {folder} has token ids up to {highest}, but the model knows only those "
            f"below {model.config.vocab_size}: they do not belong together"
        )
    return model, tokenizer


def load_tokenizer(name: str | Path = "storyteller") -> Tokenizer:
    """The tokenizer of a model, by the names that `load` knows. Raises ValueError if there is none."""
    folder = find_folder(name, tokenizer_only=True)
    tokenizer = _read_tokenizer(folder)
    tokenizer.eos_token_id = _end_token_id(folder, tokenizer)
    return tokenizer


def load_model(
    name: str | Path = "storyteller", device: str | torch.device = "auto", dtype: torch.dtype | None = None
) -> GPTModel:
    """The model of that name (see `load`) in eval mode, on CUDA where there is one unless `device` says otherwise.

    `dtype` is that of the weights in memory; None is torch.float32, whatever the file has. torch.int8 gives what
    `gptcore.fast.quantization.quantize` makes of them.

    Raises ValueError if the name is unknown, if a file is missing or broken, if the weights do not fit the config, or
    if the config asks for something that `GPTModel` does not compute.
    """
    device = resolve_device(device)
    if dtype == torch.int8:
        return quantize(load_model(name, device))
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(
            f"dtype must be a floating-point one, such as torch.bfloat16, torch.int8 or None, got {dtype!r}"
        )
    folder = find_folder(name)
    config = _read_config(folder)
    model = _without_weights(config)
    state = _from_hugging_face(_read_weights(folder), config, folder)
    dtype = torch.float32 if dtype is None else dtype
    model.load_state_dict({key: value.to(device, dtype) for key, value in state.items()}, assign=True)
    if config.tie_embeddings:
        model.head.weight = model.token_embedding.weight
    return model.requires_grad_(True).eval()


def _without_weights(config: GPTConfig) -> GPTModel:
    """A model whose weights have shapes and nothing else: it takes no memory and no time. They come from a file."""
    with torch.device("meta"), _Uninitialised():
        return GPTModel(config)


class _Uninitialised(TorchFunctionMode):
    """Leaves out what `torch.nn.init` does: there is nothing to fill, and trying costs two seconds of imports."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__module__", None) == "torch.nn.init":
            return None
        return function(*args, **(kwargs or {}))


def save(folder: str | Path, model: GPTModel, tokenizer: Any) -> None:
    """Write model and tokenizer to a folder, so that `load(folder)` and `transformers` read the same model again.

    Weights are written as they are in memory. Each file is written under a temporary name and then renamed, so that an
    interruption leaves the old one whole. `tokenizer` is ours or one of `transformers`.

    Raises TypeError if model or tokenizer are something else; ValueError if the weights are int8, which the layout has
    no place for.
    """
    from safetensors.torch import save_file

    if not isinstance(model, GPTModel):
        raise TypeError(f"model must be a GPTModel, got {type(model).__name__}")
    if not isinstance(tokenizer, Tokenizer) and not hasattr(tokenizer, "save_pretrained"):
        raise TypeError(f"tokenizer must be one of gptcore or of transformers, got {type(tokenizer).__name__}")
    if not model.head.weight.is_floating_point():
        raise ValueError("model must have floating-point weights to be saved, got int8: save the one it was made from")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: value.contiguous() for key, value in _to_hugging_face(model).items()}
    with _replacing(folder / _WEIGHTS) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    save_tokenizer(folder, tokenizer)
    eos_token_id = getattr(tokenizer, "eos_token_id", None)
    write_text(folder / _CONFIG, json.dumps(_hugging_face_config(model, eos_token_id), indent=2) + "\n")


def write_text(file: Path, text: str) -> None:
    """Write `text` to `file` as UTF-8: all of it, or none."""
    with _replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def _replacing(file: Path) -> Iterator[Path]:
    """A temporary path beside `file` that takes its place in the end."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".gptcore-") as folder:
        temporary = Path(folder) / file.name
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # some libraries write files that nobody else may read
        os.replace(temporary, file)


def _umask() -> int:
    os.umask(mask := os.umask(0))
    return mask


def save_tokenizer(folder: Path, tokenizer: Any) -> None:
    """Write a tokenizer, ours or one of `transformers`, in place of any that `folder` has.

    Ours is written as `vocab.json` and `merges.txt` where these two say all, as they do for GPT-2's, else as
    `tokenizer.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".gptcore-") as temporary:
        if isinstance(tokenizer, Tokenizer):
            _write_tokenizer(Path(temporary), tokenizer)
        else:
            tokenizer.save_pretrained(temporary)
        written = [file for file in Path(temporary).iterdir() if file.is_file()]
        for file in written:
            os.replace(file, folder / file.name)
    for name in _TOKENIZER_FILES - {file.name for file in written}:
        (folder / name).unlink(missing_ok=True)  # those of another tokenizer would be read before the new ones


_TOKENIZER_FILES = {
    *("vocab.json", "merges.txt", "added_tokens.json", "tokenizer.json"),
    *("tokenizer_config.json", "special_tokens_map.json"),
}


def _write_tokenizer(folder: Path, tokenizer: Tokenizer) -> None:
    backend = tokenizer.backend
    eos = None if tokenizer.eos_token_id is None else backend.id_to_token(tokenizer.eos_token_id)
    if _two_files_say_all(backend):
        backend.model.save(str(folder))
        vocab = sorted(backend.get_vocab().items(), key=lambda item: item[1])  # with the end-of-text token
        write_text(folder / "vocab.json", json.dumps(dict(vocab), ensure_ascii=False))
        settings = {"tokenizer_class": "GPT2Tokenizer", "eos_token": eos, "bos_token": eos, "unk_token": eos}
    else:
        backend.save(str(folder / "tokenizer.json"))
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": eos}
    write_text(folder / "tokenizer_config.json", json.dumps(settings, indent=2) + "\n")


def _two_files_say_all(backend: Any) -> bool:
    """Whether a `tokenizers.Tokenizer` differs from `byte_level_bpe()` in nothing but its vocabulary and merges."""

    def settings(backend: Any) -> dict[str, Any]:
        found = json.loads(backend.to_str())
        model = {**found["model"], "vocab": None, "merges": None}
        return {**found, "model": model, "added_tokens": None}

    added = {token.content for token in backend.get_added_tokens_decoder().values()}
    return added <= {END_OF_TEXT} and settings(backend) == settings(byte_level_bpe())


# What the files say
# ----------------------------------------------------------------------------------------------------

# How Hugging Face calls the settings of a GPT-2, and what they are when config.json does not say.
_SETTINGS: dict[str, tuple[str, Any]] = {
    "vocab_size": ("vocab_size", 50257),
    "context_length": ("n_positions", 1024),
    "emb_dim": ("n_embd", 768),
    "n_heads": ("n_head", 12),
    "n_layers": ("n_layer", 12),
    "drop_rate": ("resid_pdrop", 0.1),
    "qkv_bias": ("qkv_bias", True),  # ours: a Hugging Face GPT-2 always has this bias, if only of zeros
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
# Other names that Hugging Face reads for the same settings.
_ALIASES = {
    "n_positions": "max_position_embeddings",
    "n_embd": "hidden_size",
    "n_head": "num_attention_heads",
    "n_layer": "num_hidden_layers",
}
# Settings that change what is computed, with the only value that GPTModel computes.
_REQUIRED = {
    "model_type": "gpt2",
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}


def _read_config(folder: Path) -> GPTConfig:
    file = folder / _CONFIG
    if not file.is_file():
        raise ValueError(f"{folder} has no {_CONFIG}, so it is not the folder of a model")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not readable as JSON: {error}") from error
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


def _hugging_face_config(model: GPTModel, eos_token_id: int | None) -> dict[str, Any]:
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


def _read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in `folder`; `vocab.json` and `merges.txt` alone are refused if they are not of GPT-2's kind.

    Other byte-pair encodings have files of the same names. Without a token for each byte they would lose, silently,
    every character that they lack.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    tokenizer = Tokenizer.from_folder(folder)
    lacks_bytes = set(ByteLevel.alphabet()) - tokenizer.backend.get_vocab().keys()
    if lacks_bytes and not (folder / "tokenizer.json").is_file():
        raise ValueError(f"the tokenizer in {folder} lacks tokens for single bytes, so it is not of GPT-2's kind")
    return tokenizer


def _end_token_id(folder: Path, tokenizer: Tokenizer) -> int | None:
    """The token that ends a text: the one that a file of the tokenizer names, or else the model's config.

    The id in the config counts only if it is that of a special token: often it is GPT-2's own, left there by mistake.
    """
    backend = tokenizer.backend
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        name = _read_settings(folder / file).get("eos_token")
        name = name.get("content") if isinstance(name, dict) else name
        if isinstance(name, str) and (token_id := backend.token_to_id(name)) is not None:
            return token_id
    token_id = _read_settings(folder / _CONFIG).get("eos_token_id")
    token_id = token_id[0] if isinstance(token_id, list) and token_id else token_id
    special = [number for number, token in backend.get_added_tokens_decoder().items() if token.special]
    return token_id if token_id in special else tokenizer.eos_token_id


def _read_settings(file: Path) -> dict[str, Any]:
    """What a file of settings says that may be missing or broken; what must be there is checked elsewhere."""
    with suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _read_weights(folder: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    weights: dict[str, Tensor] = {}
    for file in weight_files(folder):
        if not file.is_file():
            pickled = [path.name for path in folder.glob("*.bin")]
            raise ValueError(
                f"{folder} has no {file.name}"
                + (f"; its {pickled[0]} is a pickle, which could run any code and is never read: have `transformers` "
                   f"load it where you trust it, and save_pretrained() it as safetensors" if pickled else "")
            )  # fmt: skip
        try:
            weights |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{file} is not a whole safetensors file: {error}") from error
    return weights


# Names of one block: ours, theirs, and whether theirs is stored the other way round (as (in, out), for its Conv1D).
_BLOCK = {
    "attention_norm.weight": ("ln_1.weight", False),
    "attention_norm.bias": ("ln_1.bias", False),
    "attention.qkv.weight": ("attn.c_attn.weight", True),
    "attention.qkv.bias": ("attn.c_attn.bias", False),
    "attention.out_proj.weight": ("attn.c_proj.weight", True),
    "attention.out_proj.bias": ("attn.c_proj.bias", False),
    "feed_forward_norm.weight": ("ln_2.weight", False),
    "feed_forward_norm.bias": ("ln_2.bias", False),
    "feed_forward.up_proj.weight": ("mlp.c_fc.weight", True),
    "feed_forward.up_proj.bias": ("mlp.c_fc.bias", False),
    "feed_forward.down_proj.weight": ("mlp.c_proj.weight", True),
    "feed_forward.down_proj.bias": ("mlp.c_proj.bias", False),
}


def _names(n_layers: int) -> Iterator[tuple[str, str, bool]]:
    """(our name, Hugging Face's name, stored the other way round) of every tensor but the head."""
    yield "token_embedding.weight", "transformer.wte.weight", False
    yield "position_embedding.weight", "transformer.wpe.weight", False
    for layer in range(n_layers):
        for ours, (theirs, turned) in _BLOCK.items():
            yield f"blocks.{layer}.{ours}", f"transformer.h.{layer}.{theirs}", turned
    yield "final_norm.weight", "transformer.ln_f.weight", False
    yield "final_norm.bias", "transformer.ln_f.bias", False


def _to_hugging_face(model: GPTModel) -> dict[str, Tensor]:
    state = model.state_dict()
    config = model.config
    tensors = {}
    for ours, theirs, turned in _names(config.n_layers):
        if ours.endswith("qkv.bias") and not config.qkv_bias:
            tensors[theirs] = state["final_norm.bias"].new_zeros(3 * config.emb_dim)
        else:
            tensors[theirs] = state[ours].t() if turned else state[ours]
    if not config.tie_embeddings:
        tensors["lm_head.weight"] = state["head.weight"]
    return tensors


def _from_hugging_face(weights: Mapping[str, Tensor], config: GPTConfig, folder: Path) -> dict[str, Tensor]:
    """Our state dict. Every tensor of the file is used or known to be none; every tensor of the model is found."""
    head = weights.get("lm_head.weight")
    # The first GPT-2 files lack the prefix, and hold the causal mask as if it were a weight.
    weights = {
        key if key.startswith("transformer.") else f"transformer.{key}": value
        for key, value in weights.items()
        if key != "lm_head.weight" and not key.endswith((".attn.bias", ".attn.masked_bias"))
    }
    state = {}
    for ours, theirs, turned in _names(config.n_layers):
        if theirs not in weights:
            raise ValueError(f"{folder}: the weights lack {theirs}, which {_CONFIG} calls for")
        weight = weights.pop(theirs)
        state[ours] = weight.t().contiguous() if turned and weight.ndim == 2 else weight
    if weights:
        raise ValueError(f"{folder}: the weights hold {sorted(weights)[0]}, of which {_CONFIG} knows nothing")
    if not config.qkv_bias:
        for layer in range(config.n_layers):
            if state.pop(f"blocks.{layer}.attention.qkv.bias").any():
                raise ValueError(f"{folder}: {_CONFIG} says qkv_bias false, but the weights have one in layer {layer}")
    if head is None and not config.tie_embeddings:
        raise ValueError(f"{folder}: {_CONFIG} says that the head has its own weights, but there is no lm_head.weight")
    if head is not None and config.tie_embeddings and not torch.equal(head, state["token_embedding.weight"]):
        raise ValueError(f"{folder}: {_CONFIG} says that head and embedding are one, but their weights differ")
    state["head.weight"] = state["token_embedding.weight"] if config.tie_embeddings else head
    expected = _without_weights(config).state_dict()
    for key, value in state.items():
        if not value.is_floating_point():
            raise ValueError(f"{folder}: {key} must hold floating-point numbers, got {value.dtype}")
        if value.shape != expected[key].shape:
            raise ValueError(
                f"{folder}: {key} has the shape {tuple(value.shape)}, "
                f"but {_CONFIG} calls for {tuple(expected[key].shape)}"
            )
    return state
