import json
import re

import pytest
import torch

from gptcore import load, load_model
from tests.checkpoints import change_config, change_weights, check_same_logits

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 548105171\n"
PAGE = "\n<!DOCTYPE html>\n<html><body>Sign in to continue</body></html>\n"


def check_refused(folder, *words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(str(folder))) as raised:
        load_model(folder)
    sentence = str(raised.value)
    assert all(word in sentence for word in words), sentence
    assert "\n" not in sentence and len(sentence) < 500 + len(str(folder))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize(
    ("content", "words"),
    [(POINTER, ["is a pointer of Git LFS", "git lfs pull"]), (PAGE, ["is a web page", "download it again"])],
)
def test_what_a_copying_program_has_left_is_named(tmp_path, name, content, words, of_transformers):
    of_transformers(tmp_path)
    (tmp_path / name).write_text(content)
    check_refused(tmp_path, name, *words)


def test_a_shard_and_an_index_may_be_pointers_too(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "1.safetensors"}}')
    (tmp_path / "1.safetensors").write_text(POINTER)
    check_refused(tmp_path, "1.safetensors is a pointer of Git LFS")
    (tmp_path / "model.safetensors.index.json").write_text(POINTER)
    check_refused(tmp_path, "model.safetensors.index.json is a pointer of Git LFS")


@pytest.mark.parametrize("whole", [True, False])
def test_an_adapter_is_named_with_its_model(tmp_path, whole, of_transformers):
    if whole:
        of_transformers(tmp_path)
    settings = {"peft_type": "LORA", "base_model_name_or_path": "openai-community/gpt2", "r": 8}
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    check_refused(tmp_path, "adapter", "'openai-community/gpt2'", "merge_and_unload()", "save_pretrained()")
    with pytest.raises(ValueError, match="adapter"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"base_model_name_or_path": 5}'])
def test_an_adapter_need_not_name_its_model(tmp_path, text):
    (tmp_path / "adapter_config.json").write_text(text)
    check_refused(tmp_path, "adapter", "merge_and_unload()")


def like(renamed: dict[str, torch.Tensor]):
    """Each matrix of a block replaced by tensors with other ends of their names."""

    def change(weights):
        matrices = [name for name, tensor in weights.items() if ".h." in name and tensor.ndim == 2]
        for name in matrices:
            del weights[name]
            weights |= {name.removesuffix("weight") + end: tensor.clone() for end, tensor in renamed.items()}

    return change


INT32, INT8, BYTES, HALF = (
    torch.ones(4, 4, dtype=dtype) for dtype in (torch.int32, torch.int8, torch.uint8, torch.half)
)
GPTQ = {"qweight": INT32, "qzeros": INT32, "scales": HALF, "g_idx": INT32}


@pytest.mark.parametrize(
    ("settings", "tensors"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, GPTQ),
        ({"quant_method": "awq", "bits": 4}, {"qweight": INT32, "qzeros": INT32, "scales": HALF}),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, {"weight": INT8, "SCB": HALF, "weight_format": BYTES}),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            {
                "weight": BYTES,
                "weight.absmax": HALF,
                "weight.quant_state.bitsandbytes__nf4": BYTES,
            },
        ),
        ({"quant_method": "compressed-tensors"}, {"weight": INT8, "weight_scale": HALF}),
        ({"quant_method": "fp8"}, {"weight": HALF.to(torch.float8_e4m3fn), "weight_scale_inv": HALF}),
    ],
)
@pytest.mark.parametrize("said", [True, False])
def test_quantised_weights_are_called_so(tmp_path, settings, tensors, said, of_transformers):
    """Whether the config says it or only the tensors do."""
    of_transformers(tmp_path)
    change_weights(tmp_path, like(tensors))
    if said:
        change_config(tmp_path, quantization_config=settings)
    check_refused(tmp_path, "quantis", "dequantize()", *([settings["quant_method"]] if said else []))


