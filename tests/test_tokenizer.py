import unicodedata
from types import SimpleNamespace

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gptcore import (
    GPT2Tokenizer,
    GPTConfig,
    GPTModel,
    Tokenizer,
    generate_text,
    load,
    load_tokenizer,
    save,
    token_label,
)
from gptcore.any_tokenizer import is_known
from gptcore.text_stream import CONTEXT
from gptcore.tokenizer import END_OF_TEXT, decode, stream_decode, token_bytes
from gptcore.tokenizer_files import save_tokenizer

TEXTS = [
    "Once upon a time, there was a fox.",
    "옛날 옛적에 여우가 살았어요.",
    "  two  spaces\n\n\ttab, nbsp\u00a0, café, naïve",
    "👩‍👩‍👧‍👦 🇰🇷 ✊🏽 𝔊𝔓𝔗",
    "뷁 쀍 가나다 한글과 English 섞어 쓰기",
    "<0xEC> <id 3> <U+0041> ␣⏎⇥ \ufffd",
    "e\u0301 \u200b\u202e\x00\x7f",
]


def plain(tokenizer: Tokenizer) -> SimpleNamespace:
    """An object that has `encode` and `decode` and nothing else."""
    return SimpleNamespace(encode=tokenizer.encode, decode=tokenizer.decode)


@pytest.fixture(scope="session", params=["ours", "transformers", "plain"])
def any_tokenizer(request, tokenizer, tokenizer_folder):
    return {
        "ours": lambda: tokenizer,
        "transformers": lambda: GPT2Tokenizer.from_pretrained(tokenizer_folder),
        "plain": lambda: plain(tokenizer),
    }[request.param]()


def check_pieces(tokenizer, token_ids: list[int]) -> None:
    pieces = list(stream_decode(tokenizer, token_ids))
    whole = tokenizer.decode(token_ids)
    assert "".join(pieces) == whole
    assert len(pieces) == len(token_ids) + 1
    if "\ufffd" not in whole:
        assert not any("\ufffd" in piece for piece in pieces)


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_comes_back_from_its_token_ids(any_tokenizer, text):
    token_ids = any_tokenizer.encode(text)
    assert any_tokenizer.decode(token_ids) == decode(any_tokenizer, token_ids) == text
    check_pieces(any_tokenizer, token_ids)


@settings(max_examples=400)
@given(st.lists(st.integers(0, 339), max_size=30))
def test_pieces_of_any_token_ids_join_to_the_decoded_whole(any_tokenizer, token_ids):
    check_pieces(any_tokenizer, token_ids)


@settings(max_examples=300)
@given(text=st.text(st.characters(codec="utf-8") | st.sampled_from("옛날여우👩🇰𝔊"), max_size=12), data=st.data())
def test_bytes_cut_anywhere_never_show_half_a_character(any_tokenizer, tokenizer, text, data):
    single = {token_bytes(tokenizer, i): i for i in range(len(tokenizer))}
    token_ids = [single[bytes([byte])] for byte in text.encode()]
    check_pieces(any_tokenizer, token_ids)
    cut = data.draw(st.integers(0, len(token_ids)))
    check_pieces(any_tokenizer, token_ids[:cut])
    check_pieces(any_tokenizer, token_ids[cut:])


def test_a_character_comes_whole_with_the_last_of_its_bytes(any_tokenizer, tokenizer):
    single = {token_bytes(tokenizer, i): i for i in range(len(tokenizer))}
    token_ids = [single[bytes([byte])] for byte in "a뷁👩".encode()]
    assert list(stream_decode(any_tokenizer, token_ids)) == ["a", "", "", "뷁", "", "", "", "👩", ""]
    assert list(stream_decode(any_tokenizer, token_ids[:3])) == ["a", "", "", "\ufffd"]


