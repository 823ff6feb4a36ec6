from itertools import accumulate
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from gptcore import GPT2Tokenizer, Tokenizer, load_tokenizer
from gptcore.show.tokens import Tokens, Vocabulary, read_tokens, tokenize

OLD_DAYS = "옛날 옛적에"


@pytest.fixture(scope="module")
def bundled():
    return Vocabulary(load_tokenizer())


def encode(vocabulary, text):
    return vocabulary.tokenizer.encode(text)


def pieces_of(vocabulary, *token_ids):
    pieces = Tokens([vocabulary[token_id] for token_id in token_ids]).pieces()
    return [(piece.start, piece.stop, piece.text) for piece in pieces]


def test_a_text_becomes_tokens_with_labels_and_bytes(bundled):
    tokens = read_tokens(bundled, OLD_DAYS)
    assert tokens.token_ids == encode(bundled, OLD_DAYS) and tokens.labels == ["옛날", "␣옛적에"]
    assert b"".join(token.data for token in tokens.tokens).decode() == OLD_DAYS
    assert all(token.is_text and not token.continues for token in tokens.tokens)
    assert read_tokens(bundled, "").tokens == []


def test_bytes_stand_under_the_syllable_that_they_make(bytes_only):
    tokens = read_tokens(Vocabulary(bytes_only), OLD_DAYS)
    made = [piece for piece in tokens.pieces() if piece.text is not None]
    assert [piece.text for piece in made] == list(OLD_DAYS.replace(" ", ""))
    assert all(len(piece.tokens) == 3 for piece in made)
    assert tokens.heading == "16 tokens, 15 of them only part of a character"


def test_broken_characters_stay_alone(bundled):
    [a], lead, end = encode(bundled, "a"), 168, 246  # <0xEC>, <0x98>
    assert pieces_of(bundled, lead, end, 249) == [(0, 3, "옛")]
    assert pieces_of(bundled, lead, a) == [(0, 1, None), (1, 2, None)]
    assert pieces_of(bundled, lead, end) == [(0, 1, None), (1, 2, None)]
    assert pieces_of(bundled, end, a, end) == [(0, 1, None), (1, 2, None), (2, 3, None)]
    assert pieces_of(bundled, lead, lead, end, 249, a) == [(0, 1, None), (1, 4, "옛"), (4, 5, None)]
    assert pieces_of(bundled) == []


def test_a_token_may_end_in_the_middle_of_a_character(bundled):
    tokens = read_tokens(bundled, "옛")
    assert tokens.labels == ["<0xEC><0x98>", "<0x9B>"]
    assert [(piece.start, piece.stop, piece.text) for piece in tokens.pieces()] == [(0, 2, "옛")]
    assert tokens.heading == "2 tokens, each only part of a character"


# "b", and the bytes of "옛", "é" and "🦊", one token each
some_bytes = st.lists(st.sampled_from([65, 168, 246, 249, 127, 102, 172, 253, 99, 232]), max_size=20)


@given(some_bytes, st.integers(0, 20))
def test_pieces_cover_all_tokens_and_can_be_had_from_anywhere_on(bundled, token_ids, first):
    tokens = Tokens([bundled[token_id] for token_id in token_ids])
    pieces = tokens.pieces()
    assert [token for piece in pieces for token in piece.tokens] == tokens.tokens
    assert [piece.stop for piece in pieces] == list(accumulate(len(piece.tokens) for piece in pieces))
    for piece in pieces:
        assert (piece.text is None) == (len(piece.tokens) == 1)
        assert piece.text is None or piece.text.encode() == b"".join(token.data for token in piece.tokens)
    assert tokens.pieces(first) == [piece for piece in pieces if piece.start >= first]


@pytest.mark.parametrize("text", ["🦊", "café", "👩‍👩‍👧‍👦", "é́", "a\n\tb", "\u3000", "שלום", "<|endoftext|>"])
def test_the_pieces_spell_the_text(bundled, bytes_only, text):
    for vocabulary in (bundled, Vocabulary(bytes_only)):
        pieces = read_tokens(vocabulary, text).pieces()
        decode = vocabulary.tokenizer.decode
        spelled = [decode([token.token_id for token in piece.tokens]) for piece in pieces]
        assert "".join(spelled) == text
        assert all(piece.text in (None, spelt) for piece, spelt in zip(pieces, spelled, strict=True))


def test_gpt2_makes_fifteen_tokens_none_of_which_is_text(gpt2_folder):
    tokens = read_tokens(Vocabulary(load_tokenizer(gpt2_folder)), OLD_DAYS)
    assert tokens.token_ids == [168, 246, 249, 167, 224, 254, 23821, 246, 249, 168, 254, 223, 168, 245, 238]
    assert tokens.heading == "15 tokens, each only part of a character"
    assert [piece.text for piece in tokens.pieces()] == ["옛", "날", " 옛", "적", "에"]


