"""From logits to the next token: temperature → top-k → top-p → min-p → softmax → draw.

Pure functions of tensors, with no model, no tokenizer and no state. Every stage is written down in a `Distribution`, so
that a chart can show the very numbers that chose the token. Nothing that comes in is changed.

All arithmetic is in float64, which Apple GPUs lack: their logits are moved to the CPU first.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.checks import as_float, check_integer, given, is_number
from gptcore.language import N_, _

# What can remove a token, in this order; `Distribution.removed_by` holds 1 + the index in this tuple, or 0 for a kept
# token. A token is "masked" if its logit was -inf to begin with.
STAGES = ("masked", "temperature", "top_k", "top_p", "min_p")
_MASKED, _TEMPERATURE, _TOP_K, _TOP_P, _MIN_P = range(1, 6)

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)  # in which a model computes, and its logits are


@dataclass(frozen=True, eq=False, repr=False)
class Distribution:
    """How likely each token is to be next, and why. All tensors have the shape (..., vocab_size)."""

    logits: Tensor  # what the model computed; float32, or float64 if it was float64
    scaled_logits: Tensor  # (logits - their maximum) / temperature; the logits themselves at temperature 0
    removed_by: Tensor  # int8: 0 where the token is kept, else 1 + the index in STAGES of the stage that removed it
    probs: Tensor  # softmax of the scaled logits that were kept; 0 elsewhere

    @cached_property
    def kept(self) -> Tensor:
        """bool (..., vocab_size): did no stage remove it? It can be drawn, unless its probability rounds to 0."""
        return self.removed_by == 0

    @cached_property
    def kept_count(self) -> Tensor:
        """int64 (...): how many tokens no stage removed."""
        return self.kept.count_nonzero(-1)

    @cached_property
    def entropy(self) -> Tensor:
        """float64 (...), in nats: the choice is as uncertain as one among exp(entropy) equally likely tokens."""
        return torch.special.entr(self.probs.double()).sum(-1)

    @cached_property
    def removed_mass(self) -> dict[str, Tensor]:
        """{stage: float64 (...)}: the share of the softmax over all scaled logits that each of STAGES removed.

        These shares and that of the kept tokens sum to one.
        """
        before = self.scaled_logits.double().softmax(-1)
        mass = before.new_zeros(*before.shape[:-1], 1 + len(STAGES)).scatter_add(-1, self.removed_by.long(), before)
        return dict(zip(STAGES, mass.unbind(-1)[1:], strict=True))

    def __repr__(self) -> str:
        *batch, vocab_size = self.probs.shape
        counts = self.kept_count.flatten().tolist()
        least, most = min(counts, default=0), max(counts, default=0)
        kept = _("{least} to {most}").format(least=least, most=most) if batch else most
        shape = "x".join(map(str, [*batch, vocab_size]))
        return _("Distribution({shape} tokens, {kept} kept)").format(shape=shape, kept=kept)


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen from its logits; the settings are checked when they are put together.

    - temperature: above 1 flattens the probabilities, below 1 sharpens them; 0 keeps only the likeliest token.
    - top_k: keep exactly the k likeliest tokens (Fan et al. 2018); a k above the vocabulary keeps all.
    - top_p: keep the smallest set of likeliest tokens whose probabilities reach p (Holtzman et al. 2019); 1 keeps all.
    - min_p: keep what is at least min_p times as likely as the likeliest token (Nguyen et al. 2024); 0 keeps all.

    None turns a stage off. Among equally likely tokens the lower ids are kept first. (`transformers` keeps all that tie
    with the kth token, so its top-k may keep more than k.)

    Raises TypeError or ValueError, naming the setting and what is allowed, if one is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperature", as_float("temperature", self.temperature))
        if not 0 <= self.temperature < math.inf:
            raise ValueError(
                _("temperature must be 0 (always the likeliest token) or above and finite, got {value}").format(
                    value=given(self.temperature)
                )
            )
        if self.top_k is not None:
            check_integer("top_k", self.top_k, least=1, hint=_(", or None to keep every token"))
            object.__setattr__(self, "top_k", int(self.top_k))
        object.__setattr__(self, "top_p", _share("top_p", self.top_p, N_("above 0 and at most 1")))
        object.__setattr__(self, "min_p", _share("min_p", self.min_p, N_("from 0 to 1")))

    def distribution(self, logits: Tensor) -> Distribution:
        """Turn logits (..., vocab_size) into a `Distribution`; each stage sees what the ones before it kept.

        Raises TypeError or ValueError if `logits` are not floating-point, or if a row has NaN, +inf, or only -inf.
        """
        logits = _readable(logits)
        largest = _largest(logits)  # (..., 1)
        removed_by = _MASKED * (logits == -torch.inf).to(torch.int8)

        if self.temperature == 0:
            first = torch.zeros_like(removed_by, dtype=torch.bool).scatter(-1, logits.argmax(-1, keepdim=True), True)
            removed_by = _remove(removed_by, ~first, _TEMPERATURE)
            return Distribution(logits, logits, removed_by, first.to(logits.dtype))

        scaled = (logits.double() - largest) / self.temperature  # at most 0: no temperature is too small
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            # Temperature does not change the order, so the unrounded logits decide.
            removed_by = _remove(removed_by, ~_top_k_mask(logits, self.top_k), _TOP_K)
        if self.top_p is not None and self.top_p < 1:
            removed_by = _remove(removed_by, ~_top_p_mask(scaled, removed_by == 0, self.top_p), _TOP_P)
        if self.min_p:
            removed_by = _remove(removed_by, scaled < math.log(self.min_p), _MIN_P)  # the largest, 0, is kept
        probs = _masked(scaled, removed_by == 0).softmax(-1)
        return Distribution(logits, scaled.to(logits.dtype), removed_by, probs.to(logits.dtype))


def next_token_distribution(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Distribution:
    """Turn logits (..., vocab_size) into the probabilities of the next token, with every stage on record.

    The settings are those of `Sampling`, and so are the errors.

    >>> next_token_distribution(torch.tensor([2.0, 1.0, 0.0]), top_k=2).probs
    tensor([0.7311, 0.2689, 0.0000])
    """
    return Sampling(temperature, top_k, top_p, min_p).distribution(logits)


def draw(distribution: Distribution, uniform: Tensor | float) -> Tensor:
    """The token ids (...), int64, on which uniform numbers (...) in [0, 1) fall: inverse-transform sampling.

    The probabilities lie end to end, in vocabulary order, on a bar of length 1, and `uniform` is a dart thrown at it. A
    removed token has no length and is never hit. One number is thrown at the bar of every row; at a single bar, any
    number of darts.

    Raises TypeError or ValueError if `uniform` is no number in [0, 1), or has another shape.
    """
    if not isinstance(distribution, Distribution):
        raise TypeError(_("distribution must be a Distribution, got {kind}").format(kind=type(distribution).__name__))
    uniform = _darts(uniform, distribution.probs).unsqueeze(-1)
    cdf = distribution.probs.double().cumsum(-1)
    # Rounding makes the bar a hair shorter or longer than 1, so the dart is scaled to the bar.
    return torch.searchsorted(cdf, uniform * cdf[..., -1:], right=True).squeeze(-1)


def _share(name: str, value: float | None, allowed: str) -> float | None:
    """`value` as a float, once it is checked."""
    if value is None:
        return None
    if not is_number(value):
        raise TypeError(
            _("{name} must be a number {allowed}, or None to turn it off, got {value}").format(
                name=name, allowed=_(allowed), value=given(value)
            )
        )
    share = as_float(name, value)
    if not 0 <= share <= 1 or (name == "top_p" and share == 0):
        raise ValueError(
            _("{name} must be {allowed}, or None to turn it off, got {value}").format(
                name=name, allowed=_(allowed), value=given(value)
            )
        )
    return share


def _darts(uniform: Tensor | float, probs: Tensor) -> Tensor:
    """`uniform` as float64 where probs (..., vocab_size) are, once it is checked."""
    if not isinstance(uniform, Tensor):
        number = as_float("uniform", uniform)
        if not 0 <= number < 1:
            raise ValueError(_("uniform must be at least 0 and below 1, got {value}").format(value=given(uniform)))
        return torch.tensor(number, dtype=torch.float64, device=probs.device)
    if uniform.is_meta:
        raise ValueError(_("uniform must have a value, got a tensor on the device meta"))
    if uniform.is_complex() or uniform.dtype == torch.bool:
        raise TypeError(_("uniform must be real numbers, got {dtype}").format(dtype=uniform.dtype))
    if uniform.ndim and probs.ndim > 1 and uniform.shape != probs.shape[:-1]:
        shape = tuple(probs.shape[:-1])
        raise ValueError(
            _("uniform must be one number, or have the shape {shape}, got {found}").format(
                shape=shape, found=tuple(uniform.shape)
            )
        )
    darts = uniform.to(probs.device).double()
    if not ((darts >= 0) & (darts < 1)).all():  # NaN is neither
        wrong = darts[~((darts >= 0) & (darts < 1))][0].item()
        raise ValueError(_("uniform must be at least 0 and below 1, got {value}").format(value=wrong))
    return darts


def with_float64(device: torch.device) -> torch.device:
    """`device` itself, or the CPU for an Apple GPU, which has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def _readable(logits: Tensor) -> Tensor:
    """The same logits as float32 or float64, on a device that has float64."""
    if not isinstance(logits, Tensor) or logits.dtype not in DTYPES:
        kind = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
        raise TypeError(
            _("logits must be a tensor of floating-point numbers of 16 bits or more, got {kind}").format(kind=kind)
        )
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            _("logits must have the shape (..., vocab_size), got {shape}").format(shape=tuple(logits.shape))
        )
    if logits.is_meta:
        raise ValueError(_("logits must have values, got a tensor on the device meta"))
    logits = logits.detach().to(with_float64(logits.device))
    return logits if logits.dtype == torch.float64 else logits.float()


