"""Particles that follow the final consonant, checked by words whose particles every Korean reader knows."""

import pytest

from gptcore.particles import with_particles

WORDS = {
    "여우": "여우는 여우가 여우를 여우와 여우로 여우라고 여우예요 여우여야",
    "말": "말은 말이 말을 말과 말로 말이라고 말이에요 말이어야",
    "곰": "곰은 곰이 곰을 곰과 곰으로 곰이라고 곰이에요 곰이어야",
    "“␣옛날”": "“␣옛날”은 “␣옛날”이 “␣옛날”을 “␣옛날”과 “␣옛날”로 “␣옛날”이라고 “␣옛날”이에요 “␣옛날”이어야",
    "1": "1은 1이 1을 1과 1로 1이라고 1이에요 1이어야",
    "2": "2는 2가 2를 2와 2로 2라고 2예요 2여야",
    "6": "6은 6이 6을 6과 6으로 6이라고 6이에요 6이어야",
    "10": "10은 10이 10을 10과 10으로 10이라고 10이에요 10이어야",
    "3,000": "3,000은 3,000이 3,000을 3,000과 3,000으로 3,000이라고 3,000이에요 3,000이어야",
    "0.5": "0.5는 0.5가 0.5를 0.5와 0.5로 0.5라고 0.5예요 0.5여야",
    "71.6%": "71.6%는 71.6%가 71.6%를 71.6%와 71.6%로 71.6%라고 71.6%예요 71.6%여야",
    "top-k": "top-k는 top-k가 top-k를 top-k와 top-k로 top-k라고 top-k예요 top-k여야",
    "token": "token은 token이 token을 token과 token으로 token이라고 token이에요 token이어야",
    "Mira": "Mira는 Mira가 Mira를 Mira와 Mira로 Mira라고 Mira예요 Mira여야",
    "fox": "fox는 fox가 fox를 fox와 fox로 fox라고 fox예요 fox여야",
    "cat": "cat은 cat이 cat을 cat과 cat으로 cat이라고 cat이에요 cat이어야",
    "1.2 nat": "1.2 nat는 1.2 nat가 1.2 nat를 1.2 nat와 1.2 nat로 1.2 nat라고 1.2 nat예요 1.2 nat여야",
    "model": "model은 model이 model을 model과 model로 model이라고 model이에요 model이어야",
}


def both_forms(word):
    pairs = "은(는)", "이(가)", "을(를)", "과(와)", "(으)로", "(이)라고", "이에요(예요)", "이어야(여야)"
    return " ".join(word + pair for pair in pairs)


@pytest.mark.parametrize("word, said", WORDS.items())
def test_a_particle_follows_the_word_before_it(word, said):
    assert with_particles(both_forms(word)) == said


def test_signs_alone_have_no_final_consonant():
    assert with_particles("“?!”은(는)") == "“?!”는"


def test_other_brackets_stay():
    assert with_particles("토큰(token)은(는) 글(text)의 조각이에요.") == "토큰(token)은 글(text)의 조각이에요."
