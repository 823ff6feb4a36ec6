import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer as Backend
from transformers import GPT2Config, GPT2LMHeadModel

from gptcore import (
    AutoTokenizer,
    GPT2Tokenizer,
    GPTConfig,
    GPTModel,
    Tokenizer,
    generate,
    generate_text,
    load,
    load_model,
    load_tokenizer,
    save,
    token_label,
)
from gptcore.hub import HUB_MODELS, STORYTELLER
from gptcore.tokenizer import stream_decode
from gptcore.tokenizer_files import save_tokenizer

SMALL = {"vocab_size": 61, "n_positions": 80, "n_embd": 32, "n_head": 4, "n_layer": 3}
LENGTHS = [1, 2, 37, 80]


def of_transformers(folder, seed: int = 0, **settings) -> GPT2LMHeadModel:
    """A random model of transformers, saved in `folder`; no two of its parameters are alike, biases included."""
    torch.manual_seed(seed)
    theirs = GPT2LMHeadModel(GPT2Config(**{**SMALL, "bos_token_id": 0, "eos_token_id": 0, **settings})).eval()
    for name, parameter in theirs.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("ln_" in name and "weight" in name), std=0.15)
    theirs.save_pretrained(folder)
    return theirs


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
def test_a_model_of_transformers_gives_the_same_logits_and_greedy_tokens(tmp_path, settings):
    theirs = of_transformers(tmp_path, **settings)
    ours = load_model(tmp_path, device="cpu")
    check_same_logits(ours, theirs, [*LENGTHS, ours.config.context_length])
    check_same_greedy_tokens(ours, theirs)


@pytest.mark.parametrize("name", ["gelu_python", "gelu_accurate", "quick_gelu", "gelu_10", "relu", "silu", "tanh"])
def test_any_other_activation_is_computed_exactly_or_refused_by_name(tmp_path, name):
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
        ({"scale_attn_by_inverse_layer_idx": True}, ["scale_attn_by_inverse_layer_idx", "True"]),
        ({"scale_attn_weights": False}, ["scale_attn_weights", "False"]),
        ({"add_cross_attention": True}, ["add_cross_attention", "True"]),
        ({"model_type": "gpt_neo"}, ["model_type", "'gpt_neo'", "'gpt2'"]),
        ({"model_type": None}, ["model_type", "None"]),
        ({"n_head": 5}, ["emb_dim=32", "n_heads=5"]),
        ({"n_layer": "3"}, ["n_layers", "'3'"]),
        ({"n_embd": None}, ["emb_dim", "None"]),
        ({"layer_norm_epsilon": "tiny"}, ["layer_norm_epsilon", "'tiny'"]),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_name(tmp_path, settings, words):
    of_transformers(tmp_path)
    change_config(tmp_path, **settings)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))) as raised:
        load_model(tmp_path)
    assert all(word in str(raised.value) for word in words)


