"""What all self-checks promise: one line, whatever a learner gives them."""

import math

import pytest
import torch

from gptcore.exercises import lesson01, lesson02, lesson03, lesson04, lesson05

NUMBERS = [lesson01.check_how_many, lesson02.check_how_many, lesson03.check_ratio, lesson04.check_min_p]
FUNCTIONS = [
    lesson01.check_count_pairs,
    lesson01.check_join,
    lesson02.check_best_tokens,
    lesson02.check_next_logits,
    lesson02.check_same_chances,
    lesson03.check_softmax,
    lesson03.check_with_temperature,
    lesson03.check_entropy,
    lesson04.check_top_k,
    lesson04.check_top_p,
    lesson04.check_choose,
    lesson05.check_loop,
    lesson05.check_surprise,
]


class Awkward:
    def __repr__(self):
        raise ValueError("no repr")

    __eq__ = __bool__ = __float__ = __repr__


ODD = [
    "",
    "7",
    [1, [2, 3]],
    {},
    1j,
    math.nan,
    -math.inf,
    10**400,
    Awkward(),
    torch.tensor([]),
    torch.tensor(1j),
    torch.eye(3).to_sparse(),
    torch.tensor([1, 2, 3]).numpy(),
    torch.tensor([2.0, 1.0, 0.0]).max(-1),
]


@pytest.mark.parametrize("answer", ODD, ids=lambda answer: type(answer).__name__)
@pytest.mark.parametrize("check", NUMBERS, ids=lambda check: check.__module__[-8:])
def test_an_odd_number_gets_one_line(says, check, answer):
    assert says(check, answer).startswith("Not yet: ")


@pytest.mark.parametrize("answer", ODD, ids=lambda answer: type(answer).__name__)
@pytest.mark.parametrize("check", FUNCTIONS, ids=lambda check: check.__name__)
def test_an_odd_function_gets_one_line(says, check, answer):
    assert says(check, answer).startswith("Not yet: ")
    assert says(check, lambda *arguments: answer).startswith("Not yet: ")


@pytest.mark.parametrize("check", FUNCTIONS, ids=lambda check: check.__name__)
def test_an_error_without_words_is_named_and_a_long_one_cut(says, check):
    def fails(*arguments):
        raise AssertionError

    def rambles(*arguments):
        raise RuntimeError("much " * 1000)

    assert "AssertionError:" not in says(check, fails) and "AssertionError" in says(check, fails)
    assert len(says(check, rambles)) < 500
