WIDE, NARROW = 1400, 600


def test_text_to_tokens(open_notebook, keep):
    """Run All gives no error, and the chips follow the keyboard."""
    notebook = open_notebook("01_text_to_tokens.ipynb")
    notebook.run_all()
    assert notebook.complaints() == []

    page = notebook.page
    boxes = page.locator(".gc-chips-box")
    bilingual, english = boxes.nth(0), boxes.nth(1)
    status = page.locator(".gc-token-explorer [role=status]")
    output = boxes.first.locator("xpath=ancestor::div[contains(@class, 'jp-OutputArea-output')]").first
    field = page.get_by_role("textbox", name="Text")
    field.scroll_into_view_if_needed()
    notebook.eventually(lambda: labels(bilingual) == ["옛날", "␣옛적에"])
    notebook.eventually(lambda: labels(english)[:3] == ["<0xEC>", "<0x98>", "<0x9B>"])
    assert english.locator(".gc-joined > b").all_inner_texts() == list("옛날옛적에")
    keep(output, "tokens")

    # Letter by letter: the pieces merge while one types, and the boxes below stay where they are.
    field.press("ControlOrMeta+a")
    field.press("Delete")
    status.filter(has_text="No text, no tokens.").wait_for()
    top = english.bounding_box()["y"]
    field.press_sequentially("the the", delay=30)
    status.filter(has_text="7 characters in 7 bytes.").wait_for()
    notebook.eventually(lambda: labels(bilingual) == ["t", "he", "␣the"])
    assert page.get_by_role("group", name="Tokens of bilingual").get_by_role("button", name="␣the, id 263").count() == 1
    assert english.bounding_box()["y"] == top
    field.press(" ")
    status.filter(has_text="ends in a space").wait_for()
    notebook.eventually(lambda: labels(bilingual)[-1] == "␣")
    assert english.bounding_box()["y"] == top

    # The next stop of the keyboard are the chips themselves; what one of them is made of is said.
    field.press("Tab")
    notebook.eventually(lambda: bilingual.evaluate("element => element.contains(document.activeElement)"))
    page.keyboard.press("Home")
    page.get_by_text("t is token 83: bytes 74", exact=True).wait_for()

    mixed = "The fox, the café and 호랑이 🦊."
    field.fill(mixed)
    status.filter(has_text=f"{len(mixed)} characters").wait_for()
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(600)
        field.scroll_into_view_if_needed()
        for box in (bilingual, english):
            notebook.eventually(lambda box=box: box.evaluate("box => box.scrollWidth <= box.clientWidth + 1"))
        keep(output, f"tokens-{width}")

    # A long text: its end is in sight, and one more letter is shown at once.
    page.set_viewport_size({"width": 1200, "height": 1000})
    field.fill(("옛날 옛적에 the fox " * 150)[:1998])
    status.filter(has_text="1,998 characters").wait_for()
    field.press("End")
    field.press_sequentially("!!")
    status.filter(has_text="2,000 characters").wait_for()
    notebook.eventually(lambda: labels(bilingual)[-2:] == ["!", "!"])
    last, frame = bilingual.locator(".gc-chip").last.bounding_box(), bilingual.bounding_box()
    assert frame["y"] <= last["y"] and last["y"] + last["height"] <= frame["y"] + frame["height"]
    assert frame["height"] <= 236
    field.press("Tab")
    page.keyboard.press("Home")
    notebook.eventually(lambda: bilingual.evaluate("element => element.scrollTop") < 100)
    page.keyboard.press("End")
    notebook.eventually(lambda: bilingual.evaluate("element => element.scrollTop") > 100)
    keep(output, "tokens-long")

    field.fill("<img src=x onerror=alert(1)> & $x$")
    status.filter(has_text="34 characters").wait_for()
    assert page.locator(".gc img").count() == 0
    notebook.eventually(lambda: "".join(labels(english)) == "<img␣src=x␣onerror=alert(1)>␣&␣$x$")
    assert notebook.complaints() == []


def labels(box):
    return box.locator(".gc-chip > span").all_inner_texts()
