import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import psutil
import pytest
import torch

from gptcore.show import preflight
from gptcore.show.preflight import NEEDED_MEMORY, OLDEST

ROOT = Path(__file__).parents[2]
MODULE = sys.modules["gptcore.show.preflight"]


@pytest.fixture
def said(capsys):
    """said(): what preflight prints, {name: what it says}."""

    def run():
        preflight()
        return {line[:11].strip(): line[12:] for line in capsys.readouterr().out.splitlines()}

    return run


@pytest.fixture
def in_a_notebook(monkeypatch):
    monkeypatch.setattr(MODULE, "running_kernel", object)
    monkeypatch.setattr(MODULE, "free_bytes", lambda device: max(NEEDED_MEMORY.values()))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_where_all_is_well(in_a_notebook, said):
    assert said() == {"Python": "ok", "widgets": "ok", "charts": "ok", "memory": "ok", "runs on": "the CPU"}


def test_outside_of_a_notebook(said):
    assert said()["widgets"] == "will not answer outside of a notebook"


@pytest.mark.parametrize(
    ("name", "package", "version"),
    [
        ("widgets", "ipywidgets", "7.6.5"),
        ("widgets", "anywidget", "0.8.1"),
        ("widgets", "ipykernel", "5.5.6"),
        ("charts", "matplotlib", "3.9.4rc1"),
    ],
)
def test_a_version_that_is_too_old(in_a_notebook, said, monkeypatch, name, package, version):
    real = metadata.version
    monkeypatch.setattr(MODULE.metadata, "version", lambda name: version if name == package else real(name))
    assert said()[name] == (
        f'{package} {version} is too old: run  %pip install "{package}>={OLDEST[package]}"  in a cell, '
        "then restart the kernel"
    )


@pytest.mark.parametrize("version", ["7.7.0", "7.7.1", "8.0.0", "8.1.9", "10.0"])
def test_a_version_that_is_allowed(in_a_notebook, said, monkeypatch, version):
    real = metadata.version
    monkeypatch.setattr(MODULE.metadata, "version", lambda name: version if name == "ipywidgets" else real(name))
    assert said()["widgets"] == "ok"


def test_versions_are_those_of_the_installation():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for package, version in OLDEST.items():
        assert any(line.split(",")[0] == f"{package}>={version}" for line in extras["widgets"])


@pytest.mark.parametrize(
    ("name", "module"),
    [("widgets", "ipywidgets"), ("widgets", "anywidget"), ("charts", "matplotlib"), ("memory", "psutil")],
)
def test_a_package_that_breaks_when_it_is_imported(in_a_notebook, said, monkeypatch, name, module):
    def import_module(name):
        if name == module:
            raise AttributeError("module 'numpy' has no attribute 'bool'")

    monkeypatch.setattr(MODULE, "import_module", import_module)
    assert said()[name] == (
        f"{module} cannot be imported (module 'numpy' has no attribute 'bool'): "
        f"run  %pip install --force-reinstall {module}  in a cell, then restart the kernel"
    )


def test_no_font_for_korean(in_a_notebook, said, monkeypatch):
    monkeypatch.setattr(MODULE.util, "find_spec", lambda name: None)
    assert "the font for Korean is missing: run  %pip install koreanize-matplotlib" in said()["charts"]


def test_memory_is_what_the_process_may_take(in_a_notebook, said, monkeypatch):
    of_06, of_10 = NEEDED_MEMORY["06"], NEEDED_MEMORY["10"]
    taken = psutil.Process().memory_info().rss
    monkeypatch.setattr(MODULE, "free_bytes", lambda device: of_06 - 50_000_000 - taken)
    assert re.match(
        rf"a kernel can have 1\.0\d GB here, too little for lessons 06, 10, which take up to {of_10 / 1e9:.2f} GB: "
        "shut down other notebooks",
        said()["memory"],
    )
    monkeypatch.setattr(MODULE, "free_bytes", lambda device: None)  # not known
    assert said()["memory"] == "ok"


@pytest.mark.skipif(sys.platform != "linux", reason="others have no such limit")
@pytest.mark.parametrize(("limit", "taken"), [("RLIMIT_AS", "vms"), ("RLIMIT_DATA", "data")])
def test_a_limit_of_the_process_counts(limit, taken):
    code = (
        "import resource, psutil\n"
        "from gptcore.show import preflight\n"
        f"used = psutil.Process().memory_info().{taken}\n"
        f"resource.setrlimit(resource.{limit}, (used + 500_000_000,) * 2)\n"
        "preflight()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "memory      a kernel can have 0." in done.stdout, done.stdout + done.stderr


def test_a_gpu_that_does_not_work(in_a_notebook, said, monkeypatch):
    def broken(*arguments, **settings):
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with …")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", broken)
    assert said()["runs on"].startswith("no GPU: CUDA fails (CUDA error: no kernel image is available); set CUDA_VIS")


@pytest.mark.parametrize("module", ["ipywidgets", "anywidget", "matplotlib", "psutil"])
def test_the_first_lesson_says_what_is_missing_before_it_needs_it(module):
    lesson = json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in lesson["cells"] if cell["cell_type"] == "code"]
    cell = next(cell for cell in cells if "preflight()" in cell)
    code = f"import sys; sys.modules[{module!r}] = None\n{cell}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert f"{module} is missing: run  %pip install {module}" in done.stdout, done.stderr
