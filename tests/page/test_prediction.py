"""Prediction: the page does what Python does."""

from gptcore.show import Prediction

OPTIONS = {"likelier": "It loses.", "rarer 옛 {x} \u202e <b>": "The others gain.", 'it\'s "so"\\': "No."}


def choose(*choices):
    return [["set", "choice", choice] for choice in choices]


def question():
    return Prediction("At temperature 2, 🦊 becomes …", OPTIONS, right="rarer 옛 {x} \u202e <b>")


def test_each_choice_and_each_that_is_none(same):
    same(question(), choose(*OPTIONS, "sooner", "likelier", None, 1, 2.5, ["likelier"], "\ud800", "x" * 200, *OPTIONS))


def test_a_choice_that_was_saved_is_shown(same):
    answered = question()
    answered.choice = "likelier"
    same(answered, choose(*OPTIONS))


def test_what_is_wrong_before_a_choice(same):
    same(question(), [*choose("sooner", True), ["set", "heat", 1], ["do", "explode", []], *choose("likelier")])
