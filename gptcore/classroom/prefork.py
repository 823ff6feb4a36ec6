"""Kernels and servers in a fraction of a second: a daemon imports what they need once, and forks for each student.

It runs as root, because it makes processes of every student, and so it does as little as can be:

- It reads nothing that anybody sends. Linux says who has connected; the forked process becomes that user for good, and
  only then reads what is asked (`peer.py`, `forked.py`).
- It has no secret to fork: it begins anew with a bare environment, and imports only what others cannot write.
- It has one thread, and nobody can keep it waiting. It counts the kernels of each user, and how often one asks.

Without root, `python -m gptcore.classroom prefork --socket FILE` forks for its own user.
"""

import argparse
import gc
import grp
import json
import os
import pwd
import resource
import select
import signal
import socket
import stat
import sys
import time
from collections import deque
from collections.abc import Iterable
from compileall import compile_dir
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType

from gptcore.classroom import forked, kernels, servers
from gptcore.classroom.asking import FOLDER, SOCKETS
from gptcore.classroom.peer import NOBODY, Refused, credentials
from gptcore.command_line import say
from gptcore.language import N_, _

ABOUT = N_("fork kernels, or servers, in which everything is imported already; the hub starts both as services")
NAME = "gptcore.classroom"
KINDS = {"kernels": kernels, "servers": servers}
PROCESSES, STARTS, SECONDS = 24, 24, 10  # of one user: how many at once, and how many starts in how many seconds
BACKLOG = 128

