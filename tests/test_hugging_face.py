import json
import math
import os
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from transformers import GPT2LMHeadModel
from transformers.activations import ACT2FN

from gptcore import (
    GPT2Tokenizer,
    GPTConfig,
    GPTModel,
    load,
    load_model,
    record,
    save,
)
from gptcore.hub import STORYTELLER
from tests.checkpoints import LENGTHS, change_config, change_weights, check_same_greedy_tokens, check_same_logits


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_head": 1, "n_layer": 1},
        {"n_embd": 24, "n_head": 3, "vocab_size": 64},  # padded beyond the tokenizer
        {"tie_word_embeddings": False},
        {"n_inner": 20},
        {"n_positions": 123, "layer_norm_epsilon": 1e-3},
        *({"activation_function": name} for name in ("gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh")),
        {"reorder_and_upcast_attn": True},
        {"scale_attn_by_inverse_layer_idx": True},
        {"scale_attn_weights": False, "n_embd": 24, "n_head": 3},  # √8 is no power of two
        {"scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True},
        {"resid_pdrop": 0.0, "embd_pdrop": 0.3, "attn_pdrop": 0.3},
    ],
    ids=str,
)
def test_a_model_of_transformers_gives_the_same_logits_and_greedy_tokens(tmp_path, settings, of_transformers):
    theirs = of_transformers(tmp_path, **settings)
    ours = load_model(tmp_path, device="cpu")
    check_same_logits(ours, theirs, [*LENGTHS, ours.config.context_length])
    check_same_greedy_tokens(ours, theirs)


# What config.json says in models of different writers, apart from sizes.
_LABELS = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}, "_num_labels": 1}
_SUMMARY = {
    **{"summary_activation": None, "summary_first_dropout": 0.1, "summary_proj_to_labels": True},
    **{"summary_type": "cls_index", "summary_use_proj": True},
}
WRITERS = {
    "OpenAI, 2019": {"n_ctx": 80, "initializer_range": 0.02, "embd_pdrop": 0.1, "attn_pdrop": 0.1, **_SUMMARY},
    "distilled": {
        **{"_num_labels": 1, "n_ctx": 80, "vocab_size": 61, "activation_function": "gelu_new", **_SUMMARY},
        "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    },
    "Korean": {
        **{"author": "a laboratory", "created_date": "2021-04-28", "license": "CC-BY-NC-SA 4.0", **_LABELS},
        **{"gradient_checkpointing": False, "n_ctx": 80, "n_inner": None, "pad_token_id": 3, "use_cache": True},
        **{"transformers_version": "4.5.1", "scale_attn_weights": True, "eos_token_id": 1, "bos_token_id": 0},
    },
    "Swedish": {
        **{"activation_function": "gelu", "n_inner": 128, "apply_query_key_layer_scaling": True, "dtype": "float32"},
        **{"normalize_attention_scores": True, "reorder_and_upcast_attn": False, "torch_dtype": "float32"},
        **{"scale_attn_by_inverse_layer_idx": False, "tokenizer_class": "GPTSw3Tokenizer", "eos_token_id": 3},
    },
    "Mistral's recipe": {
        **{"scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True, "attn_pdrop": 0.1},
        **{"_name_or_path": "mistral", "gradient_checkpointing": False, "n_inner": None, "embd_pdrop": 0.1},
    },
    "dialogue": {"n_ctx": 80, "eos_token_id": [0, 2], "task_specific_params": {"conversational": {"max_length": 99}}},
}


@pytest.mark.parametrize("settings", WRITERS.values(), ids=WRITERS)
def test_the_configs_of_different_writers_are_read(tmp_path, settings, of_transformers):
    of_transformers(tmp_path)
    change_config(tmp_path, **settings)
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    ours = load_model(tmp_path, device="cpu")
    check_same_logits(ours, theirs, [37])
    check_same_greedy_tokens(ours, theirs)


SCALED = {"scale_attn_by_inverse_layer_idx": True, "scale_attn_weights": False, "reorder_and_upcast_attn": True}


def test_scaled_attention_is_recorded_as_transformers_computes_it(tmp_path, of_transformers):
    of_transformers(tmp_path, **SCALED)
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path, attn_implementation="eager")
    token_ids = torch.arange(20)[None]
    with torch.no_grad():
        expected = theirs(token_ids, output_attentions=True)
    recording = record(load_model(tmp_path, device="cpu"), token_ids)
    assert (recording.attention - torch.cat(expected.attentions)).abs().max() <= 1e-5
    assert (recording.logits - expected.logits[0]).abs().max() <= 1e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_scaled_attention_is_computed_from_files_of_any_precision(tmp_path, dtype, of_transformers):
    of_transformers(tmp_path, **SCALED).to(dtype).save_pretrained(tmp_path)
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path, dtype=torch.float64)
    ours = load_model(tmp_path, device="cpu", dtype=torch.float64)
    token_ids = torch.arange(30)[None]
    with torch.no_grad():  # the square root of a width is rounded to float32 if the file has no more than that
        assert (ours(token_ids) - theirs(token_ids).logits).abs().max() <= 1e-5


