"""Kernels from the daemon of `prefork.py`, by Jupyter's own extension point: a kernel provisioner.

    c.KernelProvisionerFactory.default_provisioner_name = "gptcore-prefork"

Without a daemon, or for a kernel that it cannot fork, a kernel starts as always.
"""

import asyncio
import json
import os
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from gptcore.language import _

SOCKET = "/run/gptcore-class/prefork.sock"
SECONDS = 30  # in which a busy daemon answers
GROUP = 4  # PIDFD_SIGNAL_PROCESS_GROUP
LAUNCHER = ["-m", "ipykernel_launcher"]


class Unforked(Exception):
    """The daemon does not fork this kernel; the message says why."""


class PreforkProvisioner(LocalProvisioner):
    """Asks the daemon for a kernel, and starts an ordinary one where it cannot have one."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """A forked kernel, or the one of `cmd`; both say in one sentence where memory is too little."""
        if cmd[1:] and LAUNCHER[1] in cmd:
            cmd = [*cmd, "--ext=gptcore.classroom.memory_errors"]
        try:
            self.process = await asyncio.to_thread(ask, cmd, **kwargs)
        except (Unforked, OSError, ValueError) as problem:
            said = _("An ordinary kernel starts, because the daemon forks none: {reason}")
            self.log.warning("%s", said.format(reason=problem))
            return await super().launch_kernel(cmd, **kwargs)
        self.pid, self.pgid = self.process.pid, None  # signals go through the process, which knows its group
        self.cwd = kwargs.get("cwd") or os.getcwd()
        return self.connection_info


class ForkedKernel:
    """What Jupyter uses of `subprocess.Popen`, for a process that is the daemon's child."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int, process: int):
        self.pid, self.returncode = pid, None
        self._connection, self._process = connection, process

    def poll(self) -> int | None:
        """The exit status, as the daemon tells it; None while the kernel runs."""
        if self.returncode is None and select.select([self._process], [], [], 0)[0]:
            self.returncode = self._told()
            self._connection.close()
        return self.returncode

    def _told(self) -> int:
        with suppress(Unforked, OSError, ValueError, KeyError, TypeError):
            self._connection.settimeout(1)
            return int(_line(self._connection)[0]["exit"])
        return 1  # the daemon had ended before the kernel, which goes on without it

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once the kernel has ended."""
        select.select([self._process], [], [], timeout)
        return self.poll()

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel and to what it has started, if it has not ended."""
        if self.poll() is not None:
            return
        try:
            signal.pidfd_send_signal(self._process, number, None, GROUP)
        except OSError:  # Linux before 6.9
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def __del__(self):
        self._connection.close()
        os.close(self._process)


def ask(cmd: list[str], env: dict[str, str], cwd: str | None = None, **kwargs: Any) -> ForkedKernel:
    """The kernel of `cmd`, forked by the daemon.

    Raises Unforked if it is not this Python's own, or if the daemon refuses, and OSError if there is no daemon.
    """
    request = {
        "arguments": _arguments(cmd),
        "environment": dict(env),
        "cwd": str(Path(cwd or os.getcwd()).absolute()),
        "prefix": sys.prefix,
    }
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(SECONDS)
        connection.connect(env.get("GPTCORE_PREFORK") or SOCKET)
        _check_daemon(connection)
        streams = [_descriptor(kwargs.get("stdout"), 1), _descriptor(kwargs.get("stderr"), 2)]
        _send(connection, json.dumps(request).encode(), streams)
        answer, descriptors = _line(connection)
        if "pid" not in answer or not descriptors:
            raise Unforked(answer.get("refused", _("the daemon did not answer")))
    except BaseException:
        connection.close()
        raise
    return ForkedKernel(connection, answer["pid"], descriptors[0])


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


def _check_daemon(connection: socket.socket) -> None:
    """Raise Unforked unless root or the user listens: the daemon is told the environment, with all its keys."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    if (uid := struct.unpack("iII", credentials)[1]) not in (0, os.getuid()):
        raise Unforked(_("user {uid} pretends to be the daemon").format(uid=uid))


def _descriptor(stream: Any, standard: int) -> int:
    """The descriptor of a stream as `subprocess` takes it, or that of this process."""
    if isinstance(stream, int) and stream >= 0:
        return stream
    return stream.fileno() if hasattr(stream, "fileno") else standard


def _send(connection: socket.socket, data: bytes, descriptors: list[int]) -> None:
    sent = socket.send_fds(connection, [data], descriptors)
    connection.sendall(data[sent:])
    connection.shutdown(socket.SHUT_WR)


def _line(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """One answer, and the descriptors that came with it."""
    data, descriptors = b"", []
    while not data.endswith(b"\n"):
        part, more, _flags, _address = socket.recv_fds(connection, 1, 1)
        if not part:
            raise Unforked(_("the daemon has ended"))
        data += part
        descriptors += more
    return json.loads(data), descriptors
