NOTEBOOK = "09_inside_the_model.ipynb"


def type_text(page, output, text):
    output.get_by_label("Text", exact=True).fill(text)
    page.keyboard.press("Enter")


def widget(notebook, name):
    """A widget of the lesson, in its output, and the sentence below it."""
    output = notebook.output_with(f".gc-{name}")
    return output, output.get_by_role("status")


def token(output, position):
    return output.locator(".gc-tokens button").nth(position)


def test_attention_view(notebook, keep):
    """Heads and tokens by mouse and by keyboard, a text that is typed, a text that is empty."""
    page = notebook.page
    output, status = widget(notebook, "attention-view")
    status.filter(has_text="In layer 3, head 3").wait_for()
    status.filter(has_text="“␣Anna” (position 22)").wait_for()
    notebook.eventually(lambda: output.locator(".gc-arc").count() == 1)
    notebook.keep_widths(keep, output, "attention")

    output.get_by_role("radio", name="Layer 0, head 5:").click()
    status.filter(has_text="In layer 0, head 5").wait_for()
    assert output.locator(".gc-arc").count() > 10
    for key, layer, head in [("ArrowDown", 1, 5), ("ArrowLeft", 1, 4), ("End", 3, 5)]:
        page.keyboard.press(key)  # and JupyterLab does not go to another cell
        status.filter(has_text=f"In layer {layer}, head {head}").wait_for()
    token(output, 90).click()
    status.filter(has_text="“␣the” (position 90)").wait_for()
    notebook.eventually(lambda: output.locator(".gc-later").count() == 95)
    page.keyboard.press("ArrowLeft")
    status.filter(has_text="(position 89)").wait_for()
    page.keyboard.press("ArrowDown")
    status.filter(has_not_text="(position 89)").wait_for()
    page.keyboard.press("Home")
    status.filter(has_text="to itself").wait_for()
    notebook.eventually(lambda: output.locator(".gc-later").count() == 185)

    type_text(page, output, "옛날 옛적에")
    output.locator(".gc-tokens button").filter(has_text="옛날").wait_for()
    type_text(page, output, "")
    status.filter(has_text="“<|endoftext|>” (position 0)").wait_for()
    assert output.locator(".gc-tokens button").count() == 1
    type_text(page, output, "Once <b>upon</b> a $time$")
    output.locator(".gc-tokens button").filter(has_text="time").wait_for()


def test_the_maps_of_all_heads(notebook, keep):
    image = notebook.page.locator(".jp-RenderedImage img").first
    image.scroll_into_view_if_needed()
    notebook.eventually(lambda: image.evaluate("e => e.naturalWidth") > 600)
    keep(image, "attention-maps")


def test_logit_lens(notebook, keep):
    """Cells and tokens by mouse and by keyboard, a text that is typed, a text that is empty."""
    page = notebook.page
    output, status = widget(notebook, "logit-lens")
    status.filter(has_text="the model answers “␣Anna”").wait_for()
    output.get_by_text("After layer 3: the model's own output").wait_for()
    notebook.keep_widths(keep, output, "lens")

    output.get_by_role("button", name="After layer 2, ␣said (position 185): ␣").click()
    output.get_by_text("After layer 2", exact=True).wait_for()
    assert output.locator(".gc-row").first.inner_text().split()[0] == "␣"
    page.keyboard.press("ArrowLeft")
    status.filter(has_text="(position 184)").wait_for()
    page.keyboard.press("ArrowDown")
    output.get_by_text("After layer 1", exact=True).wait_for()
    token(output, 76).click()
    status.filter(has_text="“␣her” (position 76) the model answers “␣pocket”").wait_for()
    page.keyboard.press("Home")
    status.filter(has_text="(position 0)").wait_for()

    type_text(page, output, "옛날 옛적에")
    output.locator(".gc-here").filter(has_text="옛적에").wait_for()
    type_text(page, output, "")
    status.filter(has_text="“<|endoftext|>” (position 0)").wait_for()
    type_text(page, output, "Once upon a <b>")
    output.locator(".gc-tokens button").filter(has_text="upon").wait_for()
