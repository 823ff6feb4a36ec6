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


def test_a_prize_is_never_the_answer_to_its_riddle():
    assert not set(korean.CAST["thing"]) & set(korean.PAIRS["riddle"].values())


def test_a_stranger_can_be_told_from_neighbours_and_heroes():
    strangers = set(korean.CAST["stranger"])
    heroes = {noun for group in ("adults", "youths", "maidens", "animals") for noun in korean.HEROES[group]}
    assert not strangers & heroes
    assert not {neighbour.split()[-1] for neighbour in korean.CAST["neighbour"]} & strangers


def test_a_dark_or_rainy_night_has_no_moon_and_no_stars_later():
    assert not re.search("달이|달빛|별이|그림자", " ".join([*korean.WORDS["UNTIL"], *korean.CAST["contest"]]))


def test_nobody_who_lives_alone_comes_home_to_a_family():
    assert not [lived for lived in korean.VERBS["LIVED"] if "혼자" in lived]


def test_what_the_hero_does_more_carefully_fits_whatever_was_done_before():
    tales = [tale for seed in range(3000) if "씨앗을 심고" in (tale := stories.sample("ko", seed))]
    assert len(tales) > 100
    assert all("더 정성껏 가꾸었" in tale for tale in tales)


@pytest.mark.parametrize(
    "words", ["탐스러운 .{1,4} 탐스럽게", "걸음아 날 살려라 달아났", "무릎을 탁 치더니.*무릎을 탁 치며"]
)
def test_no_tale_says_a_word_twice_in_a_breath_or_drops_one(words):
    assert not [seed for seed in range(3000) if re.search(words, stories.sample("ko", seed))]
