"""Sentences of another language, as a page and a widget fill them in."""

from gptcore.particles import with_particles
from gptcore.stories.korean_words import CAST, HEROES
from tests.test_particles import WORDS, both_forms

SIGNS = "?!", "", "100,000", "0", "1.0", "20%", "A", "x", "ring", "‘␣호랑이’", "<0xEC>", "늑대 ", "가\u200b"


def test_korean_particles_are_those_of_python(bench):
    nouns = [noun for lists in (HEROES, CAST) for nouns in lists.values() for noun in nouns]
    assert len(nouns) > 100
    texts = [both_forms(word) for word in (*WORDS, *SIGNS, *nouns)]
    assert bench.ask("(texts) => texts.map(withParticles)", texts) == [with_particles(text) for text in texts]


def test_only_translated_sentences_have_particles(bench):
    assert bench.evaluate("() => t('은(는) {name}', { name: '(이)' })") == "은(는) (이)"
