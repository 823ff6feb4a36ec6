NOTEBOOK = "08_evaluating.ipynb"


def test_interrupt(open_notebook, keep):
    """The training is interrupted by the kernel, and the cells after it still run."""
    notebook = open_notebook(NOTEBOOK)
    page = notebook.page
    monitor = page.locator(".jp-OutputArea-output", has=page.locator("svg")).first
    notebook.start_all()
    monitor.get_by_role("status").filter(has_text="It is learning").wait_for(timeout=300_000)
    notebook.eventually(lambda: monitor.locator("circle").count() >= 2, timeout=300)  # one is in the legend
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Interrupt Kernel").click()
    monitor.get_by_role("status").filter(has_text="The kernel was interrupted").wait_for()
    monitor.scroll_into_view_if_needed()
    keep(monitor, "training-interrupted")

    cells_after = page.locator(".jp-CodeCell", has_text="runs = {")  # they go on after an interrupt
    notebook.eventually(lambda: page.locator(".jp-InputPrompt", has_text="*").count() == 0, timeout=600)
    assert cells_after.locator(".jp-InputPrompt").first.inner_text() != "[ ]:"
    assert notebook.complaints() == []
