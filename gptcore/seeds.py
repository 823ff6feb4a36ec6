"""Random numbers from a seed: the same on every machine, for every row of a batch, and at every training step."""

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gptcore.checks import given, is_integer
from gptcore.language import _
from gptcore.memory import check_room
from gptcore.sampling import with_float64

LIMIT = 2**63  # seeds are below it
GENERATOR = 5000  # bytes of a generator's state
AHEAD = 256  # tokens: drawing one number for each row takes longer than drawing many


class Uniforms:
    """One uniform number in [0, 1) per row and token, drawn on the CPU, so that every device gets the same ones.

    `seed` is one integer, one for each row, or None for new luck each time. From one integer, row 0 gets that integer
    and every other row a seed mixed from it.

    Raises TypeError or ValueError if `seed` is none of these, or not from 0 to 2**63 - 1.
    """

    def __init__(self, seed: int | Sequence[int] | None, rows: int = 1):
        what = _("luck for {rows:,} rows").format(rows=rows)
        check_room(what, rows * GENERATOR, "cpu", _("take fewer rows"))
        self.generators = []
        for row_seed in _row_seeds(seed, rows):
            generator = torch.Generator()
            generator.seed() if row_seed is None else generator.manual_seed(row_seed)
            self.generators.append(generator)

    def ahead(self, count: int) -> Tensor:
        """float64 (rows, count): the numbers of the next `count` tokens, equal to those drawn one by one."""
        return torch.stack([torch.rand(count, generator=g, dtype=torch.float64) for g in self.generators])

    def each(self, count: int, device: torch.device) -> Iterator[Tensor]:
        """float64 (rows,), `count` times: the numbers of each next token, drawn a few tokens ahead.

        They are on `device`, or on the CPU if that is an Apple GPU.
        """
        device = with_float64(device)
        for start in range(0, count, AHEAD):
            yield from self.ahead(min(AHEAD, count - start)).to(device).unbind(1)

    def of_row(self, row: int) -> Iterator[float]:
        """The numbers of one row, one by one, without end."""
        while True:
            yield torch.rand((), generator=self.generators[row], dtype=torch.float64).item()

    def __iter__(self) -> Iterator[float]:
        """The numbers of the first row, one by one, without end."""
        return self.of_row(0)


def step_seed(seed: int, step: int) -> int:
    """A seed for one training step, so that a run can be resumed there with the same numbers."""
    return (seed * 1_000_003 + step) % LIMIT


def _row_seeds(seed: int | Sequence[int] | None, rows: int) -> list[int | None]:
    if seed is None:
        return [None] * rows
    if not isinstance(seed, Sequence) or isinstance(seed, (str, bytes)):
        first = _one_seed(seed)
        return [first] + [_mixed(first, row) for row in range(1, rows)]
    if len(seed) != rows:
        raise ValueError(
            _("seed must be one integer, or one for each of the {rows} rows, got {count}").format(
                rows=rows, count=len(seed)
            )
        )
    return [None if row_seed is None else _one_seed(row_seed) for row_seed in seed]


def _one_seed(seed: int) -> int:
    if not is_integer(seed):
        raise TypeError(_("seed must be an integer, one for each row, or None, got {value}").format(value=given(seed)))
    if not 0 <= seed < LIMIT:
        raise ValueError(_("seed must be from 0 to 2**63 - 1, got {value}").format(value=given(seed)))
    return int(seed)


def _mixed(seed: int, row: int) -> int:
    """A hash of `seed` and `row`, so that neighbouring seeds share no row."""
    digest = hashlib.blake2b(f"{seed} {row}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
