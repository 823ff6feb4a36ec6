"""The lessons for a course in nbgrader: `python -m gptcore.classroom nbgrader FOLDER` writes its folder `source`.

Each exercise is followed by a cell that nbgrader locks and grades: it asks the exercise's own check, for one point. The
exercise itself stays an ordinary cell, which the student changes, and nothing of a solution is in it.
"""

import argparse
import json
import re
from typing import Any

from gptcore.files import as_path, path_text, write_text, writing
from gptcore.language import ENGLISH, N_, _, language
from gptcore.lessons import NOTEBOOKS

ABOUT = N_("write the lessons as assignments for a course in nbgrader")
ASKED = re.compile(r"^(lesson\d\d\.check_\w+)\((.+)\)$", re.M)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help=_("the folder of the course; assignments that are there already stay"))


def run(options: argparse.Namespace) -> int:
    """Write each lesson with exercises as an assignment, unless there is one with its name; 1 if there was."""
    folder, left = as_path("folder", options.folder) / "source", 0
    lessons = NOTEBOOKS if language() == ENGLISH else NOTEBOOKS / language()
    for file in sorted(lessons.glob("[0-9]*.ipynb")):
        notebook, count = graded(json.loads(file.read_text(encoding="utf-8")))
        place = folder / file.stem / file.name
        if place.exists():
            left += 1
            print(_("{file} is there already, and stays").format(file=path_text(place)))
        elif count:
            with writing("folder", folder):
                place.parent.mkdir(parents=True, exist_ok=True)
                write_text(place, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
            print(_("{file}: {count} points").format(file=path_text(place), count=count))
    return 1 if left else 0


def graded(notebook: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """`notebook` with a graded cell after each exercise, and how many these are."""
    cells, count = [], 0
    for cell in notebook["cells"]:
        cells.append(cell)
        for check, answer in ASKED.findall("".join(cell["source"])) if cell["cell_type"] == "code" else ():
            count += 1
            cells.append(_graded_cell(cell["id"], f"{check}, {answer}"))
    return {**notebook, "cells": cells}, count


def _graded_cell(name: str, asked: str) -> dict[str, Any]:
    about = {"grade": True, "locked": True, "solution": False, "task": False, "points": 1, "schema_version": 3}
    return {
        "cell_type": "code",
        "id": f"graded-{name}"[:64],
        "metadata": {"nbgrader": {**about, "grade_id": f"graded-{name}", "cell_type": "code"}},
        "execution_count": None,
        "outputs": [],
        "source": f"from gptcore.exercises.checking import require\n\nrequire({asked})",
    }