def test_weights_in_several_files_are_read(tmp_path):
    theirs = of_transformers(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    theirs.save_pretrained(tmp_path, max_shard_size="30KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    check_same_logits(load_model(tmp_path, device="cpu"), theirs)


def test_the_first_files_of_gpt2_without_a_prefix_and_with_masks_are_read(tmp_path):
    theirs = of_transformers(tmp_path)
    mask = torch.ones(1, 1, 80, 80).tril()

    def like_the_first(weights):
        weights = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
        masks = {f"h.{layer}.attn.bias": mask.clone() for layer in range(3)}
        return weights | masks | {f"h.{layer}.attn.masked_bias": torch.tensor(-1e4) for layer in range(3)}

    change_weights(tmp_path, like_the_first)
    check_same_logits(load_model(tmp_path, device="cpu"), theirs)


def test_a_head_that_is_stored_although_it_is_the_embedding_is_read(tmp_path):
    theirs = of_transformers(tmp_path)
    change_weights(tmp_path, lambda w: w | {"lm_head.weight": w["transformer.wte.weight"].clone()})
    ours = load_model(tmp_path, device="cpu")
    assert ours.head.weight is ours.token_embedding.weight
    check_same_logits(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_files_are_float32_in_memory_unless_it_is_said_otherwise(tmp_path, dtype):
    of_transformers(tmp_path).to(dtype).save_pretrained(tmp_path)
    ours = load_model(tmp_path, device="cpu")
    assert {parameter.dtype for parameter in ours.parameters()} == {torch.float32}
    check_same_logits(ours, GPT2LMHeadModel.from_pretrained(tmp_path, dtype=torch.float32))
    assert load_model(tmp_path, device="cpu", dtype=dtype).dtype == dtype


def test_a_model_without_qkv_bias_is_read_where_the_config_says_so(tmp_path):
    theirs = of_transformers(tmp_path)
    for block in theirs.transformer.h:
        torch.nn.init.zeros_(block.attn.c_attn.bias)
    theirs.save_pretrained(tmp_path)
    change_config(tmp_path, qkv_bias=False)
    ours = load_model(tmp_path, device="cpu")
    assert ours.blocks[0].attention.qkv.bias is None
    check_same_logits(ours, theirs)


def test_a_setting_may_have_its_other_name_but_not_two_values(tmp_path):
    """The number of heads changes no shape: were its other name passed over, the model would load, and be wrong."""
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


def test_a_loaded_model_is_ready_to_generate_and_can_be_trained(tmp_path):
    of_transformers(tmp_path)
    ours = load_model(tmp_path, device="cpu")
    assert not any(module.training for module in ours.modules())
    ours(torch.tensor([[1, 2]])).sum().backward()
    assert all(parameter.grad is not None for parameter in ours.parameters())


# Saving


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


def test_a_saved_tokenizer_of_transformers_is_read_too(tmp_path, tokenizer, tokenizer_folder, tiny_folder):
    save(tmp_path, load_model(tiny_folder), GPT2Tokenizer.from_pretrained(tokenizer_folder))
    again = load_tokenizer(tmp_path)
    assert again.encode("Once upon a time") == tokenizer.encode("Once upon a time")
    assert again.eos_token_id == tokenizer.eos_token_id


def other_tokenizers(folder, tokenizer) -> dict:
    """Tokenizers of several kinds, ours and of transformers."""
    from tokenizers import pre_tokenizers

    sentencepiece_like(folder)
    digits = Backend.from_str(tokenizer.backend.to_str())
    digits.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    added = Backend.from_str(tokenizer.backend.to_str())
    added.add_special_tokens(["<|끝|>"])
    save_tokenizer(folder / "theirs", tokenizer)
    return {
        "gpt2's": tokenizer,
        "characters": Tokenizer.of_characters("Once upon a time there were 12 foxes.<|끝|>옛날 옛적에"),
        "pieces": Tokenizer(Backend.from_file(str(folder / "tokenizer.json")), "</s>"),
        "digits": Tokenizer(digits),
        "added": Tokenizer(added, "<|끝|>"),
        "theirs": GPT2Tokenizer.from_pretrained(folder / "theirs"),
    }


@pytest.mark.parametrize("before", [None, "gpt2's", "characters", "theirs"])
def test_any_tokenizer_is_saved_as_it_is_in_place_of_any_other(tmp_path, tokenizer, tiny_folder, before):
    text = "Once upon a time there were 12 foxes.<|끝|>옛날 옛적에"
    found = other_tokenizers(tmp_path, tokenizer)
    model = load_model(tiny_folder)
    for kind, saved in found.items():
        folder = tmp_path / kind
        if before is not None:
            save(folder, model, found[before])
            (folder / "added_tokens.json").write_text('{"<|끝|>": 340}', encoding="utf-8")
        save(folder, model, saved)
        token_ids = saved.encode(text)
        ours, theirs = load_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False) == token_ids
        assert ours.decode(token_ids) == theirs.decode(token_ids) == saved.decode(token_ids)
        assert ours.eos_token_id == theirs.eos_token_id == saved.eos_token_id
        two_files = {"vocab.json", "merges.txt"} <= {file.name for file in folder.iterdir()}
        assert two_files == (kind == "gpt2's")


@pytest.mark.parametrize("given", ["the tokenizer", "nothing", "both"])
def test_what_is_no_model_or_no_tokenizer_is_refused_before_anything_is_written(tmp_path, tiny_folder, given):
    model, tokenizer = load(tiny_folder)
    wrong = {
        "the tokenizer": (tokenizer, model, "model must be a GPTModel, got Tokenizer"),
        "nothing": (model, None, "tokenizer must be one of gptcore or of transformers, got NoneType"),
        "both": ((model, tokenizer), tokenizer, "model must be a GPTModel, got tuple"),
    }
    *arguments, sentence = wrong[given]
    with pytest.raises(TypeError, match=sentence):
        save(tmp_path / "new", *arguments)
    assert not (tmp_path / "new").exists()


def test_a_model_can_be_saved_over_the_files_that_it_was_read_from(tmp_path, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    model, tokenizer = load(tmp_path, device="cpu")
    with torch.no_grad():
        model.final_norm.bias += 1
    expected = model(torch.tensor([[1, 2, 3]]))
    save(tmp_path, model, tokenizer)
    assert torch.equal(load_model(tmp_path, device="cpu")(torch.tensor([[1, 2, 3]])), expected)


def test_an_interrupted_save_leaves_the_old_files_whole_and_nothing_else(tmp_path, tiny_folder, monkeypatch):
    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    model, tokenizer = load(tmp_path, device="cpu")

    def interrupted(tensors, file, metadata):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.torch.save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, model, tokenizer)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


# What cannot be loaded


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
        (lambda f: change_config(f, vocab_size=62), ["token_embedding.weight", "(61, 32)", "(62, 32)"]),
        (lambda f: change_config(f, n_positions=64), ["position_embedding.weight", "(80, 32)", "(64, 32)"]),
        (lambda f: change_config(f, n_inner=100), ["up_proj.weight", "128", "100"]),
        (lambda f: change_config(f, tie_word_embeddings=False), ["lm_head.weight"]),
        (lambda f: change_config(f, qkv_bias=False), ["qkv_bias"]),
        (renamed("transformer.ln_f.bias", "transformer.ln_g.bias"), ["transformer.ln_f.bias"]),
        (lambda f: change_weights(f, lambda w: w | {"adapter.weight": torch.ones(1)}), ["adapter.weight"]),
        (lambda f: change_weights(f, lambda w: w | {"lm_head.weight": torch.ones(61, 32)}), ["head", "differ"]),
        (lambda f: change_weights(f, lambda w: {n: t.to(torch.int8) for n, t in w.items()}), ["torch.int8"]),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence_that_names_it(tmp_path, change, words):
    of_transformers(tmp_path)
    change(tmp_path)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))) as raised:
        load_model(tmp_path)
    assert all(word in str(raised.value) for word in words)


