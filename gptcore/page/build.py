"""The site: a page for each lesson in each language, a front door, and the files that they share.

`pages` makes them in memory, `folder.py` writes them to a folder, `serve.py` answers phones with them.
"""

import gettext
import hashlib
import json
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
from jinja2 import Environment, FileSystemLoader
from jinja2.utils import htmlsafe_json_dumps

from gptcore.hub import STORYTELLER
from gptcore.language import _
from gptcore.lessons import FIRST, NOTEBOOKS
from gptcore.page.address import widget_id
from gptcore.page.lesson import TEMPLATES, Inside, Lesson, inside
from gptcore.page.models import MODELS, UNTRAINED
from gptcore.page.scripts import VIEWS, scripts
from gptcore.show.front import style

HERE, ASSETS, WIDGETS = Path(__file__).parent, "assets/", "widgets"
LANGUAGES = {"en": "English", "ko": "한국어"}  # what a language calls itself
TOKENIZERS = {"storyteller": STORYTELLER, "english": STORYTELLER / "english_tokenizer"}
_TYPES = {"png": "image/png", "jpg": "image/jpeg", "svg": "image/svg+xml", "webp": "image/webp"}


def pages(notebooks: Path = NOTEBOOKS, single: bool = False) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every file of the site: the pages, and what they share unless each is `single`.

    Raises ValueError if the notebooks are not here, or if a link in them leads nowhere.
    """
    if not (notebooks / FIRST).is_file():
        raise ValueError(
            _(
                "the notebooks are not installed with the package: get the project with git clone, or download and "
                "unpack it, and run python -m gptcore.page in its folder"
            )
        )
    site = _Site(notebooks, single)
    for language, lessons in site.lessons.items():
        for i, lesson in enumerate(lessons):
            around = {"before": lessons[i - 1] if i else None, "after": (*lessons, None)[i + 1]}
            yield from site.page(language, lesson, **around).files()
        yield from site.page(language, None).files()
        if site.widgets[language]:
            yield from site.page(language, None, stem=WIDGETS).files()
    site.check_anchors()


@dataclass
class _Site:
    """What all pages know: the lessons in every language, and where the project lives."""

    notebooks: Path
    single: bool

    def __post_init__(self):
        self.ids: dict[str, set[str]] = {}  # of every page, by its name
        self.anchors: list[tuple[Path, str, str]] = []  # (notebook, page, id) of each link to a place in a page
        self.insides: dict[Path, Inside] = {}

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

    @cached_property
    def jinja(self) -> Environment:
        jinja = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
        jinja.filters["json"] = htmlsafe_json_dumps
        return jinja

    def in_repository(self, file: Path) -> str:
        """Where a file of the project can be read."""
        kind = "tree" if file.is_dir() else "blob"
        return f"{self.repository}/{kind}/main/{file.relative_to(self.notebooks.resolve().parent).as_posix()}"

    def name(self, lesson: Lesson | None, language: str, stem: str = "index") -> str:
        """The name of a lesson's page, or of one without a lesson: "ko/03_logits_to_probabilities.html"."""
        folder = "" if language == "en" else f"{language}/"
        return f"{folder}{lesson.name if lesson else stem}.html"

    def page(self, language: str, lesson: Lesson | None, stem: str = "index", **around: Any) -> "_Page":
        return _Page(self, language, lesson, stem, around)

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
        if parts.scheme or parts.netloc or not parts.path:
            if not parts.scheme and parts.fragment:
                self.anchors.append((lesson.file, self.name(lesson, lesson.language), unquote(parts.fragment)))
            return text, url
        file = (lesson.file.parent / unquote(parts.path)).resolve()
        if not (file.exists() and file.is_relative_to(self.notebooks.resolve().parent)):
            message = _("{notebook} has a link to {address}, where nothing is")
            raise ValueError(message.format(notebook=lesson.file.name, address=url))
        other = next((known for known in self.every_lesson() if known.file.resolve() == file), None)
        if other is None:
            return text, self.in_repository(file)
        page = self.name(other, other.language)
        if parts.fragment:
            self.anchors.append((lesson.file, page, unquote(parts.fragment)))
        address = _from(self.name(lesson, lesson.language), page) + (f"#{parts.fragment}" if parts.fragment else "")
        return (other.heading if text == file.name else text), address

    def every_lesson(self) -> Iterator[Lesson]:
        for lessons in self.lessons.values():
            yield from lessons

    def check_anchors(self) -> None:
        """Raise ValueError if a link leads to a place that its page does not have."""
        for notebook, page, name in self.anchors:
            if name not in self.ids[page]:
                message = _("{notebook} has a link to #{place}, which {page} does not have")
                raise ValueError(message.format(notebook=notebook.name, place=name, page=page))


