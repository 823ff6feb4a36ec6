"""A source of text whose every probability is known.

A story program is a function `tell(choose)`. It speaks only through `choose(options)`, which puts one of the options at
the end of the story and returns it; later choices may depend on earlier ones. The options of one choice differ in
their first word, and a choice is spoken when it is made, so there is only one way to tell a text: its probability is
the product of its choices, and running the program along a prefix finds the next word.

A *word* here is what GPT-2's pre-tokeniser splits off: letters with the space before them (" fox"), a run of
punctuation (`,"`), and so on. Joined together, the words of a story are the story.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import accumulate
from random import Random
from typing import Any

from gptcore.checks import given
from gptcore.language import _

# GPT-2's pattern (https://github.com/openai/gpt-2, encoder.py) in Python's own `re`: [^\W\d_] is a letter.
_WORD = re.compile(r"'(?:[stmd]|re|ve|ll)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")

END = "<|endoftext|>"  # the "word" after the last word of a story


def split_words(text: str) -> list[str]:
    """The words of `text` in order: `"".join(split_words(text)) == text`."""
    if not isinstance(text, str):
        raise TypeError(_("text must be a str, got {value}").format(value=given(text)))
    return _WORD.findall(text)


class Options:
    """Texts to choose from, the first the likeliest: the one at rank r (from 1) has the weight r**-tilt.

    `options` is a sequence of texts, or a mapping from each text to the value that `choose` returns for it. A `tilt`
    of 0 makes all equally likely; 1 is Zipf's law. Options that begin with the same words are told in several choices,
    so that every choice is between different words.

    Raises ValueError if there are no options, if one is empty, or if one is the beginning of another.

    >>> Options([" red", " blue"], tilt=1).next_words()
    {' red': 0.6666666666666666, ' blue': 0.3333333333333333}
    """

    def __init__(self, options: Mapping[str, Any] | Sequence[str], tilt: float = 1.0):
        if not isinstance(options, Mapping):
            options = {text: text for text in options}
        if not options or "" in options:
            raise ValueError(f"options must be one or more texts that are not empty, got {list(options)!r}")
        weights = [rank**-tilt for rank in range(1, len(options) + 1)]
        self._grow(
            [(split_words(text), value, weight) for (text, value), weight in zip(options.items(), weights, strict=True)]
        )

    def _grow(self, items: list[tuple[list[str], Any, float]]) -> None:
        """Make one branch for each first word; items that share a first word get `Options` of their own."""
        branches: dict[str, list] = {}
        for item in items:
            branches.setdefault(item[0][0], []).append(item)
        total = sum(weight for _, _, weight in items)
        self.words: list[list[str]] = []  # what each branch says
        self.texts: list[str] = []  # the same as one text
        self.results: list[Any] = []  # a value, or the Options that come next
        self.probs: list[float] = []
        for branch in branches.values():
            words, value, _ = branch[0]
            if len(branch) > 1:
                words, value = self._fork(branch)
            self.words.append(words)
            self.texts.append("".join(words))
            self.results.append(value)
            self.probs.append(sum(weight for _, _, weight in branch) / total)
        self.log_probs = [math.log(p) for p in self.probs]
        self.cumulative = list(accumulate(self.probs))
        self.index = {words[0]: i for i, words in enumerate(self.words)}

    @staticmethod
    def _fork(branch: list[tuple[list[str], Any, float]]) -> tuple[list[str], "Options"]:
        """The words that all items of `branch` begin with, and the options that follow them."""
        shared = 0
        while len({tuple(words[: shared + 1]) for words, _, _ in branch}) == 1:
            shared += 1
        if any(len(words) == shared for words, _, _ in branch):
            raise ValueError(f"an option is the beginning of another: {''.join(branch[0][0][:shared])!r}")
        rest = object.__new__(Options)
        rest._grow([(words[shared:], value, weight) for words, value, weight in branch])
        return branch[0][0][:shared], rest

    def next_words(self) -> dict[str, float]:
        """{first word: probability}; the probabilities sum to one."""
        return {words[0]: p for words, p in zip(self.words, self.probs, strict=True)}


@cache
def _plain(options: str | tuple[str, ...]) -> Options:
    return Options((options,) if isinstance(options, str) else options)


def _as_options(options: Options | str | tuple[str, ...]) -> Options:
    """What a program may pass to `choose`: `Options`, a tuple of texts, or one text that is certain."""
    return options if isinstance(options, Options) else _plain(options)


Choose = Callable[[Options | str | tuple[str, ...]], Any]
Program = Callable[[Choose], None]


class Teller:
    """A `choose` that draws: `program(teller)` leaves a story in `text` and its log-probability in `log_prob`."""

    def __init__(self, random: Random):
        self.random = random
        self.pieces: list[str] = []
        self.log_prob = 0.0

    def __call__(self, options: Options | str | tuple[str, ...]) -> Any:
        result = _as_options(options)
        while isinstance(result, Options):
            # Rounding can leave the last cumulative sum just below 1.
            i = min(bisect_right(result.cumulative, self.random.random()), len(result.texts) - 1)
            self.pieces.append(result.texts[i])
            self.log_prob += result.log_probs[i]
            result = result.results[i]
        return result

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class _Fork(Exception):
    """The given words end here: the program would continue with one of `next_words`."""

    def __init__(self, next_words: dict[str, float]):
        self.next_words = next_words


class _Impossible(Exception):
    """The program cannot say the given words."""


class Reader:
    """A `choose` that follows given words: it takes the options that they name and adds up `log_prob` in nats."""

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        self.position = 0
        self.log_prob = 0.0

    def __call__(self, options: Options | str | tuple[str, ...]) -> Any:
        result = _as_options(options)
        while isinstance(result, Options):
            result = self._follow(result)
        return result

    def _follow(self, options: Options) -> Any:
        if self.position == len(self.words):
            raise _Fork(options.next_words())
        i = options.index.get(self.words[self.position])
        if i is None:
            raise _Impossible
        said = options.words[i]
        given = self.words[self.position : self.position + len(said)]
        if given != said[: len(given)]:
            raise _Impossible
        if len(given) < len(said):
            raise _Fork({said[len(given)]: 1.0})
        self.position += len(said)
        self.log_prob += options.log_probs[i]
        return options.results[i]


def score_words(program: Program, words: Sequence[str]) -> float:
    """Log-probability in nats that `program` tells exactly `words`, its end included; -inf where it cannot."""
    reader = Reader(words)
    try:
        program(reader)
    except (_Fork, _Impossible):
        return -math.inf
    return reader.log_prob if reader.position == len(reader.words) else -math.inf


def next_words(program: Program, words: Sequence[str]) -> dict[str, float]:
    """{word: probability} after `words`, with `END` where the story is over; {} where `program` cannot say `words`."""
    reader = Reader(words)
    try:
        program(reader)
    except _Fork as fork:
        return fork.next_words
    except _Impossible:
        return {}
    return {END: 1.0} if reader.position == len(reader.words) else {}
