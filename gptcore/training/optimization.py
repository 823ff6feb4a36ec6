"""One training step: measure how surprised the model was by every next token, and make it a little less so."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.interrupts import held
from gptcore.language import _
from gptcore.model import GPTModel
from gptcore.training.distributed import Processes


def learn(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: Tensor,
    step: int,
    clip_norm: float,
    autocast: torch.dtype | None,
    processes: Processes,
) -> Tensor:
    """Read rows (B, T + 1) and move every weight a little, so that they would surprise less: the loss before."""
    inputs, targets = rows[:, :-1], rows[:, 1:]  # each target is the token that follows its input
    with torch.autocast(rows.device.type, autocast, enabled=autocast is not None):
        logits = model(inputs)  # (B, T, vocab_size)
    loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    loss = processes.sum(loss.detach()) / processes.count
    if not loss.isfinite() and step == 1 and (name := not_finite(model)):
        raise ValueError(
            _("model must have finite weights to be trained, got NaN or infinity in {name}").format(name=name)
        )
    check_finite("loss", loss, step)
    check_finite("gradient", norm, step)
    with held():
        optimizer.step()
    return loss


def not_finite(model: nn.Module) -> str | None:
    """The name of the first weights that hold NaN or infinity; None if all are finite."""
    return next((name for name, p in model.named_parameters() if not p.isfinite().all()), None)


def check_finite(name: str, value: Tensor, step: int) -> None:
    """Raise ValueError, with what to do, if training has diverged at `step`."""
    if not value.isfinite():
        sentence = {
            "loss": _("the loss became {value} at step {step}: try a lower learning_rate"),
            "gradient": _("the gradient became {value} at step {step}: try a lower learning_rate"),
        }[name]
        raise ValueError(sentence.format(value=value.item(), step=step))


def adamw(model: GPTModel, rate: float, decay: float, betas: tuple[float, float]) -> torch.optim.AdamW:
    """AdamW whose weight decay spares biases, norms and embeddings (Loshchilov & Hutter 2019)."""
    named = dict(model.named_parameters())
    decayed = [p for name, p in named.items() if p.ndim == 2 and "embedding" not in name]
    spared = [p for name, p in named.items() if p.ndim < 2 or "embedding" in name]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": spared, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=betas, fused=True)


def learning_rate_at(step: int, max_steps: int, warmup: int, highest: float, lowest: float) -> float:
    """A linear warm-up to `highest`, then half a cosine down to `lowest` (Loshchilov & Hutter 2017)."""
    if step <= warmup:
        return highest * step / warmup
    way = (step - warmup) / max(1, max_steps - warmup)
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * way)) / 2


def seed_dropout(device: torch.device, seed: int) -> None:
    """Make dropout the same after a restart."""
    # torch.manual_seed also prepares devices that are not used, which takes longer than the smallest steps.
    manual_seed = torch.default_generator.manual_seed if device.type == "cpu" else torch.manual_seed
    manual_seed(seed)
