"""Models on disk, in one format: the layout that Hugging Face uses for GPT-2.

A folder has `config.json`, `model.safetensors` and the tokenizer's files.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gptcore.config import GPTConfig
from gptcore.fast.quantization import quantize
from gptcore.files import write_text, written_whole
from gptcore.hub import find_folder
from gptcore.hugging_face import CONFIG, hugging_face_config, read_config
from gptcore.hugging_face_weights import from_hugging_face, read_weights, to_hugging_face
from gptcore.model import GPTModel, resolve_device
from gptcore.tokenizer import Tokenizer
from gptcore.tokenizer_files import read_tokenizer, save_tokenizer
from gptcore.weight_files import WEIGHTS


def load(
    name: str | Path = "storyteller", device: str | torch.device = "auto", dtype: torch.dtype | None = None
) -> tuple[GPTModel, Tokenizer]:
    """A model, ready to generate, and its tokenizer: `load_model(name, device, dtype), load_tokenizer(name)`.

    `name` is "storyteller", the model that comes with this package; a folder; or the Hugging Face name of a GPT-2
    ("gpt2", "owner/name", "owner/name@revision"), which is downloaded once and then works offline.

    Raises ValueError, in one sentence, if there is no such model, if it cannot be downloaded now, if its files cannot
    be read, or if its tokenizer has tokens that the model does not know.
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
    """The tokenizer of a model, by the names that `load` takes. Raises ValueError if there is none."""
    return read_tokenizer(find_folder(name, tokenizer_only=True))


def load_model(
    name: str | Path = "storyteller", device: str | torch.device = "auto", dtype: torch.dtype | None = None
) -> GPTModel:
    """The model of that name (see `load`) in eval mode; `device` "auto" is CUDA if there is one, else the CPU.

    `dtype` is that of the weights in memory; None is torch.float32, whatever the file has. torch.int8 gives what
    `gptcore.quantize` makes of them.

    Raises ValueError if the name is unknown, if a file is missing or damaged, if the weights do not fit the config, or
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
    config = read_config(folder)
    config, state = from_hugging_face(read_weights(folder, config), config, folder)
    model = _without_weights(config)
    dtype = torch.float32 if dtype is None else dtype
    model.load_state_dict({key: value.to(device, dtype) for key, value in state.items()}, assign=True)
    if config.tie_embeddings:
        model.head.weight = model.token_embedding.weight
    return model.requires_grad_(True).eval()


def _without_weights(config: GPTConfig) -> GPTModel:
    """A model whose weights have shapes but no values, so that it takes no memory and no time."""
    with torch.device("meta"), _Uninitialised():
        return GPTModel(config)


class _Uninitialised(TorchFunctionMode):
    """Skips `torch.nn.init`: there is nothing to fill, and trying costs two seconds of imports."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__module__", None) == "torch.nn.init":
            return None
        return function(*args, **(kwargs or {}))


def save(folder: str | Path, model: GPTModel, tokenizer: Any) -> None:
    """Write model and tokenizer to a folder, from which `load` and `transformers` read the same model again.

    Weights are written as they are in memory. Each file is written under a temporary name and then renamed, so an
    interruption leaves the old one intact. `tokenizer` is one of ours or of `transformers`.

    Raises TypeError if model or tokenizer are something else; ValueError if the weights are int8, which the layout
    cannot hold.
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
    with written_whole(folder / WEIGHTS) as temporary:
        save_file(to_hugging_face(model), temporary, metadata={"format": "pt"})
    save_tokenizer(folder, tokenizer)
    config = hugging_face_config(model, getattr(tokenizer, "eos_token_id", None))
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
