import re
from types import SimpleNamespace

import numpy
import pytest
import torch
from transformers import BertTokenizer

from gptcore import GPTConfig, GPTModel, Tokenizer, generate_text, stream_decode, token_bytes, token_label
from gptcore.tokenizer import check_tokenizer, decode, encode, end_token_ids


@pytest.mark.parametrize(
    ("given", "name"),
    [(None, "NoneType"), ("gpt2", "str"), (Tokenizer, "the class Tokenizer"), ([1], "list"), (torch.nn.ReLU(), "ReLU")],
)
def test_a_tokenizer_has_encode_and_decode(given, name):
    with pytest.raises(TypeError, match=f"^tokenizer must have encode and decode, got {name}$"):
        check_tokenizer(given)


@pytest.mark.parametrize(
    "encoded",
    [
        [3, 1, 2],
        (3, 1, 2),
        iter([3, 1, 2]),
        numpy.array([3, 1, 2]),
        numpy.array([[3, 1, 2]], dtype=numpy.int32),
        torch.tensor([3, 1, 2]),
        torch.tensor([[3, 1, 2]]),
        [[3, 1, 2]],
        list(torch.tensor([3, 1, 2])),
        SimpleNamespace(ids=[3, 1, 2]),
        [SimpleNamespace(ids=[3, 1, 2])],
        {"input_ids": [3, 1, 2], "attention_mask": [1, 1, 1]},
        {"input_ids": torch.tensor([[3, 1, 2]])},
    ],
    ids=lambda encoded: type(encoded).__name__,
)
def test_token_ids_are_taken_from_whatever_encode_gives(encoded):
    token_ids = encode(SimpleNamespace(encode=lambda text: encoded, decode=lambda token_ids: "text"), "text")
    assert token_ids == [3, 1, 2] and {type(token_id) for token_id in token_ids} == {int}


@pytest.mark.parametrize(
    "encoded", [None, 3, "abc" * 99, ["a", "b"], [1.0, 2.0], [True], [[1], [2]], {}, torch.tensor([0.5]), [b"ab"]]
)
def test_what_is_no_token_ids_is_refused_in_a_sentence(encoded):
    with pytest.raises(TypeError, match="^tokenizer.encode must give token ids, a list of integers, got ") as raised:
        encode(SimpleNamespace(encode=lambda text: encoded, decode=lambda token_ids: "text"), "text")
    assert len(str(raised.value)) < 150


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({}, []),
        ({"eos_token_id": None}, []),
        ({"eos_token_id": 7}, [7]),
        ({"eos_token_id": [7, 2, 7]}, [7, 2]),
        ({"eos_token_id": torch.tensor(7)}, [7]),
        ({"eos_token_id": lambda: 7}, [7]),
        ({"eot_token": 7}, [7]),
        ({"eos_id": lambda: -1}, []),
        ({"eos_id": lambda: 2}, [2]),
        ({"eos_token_id": "</s>"}, []),
    ],
)
def test_end_tokens_are_found_under_their_usual_names(names, expected):
    assert end_token_ids(SimpleNamespace(encode=list, decode=str, **names)) == expected


def test_nothing_is_added_to_a_text_and_special_tokens_are_read_as_such():
    told = {}

    class Llama:
        def encode(self, text, bos, eos, allowed_special=()):
            told.update(bos=bos, eos=eos, allowed_special=allowed_special)
            return [1]

        def decode(self, token_ids):
            return "text"

    assert encode(Llama(), "text") == [1]
    assert told == {"bos": False, "eos": False, "allowed_special": "all"}


