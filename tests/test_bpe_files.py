import json
import random

import pytest

from gptcore import byte_level_bpe, load_tokenizer
from gptcore.bpe_files import read_merges, read_text, read_vocab
from gptcore.tokenizer_files import save_tokenizer

WRONG_VOCABS = {
    "[1, 2]": "must hold one JSON object",
    '"a"': "must hold one JSON object",
    '{"a": 0, "b": "1"}': r"gives 'b' the id '1', which is no integer",
    '{"a": 0, "b": 1.0}': "gives 'b' the id 1.0",
    '{"a": 0, "b": true}': "gives 'b' the id True",
    '{"a": 0, "b": null}': "gives 'b' the id None",
    '{"a": 0, "b": -1}': "gives 'b' the id -1",
    '{"a": 0, "b": 4294967303}': r"gives 'b' the id 4294967303, which is no integer from 0 to 2\*\*32 - 1",
    '{"a": 7, "b": 7}': "gives 'a' and 'b' the same id, 7",
    '{"a": 0, "a": 1}': "cannot be read as JSON: 'a' has two values",
    '{"a": 0': "cannot be read as JSON",
    "[" * 10**5: "cannot be read as JSON: it is nested too deep",
    "": "cannot be read as JSON",
}


@pytest.mark.parametrize("text", WRONG_VOCABS, ids=range(len(WRONG_VOCABS)))
def test_each_token_has_one_id_of_32_bits_and_each_id_one_token(tmp_path, text):
    (tmp_path / "vocab.json").write_text(text)
    with pytest.raises(ValueError, match=f"vocab.json {WRONG_VOCABS[text]}"):
        read_vocab(tmp_path / "vocab.json")


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path, tokenizer, tokenizer_folder):
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        text = (tokenizer_folder / name).read_text(encoding="utf-8").replace("\n", "\r\n")
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    again = load_tokenizer(tmp_path)
    assert again.encode("Once upon a time, 옛날 옛적에\r\n") == tokenizer.encode("Once upon a time, 옛날 옛적에\r\n")
    assert len(again) == len(tokenizer) and again.eos_token_id == tokenizer.eos_token_id


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_merges_that_were_cut_off_are_noticed(tmp_path, tokenizer_folder, share):
    vocab = read_vocab(tokenizer_folder / "vocab.json")
    lines = (tokenizer_folder / "merges.txt").read_text(encoding="utf-8").split("\n")
    (tmp_path / "merges.txt").write_text("\n".join(lines[: int(share * len(lines))]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"^merges.txt is not complete: it makes no '.*' nor \d+ other tokens$"):
        read_merges(tmp_path / "merges.txt", vocab)


@pytest.mark.parametrize("line", ["a", "a b c", "a  b", "x y", "\x00 \x01", " a"])
def test_a_line_of_merges_is_a_pair_that_makes_a_token(tmp_path, line):
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\na b\n{line}\n")
    with pytest.raises(ValueError, match="^merges.txt has '.*' in line 3, which is no pair that makes a token$"):
        read_merges(tmp_path / "merges.txt", {"a": 0, "b": 1, "ab": 2})


def test_tokens_that_no_merge_makes_are_no_sign_of_damage_if_they_look_like_it(tmp_path):
    (tmp_path / "merges.txt").write_text("a b\n")
    vocab = {token: i for i, token in enumerate(["a", "b", "ab", "<pad>", "[unused1]", "<|끝|>"])}
    assert read_merges(tmp_path / "merges.txt", vocab) == [("a", "b")]


def test_gpt2_s_own_files_are_whole(gpt2_folder):
    vocab = read_vocab(gpt2_folder / "vocab.json")
    assert len(vocab) == 50_257 and len(read_merges(gpt2_folder / "merges.txt", vocab)) == 50_000


def test_a_file_of_no_text_or_of_no_end_is_refused(tmp_path):
    (tmp_path / "merges.txt").write_bytes(b"\xff\xfe{\x00}\x00")
    with pytest.raises(ValueError, match="^merges.txt is not text in UTF-8"):
        read_text(tmp_path / "merges.txt")
    with (tmp_path / "merges.txt").open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(ValueError, match="^merges.txt has 1,099,511,627,776 bytes, which is too much"):
        read_text(tmp_path / "merges.txt")


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json"])
def test_a_damaged_file_gives_a_sentence_or_the_same_tokens(tmp_path, tokenizer, tokenizer_folder, name):
    """50 cuts and 100 flipped bytes: what cannot be noticed, a changed letter in a token, is left to the checksum."""
    save_tokenizer(tmp_path, tokenizer)
    if name == "tokenizer.json":
        tokenizer.backend.save(str(tmp_path / name))
    data, random_ = (tmp_path / name).read_bytes(), random.Random(0)
    cuts = [data[: random_.randrange(len(data))] for _ in range(50)]
    flips = []
    for _ in range(100):
        flipped = bytearray(data)
        flipped[random_.randrange(len(data))] ^= 1 << random_.randrange(8)
        flips.append(bytes(flipped))
    read = 0
    for damaged in [*cuts, *flips]:
        (tmp_path / name).write_bytes(damaged)
        try:
            load_tokenizer(tmp_path)
            read += damaged in cuts and damaged.strip() != data.strip()
        except ValueError as error:
            assert str(error).startswith(f"the tokenizer in {tmp_path} ") and "\n" not in str(error)
            assert len(str(error)) < 500
    assert read <= (3 if name == "merges.txt" else 0)


def test_json_keeps_the_ids_of_a_vocab(tokenizer_folder):
    file = tokenizer_folder / "vocab.json"
    assert read_vocab(file) == json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("files", "error"),
    [((5, 5), TypeError), (("a", None), ValueError), ((None, "a"), ValueError), (("", ""), ValueError)],
)
def test_a_vocabulary_comes_with_its_merges(files, error):
    with pytest.raises(error, match="^vocab "):
        byte_level_bpe(*files)
