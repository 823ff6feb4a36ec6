"""A lesson as the inside of a page: its prose, code and saved outputs, from its notebook.

nbconvert's exporter reads the notebook, and `templates/lesson.html.j2` lays it out. Nothing is run: what a page shows
was saved in the notebook. Code is highlighted here, so that a page needs no script for it.
"""

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from gptcore.page.address import widget_id
from gptcore.page.models import MODELS, UNTRAINED
from gptcore.page.scripts import VIEWS
from gptcore.page.trainings import recording
from gptcore.show.live import PAGE_TYPE

TEMPLATES = Path(__file__).with_name("templates")
_HOW_TO_RUN, _ONLY_IN_COLAB = "**Shift+Enter**", '"google.colab" in sys.modules'
_COLOURLESS = re.compile(r'<span class="(?:n|nn|nb|bp|o|p|w|vm)">([^<]*)</span>')
_PICTURES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


@dataclass
class Lesson:
    """A notebook in one language, and how its page calls it."""

    file: Path
    language: str

    @cached_property
    def notebook(self) -> NotebookNode:
        """Its cells, without those that only a notebook needs."""
        notebook = nbformat.read(self.file, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if _ONLY_IN_COLAB not in cell.source]
        return notebook

    @property
    def name(self) -> str:
        """ "03_logits_to_probabilities", in every language."""
        return self.file.stem

    @cached_property
    def opening(self) -> list[str]:
        """The paragraphs of its first cell, up to the one that says how a cell is run."""
        paragraphs = re.split(r"\n\s*\n", self.notebook.cells[0].source.strip())
        return paragraphs[: next((i for i, text in enumerate(paragraphs) if _HOW_TO_RUN in text), None)]

    @property
    def number(self) -> str:
        """ "03"."""
        return self.heading.partition(" · ")[0]

    @property
    def title(self) -> str:
        """ "Logits to probabilities"."""
        return self.heading.partition(" · ")[2] or self.heading

    @property
    def heading(self) -> str:
        """ "03 · Logits to probabilities"."""
        return self.opening[0].lstrip("# ")

    @property
    def question(self) -> str:
        """ "How do scores become chances?"."""
        return next((text.strip("*") for text in self.opening if re.fullmatch(r"\*\*[^*]+\*\*", text)), "")

    @property
    def minutes(self) -> str:
        """ "20 minutes"."""
        return next((found[1].rstrip(".") for text in self.opening if (found := re.match(r"\*([^*]+)\*", text))), "")

    @property
    def cells(self) -> list[NotebookNode]:
        """Its cells below the title and the question."""
        rest = "\n\n".join(text for text in self.opening[1:] if text.strip("*") != self.question)
        return [nbformat.v4.new_markdown_cell(rest), *self.notebook.cells[1:]]

    def widgets(self, name: str) -> list[NotebookNode]:
        """A cell for each of its widgets of the class called `name` that a page can bring to life, without the code."""
        outputs = (output for cell in self.notebook.cells for output in cell.get("outputs", ()))
        states = ((output, output.get("data", {}).get(PAGE_TYPE)) for output in outputs)
        chosen = (output for output, state in states if is_live(state) and state["widget"] == name)
        return [nbformat.v4.new_code_cell(outputs=[output]) for output in chosen]