def test_an_empty_folder_is_not_the_folder_of_a_model(tmp_path):
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path))} has no config.json"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("storytelle", ["'storytelle'", "did you mean 'storyteller'"]),
        ("gpt-2", ["'gpt-2'", "did you mean 'gpt2'"]),
        ("gpt2-median", ["'gpt2-median'", "did you mean 'gpt2-medium'"]),
        ("zzz", ["'zzz'", "storyteller", *HUB_MODELS]),
        ("", ["''", "storyteller", *HUB_MODELS]),
        ("x" * 300, ["x" * 300, "storyteller", *HUB_MODELS]),  # longer than the system can look up
        ("./no/such/folder", ["'./no/such/folder'"]),
        ("/no/such/folder", ["'/no/such/folder'"]),
        ("nobody/nothing", ["'nobody/nothing'", "network", "bundled"]),
        ("gpt2", ["'gpt2'", "network", "bundled"]),
    ],
)
@pytest.mark.parametrize("function", [load, load_model, load_tokenizer])
def test_an_unknown_name_is_refused_with_the_nearest_and_the_known_ones(function, name, words):
    with pytest.raises(ValueError) as raised:
        function(name)
    assert all(word in str(raised.value) for word in words)


@pytest.mark.parametrize("as_path", [False, True])
def test_a_file_is_no_name_of_a_model(tiny_folder, as_path):
    file = tiny_folder / "model.safetensors"
    with pytest.raises(ValueError, match=re.escape(f"name must be a model's folder, got a file, '{file}'")):
        load(file if as_path else str(file))


@pytest.mark.parametrize("dtype", ["float16", float, torch.int64])
def test_weights_have_a_dtype_of_torch(tiny_folder, dtype):
    with pytest.raises(ValueError, match=rf"dtype must be a floating-point one.*got {re.escape(repr(dtype))}"):
        load(tiny_folder, dtype=dtype)


@pytest.mark.parametrize("name", [None, 5, ["gpt2"]])
def test_a_name_is_a_str_or_a_path(name):
    with pytest.raises(TypeError, match=re.escape(f"name must be a str or a path, got {name!r}")):
        load(name)


def test_an_unknown_device_is_refused_by_name(tiny_folder):
    with pytest.raises(ValueError, match="device .* got 'gpu'"):
        load(tiny_folder, device="gpu")


# Tokenizers that are not GPT-2's


def sentencepiece_like(folder, special_tokens=("<s>", "</s>", "<usr>", "<pad>", "<sys>", "<unk>", "<mask>")) -> None:
    """A bare tokenizer.json in `folder`, whose tokens are pieces of words that begin with "▁"."""
    from tokenizers import SentencePieceBPETokenizer

    backend = SentencePieceBPETokenizer()
    sentences = [
        "옛날 옛적에 작은 여우가 숲에 살았어요.",
        "여우는 황금 열쇠를 찾았어요. 옛날 옛적에 여우가 살았대요.",
        "Once upon a time there was a little fox who lived in the forest.",
    ]
    backend.train_from_iterator(sentences, 250, special_tokens=list(special_tokens), show_progress=False)
    backend.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("kind", ["byte-level", "sentencepiece-like"])
