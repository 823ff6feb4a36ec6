"""The tensors of a GPT-2 in Hugging Face's layout, under the names that different programs give them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from gptcore.checks import given, say
from gptcore.config import GPTConfig
from gptcore.hugging_face import SETTINGS, query_scales
from gptcore.language import N_, _
from gptcore.model import GPTModel
from gptcore.other_kinds import CONFIG, check_names
from gptcore.weight_files import stored_shapes, stored_tensors

# The layers of one block: our name, and theirs.
_BLOCK = {
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out_proj": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.up_proj": "mlp.c_fc",
    "feed_forward.down_proj": "mlp.c_proj",
}
_HEAD, _EMBEDDING = "lm_head.weight", "wte.weight"
_TO_DO = N_("use config and weights of one model")
_SIZES = ("vocab_size", "context_length", "emb_dim", "hidden_dim", "n_layers")  # the settings that set shapes


def _layout(config: GPTConfig) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(our name, Hugging Face's name after "transformer.", its shape there) of every tensor but the head.

    The weights of a block are stored as those of a convolution: (in, out), transposed.
    """
    C, hidden = config.emb_dim, config.hidden_dim
    shapes = [(C,), (C, 3 * C), (C, C), (C,), (C, hidden), (hidden, C)]
    yield "token_embedding.weight", _EMBEDDING, (config.vocab_size, C)
    yield "position_embedding.weight", "wpe.weight", (config.context_length, C)
    for layer in range(config.n_layers):
        for (ours, theirs), shape in zip(_BLOCK.items(), shapes, strict=True):
            yield f"blocks.{layer}.{ours}.weight", f"h.{layer}.{theirs}.weight", shape
            yield f"blocks.{layer}.{ours}.bias", f"h.{layer}.{theirs}.bias", shape[-1:]
    yield "final_norm.weight", "ln_f.weight", (C,)
    yield "final_norm.bias", "ln_f.bias", (C,)


def _transposed(ours: str, weight: Tensor) -> Tensor:
    return weight.t() if ours.startswith("blocks.") and weight.ndim == 2 else weight


def to_hugging_face(model: GPTModel) -> dict[str, Tensor]:
    """The weights of `model`, contiguous, under Hugging Face's names.

    Raises ValueError if one of them is NaN or infinite.
    """
    state, config = model.state_dict(), model.config
    tensors = {}
    for ours, theirs, shape in _layout(config):
        if ours.endswith("qkv.bias") and not config.qkv_bias:
            tensors[f"transformer.{theirs}"] = state["final_norm.bias"].new_zeros(shape)
        else:
            tensors[f"transformer.{theirs}"] = _transposed(ours, state[ours]).contiguous()
    if not config.tie_embeddings:
        tensors[_HEAD] = state["head.weight"].contiguous()
    for name, tensor in tensors.items():
        if not _is_finite(tensor):
            raise ValueError(
                _("model must have finite weights to be saved, got NaN or infinity in {name}").format(name=name)
            )
    return tensors


def _is_finite(weight: Tensor) -> bool:
    """Whether no value is NaN or infinite: if so, their sum shows it without another tensor as large as `weight`."""
    total = weight.sum(dtype=torch.promote_types(weight.dtype, torch.float32))
    return bool(total.isfinite()) or bool(weight.isfinite().all())


# What PyTorch puts before the names of a module that is compiled or divided among GPUs, at any depth.
_WRAPPERS = re.compile(r"\b(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|module)\.")
# The end of a tensor's name. Before it comes "transformer." as a rule, nothing in the oldest files, and more where the
# model was part of another.
_END = re.compile(
    rf"(?:^|\.)({re.escape(_HEAD)}|{re.escape(_EMBEDDING)}|wpe\.weight|ln_f\.(?:weight|bias)|"
    rf"h\.[0-9]+\.(?:{'|'.join(map(re.escape, _BLOCK.values()))})\.(?:weight|bias))$"
)
_MASK = re.compile(r"\bh\.[0-9]+\.attn\.(?:bias|masked_bias)$")  # the oldest files store the causal mask
_OTHER_HEAD = re.compile(r"\b(?:multiple_choice_head|v_head)\.")  # beside the language model's, which is complete


