"""A hub of our own on this machine, with real users of the system, as `classroom/jupyterhub_config.py` starts it."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from gptcore.classroom.accounts import account_name
from gptcore.classroom.asking import SOCKETS, run_folder
from tests.classroom.student import Student

ROOT = Path(__file__).parents[2]
CLASS_PASSWORD = "three-small-owls"
ADDRESS = "http://127.0.0.1:8000"  # in the file that is tested


def skip_unless_possible() -> None:
    """Say in words why there can be no class here."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root, on Linux, can start servers as other users")
    for program in ("configurable-http-proxy", "useradd", "userdel"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on this machine")


class Hub:
    """The running hub; `students` are on its list. `more` are lines below the configuration."""

    def __init__(
        self,
        names: list[str],
        more: str = "",
        config: str | None = None,
        idle_minutes: float = 60,
        language: str = "en",
    ):
        self.place = Path(tempfile.mkdtemp(prefix="gptcore-class-"))
        self.place.chmod(0o755)
        self.code = self._readable_code()
        self.names = [f"{name}-{os.getpid()}" for name in names]
        self.folder, self.is_stock = self.place / "class", config is not None
        self.run_folder = Path(run_folder(self.folder))
        self.url = f"http://127.0.0.1:{free_port()}"
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # as in an activated environment
        self.environment = os.environ | {
            "GPTCORE_CLASS": str(self.folder),
            "PYTHONPATH": str(self.code),
            "PATH": programs,
        }
        self.environment.pop("JUPYTERHUB_API_TOKEN", None)
        self.environment["GPTCORE_LANGUAGE"] = language
        if config is None:
            self.command("students", "-", text="\n".join(self.names))
            self.command("password", text=CLASS_PASSWORD)
            config = (self.code / "classroom" / "jupyterhub_config.py").read_text(encoding="utf-8")
        ports = (
            f"c.JupyterHub.hub_port = {free_port()}\nc.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{free_port()}'"
        )
        file = self.place / "jupyterhub_config.py"
        config = config.replace(ADDRESS, self.url).replace("idle_minutes=60", f"idle_minutes={idle_minutes}")
        file.write_text(f"{config}\n{ports}\n{more}\n", encoding="utf-8")
        self.log = self.place / "log"
        with self.log.open("w") as log:
            command = [sys.executable, "-m", "jupyterhub", "-f", str(file)]
            self.process = subprocess.Popen(command, cwd=self.place, env=self.environment, stdout=log, stderr=log)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _readable_code(self) -> Path:
        """The project where every user can read it; pytest skips where not even Python is readable."""
        code = self.place / "code"
        code.mkdir()
        for part in ("gptcore", "notebooks", "classroom"):
            shutil.copytree(ROOT / part, code / part, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        subprocess.run(["chmod", "-R", "a+rX", str(code)], check=True)
        try:
            command = [sys.executable, "-c", "import gptcore, jupyterhub"]
            subprocess.run(
                command, user="nobody", env={"PYTHONPATH": str(code)}, cwd="/", check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            shutil.rmtree(self.place)
            pytest.skip(f"other users cannot run {sys.executable}: make the environment where they can read it")
        subprocess.run([sys.executable, "-m", "compileall", "-q", str(code / "gptcore")], check=True)
        return code

    def _wait(self) -> None:
        for _ in range(600):
            assert self.process.poll() is None, self.log.read_text()
            with suppress(OSError):
                said = self.log.read_text()  # by the daemons that fork, too: where they listen
                if self.is_stock or all(str(self.run_folder / Path(file).name) in said for file in SOCKETS.values()):
                    urllib.request.urlopen(f"{self.url}/hub/login", timeout=5)
                    return
            time.sleep(0.2)
        raise AssertionError(self.log.read_text())

    def command(self, *arguments: str, text: str = "") -> str:
        """What `python -m gptcore.classroom …` prints, run by the teacher."""
        command = [sys.executable, "-m", "gptcore.classroom", *arguments]
        done = subprocess.run(command, input=text, cwd=self.code, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def student(self, number: int, **differing: str) -> Student:
        """The student with this number on the list."""
        given = {"name": self.names[number], "password": f"own-secret-{number}", "class_password": CLASS_PASSWORD}
        return Student(self.url, **(given | differing))

    def user(self, number: int) -> pwd.struct_passwd:
        return pwd.getpwnam(account_name(self.names[number]))

    def run_as(self, number: int, *command: str) -> subprocess.CompletedProcess[str]:
        """A command, run by the system user of a student."""
        user = self.user(number)
        return subprocess.run(
            command, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", capture_output=True, text=True
        )

    def give(self, folder: str, user: pwd.struct_passwd) -> None:
        """Make all that is in a folder the user's."""
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", folder], check=True)

    def end(self) -> None:
        """End the hub and all that it has started, whoever still waits for it."""
        with suppress(psutil.NoSuchProcess):
            started = psutil.Process(self.process.pid).children(recursive=True)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
            for process in started:
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def stop(self) -> None:
        """End the hub, and take its users off the system again."""
        self.end()
        for name in self.names:
            subprocess.run(["userdel", "--remove", account_name(name)], capture_output=True)
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.rmtree(self.run_folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
