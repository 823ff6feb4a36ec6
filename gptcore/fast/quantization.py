"""Weights as integers: little more than a quarter of float32's bytes to store, and to read for every new token.

First the weights of each output, a row of the matrix, are divided by the largest of them, so that no small one is lost
beside a large one: "equilibration" (van der Sluis 1969, "Condition numbers and equilibration of matrices"). Then the
weights from one input to up to 192 outputs form a group. Each group is divided by a scale of its own, so that its
largest weight becomes 127 or −127, and rounded. That is "absmax" quantisation (Dettmers et al. 2022, "LLM.int8()",
section 2.1) in groups (Shen et al. 2020, "Q-BERT", section 3.2), here of the weights alone: activations stay float32,
and so do biases, norms and positions. It is for inference; integers have no gradient to train by.

A matrix times one row of inputs is a weighted sum: for each input, its weights times that input. An embedding bag
computes just that, and PyTorch has a fast one for bytes, made for recommender systems (Khudia et al. 2021, "FBGEMM").
So a matrix is stored as the table of such a bag, and each of its sums is multiplied by the scale of that output. A row
of the table is a group: a byte for each weight, offset by 128, and then two float32, the group's scale and the value of
a zero byte. Where PyTorch comes without FBGEMM, as on Arm CPUs, plain loops compute the same.
"""

import copy

import torch
from torch import Tensor, nn

from gptcore.costs import int8_shape, weight_bytes
from gptcore.fast.busy import share_cores
from gptcore.fast.linear import Product
from gptcore.fast.pages import in_large_pages
from gptcore.language import _
from gptcore.memory import check_room
from gptcore.model import GPTModel, check_model
from gptcore.modes import keeping_gradients

SCALES = 8  # bytes at the end of a row
LARGEST = torch.finfo(torch.float32).max / 2  # of a weight: rounded it must be a float32, too
LEAST = torch.finfo(torch.float32).tiny  # of a scale that is divided by
AT_ONCE = 2**20  # weights that are floats at the same time, on the way to int8 or back: of a large matrix a part
FEW_ROWS = 8  # with more rows it is quicker to turn the weights back into float32 first


@keeping_gradients
def quantize(model: GPTModel) -> GPTModel:
    """A new model with the int8 weights of `model`, in eval mode; token embedding and output head are among them.

    Raises TypeError if `model` is none, ValueError if it is quantised already or has a weight that is not finite, and
    MemoryError if there is no room for it.
    """
    check_model(model)
    if any(isinstance(module, Int8Linear) for module in model.modules()):
        raise ValueError(_("model must have floating-point weights, got one that is quantised already"))
    if model.device.type == "meta":
        raise ValueError(_("model must have weights to be quantised, but on the device 'meta' it has only shapes"))
    for name, weight in model.named_parameters():
        low, high = weight.detach().aminmax()
        if not (low > -LARGEST and high < LARGEST):  # NaN is neither
            wrong = (high if low > -LARGEST else low).item()
            raise ValueError(
                _("model must have finite weights below {largest:.1e} to be quantised, got {wrong} in {name}").format(
                    largest=LARGEST, wrong=wrong, name=name
                )
            )
    what = _("model in int8")
    check_room(what, weight_bytes(model.config, torch.int8), model.device, _("take a smaller one"))
    instead = {id(layer): Int8Linear(layer) for layer in model.modules() if isinstance(layer, nn.Linear)}
    embedding, head = model.token_embedding, instead[id(model.head)]
    tied = model.config.tie_embeddings
    instead[id(embedding)] = Int8Embedding(
        *((head.weight, head.scale) if tied else map(_parameter, to_int8(embedding.weight)))
    )
    # All else is copied; what stands in `instead` counts as copied already, so no matrix is held twice in float32.
    return copy.deepcopy(model, instead).float().eval().requires_grad_(False)


