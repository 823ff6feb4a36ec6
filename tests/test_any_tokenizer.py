from types import SimpleNamespace

import numpy
import pytest
import torch

from gptcore import Tokenizer
from gptcore.tokenizer import check_tokenizer, encode, end_token_ids


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
