import re


def test_choosing_a_token(open_notebook, keep):
    """Run All gives no error, the charts are there, and the widget answers the mouse and the keyboard."""
    notebook = open_notebook("04_choosing_a_token.ipynb")
    notebook.run_all()
    assert notebook.complaints() == []

    page = notebook.page
    charts = page.locator(".jp-RenderedImage img")  # without those that stand in for a widget
    names = ["dart", "thousand-draws", "pipeline", "dart-of-the-storyteller", "futures"]
    assert charts.count() == len(names)
    for place, name in enumerate(names):
        keep(charts.nth(place), f"choosing-{name}")
    assert page.get_by_text(re.compile("^Not yet: ")).count() == 4

    explorer = page.locator(".gc-distribution-explorer")
    status = explorer.get_by_role("status")
    explorer.scroll_into_view_if_needed()
    status.filter(has_text="3,072 of 3,072 tokens").wait_for()
    status.filter(has_text="Of 1,000 draws").wait_for()
    keep(explorer, "choosing-explorer")

    explorer.get_by_role("slider", name="Top-k").press("ArrowLeft")
    status.filter(has_text="2,000 of 3,072 tokens").filter(has_text="Nothing is drawn yet").wait_for()
    explorer.get_by_role("button", name="Draw 1,000").click()
    status.filter(has_text="Of 1,000 draws").wait_for()

    prompt = explorer.get_by_role("textbox", name="Text")
    prompt.fill("Once upon a")
    prompt.press("Enter")
    explorer.locator(".gc-label", has_text="␣time").first.wait_for()

    tree = page.locator(".gc-future-tree")
    tree.scroll_into_view_if_needed()
    tree.get_by_role("button", name="Throw a dart").click()
    tree.get_by_role("status").filter(has_text="The dart at").wait_for()
    tree.get_by_role("button", name="Go there", disabled=False).wait_for()
    keep(tree, "choosing-tree")
