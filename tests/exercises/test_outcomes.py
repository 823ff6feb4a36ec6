import warnings

import numpy
import pytest
import torch

from gptcore.exercises.outcomes import same, show

ROWS = [[0.5, 2.0], [3.0, 4.0]]


@pytest.fixture
def no_warning():
    """PyTorch warns once in a process; here it does each time, and a warning is an error."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    torch.set_warn_always(before)


@pytest.mark.parametrize(
    "rows",
    [
        [numpy.array(row) for row in ROWS],
        tuple(torch.tensor(row) for row in ROWS),
        [torch.tensor(ROWS[0]), numpy.array(ROWS[1])],
        [ROWS[0], numpy.array(ROWS[1])],
        [[numpy.float64(0.5), 2], [numpy.int64(3), torch.tensor(4)]],
    ],
    ids=["arrays", "tensors", "both", "a list and an array", "scalars"],
)
def test_rows_of_any_kind_are_alike(rows, no_warning):
    assert same(rows, ROWS, 1e-6) and same(torch.tensor(ROWS), rows, 1e-6)
    assert not same(rows, [[0.5, 2.0], [3.0, 4.5]], 1e-6)
    assert show(rows) == "[[0.5, 2], [3, 4]]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([numpy.array([1, 2]), numpy.array([3])], "[[1, 2], [3]]"),
        ([numpy.array([1]), "a"], "[[1], 'a']"),
        ([[1, 2], [3]], "[[1, 2], [3]]"),
        ([[[]]], "[[[]]]"),
        ([None, numpy.array(1)], "[None, 1]"),
    ],
)
def test_what_is_no_table_is_shown_item_by_item(value, text, no_warning):
    assert show(value) == text
    assert not same(value, [1, 2], 1e-6)
