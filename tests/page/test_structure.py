"""What the files of the page promise: one catalogue of sentences for Python and the page, and names that meet once."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from gptcore import show
from gptcore.page import scripts
from gptcore.show.live import LiveView

PACKAGE = Path(__file__).parents[2] / "gptcore"
VIEWS = sorted((PACKAGE / "page" / "views").glob("*.js"))
TEXT = r'"(?:[^"\\]|\\.)*"'
SENTENCE = re.compile(rf"(?<![\w.])t\(\s*(?:({TEXT}(?:\s*\+\s*{TEXT})*)|(.))")
NAME = re.compile(r"^(?:async )?(?:const|let|var|class|function\*?) (?:(\w+)|[\[{]([\w\s,:]+)[\]}])", re.MULTILINE)


@cache
def sentences_of_python() -> set[str]:
    """Every sentence that goes through gettext."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id in ("_", "N_"):  # of one sentence, or of one or another
                found |= {node.value for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)}
    return found


@pytest.mark.parametrize("file", [PACKAGE / "page" / "settings.js", *VIEWS], ids=lambda file: file.stem)
def test_a_view_says_what_python_says(file):
    known = sentences_of_python()
    for sentence, other in SENTENCE.findall(file.read_text(encoding="utf-8")):
        assert not other, f"a sentence must stand in t(…) itself, so that a translator finds it: {other}"
        assert "".join(map(ast.literal_eval, re.findall(TEXT, sentence))) in known


def test_every_widget_has_a_view():
    widgets = {name for name in show.__all__ if isinstance(getattr(show, name), type)}
    assert {name for name in widgets if issubclass(getattr(show, name), LiveView)} == scripts.VIEWS.keys()
    for name, files in scripts.VIEWS.items():
        assert getattr(show, name).front == files[-1]
        file = PACKAGE / "page" / "views" / f"{files[-1]}.js"
        assert f"views.{name} = {name};" in file.read_text(encoding="utf-8")


def test_a_name_of_the_page_is_given_once():
    files = [PACKAGE / "show" / "front" / "shared.js", *(PACKAGE / "page").glob("*.js"), *VIEWS]
    names = [name for file in files for name in NAME.findall(file.read_text(encoding="utf-8"))]
    names = [part.strip() for one, several in names for part in (one or several).split(",")]
    assert not {name for name in names if names.count(name) > 1}


def test_no_text_goes_over_several_lines():
    """A page leaves out the comments and the indentation of its scripts, line by line."""
    files = [*(PACKAGE / "show" / "front").glob("*.js"), *(PACKAGE / "page").glob("*.js"), *VIEWS]
    for file in files:
        for line in file.read_text(encoding="utf-8").split("\n"):
            assert line.count("`") % 2 == 0 and "/*" not in line and not line.endswith("\\"), f"{file.name}: {line}"
    code = scripts.scripts(["NextToken", "FutureTree"])
    assert not re.search(r"^(?: |//|$)", code, flags=re.MULTILINE) and "class GPTModel" in code


def test_a_page_has_what_its_widgets_need_and_nothing_more():
    code = scripts.scripts(["NextToken"])
    assert "class NextToken" in code and "class Dart" in code and "fronts.next_token = {" in code
    assert "class Prediction" not in code and "fronts.prediction" not in code
    with pytest.raises(ValueError, match="names must be some of .*, got Nothing"):
        scripts.scripts(["NextToken", "Nothing"])
