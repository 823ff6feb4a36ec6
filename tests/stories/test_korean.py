import re
import unicodedata

import pytest

from gptcore import stories
from gptcore.stories import korean


def test_korean_has_at_least_400_content_words():
    text = " ".join(stories.sample("ko", seed) for seed in range(3000))
    names = {name for kind in ("pets", "boys", "girls") for name in korean.HEROES[kind]}
    found = {noun for noun in korean.NOUNS if noun not in names and noun in text}
    assert len(found) >= 400


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
