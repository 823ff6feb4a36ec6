import pytest
from playwright.sync_api import Browser, Page

from gptcore import GPT2_SIZES, GPTConfig, GPTModel, Tokenizer
from gptcore.show import CostExplorer, TrainingMonitor
from gptcore.training import History, Progress
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
        assert cache.startswith("KV cache 2 key, value × 12 layers × 1 text × 1,024 tokens × 768 width × 4 bytes each")
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


@pytest.fixture
def monitor():
    """A monitor whose training did best at step 40 of 100, as if it had been run."""
    letters = Tokenizer.of_characters("Once upon a time")
    model = GPTModel(GPTConfig(vocab_size=len(letters), context_length=8, emb_dim=8, n_heads=2, n_layers=1))
    monitor = TrainingMonitor(model, letters, floor=0.5, prompt="Once", sample_length=3)
    monitor._begin(max_steps=100)
    return monitor


def learn(monitor, first: int, last: int):
    for step in range(first, last + 1, 10):
        val_loss = 1 + abs(step - 40) / 50 if step % 20 == 0 else None
        report = Progress(step, 100, 2.5 - step / 50, val_loss, 1e-3, 1000.0, 9.0)
        monitor.record = monitor.record.after(report, seconds=step / 10)
    monitor.record.samples.append((last, f"written after {last}"))
    monitor._show()


def end(monitor):
    monitor.record = monitor.record.ended("finished", History(best_step=40, best_val_loss=1.0))
    monitor._show()


def numbers(page: Page) -> list[str]:
    return page.locator(".gc-train-numbers strong").all_inner_texts()


def test_the_end_shows_the_step_whose_weights_the_model_has_and_marks_it(browser: Browser, monitor):
    with on_page(browser, monitor) as page:
        learn(monitor, 10, 60)
        page.get_by_role("heading", name="Step 60, the newest").wait_for()
        assert numbers(page) == ["1.30", "1.40", "+180%"]
        page.get_by_text("best so far: step 40, 1.00").wait_for()
        learn(monitor, 70, 100)
        end(monitor)
        page.get_by_role("heading", name="Step 40: the model's weights").wait_for()
        assert numbers(page) == ["1.70", "1.00", "+100%"]
        page.get_by_text("best: step 40, 1.00", exact=True).wait_for()
        page.wait_for_timeout(700)
        ring, point = page.locator(".gc-train-best circle"), page.locator(".gc-train-point").nth(1)
        middles = [
            [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
            for box in (ring.bounding_box(), point.bounding_box())
        ]
        assert middles[0] == pytest.approx(middles[1], abs=1)


def test_a_step_that_is_touched_or_reached_by_keys_shows_its_numbers_and_its_text(browser: Browser, monitor):
    learn(monitor, 10, 60)
    learn(monitor, 70, 100)
    end(monitor)
    with on_page(browser, monitor) as page:
        chart, text = page.get_by_role("slider"), page.get_by_role("group", name="What the model writes")
        box = page.locator(".gc-train-chart").bounding_box()
        chart.click(position={"x": box["width"] * (42 + 450 * 0.7) / 500, "y": 100})
        page.mouse.move(0, 0)
        page.get_by_role("heading", name="Step 70", exact=True).wait_for()
        assert numbers(page) == ["1.10", "1.40", "+180%"] and text.inner_text() == "written after 60"
        page.get_by_text("validation, step 60").wait_for()
        assert "training loss 1.10" in chart.get_attribute("aria-valuetext")
        page.keyboard.press("End")
        page.get_by_role("heading", name="Step 100", exact=True).wait_for()
        assert numbers(page)[1] == "2.20" and text.inner_text() == "written after 100"
        page.keyboard.press("ArrowLeft")
        page.get_by_role("heading", name="Step 90", exact=True).wait_for()
        page.get_by_role("button", name="Back").click()
        page.get_by_role("heading", name="Step 40: the model's weights").wait_for()
        assert chart.evaluate("e => e === document.activeElement")


def test_the_points_of_a_curve_stay_while_it_grows(browser: Browser, monitor):
    with on_page(browser, monitor) as page:
        learn(monitor, 10, 40)
        points = page.locator(".gc-train-chart .gc-train-point")
        page.get_by_role("heading", name="Step 40, the newest").wait_for()
        points.first.evaluate("e => (window.first = e)")
        learn(monitor, 50, 80)
        page.get_by_role("heading", name="Step 80, the newest").wait_for()
        assert points.count() == 4 and points.first.evaluate("e => e === window.first")
        page.wait_for_timeout(700)
        line, pen = (
            page.locator(".gc-train-training").first.bounding_box(),
            page.locator(".gc-train-pen").bounding_box(),
        )
        assert line["x"] + line["width"] == pytest.approx(pen["x"] + pen["width"] / 2, abs=3)


def test_stop_can_be_pressed_once(browser: Browser, monitor):
    with on_page(browser, monitor) as page:
        learn(monitor, 10, 20)
        stop = page.get_by_role("button", name="Stop")
        stop.click()
        page.wait_for_function("() => document.querySelector('.gc-button').disabled")
        assert monitor._asked_to_stop.is_set() and monitor.running
        end(monitor)
        page.locator("p[role=status]").filter(has_text="Finished.").wait_for()
        assert stop.is_disabled()


@pytest.mark.parametrize(("width", "most"), [(600, 900), (900, 590), (1180, 590)])
def test_a_training_fits_and_holds_still(browser: Browser, monitor, width, most):
    with on_page(browser, monitor, width) as page:
        box = page.locator(".gc")
        height = box.bounding_box()["height"]
        learn(monitor, 10, 60)
        monitor.record.samples.append((60, "옛날 <img src=x onerror=alert(1)> " * 200 + "x" * 3000))
        end(monitor)
        page.get_by_role("heading", name="Step 40: the model's weights").wait_for()
        page.keyboard.press("Tab")
        assert box.evaluate("e => e.scrollWidth <= e.clientWidth") and box.bounding_box()["height"] <= most
        assert abs(box.bounding_box()["height"] - height) <= 24
