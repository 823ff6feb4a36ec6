"""Sentences of another language, as a page and a widget fill them in."""

import json
from pathlib import Path

from babel.messages.extract import extract_from_dir

import gptcore
from gptcore.page.scripts import VIEWS, scripts
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


def test_a_page_has_the_words_of_its_scripts():
    folder, kinds = Path(gptcore.__file__).parent, [("**.js", "javascript")]
    said = {message for _, _, message, _, _ in extract_from_dir(folder, kinds, keywords={"t": None, "N_": None})}
    every, few = (words(scripts(names, "ko")).keys() for names in (VIEWS, ["NextToken"]))
    assert len(said) > 300 and said <= every and len(few) < len(every) / 2
    assert words(scripts(VIEWS, "en")) == {}


def words(script):
    """The sentences that a page knows in its language."""
    return json.loads(script.partition("gptcoreWords = ")[2].partition(";\n")[0])
