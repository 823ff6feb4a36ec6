"""What a teacher sees of who has finished: what a student shares, read without trusting anything in her home."""

import json
import os
import pwd
from types import SimpleNamespace

import pytest

from gptcore.classroom import finished
from gptcore.classroom.__main__ import main
from gptcore.exercises import share

RIGHT = {"lesson03.check_ratio": "2026-11-26", "lesson03.check_softmax": "2026-11-26", "lesson04.check_min_p": "x"}


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """The homes of a class of three, whose system users are all the one who runs the test."""
    names = ["anna", "ben", "민준"]
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "students.txt").write_text("\n".join(names), encoding="utf-8")
    monkeypatch.setenv("GPTCORE_CLASS", str(tmp_path / "class"))
    for name in names:
        (tmp_path / name).mkdir()
    accounts = {
        finished.account_name(name): SimpleNamespace(pw_dir=str(tmp_path / name), pw_uid=os.geteuid()) for name in names
    }
    monkeypatch.setattr(pwd, "getpwnam", lambda name: accounts[name])
    return {name: tmp_path / name for name in names}


def said(capsys, *lessons):
    assert main(["finished", *lessons]) == 0
    lines = (line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    return {name: " ".join(rest.split()) for name, rest in lines}


def test_each_student_has_a_line_with_what_was_right_in_each_lesson(homes, capsys):
    (homes["anna"] / share.NAME).write_text(json.dumps(RIGHT))
    (homes["민준"] / share.NAME).write_text("{}")
    assert said(capsys) == {"anna": "03 2/4 04 1/4", "ben": "shares nothing", "민준": "nothing yet"}
    assert said(capsys, "03", "05") == {"anna": "03 2/4 05 0/5", "ben": "shares nothing", "민준": "03 0/4 05 0/5"}


def test_what_is_no_exercise_counts_nothing(homes, capsys):
    (homes["anna"] / share.NAME).write_text(json.dumps({**RIGHT, "lesson04.check_all": "2026-11-26", "04": 9}))
    assert said(capsys)["anna"] == "03 2/4 04 1/4"


@pytest.mark.parametrize("damaged", ["", "[[1]]", "7", "{", "[" * 100_000, '"' * 200_000, "\ud800"])
def test_whatever_a_student_writes_there_is_no_mistake_of_the_command(homes, capsys, damaged):
    (homes["ben"] / share.NAME).write_bytes(damaged.encode("utf-8", "surrogatepass"))
    assert said(capsys)["ben"] == "nothing yet"


def test_a_link_a_pipe_a_folder_and_the_file_of_another_are_not_read(homes, capsys, tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text(json.dumps(RIGHT))
    (homes["anna"] / share.NAME).symlink_to(secret)
    os.mkfifo(homes["ben"] / share.NAME)
    (homes["민준"] / share.NAME).mkdir()
    assert set(said(capsys).values()) == {"shares nothing"}
    (homes["anna"] / share.NAME).unlink()
    os.link(secret, homes["anna"] / share.NAME)
    other = SimpleNamespace(pw_dir=str(homes["anna"]), pw_uid=os.geteuid() + 1)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: other)
    assert said(capsys)["anna"] == "shares nothing"


def test_a_student_who_was_never_here_shares_nothing(homes, capsys, monkeypatch):
    def nobody(name):
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", nobody)
    assert set(said(capsys).values()) == {"shares nothing"}


def test_a_lesson_without_exercises_is_one_sentence(homes, capsys):
    assert main(["finished", "00"]) == 2
    assert capsys.readouterr().err == "gptcore.classroom: no lesson with exercises is called '00'\n"
