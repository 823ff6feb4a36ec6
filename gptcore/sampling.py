"""From logits to the next token: temperature → top-k → top-p → min-p → softmax → draw.

Pure functions of tensors, with no model, no tokenizer and no state. Every stage is written down in a `Distribution`, so
that a chart can show the very numbers that chose the token. Nothing that comes in is changed.

All arithmetic is in float64, which MPS devices lack: their logits are moved to the CPU first.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.fast.cores import cores_for

# What can remove a token, in this order; `Distribution.removed_by` holds 1 + the place in this list, 0 for kept tokens.
# A token is "masked" if its logit was -inf to begin with.
STAGES = ("masked", "temperature", "top_k", "top_p", "min_p")
_MASKED, _TEMPERATURE, _TOP_K, _TOP_P, _MIN_P = range(1, 6)


@dataclass(frozen=True, eq=False, repr=False)
class Distribution:
    """The chances of every token to be next, and how they came about. All tensors have the shape (..., vocab_size)."""

    logits: Tensor  # what the model said; float32 (or float64 if it was)
    scaled_logits: Tensor  # (logits - their maximum) / temperature; the logits themselves at temperature 0
    removed_by: Tensor  # int8: 0 where the token is kept, else 1 + the index in STAGES of the stage that removed it
    probs: Tensor  # softmax of the scaled logits that were kept; 0 elsewhere

    @cached_property
    def kept(self) -> Tensor:
        """bool (..., vocab_size): can this token be drawn?"""
        return self.removed_by == 0

    @cached_property
    def kept_count(self) -> Tensor:
        """int64 (...): how many tokens can be drawn."""
        return self.kept.count_nonzero(-1)

    @cached_property
    def entropy(self) -> Tensor:
        """float64 (...), in nats: how uncertain the choice is, as much as among exp(entropy) equally likely tokens."""
        return torch.special.entr(self.probs.double()).sum(-1)

    @cached_property
    def removed_mass(self) -> dict[str, Tensor]:
        """{stage: float64 (...)}: the probability that each of STAGES removed, of the softmax of all scaled logits.

        Together with what was kept they sum to one.
        """
        before = self.scaled_logits.double().softmax(-1)
        mass = before.new_zeros(*before.shape[:-1], 1 + len(STAGES)).scatter_add(-1, self.removed_by.long(), before)
        return dict(zip(STAGES, mass.unbind(-1)[1:], strict=True))

    def __repr__(self) -> str:
        *batch, vocab_size = self.probs.shape
        counts = self.kept_count.flatten().tolist()
        kept = counts[0] if not batch else f"{min(counts, default=0)} to {max(counts, default=0)}"
        return f"Distribution({'x'.join(map(str, [*batch, vocab_size]))} tokens, {kept} kept)"


def next_token_distribution(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Distribution:
    """Turn logits (..., vocab_size) into the chances of the next token; each stage sees what the ones before it kept.

    - temperature: above 1 flattens the chances, below 1 sharpens them; 0 keeps only the likeliest token.
    - top_k: keep exactly the k likeliest tokens (Fan et al. 2018); a k above the vocabulary keeps all.
    - top_p: keep the smallest set of likeliest tokens whose probabilities reach p (Holtzman et al. 2019); 1 keeps all.
    - min_p: keep what is at least min_p times as likely as the likeliest token (Nguyen et al. 2024); 0 keeps all.

    None turns a stage off. Among equally likely tokens the lower ids are kept first. (`transformers` keeps all that tie
    with the kth token, so that its top-k may keep more than k.)

    Raises TypeError or ValueError if a setting is not in its range, or if a row of logits has NaN, +inf, or nothing but
    -inf.

    >>> next_token_distribution(torch.tensor([2.0, 1.0, 0.0]), top_k=2).probs
    tensor([0.7311, 0.2689, 0.0000])
    """
    check_settings(temperature, top_k, top_p, min_p)
    logits = _readable(logits)
    with cores_for(logits):
        largest = _largest(logits)  # (..., 1)
        removed_by = _MASKED * (logits == -torch.inf).to(torch.int8)

        if temperature == 0:
            first = torch.zeros_like(removed_by, dtype=torch.bool).scatter(-1, logits.argmax(-1, keepdim=True), True)
            removed_by = _remove(removed_by, ~first, _TEMPERATURE)
            return Distribution(logits, logits, removed_by, first.to(logits.dtype))

        scaled = (logits.double() - largest) / temperature  # at most 0: no temperature is too small
        if top_k is not None and top_k < logits.shape[-1]:
            # Temperature does not change the order, so the unrounded logits decide.
            removed_by = _remove(removed_by, ~_top_k_mask(logits, int(top_k)), _TOP_K)
        if top_p is not None and top_p < 1:
            removed_by = _remove(removed_by, ~_top_p_mask(scaled, removed_by == 0, top_p), _TOP_P)
        if min_p:
            removed_by = _remove(removed_by, scaled < math.log(min_p), _MIN_P)  # the largest is 0, and always kept
        probs = _masked(scaled, removed_by == 0).softmax(-1)
        return Distribution(logits, scaled.to(logits.dtype), removed_by, probs.to(logits.dtype))


def draw(distribution: Distribution, uniform: Tensor | float) -> Tensor:
    """The token ids (...), int64, on which uniform numbers (...) in [0, 1) fall.

    The probabilities lie end to end, in the order of the vocabulary, on a bar of length 1, and `uniform` is a dart
    thrown at it. A token that was removed has no length and is never hit.

    Raises ValueError if `uniform` is a number outside of [0, 1).
    """
    if isinstance(uniform, Real) and not 0 <= uniform < 1:
        raise ValueError(f"uniform must be at least 0 and below 1, got {uniform!r}")
    with cores_for(distribution.probs):
        cdf = distribution.probs.double().cumsum(-1)
        uniform = torch.as_tensor(uniform, dtype=torch.float64, device=cdf.device).unsqueeze(-1)
        # The bar may be a hair shorter or longer than 1, so the dart is measured with the same ruler.
        return torch.searchsorted(cdf, uniform * cdf[..., -1:], right=True).squeeze(-1)


def check_settings(
    temperature: float, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None
) -> None:
    """Raise TypeError or ValueError, naming the argument and what is allowed, if a setting is out of range."""
    if not _is_number(temperature):
        raise TypeError(f"temperature must be a number, got {temperature!r}")
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be 0 (always the likeliest token) or above and finite, got {temperature!r}")
    if top_k is not None:
        if isinstance(top_k, bool) or not isinstance(top_k, Integral):
            raise TypeError(f"top_k must be a whole number, or None to keep every token, got {top_k!r}")
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, or None to keep every token, got {top_k!r}")
    for name, value, allowed in (("top_p", top_p, "above 0 and at most 1"), ("min_p", min_p, "from 0 to 1")):
        if value is None:
            continue
        if not _is_number(value):
            raise TypeError(f"{name} must be a number {allowed}, or None to turn it off, got {value!r}")
        if not 0 <= value <= 1 or (name == "top_p" and value == 0):
            raise ValueError(f"{name} must be {allowed}, or None to turn it off, got {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _readable(logits: Tensor) -> Tensor:
    """The same logits as float32 or float64, on a device that can count in float64."""
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        kind = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
        raise TypeError(f"logits must be a tensor of floating-point numbers, got {kind}")
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"logits must have the shape (..., vocab_size), got {tuple(logits.shape)}")
    logits = logits.detach()
    if logits.device.type == "mps":
        logits = logits.cpu()
    return logits if logits.dtype == torch.float64 else logits.float()


def _largest(logits: Tensor) -> Tensor:
    """The largest logit of each row, (..., 1). One look finds every row that cannot be turned into probabilities."""
    largest = logits.amax(-1, keepdim=True)
    if not largest.isfinite().all():
        row = largest[~largest.isfinite()][0].item()
        what = {math.inf: "+inf", -math.inf: "nothing but -inf"}.get(row, "NaN")
        raise ValueError(f"each row of logits must have a finite largest value, got a row with {what}")
    return largest


def _remove(removed_by: Tensor, condemned: Tensor, code: int) -> Tensor:
    """`removed_by` with `code` wherever a token that was still kept is condemned."""
    return torch.where(condemned & (removed_by == 0), code, removed_by).to(torch.int8)


def _masked(values: Tensor, kept: Tensor) -> Tensor:
    return torch.where(kept, values, -torch.inf)


def _exactly(values: Tensor, kth: Tensor, count: Tensor | int) -> Tensor:
    """True for exactly `count` (..., 1) values of each row: all above the kth, and the first of those equal to it."""
    above = values > kth
    level = values == kth
    places = count - above.sum(-1, keepdim=True)
    return above | (level & (level.cumsum(-1) <= places))


def _top_k_mask(logits: Tensor, k: int) -> Tensor:
    """True for exactly k tokens of each row."""
    kth = logits.topk(k, dim=-1).values[..., -1:]
    return _exactly(logits, kth, k)


def _top_p_mask(scaled: Tensor, kept: Tensor, p: float) -> Tensor:
    """True for the likeliest of the kept tokens: those before which less than p of the probability lies."""
    scaled = _masked(scaled, kept)
    most = int(kept.sum(-1).max()) if kept.numel() else 1
    ordered = scaled.topk(most, dim=-1).values  # sort no more than was kept
    before = F.pad(ordered.softmax(-1).cumsum(-1)[..., :-1], (1, 0))  # (..., kept): what lies before each
    count = (before < p).sum(-1, keepdim=True)
    return _exactly(scaled, ordered.gather(-1, count - 1), count)
