"""Right answers pass however they are written, and every usual wrong one gets a hint of its own."""

import codecs
import itertools
import math
import operator
import re
from collections import Counter, defaultdict
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
import torch

from gptcore.exercises import lesson01

# How many tokens


@pytest.mark.parametrize(
    "answer",
    [
        7,
        7.0,
        1 + 2 * 3,
        len(" 여우".encode()),
        np.int64(7),
        np.float32(7),
        np.array(7),
        torch.tensor(7),
        torch.ones(1) * 7,
    ],
)
def test_right_how_many(says, answer):
    assert says(lesson01.check_how_many, answer).startswith("Right: ")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (np.int64(3), "counts characters"),
        (torch.tensor(6), "6 bytes are the two syllables"),
        *((number, "Count bytes") for number in (0, 4, 5, -7, 7.5, 14, 40, math.nan, -math.inf)),
        *((odd, "is a number") for odd in ([1], [7], {7}, True, "7", "seven", 7j, np.array([7, 7]), torch.zeros(2))),
    ],
)
def test_wrong_how_many(says, answer, hint):
    assert hint in says(lesson01.check_how_many, answer)


# Pairs


def with_counter(counts):
    pairs = Counter()
    for word, count in counts.items():
        for pair in pairwise(word):
            pairs[pair] += count
    return pairs


def with_indices(counts):
    pairs = {}
    for word in counts:
        for i in range(len(word) - 1):
            pair = word[i], word[i + 1]
            pairs[pair] = pairs.get(pair, 0) + counts[word]
    return pairs


def with_every_word_written_out(counts):
    words = [word for word, count in counts.items() for _ in range(count)]
    return Counter(pair for word in words for pair in zip(word, word[1:], strict=False))


def with_defaultdict(counts):
    pairs = defaultdict(int)
    for word, count in counts.items():
        for left, right in zip(word[:-1], word[1:], strict=True):
            pairs[left, right] += count
    return pairs


def with_a_regular_expression(counts):
    pairs = {}
    for word in counts:
        for found in re.finditer("(?=(..))", word):
            pairs[tuple(found[1])] = pairs.get(tuple(found[1]), 0) + counts[word]
    return pairs


def with_numpy(counts):
    keys = [pair for word in counts for pair in pairwise(word)]
    values = np.array([count for word, count in counts.items() for _ in pairwise(word)])
    return {pair: values[[key == pair for key in keys]].sum() for pair in set(keys)}


def with_setdefault(counts):
    pairs = {}
    for word, count in counts.items():
        for pair in zip(word, word[1:], strict=False):
            pairs.setdefault(pair, 0)
            pairs[pair] += count
    return pairs


def with_reduce(counts):
    every = [Counter({pair: n * count for pair, n in Counter(pairwise(w)).items()}) for w, count in counts.items()]
    return reduce(operator.add, every, Counter())


def with_while(counts):
    pairs = Counter()
    for word, count in counts.items():
        i = 0
        while i + 1 < len(word):
            pairs[word[i], word[i + 1]] += count
            i += 1
    return pairs


def with_except(counts):
    pairs = {}
    for word in counts:
        for pair in pairwise(word):
            try:
                pairs[pair] += counts[word]
            except KeyError:
                pairs[pair] = counts[word]
    return pairs


def with_tensors(counts):
    return {pair: torch.tensor(count) for pair, count in with_counter(counts).items()}


@pytest.mark.parametrize(
    "answer",
    [
        with_counter,
        with_indices,
        with_every_word_written_out,
        with_defaultdict,
        with_a_regular_expression,
        with_numpy,
        with_setdefault,
        with_reduce,
        with_while,
        with_except,
        with_tensors,
    ],
)
def test_right_count_pairs(says, answer):
    assert says(lesson01.check_count_pairs, answer).startswith("Right: ")


def without_a_zero(counts):
    pairs = {}
    for word, count in counts.items():
        for pair in zip(word, word[1:], strict=False):
            pairs[pair] += count
    return pairs


def without_items(counts):
    for word, count in counts:
        return with_counter({word: count})


def with_lists(counts):
    return Counter([letter] for word in counts for letter in word)


def after_the_first_word(counts):
    for word, count in counts.items():
        return with_counter({word: count})


def each_word_once(counts):
    return Counter(pair for word in counts for pair in pairwise(word))


def overwritten(counts):
    return {pair: count for word, count in counts.items() for pair in pairwise(word)}


def once_per_word(counts):
    pairs = Counter()
    for word, count in counts.items():
        for pair in set(pairwise(word)):
            pairs[pair] += count
    return pairs


