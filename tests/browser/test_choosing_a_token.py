import re


def test_choosing_a_token(open_notebook, keep):
    """Run All gives no error, the charts are there, and the widget answers the mouse and the keyboard."""
    notebook = open_notebook("04_choosing_a_token.ipynb")
    notebook.run_all()
    assert notebook.complaints() == []

    page = notebook.page
    charts = page.locator(".jp-OutputArea-output img")
    names = ["dart", "thousand-draws", "pipeline", "dart-of-the-storyteller", "futures"]
    assert charts.count() == len(names)
    for place, name in enumerate(names):
        keep(charts.nth(place), f"choosing-{name}")
    assert page.get_by_text(re.compile("^Not yet: ")).count() == 4

    panels = page.locator(".gptcore-panels")
    status = page.locator(".gptcore-caption")
    panels.scroll_into_view_if_needed()
    status.filter(has_text="3,072 of 3,072 tokens").wait_for()
    status.filter(has_text="Of 1,000 draws").wait_for()
    keep(panels.locator("xpath=ancestor::div[contains(@class, 'jp-OutputArea-output')]").first, "choosing-explorer")

    page.get_by_role("slider").nth(1).press("ArrowLeft")
    status.filter(has_text="2,000 of 3,072 tokens").filter(has_text="Nothing is drawn yet").wait_for()
    page.get_by_role("button", name="Draw 1,000").click()
    status.filter(has_text="Of 1,000 draws").wait_for()

    prompt = page.get_by_role("textbox", name="Prompt")
    prompt.fill("Once upon a")
    prompt.press("Enter")
    panels.get_by_text("␣time", exact=True).wait_for()


def test_the_dart_in_both_themes(open_notebook, keep):
    """The dart as HTML, among all that the page of JupyterLab brings with it."""
    notebook = open_notebook("04_choosing_a_token.ipynb")
    notebook.run_all()
    page = notebook.page
    page.locator(".jp-Notebook .jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    code = (
        "import ipywidgets; from gptcore.show.dart import Dart, dart_html; from gptcore.show.style import stylesheet; "
        "five = next_token_distribution(belief.logits, top_k=5); flat = next_token_distribution(torch.zeros(50_257)); "
        "darts = (belief, 0.62), (five, 0.9), (flat, 0.4), (flat, 1 - 1e-9); "
        "ipywidgets.HTML(stylesheet() + ''.join(dart_html(Dart.of(*dart, tokenizer)) for dart in darts))"
    )
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    darts = page.get_by_role("img", name=re.compile("A bar of length 1"))
    page.wait_for_function("document.querySelectorAll('.gptcore-dart').length === 4")
    assert darts.count() == 4
    for i in range(4):
        bar = darts.nth(i).locator(".gptcore-dart-bar").bounding_box()
        hit = darts.nth(i).locator("i.h").bounding_box()
        assert hit["width"] >= 5 and hit["height"] == bar["height"]
        assert bar["x"] - 1 <= hit["x"] and hit["x"] + hit["width"] <= bar["x"] + bar["width"] + 1
    keep(darts.first.locator("xpath=ancestor::div[contains(@class, 'jp-OutputArea-output')]").first, "dart-html")
