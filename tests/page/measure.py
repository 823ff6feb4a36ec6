"""How long a reader of a page waits, in headless Chromium: python -m tests.page.measure

Each number as it is, and where the processor is throttled to a sixth, as a phone's may be. Times are milliseconds.
"""

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

import gptcore
from gptcore import show
from tests.browser.conftest import FLAGS
from tests.page.pages import PAGE, build, project, serving

VISITS, MOVES, WARM_UP, TOKENS = 8, 60, 10, 100

# When the first widget has taken the place of its picture.
READY = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".gptcore-widget.is-live")) return;
  observer.disconnect();
  window.ready = performance.now();
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["class"] });
"""
# From a key or a click to the frame after the one in which the widget has changed.
WATCH = """
(id) => {
  const element = document.getElementById(id);
  window.times = [];
  let began = null;
  const start = (event) => { began = event.timeStamp; };
  for (const name of ["keydown", "pointerdown"]) element.addEventListener(name, start, true);
  element.gptcoreView.view.on("change:shown", () => {
    if (began === null) return;
    const then = began;
    began = null;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => times.push(performance.now() - then);
      channel.port2.postMessage(0);
    });
  });
}
"""
# Tokens in a second, with nothing drawn.
WRITE = """
(count) => {
  const { model, tokenizer } = document.getElementById("next-token-1").gptcoreView;
  const once = (seed) => {
    const began = performance.now();
    generateText(model, "Once upon a time", tokenizer, count, { temperature: 1, top_k: 10, seed });
    return count / ((performance.now() - began) / 1000);
  };
  once(0);
  return [1, 2, 3, 4, 5].map(once);
}
"""


def opened(browser: Browser, base: str, throttle: int) -> Page:
    """The page, for someone who has never seen it, once its first widget is alive."""
    page = browser.new_context(viewport={"width": 900, "height": 800}).new_page()
    page.add_init_script(READY)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": throttle})
    page.goto(base + PAGE)
    page.locator(".gptcore-widget.is-live").first.wait_for()
    return page


def visits(browser: Browser, base: str, throttle: int) -> tuple[list[float], list[float]]:
    """Milliseconds until a page is ready, and of the first click there."""
    ready, clicks = [], []
    for _ in range(VISITS):
        page = opened(browser, base, throttle)
        ready.append(page.evaluate("window.ready"))
        page.evaluate(WATCH, "next-token-1")
        page.get_by_role("button", name="Add a token").first.click()
        clicks += taken(page, 1)
        page.context.close()
    return ready, clicks


def moves(browser: Browser, base: str, throttle: int) -> list[float]:
    """Milliseconds of each move of a slider."""
    page = opened(browser, base, throttle)
    explorer = page.locator("#distribution-explorer-1")
    explorer.scroll_into_view_if_needed()
    slider = explorer.get_by_role("slider", name="Temperature")
    slider.focus()
    page.evaluate(WATCH, "distribution-explorer-1")
    for i in range(MOVES + WARM_UP):
        page.keyboard.press("ArrowRight" if i % 20 < 10 else "ArrowLeft")
        page.wait_for_timeout(100 if throttle == 1 else 250)
    times = taken(page, MOVES)[-MOVES:]
    page.context.close()
    return times


def taken(page: Page, count: int) -> list[float]:
    while len(times := page.evaluate("window.times")) < count:
        page.wait_for_timeout(20)
    return times


def speed(browser: Browser, base: str, throttle: int) -> list[float]:
    page = opened(browser, base, throttle)
    found = page.evaluate(WRITE, TOKENS)
    page.context.close()
    return found


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def measured(browser: Browser, base: str, throttle: int) -> dict[str, float]:
    """{what: number}."""
    ready, clicks = visits(browser, base, throttle)
    slides = moves(browser, base, throttle)
    middle: Callable[[list[float]], float] = statistics.median
    return {
        "ready, median": middle(ready),
        "ready, longest": max(ready),
        "first click to pixels, median": middle(clicks),
        "first click to pixels, longest": max(clicks),
        "slider to pixels, median": middle(slides),
        "slider to pixels, 95th percentile": p95(slides),
        "tokens a second, median": middle(speed(browser, base, throttle)),
    }


def main() -> None:
    argparse.ArgumentParser(description="How long a reader of a page waits, in milliseconds.").parse_args()
    model, tokenizer = gptcore.load(device="cpu")
    widgets = [show.NextToken(model, tokenizer), show.DistributionExplorer(model, tokenizer)]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with serving(build(project(Path(folder) / "course", widgets))) as base:
            columns = [measured(browser, base, throttle) for throttle in (1, 6)]
        browser.close()
    print(f"{'':36} {'as it is':>9} {'throttled':>9}")
    for name in columns[0]:
        print(f"{name:36} " + " ".join(f"{column[name]:9.1f}" for column in columns))


if __name__ == "__main__":
    main()
