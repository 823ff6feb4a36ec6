"""Self-checks of lesson 01, from text to tokens. Each prints one line: `Right: …`, or `Not yet: …` with a hint."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from gptcore.exercises.by_hand import NotYet, brief, named, one_line


def _ask(function: Any, argument: Any, given: str) -> Any:
    """What a learner's function returns for a copy of `argument`; what goes wrong becomes a sentence."""
    if not callable(function):
        raise NotYet(
            f"the check needs the function itself, without brackets after its name, and got {brief(function)}."
        )
    copy = type(argument)(argument)
    try:
        result = function(copy)
    except UnicodeDecodeError as error:
        if error.encoding.replace("-", "") != "utf8":
            raise NotYet(
                f"given {given}, your function stopped with UnicodeDecodeError: it read the bytes by another rule, "
                f"{error.encoding}. They are UTF-8, which .decode() without an argument reads."
            ) from None
        raise NotYet(
            f"given {given}, your function stopped with UnicodeDecodeError: it turned a piece into text that is only "
            "part of a character. Put the bytes of all pieces together first, and decode once."
        ) from None
    except IndexError:
        raise NotYet(
            f"given {given}, your function stopped with IndexError: it looked beyond the end. The last letter has no "
            "neighbour to its right: n letters make n - 1 pairs."
        ) from None
    except Exception as error:
        hint = next((f". {hint}" for part, hint in _ERROR_HINTS if part in repr(error)), "")
        raise NotYet(f"given {given}, your function stopped with {named(error)}{hint}") from None
    if result is None or result is Ellipsis:
        raise NotYet("your function returns nothing so far. Replace the dots, and end with return.")
    if copy != argument:
        raise NotYet(f"given {given}, your function changed what it was given. Build the answer in something new.")
    return result


_ERROR_HINTS = (  # (a part of what Python says, what to do about it)
    ("KeyError", "A dictionary has no 0 for what it meets for the first time. Begin with Counter(), which has."),
    ("too many values to unpack", "A dictionary gives its keys alone. For word and count together: counts.items()."),
    ("unhashable", "A key of a dictionary cannot be a list. Make the pair a tuple, in round brackets."),
    ("expected str instance, bytes", "Bytes are joined by bytes: b''.join(pieces). Then decode."),
    (
        '(not "bytes") to str',
        "Bytes cannot be added to a text. Begin with b'', add them all up, and decode at the end.",
    ),
    ("'int' and 'bytes'", "sum begins with the number 0. Bytes are joined by b''.join(pieces)."),
)


# Exercise 1: how many tokens ---------------------------------------------------------------------------------------


@one_line
def check_how_many(answer: Any) -> str:
    """How many tokens does a tokenizer that has read English alone make of " 여우", a space and two syllables?"""
    if answer is None or answer is Ellipsis:
        raise NotYet("replace the dots by a number.")
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise NotYet(f"the answer is a number, and you gave {brief(answer)}.")
    if answer == 7:
        return "one for the space, and three bytes for each of the two syllables."
    hints = {
        1: "1 would do if it had met the word often enough to merge it. It has never met a Korean letter.",
        2: "2 is the number of syllables. For this tokenizer each of them is three bytes, and there is a space.",
        3: "3 counts characters. A byte-level tokenizer begins with bytes, and a syllable has three of them.",
        6: "6 bytes are the two syllables. The space is a byte as well, and nothing here merges it with the next.",
        9: "9 would be three bytes for each of three characters. The space is a single byte.",
        8: "8 is one too many: the space is one byte, and each of the two syllables is three.",
    }
    raise NotYet(hints.get(answer, f"you gave {answer:g}. Count bytes: the space has one, a Hangul syllable three."))


# Exercise 2: pairs, counted ----------------------------------------------------------------------------------------

Pairs = dict[tuple[str, str], int]


def _pairs(counts: Mapping[str, int]) -> Pairs:
    return _sum((pair, count) for word, count in counts.items() for pair in pairwise(word))


def _sum(pairs: Any) -> Pairs:
    total: Pairs = {}
    for pair, count in pairs:
        total[pair] = total.get(pair, 0) + count
    return total


_MISCONCEPTIONS: list[tuple[str, Callable[[Mapping[str, int]], Any]]] = [
    (
        "each word was counted once, however often it occurs. Add the word's count for each of its pairs, not 1.",
        lambda counts: _sum((pair, 1) for word in counts for pair in pairwise(word)),
    ),
    (
        "a later count takes the place of an earlier one. Add to what is there: += in place of =.",
        lambda counts: {pair: count for word, count in counts.items() for pair in pairwise(word)},
    ),
    (
        "a pair that occurs twice in one word, like a + n in banana, counts twice as well.",
        lambda counts: _sum((pair, count) for word, count in counts.items() for pair in set(pairwise(word))),
    ),
    (
        "the answer was returned after the first word. Put return behind the loop, not inside it.",
        lambda counts: _pairs(dict([next(iter(counts.items()))])),
    ),
    (
        "the two letters of a pair have changed places. The left one comes first.",
        lambda counts: {(right, left): count for (left, right), count in _pairs(counts).items()},
    ),
    (
        "pairs were counted across the border of two words. A pair lies within one word.",
        lambda counts: _sum((pair, 1) for pair in pairwise("".join(word * count for word, count in counts.items()))),
    ),
    (
        "the last pair of every word is missing: n letters make n - 1 pairs.",
        lambda counts: _sum((pair, count) for word, count in counts.items() for pair in pairwise(word[:-1])),
    ),
    (
        "every second pair is missing. Pairs overlap: the letters t, h, e make t + h and h + e.",
        lambda counts: _sum(
            ((word[i], word[i + 1]), count) for word, count in counts.items() for i in range(0, len(word) - 1, 2)
        ),
    ),
    (
        "the keys are texts, like 'th'. Expected are pairs, like ('t', 'h').",
        lambda counts: {left + right: count for (left, right), count in _pairs(counts).items()},
    ),
    (
        "these are single letters. Count each letter together with the one to its right.",
        lambda counts: _sum((letter, count) for word, count in counts.items() for letter in word),
    ),
    (
        "that is the most frequent pair alone. Return all pairs with their counts.",
        lambda counts: max(_pairs(counts), key=_pairs(counts).__getitem__),
    ),
    (
        "the counts are there, in a list. Return a dictionary {pair: count}, or a Counter, without most_common.",
        lambda counts: sorted(_pairs(counts).items()),
    ),
]


