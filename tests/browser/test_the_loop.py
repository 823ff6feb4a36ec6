NOTEBOOK = "05_the_loop.ipynb"


def test_stepping(notebook, keep):
    """Forward, back, auto-play, the slider, the candidates' bars and the tokens, by mouse and by keyboard."""
    page = notebook.page
    output = notebook.output_with(".gc-tape")
    tokens, later = output.locator(".gc-token"), output.locator(".gc-token.gc-later")
    height = output.bounding_box()["height"]

    def press(name, key=None):
        button = output.get_by_role("button", name=name, exact=True)
        if key is None:
            button.click()
        else:
            button.focus()
            page.keyboard.press(key)

    def written(count):
        notebook.eventually(lambda: tokens.count() - later.count() == count)
        return tokens.all_inner_texts()

    press("Forward")
    written(1)
    press("Forward", "Enter")
    written(2)
    press("Forward", "Space")
    three = written(3)
    press("Back")
    press("Back", "Enter")
    written(1)
    assert tokens.count() == 3  # what comes after is still on the tape
    output.get_by_role("slider", name="Position").focus()
    page.keyboard.press("ArrowRight")
    written(2)
    press("Forward")
    assert written(3) == three
    tokens.nth(1).click()
    written(1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    written(2)
    press("Forward")
    written(3)

    output.locator("button.gc-row").nth(3).focus()
    page.keyboard.press("Enter")
    written(4)
    output.locator(".gc-token.gc-mine").wait_for()

    press("Play")
    notebook.eventually(lambda: tokens.count() >= 8)
    press("Pause")
    output.get_by_role("button", name="Play", exact=True).wait_for()
    page.wait_for_timeout(700)
    count = tokens.count()
    page.wait_for_timeout(700)
    assert tokens.count() == count
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)
    notebook.keep_widths(keep, output, "stepper")

    press("Reset")
    written(0)


def test_two_settings_on_one_luck(notebook, keep):
    page = notebook.page
    output = page.locator(".gc-settings-comparison").first
    output.scroll_into_view_if_needed()
    status = output.get_by_role("status")
    assert output.locator(".gc-first").count() == 2
    notebook.keep_widths(keep, output, "luck")
    height = output.bounding_box()["height"]

    output.get_by_role("slider", name="Temperature").first.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    status.filter(has_text="The texts are the same").wait_for()
    notebook.eventually(lambda: output.locator(".gc-first").count() == 0)
    output.get_by_role("button", name="Other luck").click()
    output.get_by_text("seed 6").wait_for()
    notebook.eventually(lambda: abs(output.bounding_box()["height"] - height) < 1)


def test_streaming(notebook, keep):
    """Start, a second Start, Stop, and the kernel's interrupt, after each of which all is usable."""
    page = notebook.page
    output = notebook.output_with(".gc-streaming-generator")
    status = output.locator(".gc-caption")
    start, stop = (output.get_by_role("button", name=name) for name in ("Start", "Stop"))
    text = output.locator(".gc-text")

    def started():
        start.click()
        status.filter(has_text="It is writing").wait_for()
        notebook.eventually(lambda: start.is_disabled())
        length = len(text.inner_text())
        notebook.eventually(lambda: len(text.inner_text()) > length)

    output.get_by_role("slider").press("Home")  # so slow that the story does not end on a busy machine
    started()
    height = output.bounding_box()["height"]
    page.keyboard.press("Tab")  # from Stop to the slider: the other controls answer while it writes
    page.keyboard.press("ArrowRight")
    output.locator("output").get_by_text("2", exact=True).wait_for()
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

    step = notebook.output_with(".gc-tape")
    step.get_by_role("button", name="Forward").click()  # the model and the other widgets go on
    step.locator(".gc-token").first.wait_for()

    output.scroll_into_view_if_needed()
    started()
    stop.focus()
    page.keyboard.press("Enter")
    status.filter(has_text="Stopped").wait_for()

    started()
    notebook.keep_widths(keep, output, "streaming")
