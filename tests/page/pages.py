"""Whole pages for the tests: built from a notebook of widgets, served to a browser that reaches nothing else."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, BrowserContext, Page

from gptcore.lessons import FIRST
from gptcore.page.build import pages
from gptcore.page.serve import Server

PAGE = FIRST.replace(".ipynb", ".html")
PROSE = "## {title}\n\n" + "What a model reads is a list of tokens, and what it gives is a score for each. " * 12

# What a Content-Security-Policy has stopped, and what the page has shown in its place.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


def project(folder: Path, widgets: Sequence[Any]) -> Path:
    """The notebooks of a project with one lesson, in which each of `widgets` stands below its own heading."""
    notebooks = folder / "notebooks"
    notebooks.mkdir(parents=True)
    settings = '[project]\n[project.urls]\nRepository = "https://example.org/course"\n'
    (folder / "pyproject.toml").write_text(settings)
    cells = [nbformat.v4.new_markdown_cell("# 00 · Start here\n\n**Can a computer go on?**\n\n*5 minutes.* Yes.")]
    for i, widget in enumerate(widgets):
        title = f"{type(widget).__name__} {i}"
        cells += [nbformat.v4.new_markdown_cell(PROSE.format(title=title)), saved(widget)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebooks / FIRST)
    return notebooks


def saved(widget: Any) -> nbformat.NotebookNode:
    """A cell with what a notebook saves of a widget."""
    data, metadata = widget._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", json.loads(json.dumps(data)), metadata=metadata)
    return nbformat.v4.new_code_cell("widget", outputs=[output])


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[str]:
    """The address of a server with these files."""
    server = Server(files)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


class Visit:
    """A page that is looked at: what its console said, what it asked the network for, and what its policy stopped."""

    def __init__(self, context: BrowserContext, base: str):
        self.base, self.requests, self.said = base, [], []
        context.add_init_script(WATCH)
        context.route("**/*", self._answer)
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)

    def _answer(self, route) -> None:
        self.requests.append(route.request.url)
        if route.request.url.startswith((self.base, "data:", "blob:")):
            route.continue_()
        else:
            route.abort()

    def _dialog(self, dialog) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, name: str = PAGE, fragment: str = "") -> Page:
        self.page.goto(f"{self.base}{name}" + (f"#{fragment}" if fragment else ""))
        return self.page

    def complaints(self) -> list[str]:
        """Whatever a person with the console open would see, and requests to elsewhere."""
        elsewhere = [url for url in self.requests if not url.startswith((self.base, "data:", "blob:"))]
        return [*self.said, *self.page.evaluate("window.violations"), *elsewhere]


@contextmanager
def visit(browser: Browser, base: str, width: int = 900, theme: str = "light", **settings: Any) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme, **settings)
    yield Visit(context, base)
    context.close()


def build(notebooks: Path, single: bool = False) -> dict[str, bytes]:
    return dict(pages(notebooks, single=single))
