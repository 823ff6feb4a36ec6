"""Right answers pass however they are written, and every usual wrong one gets a hint of its own."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from gptcore.exercises import lesson01

# How many tokens


@pytest.mark.parametrize("answer", [7, 7.0, 1 + 2 * 3])
def test_right_how_many(says, answer):
    assert says(lesson01.check_how_many, answer).startswith("Right: ")


@pytest.mark.parametrize(
    ("answer", "hint"), [(3.0, "counts characters"), (40, "Count bytes"), ([1], "is a number"), (True, "is a number")]
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


@pytest.mark.parametrize("answer", [with_counter, with_indices, with_every_word_written_out, with_defaultdict])
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


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (without_a_zero, "Begin with Counter()"),
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


@pytest.mark.parametrize("answer", [lambda pieces: b"".join(pieces).decode(), in_a_loop, bytes_of_bytes])
def test_right_join(says, answer):
    assert says(lesson01.check_join, answer).startswith("Right: ")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
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
