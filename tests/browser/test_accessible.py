"""What a screen reader, a keyboard and a weak eye need, looked for by axe-core in every widget, in both themes."""

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe

import gptcore
from gptcore import GPTModel, show
from tests.browser.bench import THEMES, on_page

# On a projector's page of 1,280 × 599 pixels JupyterLab's column is 848 wide; a widget is at most 590 high there.
PROJECTED, HIGHEST = 848, 590


@pytest.fixture(scope="module")
def widgets():
    """{name: function that makes a widget}: those that draw something, on the bundled model."""
    model, tokenizer = gptcore.load()
    torch.manual_seed(0)
    models = {"untrained": GPTModel(model.config), "trained": model}
    return {
        "AttentionView": lambda: show.AttentionView(model, tokenizer),
        "CostExplorer": lambda: show.CostExplorer({"bundled": model.config}),
        "DistributionExplorer": lambda: show.DistributionExplorer(model, tokenizer, top_k=5),
        "FutureTree": lambda: show.FutureTree(model, tokenizer),
        "GenerationStepper": lambda: show.GenerationStepper(model, tokenizer),
        "LogitLens": lambda: show.LogitLens(model, tokenizer),
        "Machine": lambda: show.Machine(model, tokenizer),
        "ModelComparison": lambda: show.ModelComparison(models, tokenizer, losses={"untrained": 8.1}, floor=1.0),
        "NextToken": lambda: show.NextToken(model, tokenizer),
        "PrecisionExplorer": lambda: show.PrecisionExplorer(model, tokenizer),
        "Prediction": lambda: show.Prediction("Which?", {"this": "Yes.", "that": "No."}, right="this"),
        "SettingsComparison": lambda: show.SettingsComparison(model, tokenizer),
        "Story": lambda: show.Story(model, tokenizer),
        "StreamingGenerator": lambda: show.StreamingGenerator(model, tokenizer),
        "TextScorer": lambda: show.TextScorer(model, tokenizer),
        "TokenExplorer": lambda: show.TokenExplorer({"bilingual": tokenizer}, text="The fox and 호랑이 ☃"),
        "TrainingMonitor": lambda: show.TrainingMonitor(model, tokenizer),
    }


def test_every_widget_is_looked_at(widgets):
    kinds = [getattr(show, name) for name in show.__all__]
    assert {kind.__name__ for kind in kinds if hasattr(kind, "picture")} == set(widgets)


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(browser, widgets, theme, subtests):
    for name, make in widgets.items():
        with subtests.test(name), on_page(browser, make(), theme=theme) as page:
            page.wait_for_timeout(600)  # nothing moves any more
            found = Axe().run(page, context=".gc").response["violations"]
            assert [(fault["id"], [node["html"][:150] for node in fault["nodes"]][:3]) for fault in found] == []


@pytest.mark.parametrize("width", [600, 700, PROJECTED, 1180])
def test_each_fits_into_its_column_and_on_a_projector(browser, widgets, width, subtests):
    for name, make in widgets.items():
        with subtests.test(name), on_page(browser, make(), width=width) as page:
            page.wait_for_timeout(300)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width
            assert width < PROJECTED or page.locator(".gc").bounding_box()["height"] <= HIGHEST


def test_no_text_is_smaller_than_13_pixels(browser, widgets, subtests):
    small = """() => [...document.querySelectorAll(".gc *")].filter((element) =>
      [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())
      && parseFloat(getComputedStyle(element).fontSize) < 13).map((element) => element.outerHTML.slice(0, 100))"""
    for name, make in widgets.items():
        with subtests.test(name), on_page(browser, make()) as page:
            page.wait_for_timeout(200)
            assert page.evaluate(small) == []
