"""The evening before: `python -m gptcore.classroom check` says of each thing that is needed "ok", or what to do."""

import argparse
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from shutil import which

from gptcore.language import N_, _
from gptcore.lessons import FIRST, NOTEBOOKS

ABOUT = N_("look, the evening before, whether everything is there that a lesson needs")
WIDTH = 14  # columns of a name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None so far."""


def run(options: argparse.Namespace) -> int:
    """Print a line for each thing; 1 if something is missing."""
    problems = 0
    for name, look in CHECKS.items():
        found = list(look())
        problems += len(found)
        for said in found or [_("ok")]:
            print(f"{_(name):{WIDTH}} {said}", flush=True)
    return 1 if problems else 0


def _programs() -> Iterator[str]:
    missing = [name for name in ("jupyterhub", "jupyterlab", "ipykernel", "ipywidgets") if find_spec(name) is None]
    if missing:
        said = _('{names} is missing: with {python} run  pip install -c constraints.txt ".[classroom]"')
        yield said.format(names=", ".join(missing), python=sys.executable)


def _proxy() -> Iterator[str]:
    if which("configurable-http-proxy") is None:
        yield _("configurable-http-proxy is missing: run  npm install -g configurable-http-proxy@5")


def _lessons() -> Iterator[str]:
    if not (NOTEBOOKS / FIRST).is_file():
        yield _("the notebooks are not there: install the project with -e from its own folder")


CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    N_("programs"): _programs,
    N_("proxy"): _proxy,
    N_("lessons"): _lessons,
}