def test_a_bare_tokenizer_json_is_read_as_it_is(tmp_path, korean_folder, kind):
    if kind == "byte-level":
        shutil.copy(korean_folder / "tokenizer.json", tmp_path)
    else:
        sentencepiece_like(tmp_path)
    of_transformers(tmp_path, vocab_size=320)
    model, tokenizer = load(tmp_path, device="cpu")
    oracle = Backend.from_file(str(tmp_path / "tokenizer.json"))
    for text in ("옛날 옛적에", "여우는 황금 열쇠를 찾았어요."):
        token_ids = tokenizer.encode(text)
        assert token_ids == oracle.encode(text, add_special_tokens=False).ids != []
        assert tokenizer.decode(token_ids) == text
        assert "".join(stream_decode(tokenizer, token_ids)) == text
    assert "옛" in token_label(tokenizer, tokenizer.encode("옛날 옛적에")[0]) or kind == "byte-level"
    written = generate_text(model, "옛날 옛적에", tokenizer, max_length=20, seed=1)
    assert written.startswith("옛날 옛적에") and len(written) > len("옛날 옛적에")


def test_files_of_gpt2_s_names_but_not_of_its_kind_lose_nothing(tmp_path):
    """A vocab.json without tokens for bytes would drop every character: beside it, tokenizer.json is the true one."""
    sentencepiece_like(tmp_path)
    Backend.from_file(str(tmp_path / "tokenizer.json")).model.save(str(tmp_path))
    assert (tmp_path / "vocab.json").is_file() and (tmp_path / "merges.txt").is_file()
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.decode(tokenizer.encode("옛날 옛적에")) == "옛날 옛적에"
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=rf"tokenizer in {re.escape(str(tmp_path))} lacks tokens for single bytes"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match=rf"tokenizer in {re.escape(str(tmp_path))} cannot be read"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_that_is_larger_than_the_model_is_refused(tmp_path):
    sentencepiece_like(tmp_path)
    highest = len(load_tokenizer(tmp_path)) - 1
    of_transformers(tmp_path, vocab_size=highest)
    with pytest.raises(
        ValueError, match=rf"token ids up to {highest}, but the model knows only those below {highest}:"
    ):
        load(tmp_path)
    model, tokenizer = load_model(tmp_path, device="cpu"), load_tokenizer(tmp_path)
    last = tokenizer.backend.id_to_token(highest)
    assert tokenizer.encode(last)[-1] == highest
    with pytest.raises(ValueError, match=rf"token_ids must be from 0 to {highest - 1}, .* got {highest}"):
        generate_text(model, last, tokenizer)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "</s>"),  # as such tokenizers call it
        ({"tokenizer_config.json": {"eos_token": "<usr>"}}, "<usr>"),
        ({"tokenizer_config.json": {"eos_token": {"content": "<usr>", "lstrip": False}}}, "<usr>"),
        ({"special_tokens_map.json": {"eos_token": "<sys>"}}, "<sys>"),
        ({"tokenizer_config.json": {"eos_token": "<nowhere>"}, "config.json": {"eos_token_id": 2}}, "<usr>"),
        ({"config.json": {"eos_token_id": 1}}, "</s>"),
        ({"config.json": {"eos_token_id": 4}}, "<sys>"),
        ({"config.json": {"eos_token_id": 200}}, "</s>"),  # an ordinary token: a number left there by mistake
        ({"config.json": {"eos_token_id": 50256}}, "</s>"),
        ({"config.json": {"eos_token_id": [2, 1]}}, "<usr>"),
        ({"config.json": {"eos_token_id": []}}, "</s>"),
        ({"config.json": {"eos_token_id": None}}, "</s>"),
        ({"config.json": []}, "</s>"),
    ],
)
def test_the_end_token_is_the_one_that_the_files_name(tmp_path, files, expected):
    sentencepiece_like(tmp_path)
    for name, found in files.items():
        (tmp_path / name).write_text(json.dumps(found))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.backend.id_to_token(tokenizer.eos_token_id) == expected


def test_gpt2_s_own_files_end_a_text_with_its_own_token(tmp_path, gpt2_folder):
    for file in ("vocab.json", "merges.txt"):
        shutil.copy(gpt2_folder / file, tmp_path)
    assert load_tokenizer(tmp_path).eos_token_id == 50256
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": 50256}))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.eos_token_id == 50256 and len(tokenizer) == 50257
    assert tokenizer.encode("Once upon a time") == [7454, 2402, 257, 640]


# The model that comes with the package


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


def test_the_bundled_model_is_float32_and_small():
    folder = STORYTELLER
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.float32}
    assert sum(file.stat().st_size for file in folder.glob("*.*")) <= 10e6
    assert load_model(device="cpu").config.context_length >= 256
    assert len(load_tokenizer()) <= 4096
