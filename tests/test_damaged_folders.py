"""Folders of a model in which files are damaged, or are none: always a sentence, or the model that was saved."""

import json
import os
import random
import re
import shutil
from collections.abc import Iterator

import pytest
import torch
from tokenizers import Tokenizer as Backend
from transformers import AutoTokenizer, GPT2LMHeadModel

from gptcore import Tokenizer, load, load_model, save


def damaged(data: bytes, luck: random.Random) -> Iterator[bytes]:
    """`data` cut at 50 places, and with another byte at 100."""
    for _ in range(50):
        yield data[: luck.randrange(len(data))]
    for _ in range(100):
        place = luck.randrange(len(data))
        yield data[:place] + bytes([data[place] ^ luck.randrange(1, 256)]) + data[place + 1 :]


@pytest.fixture(params=["vocab.json and merges.txt", "tokenizer.json"])
def whole(request, tmp_path, tiny_folder, tokenizer):
    """A saved model in either of the two layouts, and a folder to damage a copy of it in."""
    backend = Backend.from_str(tokenizer.backend.to_str())
    if request.param == "tokenizer.json":
        backend.pre_tokenizer.add_prefix_space = True
    save(tmp_path / "whole", load_model(tiny_folder, device="cpu"), Tokenizer(backend))
    shutil.copytree(tmp_path / "whole", tmp_path / "copy")
    assert (tmp_path / "copy" / "tokenizer.json").is_file() == (request.param == "tokenizer.json")
    return tmp_path / "whole", tmp_path / "copy"


@pytest.mark.filterwarnings("ignore:the (tokenizer|model) in:UserWarning")  # a token may be lost
def test_damaged_files_are_refused_in_a_sentence_or_give_the_same_model(whole):
    whole, copy = whole
    token_ids, luck = torch.tensor([[1, 2, 3]]), random.Random(0)
    expected = load_model(whole, device="cpu")(token_ids)
    for file in sorted(copy.iterdir()):
        data, refused = file.read_bytes(), 0
        for wrong in damaged(data, luck):
            file.write_bytes(wrong)
            try:
                model, _ = load(copy, device="cpu")
            except ValueError as error:
                refused += 1
                assert str(copy) in str(error) and "\n" not in str(error) and len(str(error)) < 500 + len(str(copy))
            else:
                assert torch.equal(model(token_ids), expected), (file.name, wrong)
        file.write_bytes(data)
        assert refused == 150 if file.name == "model.safetensors" else refused >= 50, file.name


@pytest.mark.parametrize(("setting", "value"), [("n_head", 4), ("layer_norm_epsilon", 2e-5)])
def test_settings_that_the_shapes_do_not_tell_belong_to_the_weights(whole, setting, value):
    """With another one the model would write something else."""
    _, copy = whole
    config = json.loads((copy / "config.json").read_text())
    before = config[setting]
    (copy / "config.json").write_text(json.dumps({**config, setting: value}))
    sentence = f"config.json gives {setting} the value {value}, but the weights were saved with {before}: put it back"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        load(copy)


def test_a_config_and_a_tokenizer_may_be_edited_by_hand(whole, tmp_path):
    _, copy = whole
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "resid_pdrop": 0.0, "license": "mit"}))
    (copy / "tokenizer_config.json").write_text("{}")
    assert load(copy)[0].config.drop_rate == 0
    GPT2LMHeadModel.from_pretrained(copy).save_pretrained(copy)
    AutoTokenizer.from_pretrained(copy).save_pretrained(copy)
    model = load_model(copy, device="cpu")
    assert torch.equal(model.state_dict()["final_norm.bias"], load_model(whole[0]).state_dict()["final_norm.bias"])


def pipe(file):
    os.mkfifo(file)


def folder(file):
    file.mkdir()


def endless(file):
    file.symlink_to("/dev/zero")


def sparse(file):
    file.touch()
    os.truncate(file, 100 * 2**30)


def deep(file):
    file.write_bytes(b"[" * 1_000_000)


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither pipes in folders nor /dev/zero")
@pytest.mark.parametrize("thing", [pipe, folder, endless, sparse, deep])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.json", "merges.txt", "tokenizer.json"])
def test_what_is_no_file_of_its_kind_is_one_sentence(whole, thing, name):
    _, copy = whole
    if not (copy / name).exists():
        pytest.skip("the other layout")
    (copy / name).unlink()
    thing(copy / name)
    with pytest.raises(ValueError, match=re.escape(str(copy))) as raised:
        load(copy)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500 + len(str(copy))


def header(change):
    """What replaces the header of a safetensors file: its length, and JSON."""

    def replace(data: bytes) -> bytes:
        length = int.from_bytes(data[:8], "little")
        tensors = json.loads(data[8 : 8 + length])
        change(tensors)
        text = json.dumps(tensors).encode()
        return len(text).to_bytes(8, "little") + text + data[8 + length :]

    return replace


@pytest.mark.parametrize(
    "lie",
    [
        lambda data: (2**64 - 1).to_bytes(8, "little") + data[8:],
        lambda data: (2**40).to_bytes(8, "little") + data[8:],
        lambda data: bytes(8) + data[8:],
        lambda data: (50_000_000).to_bytes(8, "little") + b"{" + b" " * 50_000_000,
        lambda data: (1_000_000).to_bytes(8, "little") + b"[" * 1_000_000,
        header(lambda tensors: tensors["transformer.wte.weight"].update(shape=[10**9, 10**9])),
        header(lambda tensors: tensors["transformer.wte.weight"].update(shape=[-1, 16])),
        header(lambda tensors: tensors["transformer.wte.weight"].update(data_offsets=[0, 2**60])),
        header(lambda tensors: tensors["transformer.wte.weight"].update(dtype="I32")),
        header(lambda tensors: tensors["__metadata__"].update(settings="[1]")),
        header(lambda tensors: tensors["__metadata__"].pop("settings")),
    ],
)
def test_a_header_that_lies_is_one_sentence(whole, lie):
    _, copy = whole
    file = copy / "model.safetensors"
    file.write_bytes(lie(file.read_bytes()))
    with pytest.raises(ValueError, match=re.escape(str(copy))) as raised:
        load(copy)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500 + len(str(copy))
