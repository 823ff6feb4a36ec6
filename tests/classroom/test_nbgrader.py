"""The assignments for nbgrader: every exercise is graded by its own check, and an assignment that is there stays."""

import json

import nbformat
import pytest

from gptcore.classroom.finished import exercises_of_lessons
from gptcore.classroom.nbgrader import graded
from gptcore.lessons import NOTEBOOKS


@pytest.fixture
def course(tmp_path, capsys):
    """write(): the command for a course of the test's own, its exit code and what it says."""
    from gptcore.classroom.__main__ import main

    def write():
        code = main(["nbgrader", str(tmp_path)])
        return code, capsys.readouterr().out.splitlines()

    write.folder = tmp_path / "source"
    return write


def graded_cells(file):
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if "nbgrader" in cell.metadata]


def test_every_exercise_is_graded_once_by_its_own_check(course):
    code, said = course()
    files = sorted(course.folder.rglob("*.ipynb"))
    assert code == 0 and len(said) == len(files) == len(exercises_of_lessons())
    for file in files:
        cells = graded_cells(file)
        asked = [cell.source.rpartition("require(")[2].partition(",")[0] for cell in cells]
        assert set(asked) == exercises_of_lessons()[file.name[:2]] and len(asked) == len(set(asked))
        for cell in cells:
            about = cell.metadata.nbgrader
            assert about.grade and about.locked and not about.solution and about.points == 1
            compile(cell.source, cell.id, "exec")
        assert len({cell.metadata.nbgrader.grade_id for cell in cells}) == len(cells)


def test_the_lesson_itself_is_left_as_it_is(course):
    course()
    for file in course.folder.rglob("*.ipynb"):
        cells = json.loads(file.read_text())["cells"]
        assert [cell for cell in cells if "nbgrader" not in cell["metadata"]] == json.loads(
            (NOTEBOOKS / file.name).read_text()
        )["cells"]


def test_an_assignment_that_is_there_stays(course):
    course()
    mine = next(course.folder.rglob("*.ipynb"))
    mine.write_text("mine")
    code, said = course()
    assert code == 1 and any(str(mine) in line and "stays" in line for line in said)
    assert mine.read_text() == "mine"


def test_in_korean_the_korean_lessons_are_written(course, in_korean):
    course()
    for file in course.folder.rglob("*.ipynb"):
        assert "".join(json.loads(file.read_text())["cells"][0]["source"]).startswith("# ")
        assert (NOTEBOOKS / "ko" / file.name).read_text().startswith(file.read_text()[:40])


def test_a_graded_cell_fails_with_the_line_of_the_check_and_passes_on_a_right_answer():
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": "how_many = ...\n\nlesson01.check_how_many(how_many)",
    }
    notebook, count = graded({"cells": [cell]})
    code = notebook["cells"][1]["source"]
    from gptcore.exercises import lesson01

    with pytest.raises(AssertionError, match="Not yet: replace the dots"):
        exec(code, {"lesson01": lesson01, "how_many": ...})
    exec(code, {"lesson01": lesson01, "how_many": lesson01.check_how_many.reference})
    assert count == 1
