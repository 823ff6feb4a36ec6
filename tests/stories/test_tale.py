import re
from random import Random

import pytest

from gptcore.stories.source import END, Options, Reader, Teller, next_words
from gptcore.stories.tale import Tale, program, read_lists

TABLE = """
# Whom it is about.
animal: fox, owl,
  old hen
sound: bark = woke everybody, hoot = woke {animal}
"""


class SmallTale(Tale):
    """{animal} is chosen once and then recalled, {animal|!} with an exclamation mark."""

    lists = read_lists(TABLE, ", ")

    @staticmethod
    def pieces(template):
        return tuple(re.findall(r" ?[^ ]+", template))

    @staticmethod
    def agree(item, form):
        return item + (form or "")

    def fill(self, piece, gap):
        key = gap["key"]
        self.memory[key] = self.choose(self.options(key.rstrip("2"), piece, 1.0, tuple(self.memory.values())))


def told(*lines):
    """A teller of `lines`, and the tale that it told."""
    teller = Teller(Random(3))
    tale = SmallTale(teller)
    tale.say(*lines)
    return teller, tale


def after(text, *lines):
    """{word: probability} where `lines` have been told up to `text`."""
    words = re.findall(r" ?\w+|[!.]", text)
    return next_words(lambda choose: SmallTale(choose).say(*lines), words)


def test_lists_are_read_with_partners_and_without_comments():
    assert SmallTale.lists == {
        "animal": {"fox": "", "owl": "", "old hen": ""},
        "sound": {"bark": "woke everybody", "hoot": "woke {animal}"},
    }


def test_a_gap_takes_any_item_the_first_the_likeliest():
    assert after("The", "The {animal} slept.") == pytest.approx({" fox": 6 / 11, " owl": 3 / 11, " old": 2 / 11})


def test_what_was_chosen_is_said_again_and_agrees():
    teller, tale = told("The {animal} slept.", " Wake up, {animal|!} {animal} {animal}")
    animal = tale.memory["animal"]
    assert teller.text == f"The {animal} slept. Wake up, {animal}! {animal} {animal}"


def test_an_item_that_is_taken_is_not_chosen_again():
    assert after("The fox met", "The {animal} met {animal2}") == pytest.approx({" owl": 2 / 3, " old": 1 / 3})


def test_of_several_templates_one_is_said_the_first_the_likeliest():
    lines = "The", (" fox {sound} now", " owl {sound} now", " hen")
    weights = [1, 2**-0.3, 3**-0.3]
    assert list(after("The", *lines).values()) == pytest.approx([weight / sum(weights) for weight in weights])
    assert after("The owl hoot", *lines) == {" now": 1}
    assert after("The hen", *lines) == {END: 1}


def test_a_beginning_is_told_apart_by_what_is_remembered():
    lines = "The {animal}.", (" {animal} ran", " They {sound}")
    assert list(after("The owl.", *lines)) == [" owl", " They"]


def test_either_returns_the_number_of_the_template():
    numbers = {text: SmallTale(Reader([text])).either("One", "Two") for text in ("One", "Two")}
    assert numbers == {"One": 0, "Two": 1}


def test_a_program_tells_the_opening_and_then_one_plot():
    plots = Options({" ran": lambda tale: tale.say(" home"), " slept": lambda tale: tale.say(" well")})
    tell = program(SmallTale, lambda tale: tale.say("The {animal}"), plots)
    assert list(next_words(tell, ["The", " fox"])) == [" ran", " slept"]
    assert next_words(tell, ["The", " fox", " slept"]) == {" well": 1}
    assert next_words(tell, ["The", " fox", " slept", " well"]) == {END: 1}
