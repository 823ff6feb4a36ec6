NOTEBOOK = "10_faster.ipynb"
NAMES = ("time", "prompt", "window", "limit", "arithmetic", "batch", "smaller", "bits", "growth")
CHARTS = {name: place for place, name in enumerate(NAMES)}


def test_faster(notebook, keep):
    """Run All gives no error, the charts are there, and the widget answers the mouse and the keyboard."""
    page = notebook.page
    charts = page.locator(".jp-OutputArea-output img")
    notebook.eventually(lambda: charts.count() == len(CHARTS))
    for name, place in CHARTS.items():
        keep(charts.nth(place), f"faster-{name}")
    notebook.eventually(lambda: page.get_by_text("Not yet: ").count() == 4)

    lanes = page.locator(".gptcore-costs")
    output = page.locator(".jp-OutputArea-output", has=lanes).first
    output.scroll_into_view_if_needed()
    status = output.get_by_role("status")
    status.filter(has_text="343 ms").wait_for()
    rows = lanes.get_by_role("listitem")
    assert rows.count() == 5
    height = output.bounding_box()["height"]
    keep(output, "cost-explorer")
    for width, viewport in ((600, 1010), (1400, 1760)):
        page.set_viewport_size({"width": viewport, "height": 1000})
        page.wait_for_function(
            "wide => document.querySelector('.gptcore-costs').clientWidth > 700 === wide", arg=width > 1000
        )
        keep(output, f"cost-explorer-{width}")
        notebook.eventually(lambda: output.evaluate("e => e.scrollWidth <= e.clientWidth"))
    page.set_viewport_size({"width": 1200, "height": 1000})
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)

    output.get_by_role("button", name="bfloat16").click()
    status.filter(has_text="171 ms").wait_for()
    output.get_by_role("button", name="int8").focus()
    page.keyboard.press("Enter")
    rows.last.get_by_text("629 MB", exact=True).wait_for()  # the cache stays as it was in float32

    tokens, texts, bandwidth = (output.get_by_role("slider").nth(place) for place in range(3))
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
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)
    keep(output, "cost-explorer-moved")
