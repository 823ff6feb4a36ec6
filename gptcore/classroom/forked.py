"""What a forked process does first: it becomes the student's, and only then reads what the student asks.

What it is to be, a kernel or a server, the module says that the daemon was started with.
"""

import atexit
import json
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from types import ModuleType
from typing import Any, NoReturn

from gptcore.classroom.peer import Refused, become, peer_of
from gptcore.language import _, language, languages

SECONDS = 10  # from the fork to the end of the request
MOST = 2**20  # bytes of a request
# What Python and the loader read when a process begins, and a forked one cannot read again.
READ_AT_START = ("PYTHON", "LD_")
READ_LATER = {"PYTHONSTARTUP", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE"}  # or of no weight


def run(connection: socket.socket, kind: ModuleType) -> NoReturn:
    """Be what the process at the other end of `connection` asks for. This is the child; it never returns."""
    code = 1
    try:
        signal.alarm(SECONDS)  # ends this process, also where bytes come one by one
        atexit._clear()  # what the daemon does at its end is not the child's to do
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _close_all_but(connection)
        become(peer_of(connection), kind.NAME, kind.BEHIND)
        request = _received(connection)
        signal.alarm(0)
        adopt(request)
        kind.adopt()
        process = os.pidfd_open(os.getpid())
        _send(connection, {"pid": os.getpid()}, process)
        os.close(process)
        connection.close()
        kind.begin(request["arguments"])
        code = 0
    except Refused as refused:
        with suppress(OSError):
            _send(connection, {"refused": str(refused)})
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(BaseException):
            threading._shutdown()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _close_all_but(connection: socket.socket) -> None:
    """Close the descriptors of the daemon and of other students' processes."""
    kept, most = connection.fileno(), os.sysconf("SC_OPEN_MAX")
    os.closerange(3, kept)
    os.closerange(kept + 1, most)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)


def _received(connection: socket.socket) -> dict[str, Any]:
    """What the student asks: from here on this process can do nothing that the student could not do without it."""
    data, descriptors = b"", []
    while len(data) <= MOST:
        part, more, _flags, _address = socket.recv_fds(connection, 2**16, 2)
        descriptors += more
        data += part
        if not part:
            break
    try:
        request = json.loads(data)
        right = (
            isinstance(request["cwd"], str)
            and all(isinstance(argument, str) for argument in request["arguments"])
            and all(isinstance(text, str) for pair in request["environment"].items() for text in pair)
            and isinstance(request["prefix"], str)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        right = False
    if not right:
        raise Refused(_("the request cannot be read"))
    for standard, descriptor in zip((1, 2), descriptors, strict=False):
        os.dup2(descriptor, standard)
    for descriptor in descriptors:
        os.close(descriptor)
    # The daemon's own know whether they could seek in what was theirs.
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    return request


def _send(connection: socket.socket, answer: dict[str, Any], *descriptors: int) -> None:
    socket.send_fds(connection, [json.dumps(answer).encode() + b"\n"], descriptors)


def adopt(request: dict[str, Any]) -> None:
    """Take over the environment and the folder of the student, and forget what the daemon's were."""
    environment = request["environment"]
    if request["prefix"] != sys.prefix or _at_start(environment) != _at_start(os.environ):
        raise Refused(_("it is to run in another Python, or with other settings of it"))
    try:
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(request["cwd"])
    except (OSError, ValueError) as error:
        raise Refused(_("the environment cannot be taken over: {reason}").format(reason=error)) from None
    os.environ.pop("JPY_PARENT_PID", None)
    time.tzset()
    tempfile.tempdir = None
    language(environment["GPTCORE_LANGUAGE"] if environment.get("GPTCORE_LANGUAGE") in languages() else "en")
    random.seed()


def _at_start(environment: Any) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(READ_AT_START) and name not in READ_LATER and value
    }
