"""Students' servers, as the daemon of `prefork.py` forks them: what it imports for them, and how a fork becomes one."""

from importlib import import_module

from gptcore import lessons
from gptcore.classroom import singleuser

NAME = "gptcore-server"
BEHIND = 0  # no more niceness than the process which asks has
# What a server imports until a page has shown a lesson and its kernel runs.
MODULES = (
    "jupyterhub.singleuser",
    "jupyterlab.labapp",
    "gptcore.classroom.killed",
    "gptcore.classroom.provisioner",
    "anyio._backends._asyncio",
    "ipykernel.kernelspec",
    "jinja2.ext",
    "jupyter_core.migrate",
    "tornado.platform.asyncio",
)


def preload() -> None:
    """Import what a server needs, and look at the lessons that it lays out."""
    singleuser.ask_no_node()
    for name in MODULES:
        import_module(name)
    handlers = import_module("jupyter_server.serverapp").JUPYTER_SERVICE_HANDLERS
    for name in (name for names in handlers.values() for name in names or ()):
        import_module(name)
    lessons.look()


def adopt() -> None:
    """Nothing more: what is imported remembers no user but where `begin` says another."""


def begin(arguments: list[str]) -> None:
    """Be a server with these arguments of JupyterHub's, until it ends."""
    from jupyterlab.commands import get_user_settings_dir, get_workspaces_dir

    # JupyterLab has looked where the daemon's own would be, when it was imported.
    own = [f"--LabApp.user_settings_dir={get_user_settings_dir()}", f"--LabApp.workspaces_dir={get_workspaces_dir()}"]
    singleuser.run([*arguments, *own])
