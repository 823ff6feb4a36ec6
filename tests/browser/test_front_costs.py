import pytest
from playwright.sync_api import Browser, Page

from gptcore import GPT2_SIZES, GPTConfig
from gptcore.show import CostExplorer
from tests.browser.bench import on_page

SMALL = GPTConfig(vocab_size=50, context_length=16, emb_dim=12, n_heads=3, n_layers=2)


@pytest.fixture
def explorer():
    return CostExplorer({"small": SMALL, **GPT2_SIZES})


def formula(page: Page, name: str) -> list[str]:
    """The three formulas, once they are those of the model called `name`."""
    box = page.get_by_role("group", name=f"How the numbers of {name} come about")
    box.wait_for()
    return [" ".join(text.split()) for text in box.locator(".gc-formula").all_inner_texts()]


def test_a_model_that_is_touched_shows_how_its_numbers_come_about(browser: Browser, explorer):
    with on_page(browser, explorer) as page:
        assert formula(page, "GPT-2 1.5B")[0].endswith("= 6.23 GB")
        page.get_by_role("button", name="GPT-2 124M").click()
        weights, cache, seconds = formula(page, "GPT-2 124M")
        assert weights == "Weights 124,439,808 parameters × 4 bytes each = 498 MB"
        assert cache.startswith("KV cache 2 key, value × 12 layers × 1 texts × 1,024 tokens × 768 width × 4 bytes each")
        assert seconds == "Least time ( 495 MB weights that are read + 75.5 MB cache ) ÷ 20 GB/s memory reads = 28.5 ms"
        assert page.locator("p[role=status]").inner_text().startswith("GPT-2 124M: ")
        page.keyboard.press("ArrowUp")
        assert formula(page, "small")[0].startswith("Weights ")
        page.keyboard.press("End")
        formula(page, "GPT-2 1.5B")
        page.get_by_role("radio", name="int8").check()
        page.get_by_text("bytes each on average, with the scales").wait_for()
        assert explorer.record.position == 4


def test_a_dot_and_no_length_stands_for_a_value(browser: Browser, explorer):
    where = """e => {
      const [lane, place] = [e.parentElement.getBoundingClientRect(), e.getBoundingClientRect()];
      return (place.left - lane.left) / lane.width;
    }"""
    with on_page(browser, explorer) as page:
        dots = page.locator(".gc-cost-lane > b")
        places = [lane["share"] for one in explorer.record.shown()["models"] for lane in one["lanes"]]
        page.wait_for_timeout(600)
        assert dots.evaluate_all(f"all => all.map({where})") == pytest.approx(places, abs=0.01)
        assert page.locator(".gc-costs .gc-track, .gc-costs i").count() == 0


@pytest.mark.parametrize(("width", "most"), [(600, 900), (900, 590), (1180, 590)])
def test_it_fits_and_holds_still(browser: Browser, width, most):
    explorer = CostExplorer({"small": SMALL, **GPT2_SIZES, "<b>" + "옛날 ☃" * 40: SMALL})
    with on_page(browser, explorer, width) as page:
        box = page.locator(".gc")
        height = box.bounding_box()["height"]
        assert height <= most
        for settings in ({"tokens": 16}, {"bandwidth": 5 * 10**9}, {"batch_size": 64}):
            explorer.change(**settings)
            page.wait_for_timeout(150)
        assert box.evaluate("e => e.scrollWidth <= e.clientWidth") and box.bounding_box()["height"] <= most
        assert abs(box.bounding_box()["height"] - height) <= 24  # a line of the caption
