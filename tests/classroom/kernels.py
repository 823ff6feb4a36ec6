"""Kernels as a student's server starts them, over IPC, with the provisioner of the class."""

import logging
import os
import tempfile
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory

GROUP = "jupyter_client.kernel_provisioners"
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SECONDS = 120  # for what never takes so long, on a machine that does other work


def started(provisioner: str = "gptcore-prefork") -> KernelManager:
    """A kernel that is ready, and its client as `manager.speaks`. What is logged goes to standard error."""
    os.environ["JUPYTER_RUNTIME_DIR"] = folder = tempfile.mkdtemp()
    logging.basicConfig()
    factory = KernelProvisionerFactory.instance()
    for name, value in PROJECT["entry-points"][GROUP].items():
        factory.provisioners[name] = EntryPoint(name, value, GROUP)
    factory.default_provisioner_name = provisioner
    manager = KernelManager(transport="ipc", ip=f"{folder}/kernel", log=logging.getLogger())
    manager.start_kernel()
    manager.speaks = manager.client()
    manager.speaks.start_channels()
    manager.speaks.wait_for_ready(timeout=SECONDS)
    return manager


def cell(manager: KernelManager, code: str) -> Any:
    """What the last line of a cell is, as Python reads it, or [name, text] of an error."""
    shown, failed = [], []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "execute_result":
            shown.append(message["content"]["data"]["text/plain"])
        if message["msg_type"] == "error":
            failed.append([message["content"]["ename"], "\n".join(message["content"]["traceback"])])

    manager.speaks.execute_interactive(code, output_hook=hear, timeout=SECONDS)
    return failed[0] if failed else eval(shown[0]) if shown else None


def until(manager: KernelManager, kind: str) -> dict[str, Any]:
    """The content of the next message of a kind: "stream" when a cell prints."""
    while (message := manager.speaks.get_iopub_msg(timeout=SECONDS))["msg_type"] != kind:
        pass
    return message["content"]


def ended(manager: KernelManager) -> int:
    """The exit status of a kernel that ends by itself."""
    return manager.provisioner.process.wait(SECONDS)
