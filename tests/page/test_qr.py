"""QR codes that a page draws, beside those of segno."""

import pytest
import segno
from segno import encoder

LINK = "https://example.org/lessons/widgets.html#at=next-token-1&prompt=Once+upon+a+time&seed=5&temperature=0.7&top_k="
CASES = [
    *(("a", level) for level in "LM"),
    *((text, level) for text in (LINK, LINK * 3, LINK * 9, "옛날 옛적에 ☃") for level in "LM"),
    *(("x" * count, "M") for count in (14, 15, 2331)),
    ("7" * 2953, "L"),
]
LEVELS = {"L": encoder.consts.ERROR_LEVEL_L, "M": encoder.consts.ERROR_LEVEL_M}
CODE = "([text, level]) => qrCode(text, level)"


@pytest.fixture(autouse=True)
def no_byte_too_many(monkeypatch):
    """Where a text ends with a whole byte, segno adds a byte that readers skip, and that the standard does not have."""
    monkeypatch.setattr(encoder, "write_padding_bits", lambda buff, version, length: buff.extend([0] * (-length % 8)))


def mask_of(rows: list[list[bool]]) -> int:
    """The number of the mask, which the modules around an eye tell."""
    return int("".join(str(int(module)) for module in rows[8][2:5]), 2) ^ 0b101


def made_by_segno(text: str, level: str, mask: int) -> list[list[bool]]:
    code = segno.make(text, error=level, mode="byte", encoding="utf-8", boost_error=False, micro=False, mask=mask)
    return [[bool(module) for module in row] for row in code.matrix]


@pytest.mark.parametrize(("text", "level"), CASES, ids=[f"{len(text)} {level}" for text, level in CASES])
def test_a_code_is_that_of_segno_with_the_same_mask(bench, text, level):
    found = bench.evaluate(CODE, [text, level])
    assert found == made_by_segno(text, level, mask_of(found))


@pytest.mark.parametrize("level", "LM")
def test_the_room_in_every_version_is_that_of_segno(bench, level):
    room = """(level) => QR_LEVELS[level].codewords.map((codewords, i) =>
      8 * (qrCodewords(i + 1) - codewords * QR_LEVELS[level].blocks[i]))"""
    expected = [encoder.consts.SYMBOL_CAPACITY[version][LEVELS[level]] for version in range(1, 41)]
    assert bench.evaluate(room, level) == expected


@pytest.mark.parametrize("version", [1, 2, 6, 7, 9, 10, 13, 14, 21, 27, 31, 32, 33, 36])
def test_a_full_code_is_that_of_segno(bench, version):
    bits = encoder.consts.SYMBOL_CAPACITY[version][LEVELS["M"]]
    text = "/" * ((bits - 4 - (8 if version < 10 else 16)) // 8)
    found = bench.evaluate(CODE, [text, "M"])
    assert len(found) == 17 + 4 * version
    assert found == made_by_segno(text, "M", mask_of(found))


def test_a_text_that_is_too_long_has_no_code(bench):
    assert bench.evaluate(CODE, ["x" * 2332, "M"]) is None
    assert bench.evaluate(CODE, ["x" * 2954, "L"]) is None


def test_the_mask_is_the_one_with_the_least_penalty(bench):
    """Of a code with other masks none is easier to read."""
    least = bench.evaluate("(text) => qrPenalty(qrCode(text))", LINK)
    others = [made_by_segno(LINK, "M", mask) for mask in range(8)]
    assert least == min(bench.evaluate("(rows) => qrPenalty(rows)", rows) for rows in others)


def test_the_penalty_counts_runs_blocks_eyes_and_the_dark(bench):
    """A light square of six: a run of six in each of twelve lines, 25 blocks, and nothing dark."""
    assert bench.evaluate("(rows) => qrPenalty(rows)", [[False] * 6] * 6) == 12 * 4 + 25 * 3 + 100
    eye = [bool(int(module)) for module in "10111010000"]
    assert bench.evaluate("(rows) => qrPenalty(rows)", [eye] * 11) >= 11 * 40
