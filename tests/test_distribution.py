"""The wheel and the sdist: built, unpacked, and used from there."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD = "from setuptools import build_meta as b; print(b.build_wheel('dist'), b.build_sdist('dist'), sep='\\n')"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """What git holds of the project, as far as it is built or could slip in."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "CONTRIBUTING.md", "LICENSE", "conftest.py"):
        shutil.copy(ROOT / name, folder)
    for name in ("gptcore", "tests", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    return folder


@pytest.fixture(scope="module")
def built(source) -> tuple[Path, Path]:
    """(wheel, sdist)."""
    done = subprocess.run([sys.executable, "-c", BUILD], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wheel, sdist = done.stdout.split()[-2:]
    return source / "dist" / wheel, source / "dist" / sdist


@pytest.fixture(scope="module")
def package() -> set[str]:
    files = {file for file in (ROOT / "gptcore").rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    return {file.relative_to(ROOT).as_posix() for file in files}


def test_the_wheel_holds_the_package_and_its_licence_and_nothing_else(built, package):
    with zipfile.ZipFile(built[0]) as wheel:
        names, info = set(wheel.namelist()), "gptcore-0.1.0.dist-info"
        assert names - package == {
            f"{info}/{name}"
            for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt", "licenses/LICENSE")
        }
        assert names >= package
        metadata = wheel.read(f"{info}/METADATA").decode()
        assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert "\nLicense-Expression: MIT\n" in metadata and "\nProject-URL: Repository, https://" in metadata


def test_the_sdist_holds_what_the_wheel_is_built_from_and_nothing_else(built, package):
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames() if sdist.getmember(name).isfile()}
    extra = {name for name in names - package if not name.startswith("gptcore.egg-info/")}
    assert extra == {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}
    assert names >= package


def test_the_installed_wheel_writes_a_story(built, tmp_path):
    """Not a file of this folder is needed."""
    target = tmp_path / "installed"
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(target)
    code = (
        f"import sys; sys.path.insert(0, {str(target)!r})\n"
        "import gptcore\n"
        f"assert gptcore.__file__.startswith({str(target)!r}), gptcore.__file__\n"
        "from gptcore.show import NextToken, TokenExplorer\n"
        "model, tokenizer = gptcore.load(device='cpu')\n"
        "english = gptcore.load_tokenizer(gptcore.hub.STORYTELLER / 'english_tokenizer')\n"
        "NextToken(model, tokenizer), TokenExplorer(english, 'Once upon a time')\n"
        "print(gptcore.generate_text(model, 'Once upon a time', tokenizer, 5, seed=1))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("Once upon a time"), done.stderr


def test_each_dependency_has_its_reason_and_a_pin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    needed += [line for extra in project["project"]["optional-dependencies"].values() for line in extra]
    names = {re.match(r"[\w-]+", line)[0] for line in needed} - {"gptcore"}
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    rows = re.findall(r"^\| (\w[\w-]*) \| [^|]+ \| [^|]+ \|$", table, flags=re.MULTILINE)
    assert sorted(rows) == sorted(names | {"package"})  # the head of the table
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert names == set(re.findall(r"^([\w-]+)==", pins, flags=re.MULTILINE)) & names


def test_no_pin_brings_what_slows_every_start_of_jupyter():
    """jsonschema's extra for formats, which Jupyter asks for, has rfc3987-syntax from 4.25 on."""
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    assert not pins.keys() & {"rfc3987-syntax", "lark"}
    assert tuple(map(int, pins["jsonschema"].split(".")[:2])) < (4, 25)