class _Page:
    """One page and the files that it needs: a lesson's, or without one the front door of a language, or all widgets."""

    def __init__(self, site: _Site, language: str, lesson: Lesson | None, stem: str, around: dict[str, Any]):
        self.site, self.language, self.lesson, self.around = site, language, lesson, around
        self.name = site.name(lesson, language, stem)
        self.stem = lesson.name if lesson else stem
        self.shared: dict[str, bytes] = {}
        self.inline: dict[str, str] = {}  # the files of a single page, in base64

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The page, and before it the files that it shares with others."""
        html = self.html()
        yield from self.shared.items()
        yield self.name, html.encode("utf-8")

    def html(self) -> str:
        words = gettext.translation("gptcore", HERE.parent / "locale", [self.language], fallback=True).gettext
        made = self.inside(words)
        self.site.ids[self.name] = {name for name, _text in made.contents} | set(made.ids)
        template = self.site.jinja.get_template("page.html.j2" if self.lesson else f"{self.stem}.html.j2")
        said = {"_": words, "lang": self.language, "lesson": self.lesson, "lessons": self.site.lessons[self.language]}
        return template.render(
            **said,
            **self.around,
            **self.parts(made),
            made=made,
            address=lambda lesson=None, language=self.language: self.to(self.site.name(lesson, language)),
            languages=self.languages(),
            widgets=self.to(self.site.name(None, self.language, WIDGETS)) if self.site.widgets[self.language] else None,
            inline=self.inline,
            repository=self.site.repository,
            source=self.site.in_repository(self.lesson.file.resolve()) if self.lesson else None,
        )

    def inside(self, words: Callable[[str], str]) -> Inside:
        """The cells of the lesson; on the front door, the first widget of the first lesson that adds tokens."""
        if self.stem == WIDGETS:
            return self.every_widget(words)
        lesson = self.lesson or self.site.lessons[self.language][0]
        cells = lesson.cells if self.lesson else lesson.widgets("NextToken")[:1]
        return inside(lesson, cells, partial(self.site.link, lesson), self.keep_picture, words)

    def every_widget(self, words: Callable[[str], str]) -> Inside:
        """The first widget of each kind, below its name and a link to the lesson that has it."""
        known, cells = self.site.widgets[self.language], []
        for name, lesson in known.items():
            title = widget_id(name).rpartition("-")[0].replace("-", " ").capitalize()
            heading = f"## {title}\n\n[{lesson.heading}]({lesson.file.name})"
            cells += [nbformat.v4.new_markdown_cell(heading), *lesson.widgets(name)[:1]]
        lesson = next(iter(known.values()))
        return inside(lesson, cells, partial(self.site.link, lesson), self.keep_picture, words)

    def parts(self, made: Inside) -> dict[str, Any]:
        """What a page is made of beside its text: styles, scripts, the state of its widgets, and what it may load."""
        files = self.files_of(made.widgets)
        names = sorted({state["widget"] for state in made.widgets})
        css, head = style() + _read("page.css"), _read("page.js")
        code = scripts(names) if names else ""
        if not self.site.single:
            kept = {"css": self.keep("page.css", css.encode()), "head": self.keep("page.js", head.encode())}
            kept["code"] = self.keep(f"{self.stem}.js", code.encode()) if code else ""
            return kept | {"files": files, "single": False, "policy": _policy("'self'", "'self'", "'self'")}
        policy = _policy(" ".join(map(_hash, filter(None, (head, code)))), _hash(css), "'none'")
        return {"css": css, "head": head, "code": code, "files": files, "single": True, "policy": policy}

    def files_of(self, widgets: list[dict[str, Any]]) -> dict[str, Any]:
        """What the scripts need to know of the page, with the models and tokenizers that its widgets name."""
        named = set(_texts(widgets))
        named |= {"storyteller"} if UNTRAINED in named else set()  # whose shape it has
        models = {name: folder for name, folder in MODELS.items() if name in named}
        known = {name: folder for name, folder in TOKENIZERS.items() if name in named | models.keys()}
        return {
            "lesson": self.stem,
            "language": self.language,
            "models": {
                name: {
                    "config": json.loads((folder / "config.json").read_text(encoding="utf-8")),
                    "weights": self.keep_file(folder / "model.safetensors"),
                }
                for name, folder in models.items()
            },
            "tokenizers": {
                name: {
                    "vocab": self.keep_file(folder / "vocab.json"),
                    "merges": self.keep_file(folder / "merges.txt"),
                    "eos_token": json.loads((folder / "tokenizer_config.json").read_text("utf-8"))["eos_token"],
                }
                for name, folder in known.items()
            },
        }

    def keep_picture(self, name: str, data: bytes) -> str:
        if self.site.single:
            return f"data:{_TYPES[name.rpartition('.')[2]]};base64,{b64encode(data).decode()}"
        return self.keep(name, data)

    def keep_file(self, file: Path) -> str:
        """The address of a file that scripts read: in a single page, of an element that holds it."""
        if not self.site.single:
            return self.keep(file.name, file.read_bytes())
        name = f"gptcore-file-{len(self.inline) + 1}"
        self.inline[name] = b64encode(file.read_bytes()).decode()
        return f"#{name}"

    def keep(self, name: str, data: bytes) -> str:
        """The address of a file that pages share: its name changes with its content, so that it may be kept forever."""
        stem, _dot, suffix = name.rpartition(".")
        shared = f"{ASSETS}{stem}.{hashlib.sha256(data).hexdigest()[:10]}.{suffix}"
        self.shared[shared] = data
        return self.to(shared)

    def to(self, name: str) -> str:
        return _from(self.name, name)

    def languages(self) -> list[tuple[str, str, str]]:
        """(code, name, address) of this page in each language that has it."""
        found = []
        for language, lessons in self.site.lessons.items():
            same = next((other for other in lessons if self.lesson and other.name == self.lesson.name), None)
            if same or self.lesson is None:
                found.append((language, LANGUAGES[language], self.to(self.site.name(same, language, self.stem))))
        return found


def _from(page: str, name: str) -> str:
    """The address of the file called `name`, seen from `page`."""
    return "../" * page.count("/") + name


def _texts(value: Any) -> Iterator[str]:
    """All texts in JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What allows a page this very script or style, and no other."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _policy(script: str, css: str, connect: str) -> str:
    """The Content-Security-Policy of a page: what is not named here, a browser refuses."""
    allowed = {"default-src": "'none'", "script-src": script, "style-src": css, "img-src": "'self' data: blob:"}
    allowed |= {"connect-src": connect, "base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(f"{name} {what}" for name, what in allowed.items())