def _by_their_name(names: Iterable[str]) -> dict[str, list[str]]:
    """The names in a file that mean the same tensor, under Hugging Face's name for it, as `_layout` has it.

    A name that no GPT-2 has stands for itself.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        plain = _WRAPPERS.sub("", name)
        if not _MASK.search(plain) and not _OTHER_HEAD.search(plain):
            end = _END.search(plain)
            found.setdefault(end[1] if end else name, []).append(name)
    return found


def read_weights(folder: Path, config: GPTConfig) -> dict[str, Tensor]:
    """The tensors of all weight files in `folder`, under the names that they have there.

    Raises ValueError if their names and shapes do not belong to `config`. That is known before one of them is read.
    """
    shapes = stored_shapes(folder)
    _check_shapes(shapes, config, folder)
    if others := sorted(filter(_OTHER_HEAD.search, shapes)):
        say(
            _("{folder}: {name} belongs to a second head, beside the language model's, and is left out").format(
                folder=folder, name=given(others[0])
            )
        )
    return stored_tensors(folder)


def _check_shapes(shapes: Mapping[str, tuple[int, ...]], config: GPTConfig, folder: Path) -> None:
    found = _by_their_name(shapes)
    check_names(folder, [name for name in found if not _END.fullmatch(name)])
    ends = [theirs for theirs in found if _END.fullmatch(theirs) and theirs != _HEAD]
    prefix = found[ends[0]][0].removesuffix(ends[0]) if ends else "transformer."
    sizes = ", ".join(f"{SETTINGS[name][0]} {given(getattr(config, name))}" for name in _SIZES)
    for theirs, shape in _expected(config, found):
        if theirs == _HEAD and theirs not in found:
            raise ValueError(
                _(
                    "{folder}: {config} says that the head has its own weights, but there is no {head}: set "
                    "tie_word_embeddings to true if the embedding is the head"
                ).format(folder=folder, config=CONFIG, head=_HEAD)
            )
        if theirs not in found:
            raise ValueError(
                _("{folder}: the weights lack {name}, which {config} calls for with {sizes}: {to_do}").format(
                    folder=folder, name=given(prefix + theirs), config=CONFIG, sizes=sizes, to_do=_(_TO_DO)
                )
            )
        for name in found.pop(theirs):
            if shapes[name] != shape:
                transposed = _(", transposed, as nanoGPT stores it") if shapes[name] == shape[::-1] else ""
                raise ValueError(
                    _(
                        "{folder}: {name} has the shape {found}{transposed}, but {config} calls for {shape} "
                        "with {sizes}: {to_do}"
                    ).format(
                        folder=folder,
                        name=given(name),
                        found=given(shapes[name]),
                        transposed=transposed,
                        config=CONFIG,
                        shape=given(shape),
                        sizes=sizes,
                        to_do=_(_TO_DO),
                    )
                )
    for theirs, (name, *_others) in found.items():
        if _END.fullmatch(theirs):
            raise ValueError(
                _("{folder}: the weights contain {name}, but {config} has n_layer {n_layers}: {to_do}").format(
                    folder=folder, name=given(name), config=CONFIG, n_layers=config.n_layers, to_do=_(_TO_DO)
                )
            )
        raise ValueError(
            _("{folder}: the weights contain {name}, which no GPT-2 has: use a model without it").format(
                folder=folder, name=given(name)
            )
        )


def _expected(config: GPTConfig, found: Mapping[str, list[str]]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Hugging Face's name and the shape of every tensor that the files should hold, one at a time.

    Of a head and an embedding that share their weights, the files may hold either, or both.
    """
    for _ours, theirs, shape in _layout(config):
        if not (theirs == _EMBEDDING and config.tie_embeddings and _EMBEDDING not in found and _HEAD in found):
            yield theirs, shape
    if _HEAD in found or not config.tie_embeddings:
        yield _HEAD, (config.vocab_size, config.emb_dim)


def from_hugging_face(
    weights: Mapping[str, Tensor], config: GPTConfig, folder: Path
) -> tuple[GPTConfig, dict[str, Tensor]]:
    """The config and the state dict of a `GPTModel`, of weights that `read_weights` has read.

    The config is another one only if the head turns out to have weights of its own.

    Raises ValueError if a weight is no floating-point number, NaN or infinite, or if two that should be equal differ.
    """
    found = {theirs: _one(names, weights, folder) for theirs, names in _by_their_name(weights).items()}
    head = found.get(_HEAD)
    embedding = found.setdefault(_EMBEDDING, head)
    if config.tie_embeddings and head is not None and not _same(head, embedding):
        say(
            _(
                "{folder}: {config} says that head and embedding share their weights, but {head} and {embedding} "
                "differ, so each keeps its own, as in `transformers`"
            ).format(folder=folder, config=CONFIG, head=_HEAD, embedding=_EMBEDDING)
        )
        config = GPTConfig(**{**config, "tie_embeddings": False})
    state = {ours: _transposed(ours, found[theirs]) for ours, theirs, _ in _layout(config)}
    state["head.weight"] = state["token_embedding.weight"] if config.tie_embeddings else head
    for layer, scale in enumerate(query_scales(folder, config)):
        weight, bias = (f"blocks.{layer}.attention.qkv.{part}" for part in ("weight", "bias"))
        if scale != 1:
            state |= {name: _queries_scaled(state[name], scale) for name in (weight, bias)}
        if not config.qkv_bias and state.pop(bias).any():
            raise ValueError(
                _("{folder}: {config} says qkv_bias false, but the weights have one in layer {layer}").format(
                    folder=folder, config=CONFIG, layer=layer
                )
            )
    return config, state


def _queries_scaled(qkv: Tensor, scale: float) -> Tensor:
    """A weight or a bias (3 * emb_dim, …) whose first third, which makes the queries, is `scale` times as large."""
    qkv = qkv.to(torch.promote_types(qkv.dtype, torch.float32))
    queries, keys, values = qkv.chunk(3)
    return torch.cat([queries * scale, keys, values])


def _one(names: list[str], weights: Mapping[str, Tensor], folder: Path) -> Tensor:
    """The tensor that all of `names` mean."""
    first, *others = names
    weight = weights[first]
    if not weight.is_floating_point():
        raise ValueError(
            _("{folder}: {name} must have floating-point values, got {dtype}").format(
                folder=folder, name=given(first), dtype=weight.dtype
            )
        )
    if weight.itemsize == 1:
        weight = weight.float()  # with 8 bits, PyTorch computes little
    if not _is_finite(weight):
        raise ValueError(
            _("{folder}: {name} has values that are NaN or infinite: use an earlier state of the model").format(
                folder=folder, name=given(first)
            )
        )
    for name in others:
        if not _same(weights[name], weight):
            raise ValueError(
                _("{folder}: {first} and {second} mean the same tensor of a GPT-2, but differ: keep one").format(
                    folder=folder, first=given(first), second=given(name)
                )
            )
    return weight


def _same(one: Tensor, other: Tensor) -> bool:
    dtype = torch.promote_types(one.dtype, other.dtype)
    return torch.equal(one.to(dtype), other.to(dtype))