def _largest(logits: Tensor) -> Tensor:
    """The largest logit of each row, (..., 1): it is not finite if, and only if, the row has no softmax."""
    largest = logits.amax(-1, keepdim=True)
    if not largest.isfinite().all():
        row = largest[~largest.isfinite()][0].item()
        what = {math.inf: "+inf", -math.inf: _("nothing but -inf")}.get(row, "NaN")
        raise ValueError(
            _("each row of logits must have a finite largest value, got a row with {what}").format(what=what)
        )
    return largest


def _remove(removed_by: Tensor, cut: Tensor, code: int) -> Tensor:
    """`removed_by` with `code` for each token that is `cut` and was still kept."""
    return torch.where(cut & (removed_by == 0), code, removed_by).to(torch.int8)


def _masked(values: Tensor, kept: Tensor) -> Tensor:
    return torch.where(kept, values, -torch.inf)


def _exactly(values: Tensor, kth: Tensor, count: Tensor | int) -> Tensor:
    """True for exactly `count` (..., 1) values of each row: all above the kth, and the first of those equal to it."""
    above = values > kth
    level = values == kth
    room = count - above.sum(-1, keepdim=True)
    return above | (level & (level.cumsum(-1) <= room))


def _top_k_mask(logits: Tensor, k: int) -> Tensor:
    """True for exactly k tokens of each row."""
    kth = logits.topk(k, dim=-1).values[..., -1:]
    return _exactly(logits, kth, k)


def _top_p_mask(scaled: Tensor, kept: Tensor, p: float) -> Tensor:
    """True for each kept token that has less than p of the probability before it, the likeliest token first."""
    scaled = _masked(scaled, kept)
    most = int(kept.sum(-1).max()) if kept.numel() else 1
    ordered = scaled.topk(most, dim=-1).values  # sort no more than was kept
    before = F.pad(ordered.softmax(-1).cumsum(-1)[..., :-1], (1, 0))  # (..., kept): the mass before each token
    count = (before < p).sum(-1, keepdim=True)
    return _exactly(scaled, ordered.gather(-1, count - 1), count)
