"""Models on disk, in one format: the layout that Hugging Face uses for GPT-2.

A folder has `config.json`, `model.safetensors` and the tokenizer's files.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gptcore.checks import given, say
from gptcore.config import GPTConfig
from gptcore.costs import WEIGHT_DTYPES, num_parameters
from gptcore.fast.pages import in_large_pages
from gptcore.fast.quantization import quantize
from gptcore.files import as_path, read_json, system_words, writing
from gptcore.folders import read_together, replace_together
from gptcore.hub import find_folder
from gptcore.hugging_face import CONFIG, hugging_face_config, read_config
from gptcore.hugging_face_weights import from_hugging_face, read_weights, to_hugging_face
from gptcore.interrupts import apart
from gptcore.language import _
from gptcore.memory import check_room
from gptcore.model import GPTModel, check_shape, resolve_device
from gptcore.modes import keeping_gradients
from gptcore.sampling import with_float64
from gptcore.tokenizer import Tokenizer, end_token_ids
from gptcore.tokenizer_files import TOKENIZER_FILES, read_tokenizer, save_tokenizer
from gptcore.weight_files import WEIGHTS, checksum, stored_metadata

T = TypeVar("T")

LOADED_AS = (*WEIGHT_DTYPES, torch.float64)  # dtypes of the weights in memory
FILES = (CONFIG, WEIGHTS, *TOKENIZER_FILES)  # those that `save` replaces in one step
_GENERATION = "generation_config.json"  # written by `transformers`, with settings for its own loop
_COMPUTED = {"n_heads": "n_head", "layer_norm_epsilon": "layer_norm_epsilon", "activation": "activation_function"}


def load(
    name: str | Path = "storyteller", device: str | torch.device = "auto", dtype: torch.dtype | None = None
) -> tuple[GPTModel, Tokenizer]:
    """A model, ready to generate, and its tokenizer: `load_model(name, device, dtype), load_tokenizer(name)`.

    `name` is "storyteller", the model that comes with this package; a folder; or the Hugging Face name of a GPT-2
    ("gpt2", "owner/name", "owner/name@revision"), which is downloaded once and then works offline. Both are of one
    `save`, even if another process saves to the folder at the same time.

    Warns if model and tokenizer do not have the same token ids. Raises ValueError, in one sentence, if there is no such
    model, if it cannot be downloaded now, or if its files cannot be read.
    """
    device, folder = _check(device, dtype), find_folder(name)
    model, tokenizer = _read_folder(folder, lambda folder: (_read_model(folder, device, dtype), read_tokenizer(folder)))
    _say_if_too_large(model, tokenizer, _(" in {folder}").format(folder=folder))
    if (known := len(tokenizer)) < (size := model.config.vocab_size):
        say(
            _(
                "the model in {folder} has {size:,} token ids, but its tokenizer only {known:,}: the others are "
                "shown as <id …>, and with known_only=True they are not drawn"
            ).format(folder=folder, size=size, known=known)
        )
    return model, tokenizer


def _say_if_too_large(model: GPTModel, tokenizer: Any, where: str = "") -> None:
    vocab = (tokenizer.backend if isinstance(tokenizer, Tokenizer) else tokenizer).get_vocab()
    if (highest := max(vocab.values(), default=0)) >= (size := model.config.vocab_size):
        say(
            _(
                "the tokenizer{where} has token ids up to {highest:,}, but the model only those below {size:,}: text "
                "with one of the others is refused"
            ).format(where=where, highest=highest, size=size)
        )


def load_tokenizer(name: str | Path = "storyteller") -> Tokenizer:
    """The tokenizer of a model, by the names that `load` takes. Raises ValueError if there is none."""
    return _read_folder(find_folder(name, tokenizer_only=True), read_tokenizer)


def load_model(
    name: str | Path = "storyteller", device: str | torch.device = "auto", dtype: torch.dtype | None = None
) -> GPTModel:
    """The model of that name (see `load`) in eval mode; `device` "auto" is CUDA if there is one, else the CPU.

    `dtype` is that of the weights in memory; None is torch.float32, whatever the file has. torch.int8 gives what
    `gptcore.quantize` makes of them.

    Raises ValueError if the name is unknown, if a file is missing or damaged, if the weights do not fit the config, or
    if the config asks for something that `GPTModel` does not compute. Weights that `save` has written have a checksum,
    so a single changed byte is noticed.
    """
    device = _check(device, dtype)
    return _read_folder(find_folder(name), lambda folder: _read_model(folder, device, dtype))


def _check(device: str | torch.device, dtype: torch.dtype | None) -> torch.device:
    device = resolve_device(device)
    known = [known for known in LOADED_AS if known != torch.float64 or with_float64(device) == device]
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype in known):
        names = ", ".join(map(str, known))
        raise ValueError(
            _("dtype must be one of {names} on {device}, or None for torch.float32, got {value}").format(
                names=names, device=device, value=given(dtype)
            )
        )
    return device


def _read_folder(folder: Path, read: Callable[[Path], T]) -> T:
    try:
        return read_together(folder, FILES, read)
    except OSError as error:
        raise ValueError(
            _("{folder} cannot be read: {reason}").format(folder=folder, reason=system_words(error))
        ) from error


@keeping_gradients
def _read_model(folder: Path, device: torch.device, dtype: torch.dtype | None) -> GPTModel:
    config = read_config(folder)
    weights = read_weights(folder, config)
    _check_saved(folder, config, weights)
    config, state = from_hugging_face(weights, config, folder)
    model = _without_weights(config)
    if dtype == torch.int8:  # straight from the file, layer by layer
        return quantize(_with_weights(model, state)).to(device)
    dtype = torch.float32 if dtype is None else dtype
    instead = _("take a smaller model, or load it with dtype=torch.bfloat16")
    check_room(
        _("the model in {folder}").format(folder=folder), num_parameters(config) * dtype.itemsize, device, instead
    )
    # What is in `state` is the file itself, as the system shows it in memory, and no copy of it.
    each = {id(value): value for value in state.values()}  # once, though two names may share it
    copies = {key: _copy(value, device, dtype) for key, value in each.items()}
    return _with_weights(model, {key: copies[id(value)] for key, value in state.items()})


def _copy(weight: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    return in_large_pages(torch.empty(weight.shape, device=device, dtype=dtype)).copy_(weight)


def _with_weights(model: GPTModel, state: Mapping[str, Tensor]) -> GPTModel:
    model.load_state_dict(state, assign=True)
    if model.config.tie_embeddings:
        model.head.weight = model.token_embedding.weight
    return model.requires_grad_(True).eval()


def _without_weights(config: GPTConfig) -> GPTModel:
    """A model whose weights have shapes but no values, so that it takes no memory and no time."""

    def build() -> GPTModel:
        with _Uninitialised():
            return GPTModel(config)

    return apart(build)  # an interrupt could leave the mode on, and then every new model would hold garbage


class _Uninitialised(TorchFunctionMode):
    """New tensors have no values. Skips `torch.nn.init`: there is nothing to fill, and trying takes seconds."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__module__", None) == "torch.nn.init":
            return None
        if function is torch.empty:
            kwargs = {**(kwargs or {}), "device": "meta"}
        return function(*args, **(kwargs or {}))


