"""A better version of the lessons reaches a student when her server starts, and what she has changed stays hers."""

import json
from urllib.parse import quote

import pytest

from tests.classroom.conftest import UPDATED

pytest.importorskip("jupyterhub")

CHANGED, OTHER = "01_text_to_tokens.ipynb", "02_tokens_to_logits.ipynb"


def first_cell(student, name):
    answer = student.api("GET", f"contents/{name}")
    return answer.json()["content"]["cells"][0]["source"] if answer.ok else None


def write(student, name, text):
    """What JupyterLab does when the student has changed the first cell, and saves."""
    model = student.api("GET", f"contents/{name}").json()
    model["content"]["cells"][0]["source"] = text
    student.api("PUT", f"contents/{name}", json=model).raise_for_status()


def publish(hub, name, text):
    """A better version of a lesson, where the teacher has the project."""
    file = hub.code / "notebooks" / name
    notebook = json.loads(file.read_text(encoding="utf-8"))
    notebook["cells"][0]["source"] = text
    file.write_text(json.dumps(notebook), encoding="utf-8")


def test_an_update_arrives_and_keeps_what_the_student_has_changed(hub):
    student = hub.student(UPDATED)
    student.log_in()
    student.start_server()
    write(student, CHANGED, "mine")
    for name in (CHANGED, OTHER):
        publish(hub, name, "better")
    server = f"{hub.url}/hub/api/users/{quote(student.name)}/server"
    assert student.session.delete(server, headers={"X-XSRFToken": student.xsrf("/hub/")}).ok
    student.start_server()
    assert first_cell(student, CHANGED) == "mine"
    assert first_cell(student, CHANGED.replace(".ipynb", "_new.ipynb")) == "better"
    assert first_cell(student, OTHER) == "better" and first_cell(student, OTHER.replace(".ipynb", "_new.ipynb")) is None
