"""What all pages know of each other: the lessons in every language, their names, and where a link leads."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gptcore.language import _
from gptcore.page.lesson import Lesson
from gptcore.page.scripts import VIEWS

LANGUAGES = {"en": "English", "ko": "한국어"}  # what a language calls itself


@dataclass
class Site:
    """What all pages know: the lessons in every language, and where the project lives."""

    notebooks: Path
    single: bool
    ids: dict[str, set[str]] = field(default_factory=dict)  # of every page, by its name
    anchors: list[tuple[str, str, str]] = field(default_factory=list)  # (notebook, page, id) that links lead to

    @cached_property
    def lessons(self) -> dict[str, list[Lesson]]:
        """The lessons of each language, English first: those in the folder, and in folders that a language names."""
        folders = {"en": self.notebooks, **{name: self.notebooks / name for name in LANGUAGES if name != "en"}}
        files = {language: sorted(folder.glob("[0-9][0-9]_*.ipynb")) for language, folder in folders.items()}
        return {language: [Lesson(file, language) for file in found] for language, found in files.items() if found}

    @cached_property
    def repository(self) -> str:
        """The address of the project, where everything is that has no page."""
        project = tomllib.loads((self.notebooks.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return project["urls"]["Repository"].rstrip("/")

    def in_repository(self, file: Path) -> str:
        """Where a file of the project can be read."""
        kind = "tree" if file.is_dir() else "blob"
        return f"{self.repository}/{kind}/main/{file.relative_to(self.notebooks.resolve().parent).as_posix()}"

    def name(self, lesson: Lesson | None, language: str, stem: str = "index") -> str:
        """The name of a lesson's page, or of one without a lesson: "ko/03_logits_to_probabilities.html"."""
        folder = "" if language == "en" else f"{language}/"
        return f"{folder}{lesson.name if lesson else stem}.html"

    @cached_property
    def widgets(self) -> dict[str, dict[str, Lesson]]:
        """In each language, the first lesson with a widget of each class that a page can bring to life."""
        found: dict[str, dict[str, Lesson]] = {language: {} for language in self.lessons}
        for lesson in self.every_lesson():
            for name in VIEWS:
                if lesson.widgets(name):
                    found[lesson.language].setdefault(name, lesson)
        return found

    def link(self, lesson: Lesson, text: str, url: str) -> tuple[str, str]:
        """A link in a notebook as its page has it: to another page, or to the file in the repository."""
        parts = urlsplit(url)
        if parts.scheme or parts.netloc:
            return text, url
        file = (lesson.file.parent / unquote(parts.path)).resolve() if parts.path else lesson.file.resolve()
        if not (file.exists() and file.is_relative_to(self.notebooks.resolve().parent)):
            message = _("{notebook} has a link to {address}, where nothing is")
            raise ValueError(message.format(notebook=self.source(lesson), address=url))
        other = next((known for known in self.every_lesson() if known.file.resolve() == file), None)
        if other is None:
            return text, self.in_repository(file)
        page, fragment = self.name(other, other.language), parts.fragment
        if fragment:
            self.anchors.append((self.source(lesson), page, unquote(fragment)))
        address = relative(self.name(lesson, lesson.language), page) if parts.path else ""
        return (other.heading if text == file.name else text), address + (f"#{fragment}" if fragment else "")

    def source(self, lesson: Lesson) -> str:
        """What a message calls its notebook: "ko/00_start_here.ipynb"."""
        return lesson.file.relative_to(self.notebooks).as_posix()

    def every_lesson(self) -> Iterator[Lesson]:
        for lessons in self.lessons.values():
            yield from lessons

    def check_anchors(self) -> None:
        """Raise ValueError if a link leads to a place that its page does not have."""
        for notebook, page, name in self.anchors:
            if name not in self.ids[page]:
                message = _("{notebook} has a link to #{place}, which {page} does not have")
                raise ValueError(message.format(notebook=notebook, place=name, page=page))


def relative(page: str, name: str) -> str:
    """The address of the file called `name`, seen from `page`."""
    return "../" * page.count("/") + name