def test_a_tokenizer_of_transformers_and_ids_that_it_lacks(tokenizer_folder, tokenizer):
    vocabulary = Vocabulary(GPT2Tokenizer.from_pretrained(tokenizer_folder))
    assert read_tokens(vocabulary, OLD_DAYS).token_ids == tokenizer.encode(OLD_DAYS)
    assert Vocabulary(tokenizer)[99_999].label == "<id 99999>"


def test_what_a_tokenizer_cannot_read_becomes_a_sentence():
    tokens = read_tokens(Vocabulary(Tokenizer.of_characters("a fox")), "Once")
    assert tokens.tokens == [] and tokens.size == tokens.heading
    assert tokens.size.startswith("this cannot be read: text must have only the 5 characters that the tokenizer knows")
    assert tokens.describe() == "none"


def test_the_caption_counts_characters_bytes_and_tokens(bundled, bytes_only):
    both = {"bilingual": bundled, "English only": Vocabulary(bytes_only)}

    def caption(text):
        return tokenize(text, both).caption

    assert caption(OLD_DAYS) == "6 characters in 16 bytes. Bilingual: 2 tokens; English only: 16 tokens."
    assert caption("a") == "1 character in 1 byte. Bilingual: 1 token; English only: 1 token."
    assert "ends in a space" in caption("time ")
    assert caption("") == "No text, no tokens. Type something."
    assert tokenize("Once upon a time", {"tokenizer": bundled}).caption == "16 characters in 16 bytes. 4 tokens."


def test_the_line_names_the_first_twenty_tokens(bundled):
    both = {"one": bundled, "two": bundled}
    assert tokenize("", both).describe() == "'' becomes 0 tokens (one): none and 0 tokens (two): none"
    line = tokenize("a" * 50, {"letters": Vocabulary(Tokenizer.of_characters("a"))}).describe()
    assert line.startswith(f"'{'a' * 50}' becomes 50 tokens: a ") and line.count("a ") == 20 and line.endswith(", …")


def test_half_a_character_is_a_question_mark(bundled):
    text = tokenize("a\ud83d", {"bilingual": bundled})
    assert text.tokens["bilingual"].labels == ["a", "?"] and text.caption.startswith("2 characters in 2 bytes")


def test_a_vocabulary_finds_out_once_what_a_token_is(tokenizer):
    calls = []
    vocabulary = Vocabulary(SimpleNamespace(decode=lambda token_ids: calls.append(token_ids) or "x"))
    assert vocabulary[7] is vocabulary[7] and calls
    count = len(calls)
    assert vocabulary[7].label and len(calls) == count


def losing(*, normalizer=None, unk=None) -> Tokenizer:
    """A tokenizer that knows the letters of "a fox, 여우 ." alone, and drops all others or makes them `unk`."""
    from tokenizers import Regex, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    vocab = {letter: i for i, letter in enumerate(sorted(set("a fox,여우.")))} | ({unk: 20} if unk else {})
    backend = Backend(models.BPE(vocab, [], unk_token=unk))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    backend.decoder, backend.normalizer = decoders.Fuse(), normalizer
    return Tokenizer(backend, eos_token=None)


@pytest.mark.parametrize(
    ("tokenizer", "text", "sentence"),
    [
        (losing(), "a fox 🦊, 여우", "'… fox 🦊, 여우' becomes '… fox , 여우'"),
        (losing(), "뷁 fox", "'뷁 fox' becomes ' fox'"),
        (losing(unk="<unk>"), "뷁 fox", "'뷁 fox' becomes '<unk> fox'"),
        (losing(normalizer=normalizers.Lowercase()), "a FOX", "'a FOX' becomes 'a fox'"),
        (losing(normalizer=normalizers.NFKC()), "a ｆox", "'a ｆox' becomes 'a fox'"),
        (losing(), 9 * "a fox, " + "b" + 9 * " a fox", "'…fox, b a fox a fox a…' becomes '…fox,  a fox a fox a …'"),
    ],
)
def test_a_text_that_a_tokenizer_does_not_give_back_is_seen_and_said(tokenizer, text, sentence):
    found = tokenize(text, {"tokenizer": Vocabulary(tokenizer)})
    whole = f"the tokenizer changes the text: {sentence}, and the model reads only that"
    assert found.tokens["tokenizer"].change == whole and whole in found.caption
    assert "of a changed text" in found.tokens["tokenizer"].heading
    two = tokenize(text, {"one": Vocabulary(tokenizer), "bytes": Vocabulary(load_tokenizer())})
    assert f" one: {whole}." in two.caption and "bytes: the tokenizer" not in two.caption


@pytest.mark.parametrize("text", ["", "a fox, 여우.", " a fox"])
def test_nothing_is_said_of_a_text_that_comes_back(text):
    assert read_tokens(Vocabulary(losing()), text).change is None


def test_any_error_of_a_tokenizer_is_its_problem():
    def encode(text):
        return [{"a": 0, "b": 1}[character] for character in text]

    letters = SimpleNamespace(encode=encode, decode=lambda token_ids: "".join("ab"[i] for i in token_ids))
    assert read_tokens(Vocabulary(letters), "abba").token_ids == [0, 1, 1, 0]
    assert "'c'" in read_tokens(Vocabulary(letters), "abc").problem
