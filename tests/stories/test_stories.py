import math
import re
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise
from random import Random

import pytest
from scipy.stats import chisquare

from gptcore import stories
from gptcore.stories import LANGUAGES, korean
from gptcore.stories.source import END, Options, Reader, Teller, next_words, score_words, split_words

BEGINNINGS = {"en": "Once upon a time", "ko": "옛날 옛적에"}
SEEDS = range(5_000_000, 5_000_300)

both = pytest.mark.parametrize("language", LANGUAGES)


def told(language: str, seed: int) -> Teller:
    teller = Teller(Random(seed))
    LANGUAGES[language](teller)
    return teller


# The engine, on a source small enough to count by hand


TASTES = Options({" sweet": "cake", " salty": "soup"}, tilt=1)  # 2/3, 1/3


def small_program(choose):
    choose("I like")
    what = choose(TASTES)
    choose(" things,")
    choose((" mostly", " only"))
    choose(" " + what)
    choose(".")


def test_a_small_source_is_as_counted_by_hand():
    words = split_words("I like salty things, only soup.")
    assert score_words(small_program, words) == pytest.approx(math.log(1 / 3 * 1 / 3))
    assert next_words(small_program, split_words("I like")) == pytest.approx({" sweet": 2 / 3, " salty": 1 / 3})
    assert next_words(small_program, split_words("I like sweet things, mostly")) == {" cake": 1}
    assert next_words(small_program, words) == {END: 1}
    assert next_words(small_program, split_words("I like sour")) == {}
    assert score_words(small_program, split_words("I like salty things, only cake.")) == -math.inf


def test_options_that_begin_alike_are_told_word_by_word():
    options = Options({" a red fox": 1, " a hen": 2, " a red cow": 3}, tilt=0)
    assert options.next_words() == {" a": 1}
    results = Counter()
    for seed in range(3000):
        teller = Teller(Random(seed))
        results[teller(options), teller.text] += 1
    assert set(results) == {(1, " a red fox"), (2, " a hen"), (3, " a red cow")}
    assert chisquare(list(results.values())).pvalue > 1e-4
    assert next_words(lambda choose: choose(options), [" a"]) == pytest.approx({" red": 2 / 3, " hen": 1 / 3})
    assert score_words(lambda choose: choose(options), [" a", " red", " cow"]) == pytest.approx(math.log(1 / 3))


@pytest.mark.parametrize("options", [[], [""], {}, [" red", " red fox"]])
def test_options_that_cannot_be_told_apart_are_refused(options):
    with pytest.raises(ValueError, match="option"):
        Options(options)


def test_the_likelier_options_come_first():
    assert Options([" a", " b", " c"], tilt=1).probs == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    assert Options([" a", " b"], tilt=0).probs == [0.5, 0.5]


# The stories


@both
def test_stories_begin_as_stories_do(language):
    for seed in SEEDS:
        assert stories.sample(language, seed).startswith(BEGINNINGS[language])


@both
def test_the_same_seed_tells_the_same_story(language):
    assert stories.sample(language, 1) == stories.sample(language, 1)
    assert len({stories.sample(language, seed) for seed in SEEDS}) == len(SEEDS)


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
        chances = [stories.next_word("".join(words[:i])) for i in range(1, len(words) + 1)]
        for chance in chances:
            assert sum(chance.values()) == pytest.approx(1)
        log_prob = sum(math.log(chance[word]) for chance, word in zip(chances, [*words[1:], END], strict=True))
        assert log_prob == pytest.approx(stories.score(text))


@both
def test_every_text_has_one_derivation(language):
    """What is said begins where a word begins, and side by side stand different first words."""
    for seed in SEEDS:
        pieces = told(language, seed).pieces
        assert split_words("".join(pieces)) == [word for piece in pieces for word in split_words(piece)]

    class Suspicious(Teller):
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
        LANGUAGES[language](Suspicious(Random(seed)))


@both
def test_next_words_come_as_often_as_they_should(language):
    """100,000 beginnings, each followed until seven words are said, against the exact chances: chi-squared."""

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
def test_there_are_more_stories_than_could_be_learned_by_heart(language):
    """The entropy of a source is at most the log of the number of its stories."""
    scores = [-stories.score(stories.sample(language, seed)) for seed in SEEDS]
    assert sum(scores) / len(scores) > math.log(1e12)


