import json
import random
import re
import shutil

import pytest
from tokenizers import AddedToken, normalizers
from tokenizers import Tokenizer as Backend
from transformers import BertTokenizer, PreTrainedTokenizerFast

from gptcore import (
    AutoTokenizer,
    GPT2Tokenizer,
    Tokenizer,
    load_model,
    load_tokenizer,
    save,
)
from gptcore.tokenizer import END_OF_TEXT, decode, stream_decode
from gptcore.tokenizer_files import save_tokenizer
from tests.test_tokenizer import TEXTS as MORE_TEXTS
from tests.test_tokenizer import of_pieces

TEXTS = ["Once upon a time, there was a fox.", "옛날 옛적에 여우가 살았어요.", "<0xEC> ␣⏎⇥ 👩‍👩‍👧‍👦 \ufffd\x00"]


def test_the_tokenizer_of_a_folder_is_the_one_that_was_saved(tokenizer, tokenizer_folder):
    again = load_tokenizer(tokenizer_folder)
    assert len(again) == len(tokenizer) == 340
    assert again.eos_token_id == tokenizer.eos_token_id == again.encode(END_OF_TEXT)[0]
    for text in TEXTS:
        assert again.encode(text) == tokenizer.encode(text)
    assert re.fullmatch(r"Tokenizer\(340 tokens\)", repr(again))


def test_transformers_reads_the_saved_tokenizer_as_the_same(tokenizer, tokenizer_folder):
    theirs = GPT2Tokenizer.from_pretrained(tokenizer_folder)
    assert len(theirs) == len(tokenizer)
    assert theirs.eos_token_id == tokenizer.eos_token_id
    for text in TEXTS:
        assert theirs.encode(text) == tokenizer.encode(text)


def test_a_folder_with_one_tokenizer_file_is_read(korean_folder):
    ours, theirs = load_tokenizer(korean_folder), AutoTokenizer.from_pretrained(korean_folder)
    assert ours.eos_token_id is None
    for text in TEXTS:
        assert ours.encode(text) == theirs.encode(text)
        assert decode(ours, ours.encode(text)) == text


def test_tokens_that_were_added_later_are_read(tmp_path, tokenizer_folder):
    """The three ways in which `transformers` has kept them; the token that ends a text is often one of them."""
    theirs = GPT2Tokenizer.from_pretrained(tokenizer_folder)
    theirs.add_special_tokens({"eos_token": "<|끝|>", "pad_token": "[PAD]"})
    text = "여우<|끝|>[PAD] fox"
    one_file, two_files, both = (tmp_path / name for name in ("one file", "two files", "both"))
    for folder in (one_file, both):
        theirs.save_pretrained(folder)
    for folder in (two_files, both):
        save_tokenizer(folder / "new", load_tokenizer(tokenizer_folder))
        for file in (folder / "new").iterdir():
            if file.name != "tokenizer_config.json" or folder == two_files:
                file.rename(folder / file.name)
        (folder / "added_tokens.json").write_text('{"[PAD]": 341, "<|끝|>": 340}', encoding="utf-8")
    (two_files / "tokenizer_config.json").write_text('{"eos_token": "<|끝|>"}', encoding="utf-8")
    for folder in (one_file, two_files, both):
        again = load_tokenizer(folder)
        assert again.encode(text) == theirs.encode(text)
        assert again.decode(again.encode(text)) == text
        assert again.eos_token_id == theirs.eos_token_id == 340
    (two_files / "added_tokens.json").write_text('{"[PAD]": 400}')
    with pytest.raises(ValueError, match=r"two files cannot be read: '\[PAD\]' cannot have the id 400"):
        load_tokenizer(two_files)


def test_settings_of_its_maker_s_batches_do_not_truncate_a_text(tmp_path, korean_folder):
    from tokenizers import Tokenizer as Backend

    backend = Backend.from_file(str(korean_folder / "tokenizer.json"))
    expected = backend.encode(TEXTS[1]).ids
    backend.enable_truncation(4)
    backend.enable_padding(length=50)
    backend.save(str(tmp_path / "tokenizer.json"))
    assert load_tokenizer(tmp_path).encode(TEXTS[1]) == expected


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, ["no tokenizer", "vocab.json", "tokenizer.json"]),
        ({"tokenizer.json": "{"}, ["tokenizer", "cannot be read"]),
        ({"vocab.json": "[1, 2", "merges.txt": ""}, ["tokenizer", "cannot be read"]),
    ],
)
def test_a_folder_without_a_readable_tokenizer_is_refused_by_name(tmp_path, files, words):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))) as raised:
        load_tokenizer(tmp_path)
    assert all(word in str(raised.value) for word in words)


def test_a_saved_tokenizer_of_transformers_is_read_too(tmp_path, tokenizer, tokenizer_folder, tiny_folder):
    save(tmp_path, load_model(tiny_folder), GPT2Tokenizer.from_pretrained(tokenizer_folder))
    again = load_tokenizer(tmp_path)
    assert again.encode("Once upon a time") == tokenizer.encode("Once upon a time")
    assert again.eos_token_id == tokenizer.eos_token_id


