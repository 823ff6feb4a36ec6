"""What a learner finds who comes back to a copy that JupyterLab has saved."""

import pytest

from gptcore.lessons import FIRST, hand_out
from tests.browser.conftest import Lab, Notebook

COMMAND = ("gptcore.lessons", "notebooks", "--")
NOT_FOUND = "model not found"


@pytest.fixture
def visit(browser, tmp_path):
    """visit(act): open the first lesson in a JupyterLab that the command has started, and `act` on it."""

    def do(act):
        lab = Lab(tmp_path, *COMMAND)
        try:
            lab.use("notebook-extension/tracker", windowingMode="none")
            page = browser.new_page()
            act(Notebook(page, lab.url, FIRST))
            page.close()
        finally:
            lab.stop()
            for file in (tmp_path / "runtime").glob("jpserver-*"):
                file.unlink()

    return do


def test_a_lesson_that_is_opened_again_shows_pictures_where_its_widgets_were(visit, tmp_path):
    file = tmp_path / "notebooks" / FIRST

    def run_and_save(notebook):
        notebook.run_all()
        notebook.page.keyboard.press("Control+s")
        notebook.eventually(lambda: "widget-view" in file.read_text(encoding="utf-8"))

    def look(notebook):
        cell = notebook.page.locator(".jp-CodeCell", has_text="NextToken(model").first
        notebook.eventually(lambda: cell.locator(".jp-RenderedImage img").count() == 1)
        assert notebook.page.get_by_text(NOT_FOUND).count() == 0

    visit(run_and_save)
    visit(look)
    assert hand_out(tmp_path / "notebooks")[1:] == []
    source = tmp_path / "project" / "notebooks"
    source.mkdir(parents=True)
    (source / FIRST).write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    assert hand_out(tmp_path / "notebooks", source)[1:] == ["Brought up to date: 1."]  # a run is no change
