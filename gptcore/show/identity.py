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
from gptcore.model import GPTModel

VOCABULARIES = {"storyteller": STORYTELLER / "vocab.json", "english": STORYTELLER / "english_tokenizer" / "vocab.json"}


def model_name(model: GPTModel) -> str | None:
    """ "storyteller" if `model` has the weights of the bundled model, else None.

    Those that are compared are the position embedding and the norms, which any training changes.
    """
    compared = {"wpe.weight": model.position_embedding, "ln_f.weight": model.final_norm}
    for i, block in enumerate(model.blocks):
        compared |= {f"h.{i}.ln_1.weight": block.attention_norm, f"h.{i}.ln_2.weight": block.feed_forward_norm}
    told = _weights()
    is_same = told.keys() == compared.keys() and all(
        torch.equal(told[name], layer.weight.detach().cpu()) for name, layer in compared.items()
    )
    return "storyteller" if is_same else None


@cache
def _weights() -> dict[str, torch.Tensor]:
    """The weights of the bundled model that are compared, by their names in its file."""
    compared = "wpe.weight", "ln_f.weight", "ln_1.weight", "ln_2.weight"
    with safe_open(STORYTELLER / "model.safetensors", "pt") as file:
        names = [name for name in file.keys() if name.endswith(compared)]  # noqa: SIM118 (no dictionary)
        return {name.removeprefix("transformer."): file.get_tensor(name) for name in names}


def tokenizer_name(tokenizer: Any) -> str | None:
    """The name of the bundled tokenizer that has the same tokens as `tokenizer`, or None."""
    backend = backend_of(tokenizer)
    vocab = None if backend is None else backend.get_vocab()
    return next((name for name in VOCABULARIES if vocab == _vocab(name)), None)


@cache
def _vocab(name: str) -> dict[str, int]:
    return json.loads(VOCABULARIES[name].read_text(encoding="utf-8"))
