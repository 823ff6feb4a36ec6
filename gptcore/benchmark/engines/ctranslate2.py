"""CTranslate2: Transformers in C++, and nothing else. With int8 weights it rounds activations, too.

So a processor multiplies 64 bytes by 64 at once, and one thread reads as fast as memory delivers. PyTorch has products
of that kind as well: of all matrices of GPT-2 124M, `quantized.linear_dynamic` takes 6.2 ms with two threads and 13
with one, `_int_mm` 10.8 and 22, where gptcore's bag, which rounds no activations, takes 6.6 and 14. The bundled model
is written in one call of C++, where gptcore makes about 170 calls from Python, 0.2 ms of its 0.5.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gptcore.checkpoint import load_model
from gptcore.model import GPTModel


class CTranslate2:
    """A model in CTranslate2. Its tokens are texts there, so a token's text is its id."""

    needs = {"ctranslate2": "ctranslate2"}

    def __init__(self, folder: Path, weights: str, temperature: float, top_k: int, threads: int):
        import ctranslate2

        specification = _specification(load_model(folder, device="cpu"))
        specification.validate()
        specification.optimize(quantization=weights)
        with tempfile.TemporaryDirectory() as made:
            specification.save(made)
            self.generator = ctranslate2.Generator(made, compute_type=weights, inter_threads=1, intra_threads=threads)
        self.settings = {"sampling_temperature": temperature, "sampling_topk": top_k}

    def write(self, token_ids: Tensor, max_new_tokens: int) -> Tensor:
        prompt = [str(token_id) for token_id in token_ids[0].tolist()]
        [result] = self.generator.generate_batch(
            [prompt], max_length=max_new_tokens, end_token=[], include_prompt_in_result=False, **self.settings
        )
        return torch.cat([token_ids, torch.tensor(result.sequences_ids)], dim=1)

    def logits(self, token_ids: Tensor) -> Tensor:
        return torch.from_numpy(np.array(self.generator.forward_batch(token_ids.tolist())))[0]


def _specification(model: GPTModel) -> Any:
    """The weights of `model` in the places that CTranslate2 has for them."""
    from ctranslate2.specs import TransformerDecoderModelSpec
    from ctranslate2.specs.common_spec import Activation

    config = model.config
    activation = Activation.GELUTanh if config.activation == "gelu_tanh" else Activation.GELU
    spec = TransformerDecoderModelSpec.from_config(config.n_layers, config.n_heads, activation=activation)
    spec.register_vocabulary([str(token_id) for token_id in range(config.vocab_size)])
    spec.config.layer_norm_epsilon = config.layer_norm_epsilon
    spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = "0"  # of these it uses none here
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = model.token_embedding.weight
    decoder.position_encodings.encodings = model.position_embedding.weight
    for place, block in zip(decoder.layer, model.blocks, strict=True):
        _set_norm(place.self_attention.layer_norm, block.attention_norm)
        _set_linear(place.self_attention.linear[0], block.attention.qkv)
        _set_linear(place.self_attention.linear[1], block.attention.out_proj)
        _set_norm(place.ffn.layer_norm, block.feed_forward_norm)
        _set_linear(place.ffn.linear_0, block.feed_forward.up_proj)
        _set_linear(place.ffn.linear_1, block.feed_forward.down_proj)
    _set_norm(decoder.layer_norm, model.final_norm)
    _set_linear(decoder.projection, model.head)
    return spec


def _set_norm(place: Any, norm: nn.LayerNorm) -> None:
    place.gamma, place.beta = norm.weight, norm.bias


def _set_linear(place: Any, linear: nn.Linear) -> None:
    place.weight = linear.weight
    if linear.bias is not None:
        place.bias = linear.bias