def test_what_was_scaled_is_saved_as_a_plain_gpt2_with_the_same_logits(tmp_path, tokenizer, of_transformers):
    theirs = of_transformers(tmp_path / "scaled", vocab_size=len(tokenizer), **SCALED)
    save(tmp_path / "plain", load_model(tmp_path / "scaled", device="cpu"), tokenizer)
    plain = GPT2LMHeadModel.from_pretrained(tmp_path / "plain")
    assert plain.config.scale_attn_weights and not plain.config.scale_attn_by_inverse_layer_idx
    check_same_logits(load_model(tmp_path / "plain", device="cpu"), theirs)
    check_same_logits(load_model(tmp_path / "plain", device="cpu"), plain)


@pytest.mark.parametrize("name", ACT2FN)
def test_any_activation_is_computed_exactly_or_refused_by_name(tmp_path, name, of_transformers):
    try:
        theirs = of_transformers(tmp_path, activation_function=name)
    except Exception:
        return pytest.skip("it is no function of one value")
    x = torch.linspace(-20, 20, 999)
    result = ACT2FN[name](x)
    if any((result - F.gelu(x, approximate=kind)).abs().max() < 1e-5 for kind in ("none", "tanh")):
        return check_same_logits(load_model(tmp_path, device="cpu"), theirs, [37])
    with pytest.raises(ValueError, match=f"activation_function {name!r}, but gptcore computes only gelu_new"):
        load_model(tmp_path)


SIZES = ["vocab_size", "n_positions", "n_embd", "n_head", "n_layer", "n_inner"]
FLAGS = [
    *("qkv_bias", "tie_word_embeddings", "scale_attn_weights"),
    *("scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention"),
]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        *(({name: "false"}, [f"{name} must be True or False", "'false'"]) for name in FLAGS),
        *(({name: None}, [f"{name} must be True or False", "None"]) for name in FLAGS),
        *(({name: 1}, [f"{name} must be True or False", "1"]) for name in FLAGS),
        *(({name: "3"}, [f"{name} must be an integer, got '3'"]) for name in SIZES),
        *(({name: 3.0}, [f"{name} must be an integer, got 3.0"]) for name in SIZES),
        *(({name: True}, [f"{name} must be an integer, got True"]) for name in SIZES),
        *(({name: [3]}, [f"{name} must be an integer, got [3]"]) for name in SIZES),
        *(({name: -3}, [f"{name} must be at least 1, got -3"]) for name in SIZES),
        *(({name: 0}, [f"{name} must be at least 1, got 0"]) for name in SIZES),
        *(({name: math.inf}, [f"{name} must be an integer, got inf"]) for name in SIZES),
        *(({name: "x" * 10**6}, [f"{name} must be an integer, got 'xxx"]) for name in SIZES),
        ({"layer_norm_epsilon": math.inf}, ["layer_norm_epsilon must be above 0 and finite, got inf"]),
        ({"layer_norm_epsilon": math.nan}, ["layer_norm_epsilon must be above 0 and finite, got nan"]),
        ({"layer_norm_epsilon": -1e-5}, ["layer_norm_epsilon must be above 0", "-1e-05"]),
        ({"layer_norm_epsilon": 10**400}, ["layer_norm_epsilon must be a number that a float can hold, got 1000"]),
        ({"layer_norm_epsilon": True}, ["layer_norm_epsilon must be a number, got True"]),
        ({"resid_pdrop": 1.5}, ["resid_pdrop must be at least 0 and below 1, got 1.5"]),
        ({"resid_pdrop": None}, ["resid_pdrop must be a number, got None"]),
        ({"activation_function": None}, ["activation_function None", "gelu_new"]),
        ({"activation_function": "x" * 10**6}, ["activation_function 'xxx", "gelu_new"]),
        ({"n_head": 5}, ["n_embd=32", "n_head=5"]),
        ({"n_embd": None}, ["n_embd must", "None"]),
        ({"layer_norm_epsilon": "tiny"}, ["layer_norm_epsilon", "'tiny'"]),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_name(tmp_path, settings, words, of_transformers):
    of_transformers(tmp_path)
    change_config(tmp_path, **settings)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))) as raised:
        load_model(tmp_path)
    assert all(word in str(raised.value) for word in words)
    assert len(str(raised.value)) < 400 + len(str(tmp_path)) and "\n" not in str(raised.value)


