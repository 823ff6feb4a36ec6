"""What `classroom/jupyterhub_config.py` asks JupyterHub for: safe first, quick next, and all of it in one place."""

import json
import secrets
import sys
from pathlib import Path
from typing import Any

from gptcore.classroom.address import HOW_TO_ASK, in_the_clear
from gptcore.classroom.asking import SOCKETS
from gptcore.classroom.authenticator import ClassAuthenticator
from gptcore.classroom.folder import closed_folder, write_closed
from gptcore.classroom.spawner import ClassSpawner
from gptcore.classroom.words import PAGES, in_our_words
from gptcore.command_line import say
from gptcore.language import _, language

NAME = "gptcore.classroom"
PATIENCE = 300  # seconds for a server to start, when thirty start at once
BEFORE_THE_BELL = "before-the-bell"


def configure(
    c: Any,
    *,
    address: str = "http://127.0.0.1:8000",
    student_memory: float = 2.0,
    process_memory: float = 1.25,
    idle_minutes: float = 60,
    terminals: bool = False,
) -> None:
    """Set up JupyterHub's configuration `c` for a class.

    `student_memory` and `process_memory` are GiB, for all processes of a student together and for each.
    """
    folder = closed_folder()
    c.JupyterHub.bind_url = address
    c.JupyterHub.db_url = f"sqlite:///{folder / 'jupyterhub.sqlite'}"
    c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")
    c.ConfigurableHTTPProxy.pid_file = str(folder / "proxy.pid")
    c.JupyterHub.authenticator_class = ClassAuthenticator
    c.JupyterHub.template_paths = [str(PAGES)]
    c.JupyterHub.template_vars = {
        "announcement_login": _welcome(),
        "class_language": language(),
        "in_our_words": lambda user: in_our_words,  # JupyterHub calls what can be called
    }
    c.Authenticator.admin_users = set()
    c.Authenticator.refresh_pre_spawn = True
    c.Authenticator.auth_refresh_age = 60
    c.JupyterHub.spawner_class = ClassSpawner
    c.Spawner.cmd = [sys.executable, "-P", "-m", "gptcore.classroom.server"]
    c.Spawner.start_timeout = c.Spawner.http_timeout = PATIENCE
    c.JupyterHub.concurrent_spawn_limit = 0  # the spawner has a queue, and turns nobody away
    c.ClassSpawner.student_memory = int(student_memory * 2**30)
    c.ClassSpawner.process_memory = int(process_memory * 2**30)
    c.ClassSpawner.terminals = terminals
    c.JupyterHub.services = [*map(_prefork, SOCKETS), _culler(idle_minutes), _before_the_bell(folder, address)]
    c.JupyterHub.load_roles = [
        {
            "name": "culler",
            "services": ["culler"],
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        },
        {"name": BEFORE_THE_BELL, "services": [BEFORE_THE_BELL], "scopes": ["admin:users", "admin:servers"]},
    ]
    if problem := in_the_clear(address):
        say(NAME, problem)


def _welcome() -> str:
    return _(
        "The first time: your name as on the list, a password that you choose, and the class password. Later: your "
        "name and your own password."
    )


def _prefork(what: str) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "gptcore.classroom", "prefork", what, "--socket", SOCKETS[what]]
    return {"name": f"prefork-{what}", "command": command}


def _culler(idle_minutes: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={round(60 * idle_minutes)}"]
    return {"name": "culler", "command": command}


def _before_the_bell(folder: Path, address: str) -> dict[str, Any]:
    """As whom `python -m gptcore.classroom start` asks. The token is new with each start of the hub."""
    token = secrets.token_hex(32)
    write_closed(folder / HOW_TO_ASK, json.dumps({"address": address, "token": token}))
    return {"name": BEFORE_THE_BELL, "api_token": token}
