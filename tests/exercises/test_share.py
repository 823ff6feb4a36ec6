"""What a student has got right: kept only where the student wants it, and nothing else of what was typed."""

import json
from datetime import date
from threading import Thread

import pytest

from gptcore import load
from gptcore.exercises import lesson01, lesson02, lesson05, share
from gptcore.exercises.checking import Value, require


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of the test's own, and nothing in it."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


def kept(home):
    return json.loads((home / share.NAME).read_text())


def test_nothing_is_kept_unless_it_was_asked_for(home, says):
    assert says(lesson01.check_how_many, 7).startswith("Right")
    assert list(home.iterdir()) == []


def test_only_what_is_right_is_kept_with_the_day_and_nothing_that_was_typed(home, says, capsys):
    share.start()
    said = capsys.readouterr().out
    assert str(home / share.NAME) in said and "share.stop()" in said
    for answer in (99, "my secret", 7):
        says(lesson01.check_how_many, answer)
    says(lesson02.check_how_many, ...)
    assert kept(home) == {"lesson01.check_how_many": date.today().isoformat()}
    assert [file.name for file in home.iterdir()] == [share.NAME]


def test_the_day_stays_that_of_the_first_time(home, says):
    share.start()
    (home / share.NAME).write_text('{"lesson01.check_how_many": "2026-01-01"}')
    says(lesson01.check_how_many, 7)
    share.start()
    assert kept(home) == {"lesson01.check_how_many": "2026-01-01"}


def test_an_exercise_of_no_lesson_is_not_kept(home, says):
    share.start()
    says(Value(right="6 × 7.", reference=42), 42)
    assert kept(home) == {}


def test_an_exercise_that_is_made_anew_for_each_answer_has_its_name(home):
    model, tokenizer = load()
    share.start()
    lesson05.check_seed(next(seed for seed in range(500) if _is_right(seed, model, tokenizer)), model, tokenizer)
    assert kept(home) == {"lesson05.check_seed": date.today().isoformat()}


def _is_right(seed, model, tokenizer):
    try:
        require(lesson05.check_seed, seed, model, tokenizer)
    except AssertionError:
        return False
    return True


def test_stopping_deletes_it_and_keeps_nothing_more(home, says):
    share.start()
    share.stop()
    share.stop()
    says(lesson01.check_how_many, 7)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("damaged", ["", "[1]", "{", "[" * 10_000, '{"a": 1, "a": 2}'])
def test_a_damaged_file_disturbs_no_exercise_and_stays(home, says, damaged):
    (home / share.NAME).write_text(damaged)
    assert says(lesson01.check_how_many, 7).startswith("Right")
    assert (home / share.NAME).read_text() == damaged


def test_a_file_that_cannot_be_written_is_one_sentence(home):
    (home / share.NAME).mkdir()
    with pytest.raises(ValueError, match="cannot be written") as error:
        share.stop()
    assert "\n" not in str(error.value)


def test_two_notebooks_lose_nothing_of_each_other(home):
    share.start()
    exercises = [lesson01.check_how_many, lesson01.check_join, lesson02.check_how_many, lesson02.check_best_tokens]
    threads = [Thread(target=share.note, args=(exercise,)) for exercise in exercises]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept(home)) == len(exercises)
