"""What the engine promises, with a table of its own."""

import contextlib
import itertools
import math
from collections import Counter

import numpy
import pytest
import torch
from torch import nn, tensor

import gptcore
from gptcore.exercises.checking import ENOUGH, Exercise, Value, case, require

double = Exercise(
    right="each value is doubled.",
    reference=lambda row: 2 * row,
    cases=[case(tensor([2.0, 3.0])), case(tensor([0.5, -2.0]), given="a row with a negative value")],
    edges=[
        case(tensor([1e30, 1.0]), why="A large value is doubled as well."),
        case(tensor([0.0]), why="Twice nothing is nothing."),
    ],
    mistakes=[
        ("That is the square.", lambda row: row**2),
        ("That is the sum.", lambda row: row.sum(), lambda row: 2 * row.sum()),
        ("Nothing can be divided by 0.", lambda row: 4 / (2 / row.numpy()) if row.all() else 1 / int(row)),
    ],
    errors={"too large": "Nothing is too large."},
    reminder="Multiply each value by 2.",
    luck="No luck is needed.",
)


@pytest.mark.parametrize("answer", [lambda row: row + row, lambda row: [2 * x for x in row.tolist()]])
def test_a_right_answer_is_right_however_it_is_written(says, answer):
    assert says(double, answer) == "Right: each value is doubled.\n"


def test_a_wrong_answer_is_told_what_went_in_what_was_expected_and_what_came_out(says):
    assert says(double, lambda row: 3 * row) == (
        "Not yet: given row [2, 3], expected [4, 6], got [6, 9]. Multiply each value by 2.\n"
    )


def test_a_hint_needs_the_mistake_on_every_case(says):
    square, once = says(double, lambda row: row * row), says(double, lambda row: row**2 if row[0] == 2 else row)
    assert square.endswith("expected [4, 6], got [4, 9]. That is the square.\n")
    assert once.endswith("expected [4, 6], got [4, 9]. Multiply each value by 2.\n")


def test_each_way_to_write_a_mistake_gets_its_hint(says):
    for answer in (lambda row: sum(row), lambda row: sum(row.tolist()) * 2):
        assert "That is the sum." in says(double, answer)


def test_an_edge_is_asked_only_when_all_before_it_is_right(says):
    asked = []

    def limited(row):
        asked.append(len(row))
        return (2 * row).clamp(max=100)

    assert "given row [1e+30, 1], expected [2e+30, 2], got [100, 2]. A large value" in says(double, limited)
    assert 1 not in asked


def test_a_mistake_may_raise(says):
    assert "stopped with ZeroDivisionError: " in says(double, lambda row: 2 * row if row.all() else 1 // int(row))
    assert "Nothing can be divided by 0." in says(double, lambda row: 2 * row if row.all() else 1 // int(row))
    assert "Nothing can be divided by 0." not in says(double, lambda row: 1 // 0)


def fails_with(error):
    def answer(row):
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("two\nlines"), "stopped with ValueError: two lines."),
        (ValueError("too large"), "Nothing is too large."),
        (AssertionError(), "stopped with AssertionError."),
        (TypeError("'torch.return_types.max' and 'float'"), "take .values or .indices"),
        (KeyError("x"), "stopped with KeyError: 'x'."),
    ],
)
def test_an_exception_becomes_a_sentence(says, error, words):
    assert words in says(double, fails_with(error))


def test_a_long_exception_is_cut(says):
    assert len(says(double, fails_with(RuntimeError("much " * 1000)))) < 300


@pytest.mark.parametrize("answer", [lambda row: None, lambda row: ..., fails_with(NotImplementedError())])
def test_a_stub_is_told_kindly(says, answer):
    assert says(double, answer) == (
        "Not yet: your function returns nothing so far. Replace the dots, and end with return.\n"
    )


def test_a_way_through_without_return_is_told(says):
    line = says(double, lambda row: 2 * row if row.all() else None)
    assert "given row [0], your function returned nothing: every way through it ends with return. Twice nothing" in line


