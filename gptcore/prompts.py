"""The arguments of generation: prompts of one length or of many, and what is checked before any work."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gptcore.any_tokenizer import as_id, as_ids
from gptcore.checks import given, is_integer
from gptcore.language import _
from gptcore.memory import check_room
from gptcore.model import GPTModel, check_model, check_token_ids

Rows = Tensor | Sequence[Tensor | Sequence[int]]  # token ids (B, T) or (T,), or the prompts one by one


def prompt_rows(model: GPTModel, token_ids: Rows, attention_mask: Tensor | None = None) -> Tensor | list[list[int]]:
    """The prompts of `generate`, once they are checked: token_ids (B, T), or a list where their lengths may differ.

    Raises TypeError or ValueError, in one sentence, if they are not prompts that `model` can read.
    """
    check_model(model)
    if attention_mask is not None:
        check_mask(token_ids, attention_mask)
        token_ids = [row[mask] for row, mask in zip(token_ids, attention_mask.bool(), strict=True)]
    if isinstance(token_ids, Tensor):
        token_ids = token_ids[None] if token_ids.ndim == 1 else token_ids
        check_token_ids(model, token_ids)
        return token_ids
    if not isinstance(token_ids, (list, tuple)) or (token_ids and all(map(is_integer, token_ids))):
        raise TypeError(
            _("token_ids must be a torch tensor, (T,) or (B, T), or a list of prompts, got {kind} {value}").format(
                kind=type(token_ids).__name__, value=given(token_ids)
            )
        )
    if not token_ids:
        raise ValueError(_("token_ids must have at least one prompt, got an empty list"))
    return [_row(model, i, row) for i, row in enumerate(token_ids)]


def check_mask(token_ids: Any, attention_mask: Any) -> None:
    """Raise TypeError or ValueError unless attention_mask marks, with 1 and 0, what of token_ids (B, T) is text."""
    for name, value in (("token_ids", token_ids), ("attention_mask", attention_mask)):
        if not isinstance(value, Tensor):
            raise TypeError(
                _("{name} must be a torch tensor where there is an attention_mask, got {value}").format(
                    name=name, value=given(value)
                )
            )
    if token_ids.ndim != 2 or token_ids.shape != attention_mask.shape:
        shapes = _(" and ").join(str(tuple(tensor.shape)) for tensor in (token_ids, attention_mask))
        raise ValueError(
            _("attention_mask must have the shape of token_ids, (batch, tokens), got {shapes}").format(shapes=shapes)
        )
    if attention_mask.device != token_ids.device:
        raise ValueError(
            _("attention_mask must be on the device of token_ids, {device}, not elsewhere").format(
                device=token_ids.device
            )
        )
    if not ((attention_mask == 0) | (attention_mask == 1)).all():
        raise ValueError(
            _("attention_mask must be 1 where there is text and 0 where there is padding, got other values")
        )


def move_model(model: GPTModel, device: torch.device) -> None:
    """`model.to(device)`; if that fails, the model stays where it was."""
    before = model.device
    if device.type != before.type:
        what = _("the model on {device}").format(device=device)
        check_room(what, sum(p.nbytes for p in model.parameters()), device)
    try:
        model.to(device)
    except BaseException:
        model.to(before)
        raise


def _row(model: GPTModel, index: int, row: Any) -> list[int]:
    """One prompt of a list, as integers."""
    name = f"token_ids[{index}]"
    if not isinstance(row, Tensor):
        row = list(map(as_id, as_ids(_("{name} must be those of one prompt").format(name=name), row)))
        row = torch.tensor(row, dtype=torch.int64, device=model.device)
    if row.ndim != 1 or len(row) == 0:
        raise ValueError(
            _("{name} must have the shape (tokens,), and one at least, got {shape}").format(
                name=name, shape=tuple(row.shape)
            )
        )
    check_token_ids(model, row[None])
    return row.tolist()


def with_new(token_ids: Rows, new_ids: list[list[int]], device: torch.device) -> Tensor | list[Tensor]:
    """The prompts as they came, each with its new tokens; a tensor repeats the last token of a row that is shorter."""
    if not isinstance(token_ids, Tensor):
        prompts = (torch.as_tensor(row, device=device) for row in token_ids)
        return [torch.cat([row, row.new_tensor(ids)]) for row, ids in zip(prompts, new_ids, strict=True)]
    rows, longest = len(new_ids), max(map(len, new_ids))
    filled = [ids + ids[-1:] * (longest - len(ids)) for ids in new_ids]
    return torch.cat([token_ids.view(rows, -1), token_ids.new_tensor(filled).view(rows, longest)], dim=1)