class Tiktoken:
    """What `tiktoken.Encoding` 0.14 does, as far as it is used: names, signatures and errors are its own."""

    def __init__(self, tokenizer: Tokenizer, special: dict[str, int]):
        self.tokenizer, self._special_tokens = tokenizer, special

    def encode(self, text, *, allowed_special=frozenset(), disallowed_special="all"):
        if disallowed_special == "all" and allowed_special != "all" and any(s in text for s in self._special_tokens):
            raise ValueError(f"Encountered text corresponding to disallowed special token in {text!r}")
        return self.tokenizer.encode(text)

    def decode(self, tokens, errors="replace"):
        return b"".join(map(self.decode_single_token_bytes, tokens)).decode("utf-8", errors=errors)

    def decode_single_token_bytes(self, token):
        if not 0 <= token < 2**32:
            raise OverflowError("out of range integral type conversion attempted")
        if token >= len(self.tokenizer):
            raise KeyError(f"Invalid token for decoding: {token}")
        return token_bytes(self.tokenizer, token)

    @property
    def eot_token(self):
        return self._special_tokens["<|endoftext|>"]

    @property
    def n_vocab(self):
        return len(self.tokenizer)


class SentencePiece:
    """What `sentencepiece.SentencePieceProcessor` 0.2 does, made to add begin and end tokens."""

    PIECES = ["<unk>", "<s>", "</s>", "▁", "▁a", "a", "b", "c", "▁fox"]

    def encode(self, input, add_bos=True, add_eos=True, out_type=None):
        text, ids = "▁" + input.replace(" ", "▁"), [1] if add_bos else []
        while text:
            known = [piece for piece in self.PIECES[3:] if text.startswith(piece)]
            piece = max(known, key=len, default=text[0])
            ids.append(self.PIECES.index(piece) if known else 0)
            text = text[len(piece) :]
        return ids + [2] * bool(add_eos)

    def decode(self, input, out_type=None):
        if any(not 0 <= token_id < len(self.PIECES) for token_id in input):
            raise IndexError("OUT_OF_RANGE: piece id is out of range.")
        pieces = [{0: " ⁇ ", 1: "", 2: ""}.get(token_id, self.PIECES[token_id]) for token_id in input]
        return "".join(pieces).replace("▁", " ").removeprefix(" ")

    def id_to_piece(self, token_id):
        return self.PIECES[token_id]

    def eos_id(self):
        return 2

    def __len__(self):
        return len(self.PIECES)


def model_of(vocab_size: int) -> GPTModel:
    torch.manual_seed(0)
    return GPTModel(GPTConfig(vocab_size=vocab_size, context_length=32, emb_dim=8, n_heads=2, n_layers=1))


@pytest.fixture
def tiktoken(tokenizer) -> Tiktoken:
    return Tiktoken(tokenizer, {"<|endoftext|>": tokenizer.eos_token_id})


def test_a_tokenizer_of_tiktoken_writes_and_is_labelled_as_its_own_tokens_are(tiktoken, tokenizer):
    text = "여우 a fox<|endoftext|>"
    token_ids = encode(tiktoken, text)
    assert token_ids == tokenizer.encode(text) and end_token_ids(tiktoken) == [tokenizer.eos_token_id]
    assert end_token_ids(Tiktoken(tokenizer, {})) == []
    assert list(stream_decode(tiktoken, token_ids)) == list(stream_decode(tokenizer, token_ids))
    assert [token_label(tiktoken, i) for i in range(360)] == [token_label(tokenizer, i) for i in range(360)]
    assert decode(tiktoken, [10**6, -1, 2**40]) == "<id 1000000><id -1><id 1099511627776>"
    model = model_of(400)
    arguments = {"max_length": 60, "top_k": None, "seed": 3}
    assert generate_text(model, "여우", tiktoken, **arguments) == generate_text(model, "여우", tokenizer, **arguments)


