"""Text as a person can see it: for labels, where every character counts, and for running text."""

import re
import unicodedata
from functools import lru_cache

_SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥"}
_ESCAPES = ("0x", "U+", "id ")  # what follows "<" where a label names a byte, a character or an id
_BLANK = {"\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}  # letters and a symbol that leave no ink
# Joiners of emoji, Persian and Indic letters, and the signs above Arabic and Kaithi numbers: format characters too.
_FORMATTING = {"\u200c", "\u200d", "\u06dd", "\u070f", "\u0890", "\u0891", "\u08e2", "\U000110bd", "\U000110cd"}
_KEPT = {"\n", "\t", *_FORMATTING, *map(chr, range(0x600, 0x606))}
# Kept whole: the ends of Windows' lines, and flags such as that of Wales, "gbwls" after a black flag.
_WHOLE = re.compile("(\r\n|\U0001f3f4[\U000e0030-\U000e007a]{3,6}\U000e007f)")


def visible(text: str) -> str:
    """`text` as a label shows it, with a sign for each character that is invisible or that labels use as a sign."""
    return "".join(_visible(character, text[i + 1 : i + 4]) for i, character in enumerate(text))


def printable(text: str) -> str:
    """`text` as running text: control and bidirectional characters become `<U+202E>`, all others stay as they are.

    Spaces, newlines, tabs, combining characters and emoji of several characters are left alone.

    >>> printable("one\\ttwo\\x1b[31m")
    'one\\ttwo<U+001B>[31m'
    """
    if text.isprintable():
        return text
    parts = _WHOLE.split(text)  # those that are kept whole have odd indices
    return "".join(part if i % 2 else "".join(map(_printable, part)) for i, part in enumerate(parts))


@lru_cache(maxsize=4096)  # the labels of a widget stay the same while a slider moves
def columns(text: str) -> int:
    """The width of a text in columns of Latin letters; Hangul and its like take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def without_spaces(text: str) -> str:
    """`text` without the spaces that tokenizers of words leave before punctuation, as `transformers` removes them."""
    for before in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
        text = text.replace(before, before.strip())
    return text


def _visible(character: str, rest: str) -> str:
    """`character`, followed by `rest`, as a label shows it: itself, a sign such as "␣", or `<U+200B>`."""
    if character in _SIGNS:
        return _SIGNS[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"<0x{code - 0xDC00:02X}>"
    hidden = unicodedata.category(character)[0] in "CZM" or character in {*_SIGNS.values(), *_BLANK, "\ufffd"}
    if hidden or (character == "<" and rest.startswith(_ESCAPES)):
        return f"<U+{code:04X}>"
    return character


def _printable(character: str) -> str:
    if character.isprintable() or character in _KEPT:
        return character
    # Not hidden: other spaces, private characters, and those that are newer than Python's tables.
    if unicodedata.category(character) in {"Zs", "Co", "Cn"}:
        return character
    return f"<U+{ord(character):04X}>"