# All that is left of the environment in which the daemon is started: a hub's has the secrets of its services.
KEPT = {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONPATH", "PYTHONHOME", "GPTCORE_LANGUAGE", "OMP_WAIT_POLICY"}
ADDED = {
    "HOME": "/nonexistent",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OMP_NUM_THREADS": "1",  # a pool of threads does not survive a fork
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is forked, and where one asks for it."""
    said = _("what is forked (default: %(default)s)")
    parser.add_argument("what", nargs="?", choices=list(KINDS), default="kernels", help=said)
    parser.add_argument("--socket", type=Path, help=_("where it listens (default: {folder})").format(folder=FOLDER))


def run(options: argparse.Namespace) -> int:
    """Begin anew with a bare environment, import, listen, and fork until the process is ended."""
    if not sys.platform.startswith("linux"):
        say(NAME, _("nothing is forked but on Linux; elsewhere kernels and servers start as always"))
        return 1
    kind, place = KINDS[options.what], options.socket or Path(SOCKETS[options.what])
    bare = bare_environment(dict(os.environ))
    if bare != os.environ or not sys.flags.safe_path:
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        command = ["-P", "-s", "-m", "gptcore.classroom", "prefork", options.what, "--socket", str(place.absolute())]
        os.execve(sys.executable, [sys.executable, *command], bare)
    os.umask(0o022)  # what is compiled here is for all to read
    with listening(place) as listener:  # at once: whoever asks before it can fork waits
        preload(kind)
        check_alone()
        say(NAME, _("listens on {file}").format(file=place))
        serve(listener, kind)
    return 0


def bare_environment(environment: dict[str, str]) -> dict[str, str]:
    """What is left of an `environment`, and what is added."""
    return {name: value for name, value in environment.items() if name in KEPT} | ADDED


def preload(kind: ModuleType) -> None:
    """Import what a kind of process needs, under settings that are nobody's.

    Raises ValueError if someone other than root could have written any of it.
    """
    if os.geteuid() == 0:
        check_trusted(sys.path)
    kind.preload()
    compile_dir(Path(__file__).parents[1], quiet=2)  # students could not keep what they compile
    if os.geteuid() == 0:
        check_trusted(filter(None, (getattr(module, "__file__", None) for module in list(sys.modules.values()))))
    gc.collect()
    gc.freeze()  # so that a collection in a child does not write on, and copy, every page


def check_trusted(places: Iterable[str | Path]) -> None:
    """Raise ValueError if others than root and the environment's owner can write `places`, or a folder around one.

    A folder around it may have the sticky bit, as /tmp has: in it nobody can replace what is another's.
    """
    owners = frozenset({0, os.stat(sys.prefix).st_uid})
    paths = {path for place in places for path in (Path(place).absolute(), Path(place).resolve())}
    for part in sorted(paths.union(*(path.parents for path in paths))):
        if not part.exists():
            continue
        about = part.stat()
        by_others = about.st_mode & stat.S_IWOTH or (
            about.st_mode & stat.S_IWGRP and not _members(about.st_gid) <= owners
        )
        is_sticky = part.is_dir() and part not in paths and about.st_mode & stat.S_ISVTX
        if about.st_uid not in owners or (by_others and not is_sticky):
            said = _("{file} can be written by others than root: install the class where only root can write")
            raise ValueError(said.format(file=part))


@cache
def _members(gid: int) -> set[int]:
    """Who is in a group: on Debian that of /usr/local is there for others than root, and empty."""
    names = grp.getgrgid(gid).gr_mem
    return {user.pw_uid for user in pwd.getpwall() if user.pw_gid == gid or user.pw_name in names}


def check_alone() -> None:
    """Raise ValueError if there is more than one thread: a fork takes one with it, and the locks of all."""
    if (threads := len(os.listdir("/proc/self/task"))) > 1:
        raise ValueError(_("{count} threads run where only one may be forked").format(count=threads))


def listening(file: Path) -> socket.socket:
    """A socket that listens at `file`: for everybody where the daemon is root's, otherwise for its user.

    Raises ValueError if another daemon listens there, or if others could put a socket of theirs in its place.
    """
    with suppress(FileExistsError):
        file.parent.mkdir()
        os.chmod(file.parent, 0o755 if os.geteuid() == 0 else 0o700)
    if os.geteuid() == 0:
        check_trusted([file.parent])
    if file.exists() and not file.is_socket():
        raise ValueError(_("{file} is there, and is no socket").format(file=file))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with suppress(OSError):
        listener.connect(str(file))
        raise ValueError(_("another daemon listens on {file}").format(file=file))
    listener.close()
    file.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(file))
    os.chmod(file, 0o666 if os.geteuid() == 0 else 0o600)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


@dataclass
class Child:
    """A forked process, and the connection over which its exit status is told."""

    pid: int
    uid: int
    process: int
    connection: socket.socket | None


@dataclass
class Daemon:
    """The children that run, by the descriptors of their processes and of their connections, and who asked when."""

    children: dict[int, Child] = field(default_factory=dict)
    connections: dict[int, Child] = field(default_factory=dict)
    asked: dict[int, deque[float]] = field(default_factory=dict)
    warned: set[int] = field(default_factory=set)  # users of whose refusal the log knows: none can fill it

    def check_budget(self, uid: int) -> None:
        """Raise Refused if the user has too many processes, or asks too often."""
        times = self.asked.setdefault(uid, deque(maxlen=STARTS))
        now = time.monotonic()
        if sum(child.uid == uid for child in self.children.values()) >= PROCESSES:
            raise Refused(_("{count} processes of one user run already").format(count=PROCESSES))
        if len(times) == STARTS and now - times[0] < SECONDS:
            raise Refused(_("one user asks too often"))
        times.append(now)


def serve(listener: socket.socket, kind: ModuleType) -> None:
    """Fork a child for each connection, and tell its exit status there; end those whose other side is gone."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    daemon, poll = Daemon(), select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _event in poll.poll()}
        for descriptor in ready:
            if descriptor in daemon.children:
                _ended(daemon, poll, daemon.children.pop(descriptor))
            elif descriptor in daemon.connections:
                _left(daemon, poll, daemon.connections.pop(descriptor))
        if listener.fileno() in ready:  # last: a new connection may get the number of one that has just been closed
            _accept(daemon, poll, listener, kind)


def _accept(daemon: Daemon, poll: select.poll, listener: socket.socket, kind: ModuleType) -> None:
    try:
        connection, _address = listener.accept()
    except BlockingIOError:
        return
    except OSError as error:  # too many are open: those that wait are served when others have ended
        say(NAME, error)
        time.sleep(0.1)
        return
    connection.setblocking(False)
    uid = credentials(connection)[1]
    try:
        if os.geteuid() == 0 and uid in (0, NOBODY):
            raise Refused(_("nothing is forked for root, or for a user whom this machine does not know"))
        daemon.check_budget(uid)
        child = _fork(connection, uid, kind)
        daemon.warned.discard(uid)
    except (Refused, OSError) as refused:
        if uid not in daemon.warned:
            say(NAME, _("user {uid}: {reason}").format(uid=uid, reason=refused))
        daemon.warned.add(uid)
        _tell(connection, {"refused": str(refused)})
        connection.close()
        return
    daemon.children[child.process] = daemon.connections[connection.fileno()] = child
    poll.register(child.process, select.POLLIN)
    poll.register(connection, 0)  # nothing is read: a hang-up is reported all the same


def _fork(connection: socket.socket, uid: int, kind: ModuleType) -> Child:
    pid = os.fork()
    if pid == 0:
        connection.setblocking(True)
        forked.run(connection, kind)
    try:
        return Child(pid, uid, os.pidfd_open(pid), connection)
    except OSError:  # too many are open: a child that cannot be waited for is none
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _ended(daemon: Daemon, poll: select.poll, child: Child) -> None:
    """Tell the exit status of a child."""
    _pid, status = os.waitpid(child.pid, 0)
    poll.unregister(child.process)
    os.close(child.process)
    if child.connection is not None:
        poll.unregister(child.connection)
        del daemon.connections[child.connection.fileno()]
        _tell(child.connection, {"exit": os.waitstatus_to_exitcode(status)})
        child.connection.close()


def _left(daemon: Daemon, poll: select.poll, child: Child) -> None:
    """End a child whose other side has ended, with what it has started: nobody could ever speak with it again."""
    poll.unregister(child.connection)
    child.connection.close()
    child.connection = None
    signal.pidfd_send_signal(child.process, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _tell(connection: socket.socket, answer: dict) -> None:
    with suppress(OSError):
        connection.send(json.dumps(answer).encode() + b"\n", socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
