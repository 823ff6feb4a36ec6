import hashlib
import math
from collections import Counter, defaultdict
from itertools import pairwise
from random import Random
from types import SimpleNamespace

import pytest
from scipy.stats import chisquare

from gptcore import stories
from gptcore.stories import LANGUAGES
from gptcore.stories.source import END, Options, Teller, split_words

BEGINNINGS = {"en": "Once upon a time", "ko": "옛날 옛적에"}
SEEDS = range(5_000_000, 5_000_300)

both = pytest.mark.parametrize("language", LANGUAGES)


def told(language: str, seed: int) -> Teller:
    teller = Teller(Random(seed))
    LANGUAGES[language](teller)
    return teller


@both
def test_stories_begin_as_stories_do(language):
    for seed in SEEDS:
        assert stories.sample(language, seed).startswith(BEGINNINGS[language])


@both
def test_the_same_seed_tells_the_same_story(language):
    assert stories.sample(language, 1) == stories.sample(language, 1)
    assert len({stories.sample(language, seed) for seed in SEEDS}) == len(SEEDS)


@both
def test_the_stories_are_those_that_the_bundled_model_was_trained_on(language):
    """A change here means that the model and the outputs of the notebooks must be made again."""
    text = "\n".join(stories.sample(language, seed) for seed in range(200))
    digests = {
        "en": "24818f7d7df24a008f6b3e46f86c1ad80aea4bd03e4e5a36f495665c153380e1",
        "ko": "7ca03f0dc85b178ceab2eea56bbfdab5e6a9c15b3db4edd80af5ae70b6ed6ba7",
    }
    assert hashlib.sha256(text.encode()).hexdigest() == digests[language]


@both
def test_the_score_is_the_product_of_the_choices(language):
    for seed in SEEDS:
        teller = told(language, seed)
        assert stories.score(teller.text) == pytest.approx(teller.log_prob, abs=1e-9)


@both
def test_the_next_words_multiply_to_the_score(language):
    for seed in SEEDS[:5]:
        text = stories.sample(language, seed)
        words = split_words(text)
        following = [stories.next_word("".join(words[:i])) for i in range(1, len(words) + 1)]
        for probs in following:
            assert sum(probs.values()) == pytest.approx(1)
        log_prob = sum(math.log(probs[word]) for probs, word in zip(following, [*words[1:], END], strict=True))
        assert log_prob == pytest.approx(stories.score(text))


@both
def test_every_text_has_one_derivation(language):
    """Every piece begins where a word begins, and the options of a choice differ in their first words."""
    for seed in SEEDS:
        pieces = told(language, seed).pieces
        assert split_words("".join(pieces)) == [word for piece in pieces for word in split_words(piece)]

    class Checking(Teller):
        def __call__(self, options):
            stack = [options] if isinstance(options, Options) else []
            while stack:
                node = stack.pop()
                first = [words[0] for words in node.words]
                assert len(set(first)) == len(first)
                assert sum(node.probs) == pytest.approx(1)
                stack += [result for result in node.results if isinstance(result, Options)]
            return super().__call__(options)

    for seed in SEEDS[:100]:
        LANGUAGES[language](Checking(Random(seed)))


@both
def test_next_words_are_as_frequent_as_their_probabilities(language):
    """100,000 beginnings of seven pieces against the exact probabilities: chi-squared."""

    class Enough(Exception):
        pass

    class Short(Teller):
        def __call__(self, options):
            if len(self.pieces) >= 7:
                raise Enough
            return super().__call__(options)

    random = Random(11)
    seen: dict[str, Counter] = defaultdict(Counter)
    for _ in range(100_000):
        teller = Short(random)
        with pytest.raises(Enough):
            LANGUAGES[language](teller)
        words = split_words(teller.text)[:9]
        for i in range(1, len(words)):
            seen["".join(words[:i])][words[i]] += 1
    tested = 0
    for prefix, counts in seen.items():
        if (total := counts.total()) < 1000:
            continue
        exact = stories.next_word(prefix)
        assert set(counts) <= set(exact), prefix
        expected = {word: p * total for word, p in exact.items()}
        common = [word for word in expected if expected[word] >= 5]
        rest = total - sum(expected[word] for word in common), total - sum(counts[word] for word in common)
        rows = [(expected[word], counts[word]) for word in common] + ([rest] if rest[0] >= 5 else [])
        scale = sum(count for _, count in rows) / sum(e for e, _ in rows)
        if len(rows) > 1:
            tested += 1
            assert chisquare([count for _, count in rows], [e * scale for e, _ in rows]).pvalue > 1e-5, prefix
    assert tested > 20


