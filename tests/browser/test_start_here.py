import gptcore
from gptcore.show import NextToken


def test_start_here(open_notebook, keep):
    """Run All gives no error, and the widget answers the mouse and the keyboard."""
    notebook = open_notebook("00_start_here.ipynb")
    notebook.run_all()
    assert notebook.complaints() == []

    page = notebook.page
    add = page.get_by_role("button", name="Add a token")
    add.scroll_into_view_if_needed()
    text = page.locator(".gc-next-token .gc-text")
    status = page.get_by_role("status").filter(has_text="What comes next?")
    before = text.inner_text()
    assert before == "Once upon a time there"
    place = add.bounding_box()["y"]

    add.click()
    status.filter(has_text="Written:").wait_for()
    notebook.eventually(lambda: text.inner_text().startswith(before) and text.inner_text() != before)

    add.focus()
    for _ in range(13):
        page.keyboard.press("Enter")
    same = NextToken(*gptcore.load(), before, seed=1)
    for _ in range(14):
        same.add_token()
    page.wait_for_function(
        "text => document.querySelector('.gc-next-token .gc-text').innerText === text", arg=same.text
    )
    notebook.eventually(lambda: page.locator(".gc-next-token .gc-row").count() == 6)
    assert add.bounding_box()["y"] == place  # as the text grows, the button stays under the mouse
    keep(text.locator("xpath=ancestor::div[contains(@class, 'jp-OutputArea-output')]").first, "next-token")

    page.get_by_role("button", name="New story").click()
    page.wait_for_function("document.querySelector('.gc-next-token .gc-text').innerText === 'Once upon a time there'")

    box = page.locator(".gc-next-token").get_by_role("textbox", name="Text")
    box.fill("<img src=x onerror=alert(1)> & $x$")
    box.press("Enter")
    page.wait_for_function("document.querySelector('.gc-next-token .gc-text').innerText.startsWith('<img src=x')")
    assert page.locator(".gc img").count() == 0


def test_a_newcomer_who_does_what_the_first_lines_say(open_notebook):
    """One Shift+Enter after the other, up to the widget: its bars are there, and in sight."""
    page = open_notebook("00_start_here.ipynb").page
    page.locator(".jp-MarkdownCell strong", has_text="Shift+Enter").click()
    cell = page.locator(".jp-CodeCell", has_text="NextToken(model").first
    for _ in range(page.locator(".jp-Notebook > * .jp-Cell").count()):
        if "jp-mod-active" in cell.get_attribute("class"):
            break
        page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    row = cell.locator(".gc-row").first
    row.wait_for()
    box, height = row.bounding_box(), page.viewport_size["height"]
    assert 0 < box["y"] < height - box["height"]


def test_a_prediction_keeps_its_answers_until_it_is_asked(open_notebook):
    """Its cell is folded, and a letter chooses an option, where elsewhere it is a command to JupyterLab."""
    notebook = open_notebook("00_start_here.ipynb")
    notebook.run_all()
    page = notebook.page
    prediction, cells = page.locator(".gc-prediction").first, page.locator(".jp-Cell").count()
    prediction.scroll_into_view_if_needed()
    assert not any(place.is_visible() for place in page.get_by_text("An untrained model would").all())
    prediction.get_by_role("button").first.focus()
    page.keyboard.press("b")
    prediction.get_by_role("status").filter(has_text="An untrained model would").wait_for()
    assert page.locator(".jp-Cell").count() == cells
