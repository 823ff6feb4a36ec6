from itertools import islice

import numpy as np
import pytest
import torch

from gptcore.seeds import Uniforms, step_seed


def test_numbers_drawn_ahead_are_those_drawn_one_by_one_and_torchs_own():
    generator = torch.Generator().manual_seed(3)
    expected = torch.rand(5, generator=generator, dtype=torch.float64)
    assert torch.equal(Uniforms(3).ahead(5)[0], expected)
    assert list(islice(Uniforms(3), 5)) == expected.tolist()
    parts = Uniforms(3)
    assert torch.equal(torch.cat([parts.ahead(2), parts.ahead(3)], dim=1)[0], expected)


def test_a_row_has_the_same_numbers_alone_and_in_a_batch():
    together = Uniforms([3, 4], 2).ahead(5)
    assert torch.equal(together, torch.cat([Uniforms(3).ahead(5), Uniforms(4).ahead(5)]))
    assert torch.equal(Uniforms(3, 4).ahead(5)[:2], Uniforms(3, 2).ahead(5))


def test_neighbouring_seeds_share_no_row():
    rows = [tuple(row) for seed in range(20) for row in Uniforms(seed, 10).ahead(3).tolist()]
    assert len(set(rows)) == 200


def test_no_seed_is_new_luck():
    assert not torch.equal(Uniforms(None).ahead(3), Uniforms(None).ahead(3))


@pytest.mark.parametrize(
    ("seed", "error", "words"),
    [
        (-1, ValueError, r"0 to 2\*\*63 - 1, got -1"),
        (2**63, ValueError, r"0 to 2\*\*63 - 1, got 9223372036854775808"),
        (1.5, TypeError, "an integer, one for each row, or None, got 1.5"),
        (True, TypeError, "got True"),
        ("12", TypeError, "got '12'"),
        ([1, 2, 3], ValueError, "one for each of the 2 rows, got 3"),
        ([1, 2.5], TypeError, "got 2.5"),
    ],
)
def test_a_bad_seed_is_named(seed, error, words):
    with pytest.raises(error, match=words):
        Uniforms(seed, 2)


def test_a_training_step_has_a_seed_of_its_own():
    assert step_seed(0, 7) == 7
    assert len({step_seed(seed, step) for seed in range(5) for step in range(1000)}) == 5000
    assert 0 <= step_seed(2**62, 10**9) < 2**63


def test_numpy_integers_are_seeds():
    assert Uniforms(np.int64(3), 3).ahead(2).equal(Uniforms(3, 3).ahead(2))
    assert Uniforms([np.int32(3), 4], 2).ahead(2).equal(Uniforms([3, 4], 2).ahead(2))


@pytest.mark.parametrize(
    "wrong", ["abc", b"abc", [[1], [2], [3]], [1, True, 3], 3.0, np.arange(3), torch.arange(3)], ids=repr
)
def test_what_is_no_integer_is_no_seed(wrong):
    with pytest.raises(TypeError, match="^seed must be an integer, one for each row, or None, got .{1,90}$"):
        Uniforms(wrong, 3)


@pytest.mark.parametrize("wrong", [-1, 2**63, 10**5000, np.uint64(2**63)], ids=lambda seed: type(seed).__name__)
def test_a_seed_has_63_bits(wrong):
    with pytest.raises(ValueError, match="^seed must be from 0 to .{1,120}$"):
        Uniforms(wrong)
