NOTEBOOK = "11_real_gpt2.ipynb"


def test_without_a_network_every_widget_answers_on_the_bundled_model(notebook, keep):
    page = notebook.page
    sentence = page.get_by_text("until then the bundled model takes its place")
    assert sentence.count() == 2  # for GPT-2, and for the Korean one
    keep(page.locator(".jp-CodeCell", has=sentence.first).first, "real-gpt2-sentence")

    tokens = notebook.output_with(".gc-chip")
    before = tokens.locator(".gc-chip").count()
    tokens.get_by_role("textbox").fill("옛날")
    notebook.eventually(lambda: 0 < tokens.locator(".gc-chip").count() < before)

    chances = page.locator(".gc-distribution-explorer").first
    chances.scroll_into_view_if_needed()
    seen = chances.inner_text()
    chances.get_by_role("slider").first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    notebook.eventually(lambda: chances.inner_text() != seen)
    keep(chances, "real-gpt2-chances")

    steps = notebook.output_with(".gc-tape")
    steps.get_by_role("button", name="Forward").click()
    steps.locator(".gc-token").first.wait_for()

    luck = page.locator(".gc-settings-comparison")
    luck.get_by_role("button", name="Other luck").click()
    luck.get_by_text("seed 6").wait_for()

    stream = notebook.output_with(".gc-streaming-generator")
    stream.get_by_role("button", name="Start").click()
    stream.locator(".gc-caption").filter(has_text="It is writing").wait_for()
    text = stream.locator(".gc-text")
    notebook.eventually(lambda: len(text.inner_text()) > 30)
    stream.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    stream.locator(".gc-caption").filter(has_text="Stopped").wait_for()
    assert text.inner_text().startswith("옛날 옛적에")
    keep(stream, "real-gpt2-korean")


def test_the_notebook_as_a_page(notebook, keep):
    page = notebook.page
    for width, viewport in ((600, 1010), (1200, 1200), (1400, 1760)):
        page.set_viewport_size({"width": viewport, "height": 1000})
        for selector, name in ((".gc-chip", "tokens"), (".gc-streaming-generator", "stream")):
            output = notebook.output_with(selector)
            notebook.eventually(lambda output=output: output.evaluate("e => e.scrollWidth <= e.clientWidth"))
            keep(output, f"real-gpt2-{name}-{width}")
