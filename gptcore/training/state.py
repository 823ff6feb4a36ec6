"""Training on disk: what is needed to resume it with the same numbers. Safetensors, never a pickle."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptcore.checks import is_integer, is_number
from gptcore.files import as_path, write_whole, writing
from gptcore.interrupts import held
from gptcore.language import _
from gptcore.model import GPTModel
from gptcore.training.history import History
from gptcore.weight_files import checksum

_MOMENTS = ("exp_avg", "exp_avg_sq")  # what AdamW remembers of each weight's gradients


def checkpoint_file(checkpoint: str | Path) -> Path:
    """The file that `checkpoint` names.

    Raises TypeError or ValueError, before any work, if it is no path, or if nothing can be written there.
    """
    file = as_path("checkpoint", checkpoint)
    with writing("checkpoint", file):
        if (file.exists() and not file.is_file()) or not file.parent.is_dir():
            raise ValueError(_("checkpoint must be a file in an existing folder, got {file!r}").format(file=str(file)))
        with held(), tempfile.TemporaryFile(dir=file.parent) as probe:
            probe.write(b"0")
    return file


def write_state(
    file: Path, model: GPTModel, optimizer: torch.optim.AdamW, best: dict[str, Tensor], facts: dict[str, Any]
) -> None:
    """Write weights, the optimizer's state, the best weights so far ({} if none) and `facts`: all of it, or nothing.

    Raises OSError, in one sentence, if it cannot be written.
    """
    from safetensors.torch import save_file

    tensors = {f"best.{name}": weight for name, weight in best.items()}
    for name, p in model.named_parameters():
        tensors[f"model.{name}"] = p.detach()
        if p in optimizer.state:  # unless it is frozen
            tensors |= {f"{moment}.{name}": optimizer.state[p][moment] for moment in _MOMENTS}
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    training = json.dumps({**facts, "config": dict(model.config)})
    metadata = {"training": training, "crc32": checksum(tensors, training)}
    with writing("checkpoint", file):
        write_whole(file, lambda temporary: save_file(tensors, temporary, metadata))


def read_state(file: Path, model: GPTModel, optimizer: torch.optim.AdamW) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Restore model and optimizer, and return the best weights and the facts, which hold "step".

    Raises ValueError if the file is damaged, or if it is of another model; model and optimizer are as before then.
    """
    tensors, facts = _read(file)
    _check_config(file, facts.pop("config", None), model)
    parameters = dict(model.named_parameters())
    _check_tensors(file, tensors, parameters)
    best = {name: tensors[f"best.{name}"] for name in parameters if f"best.{name}" in tensors}
    if problem := _problem(facts, bool(best)):
        raise _damaged(file, problem)
    best, tensors = _copies(best, model.device), _copies(tensors, model.device)
    with held(), torch.no_grad():
        for name, p in parameters.items():
            p.copy_(tensors[f"model.{name}"])
            if f"{_MOMENTS[0]}.{name}" in tensors:
                moments = {moment: tensors[f"{moment}.{name}"] for moment in _MOMENTS}
                optimizer.state[p] = {"step": torch.tensor(float(facts["step"]), device=p.device), **moments}
    return best, facts


def _copies(tensors: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The tensors on `device`; what comes from a file is a part of it, and changes with it."""
    return {name: tensor.to(device, copy=True) for name, tensor in tensors.items()}


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with held(), safe_open(file, framework="pt") as saved:  # it turns an interrupt into some other error
            metadata = saved.metadata() or {}
            tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118
        facts = dict(json.loads(metadata["training"]))
        crc = checksum(tensors, metadata["training"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(file, str(error)) from error
    if metadata.get("crc32", crc) != crc:
        raise _damaged(file, _("its values do not have the checksum with which they were saved"))
    return tensors, facts


def _damaged(file: Path, problem: str) -> ValueError:
    return ValueError(
        _("checkpoint must be a file that fit has written, but {file} is not: {problem}").format(
            file=file, problem=problem
        )
    )


def _check_config(file: Path, config: Any, model: GPTModel) -> None:
    """Dropout may be another one: it has no share in what the weights mean."""
    for name, ours in model.config.items() if isinstance(config, dict) else ():
        if name != "drop_rate" and config.get(name) != ours:
            raise ValueError(
                _(
                    "checkpoint must be of a model of this shape, but {file} is of another: "
                    "{name} is {theirs!r} there, and {ours!r} here"
                ).format(file=file, name=name, theirs=config.get(name), ours=ours)
            )


def _check_tensors(file: Path, tensors: dict[str, Tensor], parameters: dict[str, Tensor]) -> None:
    has_best = any(name.startswith("best.") for name in tensors)
    for name, p in parameters.items():
        weight = tensors.get(f"model.{name}")
        if weight is None or weight.shape != p.shape:
            raise ValueError(
                _("checkpoint must be of a model of this shape, but {file} is of another: {name} differs").format(
                    file=file, name=name
                )
            )
        if weight.dtype != p.dtype:
            raise ValueError(
                _("checkpoint must be of a model of the type {dtype}, but {file} has {other}").format(
                    dtype=p.dtype, file=file, other=weight.dtype
                )
            )
        kinds = ["model"] + ["best"] * has_best
        if any(f"{moment}.{name}" in tensors for moment in _MOMENTS):  # unless it was frozen
            kinds += _MOMENTS
        for kind in kinds:
            tensor = tensors.get(f"{kind}.{name}")
            if tensor is None or (tensor.shape, tensor.dtype) != (p.shape, p.dtype) or not tensor.isfinite().all():
                raise _damaged(file, _("its {name} is missing, or not as it should be").format(name=f"{kind}.{name}"))


def _problem(facts: dict[str, Any], has_best: bool) -> str | None:
    """What is wrong with the facts of a training; None if nothing is."""
    if facts.keys() != {"step", *History().facts()}:
        return _("it does not say how far the training is")
    step, best_step, loss = facts["step"], facts["best_step"], facts["best_val_loss"]
    counts = [step, facts["evaluations_since_best"], *([best_step] if has_best else [])]
    if not all(is_integer(count) and 0 <= count <= step for count in counts) or (best_step is None) == has_best:
        return _("its counts of steps make no sense")
    return None if is_number(loss) and not math.isnan(loss) else _("its loss is no number")
