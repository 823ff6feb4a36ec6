WIDE, NARROW = 1400, 600


def test_logits_to_probabilities(open_notebook, keep, theme):
    """Run All gives no error; the explorer answers mouse and keyboard, and nothing jumps."""
    notebook = open_notebook("03_logits_to_probabilities.ipynb")
    notebook.run_all()
    assert notebook.complaints() == []

    page = notebook.page
    output = page.locator(".gc-distribution-explorer")
    panels, status = output.locator(".gc-panels"), output.get_by_role("status")
    panels.scroll_into_view_if_needed()
    assert panels.get_by_role("listitem").count() == 11
    labels, height = rows(panels), panels.bounding_box()["height"]
    keep(output, "explorer")

    cold = first_bar(panels)
    # The keyboard: one step to the left, from 1 to 0.95.
    temperature = output.get_by_role("slider", name="Temperature")
    temperature.focus()
    page.keyboard.press("ArrowLeft")
    status.filter(has_text="At temperature 0.95,").wait_for()
    notebook.eventually(lambda: first_bar(panels) > cold)
    warm = first_bar(panels)

    # The mouse: to the left end, which is greedy, and all the way back.
    drag(page, temperature, -400)
    status.filter(has_text="Temperature 0 is greedy").wait_for()
    notebook.eventually(lambda: first_bar(panels) == 100)
    assert warm < 100 and rows(panels) == labels and panels.bounding_box()["height"] == height
    keep(output, "explorer-greedy")

    output.get_by_role("button", name="Reset").click()
    status.filter(has_text="At temperature 1,").wait_for()
    notebook.eventually(lambda: first_bar(panels) < warm)

    top_k = output.get_by_role("slider", name="Top-k")
    top_k.focus()
    page.keyboard.press("Home")
    status.filter(has_text="1 of ").wait_for()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    status.filter(has_text="5 of ").wait_for()
    notebook.eventually(lambda: panels.locator(".gc-cut:not(.gc-others)").count() == 5)
    assert panels.locator("em", has_text="cut by top-k").count() == 5
    assert rows(panels) == labels

    page.get_by_role("button", name="Draw 1", exact=True).click()
    status.filter(has_text="Drawn: ").wait_for()
    notebook.eventually(lambda: panels.locator(".gc-drawn").count() == 1)
    page.get_by_role("button", name="Draw 100", exact=True).press("Enter")
    status.filter(has_text="Of 101 draws").wait_for()
    page.get_by_role("button", name="Draw 1,000").click()
    status.filter(has_text="Of 1,101 draws").wait_for()
    notebook.eventually(lambda: panels.locator("u:not([hidden])").count() == 5)
    assert panels.bounding_box()["height"] == height
    keep(output, "explorer-drawn")

    output.get_by_role("checkbox", name="Logarithmic").check()
    panels.get_by_text("0.0001%").wait_for()
    page.get_by_role("tab", name="File Browser").click()  # close the side bar: it would leave nothing of 600 pixels
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(600)
        panels.scroll_into_view_if_needed()
        keep(output, f"explorer-{width}")
        notebook.eventually(lambda: panels.evaluate("element => element.scrollWidth <= element.clientWidth + 1"))

    # Tokens that are part of a character have long labels, which differ only in their ends: nothing is cut off.
    box = output.get_by_role("textbox", name="Text")
    box.fill("옛날 옛적에 조용한 산골에")
    box.press("Enter")
    panels.get_by_text("␣장<0xEB><0x82>", exact=True).wait_for()
    labels = panels.locator("[role=listitem] > .gc-label")
    fits = "all => all.every(e => e.scrollWidth <= e.clientWidth + 1 && e.scrollHeight <= e.clientHeight + 1)"
    notebook.eventually(lambda: labels.evaluate_all(fits))
    keep(output, "explorer-korean-600")

    page.set_viewport_size({"width": 1200, "height": 1000})
    before = panels.inner_text()
    box.fill("<img src=x onerror=alert(1)> & $x$")
    box.press("Enter")
    notebook.eventually(lambda: panels.inner_text() != before)
    assert page.locator(".gc img").count() == 0
    assert notebook.complaints() == []


def rows(panels):
    return panels.locator("[role=listitem] > .gc-label").all_inner_texts()


def first_bar(panels):
    """The width of the first probability, in percent."""
    bar = panels.locator("[role=listitem]").first.locator("i")
    return 100 * float(bar.evaluate("element => element.style.getPropertyValue('--share')"))


def drag(page, handle, distance):
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + distance, y, steps=8)
    page.mouse.up()
