NOTEBOOK = "06_untrained_and_trained.ipynb"


def test_three_models_on_one_luck(notebook, keep):
    """The sliders, the button and the beginning, by mouse and by keyboard."""
    page = notebook.page
    output = page.locator(".jp-OutputArea-output", has=page.locator(".gptcore-model")).first
    output.scroll_into_view_if_needed()
    status, texts = output.get_by_role("status"), output.locator(".gptcore-model-text")
    choices = output.locator(".gptcore-model-choices")
    temperature, top_k, place = (output.get_by_role("slider").nth(i) for i in range(3))
    assert texts.count() == output.locator(".gptcore-dart").count() == 3
    height = output.bounding_box()["height"]

    notebook.keep_widths(keep, output, "models")

    place.focus()
    page.keyboard.press("ArrowRight")
    choices.filter(has_text="New token 2:").nth(2).wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)

    temperature.focus()
    page.keyboard.press("ArrowRight")
    status.filter(has_text="temperature 0.75").wait_for()
    top_k.focus()
    page.keyboard.press("ArrowRight")
    status.filter(has_text="top-k 50").wait_for()

    before = texts.last.inner_text()
    output.get_by_role("button", name="Other luck").click()
    status.filter(has_text="seed 2").wait_for()
    notebook.eventually(lambda: texts.last.inner_text() != before)

    beginning = output.get_by_role("textbox", name="Beginning")
    beginning.fill("옛날 옛적에")
    beginning.press("Enter")
    texts.filter(has_text="옛날 옛적에").nth(2).wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)
