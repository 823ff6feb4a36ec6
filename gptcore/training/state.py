"""Training on disk: what is needed to resume it with the same numbers. Safetensors, never a pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptcore.files import write_whole
from gptcore.model import GPTModel

_MOMENTS = ("exp_avg", "exp_avg_sq")  # what AdamW remembers of each weight's gradients


def write_state(
    file: Path, model: GPTModel, optimizer: torch.optim.AdamW, best: dict[str, Tensor], facts: dict[str, Any]
) -> None:
    """Write weights, the optimizer's state, the best weights so far ({} if none) and `facts`: all of it, or nothing."""
    from safetensors.torch import save_file

    tensors = {f"best.{name}": weight for name, weight in best.items()}
    for name, p in model.named_parameters():
        tensors[f"model.{name}"] = p.detach()
        if p in optimizer.state:  # unless it is frozen
            tensors |= {f"{moment}.{name}": optimizer.state[p][moment] for moment in _MOMENTS}
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    metadata = {"training": json.dumps(facts)}
    write_whole(file, lambda temporary: save_file(tensors, temporary, metadata))


def read_state(file: Path, model: GPTModel, optimizer: torch.optim.AdamW) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Restore model and optimizer, and return the best weights and the facts, which hold "step".

    Raises ValueError if the file is damaged, or if it is of another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file, safe_open

    try:
        with safe_open(file, framework="pt") as saved:
            facts = json.loads(saved.metadata()["training"])
        tensors = load_file(file, device=str(model.device))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"checkpoint must be a file that fit has written, but {file} is not: {error}") from error
    parameters = dict(model.named_parameters())
    for name, p in parameters.items():
        if f"model.{name}" not in tensors or tensors[f"model.{name}"].shape != p.shape:
            raise ValueError(f"checkpoint must be of a model of this shape, but {file} is of another: {name} differs")
    with torch.no_grad():
        for name, p in parameters.items():
            p.copy_(tensors[f"model.{name}"])
            if f"{_MOMENTS[0]}.{name}" in tensors:
                moments = {moment: tensors[f"{moment}.{name}"] for moment in _MOMENTS}
                optimizer.state[p] = {"step": torch.tensor(float(facts["step"]), device=p.device), **moments}
    return {name: tensors[f"best.{name}"] for name in parameters if f"best.{name}" in tensors}, facts
