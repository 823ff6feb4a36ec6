NOTEBOOK = "10_faster.ipynb"
NAMES = ("time", "prompt", "window", "limit", "arithmetic", "batch", "smaller", "bits", "growth")
CHARTS = {name: place for place, name in enumerate(NAMES)}


def test_faster(notebook, keep):
    """Run All gives no error, the charts are there, and the widget answers the mouse and the keyboard."""
    page = notebook.page
    charts = page.locator(".jp-RenderedImage img")
    notebook.eventually(lambda: charts.count() == len(CHARTS))
    for name, place in CHARTS.items():
        keep(charts.nth(place), f"faster-{name}")
    notebook.eventually(lambda: page.get_by_text("Not yet: ").count() == 4)

    output = notebook.output_with(".gc-cost-explorer")
    status, rows = output.locator("p[role=status]"), output.locator("button.gc-cost")
    status.filter(has_text="343 ms").wait_for()
    assert rows.count() == 5
    notebook.keep_widths(keep, output, "cost-explorer")

    output.get_by_role("radio", name="bfloat16").check()
    status.filter(has_text="171 ms").wait_for()
    page.keyboard.press("ArrowRight")  # int8
    rows.last.get_by_text("629 MB", exact=True).wait_for()  # the cache stays as it was in float32

    tokens, texts, bandwidth = (
        output.get_by_role("slider", name=name) for name in ("Tokens", "Texts at once", "Memory reads")
    )
    texts.focus()
    page.keyboard.press("End")
    status.filter(has_text="for all 64 together").wait_for()
    rows.last.get_by_text("40.3 GB", exact=True).wait_for()
    tokens.focus()
    page.keyboard.press("Home")
    rows.last.get_by_text("39.3 MB", exact=True).wait_for()
    bandwidth.focus()
    before = status.inner_text()
    page.keyboard.press("ArrowRight")
    notebook.eventually(lambda: status.inner_text() != before)

    rows.first.click()
    output.get_by_role("group", name="How the numbers of storyteller come about").wait_for()
    status.filter(has_text="storyteller: a step reads").wait_for()
    keep(output, "cost-explorer-moved")
