"""What a widget is, for a page that shows it again without Python: its class, its settings, and whose model it has.

A page cannot be given any model: it knows those that come with the project, by their names.
"""

import json
from functools import cache
from typing import Any

import torch
from safetensors import safe_open

from gptcore.any_tokenizer import backend_of
from gptcore.hub import STORYTELLER
from gptcore.hugging_face import read_config
from gptcore.model import GPTModel
from gptcore.page.models import HALF_TRAINED, MODELS, UNTRAINED
from gptcore.tokenizer import byte_level_bpe

VOCABULARIES = {"storyteller": STORYTELLER / "vocab.json", "english": STORYTELLER / "english_tokenizer" / "vocab.json"}
MOST_GIVEN = 5_000  # tokens of a tokenizer that travels with a widget

# How far the weights of the models that come with the project may be from what they are, as a share. Lesson 06 trains
# the half-trained ones anew, and rounding differs between processors.
ROUNDING = {"storyteller": 0.0, **dict.fromkeys(HALF_TRAINED, 0.01), UNTRAINED: 0.0}


def model_name(model: GPTModel) -> str | None:
    """The name of the model with the weights of `model` among those that come with the project, or None.

    "storyteller" is the bundled model, "half-trained" and "half-trained-ko" are the small ones of lesson 06, and
    "untrained" has the shape of the bundled model, and what `torch.manual_seed(0)` gave it. Those weights are compared
    that any training changes: of the position embedding and the norms.
    """
    return next((name for name in ROUNDING if _is_near(_compared(model), _weights(name), ROUNDING[name])), None)


def _compared(model: GPTModel) -> dict[str, torch.Tensor]:
    """The weights that are compared, by their names in a file."""
    layers = {"wpe.weight": model.position_embedding, "ln_f.weight": model.final_norm}
    for i, block in enumerate(model.blocks):
        layers |= {f"h.{i}.ln_1.weight": block.attention_norm, f"h.{i}.ln_2.weight": block.feed_forward_norm}
    return {name: layer.weight.detach().cpu() for name, layer in layers.items()}


def _is_near(weights: dict[str, torch.Tensor], told: dict[str, torch.Tensor], rounding: float) -> bool:
    return weights.keys() == told.keys() and all(
        weight.shape == told[name].shape and (weight - told[name]).norm() <= rounding * told[name].norm()
        for name, weight in weights.items()
    )


@cache
def _weights(name: str) -> dict[str, torch.Tensor]:
    """The weights of a known model that are compared."""
    if name == UNTRAINED:
        return _compared(_untrained())
    compared = "wpe.weight", "ln_f.weight", "ln_1.weight", "ln_2.weight"
    with safe_open(MODELS[name] / "model.safetensors", "pt") as file:
        names = [name for name in file.keys() if name.endswith(compared)]  # noqa: SIM118 (no dictionary)
        return {name.removeprefix("transformer."): file.get_tensor(name) for name in names}


def _untrained() -> GPTModel:
    """A model of the bundled one's shape that has read nothing; nobody else's luck changes."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return GPTModel(read_config(STORYTELLER))


def tokenizer_name(tokenizer: Any) -> str | None:
    """The name of the bundled tokenizer that has the same tokens as `tokenizer`, or None."""
    backend = backend_of(tokenizer)
    vocab = None if backend is None else backend.get_vocab()
    return next((name for name in VOCABULARIES if vocab == _vocab(name)), None)


def tokenizer_given(tokenizer: Any) -> str | dict[str, str] | None:
    """How a page comes by `tokenizer`: by its name, or a small one of GPT-2's kind by its tokens and merges."""
    backend = backend_of(tokenizer)
    if (name := tokenizer_name(tokenizer)) is not None or backend is None or backend.get_vocab_size() > MOST_GIVEN:
        return name
    told = json.loads(backend.to_str())
    tokens, merges = told["model"].pop("vocab", {}), told["model"].pop("merges", [])
    is_kind = told == _plain_kind() and not getattr(tokenizer, "clean_up_tokenization_spaces", False)
    if not is_kind or sorted(tokens.values()) != list(range(len(tokens))):
        return None
    pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]  # the library has written both
    return {"tokens": " ".join(sorted(tokens, key=tokens.get)), "merges": "\n".join(pairs)}


@cache
def _plain_kind() -> dict[str, Any]:
    """What the library says of a byte-level BPE that splits words as GPT-2 does, and has no special tokens."""
    told = json.loads(byte_level_bpe().to_str())
    told["model"] = {name: value for name, value in told["model"].items() if name not in ("vocab", "merges")}
    return told


@cache
def _vocab(name: str) -> dict[str, int]:
    return json.loads(VOCABULARIES[name].read_text(encoding="utf-8"))