@pytest.mark.parametrize("answer", [None, ..., 7, "text", tensor([4.0, 6.0])])
def test_what_is_no_function_is_told(says, answer):
    assert "the function itself, without brackets" in says(double, answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda row: row[:, None] * 2, "the shape should be (2,), and it is (2, 1)"),
        (lambda row: 2 * row + 1e-3, "got [4.001, 6.001]"),
        (lambda row: 2 * row * 1.001, "expected [4, 6]"),
        (lambda row: "text", "got 'text'"),
        (lambda row: (2 * row).max(-1), "got"),
        (lambda row: (x for x in row), "got a generator"),
        (lambda row: (2 * row).tolist() + [math.nan], "got [4, 6, nan]"),
        (lambda row: row > 0, "got [True, True]"),
        (lambda row: 2 * row * 1j, "got"),
    ],
)
def test_what_comes_out_is_shown(says, answer, words):
    line = says(double, answer)
    assert line.startswith("Not yet: given row [2, 3], ") and words in line


def test_values_that_look_alike_get_more_digits(says):
    third = Exercise(right="yes.", reference=lambda x: x / 3, cases=[case(1.0)], tolerance=1e-6)
    assert "expected 0.333333, got 0.333343" in says(third, lambda x: x / 2.99991)


def test_one_number_may_have_axes(says):
    third = Exercise(right="yes.", reference=lambda x: x / 3, cases=[case(3.0)])
    assert says(third, lambda x: tensor([[1.0]])).startswith("Right")
    assert "expected 1, got [1, 1]: one number is expected" in says(third, lambda x: [1, 1])


@pytest.mark.parametrize("given", [tensor([1.0, 2.0]), [1.0, 2.0], {0: 1.0}])
def test_an_answer_may_not_change_what_it_is_given(says, given):
    first = Exercise(right="yes.", reference=lambda values: values[0] * 1, cases=[case(given)])

    def changes(values):
        result = values[0] * 1
        values[0] = 7.0
        return result

    assert "changed what it was given" in says(first, changes)
    assert says(first, lambda values: values[0] * 1).startswith("Right")
    assert given[0] == 1.0


def test_an_answer_that_is_random_is_told(says):
    assert "asked again" in says(double, lambda row: row * torch.rand(2))
    assert "No luck is needed." in says(double, lambda row: row * torch.rand(2))
    count = itertools.count()
    assert "No luck is needed." in says(double, lambda row: row * next(count))


def test_a_mistake_meets_the_same_dropout_as_the_answer(says):
    model = nn.Sequential(nn.Dropout(0.5))
    quiet = Exercise(
        right="yes.",
        reference=lambda model, x: model.eval()(x),
        cases=[case(model, torch.ones(20), given="a model in training")],
        mistakes=[("Call model.eval() first.", lambda model, x: model(x))],
    )
    assert "Call model.eval() first." in says(quiet, lambda model, x: model(x))
    assert says(quiet, lambda model, x: x).startswith("Right") and model.training


@pytest.mark.parametrize("error", [(), (Exception,)])
def test_an_endless_loop_over_a_model_ends(says, error):
    def endless(model, x):
        while True:
            with contextlib.suppress(*error):
                x = model(x)

    same = Exercise(right="yes.", reference=lambda model, x: x, cases=[case(nn.Identity(), 1.0, given="a model")])
    assert f"called the model {ENOUGH} times: the loop never ends" in says(same, endless)


def test_what_is_observed_is_compared(says):
    counts = Exercise(
        right="yes.",
        reference=lambda text: Counter(text),
        cases=[case("aab", given="'aab'")],
        observe=lambda function, text: +function(text),
    )
    assert says(counts, lambda text: Counter(text) + Counter(c=0)).startswith("Right")
    assert "got Counter({'a': 1})" in says(counts, lambda text: Counter("a"))


def test_the_learners_luck_is_left_alone(says):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    says(double, lambda row: row * torch.rand(2))
    assert torch.rand(1) == expected and torch.is_grad_enabled()


# Values

answer_to_all = Value(
    right="6 × 7.",
    reference=42,
    tolerance=0.01,
    mistakes=[("13 is the sum.", 13), ("That is upside down.", 1 / 42)],
    reminder="Multiply.",
)


