NOTEBOOK = "06_untrained_and_trained.ipynb"


def test_three_models_on_one_luck(notebook, keep):
    """The sliders, the button, the tokens and the text, by mouse and by keyboard."""
    page = notebook.page
    output = page.locator(".gc-model-comparison").first
    output.scroll_into_view_if_needed()
    status, texts = output.get_by_role("status"), output.locator(".gc-story")
    choices = output.locator(".gc-model .gc-key")
    assert texts.count() == output.locator(".gc-dart").count() == 3
    height = output.bounding_box()["height"]

    notebook.keep_widths(keep, output, "models")

    texts.first.locator("button").nth(0).click()
    choices.filter(has_text="New token 1:").nth(2).wait_for()
    page.keyboard.press("ArrowRight")
    choices.filter(has_text="New token 2:").nth(2).wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)

    output.get_by_role("slider", name="Temperature").press("ArrowRight")
    status.filter(has_text="temperature 0.75").wait_for()
    output.get_by_role("slider", name="Top-k").press("ArrowRight")
    status.filter(has_text="top-k 50").wait_for()

    before = texts.last.inner_text()
    output.get_by_role("button", name="Other luck").click()
    status.filter(has_text="seed 2").wait_for()
    notebook.eventually(lambda: texts.last.inner_text() != before)

    text = output.get_by_role("textbox", name="Text")
    text.fill("옛날 옛적에")
    text.press("Enter")
    texts.filter(has_text="옛날 옛적에").nth(2).wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)
