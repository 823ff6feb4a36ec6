"""Self-checks of lesson 01, from text to tokens."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from gptcore.exercises.checking import Exercise, Value, case
from gptcore.language import N_

# How many tokens does a tokenizer that has read English alone make of " 여우", a space and two syllables?
check_how_many = Value(
    right=N_("one for the space, and three bytes for each of the two syllables."),
    reference=7,
    mistakes=[
        (N_("1 would do if it had met the word often enough to merge it. It has never met a Korean letter."), 1),
        (N_("2 is the number of syllables. For this tokenizer each of them is three bytes, and there is a space."), 2),
        (N_("3 counts characters. A byte-level tokenizer begins with bytes, and a syllable has three of them."), 3),
        (
            N_("6 bytes are the two syllables. The space is a byte as well, and nothing here merges it with the next."),
            6,
        ),
        (N_("9 would be three bytes for each of three characters. The space is a single byte."), 9),
        (N_("8 is one too many: the space is one byte, and each of the two syllables is three."), 8),
    ],
    reminder=N_("Count bytes: the space has one, a Hangul syllable three."),
)


# Exercise 2: pairs, counted -----------------------------------------------------------------------------------------

Counts = Mapping[str, int]  # a word → how often it occurs


def _sum(pairs: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    total: dict[Any, int] = {}
    for pair, count in pairs:
        total[pair] = total.get(pair, 0) + count
    return total


def _pairs(counts: Counts) -> dict[tuple[str, str], int]:
    return _sum((pair, count) for word, count in counts.items() for pair in pairwise(word))


def _plain(found: Any) -> Any:
    """A dictionary without its zeros, or a list in order, so that only the counts are compared."""
    if isinstance(found, Mapping):
        return {key: count for key, count in found.items() if count != 0}
    try:
        return sorted(found) if isinstance(found, list) else found
    except TypeError:
        return found


# function({word: how often}) → {(left, right): how often} over all neighbouring letters within words
check_count_pairs = Exercise(
    right=N_("each pair is counted as often as it is read, and h + e in 3 × “the” counts 3 times."),
    reference=lambda counts: _pairs(counts),
    observe=lambda function, counts: _plain(function(counts)),
    cases=[
        case({"the": 3}),
        case({"the": 3, "then": 1}),
        case({"fox": 2, "ox": 5}),
        case({"banana": 2, "nab": 1, "a": 7}),
    ],
    mistakes=[
        (
            N_(
                "Each word was counted once, however often it occurs. "
                "Add the word's count for each of its pairs, not 1."
            ),
            lambda counts: _sum((pair, 1) for word in counts for pair in pairwise(word)),
        ),
        (
            N_("A later count takes the place of an earlier one. Add to what is there: += in place of =."),
            lambda counts: {pair: count for word, count in counts.items() for pair in pairwise(word)},
        ),
        (
            N_("A pair that occurs twice in one word, like a + n in banana, counts twice as well."),
            lambda counts: _sum((pair, count) for word, count in counts.items() for pair in set(pairwise(word))),
        ),
        (
            N_("The answer was returned after the first word. Put return behind the loop, not inside it."),
            lambda counts: _pairs(dict([next(iter(counts.items()))])),
        ),
        (
            N_("Only the last word was counted. Begin the dictionary before the loop, not inside it."),
            lambda counts: _pairs(dict([list(counts.items())[-1]])),
        ),
        (
            N_("The two letters of a pair have changed places. The left one comes first."),
            lambda counts: {(right, left): count for (left, right), count in _pairs(counts).items()},
        ),
        (
            N_("Pairs were counted across the border of two words. A pair lies within one word."),
            lambda counts: _sum((pair, 1) for pair in pairwise("".join(word * n for word, n in counts.items()))),
        ),
        (
            N_("The last pair of every word is missing: n letters make n - 1 pairs."),
            lambda counts: _sum((pair, count) for word, count in counts.items() for pair in pairwise(word[:-1])),
        ),
        (
            N_("Every second pair is missing. Pairs overlap: the letters t, h, e make t + h and h + e."),
            lambda counts: _sum((pair, n) for word, n in counts.items() for pair in list(pairwise(word))[::2]),
        ),
        (
            N_("The keys are texts, like 'th'. Expected are pairs, like ('t', 'h')."),
            lambda counts: {left + right: count for (left, right), count in _pairs(counts).items()},
        ),
        (
            N_("These are single letters. Count each letter together with the one to its right."),
            lambda counts: _sum((letter, count) for word, count in counts.items() for letter in word),
        ),
        (
            N_("That is the most frequent pair alone. Return all pairs with their counts."),
            lambda counts: max(_pairs(counts), key=_pairs(counts).__getitem__),
        ),
        (
            N_(
                "The counts are there, in a list. Return a dictionary {pair: count}, or a Counter, without most_common."
            ),
            lambda counts: list(_pairs(counts).items()),
        ),
    ],
    errors={
        "IndexError": N_(
            "It looked beyond the end. The last letter has no neighbour to its right: n letters make n - 1 pairs."
        ),
        "KeyError": N_(
            "The dictionary has no such key. The keys of counts are words; for a pair that is met for the "
            "first time, a Counter begins at 0."
        ),
        "too many values to unpack": N_(
            "Something has more parts than there are names for them. (A dictionary gives its "
            "keys alone; word and count together are counts.items().)"
        ),
        "not enough values to unpack": N_(
            "Something has fewer parts than there are names for them. (A word gives one "
            "letter at a time, pairwise(word) two neighbours.)"
        ),
        "unhashable type: 'list'": N_(
            "A key of a dictionary cannot be a list. Make the pair a tuple, in round brackets."
        ),
    },
    reminder=N_("Add the count of each word for each of its pairs."),
)


# Exercise 3: bytes become text --------------------------------------------------------------------------------------


# function([bytes of a token, …]) → the text of all tokens together
check_join = Exercise(
    right=N_("join first, decode once: a syllable may be spread over several tokens."),
    reference=lambda pieces: b"".join(pieces).decode(),
    cases=[
        case([b"Once", b" upon"]),
        case([b" and", b" then", b"\n"]),
        case(
            [b"a", b" \xec", b"\x98", b"\x9b", b"\xeb\x82", b"\xa0!"], given=N_("the bytes of 'a 옛날!' in six pieces")
        ),
    ],
    mistakes=[
        (
            N_("The bytes are together, and still bytes. Turn them into text: .decode()."),
            lambda pieces: b"".join(pieces),
        ),
        (
            N_("There are still several texts. One is asked for: join first."),
            lambda pieces: [piece.decode(errors="replace") for piece in pieces],
        ),
        (
            N_("These are the bytes as Python code, which str() writes. Use .decode()."),
            lambda pieces: str(b"".join(pieces)),
            lambda pieces: str(b"".join(pieces))[2:-1],
            lambda pieces: "".join(map(str, pieces)),
        ),
        (
            N_("Each piece was decoded alone, and every half character became �. Join the bytes first, then decode."),
            lambda pieces: "".join(piece.decode(errors="replace") for piece in pieces),
        ),
        (
            N_("Syllables vanished, which errors='ignore' does. Join the bytes first, and no error is left to ignore."),
            lambda pieces: "".join(piece.decode(errors="ignore") for piece in pieces),
        ),
        (
            N_("Each byte became a letter of its own. The bytes are UTF-8."),
            lambda pieces: b"".join(pieces).decode("latin-1"),
        ),
        (
            N_("There are spaces too many. A token brings its own space; add none."),
            lambda pieces: " ".join(piece.decode(errors="replace") for piece in pieces),
            lambda pieces: b" ".join(pieces).decode(errors="replace"),
            lambda pieces: b" ".join(pieces).decode(),
        ),
        (
            N_("The spaces are missing. A token brings its own space; take none away."),
            lambda pieces: b"".join(pieces).decode().replace(" ", ""),
            lambda pieces: "".join(b"".join(pieces).decode().split()),
        ),
        (
            N_("What was invisible at an end is missing. Spaces and line breaks are part of a text: take none away."),
            lambda pieces: b"".join(pieces).decode().strip(),
            lambda pieces: b"".join(pieces).decode().lstrip(),
            lambda pieces: b"".join(pieces).decode().rstrip(),
        ),
    ],
    errors={
        "'utf-8' codec": N_(
            "Bytes were decoded that do not make whole characters. Put the bytes of all pieces together "
            "first, in their order and with nothing between them, and decode once."
        ),
        "codec can't decode": N_(
            "It read the bytes by another rule. They are UTF-8, which .decode() without an argument reads."
        ),
        "expected str instance, bytes": N_("Bytes are joined by bytes: b''.join(pieces). Then decode."),
        '(not "bytes") to str': N_(
            "Bytes cannot be added to a text. Begin with b'', add them all up, and decode at the end."
        ),
        "'int' and 'bytes'": N_("sum begins with the number 0. Bytes are joined by b''.join(pieces)."),
    },
    reminder=N_("Join the bytes of all pieces, then decode them."),
)
