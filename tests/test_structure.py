"""The structure that CONTRIBUTING promises: imports point one way, and notebooks use public names only."""

import ast
import json
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

import gptcore
import gptcore.show

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gptcore"
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
CORE = ["config", "tokenizer", "model", "sampling", "recording"]  # generation.py calls the quick ways
PARSE = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
LESSONS = [file for file in NOTEBOOKS if file.parent.name in ("notebooks", "ko")]
HOW_TO_RUN = {
    "en": "Click here, then press **Shift+Enter**: each press runs one cell and moves on to the next. A widget answers "
    "only after its cell has run. (**Run → Run All Cells** runs every cell, and leaves you at the last one.)",
    "ko": "여기를 클릭하고 **Shift+Enter**를 누르세요. 누를 때마다 셀(cell) 하나가 실행되고 다음 셀로 넘어가요. "
    "위젯(widget)은 그 셀을 실행한 뒤에야 답해요. (**Run → Run All Cells**를 고르면 모든 셀이 실행되고 화면은 마지막 "
    "셀로 가요.)",
}
ONLY_IN_COLAB = {"en": "Colab starts without this course", "ko": "Colab에는 이 레슨들이 없어요"}
AROUND = {"page", "show", "exercises", "training", "benchmark", "storyteller", "stories", "classroom"}


def imported(source: str) -> Iterator[tuple[str, str]]:
    """(module, name) of every import from gptcore."""
    for node in ast.walk(compile(source, "", "exec", PARSE)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gptcore":
            yield from ((node.module, alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "gptcore")


def language(notebook: Path) -> str:
    """The language of a lesson, or of its solutions."""
    return "ko" if "ko" in notebook.relative_to(ROOT).parts else "en"


def rooms(file: Path) -> set[str]:
    """The files and folders of the package that `file` imports from: {"model", "fast.linear"}."""
    return {module.removeprefix("gptcore.") for module, _ in imported(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", CORE)
def test_the_core_needs_nothing_quick_but_the_layers_of_the_model(name):
    layers = {"fast.linear", "fast.gelu"} if name == "model" else set()
    assert {room for room in rooms(PACKAGE / f"{name}.py") if room.startswith("fast")} == layers


def test_imports_point_one_way():
    for file in [*PACKAGE.glob("*.py"), *(PACKAGE / "fast").glob("*.py")]:
        if file.name != "__main__.py" and file.name != "__init__.py":
            assert not {room.split(".")[0] for room in rooms(file)} & AROUND, file
    for file in (PACKAGE / "fast").glob("*.py"):
        assert not rooms(file) & {"generation", "checkpoint", "hub", "recording"}, file
    for folder in AROUND - {"page", "show", "exercises", "benchmark", "classroom"}:
        for file in (PACKAGE / folder).glob("*.py"):
            assert not {room.split(".")[0] for room in rooms(file)} & {"page", "show", "exercises", "benchmark"}, file


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_notebooks_use_public_names_only(file):
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    public = {"gptcore": gptcore.__all__, "gptcore.show": gptcore.show.__all__, "gptcore.exercises": None}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        source = TransformerManager().transform_cell(source)  # IPython's own: %magic and top-level await
        for module, name in imported(source):
            assert module in public, f"{module} is not public"
            assert not name or public[module] is None or name in public[module], f"{module}.{name} is not public"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_notebooks_install_the_course_in_colab_from_the_one_address(file):
    """The address stands in pyproject.toml; a notebook that is opened alone cannot look there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra, address = "widgets", project["urls"]["Repository"]
    assert extra in project["optional-dependencies"]
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    assert "".join(first["source"]) == (
        "import sys\n\n"
        f'if "google.colab" in sys.modules:  # {ONLY_IN_COLAB[language(file)]}\n'
        f'    %pip install -q "gptcore[{extra}] @ git+{address}"'
    )
    assert sum(address in "".join(cell["source"]) for cell in cells) == 1


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_lessons_ask_before_they_show(file):
    """Three to six questions in each, with a sentence for every answer, and then the cell that settles it."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    places = []
    for cell, following in pairwise(cells):
        source = "".join(cell["source"])
        if not source.startswith("Prediction("):
            continue
        assert following["cell_type"] == "code" and not "".join(following["source"]).startswith("Prediction(")
        assert cell["metadata"]["jupyter"]["source_hidden"], "a page would show the answers below the question"
        prediction = eval(source, {"Prediction": gptcore.show.Prediction})
        question = prediction.record
        places.append(list(question.options).index(question.right))
        for text in (question.question, *question.options, *question.options.values()):
            assert not set("`*<$") & set(text), "a widget shows no markup"
        assert all(said.endswith((".", "?")) for said in question.options.values())
    assert 3 <= len(places) <= 6 and len(set(places)) > 1, "the right answer is not always in the same place"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_notebooks_hold_no_state_of_widgets(file):
    """A page made from it would fetch scripts, and show nothing offline."""
    assert "widgets" not in json.loads(file.read_text(encoding="utf-8"))["metadata"]


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_lesson_begins_with_how_to_run_it(file):
    """Cell by cell: after Run All a page stands at its end, and the answers stand below their questions."""
    cells = ["".join(cell["source"]) for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]]
    assert HOW_TO_RUN[language(file)] in cells[0]
    assert not any("Run All" in cell for cell in cells[1:])