@pytest.fixture
def other_tokenizers(tmp_path, tokenizer, sentencepiece_like) -> dict:
    """Tokenizers of several kinds, ours and of transformers."""
    from tokenizers import pre_tokenizers

    sentencepiece_like(tmp_path)
    digits = Backend.from_str(tokenizer.backend.to_str())
    digits.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    added = Backend.from_str(tokenizer.backend.to_str())
    added.add_special_tokens(["<|끝|>"])
    save_tokenizer(tmp_path / "theirs", tokenizer)
    return {
        "gpt2's": tokenizer,
        "characters": Tokenizer.of_characters("Once upon a time there were 12 foxes.<|끝|>옛날 옛적에"),
        "pieces": Tokenizer(Backend.from_file(str(tmp_path / "tokenizer.json")), "</s>"),
        "digits": Tokenizer(digits),
        "added": Tokenizer(added, "<|끝|>"),
        "theirs": GPT2Tokenizer.from_pretrained(tmp_path / "theirs"),
    }


@pytest.mark.parametrize("before", [None, "gpt2's", "characters", "theirs"])
def test_any_tokenizer_is_saved_as_it_is_in_place_of_any_other(tmp_path, tiny_folder, other_tokenizers, before):
    text = "Once upon a time there were 12 foxes.<|끝|>옛날 옛적에"
    model = load_model(tiny_folder)
    for kind, saved in other_tokenizers.items():
        folder = tmp_path / kind
        if before is not None:
            save(folder, model, other_tokenizers[before])
            (folder / "added_tokens.json").write_text('{"<|끝|>": 340}', encoding="utf-8")
        save(folder, model, saved)
        token_ids = saved.encode(text)
        ours, theirs = load_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False) == token_ids
        assert ours.decode(token_ids) == theirs.decode(token_ids) == saved.decode(token_ids)
        assert ours.eos_token_id == theirs.eos_token_id == saved.eos_token_id
        two_files = {"vocab.json", "merges.txt"} <= {file.name for file in folder.iterdir()}
        assert two_files == (kind == "gpt2's")


def test_files_of_gpt2_s_names_but_not_of_its_kind_lose_nothing(tmp_path, sentencepiece_like):
    """A vocab.json without tokens for bytes would drop every character; a tokenizer.json beside it takes precedence."""
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
        ({"config.json": {"eos_token_id": 200}}, "</s>"),  # an ordinary token: an id left there by mistake
        ({"config.json": {"eos_token_id": 50256}}, "</s>"),
        ({"config.json": {"eos_token_id": [2, 1]}}, "<usr>"),
        ({"config.json": {"eos_token_id": []}}, "</s>"),
        ({"config.json": {"eos_token_id": None}}, "</s>"),
        ({"config.json": []}, "</s>"),
    ],
)
def test_the_end_token_is_the_one_that_the_files_name(tmp_path, files, expected, sentencepiece_like):
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


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.model", "spiece.model"])
def test_files_of_another_library_are_named_with_what_to_do(tmp_path, name):
    (tmp_path / name).write_text("[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\nfox\n")
    sentence = rf"to make one of its {name}, load the folder with the AutoTokenizer of `transformers` and save it there"
    with pytest.raises(ValueError, match=sentence):
        load_tokenizer(tmp_path)
    if name == "vocab.txt":
        theirs = BertTokenizer.from_pretrained(tmp_path)
        theirs.save_pretrained(tmp_path)
        ours = load_tokenizer(tmp_path)
        assert ours.encode("A fox b") == theirs.encode("A fox b", add_special_tokens=False)
        assert ours.decode(ours.encode("A fox b")) == theirs.decode(ours.encode("A fox b"))


@pytest.mark.parametrize("cleaned", [False, True])
@pytest.mark.parametrize("kind", ["words", "pieces", "bytes", "added"])
def test_tokenizers_of_other_kinds_are_read_as_transformers_reads_them(tmp_path, kind, cleaned):
    random_ = random.Random(kind)
    for normalizer in (None, normalizers.Lowercase(), normalizers.NFKC()):
        backend = of_pieces(kind)
        backend.normalizer = normalizer
        settings = {"eos_token": "<사람>", "unk_token": "<unk>", "clean_up_tokenization_spaces": cleaned}
        saved = PreTrainedTokenizerFast(tokenizer_object=backend, **settings)
        saved.add_tokens([AddedToken("FOX", normalized=True), AddedToken(" ,", lstrip=True)])
        saved.add_special_tokens({"pad_token": "[PAD]"})
        folder = tmp_path / str(normalizer)
        saved.save_pretrained(folder)
        ours, theirs = load_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
        assert len(ours) == len(theirs) and ours.eos_token_id == theirs.eos_token_id
        save_tokenizer(folder / "again", ours)
        again = load_tokenizer(folder / "again")
        for _ in range(20):
            parts = [
                *MORE_TEXTS,
                "Isn 't it a fox ? He 's , well , they 've ' said ' so . ",
                "FOX",
                " ,",
                "[PAD]",
                "<사람>",
            ]
            text = "".join(random_.choice(parts)[random_.randint(0, 3) :] for _ in range(3))
            token_ids = theirs.encode(text, add_special_tokens=False)
            assert ours.encode(text) == again.encode(text) == token_ids
            assert ours.decode(token_ids) == again.decode(token_ids) == theirs.decode(token_ids)
            assert "".join(stream_decode(ours, token_ids)) == theirs.decode(token_ids)