@settings(max_examples=300)
@given(text=st.text(st.characters(codec="utf-8") | st.sampled_from("옛날여우👩🇰𝔊\ufffd"), max_size=12), data=st.data())
def test_an_incomplete_character_at_a_cut_is_left_out(any_tokenizer, tokenizer, text, data):
    single = {token_bytes(tokenizer, i): i for i in range(len(tokenizer))}
    token_ids = [single[bytes([byte])] for byte in text.encode()]
    cut = data.draw(st.integers(0, len(token_ids)))
    whole = text.encode()[:cut].decode(errors="ignore")
    assert "".join(stream_decode(any_tokenizer, token_ids[:cut], cut=True)) == whole
    start = data.draw(st.integers(0, cut))
    pieces = list(stream_decode(any_tokenizer, token_ids[start:cut], start=token_ids[:start], cut=True))
    assert "".join(pieces) == whole and len(pieces) == cut - start + 2


def test_bytes_that_are_not_text_are_not_taken_for_a_cut(tokenizer):
    single = {token_bytes(tokenizer, i): i for i in range(len(tokenizer))}
    token_ids = [single[bytes([byte])] for byte in b"a\xec\xff\x80"]
    assert "".join(stream_decode(tokenizer, token_ids, cut=True)) == "a\ufffd\ufffd\ufffd"


@pytest.mark.parametrize("long", [0, 2000])
def test_a_long_text_is_not_decoded_again_for_every_token(tokenizer, long):
    token_ids, decoded = tokenizer.encode(20 * "\n".join(TEXTS)), []
    start, rest = token_ids[:long], token_ids[long : long + 1000]
    counted = plain(tokenizer)
    counted.decode = lambda ids: decoded.append(len(ids)) or tokenizer.decode(ids)
    assert "".join(stream_decode(counted, rest, start=start)) == tokenizer.decode(start + rest)
    assert sum(count > 2 * CONTEXT + 8 for count in decoded) <= 1


@pytest.mark.parametrize("kind", ["ours", "transformers"])
def test_an_id_that_the_tokenizer_lacks_is_shown_and_not_dropped(kind, tokenizer, tokenizer_folder):
    found = tokenizer if kind == "ours" else GPT2Tokenizer.from_pretrained(tokenizer_folder)
    a = found.encode("a")
    assert decode(found, [*a, 340, *a, 50256, -1]) == "a<id 340>a<id 50256><id -1>"
    assert [is_known(found, token_id) for token_id in (-1, 0, 339, 340, 50256)] == [False, True, True, False, False]
    assert token_label(found, 340) == "<id 340>"
    with pytest.raises(ValueError, match="token_id .* 340"):
        token_bytes(found, 340)


@pytest.mark.parametrize("kind", [list, tuple, iter, numpy.array, torch.tensor, lambda ids: torch.tensor([ids])])
def test_token_ids_may_come_in_any_list(kind, any_tokenizer, tokenizer):
    ids = tokenizer.encode("a fox")
    assert tokenizer.decode(kind(ids)) == decode(any_tokenizer, kind(ids)) == "a fox"
    assert "".join(stream_decode(any_tokenizer, kind(ids))) == "a fox"
    assert token_label(any_tokenizer, numpy.int32(ids[0])) == token_label(any_tokenizer, torch.tensor(ids[0])) == "a"


def test_an_id_that_wraps_or_is_huge_is_no_token(tokenizer):
    for token_id in (-1, 10**6, 2**32 + 7, 2**62):
        assert tokenizer.decode([token_id]) == decode(tokenizer, [token_id]) == f"<id {token_id}>"
        assert token_label(tokenizer, token_id) == f"<id {token_id}>"
    for token_id in (10**30, -(10**30), 10**5000):
        for function in (
            tokenizer.decode,
            lambda ids: decode(tokenizer, ids),
            lambda ids: token_label(tokenizer, *ids),
        ):
            with pytest.raises(ValueError, match="^token_id must be an integer of 64 bits, got "):
                function([token_id])


@pytest.mark.parametrize(
    "wrong", [None, 5, "ab", [1.5], [True], [None], ["a"], [[1, 2], [3]], torch.tensor([1.0]), torch.tensor(3)]
)
def test_what_is_no_token_ids_cannot_be_decoded(wrong, tokenizer):
    for function in (
        tokenizer.decode,
        lambda ids: decode(tokenizer, ids),
        lambda ids: list(stream_decode(tokenizer, ids)),
    ):
        with pytest.raises(TypeError, match="^token_ids? must be .*integer"):
            function(wrong)


