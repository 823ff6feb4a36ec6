"""What fewer bits per weight cost: the weights rounded, the bytes that they would take, and how far a model moves.

The weights stay floats, only coarser ones: *fake quantisation*, as one does to learn what it would cost. Groups of
neighbouring weights in a row share a scale (Shen et al. 2020, "Q-BERT", section 3.2), by which the largest of them
becomes the largest whole number that the bits allow (Dettmers et al. 2022, "LLM.int8()", section 2.1).
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.checks import given, is_integer
from gptcore.costs import num_parameters, weight_bytes
from gptcore.fast.quantization import Int8Linear
from gptcore.language import _
from gptcore.memory import check_room
from gptcore.model import GPTModel, evaluating
from gptcore.sampling import with_float64

FLOAT32, BFLOAT16 = 32, 16  # bits of weights that are no whole numbers, and so have no scale
BITS = (FLOAT32, BFLOAT16, 8, 6, 4, 3, 2)
GROUPINGS = ("matrix", "row", 64, 32)  # the weights that share a scale: all, those of a row, or so many in a row
SCALE_BITS = 32  # a scale is a float32
POSITIONS = 100  # at which two models are compared: more take longer, and change the mean little
SHOWN = 32  # weights that are drawn: they share a scale in each of GROUPINGS


class Format(NamedTuple):
    """How weights are kept: bits for each, and which of them share a scale; None for floats, which have none."""

    bits: int
    grouping: str | int | None = None

    @classmethod
    def of(cls, bits: int, grouping: str | int) -> "Format":
        """The format with these settings."""
        return cls(bits, None if bits >= BFLOAT16 else grouping)

    @property
    def name(self) -> str:
        """In words."""
        if self.grouping is None:
            return {FLOAT32: "float32", BFLOAT16: "bfloat16"}[self.bits]
        shared = {
            "matrix": _("{bits} bits, a scale for each matrix"),
            "row": _("{bits} bits, a scale for each row"),
        }.get(self.grouping, _("{bits} bits, a scale for each {count} weights"))
        return shared.format(bits=self.bits, count=self.grouping)


FORMATS = tuple(dict.fromkeys(Format.of(bits, grouping) for grouping in GROUPINGS for bits in BITS))


class Measured(NamedTuple):
    """What a format costs."""

    format: Format
    size: int  # bytes of all weights
    bits_per_weight: float  # of those in matrices, the scales included
    kl: float  # mean divergence from the float32 model, in nats per token
    unchanged: int  # at how many positions the likeliest token is the same


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What a model expects at each of T positions of a text."""

    token_ids: Tensor  # (T,)
    log_probs: Tensor  # (T, vocab_size), float64

    @property
    def entropy(self) -> float:
        """How uncertain the model is, in nats per token."""
        return torch.special.entr(self.log_probs.exp()).sum(-1).mean().item()


def beliefs(model: GPTModel, token_ids: Tensor) -> Beliefs:
    """What `model` expects after each of token_ids (T,)."""
    with evaluating(model):
        logits = model(token_ids[None])[0]
    log_probs = logits.to(with_float64(logits.device)).double().log_softmax(-1)
    if not log_probs.isfinite().all():
        raise ValueError(_("model must give finite scores to all tokens, got some that are not"))
    return Beliefs(token_ids, log_probs)


def measure(model: GPTModel, expected: Beliefs, form: Format, coarse: GPTModel) -> Measured:
    """How far `coarse`, the float32 `model` in a format, is from what that one expects."""
    found = beliefs(coarse, expected.token_ids).log_probs
    kl = F.kl_div(found, expected.log_probs, reduction="none", log_target=True).sum(-1).mean().item()
    same = (found.argmax(-1) == expected.log_probs.argmax(-1)).sum().item()
    return Measured(form, stored_bytes(model, form), bits_per_weight(model, form), max(0.0, kl), same)


def in_float32(model: GPTModel) -> GPTModel:
    """`model` itself, or a copy in float32 if it is not.

    Raises ValueError if it is quantised already, or has only shapes.
    """
    if model.device.type == "meta":
        raise ValueError(_("model must have weights to be rounded, but on the device 'meta' it has only shapes"))
    if any(isinstance(module, Int8Linear) for module in model.modules()):
        raise ValueError(_("model must have floating-point weights, got one that is quantised already"))
    return model if model.dtype == torch.float32 else _copy(model)


