import re
import shutil

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer as Backend
from transformers import GPT2LMHeadModel

from gptcore import generate_text, load, load_model, load_tokenizer, save, token_label
from gptcore.hub import HUB_MODELS, STORYTELLER
from gptcore.tokenizer import stream_decode


def test_a_loaded_model_is_ready_to_generate_and_can_be_trained(tmp_path, of_transformers):
    of_transformers(tmp_path)
    ours = load_model(tmp_path, device="cpu")
    assert not any(module.training for module in ours.modules())
    ours(torch.tensor([[1, 2]])).sum().backward()
    assert all(parameter.grad is not None for parameter in ours.parameters())


@pytest.mark.parametrize("given", ["the tokenizer", "nothing", "both"])
def test_anything_but_a_model_and_a_tokenizer_is_refused_before_anything_is_written(tmp_path, tiny_folder, given):
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


def test_a_loaded_model_does_not_change_with_its_file(tmp_path, tiny_folder):
    """A program that writes over the file that it has opened, as `cp` does, would change the model, or end Python."""
    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    model, token_ids = load_model(tmp_path, device="cpu"), torch.tensor([[1, 2, 3]])
    before = model(token_ids)
    file = tmp_path / "model.safetensors"
    with open(file, "r+b") as opened:
        opened.write(bytes(file.stat().st_size))
    assert torch.equal(model(token_ids), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_weight_is_copied_once(tiny_folder, made, dtype):
    with made() as tensors:
        model = load_model(tiny_folder, "cpu", dtype)
    large = [size for size in tensors.sizes if size > 300]  # smaller ones are sums that look for NaN
    assert sorted(large) == sorted(weight.numel() for weight in model.parameters() if weight.numel() > 300)


def test_an_interrupted_save_leaves_the_old_files_intact_and_nothing_else(tmp_path, tiny_folder, monkeypatch):
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


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("storytelle", ["'storytelle'", "did you mean 'storyteller'"]),
        ("gpt-2", ["'gpt-2'", "did you mean 'gpt2'"]),
        ("gpt2-median", ["'gpt2-median'", "did you mean 'gpt2-medium'"]),
        ("zzz", ["'zzz'", "storyteller", *HUB_MODELS]),
        ("", ["''", "storyteller", *HUB_MODELS]),
        ("x" * 300, ["xxx...xxx", "storyteller", *HUB_MODELS]),  # longer than the system can look up
        ("./no/such/folder", ["'./no/such/folder'"]),
        ("~/no/such/folder", ["'~/no/such/folder'"]),
        ("a\0b", ["'a\\x00b'", "storyteller"]),
        ("a\udcff", ["'a\\udcff'", "UTF-8"]),  # how Python shows a byte of a path that is not UTF-8
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
def test_a_file_is_not_a_model(tiny_folder, as_path):
    file = tiny_folder / "model.safetensors"
    with pytest.raises(ValueError, match=re.escape(f"name must be a model's folder, got a file, '{file}'")):
        load(file if as_path else str(file))


@pytest.mark.parametrize("dtype", ["float16", float, torch.int64, torch.float8_e4m3fn])
def test_weights_have_a_dtype_of_torch(tiny_folder, dtype):
    with pytest.raises(ValueError, match=rf"dtype must be one of torch.float32, .*got {re.escape(repr(dtype))}"):
        load(tiny_folder, dtype=dtype)


@pytest.mark.parametrize("name", [None, 5, ["gpt2"]])
def test_a_name_is_a_str_or_a_path(name):
    with pytest.raises(TypeError, match=re.escape(f"name must be a str or a path, got {name!r}")):
        load(name)


def test_an_unknown_device_is_refused_by_name(tiny_folder):
    with pytest.raises(ValueError, match="device .* got 'gpu'"):
        load(tiny_folder, device="gpu")


@pytest.mark.parametrize("kind", ["byte-level", "sentencepiece-like"])
def test_a_bare_tokenizer_json_is_read_as_it_is(tmp_path, korean_folder, kind, of_transformers, sentencepiece_like):
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


def test_ids_that_the_model_lacks_are_said_and_refused_when_they_are_met(tmp_path, of_transformers, sentencepiece_like):
    sentencepiece_like(tmp_path)
    highest = len(load_tokenizer(tmp_path)) - 1
    of_transformers(tmp_path, vocab_size=highest)
    with pytest.warns(UserWarning) as said:
        model, tokenizer = load(tmp_path, device="cpu")
    assert [str(warning.message) for warning in said] == [
        f"the tokenizer in {tmp_path} has token ids up to {highest}, but the model only those below {highest}: "
        "text with one of the others is refused"
    ]
    assert said[0].filename == __file__
    assert generate_text(model, "옛날 옛적에", tokenizer, max_length=5, seed=1).startswith("옛날 옛적에")
    last = tokenizer.backend.id_to_token(highest)
    assert tokenizer.encode(last)[-1] == highest
    with pytest.raises(ValueError, match=rf"token_ids must be from 0 to {highest - 1}, .* got {highest}"):
        generate_text(model, last, tokenizer)


def test_ids_that_the_tokenizer_lacks_are_said_and_shown(tmp_path, of_transformers, korean_folder):
    """As of a model whose vocabulary was padded to a multiple of 64."""
    shutil.copy(korean_folder / "tokenizer.json", tmp_path)
    of_transformers(tmp_path, vocab_size=320, eos_token_id=319, bos_token_id=319)
    with pytest.warns(
        UserWarning, match="has 320 token ids, but its tokenizer only 300: the others are shown as <id …>"
    ):
        model, tokenizer = load(tmp_path, device="cpu")
    texts = [generate_text(model, "여우", tokenizer, max_length=50, top_k=None, seed=seed) for seed in range(5)]
    assert any("<id 3" in text for text in texts)
    known = [generate_text(model, "여우", tokenizer, 50, top_k=None, seed=seed, known_only=True) for seed in range(5)]
    assert not any("<id " in text for text in known)


def test_a_model_and_a_tokenizer_of_one_size_say_nothing(tiny_folder, recwarn):
    load(tiny_folder)
    load()
    assert not recwarn.list


def test_several_end_tokens_are_kept(tmp_path, tiny_folder):
    model, tokenizer = load(tiny_folder, device="cpu")
    tokenizer.end_token_ids = [0, 7]
    save(tmp_path, model, tokenizer)
    assert load_tokenizer(tmp_path).end_token_ids == [0, 7]
    config = GPT2LMHeadModel.from_pretrained(tmp_path).generation_config
    assert config.eos_token_id == [0, 7] and config.bos_token_id == 0


def test_the_bundled_model_is_float32_and_small():
    folder = STORYTELLER
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.float32}
    assert sum(file.stat().st_size for file in folder.glob("*.*")) <= 10e6
    assert load_model(device="cpu").config.context_length >= 256
    assert len(load_tokenizer()) <= 4096
