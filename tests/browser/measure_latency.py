"""How long a learner waits: from a key or a click to new pixels, in JupyterLab in headless Chromium.

python tests/browser/measure_latency.py           prints the median and the 95th percentile in milliseconds
python tests/browser/measure_latency.py --tsv     the same for machines: name, median and 95th percentile, with tabs

The vocabulary of the sliders has GPT-2's 50,257 tokens. Beside gptcore's widgets, in the same run, stands what many
notebooks do: the same bars drawn by matplotlib under `interact`. And a slider that shows nothing but its own number:
what Jupyter and the browser need for themselves. The other widgets have the bundled model.
"""

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page, sync_playwright

from conftest import FLAGS, Lab, Notebook

MOVES = 60
WARM_UP = 10
PAUSE = 300  # milliseconds between two moves, so that each is measured alone
STOPS = 8
PLAYED = 100  # tokens of auto-play

SETUP = """
import torch
import gptcore
from gptcore import GPTConfig, GPTModel, next_token_distribution, stories
from gptcore.show import Candidates, DistributionExplorer, GenerationStepper, StreamingGenerator, TokenExplorer, chart
from gptcore.show import front
from gptcore.show.front import Control
from gptcore.show.live import LiveView
from gptcore.show.settings import Setting, check_sampling
from gptcore.tokenizer import byte_level_bpe
import ipywidgets
from tokenizers import pre_tokenizers, trainers


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

storyteller, bilingual = gptcore.load()
backend = byte_level_bpe()
trainer = trainers.BpeTrainer(
    vocab_size=1000, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
)
backend.train_from_iterator([stories.sample("en", seed) for seed in range(300)], trainer)
english = gptcore.Tokenizer(backend)
mixed = " ".join(stories.sample(language, seed) for seed in range(12) for language in ("en", "ko"))[:1960]
"""
SLIDERS = {
    "one panel, gptcore": '''
ONE_PANEL = """
export default {
  render({ model, el }) {
    const rows = bars({ label: "Candidates" });
    frame({ model, el }, "one-panel", [], { left: [slider(model, "temperature", "Temperature"), rows.el] });
    following(model, ["shown"], () => rows.show(model.get("shown").rows));
  },
};
"""
modules = front.module
shared = (front.FOLDER / "shared.js").read_text(encoding="utf-8")
front.module = lambda name: shared + ONE_PANEL if name == "one_panel" else modules(name)


class OnePanel(LiveView):
    front = "one_panel"
    temperature = Setting(check_sampling)

    def __init__(self):
        self._open(temperature=Control(1.0, options=[(f"{t:g}", t) for t in temperatures]))
        self.change(temperature=1.0)

    def _update(self, names):
        self.record = Candidates.of(next_token_distribution(logits, self.temperature), tokenizer, 20)
        self._show()

    def _shown(self):
        return {"rows": self.record.rows_shown()}

    def describe(self):
        return "One panel"

    def picture(self):
        return chart(2, 2)[0]

    caption = "One panel"


OnePanel()
''',
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
    "a slider's own number": """
own = ipywidgets.SelectionSlider(options=temperatures, value=1.0)
shown = ipywidgets.HTML("1.0")
own.observe(lambda change: setattr(shown, "value", str(change.new)), names="value")
ipywidgets.VBox([own, shown])
""",
}
TYPING = "TokenExplorer({'bilingual': bilingual, 'English only': english}, text=mixed)"
STEPPING = f"GenerationStepper(storyteller, bilingual, max_new_tokens={4 * PLAYED})"
STREAMING = "StreamingGenerator(storyteller, bilingual, max_length=5000, speed=20)"

# From the key to the frame after the one in which the output has changed. A picture counts when it is decoded. Where a
# key changes several parts (`parts`), the last of them counts.
WATCH = """
(output, parts) => {
  window.latencies = [];
  let key = -1, pressed = null;
  document.addEventListener("keydown", () => { key += 1; pressed = performance.now(); }, true);
  const painted = (key, began) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { window.latencies[key] = performance.now() - began; };
    channel.port2.postMessage(0);
  });
  new MutationObserver((changes) => {
    if (pressed === null) return;
    const controls = ".widget-slider, .gc-slider, .gc-field";
    const control = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest(controls);
    const added = changes.filter((change) => !control(change.target));
    if (!added.length) return;
    const image = output.querySelector("img:not(.gptcore-stand-in *)");
    const [now, began] = [key, pressed];
    if (image !== null) {
      const isImage = (node) => node.nodeName === "IMG" || node.querySelector?.("img");
      if (!added.some((change) => [...change.addedNodes].some(isImage))) return;
      pressed = null;
      image.decode().then(() => painted(now, began));
    } else if (!output.querySelector(".jp-OutputArea .jp-OutputArea")) {
      if (!parts) pressed = null;
      painted(now, began);
    }
  }).observe(output, { subtree: true, childList: true, attributes: !parts, characterData: true });
}
"""

