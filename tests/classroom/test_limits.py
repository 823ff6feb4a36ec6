"""Control groups as Linux shows them, in a folder of our own: whose they are, and what is written where."""

from pathlib import Path

import pytest

limits = pytest.importorskip("gptcore.classroom.limits", reason="only Linux has such limits", exc_type=ImportError)


@pytest.fixture
def groups(tmp_path, monkeypatch) -> Path:
    """The group of the hub's service, which has two processes."""
    mine, service = tmp_path / "mine", tmp_path / "system.slice" / "gptcore-class.service"
    mine.write_text("0::/system.slice/gptcore-class.service\n")
    service.mkdir(parents=True)
    for name, text in {
        "cgroup.controllers": "cpu memory pids\n",
        "cgroup.procs": "7\n8\n",
        "memory.max": "max\n",
    }.items():
        (service / name).write_text(text)
    monkeypatch.setattr(limits, "_MINE", mine)
    monkeypatch.setattr(limits, "_GROUPS", tmp_path)
    monkeypatch.setattr(limits, "_SYSTEMD", tmp_path / "system.slice")
    return service


def test_each_student_has_a_group_in_the_one_that_systemd_lends(groups, monkeypatch):
    monkeypatch.setattr(limits, "_is_delegated", lambda folder: folder == groups)
    group = limits.group_of("student-anna", 2**30)
    assert group == groups / "students" / "student-anna"
    assert (group / "memory.max").read_text() == str(2**30)
    assert (group / "memory.swap.max").read_text() == "0"
    assert (groups / "hub" / "cgroup.procs").read_text() == "8"  # the last that was moved: here a file, there a list
    for folder in (groups, groups / "students"):
        assert (folder / "cgroup.subtree_control").read_text() == "+memory"
    limits._MINE.write_text("0::/system.slice/gptcore-class.service/hub\n")  # where the hub is from now on
    assert limits.group_of("student-ben", 2**30) == groups / "students" / "student-ben"


@pytest.mark.parametrize("way", ["not delegated", "the root of all", "version 1", "no memory"])
def test_where_nothing_is_lent_nothing_is_touched(groups, monkeypatch, way):
    monkeypatch.setattr(limits, "_is_delegated", lambda folder: way != "not delegated")
    if way == "the root of all":
        (groups / "memory.max").unlink()
    elif way == "version 1":
        limits._MINE.write_text("4:memory:/user\n")
    elif way == "no memory":
        (groups / "cgroup.controllers").write_text("cpu pids\n")
    before = sorted(groups.rglob("*"))
    assert limits.group_of("student-anna", 2**30) is None
    assert sorted(groups.rglob("*")) == before


def test_a_folder_without_the_mark_is_not_delegated(tmp_path):
    assert not limits._is_delegated(tmp_path)