def test_a_sentence_has_the_name_that_the_file_has(tmp_path, of_transformers):
    of_transformers(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["n_head"]
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_attention_heads": 5}))
    with pytest.raises(ValueError, match="n_embd=32 and num_attention_heads=5"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        *({name: size} for name in SIZES[:3] + SIZES[4:] for size in (10**5, 10**9, 10**18, 10**100)),
        {"n_embd": 10**9, "n_head": 10**9},
        {"n_layer": 2},
        {"vocab_size": 64},
    ],
    ids=str,
)
def test_sizes_that_the_weights_do_not_have_are_refused_before_anything_is_built(tmp_path, change, of_transformers):
    """10⁹ layers would take for ever, and 10⁹ values per token would take all memory."""
    of_transformers(tmp_path)
    change_config(tmp_path, **change)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))) as raised:
        load_model(tmp_path)
    assert all(f"{name} {size}"[:30] in str(raised.value) for name, size in change.items() if name != "n_head")
    assert len(str(raised.value)) < 900


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_config_may_be_written_by_any_editor(tmp_path, encoding, of_transformers):
    theirs = of_transformers(tmp_path)
    text = (tmp_path / "config.json").read_text(encoding="utf-8")
    (tmp_path / "config.json").write_text(text, encoding=encoding)
    check_same_logits(load_model(tmp_path, device="cpu"), theirs)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 10**6, "nested too deep"),
        ('{"a":' * 10**5, "nested too deep"),
        (f'{{"model_type": "gpt2", "a": {"[" * 10**5}{"]" * 10**5}}}', "nested too deep"),
        (" " * (10**7 + 1), "has 10,000,001 bytes, far more than any file of its kind"),
        ('{"model_type": "gpt2", "n_layer": 3, "n_layer": 4}', "'n_layer' has two values"),
        (f'{{"n_layer": {"9" * 5000}}}', "cannot be read as JSON"),
        ("", "cannot be read as JSON"),
        ("\0" * 100, "cannot be read as JSON"),
        ("{'model_type': 'gpt2'}", "cannot be read as JSON"),
        ("null", "must hold a JSON object, got NoneType"),
    ],
    ids=lambda value: value[:20],
)
def test_a_config_that_is_no_json_of_a_model_is_refused(tmp_path, text, words, of_transformers):
    of_transformers(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "config.json"))) as raised:
        load_model(tmp_path)
    assert words in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "adapter_config.json"])