# The milliseconds of a token of auto-play, by the page's clock: the mean of each ten, since two may come at once.
PLAY = """
([output, button, count]) => new Promise((done) => {
  const place = output.querySelector(".gc-slider output"); // "12 of 34"
  const [times, places] = [[], []];
  new MutationObserver((changes, observer) => {
    if (parseInt(place.textContent) === places.at(-1)) return;
    times.push(performance.now());
    places.push(parseInt(place.textContent));
    if (places.at(-1) < count) return;
    observer.disconnect();
    const tens = times.filter((time, i) => i === 0 || Math.floor(places[i] / 10) > Math.floor(places[i - 1] / 10));
    done(tens.slice(2).map((time, i) => (time - tens[i + 1]) / 10));
  }).observe(place, { subtree: true, childList: true, characterData: true });
  button.click();
})
"""

# From the click to the frame whose status has the `words`.
CLICK = """
([output, button, words]) => new Promise((done) => {
  const began = performance.now();
  const look = () => {
    const said = output.querySelector("[role=status]").textContent.includes(words);
    said ? done(performance.now() - began) : requestAnimationFrame(look);
  };
  button.click();
  look();
})
"""


def output_of(page: Page, cell: int) -> Locator:
    """What is shown below the code cell number `cell`."""
    output = page.locator(".jp-CodeCell").nth(cell).locator(".jp-Cell-outputArea").first
    output.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    return output


def slide(page: Page, cell: int) -> list[float]:
    """Milliseconds of each move of the slider."""
    output = output_of(page, cell)
    output.evaluate(WATCH, False)
    output.locator(".noUi-handle, input[type=range]").first.focus()
    return _press(page, ["ArrowRight" if i % 20 < 10 else "ArrowLeft" for i in range(MOVES + WARM_UP)])


def write(page: Page, cell: int) -> list[float]:
    """Milliseconds of each letter that is typed at the end of a long text."""
    output = output_of(page, cell)
    output.get_by_role("textbox", name="Text").press("ControlOrMeta+End")
    output.evaluate(WATCH, True)
    return _press(page, [" the fox"[i % 8] for i in range(MOVES + WARM_UP)])


def _press(page: Page, keys: list[str]) -> list[float]:
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(PAUSE)
    return [time for time in page.evaluate("window.latencies")[WARM_UP:] if time is not None]


def play(page: Page, cell: int) -> list[float]:
    """Milliseconds of each token at the highest speed of auto-play."""
    output = output_of(page, cell)
    output.get_by_role("slider", name="Speed").press("End")
    page.wait_for_timeout(1000)
    button = output.get_by_role("button", name="Play").element_handle()
    return page.evaluate(PLAY, [output.element_handle(), button, PLAYED])


def stop(page: Page, cell: int) -> list[float]:
    """Milliseconds from the click on Stop to the words that say so."""
    output, times = output_of(page, cell), []
    for _ in range(STOPS):
        output.get_by_role("button", name="Start").click()
        output.get_by_role("status").filter(has_text="It is writing").wait_for()
        page.wait_for_timeout(700)
        button = output.get_by_role("button", name="Stop").element_handle()
        times.append(page.evaluate(CLICK, [output.element_handle(), button, "Stopped"]))
    return times


# A name, and how it is measured: one for each cell after the first.
MEASURES = [
    *((name, slide) for name in SLIDERS),
    ("a key in TokenExplorer, 2,000 characters", write),
    ("GenerationStepper, a token of auto-play", play),
    ("StreamingGenerator, Stop", stop),
]


def measured(page: Page) -> Iterator[tuple[str, float, float, int]]:
    """The name of each measure, its median and 95th percentile in milliseconds, and how often it was taken."""
    for cell, (name, measure) in enumerate(MEASURES, start=1):
        times = measure(page, cell)
        yield name, statistics.median(times), statistics.quantiles(times, n=20, method="inclusive")[-1], len(times)


def main() -> None:
    parser = argparse.ArgumentParser(description="How long a learner waits, in milliseconds.")
    parser.add_argument("--tsv", action="store_true", help="for machines: name, median, 95th percentile")
    options = parser.parse_args()
    cells = [nbformat.v4.new_code_cell(code) for code in (SETUP, *SLIDERS.values(), TYPING, STEPPING, STREAMING)]
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
            if not options.tsv:
                print(f"{'milliseconds':42} {'p50':>6} {'p95':>6} {'times':>6}")
            for name, median, p95, count in measured(page):
                if options.tsv:
                    print(name, f"{median:.1f}", f"{p95:.1f}", sep="\t", flush=True)
                else:
                    print(f"{name:42} {median:6.0f} {p95:6.0f} {count:6}", flush=True)
        finally:
            browser.close()
            lab.stop()


if __name__ == "__main__":
    main()