@both
def test_a_story_has_a_few_certain_words_and_a_few_with_a_long_tail(language):
    words = split_words(stories.sample(language, 3))
    sizes = [len(stories.next_word("".join(words[:i]))) for i in range(1, len(words))]
    assert sizes.count(1) > 20
    assert sum(size >= 20 for size in sizes) >= 5


LITTLE_WORDS = """
a an the and or but so for nor yet of in on at by to from with without into over under near behind among between through
along past across around up down out off away back he she it they him her them his its their i you we me my your us our
who whom whose what which that this these those there here when where why how was were is are be been am had has have do
does did will would shall should may might can could must not no never ever all every each some any many much more most
few one two three four five six seven eight nine ten eleven twelve thirteen twenty hundred if then than as because while
until before after since just only even very too also again still now once upon soon at last long other another own same
such first second
"""


def test_english_has_at_least_400_content_words():
    little = set(LITTLE_WORDS.split())
    texts = [stories.sample("en", seed) for seed in range(2000)]
    words = Counter(re.findall(r"\b[a-z]{3,}\b", " ".join(texts)))
    content = {word for word in words if word not in little}
    stems = {re.sub(r"(ies|es|s|ed|ing|ly)$", "", word) for word in content}  # one for all forms of a word
    assert len(stems) >= 400


def test_korean_has_at_least_400_content_words():
    text = " ".join(stories.sample("ko", seed) for seed in range(3000))
    names = {name for kind in ("pets", "boys", "girls") for name in korean.HEROES[kind]}
    found = {noun for noun in korean.NOUNS if noun not in names and noun in text}
    assert len(found) >= 400


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
    """Another name, once, makes a story impossible."""
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


# Korean particles


def ends_in(noun: str) -> str:
    """ "vowel", "rieul" or "consonant", from the canonical decomposition of the last syllable."""
    jamo = unicodedata.normalize("NFD", noun[-1])
    return "vowel" if len(jamo) == 2 else "rieul" if jamo[2] == "ᆯ" else "consonant"


@pytest.mark.parametrize("pair", korean.PARTICLES)
def test_every_noun_takes_the_right_particle(pair):
    after_consonant, after_vowel = pair.split("/")
    for noun in korean.NOUNS:
        vowel = ends_in(noun) == "vowel" or (ends_in(noun) == "rieul" and pair == "으로/로")
        assert korean.particle(noun, pair) == noun + (after_vowel if vowel else after_consonant)


def test_no_story_has_a_noun_with_a_wrong_particle():
    text = " ".join(stories.sample("ko", seed) for seed in range(3000))
    eojeols = set(re.findall(r"[가-힣]+", text))
    nouns = set(korean.NOUNS)
    right = wrong = 0
    for noun in nouns:
        for pair in korean.PARTICLES:
            for form in pair.split("/"):
                if noun + form in eojeols and noun + form not in nouns:  # not a longer noun
                    right += (is_right := korean.particle(noun, pair) == noun + form)
                    wrong += not is_right
    assert right > 500
    assert wrong == 0


# Tokens


def test_the_chances_of_tokens_multiply_to_the_score(tokenizer):
    for language in LANGUAGES:
        text = stories.sample(language, 8)
        token_ids = [*tokenizer.encode(text), tokenizer.eos_token_id]
        log_prob = 0.0
        for i in range(len(token_ids)):
            chances = stories.next_token(token_ids[:i], tokenizer)
            assert sum(chances.values()) == pytest.approx(1)
            log_prob += math.log(chances[token_ids[i]])
        assert log_prob == pytest.approx(stories.score(text) + math.log(1 / 2))  # which of two languages


def test_tokens_after_a_text(tokenizer):
    (token_id,) = stories.next_token("Once upon", tokenizer)
    assert tokenizer.encode(" a")[0] == token_id
    assert stories.next_token("Twice upon", tokenizer) == {}
    assert stories.next_token([*tokenizer.encode("Once upon a ti"), tokenizer.eos_token_id], tokenizer) == {}


def test_a_reader_follows_what_a_teller_told():
    teller = told("en", 1)
    reader = Reader(split_words(teller.text))
    LANGUAGES["en"](reader)
    assert reader.log_prob == pytest.approx(teller.log_prob)