@pytest.mark.parametrize("wrong", [None, 1.5, True, "a", [1], torch.tensor([1, 2])])
def test_a_token_id_is_an_integer(wrong, tokenizer):
    for function in (token_label, token_bytes):
        with pytest.raises(TypeError, match="^token_id must be an integer, got "):
            function(tokenizer, wrong)


@pytest.mark.parametrize(
    ("text", "error"), [(None, TypeError), (b"a", TypeError), (5, TypeError), ("a\ud83d", ValueError)]
)
def test_text_to_encode_is_a_str_that_utf8_can_hold(text, error, tokenizer):
    for found in (tokenizer, Tokenizer.of_characters("abc")):
        with pytest.raises(error, match="^text must be "):
            found.encode(text)


@pytest.mark.parametrize("backend", [None, "gpt2", {}, Tokenizer, type(Tokenizer.of_characters("a").backend)])
def test_a_backend_is_one_of_the_library(backend):
    with pytest.raises(TypeError, match="^backend must be a tokenizers.Tokenizer, got "):
        Tokenizer(backend)


def test_an_unknown_id_closes_the_character_before_it(tokenizer):
    half = [i for i in range(len(tokenizer)) if token_bytes(tokenizer, i) == "옛".encode()[:1]]
    assert decode(tokenizer, [*half, 999]) == "\ufffd<id 999>"


# Tokenizers of other kinds


