"""A kernel that Linux ends for want of memory: what a student sees in JupyterLab, and how the notebook goes on."""

import json

import pytest

from gptcore.classroom.killed import Connection
from tests.browser.conftest import SCREENSHOTS, Lab, Notebook

CELLS = [
    "x = 40",
    "import os\nif not os.path.exists('once'):\n    open('once', 'w').close()\n    os.kill(os.getpid(), 9)",
    "x + 2",
]


@pytest.fixture
def own_lab(tmp_path):
    (tmp_path / "notebooks").mkdir()
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [{**cell, "id": str(number), "source": source} for number, source in enumerate(CELLS)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "notebooks" / "killed.ipynb").write_text(json.dumps(notebook))
    chosen = f"--ServerApp.kernel_websocket_connection_class={Connection.__module__}.{Connection.__name__}"
    lab = Lab(tmp_path, "jupyterlab", "notebooks", chosen)
    yield lab
    lab.stop()


def test_the_cell_says_what_happened_and_the_notebook_goes_on(browser, own_lab):
    page = browser.new_page(viewport={"width": 1100, "height": 700})
    notebook = Notebook(page, own_lab.url, "killed.ipynb")
    notebook.start_all()
    page.get_by_role("dialog").get_by_text("Kernel Restarting").wait_for(timeout=60_000)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "killed-kernel.png")
    page.get_by_role("button", name="Ok").click()
    cells = page.locator(".jp-CodeCell")
    said = " ".join(cells.nth(1).locator(".jp-OutputArea-output").inner_text().split())
    assert "needed more memory than there is" in said and "Run All Above Selected Cell" in said
    page.screenshot(path=SCREENSHOTS / "killed-kernel-after.png")

    cells.nth(1).locator(".jp-InputPrompt").click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Above Selected Cell").click()
    cells.nth(1).locator(".jp-InputPrompt").click()
    for _ in range(2):
        page.keyboard.press("Shift+Enter")
    cells.nth(2).get_by_text("42").wait_for(timeout=60_000)
    page.close()