@dataclass
class Inside:
    """What stands on the page of a lesson: `html`, the `contents` (id and text of each section), and its `widgets`."""

    html: str = ""
    contents: list[tuple[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    widgets: list[dict[str, Any]] = field(default_factory=list)


Link = Callable[[str, str], tuple[str, str]]  # (text, address) in the notebook -> (text, address) on the page
Keep = Callable[[str, bytes], str]  # (name, data) of a picture -> its address


def inside(
    lesson: Lesson, cells: Sequence[NotebookNode], link: Link, keep: Keep, words: Callable[[str], str]
) -> Inside:
    """The inside of a page: `cells` of a lesson. Links go where `link` says, pictures to `keep`; `words` translates."""
    notebook = nbformat.from_dict({**lesson.notebook, "cells": cells})
    exporter = _Exporter(lesson, link, keep, words)
    exporter.made.html, _ = exporter.from_notebook_node(notebook)
    return exporter.made


class _Exporter(HTMLExporter):
    """nbconvert's, with our template and our own way with links, headings, tables, pictures and widgets."""

    def __init__(self, lesson: Lesson, link: Link, keep: Keep, words: Callable[[str], str]):
        self.made, self.lesson, self.keep = Inside(), lesson, keep
        self.prose = _Prose(link, self.made)
        self.count: Counter[str] = Counter()
        super().__init__(extra_template_paths=[str(TEMPLATES)], template_file="lesson.html.j2")
        self.register_preprocessor("nbconvert.preprocessors.CoalesceStreamsPreprocessor", enabled=True)
        self.environment.globals |= {"_": words, "WIDGET": PAGE_TYPE}
        self.environment.filters |= {
            "picture": self.picture,
            "widget": self.widget,
            "json": htmlsafe_json_dumps,
            "code": self.code,
            "flow": _flow,
        }

    def markdown2html(self, source: str) -> Markup:
        """Prose, in which HTML such as `<details>` stays."""
        return Markup(MarkdownWithMath(renderer=self.prose).render(source))

    def default_filters(self) -> Any:
        """The exporter's filters; its Markdown would need the cell around it."""
        yield from super().default_filters()
        yield "markdown2html", self.markdown2html

    def code(self, cell: NotebookNode) -> Markup:
        """Its source, with a `<span>` around what has a colour of its own, and nothing more."""
        html = self.environment.filters["highlight_code"](cell.source, metadata=cell.metadata)
        return Markup(_COLOURLESS.sub(r"\1", html.replace("<span></span>", "")))

    def picture(self, output: Mapping[str, Any]) -> dict[str, Any] | None:
        """The best picture of an output: its address, size and words; None if it has none."""
        kind = next((kind for kind in _PICTURES if kind in output["data"]), None)
        if kind is None:
            return None
        content = output["data"][kind]
        data = content.encode() if kind == "image/svg+xml" else b64decode(content)
        words = output["metadata"].get(kind, {}).get("alt") or output["data"].get("text/plain", "")
        width, height = _size(data)
        src = self.keep(f"{self.lesson.name}.{_PICTURES[kind]}", data)
        return {"src": src, "alt": words, "width": width, "height": height}

    def widget(self, output: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a widget says of itself, with an `id` for the page, if a page can bring it to life."""
        state = output["data"].get(PAGE_TYPE)
        if not is_live(state):
            return None
        if found := recording(state):
            state = {**state, "recording": found}
        name = state["widget"]
        self.count[name] += 1
        self.made.widgets.append(state)
        return {"id": widget_id(name, self.count[name]), "name": name, "state": state}


def is_live(state: Any) -> bool:
    """Whether a page can show the widget that says this of itself: it is known, and so are its model and tokenizer.

    A training needs neither, but a recording.
    """
    name = state.get("widget") if isinstance(state, dict) else None
    if not isinstance(name, str) or name not in VIEWS:
        return False
    if name == "TrainingMonitor":
        return recording(state) is not None
    given = state.get("given") if isinstance(state.get("given"), dict) else {}
    several = given["models"] if isinstance(given.get("models"), list) else []
    is_here = state.get("model", "storyteller") in list(MODELS) and state.get("tokenizer", "") is not None
    return is_here and all(name in [*MODELS, UNTRAINED] for _name_there, name in several)


class _Prose(IPythonRenderer):
    """Markdown, with an address for every heading, and tables that scroll on a narrow page."""

    def __init__(self, link: Link, made: Inside):
        super().__init__(escape=False)
        self.to_page, self.made = link, made

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        plain = re.sub(r"<[^>]+>", "", text)
        name = re.sub(r"\s+", "-", Markup(plain).unescape())  # as JupyterLab does, so that its links work here
        same = self.made.ids.count(name)
        self.made.ids.append(name)
        name = f"{name}-{same + 1}" if same else name
        if level == 2:
            self.made.contents.append((name, Markup(plain).unescape()))
        return f'<h{level} id="{escape(name)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        text, url = self.to_page(text, url)
        return super().link(text, url, title)

    def table(self, text: str) -> str:
        return f'<div class="table"><table>\n{text}</table></div>\n'

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        tag = "th" if head else "td"  # a page allows no style="…"
        return f'<{tag} class="{align}">{text}</{tag}>\n' if align else f"<{tag}>{text}</{tag}>\n"


def _flow(text: str) -> str:
    """The class of a text that was printed: where nothing stands in columns, lines may be broken on a narrow page."""
    return "output" if re.search(r"\S(?: {2,}|\t)\S|^ ", text, flags=re.MULTILINE) else "output flowing"


def _size(data: bytes) -> tuple[int, int] | tuple[None, None]:
    """Width and height of a PNG, so that the text below it stays where it is while it is loaded."""
    if not data.startswith(b"\x89PNG"):
        return None, None
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