def _check_saved(folder: Path, config: GPTConfig, weights: Mapping[str, Tensor]) -> None:
    """Refuse what is no longer as `save` has written it: weights, or settings that their shapes do not tell.

    Weights of other programs have no checksum.
    """
    file = folder / WEIGHTS
    if not file.is_file():
        return  # in several files, so of another program
    metadata = stored_metadata(file)
    if "crc32" not in metadata:
        return
    settings = metadata.get("settings", "")
    if metadata["crc32"] != checksum(weights, settings):
        raise ValueError(
            _("{file} is damaged: its weights do not have the checksum with which they were saved").format(file=file)
        )
    for ours, expected in json.loads(settings).items():
        if config[ours] != expected:
            raise ValueError(
                _(
                    "{file} gives {name} the value {found!r}, but the weights were saved with {expected!r}: put it back"
                ).format(file=folder / CONFIG, name=_COMPUTED[ours], found=config[ours], expected=expected)
            )


def _check_savable(model: Any, tokenizer: Any) -> None:
    if not isinstance(model, GPTModel):
        raise TypeError(_("model must be a GPTModel, got {kind}").format(kind=type(model).__name__))
    check_shape(model)
    if not isinstance(tokenizer, Tokenizer) and not hasattr(tokenizer, "save_pretrained"):
        raise TypeError(
            _("tokenizer must be one of gptcore or of transformers, got {kind}").format(kind=type(tokenizer).__name__)
        )
    if not model.head.weight.is_floating_point():
        raise ValueError(
            _("model must have floating-point weights to be saved, got int8: save the one it was made from")
        )
    if model.head.weight.is_meta:
        raise ValueError(_("model must have weights to be saved, but on the device 'meta' it has only shapes"))


def save(folder: str | Path, model: GPTModel, tokenizer: Any) -> None:
    """Write model and tokenizer to a folder, from which `load` and `transformers` read the same model again.

    Weights are written as they are in memory. `tokenizer` is one of ours or of `transformers`. A save is one step:
    whenever it is interrupted, even by the loss of power, `load` finds the old model and tokenizer or the new ones, and
    if two processes save at once, those of one of them. Files with other names stay as they are.

    Warns if the tokenizer has token ids that the model does not have.

    Raises TypeError if folder, model or tokenizer are something else; ValueError if the weights are int8 or on the
    device "meta", which the layout cannot hold; OSError, in one sentence, if the folder cannot be written.
    """
    if isinstance(folder, str) and folder == "storyteller":
        raise ValueError(
            _("folder must not be 'storyteller', the bundled model's name: use './storyteller', or another")
        )
    folder = as_path("folder", folder)
    _check_savable(model, tokenizer)
    from safetensors.torch import save_file

    weights = to_hugging_face(model)
    settings = json.dumps({ours: model.config[ours] for ours in _COMPUTED})
    metadata = {"format": "pt", "settings": settings, "crc32": checksum(weights, settings)}

    def write(new: Path) -> None:
        save_file(weights, new / WEIGHTS, metadata)
        save_tokenizer(new, tokenizer)
        ends = _ends(tokenizer)
        config = json.dumps(hugging_face_config(model) | ends, indent=2) + "\n"
        (new / CONFIG).write_text(config, encoding="utf-8", newline="\n")
        _write_generation_config(folder / _GENERATION, new / _GENERATION, ends)

    _say_if_too_large(model, tokenizer)
    with writing("folder", folder):
        replace_together(folder, FILES, write)


def _ends(tokenizer: Any) -> dict[str, Any]:
    """The token with which a text begins, and the one or several that end it, as configs have them."""
    first, *others = end_token_ids(tokenizer) or [None]
    return {"bos_token_id": first, "eos_token_id": [first, *others] if others else first}


def _write_generation_config(old: Path, new: Path, ends: dict[str, Any]) -> None:
    """Keep settings that are there, but not another tokenizer's end of text, with which `transformers` would go on."""
    settings = None
    with suppress(OSError, ValueError):
        settings = read_json(old)
    if isinstance(settings, dict) and settings.get("eos_token_id") != ends["eos_token_id"]:
        new.write_text(json.dumps({**settings, **ends}, indent=2) + "\n", encoding="utf-8", newline="\n")
