import errno
import os
import stat
import threading
from pathlib import Path

import pytest
import torch

from gptcore.files import NotWritten, as_path, locked, read_json, write_text, write_whole, writing


def test_a_file_is_replaced_when_all_is_written(tmp_path):
    file = tmp_path / "story.txt"
    file.write_text("old")

    def write(temporary):
        temporary.write_text("new")
        assert file.read_text() == "old" and temporary.parent.parent == tmp_path

    write_whole(file, write)
    assert file.read_text() == "new" and list(tmp_path.iterdir()) == [file]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "story.txt"
    file.write_text("old")

    def write(temporary):
        temporary.write_text("ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(file, write)
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_what_a_killed_process_leaves_is_cleared_by_the_next_one(tmp_path):
    file = tmp_path / "story.txt"
    left = []

    def write(temporary):
        temporary.write_text("new")
        temporary.with_name(".tmp1234").write_text("half")  # as safetensors does
        left.extend(tmp_path.rglob("*"))

    write_whole(file, write)
    assert len(left) == 4  # the lock, and the folder with two files
    for leftover in left:
        leftover.parent.mkdir(exist_ok=True)
        leftover.mkdir() if leftover.name.endswith("-new") else leftover.write_text("half")
    write_whole(file, write)
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_has_the_permissions_of_any_other_new_file(tmp_path):
    def write(temporary):
        temporary.unlink()
        temporary.touch(mode=0o600)

    before = os.umask(0o027)
    try:
        (tmp_path / "plain").touch()
        write_whole(tmp_path / "written", write)
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert [stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()] == [0o640, 0o640]


def test_a_text_is_written_as_utf_8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "story.txt", "옛날\n옛적에\r\n")
    assert (tmp_path / "story.txt").read_bytes() == "옛날\n옛적에\r\n".encode()


def test_threads_that_lock_the_same_file_take_turns(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            with locked(tmp_path / "lock"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80 and list(tmp_path.iterdir()) == []


def test_a_lock_that_another_one_has_is_waited_for_but_not_for_ever(tmp_path):
    with locked(tmp_path / "lock"):
        with pytest.raises(TimeoutError), locked(tmp_path / "lock", patience=0.05):
            pass
        assert (tmp_path / "lock").exists()
    with locked(tmp_path / "lock", patience=0.05):
        pass


def test_a_disk_that_knows_no_locks_can_be_written(tmp_path, monkeypatch):
    def refused(*arguments, **settings):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    write_text(tmp_path / "story.txt", "new")
    assert (tmp_path / "story.txt").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("value", [None, 5, b"folder", ["folder"], torch.nn.Linear(1, 1)])
def test_a_path_is_a_str_or_a_path(value):
    with pytest.raises(TypeError, match="^folder must be a str or a path, got "):
        as_path("folder", value)


@pytest.mark.parametrize("value", ["", "a\0b"])
def test_a_path_is_not_empty(value):
    with pytest.raises(ValueError, match="^folder must be a path that is not empty and has no NUL character, got "):
        as_path("folder", value)


def test_a_path_is_text():
    with pytest.raises(ValueError, match="^folder must be text that UTF-8 can hold"):
        as_path("folder", "a\udcff")


def test_the_home_of_the_user_is_put_in_for_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert as_path("folder", "~/x") == as_path("folder", Path("~/x")) == tmp_path / "x"
    assert as_path("folder", "a/~") == Path("a/~")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room for it; make room"),
        (OSError(errno.EROFS, "Read-only file system"), "you may not write there"),
        (FileExistsError(errno.EEXIST, "File exists", "f"), "'f' is a file where a folder is needed"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error; choose another place"),
        (TimeoutError("f is locked"), "another process"),
        (Exception("No space left on device (os error 28)"), "no room for it; make room"),  # of a Rust library
    ],
)
def test_what_the_system_says_becomes_one_sentence(error, words):
    with pytest.raises(NotWritten, match=f"^folder 'x' cannot be written: .*{words}") as raised, writing("folder", "x"):
        raise error
    assert isinstance(raised.value, OSError) and isinstance(raised.value, ValueError)


def test_other_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="^no such thing$"), writing("folder", "x"):
        raise ValueError("no such thing")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": ' * 100_000, "nested too deep"),
        (b"", "cannot be read as JSON"),
        (b"\xff", "cannot be read as JSON"),
        (b"9" * 10_000, "cannot be read as JSON"),
        (b'{"n_layer": 3, "n_layer": 4}', "'n_layer' has two values"),
        (b'{"a": {"b": [1], "c": 2, "b": [2]}}', "'b' has two values"),
    ],
)
def test_json_that_cannot_be_read_is_one_sentence(tmp_path, data, words):
    (tmp_path / "config.json").write_bytes(data)
    with pytest.raises(ValueError, match=words):
        read_json(tmp_path / "config.json")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_json_may_have_any_encoding_of_unicode_and_say_a_thing_twice(tmp_path, encoding):
    (tmp_path / "config.json").write_text('{"옛날": 1, "a": [2], "옛날": 1}', encoding=encoding)
    assert read_json(tmp_path / "config.json") == {"옛날": 1, "a": [2]}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("make", [getattr(os, "mkfifo", None), lambda file: file.symlink_to("/dev/zero"), Path.mkdir])
def test_json_is_read_only_from_a_file(tmp_path, make):
    make(tmp_path / "config.json")
    with pytest.raises(ValueError, match="config.json is not a file"):
        read_json(tmp_path / "config.json")


def test_json_that_is_far_too_large_is_not_read(tmp_path):
    with open(tmp_path / "config.json", "wb") as file:
        file.truncate(100 * 2**30)  # no disk holds it
    with pytest.raises(ValueError, match="has 107,374,182,400 bytes"):
        read_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("[1, 2]")
    assert read_json(tmp_path / "config.json", largest=6) == [1, 2]
    with pytest.raises(ValueError, match="has 6 bytes, far more"):
        read_json(tmp_path / "config.json", largest=5)
