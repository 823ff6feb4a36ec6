def test_tokens_to_logits(open_notebook, keep, theme):
    """Run All gives no error, the chart is there, and every exercise waits for its answer."""
    notebook = open_notebook("02_tokens_to_logits.ipynb")
    notebook.run_all()
    assert notebook.complaints() == []

    page = notebook.page
    chart = page.locator(".jp-RenderedImage img").first
    chart.scroll_into_view_if_needed()
    assert chart.evaluate("image => image.complete && image.naturalWidth > 300")
    turned_around = chart.evaluate("image => getComputedStyle(image).filter") != "none"
    assert turned_around == (theme == "dark")  # dark lines on white are light ones on the page's own black
    keep(chart, "top-logits")
    assert page.get_by_text("Not yet: ").count() == 4