def test_a_tokenizer_of_sentencepiece_adds_nothing_to_a_prompt_and_tells_its_pieces_apart():
    pieces = SentencePiece()
    assert pieces.encode("a fox") == [1, 4, 8, 2] and encode(pieces, "a fox") == [4, 8]
    assert [token_label(pieces, i) for i in range(10)] == ["<unk>", "<s>", "</s>", "␣", "␣a", *"abc", "␣fox", "<id 9>"]
    assert decode(pieces, [4, 8, 10**6, -1, 5]) == "a fox<id 1000000><id -1>a" and end_token_ids(pieces) == [2]
    assert generate_text(model_of(30), "a fox", pieces, max_length=20, top_k=None, seed=1).startswith("a fox")
    with pytest.warns(UserWarning, match="changes the text: 'a 뷁' becomes 'a  ⁇ ', and the model reads only that"):
        encode(pieces, "a 뷁")


def test_a_tokenizer_of_bert_begins_and_ends_no_prompt(tmp_path):
    letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgxo", "##o", "##x", "fox"]
    (tmp_path / "vocab.txt").write_text("\n".join(letters))
    bert = BertTokenizer.from_pretrained(tmp_path)
    assert bert.encode("a fox") == [2, 5, 16, 3] and encode(bert, "a fox") == [5, 16]
    assert generate_text(model_of(17), "a fox", bert, max_length=0) == "a fox"
    with pytest.warns(UserWarning, match="'A fox' becomes 'a fox'") as said:
        generate_text(model_of(17), "A fox", bert, max_length=0)
    assert said[0].filename == __file__


def test_a_backend_alone_is_a_tokenizer(tokenizer):
    backend, model = tokenizer.backend, model_of(400)
    assert encode(backend, "여우 a fox") == tokenizer.encode("여우 a fox")
    assert end_token_ids(backend) == [tokenizer.eos_token_id]
    assert decode(backend, [10**6]) == "<id 1000000>"
    arguments = {"max_length": 60, "top_k": None, "seed": 3}
    assert generate_text(model, "여우", backend, **arguments) == generate_text(model, "여우", tokenizer, **arguments)


class Letters:
    """The tokenizer that a first lesson writes by hand."""

    def __init__(self, text):
        self.letters = sorted(set(text))

    def encode(self, text):
        numbers = {letter: i for i, letter in enumerate(self.letters)}
        return [numbers[letter] for letter in text]

    def decode(self, token_ids):
        return "".join([self.letters[token_id] for token_id in token_ids])


def test_the_simplest_of_tokenizers_is_one():
    letters = Letters("a fox")
    text = generate_text(model_of(8), "fox", letters, max_length=40, top_k=None, seed=1)
    assert text.startswith("fox") and set(re.sub("<id [567]>", "", text)) <= set("a fox")
    known = generate_text(model_of(8), "fox", letters, max_length=40, top_k=None, seed=1, known_only=True)
    assert set(known) <= set("a fox")
    with pytest.raises(ValueError, match="^text must be one that the tokenizer can encode, got 'fix': KeyError: 'i'$"):
        generate_text(model_of(8), "fix", letters)


def test_text_is_what_decode_gives():
    wrong = SimpleNamespace(encode=lambda text: [1], decode=lambda token_ids: b"x")
    with pytest.raises(TypeError, match="^tokenizer.decode must give text, got b'x'$"):
        generate_text(model_of(8), "x", wrong)


def test_a_warning_is_not_made_for_a_text_that_comes_back(tokenizer, recwarn):
    for text in ("", " a", "a  b\n\t", "뷁 👩\u200d👩\u200d👧 \x00"):
        encode(tokenizer, text)
    assert not recwarn.list


@pytest.mark.parametrize("wrong", [None, 5, "gpt2", {}, [], Tokenizer])
def test_what_is_no_tokenizer_has_no_tokens(wrong):
    decoding = [lambda ids: decode(wrong, ids), lambda ids: list(stream_decode(wrong, ids))]
    for function in [*decoding, lambda ids: token_label(wrong, *ids), lambda ids: token_bytes(wrong, *ids)]:
        with pytest.raises(TypeError, match="^tokenizer must have decode, got "):
            function([3])
