"""Lessons that come by a link of nbgitpuller: a new version arrives, and what a student has changed stays hers."""

import subprocess

import nbformat
import pytest

GitPuller = pytest.importorskip("nbgitpuller.pull", reason="nbgitpuller is not installed").GitPuller


def git(folder, *command):
    who = ["-c", "user.name=teacher", "-c", "user.email=teacher@example.org"]
    subprocess.run(["git", *who, *command], cwd=folder, check=True, capture_output=True)


def write(file, *sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)


def sources(file):
    return [cell.source for cell in nbformat.read(file, as_version=4).cells]


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The lessons of a teacher in git, and pull(): what a click on the link does for a student."""
    folder, copy = tmp_path / "course", tmp_path / "student"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for name in ("00.ipynb", "01.ipynb"):
        write(folder / name, "first = 1", "second = 2", "third = 3")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "lessons")

    def pull():
        for _line in GitPuller(str(folder), str(copy), branch="main").pull():
            pass
        return copy

    pull.folder = folder
    return pull


def test_a_student_keeps_what_she_changed_and_gets_what_is_new(course):
    copy = course()
    write(copy / "00.ipynb", "first = 'mine'", "second = 2", "third = 3")
    (copy / "notes.txt").write_text("mine")
    write(course.folder / "00.ipynb", "first = 'teacher'", "second = 2", "third = 3")
    write(course.folder / "01.ipynb", "first = 1", "second = 2", "third = 33")
    write(course.folder / "02.ipynb", "new = True")
    git(course.folder, "add", ".")
    git(course.folder, "commit", "-qm", "better")
    course()
    assert sources(copy / "00.ipynb") == ["first = 'mine'", "second = 2", "third = 3"]
    assert sources(copy / "01.ipynb")[2] == "third = 33" and sources(copy / "02.ipynb") == ["new = True"]
    assert (copy / "notes.txt").read_text() == "mine"


def test_a_lesson_that_a_student_threw_away_comes_back(course):
    copy = course()
    (copy / "01.ipynb").unlink()
    course()
    assert sources(copy / "01.ipynb")[0] == "first = 1"
