"""Kernels from the daemon of `prefork.py`, by Jupyter's own extension point: a kernel provisioner.

    c.KernelProvisionerFactory.default_provisioner_name = "gptcore-prefork"

Without a daemon, or for a kernel that it cannot fork, a kernel starts as always.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from gptcore.classroom.asking import SOCKETS, ForkedProcess, Unforked, ask
from gptcore.language import _

LAUNCHER = ["-m", "ipykernel_launcher"]
EXTENSIONS = ["--ext=gptcore.classroom.memory_errors", "--ext=gptcore.classroom.closed_kernel"]


class PreforkProvisioner(LocalProvisioner):
    """Asks the daemon for a kernel, and starts an ordinary one where it cannot have one."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """A forked kernel, or the one of `cmd`; both have our extensions."""
        if cmd[1:] and LAUNCHER[1] in cmd:
            cmd = [*cmd, *EXTENSIONS]
        try:
            self.process = await asyncio.to_thread(forked, cmd, **kwargs)
        except (Unforked, OSError, ValueError) as problem:
            said = _("An ordinary kernel starts, because the daemon forks none: {reason}")
            self.log.warning("%s", said.format(reason=problem))
            return await super().launch_kernel(cmd, **kwargs)
        self.pid, self.pgid = self.process.pid, None  # signals go through the process, which knows its group
        self.cwd = kwargs.get("cwd") or os.getcwd()
        return self.connection_info


def forked(cmd: list[str], env: dict[str, str], cwd: str | None = None, **kwargs: Any) -> ForkedProcess:
    """The kernel of `cmd`, forked by the daemon.

    Raises Unforked if it is not this Python's own, or if the daemon refuses, and OSError if there is no daemon.
    """
    place = env.get("GPTCORE_PREFORK") or SOCKETS["kernels"]
    streams = [_descriptor(kwargs.get("stdout"), 1), _descriptor(kwargs.get("stderr"), 2)]
    return ask(place, _arguments(cmd), env, str(Path(cwd or os.getcwd()).absolute()), streams)


def _arguments(cmd: list[str]) -> list[str]:
    """The arguments of ipykernel in a kernel's command, if the kernel is that of this very Python."""
    if Path(cmd[0]).parent != Path(sys.executable).parent or not Path(cmd[0]).name.startswith("python"):
        raise Unforked(_("the kernel is another Python's, or no Python's"))
    options = cmd[1:]
    while options and options[0].startswith("-Xfrozen_modules"):
        options = options[1:]
    if options[:2] != LAUNCHER:
        raise Unforked(_("the kernel is not ipykernel's own"))
    return options[2:]


def _descriptor(stream: Any, standard: int) -> int:
    """The descriptor of a stream as `subprocess` takes it, or that of this process."""
    if isinstance(stream, int) and stream >= 0:
        return stream
    return stream.fileno() if hasattr(stream, "fileno") else standard
