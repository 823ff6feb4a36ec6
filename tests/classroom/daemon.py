"""The daemon that forks, as a hub starts it."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.classroom.accounts import ROOT


@contextmanager
def daemon(what: str) -> Iterator[tuple[subprocess.Popen, str, str]]:
    """Its process, its socket, and a secret that was in its environment."""
    folder = Path("/run") / f"gptcore-test-{secrets.token_hex(4)}"
    socket, log, secret = folder / "prefork.sock", folder / "log", secrets.token_hex(16)
    folder.mkdir(mode=0o755)
    command = [sys.executable, "-m", "gptcore.classroom", "prefork", what, "--socket", str(socket)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTERHUB_API_TOKEN": secret}
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=said)
    try:
        while "listens on" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield process, str(socket), secret
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait()
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
