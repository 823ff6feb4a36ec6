"""What a folder may hold in place of a GPT-2 that can be read. Each kind is named, with what to do about it."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gptcore.checks import given
from gptcore.files import read_json

CONFIG, ADAPTER = "config.json", "adapter_config.json"
LARGEST = 10e6  # bytes of such a file

# Weights in other formats: patterns of their files, what they are, and what to do.
_SAVE = "and save it as safetensors with save_pretrained()"
_MERGE = "load it with `peft`, merge_and_unload() it and save_pretrained() the result"
_FORMATS = (
    ("adapter_model.*", "is an adapter (LoRA), which changes another model", _MERGE),
    ("hparams.json *.ckpt.index", "is of OpenAI's first release, for TensorFlow", 'load("gpt2") has the same weights'),
    ("*.safetensors", "may be the weights under another name", "if so, rename it to model.safetensors"),
    (
        "pytorch_model*.bin *.bin *.pt *.pth *.ckpt",
        "is a pickle, which could run any code and is never read",
        f"if you trust it, load it with `transformers` {_SAVE}",
    ),
    ("*.h5", "holds weights for TensorFlow", f"load it with `transformers` 4 and from_tf=True, {_SAVE}"),
    ("*.msgpack", "holds weights for Flax", f"load it with `transformers` 4 and from_flax=True, {_SAVE}"),
    ("*.gguf", "holds weights for llama.cpp", f"load it with `transformers` and gguf_file=, {_SAVE}"),
    ("*.onnx onnx/*.onnx", "is a program for ONNX", "use the model that it was made from"),
    ("*.ot", "holds weights for Rust", "use the model that it was made from"),
    ("*.npz", "holds weights for MLX or NumPy", "use the model that it was made from"),
)

# Tensors of other kinds: a pattern for their names, what they are, and what to do.
_FLOATING = "use the model that it was made from, or dequantize() it with `transformers` and save_pretrained() it"
_TENSORS = (
    (
        r"lora_|ia3_|\.base_layer\.|\.(modules_to_save|original_module)\.|adapter",
        "belongs to an adapter (LoRA)",
        _MERGE,
    ),
    (r"\.(qweight|qzeros|scales|g_idx)$", "is quantised, as by GPTQ or AWQ", _FLOATING),
    (r"\.(SCB|absmax|quant_map|nested_\w+|weight_format)$|quant_state", "is quantised, by bitsandbytes", _FLOATING),
    (r"\.(weight|input)_(scale|scale_inv|zero_point|packed)$", "is quantised", _FLOATING),
    (
        r"(^|\.)(score|classifier|qa_outputs)\.",
        "is the head of a classifier, which labels texts and predicts no token",
        "use a GPT-2 that writes",
    ),
    (
        r"crossattention|ln_cross_attn|(^|\.)encoder\.",
        "is for a decoder that reads what an encoder has read",
        "use a GPT-2 that writes on its own",
    ),
)

_POINTER = b"version https://git-lfs.github.com/spec/"


def check_no_adapter(folder: Path) -> None:
    """Raise ValueError if `folder` holds an adapter, which changes another model."""
    if not (folder / ADAPTER).is_file():
        return
    settings = read_json(folder / ADAPTER, LARGEST)
    base = settings.get("base_model_name_or_path") if isinstance(settings, dict) else None
    raise ValueError(
        f"{folder} holds an adapter ({ADAPTER}) for the model {given(base)}, and gptcore adds none: {_MERGE}"
    )


def check_no_stand_in(file: Path) -> None:
    """Raise ValueError if a program that copies files has left something else in place of `file`."""
    with file.open("rb") as opened:
        head = opened.read(len(_POINTER))
    if head == _POINTER:
        raise ValueError(f"{file} is a pointer of Git LFS, not the file itself: run `git lfs pull` in {file.parent}")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError(f"{file} is a web page, not the file itself: download it again, by the link to the raw file")


def check_kind(file: Path, settings: dict[str, Any]) -> None:
    """Raise ValueError if `file`, the config.json with these settings, describes something else than a plain GPT-2."""
    if (model_type := settings.get("model_type")) != "gpt2":
        if model_type is None:
            raise ValueError(f'{file} has model_type None: if it is a GPT-2, add "model_type": "gpt2" to it')
        raise ValueError(f"{file} has model_type {given(model_type)}, and gptcore computes only 'gpt2': choose a GPT-2")
    if settings.get("add_cross_attention") is True:
        raise ValueError(
            f"{file} has add_cross_attention True, for a decoder that reads what an encoder has read: use "
            f"a GPT-2 that writes on its own"
        )
    if quantized := settings.get("quantization_config"):
        method = quantized.get("quant_method") if isinstance(quantized, dict) else None
        raise ValueError(
            f"{file} has a quantization_config ({given(method)}), and gptcore reads no quantised weights: {_FLOATING}"
        )


def check_names(folder: Path, names: Iterable[str]) -> None:
    """Raise ValueError if one of `names`, of tensors in `folder` that no GPT-2 has, tells what the model is instead."""
    for name in names:
        for pattern, what, to_do in _TENSORS:
            if re.search(pattern, name):
                raise ValueError(f"{folder}: {given(name)} {what}: {to_do}")


def instead_of_weights(folder: Path) -> str:
    """What `folder` has in place of weights that can be read, as the end of a sentence; "" if nothing is known."""
    for patterns, what, to_do in _FORMATS:
        for pattern in patterns.split():
            if found := sorted(file for file in folder.glob(pattern) if file.is_file()):
                return f"; its {found[0].relative_to(folder)} {what}: {to_do}"
    return ""


def instead_of_config(folder: Path) -> str:
    """Where else to look for a config.json that `folder` lacks, as the end of a sentence; "" if that is not known."""
    inside = sorted(file.parent for file in folder.glob(f"*/{CONFIG}"))
    if inside or (folder / "model.safetensors").is_file():
        return f"; {inside[-1]} has one, so load that" if inside else ""
    return instead_of_weights(folder)
