"""A JupyterLab of our own and a headless Chromium that looks at it."""

import inspect
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, sync_playwright

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")  # while Playwright is at work, no other test can run an event loop
def browser() -> Iterator[Browser]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine: install it to test the notebooks in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    """JupyterLab as README's command opens it, on copies of the notebooks, and with settings of its own."""
    lab = Lab(tmp_path_factory.mktemp("lab"), "gptcore.lessons", "notebooks", "--")
    yield lab
    lab.stop()


class Lab:
    """A running JupyterLab at `url`, on the notebooks in `folder`, which the `program` has started."""

    def __init__(self, folder: Path, *program: str):
        self.settings = folder / "settings"
        environment = os.environ | {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        }
        command = [sys.executable, "-m", *program] if program else [sys.executable, "-m", "jupyterlab", "notebooks"]
        command += ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
        command += ["--ServerApp.token=", "--ServerApp.password=", "--LabApp.news_url="]
        command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=self.log, stderr=self.log)
        self.url = self._wait(folder / "runtime")

    def _wait(self, runtime: Path) -> str:
        for _ in range(240):
            for file in runtime.glob("jpserver-*.json"):
                try:
                    url = json.loads(file.read_text())["url"]
                    urllib.request.urlopen(url + "api/status", timeout=1)
                except (OSError, ValueError):
                    continue
                return url
            assert self.process.poll() is None, self._output()
            time.sleep(0.25)
        raise AssertionError(f"JupyterLab did not start: {self._output()}")

    def _output(self) -> str:
        self.log.seek(0)
        return self.log.read()[-2000:]

    def use(self, plugin: str, **settings: str) -> None:
        """Write a user setting of JupyterLab; pages opened from now on have it."""
        file = self.settings / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))

    def stop(self) -> None:
        """End JupyterLab, which waits for its own threads for ever if a page was still loading."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Notebook:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page: Page, url: str, name: str):
        self.page = page
        page.goto(f"{url}lab/tree/{name}?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)

    def start_all(self) -> None:
        """Run → Run All Cells, until the first cell runs."""
        for _ in range(5):  # a kernel that has only just started may miss the first request
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            try:
                self.page.locator(".jp-CodeCell .jp-InputPrompt", has_text="*").first.wait_for(timeout=10_000)
                return
            except TimeoutError:
                continue
        raise AssertionError("the kernel runs nothing")

    def run_all(self, timeout: float = 600) -> None:
        """Run → Run All Cells, and wait until the kernel has nothing left to do."""
        self.start_all()
        cells = self.page.locator(".jp-CodeCell .jp-InputPrompt")
        running = cells.filter(has_text="*")
        deadline = time.monotonic() + timeout
        while running.count():
            assert time.monotonic() < deadline, f"still running after {timeout} s: {cells.all_inner_texts()}"
            self.page.wait_for_timeout(250)

    def complaints(self) -> list[str]:
        """What the cells wrote about errors and to stderr."""
        return self.page.locator(
            '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"], '
            '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]'
        ).all_inner_texts()

    def output_with(self, selector: str) -> Locator:
        """The first output that holds an element `selector`, scrolled into view."""
        output = self.page.locator(".jp-OutputArea-output", has=self.page.locator(selector)).first
        output.scroll_into_view_if_needed()
        return output

    def keep_widths(self, keep: Callable[[Locator, str], None], output: Locator, name: str) -> None:
        """Screenshots of an output as it is, narrow and wide; nothing is cut off."""
        keep(output, name)
        for width, viewport in ((600, 1010), (1400, 1760)):
            self.page.set_viewport_size({"width": viewport, "height": 1000})
            self.page.wait_for_timeout(300)
            self.eventually(lambda: output.evaluate("e => e.scrollWidth <= e.clientWidth"))
            keep(output, f"{name}-{width}")
        self.page.set_viewport_size({"width": 1200, "height": 1000})

    def eventually(self, check: Callable[[], bool], timeout: float = 30) -> None:
        """Wait until `check()` is true: what a click changes comes a moment later, on a busy machine a long one."""
        deadline = time.monotonic() + timeout
        while not check():
            assert time.monotonic() < deadline, f"not so after {timeout} s: {inspect.getsource(check).strip()}"
            self.page.wait_for_timeout(50)


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def open_notebook(browser: Browser, lab: Lab, theme: str):
    """open_notebook(name): the notebook, in `theme`, 1,200 pixels wide."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    lab.use("apputils-extension/themes", theme=THEMES[theme])
    lab.use("apputils-extension/notification", fetchNews="false")
    lab.use("notebook-extension/tracker", windowingMode="none")  # cells out of sight exist, too

    def open_it(name: str) -> Notebook:
        return Notebook(context.new_page(), lab.url, name)

    yield open_it
    context.close()


@pytest.fixture
def notebook(request: pytest.FixtureRequest, open_notebook: Callable[[str], Notebook]) -> Iterator[Notebook]:
    """The notebook that the module names `NOTEBOOK`, after Run All; nothing in it complains, before or after a test."""
    notebook = open_notebook(request.module.NOTEBOOK)
    notebook.run_all()
    assert notebook.complaints() == []
    yield notebook
    assert notebook.complaints() == []


@pytest.fixture
def keep(theme: str):
    """keep(locator, name): a screenshot for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def keep_it(locator, name: str) -> None:
        locator.screenshot(path=SCREENSHOTS / f"{name}-{theme}.png")

    return keep_it
