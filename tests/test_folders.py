import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from gptcore import folders
from gptcore.folders import read_together, replace_together

NAMES = ("a", "b", "c")


def writes(**files: str):
    def write(folder: Path) -> None:
        for name, text in files.items():
            (folder / name).write_text(text)

    return write


def content(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() if file.is_file() else "folder" for file in folder.iterdir()}


@pytest.fixture
def folder(tmp_path) -> Path:
    replace_together(tmp_path, NAMES, writes(a="old", b="old"))
    (tmp_path / "notes").write_text("mine")
    return tmp_path


def test_the_files_that_belong_together_are_replaced_and_others_stay(folder):
    replace_together(folder, NAMES, writes(a="new", c="new", d="new"))
    assert content(folder) == {"a": "new", "c": "new", "d": "new", "notes": "mine"}


def test_a_folder_is_made_with_all_above_it(tmp_path):
    replace_together(tmp_path / "x" / "y", NAMES, writes(a="new"))
    assert content(tmp_path / "x" / "y") == {"a": "new"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ValueError])
def test_an_error_while_writing_leaves_the_old_files_and_nothing_else(folder, error):
    before = content(folder)

    def write(new):
        writes(a="new")(new)
        raise error

    with pytest.raises(error):
        replace_together(folder, NAMES, write)
    assert content(folder) == before


class Killed(BaseException):
    """Ends a process as far as it can be done within a test: nothing is cleaned up."""


def kill_at(monkeypatch, moment: int) -> None:
    """From now on the `moment`th change of the disk is the last one."""
    count = 0

    def counted(function):
        def change(*arguments, **settings):
            nonlocal count
            count += 1
            if count >= moment:
                raise Killed
            return function(*arguments, **settings)

        return change

    for module, name in [(os, "link"), (os, "replace"), (os, "rename"), (os, "mkdir"), (os, "unlink")]:
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))


def refused(*arguments, **settings):
    raise PermissionError


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("read_only", [True, False])
def test_whatever_the_last_change_is_a_reader_finds_all_old_or_all_new(tmp_path, monkeypatch, links, read_only):
    new = {"b": "new", "c": "new"}
    found = []
    for moment in range(1, 40):
        folder = tmp_path / str(moment)
        replace_together(folder, NAMES, writes(a="old", b="old"))
        with monkeypatch.context() as patched:
            if not links:
                patched.setattr(os, "link", refused)
            kill_at(patched, moment)
            try:
                replace_together(folder, NAMES, writes(**new))
            except Killed:
                complete = False
            else:
                complete = True
        with monkeypatch.context() as patched:
            if read_only:
                patched.setattr(folders, "locked", refused)
            seen = read_together(folder, NAMES, content)
        seen = {name: text for name, text in seen.items() if not name.startswith(".")}
        assert seen in ({"a": "old", "b": "old"}, new)
        found.append(seen == new)
        replace_together(folder, NAMES, writes(a="next"))
        assert content(folder) == {"a": "next"}
        if complete:
            break
    assert complete and found == sorted(found) and 5 < sum(found) < len(found)  # old ones first, then new ones


def test_what_is_read_while_another_process_writes_is_all_of_one_kind(tmp_path):
    def write() -> None:
        for i in range(1, 31):
            replace_together(tmp_path, NAMES, writes(a=str(i), b=str(i)))

    def read() -> list[str]:
        return read_together(tmp_path, NAMES, lambda place: [(place / name).read_text() for name in "ab"])

    replace_together(tmp_path, NAMES, writes(a="0", b="0"))
    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(read())
    assert all(a == b for a, b in seen)
    assert read() == ["30", "30"]


def test_an_error_of_a_reader_is_raised_if_nothing_has_changed(folder):
    calls = []
    with pytest.raises(ValueError, match="damaged"):
        read_together(folder, NAMES, lambda place: calls.append(place) or int("damaged"))
    assert calls == [folder]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_in_the_place_of_a_file_is_noticed_before_anything_changes(folder, name):
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    before = content(folder)
    with pytest.raises(IsADirectoryError):
        replace_together(folder, NAMES, writes(a="new"))
    assert content(folder) == before


def test_links_to_files_elsewhere_are_replaced_and_what_they_lead_to_stays(tmp_path):
    """The cache of the hub is made of such links."""
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / "model").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "model", target_is_directory=True)
    (tmp_path / "model" / "a").symlink_to(tmp_path / "elsewhere")
    replace_together(tmp_path / "link", NAMES, writes(a="new"))
    assert (tmp_path / "elsewhere").read_text() == "theirs" and (tmp_path / "link").is_symlink()
    assert content(tmp_path / "model") == {"a": "new"} and not (tmp_path / "model" / "a").is_symlink()


def test_files_have_the_permissions_of_any_other_new_file(tmp_path):
    (tmp_path / "plain").touch()

    def write(folder):
        (folder / "a").touch(mode=0o600)

    replace_together(tmp_path, NAMES, write)
    assert len({stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}) == 1
