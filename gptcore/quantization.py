"""Weights as whole numbers: a quarter of float32's bytes to keep, and to read for every new token.

Each row of a weight matrix is divided by a scale of its own, so that its largest number becomes 127 or −127, and
rounded. That is "absmax" quantisation (Dettmers et al. 2022, "LLM.int8()", section 2.1), here of the weights alone:
what flows through the model stays float32, and so do biases, norms and positions. It is for reading and writing text;
whole numbers have no gradient to learn by.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.linear import Product
from gptcore.model import GPTModel

FEW_ROWS = 4  # with more, it is quicker to turn the weights back into float32 first


def quantize(model: GPTModel) -> GPTModel:
    """A new model with the int8 weights of `model`, in eval mode; token embedding and output head are among them.

    Raises ValueError if the model is quantised already.
    """
    if any(isinstance(module, Int8Linear) for module in model.modules()):
        raise ValueError("model must have weights of floating-point numbers, got one that is quantised already")
    quantized = copy.deepcopy(model).float().eval()
    for module in list(quantized.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Linear):
                setattr(module, name, Int8Linear(child))
    quantized.token_embedding = Int8Embedding(quantized.token_embedding.weight)
    if model.config.tie_embeddings:
        quantized.token_embedding.weight, quantized.token_embedding.scale = quantized.head.weight, quantized.head.scale
    return quantized.requires_grad_(False)


def int8_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight (out, in) as int8 (out, in), and one float32 scale per row (out,): weight ≈ int8 * scale.

    A number is off by at most half a scale, which is 1/254 of the largest in its row.
    """
    weight = weight.detach().float()
    scale = weight.abs().amax(dim=1) / 127
    rounded = (weight / scale.clamp(min=torch.finfo(torch.float32).tiny)[:, None]).round()
    return rounded.clamp(-127, 127).to(torch.int8), scale


class Int8Linear(nn.Module):
    """A linear layer with int8 weights (out, in) and float32 scales (out,): float32 (…, in) → float32 (…, out)."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight, scale = int8_rows(linear.weight)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.register_buffer("scale", scale)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        return self.product(x.numel() // x.shape[-1])(x)

    def product(self, rows: int) -> Product:
        """What `forward` does to inputs of so many rows: whoever asks once need not choose again."""
        weight, scale, bias = self.weight, self.scale, self.bias
        if weight.device.type == "cpu" and 0 < rows <= FEW_ROWS and self.in_features % 32 == 0:
            # PyTorch's product with int8 weights, made for torchao. It wants bfloat16 rows, and reads them in steps of
            # up to 32 numbers without looking for the end.
            rounded = scale.bfloat16()

            def times_weight(x: Tensor) -> Tensor:
                y = torch._weight_int8pack_mm(x.reshape(-1, self.in_features).bfloat16(), weight, rounded).float()
                return y.view(*x.shape[:-1], self.out_features)
        else:

            def times_weight(x: Tensor) -> Tensor:
                return F.linear(x, weight.to(x.dtype)) * scale

        return times_weight if bias is None else lambda x: times_weight(x) + bias


class Int8Embedding(nn.Module):
    """An embedding with int8 rows: token ids (…) → float32 (…, emb_dim)."""

    def __init__(self, weight: Tensor):
        super().__init__()
        rows, scale = int8_rows(weight)
        self.weight = nn.Parameter(rows, requires_grad=False)
        self.register_buffer("scale", scale)

    def forward(self, token_ids: Tensor) -> Tensor:
        return self.weight[token_ids] * self.scale[token_ids][..., None]
