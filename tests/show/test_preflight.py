import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_preflight_says_what_is_wrong_and_what_to_do(capsys, monkeypatch):
    from gptcore.show import preflight as function
    from gptcore.show.preflight import _missing, _short_of_memory

    function()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["Python", "widgets", "charts", "memory", "runs"]
    assert "outside of a notebook" in lines[1]
    assert "%pip install nothing_like_it" in _missing("nothing_like_it")
    assert _missing("json") is None
    assert "0.2 GB" in _short_of_memory(200_000_000) and "shut down" in _short_of_memory(200_000_000)
    assert _short_of_memory(2_000_000_000) is None


@pytest.mark.parametrize("module", ["ipywidgets", "matplotlib", "psutil"])
def test_the_first_lesson_says_what_is_missing_before_it_needs_it(module):
    lesson = json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in lesson["cells"] if cell["cell_type"] == "code"]
    cell = next(cell for cell in cells if "preflight()" in cell)
    code = f"import sys; sys.modules[{module!r}] = None\n{cell}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert f"{module} is missing: run  %pip install {module}" in done.stdout, done.stderr
