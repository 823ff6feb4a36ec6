"""OpenVINO: Intel's compiler of models. It is given a graph of operations, and makes code for the CPU at hand."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.checkpoint import load_model
from gptcore.model import GPTModel


class OpenVINO:
    """A model in OpenVINO, which keeps keys and values itself; it draws with PyTorch.

    Activations, keys and values stay float32 with int8 weights, too: that is as quick, and nearer to float32.
    """

    needs = {"openvino": "openvino"}

    def __init__(self, folder: Path, weights: str, temperature: float, top_k: int, threads: int):
        import openvino
        from openvino.properties import hint, inference_num_threads

        settings = {
            hint.performance_mode: hint.PerformanceMode.LATENCY,
            hint.inference_precision: openvino.Type.f32,
            hint.kv_cache_precision: openvino.Type.f32,
            hint.dynamic_quantization_group_size: 0,
            hint.enable_cpu_pinning: False,  # a thread that stays on its core waits for whatever else runs there
            inference_num_threads: threads,
        }
        model = load_model(folder, device="cpu")
        compiled = openvino.Core().compile_model(_Graph(model, weights == "int8").whole(), "CPU", settings)
        self.request = compiled.create_infer_request()
        size = model.config.context_length
        self.mask = np.triu(np.full((size, size), -np.inf, dtype=np.float32), 1)
        self.temperature, self.top_k = temperature, top_k

    def write(self, token_ids: Tensor, max_new_tokens: int) -> Tensor:
        self.request.reset_state()
        text = token_ids[0].tolist()
        logits = self._read(text, 0)
        for new in range(max_new_tokens):
            values, candidates = torch.from_numpy(logits[-1]).topk(self.top_k)
            chosen = torch.multinomial(F.softmax(values / self.temperature, dim=-1), num_samples=1)
            text.append(int(candidates[chosen]))
            if new + 1 < max_new_tokens:
                logits = self._read(text[-1:], len(text) - 1)
        return torch.tensor([text])

    def logits(self, token_ids: Tensor) -> Tensor:
        self.request.reset_state()
        rows = [self._read([token_id], past).copy() for past, token_id in enumerate(token_ids[0].tolist())]
        return torch.from_numpy(np.concatenate(rows))

    def _read(self, token_ids: list[int], past: int) -> np.ndarray:
        """Logits (T, vocab_size) of T new tokens after `past` others, valid until the next are read."""
        end = past + len(token_ids)
        mask = np.ascontiguousarray(self.mask[None, None, past:end, :end])
        inputs = [np.array([token_ids]), np.arange(past, end), mask, np.zeros(1, dtype=np.int32)]
        return self.request.infer(inputs, share_inputs=True, share_outputs=True)[0][0]


class _Graph:
    """The operations of `model`, in the shapes that OpenVINO's optimisations for language models look for."""

    def __init__(self, model: GPTModel, int8: bool):
        from openvino import opset13

        self.op: Any = opset13
        self.config, self.int8 = model.config, int8
        self.weights = {name: weight.detach().numpy() for name, weight in model.state_dict().items()}
        self.beam = self.op.parameter([1], np.int32, name="beam")  # always 0: there is one text
        self.mask = self.op.parameter([1, 1, -1, -1], np.float32, name="mask")  # (1, 1, T, S)
        self.kept: list[Any] = []  # what the next call begins with

    def whole(self) -> Any:
        import openvino

        op = self.op
        token_ids = op.parameter([1, -1], np.int64, name="token_ids")
        positions = op.parameter([-1], np.int64, name="positions")
        x = op.add(self.rows("token_embedding", token_ids), self.rows("position_embedding", positions))
        for layer in range(self.config.n_layers):
            x = self.block(x, f"blocks.{layer}")
        logits = self.linear(self.norm(x, "final_norm"), "head")
        inputs = [token_ids, positions, self.mask, self.beam]
        return openvino.Model([op.result(logits)], self.kept, inputs, "gpt")

    def block(self, x: Any, name: str) -> Any:
        op, config = self.op, self.config
        qkv = self.linear(self.norm(x, f"{name}.attention_norm"), f"{name}.attention.qkv")
        queries, keys, values = map(self.heads, op.split(qkv, np.int64(-1), 3).outputs())
        keys, values = self.all(keys, f"{name}.keys"), self.all(values, f"{name}.values")
        mixed = op.transpose(op.scaled_dot_product_attention(queries, keys, values, self.mask), np.array([0, 2, 1, 3]))
        mixed = op.reshape(mixed, np.array([0, 0, config.emb_dim]), special_zero=True)
        x = op.add(x, self.linear(mixed, f"{name}.attention.out_proj"))
        y = self.linear(self.norm(x, f"{name}.feed_forward_norm"), f"{name}.feed_forward.up_proj")
        y = op.gelu(y, "tanh" if config.activation == "gelu_tanh" else "erf")
        return op.add(x, self.linear(y, f"{name}.feed_forward.down_proj"))

    def rows(self, name: str, indices: Any) -> Any:
        return self.op.gather(self.weights[f"{name}.weight"], indices, np.int64(0))

    def norm(self, x: Any, name: str) -> Any:
        op, last = self.op, np.array([-1])
        y = op.mvn(x, last, True, self.config.layer_norm_epsilon, "INSIDE_SQRT")
        return op.add(op.multiply(y, self.weights[f"{name}.weight"]), self.weights[f"{name}.bias"])

    def linear(self, x: Any, name: str) -> Any:
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        y = self.op.matmul(x, self.integers(weight) if self.int8 else weight, False, True)
        return y if bias is None else self.op.add(y, bias)

    def integers(self, weight: np.ndarray) -> Any:
        """An int8 for each weight (out, in) and a scale for each output. The compiler never makes them floats."""
        scale = np.abs(weight).max(axis=1, keepdims=True) / 127
        rounded = np.round(weight / np.maximum(scale, np.finfo(np.float32).tiny)).astype(np.int8)
        return self.op.multiply(self.op.convert(self.op.constant(rounded), "f32"), scale)

    def heads(self, x: Any) -> Any:
        """(1, T, emb_dim) → (1, n_heads, T, head_dim)."""
        shape = np.array([0, 0, self.config.n_heads, self.config.head_dim])
        return self.op.transpose(self.op.reshape(x, shape, special_zero=True), np.array([0, 2, 1, 3]))

    def all(self, new: Any, name: str) -> Any:
        """Keys or values of all tokens so far, (1, n_heads, S, head_dim), of which those of `new` are the last T."""
        import openvino

        op, n_heads, head_dim = self.op, self.config.n_heads, self.config.head_dim
        none = np.zeros((1, n_heads, 0, head_dim), dtype=np.float32)
        shape = openvino.PartialShape([1, n_heads, -1, head_dim])
        past = op.read_value(none, name, openvino.Type.f32, shape)
        together = op.concat([op.gather(past, self.beam, np.int64(0)), new], 2)
        self.kept.append(op.assign(together, name))
        return together
