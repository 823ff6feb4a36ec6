import pytest

NOTEBOOK = "07_learning.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(NOTEBOOK)
    yield notebook
    assert notebook.complaints() == []


def test_stop_by_mouse_and_by_keyboard(notebook, keep):
    """The first training is stopped by mouse; the second finishes, runs again, and is stopped by keyboard."""
    page = notebook.page
    first, second = (
        page.locator(".jp-OutputArea-output", has=page.locator(".gc-training-monitor")).nth(i) for i in range(2)
    )
    notebook.start_all()
    status = "p[role=status]"
    first.locator(status).filter(has_text="It is learning").wait_for(timeout=300_000)
    first.scroll_into_view_if_needed()
    notebook.eventually(lambda: first.locator(".gc-train-chart .gc-train-point").count() >= 1, timeout=300)
    height = first.bounding_box()["height"]
    assert first.get_by_role("progressbar").get_attribute("aria-valuenow") != "0"
    assert first.locator(".gc-train-mark").count() >= 1
    notebook.keep_widths(keep, first, "training")
    stop = first.get_by_role("button", name="Stop")
    stop.click()
    first.locator(status).filter(has_text="Stopped by hand").wait_for()
    assert stop.is_disabled() and abs(first.bounding_box()["height"] - height) <= 24

    second.locator(status).filter(has_text="Finished").wait_for(timeout=300_000)  # the cells after it went on
    notebook.eventually(lambda: page.locator(".jp-InputPrompt", has_text="*").count() == 0, timeout=120)
    keep(second, "training-own-text")

    cell = page.locator(".jp-CodeCell", has_text="await mine.fit(")
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    second.locator(status).filter(has_text="It is learning").wait_for()
    second.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    second.locator(status).filter(has_text="Stopped by hand").wait_for()
