NOTEBOOK = "09_inside_the_model.ipynb"


def type_text(page, output, text):
    box = output.get_by_role("textbox").first
    box.fill(text)
    page.keyboard.press("Enter")


def test_attention_view(notebook, keep):
    """Layer, head and token by keyboard, a text that is typed, a text that is empty."""
    page = notebook.page
    output = notebook.output_with(".gptcore-look")
    status = output.get_by_role("status")
    status.filter(has_text="In layer 3, head 5").wait_for()
    status.filter(has_text="“␣Anna” (position 22)").wait_for()
    notebook.keep_widths(keep, output, "attention")
    height = output.bounding_box()["height"]

    layer, head, token = (output.get_by_role("slider").nth(i) for i in range(3))
    layer.focus()
    page.keyboard.press("Home")
    status.filter(has_text="In layer 0, head 5").wait_for()
    page.keyboard.press("End")
    head.focus()
    page.keyboard.press("ArrowLeft")
    status.filter(has_text="In layer 3, head 4").wait_for()
    token.focus()
    page.keyboard.press("ArrowLeft")
    output.locator(".gptcore-look-from[title*='position 184']").wait_for()
    page.keyboard.press("Home")
    status.filter(has_text="to itself").wait_for()
    notebook.eventually(lambda: output.locator(".gptcore-look-later").count() == 185)
    track = token.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]").first
    box = track.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    status.filter(has_not_text="to itself").wait_for()
    notebook.eventually(lambda: 60 < output.locator(".gptcore-look-later").count() < 120)
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)

    type_text(page, output, "옛날 옛적에")
    output.locator(".gptcore-look-chip").filter(has_text="옛날").wait_for()
    type_text(page, output, "")
    status.filter(has_text="text must have at least one token").wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)
    type_text(page, output, "Once <b>upon</b> a $time$")
    output.locator(".gptcore-look-chip").filter(has_text="time").wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)


def test_the_maps_of_all_heads(notebook, keep):
    image = notebook.page.locator(".jp-OutputArea-output img").first
    image.scroll_into_view_if_needed()
    notebook.eventually(lambda: image.evaluate("e => e.naturalWidth") > 600)
    keep(image, "attention-maps")


def test_logit_lens(notebook, keep):
    """The place by mouse and keyboard, a text that is typed, a text that is empty."""
    page = notebook.page
    output = notebook.output_with(".gptcore-lens")
    status = output.get_by_role("status")
    status.filter(has_text="the model answers “␣Anna”").wait_for()
    notebook.keep_widths(keep, output, "lens")
    height = output.bounding_box()["height"]

    token = output.get_by_role("slider").first
    token.focus()
    page.keyboard.press("ArrowLeft")
    output.locator("tr[aria-current] th[title*='position 184']").wait_for()
    page.keyboard.press("Home")
    output.locator("tr[aria-current] th[title*='position 0']").wait_for()
    track = token.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]").first
    box = track.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    status.filter(has_not_text="(position 0)").wait_for()
    output.locator("tr[aria-current]").wait_for()
    notebook.eventually(lambda: output.locator(".gptcore-lens tbody tr").count() == 9)
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)

    type_text(page, output, "옛날 옛적에")
    output.locator(".gptcore-lens th").filter(has_text="옛날").wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)
    type_text(page, output, "")
    status.filter(has_text="text must have at least one token").wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)
    type_text(page, output, "Once upon a <b>")
    output.locator(".gptcore-lens th").filter(has_text="upon").wait_for()