def across_words(counts):
    return Counter(pairwise("".join(word * count for word, count in counts.items())))


def without_the_last(counts):
    pairs = Counter()
    for word, count in counts.items():
        for i in range(len(word) - 2):
            pairs[word[i], word[i + 1]] += count
    return pairs


def no_overlap(counts):
    pairs = Counter()
    for word, count in counts.items():
        for i in range(0, len(word) - 1, 2):
            pairs[word[i], word[i + 1]] += count
    return pairs


def letters(counts):
    return Counter(letter for word, count in counts.items() for letter in word * count)


def the_best_alone(counts):
    return with_counter(counts).most_common(1)[0][0]


def most_common(counts):
    return with_counter(counts).most_common()


def keys_are_texts(counts):
    return {left + right: count for (left, right), count in with_counter(counts).items()}


def too_far(counts):
    return [word[i] + word[i + 1] for word in counts for i in range(len(word))]


def empties_it(counts):
    pairs = with_counter(counts)
    counts.clear()
    return pairs


def all_one(counts):
    return dict.fromkeys(with_counter(counts), 1)


def with_a_stranger(counts):
    return with_counter(counts) | {("q", "u"): 4}


def each_pair_of_each_word(pairs_of, add=operator.add):
    """An answer that adds the count of a word for all `pairs_of(word)`."""

    def answer(counts):
        pairs = Counter()
        for word, count in counts.items():
            for pair in pairs_of(word):
                pairs[pair] = add(pairs[pair], count)
        return pairs

    return answer


def begins_again(counts):
    for word, count in counts.items():
        pairs = Counter()
        for pair in pairwise(word):
            pairs[pair] += count
    return pairs


def counts_of_pairs(counts):
    return Counter({pair: counts[pair] for word in counts for pair in pairwise(word)})


def two_names_for_all_pairs(counts):
    pairs = Counter()
    for word, count in counts.items():
        first, second = pairwise(word)
        pairs[first] += count
        pairs[second] += count
    return pairs


def shares(counts):
    total = with_counter(counts).total()
    return {pair: count / total for pair, count in with_counter(counts).items()}


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (begins_again, "Begin the dictionary before the loop"),
        (counts_of_pairs, "The keys of counts are words"),
        (two_names_for_all_pairs, "more parts than there are names"),
        (each_pair_of_each_word(lambda word: [(left, right) for left, right in word]), "pairwise(word) two neighbours"),
        (each_pair_of_each_word(lambda word: pairwise(" " + word)), "got {(' ', 't'): 3"),
        (each_pair_of_each_word(lambda word: itertools.combinations(word, 2)), "('t', 'e'): 3"),
        (each_pair_of_each_word(lambda word: [(word[i - 1], word[i]) for i in range(len(word))]), "('e', 't'): 3"),
        (each_pair_of_each_word(lambda word: [tuple(sorted(pair)) for pair in pairwise(word)]), "('h', 't'): 3"),
        (each_pair_of_each_word(pairwise, add=max), "got {('t', 'h'): 3"),
        (each_pair_of_each_word(pairwise, add=operator.mul), "got {}"),
        (lambda counts: Counter(itertools.chain(*map(pairwise, counts))), "however often it occurs"),
        (lambda counts: list(with_counter(counts)), "got [('h', 'e'), ('t', 'h')]"),
        (lambda counts: with_counter(counts).total(), "got 6"),
        (lambda counts: {pair: str(count) for pair, count in with_counter(counts).items()}, "'3'"),
        (lambda counts: {pair: [count] for pair, count in with_counter(counts).items()}, "[3]"),
        (shares, "got {('t', 'h'): 0.5"),
        (without_a_zero, "begins at 0"),
        (without_items, "counts.items()"),
        (with_lists, "Make the pair a tuple"),
        (after_the_first_word, "behind the loop"),
        (lambda counts: {(b, a): n for (a, b), n in with_counter(counts).items()}, "changed places"),
        (each_word_once, "however often it occurs"),
        (overwritten, "takes the place"),
        (once_per_word, "twice in one word"),
        (across_words, "border of two words"),
        (without_the_last, "The last pair of every word"),
        (no_overlap, "Every second pair"),
        (letters, "single letters"),
        (the_best_alone, "most frequent pair alone"),
        (most_common, "without most_common"),
        (keys_are_texts, "keys are texts"),
        (too_far, "IndexError"),
        (empties_it, "changed what it was given"),
        (all_one, "expected {('t', 'h'): 3, ('h', 'e'): 3}, got {('t', 'h'): 1"),
        (with_a_stranger, "('q', 'u'): 4}"),
        (lambda counts: 7, "got 7"),
        (lambda counts: {}, "('h', 'e'): 3}, got {}"),
        (lambda counts: with_counter(counts) + with_counter(counts), "got {('t', 'h'): 6"),
        (lambda counts: {("t",): [], 3: None}, "expected {("),
    ],
)
def test_wrong_count_pairs(says, answer, hint):
    line = says(lesson01.check_count_pairs, answer)
    assert line.startswith("Not yet: ") and hint in line


