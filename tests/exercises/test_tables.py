"""What every table promises: its reference is right, and its mistakes are told apart from it and from each other."""

import importlib
import math
import pkgutil
import re

import pytest
import torch

from gptcore import exercises
from gptcore.exercises.checking import Exercise, Value

TABLES = {
    f"{module.name}.{name}": table
    for module in pkgutil.iter_modules(exercises.__path__)
    for name, table in vars(importlib.import_module(f"gptcore.exercises.{module.name}")).items()
    if isinstance(table, Exercise | Value)
}
MISTAKES = [
    pytest.param(table, hint, mistake, id=f"{name}: {hint[:40]}")
    for name, table in TABLES.items()
    for hint, *mistakes in table.mistakes
    for mistake in mistakes
]
every_table = pytest.mark.parametrize("table", [pytest.param(table, id=name) for name, table in TABLES.items()])


@every_table
def test_the_reference_is_right(says, table):
    if isinstance(table, Exercise) or table.observe is None:
        assert says(table, table.reference) == f"Right: {table.right}\n"


@pytest.mark.parametrize(("table", "hint", "mistake"), MISTAKES)
def test_a_mistake_gets_its_own_hint(says, table, hint, mistake):
    line = says(table, mistake)
    assert line.startswith("Not yet: ") and " ".join(hint.split()) in line


@every_table
def test_a_hint_is_written_once_and_as_a_sentence(table):
    hints = [hint for hint, *_ in table.mistakes]
    assert len(hints) == len(set(hints))
    assert all(hint.endswith((".", "?")) and not hint[0].islower() for hint in [*hints, table.reminder] if hint)


@pytest.mark.parametrize(("table", "hint", "mistake"), MISTAKES)
def test_a_mistake_is_known_by_more_than_an_exception(table, hint, mistake):
    if isinstance(table, Exercise):
        asked = [table._ask(mistake, case) for case in [*table.cases, *table.edges]]
        assert not all(isinstance(found, Exception) for found in asked)


def test_an_import_leaves_the_learners_luck_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    for name in {name.split(".")[0] for name in TABLES}:
        importlib.reload(importlib.import_module(f"gptcore.exercises.{name}"))
    assert torch.rand(1) == expected


class Awkward:
    def __repr__(self):
        raise ValueError("no repr")

    __eq__ = __bool__ = __float__ = __repr__


def fails(*arguments):
    raise AssertionError


def undefined(*arguments):
    return undefined_name  # noqa: F821


ODD = [
    None,
    ...,
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
    torch.zeros(3, 3, 3),
    torch.tensor([1, 2, 3]).numpy(),
    torch.tensor([2.0, 1.0, 0.0]).max(-1),
    (torch.zeros(5), "x"),
    fails,
    undefined,
    lambda: 1,
]


@pytest.mark.parametrize("answer", ODD, ids=lambda answer: type(answer).__name__)
@every_table
def test_an_odd_answer_gets_one_line(says, table, answer):
    assert says(table, answer).startswith("Not yet: ")
    assert says(table, lambda *arguments: answer).startswith("Not yet: ")


@every_table
def test_a_stub_is_told_kindly(says, table):
    assert "eplace the dots" in says(table, ... if isinstance(table, Value) else lambda *arguments: ...)


NO_PROSE = re.compile(
    r"\w+Error: [^.]*\.|`[^`]*`|\S+\([^()]*\)|'[^']*'|\"[^\"]*\"|\[[^\]]*\]"
)  # Python's words, and code


@every_table
def test_every_line_is_korean_in_korean(says, in_korean, table):
    wrong = [mistake for _, *mistakes in table.mistakes for mistake in mistakes]
    for answer in (table.reference, ..., lambda *arguments: ..., 7, "x", fails, *wrong):
        prose = NO_PROSE.sub("", says(table, answer))
        assert re.search("[가-힣]{2}", prose) and not re.search(r"([A-Za-z]+[ ,]+){3}[A-Za-z]", prose), prose
