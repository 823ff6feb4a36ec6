import re
from collections import Counter

from gptcore import stories
from gptcore.stories import english

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


def test_articles_agree_with_the_next_word():
    text = " ".join(stories.sample("en", seed) for seed in range(1000))
    after = {article: set(re.findall(rf"\b{article} (\w)", text)) for article in ("a", "an")}
    assert after["an"] and after["an"] <= set("aeiou")
    assert after["a"] and not after["a"] & set("aeiou")


def test_pronouns_agree_with_the_name():
    he, she = (re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for words in ("he|him|his", "she|her"))
    named = set()
    for seed in range(1000):
        text = stories.sample("en", seed)
        name = re.search(r"(?:named|called) (\w+)", text)[1]
        his = name in english.LISTS["his name"]
        named.add(his)
        assert not (she if his else he).search(text), text
    assert named == {True, False}