@pytest.mark.parametrize("answer", [42, 42.0, 41.9, tensor(42), tensor([[42.0]]), numpy.int64(42), numpy.float32(42)])
def test_a_right_value(says, answer):
    assert says(answer_to_all, answer) == "Right: 6 × 7.\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (..., "replace the dots by a number."),
        (None, "replace the dots by a number."),
        (13, "13 is the sum."),
        (0.0238, "upside down"),
        (0, "you gave 0. Multiply."),
        (50_257, "you gave 50,257. Multiply."),
        ("42", "the answer is a number, and you gave '42'."),
        (True, "the answer is a number, and you gave True."),
        (tensor([1.0, 2.0]), "the answer is a number, and you gave [1, 2]."),
        (math.nan, "you gave nan. Multiply."),
    ],
)
def test_a_wrong_value(says, answer, words):
    assert words in says(answer_to_all, answer)


def test_a_value_may_be_judged_by_what_it_does(says):
    def remainder(number):
        if number < 0:
            raise ValueError("a number must be at least 0")
        return f"remainder {number % 3}"

    multiple = Value(
        right="yes.", reference="remainder 0", observe=remainder, reminder="Count.", mistakes=[("Not 3.", 3)]
    )
    assert says(multiple, 6).startswith("Right") and "Not 3." in says(multiple, 3)
    assert says(multiple, 4) == "Not yet: given 4, expected remainder 0, got remainder 1. Count.\n"
    assert says(multiple, -1) == "Not yet: a number must be at least 0.\n"
    assert says(multiple, "six").startswith("Not yet: ")


# In Korean


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda row: 3 * row, "row [2, 3]을 주면 [4, 6]이 나와야 하는데 [6, 9]가 나왔어요. Multiply"),
        (lambda row: row[:, None] * 2, "모양은 (2,)가 맞는데 지금은 (2, 1)이라서 달라요. Multiply"),
        (lambda row: 2, "[4, 6]이 나와야 하는데 2가 나왔어요"),
        (lambda row: (x for x in row), "generator 객체가 나왔어요"),
        (lambda row: ..., "함수가 아직 아무것도 돌려주지 않아요."),
        (lambda row: 2 * row if row.all() else None, "row [0]을 주면 함수가 아무것도 돌려주지 않아요."),
        (lambda row: row * torch.rand(2), "다시 물으면"),
        (lambda row: row.softmax(), "row [2, 3]을 주면 함수가 오류로 멈춰요. TypeError: softmax() "),
        (lambda row: row.softmax(), "마지막 축은 dim=-1이에요."),
        (7, "검사에는 함수 자체가 필요해요."),
    ],
)
def test_a_line_in_korean(says, in_korean, answer, words):
    line = says(double, answer)
    assert line.startswith("아직이에요. ") and words in line


def test_an_exception_of_gptcore_is_known_in_every_language(says, in_korean, monkeypatch):
    """Its text is Korean; what helps is found by the English one."""
    monkeypatch.setitem(double.errors, "must be a language", "Which are there?")
    line = says(double, lambda row: gptcore.language("tlh"))
    assert "ValueError" in line and line.endswith("Which are there?\n") and gptcore.language() == "ko"


def test_a_value_in_korean(says, in_korean):
    assert says(answer_to_all, ...) == "아직이에요. 점 세 개 자리에 수를 써 주세요.\n"
    assert says(answer_to_all, 7) == "아직이에요. 답으로 7을 줬어요. Multiply.\n"
    assert says(answer_to_all, "42") == "아직이에요. 여기에는 수가 와야 하는데 '42'가 왔어요.\n"
    assert says(answer_to_all, 42) == "맞아요. 6 × 7.\n"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_machine_that_grades_gets_the_line_as_an_error(language, in_korean, capsys):
    gptcore.language(language)
    require(double, lambda row: 2 * row)
    with pytest.raises(AssertionError, match="4, 6"):
        require(double, lambda row: row)
    with pytest.raises(AssertionError):
        require(double, None)
    assert capsys.readouterr().out == ""