def of_pieces(kind: str):
    """A `tokenizers.Tokenizer` that is not of GPT-2's kind, or one of GPT-2's kind with tokens of its own added."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, pre_tokenizers, trainers

    text = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bpe = models.BPE(unk_token="<unk>", byte_fallback=kind == "bytes")
    model, splitter, decoder, trainer = {
        "words": (models.WordPiece(unk_token="<unk>"), None, decoders.WordPiece(), trainers.WordPieceTrainer),
        "pieces": (models.Unigram(), pre_tokenizers.Metaspace(), decoders.Metaspace(), trainers.UnigramTrainer),
        "bytes": (bpe, pre_tokenizers.Metaspace(), text, trainers.BpeTrainer),
        "added": (models.BPE(), pre_tokenizers.ByteLevel(), decoders.ByteLevel(), trainers.BpeTrainer),
    }[kind]
    special = ["<unk>", "<｜start▁of▁text｜>", "<사람>", *(f"<0x{byte:02X}>" for byte in range(256) if kind == "bytes")]
    settings = {"unk_token": "<unk>"} if kind == "pieces" else {}
    backend = Backend(model)
    backend.pre_tokenizer = splitter or pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoder
    sentences = [
        *TEXTS[:2],
        "Isn 't it a fox ? He 's , well , they 've ' said ' so , and we 're sure it isn't .",
        "여우 숲",
    ]
    trainer = trainer(vocab_size=400, special_tokens=special, show_progress=False, **settings)
    backend.train_from_iterator(6 * sentences, trainer)
    return backend


@pytest.fixture(scope="session", params=["words", "pieces", "bytes", "added"])
def other_backend(request):
    return of_pieces(request.param)


@pytest.fixture(scope="session", params=["ours", "transformers", "cleaned up"])
def other_tokenizer(request, other_backend):
    if request.param == "ours":
        return Tokenizer(other_backend)
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=other_backend, clean_up_tokenization_spaces=request.param == "cleaned up"
    )


@settings(max_examples=300)
@given(numbers=st.lists(st.integers(0, 2**16), max_size=25))
def test_pieces_of_other_tokenizers_join_to_the_decoded_whole(other_tokenizer, numbers):
    check_pieces(other_tokenizer, [number % len(other_tokenizer) for number in numbers])


@pytest.mark.parametrize(
    "text", ["Isn 't it a fox ? He 's , well , they 've ' said ' so .", "여우 숲 , 여우 ?", "뷁 👩‍👩‍👧 x"]
)
def test_texts_of_other_tokenizers_join_to_the_decoded_whole(other_tokenizer, text):
    check_pieces(other_tokenizer, other_tokenizer.encode(text))


def test_every_token_of_other_tokenizers_has_a_label_of_its_own(other_tokenizer):
    vocab_size = len(other_tokenizer)
    assert len({token_label(other_tokenizer, token_id) for token_id in range(vocab_size + 9)}) == vocab_size + 9


def test_a_byte_of_another_tokenizer_is_labelled_by_its_value_and_comes_with_its_run():
    backend = of_pieces("bytes")
    ours = Tokenizer(backend)
    h, e, o = (backend.token_to_id(f"<0x{byte:02X}>") for byte in "옛".encode())
    assert [token_label(ours, token_id) for token_id in (h, e, o)] == ["<0xEC>", "<0x98>", "<0x9B>"]
    assert token_label(ours, backend.token_to_id("<0x2C>")) == "<0x2C>" != token_label(ours, backend.token_to_id(","))
    assert b"".join(token_bytes(ours, token_id) for token_id in (h, e, o)) == "옛".encode()
    comma = backend.token_to_id(",")
    assert list(stream_decode(ours, [h, e, o, comma])) == ["", "", "", "옛,", ""]
    assert list(stream_decode(ours, [h, e, o])) == ["", "", "", "옛"]
    assert list(stream_decode(ours, [h, e, o, h, e], cut=True)) == ["", "", "", "", "", "옛"]
    assert list(stream_decode(ours, [h, e], start=[comma, h, e, o], cut=True)) == [",옛", "", "", ""]
    assert list(stream_decode(ours, [o], start=[comma, h, e], cut=True)) == [",", "", "옛"]


@pytest.mark.parametrize("kind", ["words", "pieces", "bytes"])
def test_an_unknown_id_takes_no_space_from_the_token_after_it(kind):
    ours = Tokenizer(of_pieces(kind))
    assert decode(ours, [*ours.encode("a fox"), 999, *ours.encode("a fox")]).lstrip() == "a fox<id 999> a fox"


def check_labels(tokenizer, vocab_size: int) -> None:
    labels = [token_label(tokenizer, token_id) for token_id in range(vocab_size)]
    assert len(set(labels)) == vocab_size
    known = [label for token_id, label in enumerate(labels) if is_known(tokenizer, token_id)]
    assert all(known) and len(known) == len(tokenizer)
    categories = {unicodedata.category(character)[0] for label in known for character in label}
    assert categories <= set("LNPS")  # no control, format, combining or space characters


@pytest.mark.parametrize("kind", ["ours", "transformers"])
def test_every_token_has_a_label_of_its_own_that_can_be_seen(kind, tokenizer, tokenizer_folder):
    found = tokenizer if kind == "ours" else GPT2Tokenizer.from_pretrained(tokenizer_folder)
    check_labels(found, len(tokenizer) + 60)  # with ids that the tokenizer lacks


def test_every_token_of_gpt2_has_a_label_of_its_own_that_can_be_seen(gpt2_folder):
    check_labels(load_tokenizer(gpt2_folder), 50_257 + 47)


def test_every_token_of_the_bundled_model_has_a_label_of_its_own_that_can_be_seen():
    bundled = load_tokenizer()
    check_labels(bundled, len(bundled))


def labelled(text: str) -> str:
    """The label of a token with this text, in a tokenizer that has just this one."""
    return token_label(SimpleNamespace(encode=None, decode=lambda token_ids: text), 0)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (" the", "␣the"),
        ("\n\n", "⏎⏎"),
        ("\t", "⇥"),
        ("여우", "여우"),
        ("$x^2$ & <b>", "$x^2$␣&␣<b>"),
        ("\x00", "<U+0000>"),
        ("\u00a0", "<U+00A0>"),
        ("\u200b", "<U+200B>"),
        ("e\u0301", "e<U+0301>"),
        ("\ufffd", "<U+FFFD>"),
        ("␣", "<U+2423>"),
        ("<0xEC>", "<U+003C>0xEC>"),
        ("<id 7>", "<U+003C>id␣7>"),
        ("<U+0041>", "<U+003C>U+0041>"),
    ],
)
def test_a_label_never_lies(text, label):
    assert labelled(text) == label


def test_a_byte_that_is_not_text_is_labelled_by_its_value(tokenizer):
    labels = {token_bytes(tokenizer, i): token_label(tokenizer, i) for i in range(len(tokenizer))}
    assert labels[b"\xec"] == "<0xEC>"
    assert labels[b" "] == "␣"
    assert labels[END_OF_TEXT.encode()] == END_OF_TEXT


def test_every_byte_can_be_encoded(tokenizer):
    assert {bytes([byte]) for byte in range(256)} <= {token_bytes(tokenizer, i) for i in range(len(tokenizer))}


def test_gpt2_reads_text_as_transformers_does(gpt2_folder):
    ours, theirs = load_tokenizer(gpt2_folder), GPT2Tokenizer.from_pretrained(gpt2_folder)
    assert len(ours) == len(theirs) == 50_257
    assert ours.eos_token_id == theirs.eos_token_id == 50_256
    assert ours.encode("Once upon a time") == [7454, 2402, 257, 640]
    for text in TEXTS:
        assert ours.encode(text) == theirs.encode(text)
        check_pieces(ours, ours.encode(text))


CHARACTERS = "".join(TEXTS) + "▁\r\n"


@pytest.fixture(params=["made", "saved"])
def characters(request, tmp_path) -> Tokenizer:
    made = Tokenizer.of_characters(CHARACTERS)
    if request.param == "made":
        return made
    save_tokenizer(tmp_path, made)
    assert (tmp_path / "tokenizer.json").is_file()
    return load_tokenizer(tmp_path)


def test_each_character_is_a_token_in_sorted_order(characters):
    assert len(characters) == len(set(CHARACTERS))
    assert characters.encode("".join(sorted(set(CHARACTERS)))) == list(range(len(characters)))
    assert characters.eos_token_id is None
    assert Tokenizer.of_characters("banana").encode("nab") == [2, 0, 1]


@pytest.mark.parametrize("text", [*TEXTS, "▁ \r\n", ""])
def test_characters_come_back_from_their_token_ids(characters, text):
    token_ids = characters.encode(text)
    assert len(token_ids) == len(text)
    assert token_ids == characters.backend.encode(text, add_special_tokens=False).ids
    assert characters.decode(token_ids) == decode(characters, token_ids) == text
    assert list(stream_decode(characters, token_ids)) == [*text, ""]
    assert b"".join(token_bytes(characters, token_id) for token_id in token_ids) == text.encode()


def test_every_character_has_a_label_of_its_own_that_can_be_seen(characters):
    check_labels(characters, len(characters) + 10)
    assert token_label(characters, characters.encode("▁")[0]) == "▁"
    assert token_label(characters, characters.encode("\n")[0]) == "⏎"
    assert decode(characters, [*characters.encode("a"), len(characters)]) == f"a<id {len(characters)}>"


def test_a_character_that_it_does_not_know_is_named(characters):
    with pytest.raises(ValueError, match=f"only the {len(characters)} characters that the tokenizer knows, got 'ß'"):
        characters.encode("aßb")


@pytest.mark.parametrize(("text", "error"), [("", ValueError), (["a"], TypeError)])
def test_characters_are_those_of_some_text(text, error):
    with pytest.raises(error, match="text must"):
        Tokenizer.of_characters(text)


def test_a_model_of_characters_is_saved_and_loaded_and_writes(tmp_path):
    tokenizer = Tokenizer.of_characters("To be, or not to be")
    torch.manual_seed(0)
    config = GPTConfig(vocab_size=len(tokenizer), context_length=16, emb_dim=8, n_heads=2, n_layers=1)
    save(tmp_path, GPTModel(config), tokenizer)
    model, again = load(tmp_path, device="cpu")
    text = generate_text(model, "not ", again, max_length=20, seed=1)
    assert text.startswith("not ") and len(text) == 24 and set(text) <= set("To be, or not to be")