def to_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight (out_features, in_features) as a table of bytes, `int8_shape`, and a scale for each output.

    A weight is off by at most half the scale of its group times that of its output.
    """
    groups, in_features, row = int8_shape(*weight.shape)
    outputs = row - SCALES
    table = in_large_pages(weight.new_empty(groups, in_features, row, dtype=torch.uint8))
    output_scale = weight.new_empty(len(weight), dtype=torch.float32)
    parts = _parts(table)
    at_once = len(parts[0]) * outputs
    pieces = zip(parts, weight.detach().split(at_once), output_scale.split(at_once), strict=True)
    for some, weights, scale_of_each in pieces:
        filled = weight.new_zeros(len(some) * outputs, in_features, dtype=torch.float32)
        filled[: len(weights)] = weights
        scale_of_each.copy_(filled[: len(weights)].abs().amax(dim=1).clamp_(min=LEAST))
        filled[: len(weights)] /= scale_of_each[:, None]
        values = filled.unflatten(0, (len(some), -1)).transpose(1, 2)  # (groups, in_features, outputs)
        scale = values.abs().amax(dim=-1, keepdim=True) / 127
        integers = (values / scale.clamp(min=LEAST)).round().clamp(-127, 127)
        some[..., :-SCALES] = integers + 128
        some[..., -SCALES:] = torch.cat([scale, -128 * scale], dim=-1).view(torch.uint8)
    return table, output_scale


def _parts(table: Tensor) -> tuple[Tensor, ...]:
    """Some of the groups of a table, and the next ones, each of up to `AT_ONCE` weights."""
    _groups, in_features, row = table.shape
    return table.split(max(1, AT_ONCE // (in_features * (row - SCALES))))


def from_int8(table: Tensor) -> Tensor:
    """A table (…, in_features, outputs + SCALES) as float32 (…, in_features, outputs), without the outputs' scales."""
    integers, scale = table[..., :-SCALES], table[..., -SCALES:].view(torch.float32)[..., :1]
    return (integers.float() - 128) * scale


def _parameter(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value, requires_grad=False)


class Int8Linear(nn.Module):
    """A linear layer with int8 weights, those of `to_int8`: float32 (…, in_features) → float32 (…, out_features)."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.scale = map(_parameter, to_int8(linear.weight))
        self.bias = None if linear.bias is None else _parameter(linear.bias.detach().float().clone())

    def forward(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():
            share_cores()
        return self.product(x.numel() // x.shape[-1])(x)

    def product(self, rows: int, small: bool = False) -> Product:
        """The function that `forward` applies to inputs of so many rows, chosen once."""
        table, scale, out_features = self.weight, self.scale.detach(), self.out_features
        bias = None if self.bias is None else self.bias.detach()
        quick = table.device.type == "cpu" and 0 < rows <= FEW_ROWS
        parts = _parts(table)
        times_table = _sums(table, rows) if quick else lambda x: torch.cat([x @ from_int8(part) for part in parts])
        groups, _inputs, row = table.shape
        is_full = groups * (row - SCALES) == out_features

        def product_of_one_row(x: Tensor) -> Tensor:
            y = times_table(x if x.ndim == 1 else x.flatten()).view(-1)  # of all groups, one after the other
            y = y if is_full else y[:out_features]
            y = y * scale if bias is None else torch.addcmul(bias, y, scale)
            return y if x.ndim == 1 else y.view(*x.shape[:-1], out_features)

        def product(x: Tensor) -> Tensor:
            y = times_table(x.reshape(-1, x.shape[-1])).view(groups, rows, row - SCALES)
            y = y.transpose(0, 1).flatten(1)[:, :out_features].reshape(*x.shape[:-1], out_features)
            return y * scale if bias is None else torch.addcmul(bias, y, scale)

        return product_of_one_row if quick and rows == 1 else product


def _sums(table: Tensor, rows: int) -> Product:
    """x (rows, in_features) → (groups · rows, outputs): for each group and row a bag of all the group's inputs."""
    groups, in_features, width = table.shape
    group_starts = torch.arange(0, groups * in_features, in_features, dtype=torch.int32)
    indices = (
        (group_starts[:, None, None] + torch.arange(in_features, dtype=torch.int32)).expand(-1, rows, -1).flatten()
    )
    bags = torch.arange(0, len(indices) + 1, in_features, dtype=torch.int32)  # where each bag begins, and the last ends
    flat, taken = table.detach().view(-1, width), torch.empty(groups, rows, in_features)
    weights = taken.view(-1)
    sums = torch.ops.quantized.embedding_bag_byte_rowwise_offsets.default

    def times_table(x: Tensor) -> Tensor:
        taken.copy_(x)
        return sums(flat, indices, bags, per_sample_weights=weights, include_last_offset=True)

    return times_table


class Int8Embedding(nn.Module):
    """An embedding with int8 weights, those of `to_int8`: token ids (…) → float32 (…, emb_dim)."""

    def __init__(self, weight: nn.Parameter, scale: nn.Parameter):
        super().__init__()
        self.weight, self.scale = weight, scale

    def forward(self, token_ids: Tensor) -> Tensor:
        outputs = self.weight.shape[-1] - SCALES
        groups, columns = token_ids // outputs, token_ids % outputs
        scale = self.weight[groups, :, -SCALES:-4].view(torch.float32)[..., 0]  # (…, emb_dim)
        return (self.weight[groups, :, columns].float() - 128) * scale * self.scale[token_ids, None]


def weights_of(linear: nn.Linear | Int8Linear, output: int) -> Tensor:
    """The weights (in_features,) of one output."""
    if isinstance(linear, Int8Linear):
        return Int8Embedding(linear.weight, linear.scale)(torch.tensor(output, device=linear.weight.device))
    return linear.weight[output]
