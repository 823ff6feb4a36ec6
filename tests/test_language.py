"""The language of the interface: a catalogue of our own, and what is said with it."""

import os
import subprocess
import sys

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

import gptcore
from gptcore import language as language_of_the_interface
from gptcore.show import Prediction

_, N_, english = (vars(sys.modules["gptcore.language"])[name] for name in ("_", "N_", "english"))


@pytest.fixture
def korean(tmp_path, monkeypatch):
    """A catalogue with four sentences."""
    module = sys.modules["gptcore.language"]
    catalogue = Catalog(locale="ko")
    catalogue.add("Right.", "맞아요.")
    catalogue.add("Written: {label}.", "{label}은(는) 쓰였어요.")
    catalogue.add("The text", "글")
    catalogue.add("Choose before you go on.", "먼저 고르세요.")
    folder = tmp_path / "ko" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "gptcore.mo").open("wb") as file:
        write_mo(file, catalogue)
    monkeypatch.setattr(module, "LOCALE", tmp_path)
    monkeypatch.setattr(module, "_chosen", "en")
    module._catalogue.cache_clear()
    yield
    module._catalogue.cache_clear()


def test_a_sentence_is_said_in_the_chosen_language(korean):
    assert gptcore.language() == "en" and _("Right.") == "Right."
    assert gptcore.language("ko") is None and gptcore.language() == "ko"
    assert _("Right.") == "맞아요." and _("Wrong.") == "Wrong."
    assert _("Written: {label}.").format(label="“말”") == "“말”은 쓰였어요."
    assert _("Written: {label}.").format(label="“여우”") == "“여우”는 쓰였어요."


def test_what_is_marked_is_said_later_with_its_values(korean):
    marked = N_("Written: {label}.", label=N_("The text"))
    assert marked == "Written: The text." and _(marked) == marked
    gptcore.language("ko")
    assert _(marked) == "글은 쓰였어요." and marked == "Written: The text."
    assert N_("Right.") == "Right." and _(N_("Right.")) == "맞아요."


def test_nothing_is_nothing_in_every_language(korean):
    gptcore.language("ko")
    assert _("") == ""


def test_english_for_a_while(korean):
    gptcore.language("ko")
    with pytest.raises(KeyError), english():
        assert _("Right.") == "Right."
        raise KeyError
    assert _("Right.") == "맞아요."


def test_another_language_is_refused_and_changes_nothing(korean):
    gptcore.language("ko")
    with pytest.raises(ValueError, match="name must be a language, 'en' or 'ko', got 'de'"):
        gptcore.language("de")
    assert gptcore.language() == "ko"


def test_the_front_end_of_a_widget_gets_its_words_and_no_others(korean):
    def code():
        return Prediction("Which?", {"this": "Yes.", "that": "No."}, right="this").view._esm

    assert code().startswith("globalThis.gptcoreWords = {};")
    gptcore.language("ko")
    assert code().startswith('globalThis.gptcoreWords = {"Choose before you go on.": "먼저 고르세요."};')


def test_a_widget_answers_in_the_language(korean):
    gptcore.language("ko")
    prediction = Prediction("Which?", {"this": "Yes.", "that": "No."}, right="this")
    prediction.choice = "this"
    assert prediction.caption == "맞아요. Yes."


@pytest.mark.parametrize("asked", ["", "en", "tlh"])
def test_an_environment_variable_that_names_no_language_leaves_english(asked):
    code = "import gptcore; print(gptcore.language())"
    environment = os.environ | {"GPTCORE_LANGUAGE": asked}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout == "en\n"
    )


def test_gptcore_says_which_language_it_is():
    assert language_of_the_interface is gptcore.language
