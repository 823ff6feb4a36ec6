import json

import pytest
from matplotlib.text import Text

from gptcore.show import Prediction

OPTIONS = {
    "likelier": "Dividing by 2 brings the scores closer together.",
    "rarer": "What the likeliest loses, the others gain.",
    "just as likely": "That would need the same differences between the scores.",
}


@pytest.fixture
def prediction():
    return Prediction("At temperature 2, the likeliest token becomes …", OPTIONS, right="rarer")


def written(figure):
    return " ".join(text.get_text().strip() for text in figure.findobj(Text))


def test_nothing_is_said_before_a_choice(prediction, shown):
    assert prediction.choice is None and prediction.said == prediction.caption == "" and not prediction.is_right
    assert not any(said in shown(prediction) for said in OPTIONS.values())


@pytest.mark.parametrize("option", OPTIONS)
def test_each_option_is_met_with_its_own_sentence_and_a_verdict_in_words(prediction, shown, move, option):
    move(prediction, choice=option)
    assert prediction.choice == option and prediction.said == OPTIONS[option]
    assert prediction.is_right == (option == "rarer")
    assert prediction.caption == f"{'Right.' if option == 'rarer' else 'Not quite.'} {OPTIONS[option]}"
    assert prediction.caption in shown(prediction)
    assert prediction.view.shown["chosen"] == list(OPTIONS).index(option)


def test_another_option_may_be_chosen_afterwards(prediction, shown):
    prediction.choice = "likelier"
    prediction.choice = "rarer"
    assert prediction.is_right and prediction.said == OPTIONS["rarer"]
    assert OPTIONS["likelier"] not in shown(prediction)


@pytest.mark.parametrize("choice", ["sooner", "", None, 1, ["rarer"]])
def test_what_is_no_option_changes_nothing_and_is_said(prediction, shown, choice):
    prediction.choice = "likelier"
    prediction.choice = choice
    assert prediction.choice == "likelier" and prediction.said == OPTIONS["likelier"]
    assert prediction.problem.startswith("choice must be one of 'likelier', 'rarer', 'just as likely', got ")
    assert "Not changed: choice must be one of" in shown(prediction)
    prediction.choice = "rarer"
    assert prediction.problem is None


def test_a_line_and_a_picture_show_the_question_and_never_the_answer(prediction):
    before = prediction.describe(), written(prediction.picture())
    assert before[0] == (
        "Prediction: At temperature 2, the likeliest token becomes … · A likelier · B rarer · C just as likely"
    )
    assert before[1].split() == before[0].removeprefix("Prediction: ").replace(" ·", "").split()
    for option in OPTIONS:
        prediction.choice = option
        assert (prediction.describe(), written(prediction.picture())) == before


def test_the_order_is_that_of_the_code(prediction):
    reverse = Prediction("Which?", dict(reversed(OPTIONS.items())), right="rarer")
    assert reverse.describe().endswith("A just as likely · B rarer · C likelier")


def test_hangul_and_long_texts_fit_into_the_picture(recwarn):
    long = "옛날 옛적에 여우가 살았어요. " * 15
    prediction = Prediction(long, {"여우": long, "곰 " * 100: long, "x" * 300: long}, right="여우")
    prediction.choice = "여우"
    assert prediction.is_right and prediction.said == long
    figure = prediction.picture()
    figure.canvas.draw()
    assert all(text.get_window_extent().x1 <= figure.bbox.x1 for text in figure.findobj(Text) if text.get_text())
    assert [str(warning.message) for warning in recwarn.list] == []


def test_signs_of_mathematics_are_drawn_as_they_are():
    prediction = Prediction("Is $x^2$ < $y$?", {"$": "No <b>.", "$$": "Yes."}, right="$")
    prediction.picture().canvas.draw()
    assert "$x^2$ < $y$" in written(prediction.picture())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"question": ""}, "question must be a text of 1 to 500 characters, got ''"),
        ({"question": " \n"}, "question must be a text of 1 to 500 characters, got ' \\n'"),
        ({"question": 1}, "question must be a str, got int"),
        ({"options": ["a", "b"]}, "options must be a dictionary from each option to its sentence, got ['a', 'b']"),
        ({"options": {"rarer": "So it is."}}, "options must be two to five, got 1"),
        ({"options": dict.fromkeys("abcdef", "No.")}, "options must be two to five, got 6"),
        ({"options": {"rarer": "Yes.", "": "No."}}, "each of options must be a text of 1 to 500 characters, got ''"),
        ({"options": {"rarer": "Yes.", 2: "No."}}, "each of options must be a str, got int"),
        ({"options": {"rarer": "Yes.", "b": ""}}, "the sentence for 'b' in options must be a text of 1 to 500 .*''"),
        ({"right": "sooner"}, "right must be one of the options, got 'sooner'"),
        ({"right": ["rarer"]}, r"right must be one of the options, got \['rarer'\]"),
    ],
)
def test_a_wrong_construction_is_one_sentence(change, sentence):
    arguments = {"question": "Which?", "options": OPTIONS, "right": "rarer"} | change
    with pytest.raises((TypeError, ValueError)) as raised:
        Prediction(**arguments)
    assert str(raised.value) == sentence or raised.match(f"^{sentence}$")


def test_a_page_that_is_not_answered_yet_holds_no_answer(prediction):
    known = json.dumps([prediction.view.shown, prediction.view.offers, prediction.view.settings])
    assert all(option in known for option in OPTIONS) and not any(said in known for said in OPTIONS.values())
    before = prediction.view.shown
    assert Prediction(prediction.record.question, OPTIONS, right="likelier").view.shown == before


def test_what_is_changed_in_the_callers_dictionary_later_changes_no_question():
    options = dict(OPTIONS)
    prediction = Prediction("Which?", options, right="rarer")
    options.clear()
    prediction.choice = "rarer"
    assert prediction.is_right
