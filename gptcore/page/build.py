"""The site: a page for each lesson in each language, a front door, and the files that they share.

`pages` makes them in memory, `folder.py` writes them to a folder, `serve.py` answers phones with them.
"""

import gettext
import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader
from jinja2.utils import htmlsafe_json_dumps

from gptcore.hub import STORYTELLER
from gptcore.language import _
from gptcore.lessons import FIRST, NOTEBOOKS
from gptcore.page.address import widget_id
from gptcore.page.lesson import TEMPLATES, Inside, Lesson, inside
from gptcore.page.models import MODELS, UNTRAINED
from gptcore.page.scripts import scripts
from gptcore.page.site import LANGUAGES, Site, relative
from gptcore.show.front import style

HERE, ASSETS, WIDGETS = Path(__file__).parent, "assets/", "widgets"
TOKENIZERS = {"storyteller": STORYTELLER, "english": STORYTELLER / "english_tokenizer"}
_COMMENT = re.compile(r"/\*.*?\*/\s*", flags=re.DOTALL)  # of a stylesheet
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
    site = Site(notebooks, single)
    for language, lessons in site.lessons.items():
        for i, lesson in enumerate(lessons):
            around = {"before": lessons[i - 1] if i else None, "after": (*lessons, None)[i + 1]}
            yield from _Page(site, language, lesson, **around).files()
        yield from _Page(site, language, None).files()
        if site.widgets[language]:
            yield from _Page(site, language, None, stem=WIDGETS).files()
    site.check_anchors()


class _Page:
    """One page and the files that it needs: a lesson's, or without one the front door of a language, or all widgets."""

    def __init__(self, site: Site, language: str, lesson: Lesson | None, stem: str = "index", **around: Lesson | None):
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
        template = _jinja().get_template("page.html.j2" if self.lesson else f"{self.stem}.html.j2")
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
        css, head = _COMMENT.sub("", style() + _read("page.css")), _read("page.js")
        code = scripts(names, self.language) if names else ""
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
        return relative(self.name, name)

    def languages(self) -> list[tuple[str, str, str]]:
        """(code, name, address) of this page in each language that has it."""
        found = []
        for language, lessons in self.site.lessons.items():
            same = next((other for other in lessons if self.lesson and other.name == self.lesson.name), None)
            if same or (self.lesson is None and (self.stem != WIDGETS or self.site.widgets[language])):
                found.append((language, LANGUAGES[language], self.to(self.site.name(same, language, self.stem))))
        return found


@cache
def _jinja() -> Environment:
    jinja = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    jinja.filters["json"] = htmlsafe_json_dumps
    return jinja


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
