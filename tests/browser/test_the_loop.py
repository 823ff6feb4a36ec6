import re

NOTEBOOK = "05_the_loop.ipynb"


def test_stepping(notebook, keep):
    """Forward, back, auto-play, the slider and the candidates' buttons, by mouse and by keyboard."""
    page = notebook.page
    output = notebook.output_with(".gptcore-step-tape")
    told = output.locator(".gptcore-step-told[role=listitem]")
    height = output.bounding_box()["height"]

    def press(name, key=None):
        button = output.get_by_role("button", name=re.compile(f"{name}$"))
        if key is None:
            button.click()
        else:
            button.focus()
            page.keyboard.press(key)

    def written(count):
        page.wait_for_function(
            "n => document.querySelectorAll('.gptcore-step-told[role=listitem]:not(.gptcore-step-later)').length === n",
            arg=count,
        )
        return told.all_inner_texts()

    press("Forward")
    written(1)
    press("Forward", "Enter")
    written(2)
    press("Forward", "Space")
    three = written(3)
    press("Back")
    press("Back", "Enter")
    written(1)
    notebook.eventually(lambda: told.count() == 3)  # what comes after is still on the tape
    slider = output.get_by_role("slider").last
    slider.focus()
    page.keyboard.press("ArrowRight")
    written(2)
    press("Forward")
    assert written(3) == three

    choice = output.locator("button[title^=Write]").nth(3)
    choice.focus()
    page.keyboard.press("Enter")
    written(4)
    output.locator(".gptcore-step-yours").wait_for()

    output.get_by_role("button", name=re.compile("Play$")).click()
    page.wait_for_function("document.querySelectorAll('.gptcore-step-told[role=listitem]').length >= 8")
    output.get_by_role("button", name=re.compile("Pause$")).click()
    output.get_by_role("button", name=re.compile("Play$")).wait_for()
    page.wait_for_timeout(700)
    count = told.count()
    page.wait_for_timeout(700)
    assert told.count() == count
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)
    notebook.keep_widths(keep, output, "stepper")

    press("Reset")
    written(0)


def test_two_settings_on_one_luck(notebook, keep):
    page = notebook.page
    output = notebook.output_with(".gptcore-luck-one")
    status = output.get_by_role("status")
    assert output.locator("mark[title]").count() == 2
    notebook.keep_widths(keep, output, "luck")
    height = output.bounding_box()["height"]

    output.get_by_role("slider").first.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    status.filter(has_text="The texts are the same").wait_for()
    notebook.eventually(lambda: output.locator("mark[title]").count() == 0)
    output.get_by_role("button", name="Other luck").click()
    output.get_by_text("seed 6").wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)


def test_streaming(notebook, keep):
    """Start, a second Start, Stop, and the kernel's interrupt, after each of which all is usable."""
    page = notebook.page
    output = notebook.output_with(".gptcore-stream-box")
    status = output.get_by_role("status")
    start, stop = (output.get_by_role("button", name=name) for name in ("Start", "Stop"))
    text = output.locator(".gptcore-stream-box")

    def started():
        start.click()
        status.filter(has_text="It is writing").wait_for()
        notebook.eventually(lambda: start.is_disabled())
        length = len(text.inner_text())
        notebook.eventually(lambda: len(text.inner_text()) > length)

    started()
    height = output.bounding_box()["height"]
    output.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")  # the other controls answer while it writes
    output.locator("span.gptcore").filter(has_text="13").wait_for()
    stop.click()
    status.filter(has_text="Stopped").wait_for()
    stopped = text.inner_text()
    page.wait_for_timeout(500)
    assert text.inner_text() == stopped
    assert len(stopped) > len("Once upon a time")
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)

    started()
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Interrupt Kernel").click()
    status.filter(has_text="The kernel was interrupted").wait_for()
    assert len(text.inner_text()) > len("Once upon a time")

    step = notebook.output_with(".gptcore-step-tape")
    step.get_by_role("button", name=re.compile("Forward$")).click()  # the model and the other widgets go on
    page.wait_for_selector(".gptcore-step-told[role=listitem]")

    output.scroll_into_view_if_needed()
    started()
    stop.focus()
    page.keyboard.press("Enter")
    status.filter(has_text="Stopped").wait_for()

    started()
    notebook.keep_widths(keep, output, "streaming")
