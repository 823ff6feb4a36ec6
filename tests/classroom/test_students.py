"""The list of the class, and the passwords: what the teacher's commands do, and what the hub asks them."""

import asyncio
import stat
import time
from types import SimpleNamespace

import pytest

pytest.importorskip("jupyterhub")

from gptcore.classroom import authenticator
from gptcore.classroom.__main__ import main
from gptcore.classroom.password import is_class_password
from gptcore.classroom.students import is_name, students, with_password


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GPTCORE_CLASS", str(tmp_path / "class"))
    monkeypatch.setattr(authenticator, "PAUSE", 0.05)
    (tmp_path / "names").write_text("# 3A\nAnna\n Min  Jun \n민준  # new\nanna\n\n", encoding="utf-8")
    assert main(["students", str(tmp_path / "names")]) == 0
    return tmp_path / "class"


def test_names_are_known_as_the_hub_knows_them(folder, capsys):
    assert students() == ["anna", "min-jun", "민준"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("name", ["../anna", "a/b", "", ".", "-rf", "a" * 41, "a,b", "a\nb", "Anna", "a b"])
def test_what_cannot_be_a_name(name):
    assert not is_name(name)


def test_a_list_with_what_cannot_be_a_name_is_not_taken(tmp_path, capsys):
    (tmp_path / "names").write_text("ben\n../anna\n", encoding="utf-8")
    assert main(["students", str(tmp_path / "names")]) != 0
    assert "../anna cannot be the name of a student" in capsys.readouterr().err
    assert students() == ["anna", "min-jun", "민준"]


def test_the_class_password_is_kept_as_a_hash_alone(folder, capsys):
    assert not is_class_password("anything")
    assert main(["password", "--made-up"]) == 0
    made_up = capsys.readouterr().out.splitlines()[-1]
    assert is_class_password(made_up) and not is_class_password(made_up + "x") and not is_class_password("x" * 100)
    assert not any(made_up in file.read_text(encoding="utf-8") for file in folder.iterdir())


def test_a_password_is_chosen_once_and_can_be_forgotten(monkeypatch, capsys):
    main(["password", "--made-up"])
    made_up = capsys.readouterr().out.splitlines()[-1]
    door = authenticator.ClassAuthenticator()

    def come(password: str, class_password: str = "") -> str | None:
        data = {"username": "Anna", "password": password, "otp": class_password}
        return asyncio.run(door.authenticate(SimpleNamespace(), data))

    assert come("own-secret") is None
    assert come("own-secret", made_up) == "anna"
    assert come("own-secret") == "anna"
    assert come("another-one", made_up) is None
    assert with_password() == {"anna"}
    assert (
        door.reset_password("anna", made_up) == "Everybody knows the class password: choose another one for yourself."
    )
    assert "success" in door.reset_password("anna", "changed-secret") and come("changed-secret") == "anna"
    assert main(["students", "--forget", "anna"]) == 0
    assert "anna" in capsys.readouterr().out
    assert come("another-one", made_up) == "anna"


def test_whoever_guesses_one_name_guesses_one_after_another(capsys):
    door = authenticator.ClassAuthenticator()

    async def guess() -> None:
        data = {"username": "anna", "password": "a-wrong-guess", "otp": "a-wrong-guess"}
        assert await asyncio.gather(*(door.authenticate(SimpleNamespace(), data) for _ in range(5))) == [None] * 5

    begun = time.monotonic()
    asyncio.run(guess())
    assert time.monotonic() - begun > 5 * 0.05


def test_a_list_that_was_edited_by_hand_lets_the_others_in(folder):
    (folder / "students.txt").write_text("anna\n../ben\ndan\n", encoding="utf-8")
    assert students() == ["anna", "dan"]


def test_who_is_off_the_list_is_logged_out(folder):
    door = authenticator.ClassAuthenticator()
    assert asyncio.run(door.refresh_user(SimpleNamespace(name="anna"))) is True
    (folder / "students.txt").write_text("dan\n", encoding="utf-8")
    assert asyncio.run(door.refresh_user(SimpleNamespace(name="anna"))) is False
