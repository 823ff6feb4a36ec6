"""A page that has ipywidgets but not anywidget's front end."""

import json

import nbformat

from tests.browser.conftest import Lab, Notebook

CELLS = "import gptcore.show", "gptcore.show.NextToken(*gptcore.load(), 'Once upon a time', seed=1)"


def test_without_the_front_end_the_picture_stands_in_its_place(browser, tmp_path):
    """And no icon of a broken file beside it."""
    settings = tmp_path / "config" / "labconfig" / "page_config.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"disabledExtensions": {"anywidget": True}}))
    (tmp_path / "notebooks").mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), tmp_path / "notebooks" / "a.ipynb"
    )
    lab = Lab(tmp_path)
    try:
        page = browser.new_page()
        notebook = Notebook(page, lab.url, "a.ipynb")
        notebook.run_all()
        assert notebook.complaints() == []
        page.locator(".gptcore-stand-in img").wait_for()
        assert page.locator(".jupyter-widgets-error-widget").is_hidden()
        assert page.locator(".gptcore-stand-in img").get_attribute("alt").startswith("NextToken: ")
        page.close()
    finally:
        lab.stop()