def coarse_model(model: GPTModel, form: Format) -> GPTModel:
    """A copy of `model` with its matrices rounded; token embedding and output head are among them."""
    coarse = _copy(model)
    for matrix in _matrices(coarse):
        matrix.copy_(rounded(matrix, form))
    if form.bits == BFLOAT16:  # then everything else has 16 bits too
        coarse.bfloat16().float()
    return coarse


def rounded(weight: Tensor, form: Format) -> Tensor:
    """`weight` (outputs, inputs) as near as the format comes to it, in float32."""
    if form.bits == FLOAT32:
        return weight.clone()
    if form.bits == BFLOAT16:
        return weight.bfloat16().float()
    groups, scale = _grouped(weight, form.grouping), scales(weight, form)
    found = (groups / scale.clamp(min=torch.finfo(torch.float32).tiny)).round() * scale
    return found.view_as(weight) if form.grouping == "matrix" else found.view(len(weight), -1)[:, : weight.shape[1]]


def scales(weight: Tensor, form: Format) -> Tensor:
    """The scale of each group, (groups, 1): two weights of a group are a whole number of them apart."""
    return _grouped(weight, form.grouping).abs().amax(1, keepdim=True) / (2 ** (form.bits - 1) - 1)


def stored_bytes(model: GPTModel, form: Format) -> int:
    """Bytes of all weights: those of matrices and their scales in the format, all others in float32."""
    if form.bits == BFLOAT16:
        return weight_bytes(model.config, torch.bfloat16)
    inside = sum(matrix.numel() for matrix in _matrices(model))
    packed = sum(ceil(form.bits * matrix.numel() / 8) for matrix in _matrices(model))
    return packed + 4 * (_scale_count(model, form) + num_parameters(model.config) - inside)


def bits_per_weight(model: GPTModel, form: Format) -> float:
    """Bits for each weight of a matrix, with its share of a scale."""
    inside = sum(matrix.numel() for matrix in _matrices(model))
    return form.bits + SCALE_BITS * _scale_count(model, form) / inside


@dataclass(frozen=True)
class Row:
    """The first weights of the first matrix, before and after."""

    weights: list[float]
    rounded: list[float]
    scale: float | None  # between two values that they can have; None for floats


def first_row(model: GPTModel, form: Format) -> Row:
    """The first weights of the first matrix of `model`, which share a scale."""
    weight = next(_matrices(model)).detach()
    scale = None if form.grouping is None else scales(weight, form)[0].item()
    return Row(*(values[0, :SHOWN].tolist() for values in (weight, rounded(weight, form))), scale)


def check_bits(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is one of `BITS`."""
    if not (is_integer(value) and value in BITS):
        raise ValueError(
            _("{name} must be one of {names}, got {value}").format(
                name=name, names=", ".join(map(str, BITS)), value=given(value)
            )
        )


def check_grouping(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is one of `GROUPINGS`."""
    if not ((isinstance(value, str) or is_integer(value)) and value in GROUPINGS):
        raise ValueError(
            _("{name} must be one of {names}, got {value}").format(
                name=name, names=", ".join(map(repr, GROUPINGS)), value=given(value)
            )
        )


def _copy(model: GPTModel) -> GPTModel:
    what, instead = _("the copy of model with coarse weights"), _("take a smaller one")
    check_room(what, weight_bytes(model.config), model.device, instead)
    return copy.deepcopy(model).float().requires_grad_(False)


def _matrices(model: GPTModel) -> Iterator[nn.Parameter]:
    """Every matrix that a token is multiplied by, and the token embedding, once each; positions are not among them."""
    found = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    if all(weight is not model.token_embedding.weight for weight in found):
        found.append(model.token_embedding.weight)
    return iter(found)


def _grouped(weight: Tensor, grouping: str | int) -> Tensor:
    """`weight` (outputs, inputs) as (groups, weights in each); the last group of a row is filled up with zeros."""
    if grouping == "matrix":
        return weight.reshape(1, -1)
    inputs = weight.shape[1]
    size = inputs if grouping == "row" else min(grouping, inputs)
    return F.pad(weight, (0, -inputs % size)).reshape(-1, size)


def _scale_count(model: GPTModel, form: Format) -> int:
    if form.grouping is None:
        return 0
    return sum(len(_grouped(matrix, form.grouping)) for matrix in _matrices(model))