@one_line
def check_count_pairs(function: Any) -> str:
    """`function({word: how often})` → {(left, right): how often} over all neighbouring letters within words."""
    cases: list[dict[str, int]] = [
        {"the": 3},
        {"the": 3, "then": 1},
        {"fox": 2, "ox": 5},
        {"banana": 2, "nab": 1, "a": 7},
    ]
    results = [_ask(function, counts, repr(counts)) for counts in cases]
    found = [_plain(result) for result in results]
    wrong = [i for i, counts in enumerate(cases) if found[i] != _pairs(counts)]
    if not wrong:
        return "each pair is counted as often as it is read, and h + e in 3 × “the” counts 3 times."
    first = wrong[0]
    given, result, expected = repr(cases[first]), found[first], _pairs(cases[first])
    for hint, believed in _MISCONCEPTIONS:
        if found == [believed(counts) for counts in cases]:
            raise NotYet(f"given {given}, {hint}")
    if not isinstance(result, dict):
        raise NotYet(f"given {given}, expected a dictionary {{pair: count}}, got {brief(result)}.")
    raise NotYet(f"given {given}, {_difference(result, expected)}")


def _plain(result: Any) -> Any:
    """A dictionary without its zeros, or a list in order, so that only the counts are compared."""
    if isinstance(result, Mapping):
        return {key: count for key, count in result.items() if count != 0}
    try:
        return sorted(result) if isinstance(result, list) else result
    except TypeError:
        return result


def _difference(found: Mapping[Any, Any], expected: Pairs) -> str:
    for pair, count in expected.items():
        if found.get(pair) != count:
            return f"expected {count} for the pair {pair}, got {brief(found.get(pair, 0))}. Count it on paper once."
    extra = next(key for key in found if key not in expected)
    return f"the pair {brief(extra)} does not occur within a word, and you counted it."


# Exercise 3: bytes become text -------------------------------------------------------------------------------------


@one_line
def check_join(function: Any) -> str:
    """`function([bytes of a token, …])` → the text of all tokens together."""
    easy, hard = [b"Once", b" upon"], [b"a", b" \xec", b"\x98", b"\x9b", b"\xeb\x82", b"\xa0!"]
    for pieces, given in ((easy, repr(easy)), (hard, "the bytes of 'a 옛날!' in six pieces")):
        expected = b"".join(pieces).decode()
        result = _ask(function, pieces, given)
        if result == expected:
            continue
        if isinstance(result, bytes):
            raise NotYet(f"given {given}, the bytes are together, and still bytes. Turn them into text: .decode().")
        if isinstance(result, list) and all(isinstance(piece, str) for piece in result):
            raise NotYet(
                f"given {given}, there are still several texts, {brief(result)}. One is asked for: join first."
            )
        if not isinstance(result, str):
            raise NotYet(f"given {given}, expected the text {expected!r}, got {brief(result)}.")
        if "b'" in result or 'b"' in result:
            raise NotYet(f"given {given}, str() wrote the bytes as Python code, {brief(result)}. Use .decode().")
        if result == "".join(piece.decode(errors="replace") for piece in pieces):
            raise NotYet(
                f"given {given}, each piece was decoded alone, and every half character became �: {result!r}. Join "
                "the bytes first, then decode."
            )
        if result == b"".join(pieces).decode(errors="ignore") or result == "".join(
            piece.decode(errors="ignore") for piece in pieces
        ):
            raise NotYet(
                f"given {given}, errors='ignore' made syllables vanish: got {result!r}. Join the bytes first, and "
                "there is no error left to ignore."
            )
        if result == b"".join(pieces).decode("latin-1"):
            raise NotYet(f"given {given}, each byte became a letter of its own: {result!r}. The bytes are UTF-8.")
        if result == " ".join(piece.decode(errors="replace") for piece in pieces):
            raise NotYet(f"given {given}, there are spaces too many. A token brings its own space; add none.")
        if result.strip() == expected.strip() or result.replace(" ", "") == expected.replace(" ", ""):
            raise NotYet(f"given {given}, expected {expected!r}, got {result!r}: look at the spaces. Change none.")
        raise NotYet(f"given {given}, expected {expected!r}, got {brief(result)}.")
    return "join first, decode once: a syllable may be spread over several tokens."