# Bytes to text


def in_a_loop(pieces):
    data = b""
    for piece in pieces:
        data += piece
    return data.decode("utf-8")


def bytes_of_bytes(pieces):
    return str(bytes(byte for piece in pieces for byte in piece), encoding="utf-8")


def byte_by_byte(pieces):
    data = bytearray()
    for piece in pieces:
        data.extend(piece)
    return data.decode()


def incrementally(pieces):
    decoder = codecs.getincrementaldecoder("utf-8")()
    return "".join(map(decoder.decode, pieces)) + decoder.decode(b"", final=True)


@pytest.mark.parametrize(
    "answer",
    [
        lambda pieces: b"".join(pieces).decode(),
        in_a_loop,
        bytes_of_bytes,
        byte_by_byte,
        incrementally,
        lambda pieces: reduce(operator.add, pieces).decode("utf8"),
        lambda pieces: str(b"".join(pieces), "utf-8"),
        lambda pieces: bytes(itertools.chain(*pieces)).decode(errors="strict"),
        lambda pieces: np.frombuffer(b"".join(pieces), np.uint8).tobytes().decode(),
    ],
)
def test_right_join(says, answer):
    assert says(lesson01.check_join, answer).startswith("Right: ")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda pieces: b"".join(pieces).decode().strip(), "at an end is missing"),
        (lambda pieces: b"".join(pieces).strip().decode(), "at an end is missing"),
        (lambda pieces: b"".join(pieces).decode().lstrip(), "at an end is missing"),
        (lambda pieces: b"".join(pieces).decode().replace("\n", ""), "at an end is missing"),
        (lambda pieces: " ".join(b"".join(pieces).decode().split()), "expected ' and then\\n', got 'and then'"),
        (lambda pieces: b"".join(piece.strip() for piece in pieces).decode(), "got 'Onceupon'"),
        (lambda pieces: b" ".join(pieces).decode(), "got 'Once  upon'. There are spaces too many"),
        (lambda pieces: b"".join(reversed(pieces)).decode(), "got ' uponOnce'"),
        (lambda pieces: b"".join(sorted(pieces)).decode(), "got ' uponOnce'"),
        (lambda pieces: b"".join(pieces).decode("cp949"), "by another rule"),
        (lambda pieces: b"".join(pieces).decode("utf-16"), "by another rule"),
        (lambda pieces: b"".join(pieces).decode("ascii", errors="ignore"), "got 'a !'"),
        (lambda pieces: "".join(chr(byte) for piece in pieces for byte in piece), "letter of its own"),
        (lambda pieces: str(b"".join(pieces))[2:-1], "as Python code"),
        (lambda pieces: "".join(str(piece)[2:-1] for piece in pieces), "as Python code"),
        (lambda pieces: "".join(piece.decode("utf-8", "surrogateescape") for piece in pieces), "Join the bytes"),
        (lambda pieces: "".join(piece.decode("utf-8", "backslashreplace") for piece in pieces), "Join the bytes"),
        (lambda pieces: b"".join(pieces).decode().lower(), "got 'once upon'"),
        (lambda pieces: b"".join(pieces).hex(), "got '4f6e"),
        (lambda pieces: pieces[0].decode(), "got 'Once'"),
        (lambda pieces: pieces.join(""), "AttributeError"),
        (lambda pieces: "".join(pieces), "b''.join(pieces)"),
        (lambda pieces: "" + pieces[0], "Begin with b''"),
        (lambda pieces: sum(pieces), "Bytes are joined by"),
        (lambda pieces: b"".join(pieces).decode("ascii"), "by another rule"),
        (lambda pieces: "".join(piece.decode() for piece in pieces), "UnicodeDecodeError"),
        (lambda pieces: "".join(pieces), "TypeError"),
        (lambda pieces: pieces, "Once upon"),
        (lambda pieces: "hello", "expected 'Once upon', got 'hello'"),
        (lambda pieces: pieces.clear() or "Once upon", "changed what it was given"),
    ],
)
def test_wrong_join(says, answer, hint):
    line = says(lesson01.check_join, answer)
    assert line.startswith("Not yet: ") and hint in line
