"""What a student sees in a class: the login, the first widget, a kernel that the system has ended, and the end."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator

pytest.importorskip("jupyterhub", reason="JupyterHub is not installed, or cannot be, as on Windows")

from gptcore.classroom.kernels import NAME  # noqa: E402
from tests.browser.conftest import SCREENSHOTS, Notebook  # noqa: E402
from tests.classroom.hub import CLASS_PASSWORD, Hub, skip_unless_possible  # noqa: E402

LESSON = "00_start_here.ipynb"
LONG_AT_FIRST = (
    "import pathlib, time; seen = pathlib.Path('seen'); time.sleep(0 if seen.exists() else seen.touch() or 600)"
)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    skip_unless_possible()
    hub = Hub(["anna"])
    yield hub
    hub.stop()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.fixture
def keep(page):
    """keep(name): a screenshot of the page for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return lambda name: page.screenshot(path=SCREENSHOTS / f"class-{name}.png")


def kernels(hub: Hub) -> list[psutil.Process]:
    """The kernels of the student."""
    hers = [process for process in psutil.process_iter(["uids"]) if process.info["uids"].real == hub.user(0).pw_uid]
    return [process for process in hers if process.name() == NAME]


def is_still_in_view(output: Locator) -> bool:
    """Scroll to an output, and say whether it stays there: cells above it get their height when they come into view."""
    output.scroll_into_view_if_needed()
    before = output.bounding_box()
    output.page.wait_for_timeout(500)
    return output.bounding_box() == before


def test_a_student_signs_in_meets_the_first_widget_and_goes_on_after_a_kernel_was_ended(hub, page, keep):
    page.goto(hub.url)
    page.locator("input[name=username]").fill(hub.names[0])
    page.locator("input[name=password]").fill("a secret of my own")
    page.locator("input[name=otp]").fill(CLASS_PASSWORD)
    keep("login")
    page.locator("input[type=submit], button[type=submit]").first.click()
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=300_000)
    assert page.url.partition("?")[0].endswith(LESSON)

    notebook = Notebook(page, f"{hub.url}/user/{hub.names[0]}/", LESSON)
    notebook.run_all()
    assert notebook.complaints() == []
    widget = notebook.output_with("input[type=range]")
    notebook.eventually(lambda: is_still_in_view(widget))
    keep("first-widget")

    page.locator(".jp-CodeCell").last.click()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(LONG_AT_FIRST)
    page.keyboard.press("Control+Enter")
    page.locator(".jp-CodeCell .jp-InputPrompt", has_text="*").first.wait_for(timeout=60_000)
    seen = Path(hub.user(0).pw_dir) / "gptcore-lessons" / "seen"
    notebook.eventually(seen.exists)  # the kernel is in the cell, which will end at once when it runs again
    for kernel in kernels(hub):
        kernel.kill()
    page.get_by_text("The system has ended the kernel").wait_for(timeout=60_000)
    keep("killed-kernel")
    page.locator(".jp-Dialog button", has_text="Ok").click()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    notebook.run_all()
    assert notebook.complaints() == []
    keep("end")