@pytest.mark.parametrize("make", [getattr(os, "mkfifo", None), lambda file: file.symlink_to("/dev/zero"), Path.mkdir])
def test_what_is_no_file_is_not_read(tmp_path, name, make, of_transformers):
    """Of a pipe nobody would write the end, and /dev/zero has none."""
    theirs = of_transformers(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    make(tmp_path / name)
    if name == "adapter_config.json":
        return check_same_logits(load_model(tmp_path, device="cpu"), theirs)
    with pytest.raises(ValueError, match=f"{re.escape(str(tmp_path))} has no {name}"):
        load_model(tmp_path)


def test_weights_in_several_files_are_read(tmp_path, of_transformers):
    theirs = of_transformers(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    theirs.save_pretrained(tmp_path, max_shard_size="30KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    check_same_logits(load_model(tmp_path, device="cpu"), theirs)


def test_the_oldest_files_of_gpt2_without_a_prefix_and_with_masks_are_read(tmp_path, of_transformers):
    theirs = of_transformers(tmp_path)
    mask = torch.ones(1, 1, 80, 80).tril()

    def like_the_first(weights):
        weights = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
        masks = {f"h.{layer}.attn.bias": mask.clone() for layer in range(3)}
        return weights | masks | {f"h.{layer}.attn.masked_bias": torch.tensor(-1e4) for layer in range(3)}

    change_weights(tmp_path, like_the_first)
    check_same_logits(load_model(tmp_path, device="cpu"), theirs)


def test_a_stored_copy_of_a_shared_head_is_read(tmp_path, of_transformers):
    theirs = of_transformers(tmp_path)
    change_weights(tmp_path, lambda w: w | {"lm_head.weight": w["transformer.wte.weight"].clone()})
    ours = load_model(tmp_path, device="cpu")
    assert ours.head.weight is ours.token_embedding.weight
    check_same_logits(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_files_are_float32_in_memory_unless_another_dtype_is_given(tmp_path, dtype, of_transformers):
    of_transformers(tmp_path).to(dtype).save_pretrained(tmp_path)
    ours = load_model(tmp_path, device="cpu")
    assert {parameter.dtype for parameter in ours.parameters()} == {torch.float32}
    check_same_logits(ours, GPT2LMHeadModel.from_pretrained(tmp_path, dtype=torch.float32))
    assert load_model(tmp_path, device="cpu", dtype=dtype).dtype == dtype


def test_a_model_without_qkv_bias_is_read_where_the_config_says_so(tmp_path, of_transformers):
    theirs = of_transformers(tmp_path)
    for block in theirs.transformer.h:
        torch.nn.init.zeros_(block.attn.c_attn.bias)
    theirs.save_pretrained(tmp_path)
    change_config(tmp_path, qkv_bias=False)
    ours = load_model(tmp_path, device="cpu")
    assert ours.blocks[0].attention.qkv.bias is None
    check_same_logits(ours, theirs)


def test_a_setting_may_use_its_alias_but_not_have_two_values(tmp_path, of_transformers):
    """The number of heads changes no shape: if its alias were ignored, the model would load and be wrong."""
    theirs = of_transformers(tmp_path, n_embd=48, n_head=6)
    names = {"n_head": "num_attention_heads", "n_layer": "num_hidden_layers", "n_embd": "hidden_size"}
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    aliased = {names.get(key, key): value for key, value in config.items()}
    file.write_text(json.dumps({**aliased, "max_position_embeddings": aliased.pop("n_positions")}))
    check_same_logits(load_model(tmp_path, device="cpu"), theirs)
    file.write_text(json.dumps({**config, "num_attention_heads": 12}))
    with pytest.raises(ValueError, match="n_head 6, but num_attention_heads 12, which means the same"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tie_embeddings": False},
        {"qkv_bias": False},
        {"qkv_bias": False, "tie_embeddings": False, "hidden_dim": 9, "activation": "gelu", "layer_norm_epsilon": 1e-3},
    ],
    ids=str,
)
def test_transformers_and_load_read_what_save_wrote(tmp_path, tokenizer, settings):
    torch.manual_seed(0)
    config = GPTConfig(len(tokenizer) + 4, 80, 32, 4, 2, **settings)
    model = GPTModel(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    save(tmp_path / "new" / "folder", model, tokenizer)
    theirs, info = GPT2LMHeadModel.from_pretrained(tmp_path / "new" / "folder", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    check_same_logits(model, theirs)
    check_same_greedy_tokens(model, theirs)
    again, tokenizer_again = load(tmp_path / "new" / "folder", device="cpu")
    assert again.config == config
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert tokenizer_again.encode("옛날 옛적에") == tokenizer.encode("옛날 옛적에")


def test_the_bundled_model_is_the_same_in_transformers():
    model, tokenizer = load(device="cpu")
    theirs = GPT2LMHeadModel.from_pretrained(STORYTELLER, dtype=torch.float32)
    check_same_logits(model, theirs, [1, 37, model.config.context_length])
    check_same_greedy_tokens(model, theirs)
    assert len(tokenizer) <= model.config.vocab_size


def test_transformers_reads_what_save_wrote_of_the_bundled_model(tmp_path):
    model, tokenizer = load(device="cpu")
    save(tmp_path, model, tokenizer)
    check_same_logits(model, GPT2LMHeadModel.from_pretrained(tmp_path), [1, 37])
    theirs = GPT2Tokenizer.from_pretrained(tmp_path)
    for text in ("Once upon a time", "옛날 옛적에", "<|endoftext|>"):
        assert theirs.encode(text) == tokenizer.encode(text)


def cut_in_half(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def sharded_with(index: str):
    def change(folder):
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(index)

    return change


def pickle_only(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"never read")


def renamed(before: str, after: str):
    return lambda folder: change_weights(folder, lambda w: w | {after: w.pop(before)})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: (f / "config.json").unlink(), ["config.json"]),
        (lambda f: (f / "config.json").write_text('{"model_type": '), ["config.json", "JSON"]),
        (lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00"), ["config.json", "JSON"]),
        (lambda f: (f / "config.json").write_text("[1]"), ["config.json", "list"]),
        (lambda f: (f / "model.safetensors").unlink(), ["model.safetensors"]),
        (cut_in_half, ["model.safetensors", "complete"]),
        (lambda f: (f / "model.safetensors").write_bytes(b""), ["model.safetensors", "complete"]),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"PK\x03\x04 garbage" * 99),
            ["model.safetensors", "complete"],
        ),
        (pickle_only, ["model.safetensors", "pytorch_model.bin", "pickle"]),
        (sharded_with("{"), ["model.safetensors.index.json"]),
        (sharded_with('{"weight": 1}'), ["model.safetensors.index.json"]),
        (sharded_with('{"weight_map": {"a": "part-1.safetensors"}}'), ["part-1.safetensors"]),
        (sharded_with('{"weight_map": {"a": "../part.safetensors"}}'), ["model.safetensors.index.json"]),
        (lambda f: change_config(f, activation_function=["gelu"]), ["activation_function", "['gelu']"]),
        (lambda f: change_config(f, n_layer=2), ["transformer.h.2."]),
        (lambda f: change_config(f, n_layer=4), ["transformer.h.3.", "lack"]),
        (
            lambda f: change_config(f, vocab_size=62),
            ["transformer.wte.weight", "(61, 32)", "(62, 32)", "vocab_size 62"],
        ),
        (
            lambda f: change_config(f, n_positions=64),
            ["transformer.wpe.weight", "(80, 32)", "(64, 32)", "n_positions 64"],
        ),
        (
            lambda f: change_config(f, n_inner=100),
            ["transformer.h.0.mlp.c_fc.weight", "(32, 128)", "(32, 100)", "n_inner 100"],
        ),
        (lambda f: change_config(f, tie_word_embeddings=False), ["lm_head.weight"]),
        (lambda f: change_config(f, qkv_bias=False), ["qkv_bias"]),
        (renamed("transformer.ln_f.bias", "transformer.ln_g.bias"), ["transformer.ln_f.bias"]),
        (lambda f: change_weights(f, lambda w: w | {"adapter.weight": torch.ones(1)}), ["adapter.weight"]),
        (lambda f: change_weights(f, lambda w: {n: t.to(torch.int8) for n, t in w.items()}), ["torch.int8"]),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence_that_names_it(tmp_path, change, words, of_transformers):
    of_transformers(tmp_path)
    change(tmp_path)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))) as raised:
        load_model(tmp_path)
    assert all(word in str(raised.value) for word in words)


def test_an_empty_folder_is_not_a_model_s_folder(tmp_path):
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path))} has no config.json"):
        load(tmp_path)
