"""What a forked kernel does before it is one: it becomes the student's, and only then reads what the student asks."""

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
from functools import cache
from typing import Any, NoReturn

from gptcore.classroom.peer import Refused, become, peer_of
from gptcore.language import _, language, languages

SECONDS = 10  # from the fork to the end of the request
MOST = 2**20  # bytes of a request
# What Python and the loader read when a process begins, and a forked one cannot read again.
READ_AT_START = ("PYTHON", "LD_")
READ_LATER = {"PYTHONSTARTUP", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE"}  # or of no weight


def run(connection: socket.socket) -> NoReturn:
    """Be the kernel of the process at the other end of `connection`. This is the child; it never returns."""
    code = 1
    try:
        signal.alarm(SECONDS)  # ends this process, also where bytes come one by one
        atexit._clear()  # what the daemon does at its end is not the kernel's to do
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _close_all_but(connection)
        become(peer_of(connection))
        request = _received(connection)
        signal.alarm(0)
        adopt(request)
        process = os.pidfd_open(os.getpid())
        _send(connection, {"pid": os.getpid()}, process)
        os.close(process)
        connection.close()
        _run_kernel(request["arguments"])
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
    """Close the descriptors of the daemon and of other students' kernels."""
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
    return request


def _send(connection: socket.socket, answer: dict[str, Any], *descriptors: int) -> None:
    socket.send_fds(connection, [json.dumps(answer).encode() + b"\n"], descriptors)


def adopt(request: dict[str, Any]) -> None:
    """Take over the environment and the folder of the student, and forget what the daemon's were."""
    environment = request["environment"]
    if request["prefix"] != sys.prefix or _at_start(environment) != _at_start(os.environ):
        raise Refused(_("the kernel is to run in another Python, or with other settings of it"))
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
    _reseed()
    _adopt_threads(environment.get("OMP_NUM_THREADS", ""))
    _adopt_folders_of_matplotlib()


def _at_start(environment: Any) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(READ_AT_START) and name not in READ_LATER and value
    }


def _reseed() -> None:
    """No two kernels draw alike, although all were forked from one."""
    import numpy
    import torch

    random.seed()
    numpy.random.seed()
    torch.seed()


def _adopt_threads(asked: str) -> None:
    import torch

    torch.set_num_threads(int(asked) if asked.isdecimal() and int(asked) else len(os.sched_getaffinity(0)))


def _adopt_folders_of_matplotlib() -> None:
    import matplotlib

    for name in ("get_configdir", "get_cachedir"):  # they remember the daemon's
        setattr(matplotlib, name, cache(getattr(matplotlib, name).__wrapped__))
    matplotlib.rcParams["backend"] = os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline"


def _run_kernel(arguments: list[str]) -> None:
    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["ipykernel_launcher", *arguments]
    # The daemon looks nowhere that others can write; a student's own modules lie beside the notebook.
    before = (place for place, folder in enumerate(sys.path) if folder.endswith(("site-packages", "dist-packages")))
    sys.path.insert(next(before, 0), "")
    IPKernelApp.launch_instance([*arguments, "--IPKernelApp.parent_handle=1"])  # whose end the daemon looks after