@both
def test_there_are_too_many_stories_to_memorise(language):
    """The entropy of a source is at most the log of the number of its stories."""
    scores = [-stories.score(stories.sample(language, seed)) for seed in SEEDS]
    assert sum(scores) / len(scores) > math.log(1e12)


@both
def test_a_story_has_certain_words_and_words_with_a_long_tail(language):
    words = split_words(stories.sample(language, 3))
    sizes = [len(stories.next_word("".join(words[:i]))) for i in range(1, len(words))]
    assert sizes.count(1) > 20
    assert sum(size >= 20 for size in sizes) >= 5


@both
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text[:-1],
        lambda text: text + " The end.",
        lambda text: text + text,
        lambda text: " " + text,
        lambda text: text.replace(" ", "  ", 1),
        lambda text: text[1:],
        lambda text: "",
    ],
)
def test_an_impossible_text_scores_minus_infinity(language, spoil):
    assert stories.score(spoil(stories.sample(language, 4))) == -math.inf


@both
def test_a_hero_does_not_change(language):
    """One wrong name makes a story impossible."""
    names = {"en": ["Mira", "Anna", "Tom", "Max", "Lily"], "ko": ["보리", "콩이", "머루", "달래", "솔이"]}[language]
    tried = 0
    for seed in SEEDS:
        text = stories.sample(language, seed)
        for name, other in pairwise(names):
            if text.count(name) > 1:
                head, _, tail = text.rpartition(name)
                assert stories.score(head + other + tail) == -math.inf
                tried += 1
    assert tried > 5


def test_an_impossible_beginning_has_no_next_word():
    assert stories.next_word("Once upon a mattress") == {}
    assert stories.next_word("Once upon a ti") == {}


def test_before_the_first_word_both_languages_are_likely():
    assert stories.next_word("") == {"Once": 0.5, "옛날": 0.5}


def test_after_the_last_word_a_story_is_over():
    assert stories.next_word(stories.sample("en", 1)) == {END: 1.0}


def test_an_unknown_language_is_refused_by_name():
    with pytest.raises(ValueError, match="'en', 'ko'.*'fr'"):
        stories.sample("fr", 1)


def test_the_probabilities_of_tokens_multiply_to_the_score(tokenizer):
    for language in LANGUAGES:
        text = stories.sample(language, 8)
        token_ids = [*tokenizer.encode(text), tokenizer.eos_token_id]
        log_prob = 0.0
        for i in range(len(token_ids)):
            probs = stories.next_token(token_ids[:i], tokenizer)
            assert sum(probs.values()) == pytest.approx(1)
            log_prob += math.log(probs[token_ids[i]])
        assert log_prob == pytest.approx(stories.score(text) + math.log(1 / 2))  # which of two languages


def test_tokens_after_a_text(tokenizer):
    (token_id,) = stories.next_token("Once upon", tokenizer)
    assert tokenizer.encode(" a")[0] == token_id
    assert stories.next_token("Twice upon", tokenizer) == {}
    assert stories.next_token([*tokenizer.encode("Once upon a ti"), tokenizer.eos_token_id], tokenizer) == {}


def test_a_tokenizer_without_tokens_for_a_word_ends_in_an_answer_or_a_sentence(tokenizer):
    """One that drops what it does not know; of the other language's words nothing would be left, word after word."""
    lacking = SimpleNamespace(
        encode=lambda text: [token_id for letter in text if letter.isascii() for token_id in tokenizer.encode(letter)],
        decode=tokenizer.decode,
        eos_token_id=tokenizer.eos_token_id,
    )
    assert stories.next_token("Onc", lacking) == {tokenizer.encode("e")[0]: 1.0}
    with pytest.raises(ValueError, match=r"^tokenizer must have tokens for every word of the stories, got none for '"):
        stories.next_token("", lacking)
