"""How long it takes until something is on the screen, and how much memory a lesson takes."""

import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from gptcore.benchmark.measure import Row, durations, interleaved_seconds, not_measured
from gptcore.language import _
from gptcore.units import bytes_text

ROOT = Path(__file__).parents[2]


def start(repeats: int) -> list[Row]:
    """A whole process, from the command to its end, beside one that only imports torch."""
    commands = {
        "python -c 'import torch'": ["-c", "import torch"],
        "python -c 'import gptcore'": ["-c", "import gptcore"],
        _("python -m gptcore, 20 tokens"): ["-m", "gptcore", "Once upon a time", "--max-new-tokens", "20"],
    }
    jobs = {name: partial(_run, command) for name, command in commands.items()}
    seconds = interleaved_seconds(jobs, 2 * repeats + 1, warm_up=1)  # later runs find the files in the disk's cache
    rows = durations(seconds, "s", "python -c 'import torch'")
    return rows + _first_widget(repeats)


def memory(repeats: int) -> list[Row]:
    """The most memory that a kernel has while a lesson runs. Needs the notebooks and nbclient."""
    folder = ROOT / "notebooks"
    if not folder.is_dir() or find_spec("nbclient") is None:
        return not_measured(_("the notebooks, or nbclient, are missing"))
    rows = []
    for file in sorted(folder.glob("*.ipynb")):
        peak, after = _kernel_memory(file)
        note = _("at its end {size}").format(size=bytes_text(after))
        rows.append(Row(_("kernel in Run All of {name}").format(name=file.stem), peak / 1e6, "MB", note=note))
    return rows


def _run(command: list[str]) -> None:
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def _first_widget(repeats: int) -> list[Row]:
    """From the start of a kernel to the end of the cell that shows the first widget."""
    if find_spec("jupyter_client") is None or find_spec("ipywidgets") is None:
        return not_measured(_("jupyter_client, or ipywidgets, is missing"))
    slider = "import torch, ipywidgets\nipywidgets.FloatSlider()"
    widget = (
        "import gptcore\nfrom gptcore.show import NextToken\nmodel, tokenizer = gptcore.load()\n"
        "NextToken(model, tokenizer, 'Once upon a time there', seed=1)"
    )
    peer = _("kernel to a slider, with torch")
    jobs = {peer: partial(_shown, slider), _("kernel to NextToken"): partial(_shown, widget)}
    return durations(interleaved_seconds(jobs, repeats, warm_up=1), "s", peer)


def _shown(code: str) -> None:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(stderr=subprocess.DEVNULL)
    try:
        reply = client.execute_interactive(code, timeout=120, output_hook=lambda message: None)
        if reply["content"]["status"] != "ok":
            raise RuntimeError("".join(reply["content"]["traceback"]))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _kernel_memory(file: Path) -> tuple[int, int]:
    """Bytes of resident memory of a kernel that has run all cells of the notebook `file`: at most, and at the end."""
    question = (
        "import psutil\nfrom gptcore.memory import peak_bytes\nrss = psutil.Process().memory_info().rss\n"
        "print(peak_bytes() or rss, rss)"  # the end alone where the system tells no more
    )
    peak, after = map(int, run_all(file, question).split())
    return peak, after


def run_all(file: Path, question: str) -> str:
    """What the cell `question` prints behind all cells of the notebook `file`, in a new kernel."""
    import nbclient
    import nbformat

    notebook = nbformat.read(file, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(question))
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(file.parent)}}).execute()
    return notebook.cells[-1].outputs[0]["text"]


def widgets(repeats: int) -> list[Row]:
    """From a slider to new pixels, in JupyterLab in headless Chromium. Needs the tests, Playwright and Chromium."""
    script = ROOT / "tests" / "browser" / "measure_latency.py"
    if not script.is_file() or find_spec("playwright") is None:
        return not_measured(_("tests/browser/measure_latency.py, or playwright, is missing"))
    result = subprocess.run([sys.executable, str(script), "--tsv"], capture_output=True, text=True)
    if result.returncode:
        return not_measured(result.stderr.strip().splitlines()[-1])
    rows = []
    for line in result.stdout.splitlines():
        name, median, p95 = line.split("\t")
        rows += [Row(f"{name}: p50", float(median), "ms"), Row(f"{name}: p95", float(p95), "ms")]
    return rows
