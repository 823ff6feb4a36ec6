"""How numbers, values and texts are written and checked: on a page as in Python."""

import json
import random
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from gptcore.checks import check_bool, check_text, given
from gptcore.printable import printable, visible
from gptcore.show import settings
from gptcore.show.settings import Setting, next_seed
from gptcore.show.style import counted, others_label, percent, sentence, shortened
from tests.page.bench import sent
from tests.page.hostile import HOSTILE, WRONG

LUCK = random.Random(1)
LETTERS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
FLAG = "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
AWKWARD = [*"'\"\\ \n\t\r\x00\x1b\x85\u2028\u202e\u2066\u200b\u200d\xa0\u3000\ufffd<␣⏎⇥\xad\u0301\u115f\ue000", "\r\n"]
AWKWARD += [FLAG, "🦊", "👩\u200d👩\u200d👧", "용", "<0x", "<U+", "<id "]


def text_of(length: int) -> str:
    """Characters of all kinds, half of them awkward, and some of them halves."""
    kinds = [AWKWARD, AWKWARD, LETTERS, "a", [chr(code) for code in range(0x20, 0x7F)], ["\ud83e", "\udd8a", "\udc80"]]
    text = "".join(LUCK.choice(LUCK.choice(kinds)) for _ in range(length))
    return json.loads(json.dumps(text))  # two halves beside each other are one character


TEXTS = [*HOSTILE, *(text_of(length) for length in [*range(12), 37, 38, 39, 77, 78, 79, 80, 81, 120, 300] * 8)]
NUMBERS = [LUCK.choice([-1, 1]) * LUCK.random() * 10.0 ** LUCK.randrange(-9, 25) for _ in range(400)]
NUMBERS += [k / 8 for k in range(-40, 40)] + [10.0**k for k in range(-10, 25)]
NUMBERS += [0.1 + 0.2, 5e-324, 1.7976931348623157e308, 123456.5, 100000.5, 999999.5, 99999.95, 0.000099999951]
PROBS = [k / 2000 for k in range(2001)] + [LUCK.random() ** 4 for _ in range(500)] + [1 - 1e-9, 1e-12]
COUNTS = [0, 1, 2, 999, 1000, 1001, 123_456_789]
NESTED = [[], {}, [[[[[[[[1]]]]]]]], {"b": [1, 2.5, None], "a": {"": True}}, list(range(9)), [TEXTS[30]] * 3]
NESTED += [dict.fromkeys("gfedcba", "x" * 99)]
VALUES = [sent(value) for value in [*TEXTS, *NUMBERS, *WRONG, *NESTED, True, False, None, 2**63, 2**63 - 1]]


@pytest.fixture(scope="module")
def alike(bench):
    """alike(code, function, values): what the function of JavaScript returns for each is what Python's does."""

    def compare(code: str, function: Callable[[Any], Any], values: list[Any]) -> None:
        found = bench.evaluate(f"(values) => JSON.parse(values).map((value) => ({code})(value))", json.dumps(values))
        assert len(found) == len(values)
        different = [(value, function(value), other) for value, other in zip(values, found, strict=True)]
        assert not [one for one in different if one[1] != one[2]][:3]

    return compare


def test_texts(alike):
    alike("printable", printable, TEXTS)
    alike("visible", visible, TEXTS)
    alike("lengthOf", len, TEXTS)
    alike("(text) => sliceOf(text, -7, -2)", lambda text: text[-7:-2], TEXTS)
    alike("(text) => shortened(text, 24)", lambda text: shortened(text, 24), TEXTS)
    alike("wholeCharacters", lambda text: text.encode(errors="replace").decode(), TEXTS)


def test_values_in_a_message(alike):
    alike("given", given, VALUES)
    alike("pythonRepr", repr, VALUES)


def test_numbers(alike):
    alike("floatRepr", repr, [float(number) for number in NUMBERS])
    alike("generalFormat", lambda number: f"{number:g}", NUMBERS)
    alike("(number) => decimals(number, 2)", lambda number: f"{number:.2f}", [n for n in NUMBERS if abs(n) < 1e12])
    alike("numberText", Setting().text, [sent(number) for number in NUMBERS])
    alike("percent", percent, PROBS)
    alike("(count) => counted(count, 'token')", lambda count: counted(count, "token"), COUNTS)
    alike("othersLabel", others_label, COUNTS)


CHECKS = {
    "checkSeed": (settings.check_seed, "seed"),
    "checkAnySeed": (settings.check_any_seed, "seed"),
    "checkLength": (settings.check_length, "max_length"),
    "checkFloor": (settings.check_floor, "floor"),
    "checkText": (check_text, "prompt"),
    "checkBool": (check_bool, "log"),
}
SAMPLING = [("checkSampling", settings.check_sampling, name) for name in ("temperature", "top_k", "top_p", "min_p")]


@pytest.mark.parametrize(("name", "check", "setting"), [*((name, *CHECKS[name]) for name in CHECKS), *SAMPLING])
def test_what_is_not_allowed_is_said_in_the_same_words(alike, name, check, setting):
    def said(value: Any) -> str | None:
        try:
            check(setting, value)
        except (TypeError, ValueError) as error:
            return str(error)
        return None

    code = (
        f"(value) => {{ try {{ return void {name}('{setting}', value) ?? null; }} catch (e) {{ return e.message; }} }}"
    )
    # Of a temperature that is an integer beyond 2**53, Python says the float.
    known = [value for value in VALUES if setting != "temperature" or not isinstance(value, int) or abs(value) < 2**53]
    alike(code, said, known)


def test_what_went_wrong_in_a_sentence(alike):
    said = {text: sentence(ValueError(text)) for text in TEXTS}
    alike("(text) => sentence(new Error(text))", said.get, [text for text in TEXTS if said[text] != "ValueError"])


def test_the_next_seed(bench):
    for seed in (0, 1, 2**53 - 1, 2**53, 2**62 + 1, 2**63 - 2, 2**63 - 1):
        assert bench.evaluate("(seed) => String(nextSeed(BigInt(seed)))", str(seed)) == str(next_seed(seed))
    assert bench.evaluate("() => nextSeed(null)") is None is next_seed(None)
