import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptcore.tokenizer import printable, visible

BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = "".join(map(chr, [*range(9), *range(11, 32), *range(127, 160)])) + "\u2028\u2029\u200b\ufeff\u2060\ud83d"
WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
RUNNING = [
    "Once upon a time,\r\n\n\tthere  was\u00a0a fox.\u3000",
    "cafe\u0301 nai\u0308ve Å \u1112\u1161\u11ab\u1100\u1173\u11af \u115f\u1161 ㄱㅏ",  # combining accents, Hangul jamo
    "👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3 🇰🇷 ✊🏽 " + WALES,
    "می\u200cخواهم שלום \u0600١ क्\u200dष",
    "<U+202E> <b> & $x^2$ \ufffd",
    "\U000323af \ue000",  # newer than Python's tables, private
]


@pytest.mark.parametrize("character", BIDIRECTIONAL + CONTROLS)
def test_a_control_or_bidirectional_character_is_named_wherever_it_stands(character):
    name = f"<U+{ord(character):04X}>"
    assert printable(character) == name
    assert printable(f"one{character}two\n{character}") == f"one{name}two\n{name}"


@pytest.mark.parametrize("text", RUNNING)
def test_running_text_stays_as_it_is(text):
    assert printable(text) == text


def test_tags_are_part_of_a_flag_and_nothing_elsewhere():
    assert printable(f"{WALES}!") == f"{WALES}!"
    assert printable("a\U000e0067\U000e0062") == "a<U+E0067><U+E0062>"


@given(st.text())
def test_what_is_printable_holds_nothing_that_acts_on_a_page_or_a_terminal(text):
    shown = printable(text)
    assert not {*BIDIRECTIONAL, *CONTROLS} & {*shown.replace("\r\n", "\n")}
    assert printable(shown) == shown
    assert {unicodedata.category(character) for character in shown} <= {
        *("Cf", "Cn", "Co", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No"),
        *("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zs", "Cc"),
    }


@pytest.mark.parametrize("blank", "\u115f\u1160\u2800\u3164\uffa0\u00ad\u034f\u180e\u17b4" + BIDIRECTIONAL)
def test_a_character_that_leaves_no_ink_is_named_on_a_label(blank):
    assert visible(f"a{blank}b") == f"a<U+{ord(blank):04X}>b"
