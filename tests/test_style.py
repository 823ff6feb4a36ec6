import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_code_and_notebooks_are_in_one_style(command):
    result = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", ROOT], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout
