import json
import random
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

from gptcore import load_model
from gptcore.weight_files import stored_shapes, stored_tensors, weight_files
from tests.checkpoints import change_weights, check_same_logits

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


def header(tensors: dict, values: bytes = b"") -> bytes:
    text = json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text + values


def test_shapes_are_known_without_the_values(tmp_path):
    tensors = {"a": torch.ones(2, 3), "b": torch.zeros((), dtype=torch.float16), "c": torch.ones(0, 5)}
    save_file(tensors, tmp_path / WEIGHTS)
    assert stored_shapes(tmp_path) == {"a": (2, 3), "b": (), "c": (0, 5)}
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in stored_tensors(tmp_path).items())


def sharded(folder, weight_map) -> None:
    text = weight_map if isinstance(weight_map, str) else json.dumps({"weight_map": weight_map})
    (folder / INDEX).write_text(text)


def test_one_file_comes_before_an_index_as_in_transformers(tmp_path):
    sharded(tmp_path, {"a": "b.safetensors", "c": "a.safetensors", "d": "b.safetensors"})
    assert weight_files(tmp_path) == [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    (tmp_path / WEIGHTS).write_bytes(b"")
    assert weight_files(tmp_path) == [tmp_path / WEIGHTS]


@pytest.mark.parametrize(
    "index",
    [
        *('{"weight_map": {}}', '{"weight_map": []}', '{"weight_map": null}', "[]", "5", "{}", "", "{", "[" * 10**6),
        *({"a": name} for name in ("/etc/passwd", "../a.safetensors", "..", ".", "", "b/a.safetensors", "a.bin")),
        *({"a": name} for name in (5, None, ["a.safetensors"], f"{'a' * 300}.safetensors", "a\0.safetensors")),
        *({"a": name} for name in ("b\\a.safetensors", "C:a.safetensors", "\u202ea.safetensors")),
    ],
    ids=lambda index: str(index)[:30],
)
def test_an_index_that_names_no_files_of_the_same_folder_is_refused(tmp_path, index):
    sharded(tmp_path, index)
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path / INDEX))} (is not a valid index|cannot be read)"):
        stored_shapes(tmp_path)


def test_a_shard_that_is_missing_is_named(tmp_path):
    save_file({"a": torch.ones(1)}, tmp_path / "1.safetensors")
    sharded(tmp_path, {"a": "1.safetensors", "b": "2.safetensors"})
    with pytest.raises(ValueError, match=rf"has no 2.safetensors, which its {INDEX} names"):
        stored_shapes(tmp_path)


def test_a_tensor_in_two_shards_is_refused(tmp_path):
    for shard in "12":
        save_file({"a": torch.ones(1), shard: torch.ones(1)}, tmp_path / f"{shard}.safetensors")
    sharded(tmp_path, {"1": "1.safetensors", "2": "2.safetensors"})
    with pytest.raises(ValueError, match="2.safetensors holds 'a', which another file of the folder holds too"):
        stored_shapes(tmp_path)


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\0" * 8, b"\xff" * 100, (2**63).to_bytes(8, "little") + b"{}", (9 * 10**7).to_bytes(8, "little")),
        *(header([]), header({"a": 5}), header({"a": {**ONE, "dtype": "F99"}}, b"1234"), header({"a": ONE})),
        *(header({"a": ONE}, b"12345678"), header({"a": {**ONE, "shape": [2**40, 2**40]}}, b"1234")),
        *(header({"a": {**ONE, "shape": [-1]}}, b"1234"), header({"a": ONE, "b": ONE}, b"1234")),
        *(header({"a": {**ONE, "data_offsets": [4, 0]}}, b"1234"), b"PK\x03\x04" + b"\0" * 99, b"\x80\x02" + b"}" * 99),
    ],
)
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path / WEIGHTS))} is not a complete safetensors file: "):
        stored_shapes(tmp_path)


def test_far_too_many_tensors_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gptcore.weight_files.MOST_TENSORS", 1000)
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    (tmp_path / WEIGHTS).write_bytes(header({f"t{i}": empty for i in range(1001)}))
    with pytest.raises(ValueError, match="has 1,001 tensors, far more than a GPT-2"):
        stored_shapes(tmp_path)


def test_a_damaged_header_is_refused_or_the_model_reads_as_before(tmp_path, of_transformers):
    """100 flipped bytes in a file that has no checksum; what says neither name, shape nor place may change."""
    theirs = of_transformers(tmp_path)
    file = tmp_path / WEIGHTS
    whole, dice = file.read_bytes(), random.Random(0)
    length = int.from_bytes(whole[:8], "little")
    outcomes = []
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[dice.randrange(8 + length)] ^= 1 << dice.randrange(8)
        file.write_bytes(damaged)
        try:
            ours = load_model(tmp_path, device="cpu")
        except ValueError as error:
            outcomes.append(str(error))
        else:
            check_same_logits(ours, theirs, [2])
    assert len(outcomes) > 80 and all(str(tmp_path) in outcome and len(outcome) < 600 for outcome in outcomes)


def test_names_with_control_characters_are_shown_as_text(tmp_path, of_transformers):
    of_transformers(tmp_path)
    change_weights(tmp_path, lambda w: w | {"\u202e\x1b[31m\0" + "x" * 10**5: torch.ones(1)})
    with pytest.raises(ValueError, match=r"contain '\\u202e\\x1b\[31m\\x00x+\.\.\.x+', which no GPT-2 has"):
        load_model(tmp_path)


def test_cut_files_are_refused(tmp_path, of_transformers):
    of_transformers(tmp_path)
    file, dice = tmp_path / WEIGHTS, random.Random(0)
    whole = file.read_bytes()
    for size in [0, 1, 7, 8, 9, len(whole) - 1, *(dice.randrange(len(whole)) for _ in range(44))]:
        file.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="is not a complete safetensors file"):
            load_model(tmp_path)
    file.write_bytes(whole)
    assert load_file(file).keys() == stored_shapes(tmp_path).keys()
