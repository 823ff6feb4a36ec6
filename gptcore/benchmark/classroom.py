"""A class on the hub of `classroom/`, beside one on JupyterHub as it comes."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from gptcore.benchmark.measure import Row, not_measured
from gptcore.language import _

ROOT = Path(__file__).parents[2]


def classroom(students: int) -> list[Row]:
    """A class that comes all at once: lessons 00, 03, 04 and 05. Needs the tests, root, Linux and JupyterHub."""
    if not (ROOT / "tests" / "classroom" / "measure.py").is_file() or find_spec("jupyterhub") is None:
        return not_measured(_("tests/classroom/measure.py, or jupyterhub, is missing"))
    command = [sys.executable, "-m", "tests.classroom.measure", "--students", str(students)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        return not_measured((result.stderr.strip() or result.stdout.strip()).splitlines()[-1])
    rows = (line.split("\t") for line in result.stdout.splitlines())
    return [Row(name, float(value), unit, note=note) for name, value, unit, note in rows]
