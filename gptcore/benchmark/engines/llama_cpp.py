"""llama.cpp: language models in plain C++. Its int8 is Q8_0: 32 weights share a scale; activations are rounded, too."""

import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gptcore.checkpoint import load_model
from gptcore.hugging_face_weights import to_hugging_face


class LlamaCpp:
    """A model in llama.cpp."""

    needs = {"llama_cpp": "llama-cpp-python", "gguf": "gguf"}

    def __init__(self, folder: Path, weights: str, temperature: float, top_k: int, threads: int):
        import llama_cpp

        settings = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32}
        with tempfile.TemporaryDirectory() as made:
            file = Path(made) / "model.gguf"
            write_gguf(file, folder, weights)
            self.model = llama_cpp.Llama(
                str(file),
                n_ctx=0,  # the model's own
                n_threads=threads,
                n_threads_batch=threads,
                use_mmap=False,  # the file is gone soon
                verbose=False,
                **(settings if weights == "float32" else {}),  # float16 otherwise
            )
        # All other ways to choose among tokens are off.
        self.settings = {"temp": temperature, "top_k": top_k, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0}

    def write(self, token_ids: Tensor, max_new_tokens: int) -> Tensor:
        self.model.reset()  # or it would not read again what the last text began with
        new = islice(self.model.generate(token_ids[0].tolist(), **self.settings), max_new_tokens)
        return torch.cat([token_ids, torch.tensor([list(new)])], dim=1)

    def logits(self, token_ids: Tensor) -> Tensor:
        from llama_cpp import llama_get_logits_ith

        self.model.reset()
        rows = []
        for token_id in token_ids[0].tolist():
            self.model.eval([token_id])
            last = llama_get_logits_ith(self.model.ctx, -1)
            rows.append(np.ctypeslib.as_array(last, shape=(self.model.n_vocab(),)).copy())
        return torch.from_numpy(np.stack(rows))


def write_gguf(file: Path, folder: Path, weights: str) -> None:
    """The model in `folder` as a file of llama.cpp, without a tokenizer: every token is a number there."""
    from gguf import MODEL_ARCH, GGMLQuantizationType, GGUFWriter, get_tensor_name_map
    from gguf.quants import quantize

    model = load_model(folder, device="cpu")
    config, tensors = model.config, to_hugging_face(model)
    writer = GGUFWriter(file, "gpt2")
    writer.add_block_count(config.n_layers)
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.emb_dim)
    writer.add_feed_forward_length(config.hidden_dim)
    writer.add_head_count(config.n_heads)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("none")
    names = get_tensor_name_map(MODEL_ARCH.GPT2, config.n_layers)
    for name, weight in tensors.items():
        theirs = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if weight.ndim == 2 and ".h." in name:
            weight = weight.t()
        rounded = weights == "int8" and weight.ndim == 2 and ".wpe." not in name
        kind = GGMLQuantizationType.Q8_0 if rounded else GGMLQuantizationType.F32
        writer.add_tensor(theirs, quantize(np.ascontiguousarray(weight.detach()), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
