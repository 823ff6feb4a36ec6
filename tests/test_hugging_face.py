import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2LMHeadModel

from gptcore import (
    GPT2Tokenizer,
    GPTConfig,
    GPTModel,
    generate,
    load,
    load_model,
    save,
)
from gptcore.hub import STORYTELLER

LENGTHS = [1, 2, 37, 80]


def check_same_logits(ours: GPTModel, theirs: GPT2LMHeadModel, lengths=LENGTHS) -> None:
    generator = torch.Generator().manual_seed(1)
    for length in lengths:
        for batch in (1, 3):
            token_ids = torch.randint(ours.config.vocab_size, (batch, length), generator=generator)
            with torch.no_grad():
                assert (ours(token_ids) - theirs(token_ids).logits).abs().max() <= 1e-4


def check_same_greedy_tokens(ours: GPTModel, theirs: GPT2LMHeadModel) -> None:
    token_ids = torch.tensor([[5, 9, 2, 40], [1, 1, 60, 0]])
    theirs.generation_config.eos_token_id = None
    settings = {"max_new_tokens": 64, "do_sample": False, "pad_token_id": 0}
    expected = theirs.generate(token_ids, attention_mask=torch.ones_like(token_ids), **settings)
    assert expected.shape == (2, 68)
    assert torch.equal(generate(ours, token_ids, 64, temperature=0), expected)


def change_config(folder, **settings) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def change_weights(folder, change) -> None:
    """Write the tensors that `change` makes of those in the folder."""
    file = folder / "model.safetensors"
    weights = {name: tensor.clone() for name, tensor in load_file(file).items()}
    save_file(change(weights) or weights, file, metadata={"format": "pt"})


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
        {"resid_pdrop": 0.0, "embd_pdrop": 0.3, "attn_pdrop": 0.3},
    ],
    ids=str,
)
def test_a_model_of_transformers_gives_the_same_logits_and_greedy_tokens(tmp_path, settings, of_transformers):
    theirs = of_transformers(tmp_path, **settings)
    ours = load_model(tmp_path, device="cpu")
    check_same_logits(ours, theirs, [*LENGTHS, ours.config.context_length])
    check_same_greedy_tokens(ours, theirs)


@pytest.mark.parametrize("name", ["gelu_python", "gelu_accurate", "quick_gelu", "gelu_10", "relu", "silu", "tanh"])
def test_any_other_activation_is_computed_exactly_or_refused_by_name(tmp_path, name, of_transformers):
    theirs = of_transformers(tmp_path, activation_function=name)
    try:
        ours = load_model(tmp_path, device="cpu")
    except ValueError as error:
        assert "activation_function" in str(error) and repr(name) in str(error)
        assert name != "gelu_python"
    else:
        check_same_logits(ours, theirs)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"add_cross_attention": True}, ["add_cross_attention", "True"]),
        ({"model_type": "gpt_neo"}, ["model_type", "'gpt_neo'", "'gpt2'"]),
        ({"model_type": None}, ["model_type", "None"]),
        ({"n_head": 5}, ["n_embd=32", "n_head=5"]),
        ({"n_layer": "3"}, ["n_layer must", "'3'"]),
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
