"""How long a learner waits: from a key that moves a slider to new pixels, in JupyterLab in headless Chromium.

python tests/browser/measure_latency.py    prints the median and the 95th percentile in milliseconds

The vocabulary has GPT-2's 50,257 tokens. Beside gptcore's widgets, in the same run, stands what many notebooks do: the
same bars drawn by matplotlib under `interact`.
"""

import shutil
import statistics
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import Page, sync_playwright

from conftest import FLAGS, Lab, Notebook

MOVES = 60
WARM_UP = 10
PAUSE = 300  # milliseconds between two moves, so that each is measured alone

SETUP = """
import torch
from gptcore import GPTConfig, GPTModel, next_token_distribution
from gptcore.show import Candidates, DistributionExplorer
from gptcore.show.candidates import candidates_html
from gptcore.show.style import CSS
import ipywidgets


class ManyTokens:
    eos_token_id = None

    def encode(self, text):
        return [1, 2, 3]

    def decode(self, token_ids):
        return "".join(f" token{i}" for i in token_ids)

    def __len__(self):
        return 50_257


tokenizer = ManyTokens()
torch.manual_seed(0)
model = GPTModel(GPTConfig(emb_dim=32, n_heads=1, n_layers=1, context_length=8)).eval()
with torch.no_grad():
    model.head.weight.mul_(30)
    logits = model(torch.tensor([[1, 2, 3]]))[0, -1]
temperatures = [i / 20 for i in range(10, 60)]
"""
VARIANTS = {
    "one panel, gptcore": """
slider = ipywidgets.SelectionSlider(options=temperatures, value=1.0)
bars = ipywidgets.HTML()


def show(change=None):
    distribution = next_token_distribution(logits, slider.value)
    bars.value = candidates_html(Candidates.of(distribution, tokenizer, 20), 20)


slider.observe(show, names="value")
show()
ipywidgets.VBox([ipywidgets.HTML(CSS), slider, bars])
""",
    "three panels, gptcore": "DistributionExplorer(model, tokenizer, 'x', rows=20)",
    "one panel, interact and matplotlib": """
import matplotlib.pyplot as plt


@ipywidgets.interact(temperature=ipywidgets.SelectionSlider(options=temperatures, value=1.0))
def show(temperature):
    candidates = Candidates.of(next_token_distribution(logits, temperature), tokenizer, 20)
    plt.figure(figsize=(7, 5))
    plt.barh(candidates.labels, candidates.probs)
    plt.show()
""",
}

# From the key to the frame after the one in which the output has changed. A picture counts when it is decoded.
WATCH = """
(output) => {
  window.latencies = [];
  let pressed = null;
  document.addEventListener("keydown", () => { pressed = performance.now(); }, true);
  const painted = (began) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => window.latencies.push(performance.now() - began);
    channel.port2.postMessage(0);
  });
  new MutationObserver((changes) => {
    if (pressed === null) return;
    const slider = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest(".widget-slider");
    const added = changes.filter((change) => !slider(change.target));
    if (!added.length) return;
    const image = output.querySelector("img");
    const began = pressed;
    if (image !== null) {
      const isImage = (node) => node.nodeName === "IMG" || node.querySelector?.("img");
      if (!added.some((change) => [...change.addedNodes].some(isImage))) return;
      pressed = null;
      image.decode().then(() => painted(began));
    } else if (!output.querySelector(".jp-OutputArea .jp-OutputArea")) {
      pressed = null;
      painted(began);
    }
  }).observe(output, { subtree: true, childList: true, attributes: true, characterData: true });
}
"""


def measure(page: Page, cell: int) -> list[float]:
    """Milliseconds of each move of the slider below the code cell number `cell`."""
    output = page.locator(".jp-CodeCell").nth(cell).locator(".jp-Cell-outputArea").first
    output.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    output.evaluate(WATCH)
    output.locator(".noUi-handle").first.focus()
    for i in range(MOVES + WARM_UP):
        page.keyboard.press("ArrowRight" if i % 20 < 10 else "ArrowLeft")
        page.wait_for_timeout(PAUSE)
    return page.evaluate("window.latencies")[WARM_UP:]


def main() -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, *VARIANTS.values())]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        (Path(folder) / "notebooks").mkdir()
        kernel = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
        nbformat.write(notebook, Path(folder) / "notebooks" / "latency.ipynb")
        lab = Lab(Path(folder))
        lab.use("notebook-extension/tracker", windowingMode="none")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1200, "height": 1000})
            Notebook(page, lab.url, "latency.ipynb").run_all()
            print(f"{'slider to pixels, 50,257 tokens':36} {'p50':>6} {'p95':>6} {'moves':>6}")
            for cell, name in enumerate(VARIANTS, start=1):
                times = sorted(measure(page, cell))
                p95 = statistics.quantiles(times, n=20)[-1]
                print(f"{name:36} {statistics.median(times):6.0f} {p95:6.0f} {len(times):6}", flush=True)
        finally:
            browser.close()
            lab.stop()


if __name__ == "__main__":
    main()
