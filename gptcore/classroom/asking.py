"""Asking a daemon of `prefork.py` for a process of one's own, and looking after it. Nothing slow is imported here."""

import hashlib
import json
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gptcore.classroom.folder import DEFAULT, class_folder
from gptcore.language import _


def run_folder(of_class: Path) -> str:
    """Where the daemons of a class listen, and where its kernels do: each class on a machine has its own.

    It is short, because the name of a kernel's socket can have 107 bytes at most.
    """
    if of_class == Path(DEFAULT):
        return "/run/gptcore-class"
    return f"/run/gptcore-class-{hashlib.sha256(os.fsencode(of_class)).hexdigest()[:8]}"


FOLDER = run_folder(class_folder())
SOCKETS = {"kernels": f"{FOLDER}/prefork.sock", "servers": f"{FOLDER}/servers.sock"}
SECONDS = 30  # in which a busy daemon answers
GROUP = 4  # PIDFD_SIGNAL_PROCESS_GROUP


class Unforked(Exception):
    """The daemon does not fork this process; the message says why."""


class ForkedProcess:
    """What Jupyter uses of `subprocess.Popen`, for a process that is the daemon's child."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int, process: int):
        self.pid, self.returncode = pid, None
        self._connection, self._process = connection, process

    def poll(self) -> int | None:
        """The exit status, as the daemon tells it; None while the process runs."""
        if self.returncode is None and select.select([self._process], [], [], 0)[0]:
            self.returncode = self._told()
            self._connection.close()
        return self.returncode

    def _told(self) -> int:
        with suppress(Unforked, OSError, ValueError, KeyError, TypeError):
            self._connection.settimeout(1)
            return int(_line(self._connection)[0]["exit"])
        return 1  # the daemon had ended before the process, which goes on without it

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once the process has ended."""
        select.select([self._process], [], [], timeout)
        return self.poll()

    def send_signal(self, number: int) -> None:
        """Send a signal to the process and to what it has started, if it has not ended."""
        if self.poll() is not None:
            return
        try:
            signal.pidfd_send_signal(self._process, number, None, GROUP)
        except OSError:  # Linux before 6.9
            os.killpg(self.pid, number)

    def pass_on(self, number: int) -> None:
        """Send a signal to the process alone, if it has not ended."""
        with suppress(ProcessLookupError):
            if self.poll() is None:
                signal.pidfd_send_signal(self._process, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def __del__(self):
        self._connection.close()
        os.close(self._process)


def ask(
    place: str, arguments: Sequence[str], environment: dict[str, str], cwd: str, streams: Sequence[int] = (1, 2)
) -> ForkedProcess:
    """A process that the daemon at `place` forks for these arguments; `streams` are its standard output and error.

    Raises Unforked if the daemon refuses, and OSError if there is none.
    """
    request = {"arguments": [*arguments], "environment": dict(environment), "cwd": cwd, "prefix": sys.prefix}
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(SECONDS)
        connection.connect(place)
        _check_daemon(connection)
        _send(connection, json.dumps(request).encode(), streams)
        answer, descriptors = _line(connection)
        if "pid" not in answer or not descriptors:
            raise Unforked(answer.get("refused", _("the daemon did not answer")))
    except BaseException:
        connection.close()
        raise
    return ForkedProcess(connection, answer["pid"], descriptors[0])


def _check_daemon(connection: socket.socket) -> None:
    """Raise Unforked unless root or the user listens: the daemon is told the environment, with all its keys."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    if (uid := struct.unpack("iII", credentials)[1]) not in (0, os.getuid()):
        raise Unforked(_("user {uid} pretends to be the daemon").format(uid=uid))


def _send(connection: socket.socket, data: bytes, descriptors: Sequence[int]) -> None:
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