def test_integers_are_no_weights(tmp_path, of_transformers):
    of_transformers(tmp_path)
    change_weights(tmp_path, lambda w: {name: tensor.to(torch.int8) for name, tensor in w.items()})
    check_refused(tmp_path, "must have floating-point values, got torch.int8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight",
            ["adapter (LoRA)", "merge_and_unload()"],
        ),
        ("base_model.model.transformer.h.0.attn.c_attn.base_layer.weight", ["adapter (LoRA)", "merge_and_unload()"]),
        ("transformer.h.0.crossattention.c_attn.weight", ["encoder", "use a GPT-2 that writes on its own"]),
        ("score.weight", ["classifier", "use a GPT-2 that writes"]),
        ("module.classifier.bias", ["classifier", "use a GPT-2 that writes"]),
        ("transformer.h.0.gate.weight", ["which no GPT-2 has", "use a model without it"]),
        ("transformer.h.3.ln_1.weight", ["but config.json has n_layer 3"]),
    ],
)
def test_a_tensor_that_is_no_gpt2_s_tells_what_the_model_is(tmp_path, name, words, of_transformers):
    of_transformers(tmp_path)
    change_weights(tmp_path, lambda w: w | {name: torch.ones(2, 2)})
    check_refused(tmp_path, repr(name), *words)


@pytest.mark.parametrize(
    "model_type", ["gpt_neo", "gptj", "gpt_neox", "llama", "gpt_bigcode", "openai-gpt", "bert", "GPT2", "", 5, ["gpt2"]]
)
def test_another_architecture_is_named(tmp_path, model_type, of_transformers):
    of_transformers(tmp_path)
    change_config(tmp_path, model_type=model_type)
    check_refused(tmp_path, "config.json", f"model_type {model_type!r}", "only 'gpt2'", "choose a GPT-2")


@pytest.mark.parametrize("there", [True, False])
def test_a_config_without_a_model_type_is_told_what_to_add(tmp_path, there, of_transformers):
    theirs = of_transformers(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["model_type"]
    (tmp_path / "config.json").write_text(json.dumps(config | ({"model_type": None} if there else {})))
    check_refused(tmp_path, "config.json", 'if it is a GPT-2, add "model_type": "gpt2"')
    change_config(tmp_path, model_type="gpt2")
    check_same_logits(load_model(tmp_path, device="cpu"), theirs, [37])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pytorch_model.bin", ["pickle", "never read", "save_pretrained()"]),
        ("model.pt", ["pickle", "never read"]),
        ("model.ckpt", ["pickle", "never read"]),
        ("tf_model.h5", ["TensorFlow", "from_tf=True", "save_pretrained()"]),
        ("flax_model.msgpack", ["Flax", "from_flax=True", "save_pretrained()"]),
        ("gpt2.Q4_K_M.gguf", ["llama.cpp", "gguf_file"]),
        ("model.onnx", ["ONNX"]),
        ("onnx/decoder_model.onnx", ["ONNX"]),
        ("rust_model.ot", ["Rust"]),
        ("weights.npz", ["MLX", "the model that it was made from"]),
        ("model.ckpt.index", ["OpenAI", 'load("gpt2")']),
        ("hparams.json", ["OpenAI", 'load("gpt2")']),
        ("adapter_model.safetensors", ["adapter (LoRA)", "merge_and_unload()"]),
        ("adapter_model.bin", ["adapter (LoRA)", "merge_and_unload()"]),
        ("pytorch_model-00001-of-00002.bin", ["pickle", "never read"]),
        ("model.fp16.safetensors", ["another name", "rename it to model.safetensors"]),
        ("gpt2.safetensors", ["another name", "rename it to model.safetensors"]),
    ],
)
@pytest.mark.parametrize("with_config", [True, False])
def test_weights_in_another_format_are_named(tmp_path, name, words, with_config, of_transformers):
    of_transformers(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"never read")
    if not with_config:
        (tmp_path / "config.json").unlink()
    check_refused(tmp_path, f"has no {'model.safetensors' if with_config else 'config.json'}", name, *words)


def test_a_folder_of_folders_names_the_last(tmp_path, of_transformers):
    for steps in ("checkpoint-500", "checkpoint-900"):
        of_transformers(tmp_path / steps)
    check_refused(tmp_path, "has no config.json", f"{tmp_path / 'checkpoint-900'} has one, so load that")
