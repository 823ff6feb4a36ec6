"""What a folder may hold in place of a GPT-2 that can be read. Each kind is named, with what to do about it."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gptcore.checks import given
from gptcore.files import read_json
from gptcore.language import N_, _

CONFIG, ADAPTER = "config.json", "adapter_config.json"
LARGEST = 10e6  # bytes of such a file

# Weights in other formats: patterns of their files, what they are, and what to do.
_MERGE = N_("load it with `peft`, merge_and_unload() it and save_pretrained() the result")
_ORIGINAL = N_("use the model that it was made from")
_FORMATS = (
    ("adapter_model.*", N_("is an adapter (LoRA), which changes another model"), _MERGE),
    (
        "hparams.json *.ckpt.index",
        N_("is of OpenAI's first release, for TensorFlow"),
        N_('load("gpt2") has the same weights'),
    ),
    ("*.safetensors", N_("may be the weights under another name"), N_("if so, rename it to model.safetensors")),
    (
        "pytorch_model*.bin *.bin *.pt *.pth *.ckpt",
        N_("is a pickle, which could run any code and is never read"),
        N_("if you trust it, load it with `transformers` and save it as safetensors with save_pretrained()"),
    ),
    (
        "*.h5",
        N_("holds weights for TensorFlow"),
        N_("load it with `transformers` 4 and from_tf=True, and save it as safetensors with save_pretrained()"),
    ),
    (
        "*.msgpack",
        N_("holds weights for Flax"),
        N_("load it with `transformers` 4 and from_flax=True, and save it as safetensors with save_pretrained()"),
    ),
    (
        "*.gguf",
        N_("holds weights for llama.cpp"),
        N_("load it with `transformers` and gguf_file=, and save it as safetensors with save_pretrained()"),
    ),
    ("*.onnx onnx/*.onnx", N_("is a program for ONNX"), _ORIGINAL),
    ("*.ot", N_("holds weights for Rust"), _ORIGINAL),
    ("*.npz", N_("holds weights for MLX or NumPy"), _ORIGINAL),
)

# Tensors of other kinds: a pattern for their names, what they are, and what to do.
_FLOATING = N_("use the model that it was made from, or dequantize() it with `transformers` and save_pretrained() it")
_TENSORS = (
    (
        r"lora_|ia3_|\.base_layer\.|\.(modules_to_save|original_module)\.|adapter",
        N_("belongs to an adapter (LoRA)"),
        _MERGE,
    ),
    (r"\.(qweight|qzeros|scales|g_idx)$", N_("is quantised, as by GPTQ or AWQ"), _FLOATING),
    (r"\.(SCB|absmax|quant_map|nested_\w+|weight_format)$|quant_state", N_("is quantised, by bitsandbytes"), _FLOATING),
    (r"\.(weight|input)_(scale|scale_inv|zero_point|packed)$", N_("is quantised"), _FLOATING),
    (
        r"(^|\.)(score|classifier|qa_outputs)\.",
        N_("is the head of a classifier, which labels texts and predicts no token"),
        N_("use a GPT-2 that writes"),
    ),
    (
        r"crossattention|ln_cross_attn|(^|\.)encoder\.",
        N_("is for a decoder that reads what an encoder has read"),
        N_("use a GPT-2 that writes on its own"),
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
        _("{folder} holds an adapter ({adapter}) for the model {base}, and gptcore adds none: {merge}").format(
            folder=folder, adapter=ADAPTER, base=given(base), merge=_(_MERGE)
        )
    )


def check_no_stand_in(file: Path) -> None:
    """Raise ValueError if a program that copies files has left something else in place of `file`."""
    with file.open("rb") as opened:
        head = opened.read(len(_POINTER))
    if head == _POINTER:
        raise ValueError(
            _("{file} is a pointer of Git LFS, not the file itself: run `git lfs pull` in {parent}").format(
                file=file, parent=file.parent
            )
        )
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError(
            _("{file} is a web page, not the file itself: download it again, by the link to the raw file").format(
                file=file
            )
        )


def check_kind(file: Path, settings: dict[str, Any]) -> None:
    """Raise ValueError if `file`, the config.json with these settings, describes something else than a plain GPT-2."""
    if (model_type := settings.get("model_type")) != "gpt2":
        if model_type is None:
            raise ValueError(
                _('{file} has model_type None: if it is a GPT-2, add "model_type": "gpt2" to it').format(file=file)
            )
        raise ValueError(
            _("{file} has model_type {model_type}, and gptcore computes only 'gpt2': choose a GPT-2").format(
                file=file, model_type=given(model_type)
            )
        )
    if settings.get("add_cross_attention") is True:
        raise ValueError(
            _(
                "{file} has add_cross_attention True, for a decoder that reads what an encoder has read: use a GPT-2 "
                "that writes on its own"
            ).format(file=file)
        )
    if quantized := settings.get("quantization_config"):
        method = quantized.get("quant_method") if isinstance(quantized, dict) else None
        raise ValueError(
            _("{file} has a quantization_config ({method}), and gptcore reads no quantised weights: {floating}").format(
                file=file, method=given(method), floating=_(_FLOATING)
            )
        )


def check_names(folder: Path, names: Iterable[str]) -> None:
    """Raise ValueError if one of `names`, of tensors in `folder` that no GPT-2 has, tells what the model is instead."""
    for name in names:
        for pattern, what, to_do in _TENSORS:
            if re.search(pattern, name):
                raise ValueError(
                    _("{folder}: {name} {what}: {to_do}").format(
                        folder=folder, name=given(name), what=_(what), to_do=_(to_do)
                    )
                )


def instead_of_weights(folder: Path) -> str:
    """What `folder` has in place of weights that can be read, as the end of a sentence; "" if nothing is known."""
    for patterns, what, to_do in _FORMATS:
        for pattern in patterns.split():
            if found := sorted(file for file in folder.glob(pattern) if file.is_file()):
                sentence = _("; its {file} {what}: {to_do}")
                return sentence.format(file=found[0].relative_to(folder), what=_(what), to_do=_(to_do))
    return ""


def instead_of_config(folder: Path) -> str:
    """Where else to look for a config.json that `folder` lacks, as the end of a sentence; "" if that is not known."""
    inside = sorted(file.parent for file in folder.glob(f"*/{CONFIG}"))
    if inside or (folder / "model.safetensors").is_file():
        return _("; {folder} has one, so load that").format(folder=inside[-1]) if inside else ""
    return instead_of_weights(folder)
