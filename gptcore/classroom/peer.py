"""Who asks for a process, as Linux itself tells, and how a process of root's becomes a process of theirs.

Nothing here reads what the other side sends. A forked process takes over what a child of the asking process would have:
its user and groups, its limits, niceness, cores and control groups. Where it could not (another namespace, another
root folder, a filter of system calls, a label of SELinux or AppArmor), it would free its owner of a bound, and is
refused. Landlock's bounds cannot be seen from outside.
"""

import ctypes
import os
import platform
import pwd
import resource
import select
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gptcore.language import _

NOBODY = 65534  # as whom Linux shows a user whom this namespace does not know
SO_PEERGROUPS, SO_PEERPIDFD = 59, 77  # Python has no names for these
PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_NO_NEW_PRIVS = 4, 15, 38
KEYCTL = {"x86_64": 250, "aarch64": 219}  # the number of the system call
JOIN_SESSION_KEYRING = 1
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})


class Refused(Exception):
    """Nothing is forked; the message says why, in one sentence."""


def credentials(connection: socket.socket) -> tuple[int, int, int]:
    """(pid, uid, gid) of the process that has connected, as they were then."""
    return struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))


@dataclass(frozen=True)
class Peer:
    """The process that asks, and what a child of it would have."""

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...]
    process: int  # a descriptor: while the process has not ended, `pid` is no other process's
    niceness: int
    cores: frozenset[int]
    oom_score: int
    control_groups: str


def peer_of(connection: socket.socket) -> Peer:
    """The process at the other end of `connection`.

    Raises Refused if it is root's or nobody's, if it is not what its user's other processes are, or if it has ended.
    """
    pid, uid, gid = credentials(connection)
    if os.geteuid() == 0 and uid in (0, NOBODY):
        raise Refused(_("nothing is forked for root, or for a user whom this machine does not know"))
    if os.geteuid() not in (0, uid):
        raise Refused(_("this daemon forks for its own user alone"))
    try:
        user = pwd.getpwuid(uid)
        process = _opened(connection, pid)
        _check_bounds(pid, uid)
        return Peer(
            pid,
            uid,
            gid,
            _groups(connection, user, gid),
            process,
            os.getpriority(os.PRIO_PROCESS, pid),
            frozenset(os.sched_getaffinity(pid)),
            int(_read(pid, "oom_score_adj")),
            _read(pid, "cgroup"),
        )
    except KeyError:
        raise Refused(_("user {uid} has no account on this machine").format(uid=uid)) from None
    except (OSError, ValueError) as error:
        raise Refused(_("the process that asks cannot be looked at: {reason}").format(reason=error)) from None


def _opened(connection: socket.socket, pid: int) -> int:
    try:
        return connection.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
    except OSError:  # Linux before 6.5
        return os.pidfd_open(pid)


def _read(pid: int | str, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def _status(pid: int | str) -> dict[str, str]:
    lines = (line.partition(":") for line in _read(pid, "status").splitlines())
    return {name: value.strip() for name, _, value in lines}


def _bounds(pid: int | str) -> dict[str, object]:
    """What a process lives in, and a forked one cannot be put into."""
    status, root = _status(pid), os.stat(f"/proc/{pid}/root")
    known = (name for name in NAMESPACES if os.path.exists(f"/proc/self/ns/{name}"))
    bounds: dict[str, object] = {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in known}
    bounds |= {name: status.get(name) for name in ("Seccomp", "Seccomp_filters")}
    bounds["root"] = root.st_dev, root.st_ino
    with suppress(OSError):  # a system without such labels
        bounds["label"] = _read(pid, "attr/current")
    return bounds


def _check_bounds(pid: int, uid: int) -> None:
    if any(int(value) != uid for value in _status(pid)["Uid"].split()):
        raise Refused(_("the process that asks has more than one user"))
    mine = _bounds("self")
    differing = sorted(name for name, value in _bounds(pid).items() if mine.get(name) != value)
    if differing:
        said = _("the process that asks is bounded as this daemon is not ({names})")
        raise Refused(said.format(names=", ".join(differing)))


def _groups(connection: socket.socket, user: pwd.struct_passwd, gid: int) -> tuple[int, ...]:
    """The groups that the user has on this machine and in the process: never more than one of both gives."""
    if gid != user.pw_gid:
        raise Refused(_("the process that asks runs with a group that is not its user's own"))
    given = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)
    theirs = {gid, *struct.unpack(f"{len(given) // 4}I", given)}
    return tuple(group for group in os.getgrouplist(user.pw_name, gid) if group in theirs)


def become(peer: Peer, name: str, behind: int) -> None:
    """Turn this process, root's, into one of the peer's called `name`, for good, whose session is `behind` the peer's.

    Raises Refused, and nothing of the peer's may be run, if anything of root's is left.
    """
    try:
        if os.geteuid() == 0:
            _join_control_groups(peer.control_groups)
            Path("/proc/self/oom_score_adj").write_text(str(max(peer.oom_score, int(_read("self", "oom_score_adj")))))
        os.sched_setaffinity(0, peer.cores & os.sched_getaffinity(0) or peer.cores)
        os.setpriority(os.PRIO_PROCESS, 0, peer.niceness)
        os.setsid()
        _let_go_before(peer.niceness + behind)
        os.umask(0o077)
        if os.geteuid() == 0:
            _drop(peer)
        for limit in LIMITS:  # now that this is a process of theirs, it may read them
            theirs = resource.prlimit(peer.pid, limit)
            resource.setrlimit(limit, tuple(map(_lower, resource.getrlimit(limit), theirs)))
    except (OSError, ValueError) as error:
        raise Refused(_("the daemon cannot become user {uid}: {reason}").format(uid=peer.uid, reason=error)) from None
    if select.select([peer.process], [], [], 0)[0]:
        raise Refused(_("the process that asks has ended"))
    os.close(peer.process)
    _prctl(PR_SET_NAME, name.encode())
    # Until now no process of the student's could have taken hold of this one, which was not yet bounded. What the
    # daemon had in memory is no secret.
    _prctl(PR_SET_DUMPABLE, 1)


def _let_go_before(niceness: int) -> None:
    """Linux may share the processor evenly among sessions, so that niceness counts inside each: say it of this one."""
    with suppress(OSError):  # no such sharing here
        Path("/proc/self/autogroup").write_text(str(min(niceness, 19)))


def _drop(peer: Peer) -> None:
    libc = ctypes.CDLL(None)
    if platform.machine() in KEYCTL:  # a keyring of its own: root's may hold keys
        libc.syscall(KEYCTL[platform.machine()], JOIN_SESSION_KEYRING, None)
    os.setgroups(peer.groups)
    os.setresgid(peer.gid, peer.gid, peer.gid)
    os.setresuid(peer.uid, peer.uid, peer.uid)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    status = _status("self")
    kept = [name for name in ("CapInh", "CapPrm", "CapEff", "CapAmb") if int(status[name], 16)]
    mine = os.getresuid() == (peer.uid,) * 3 and os.getresgid() == (peer.gid,) * 3
    if kept or not mine or set(os.getgroups()) != set(peer.groups) or status["NoNewPrivs"] != "1":
        raise Refused(_("the daemon cannot become user {uid}: {reason}").format(uid=peer.uid, reason=kept))


def _prctl(option: int, value: int | bytes) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _lower(mine: int, theirs: int) -> int:
    """The lower of two limits, of which -1 is none."""
    return min((limit for limit in (mine, theirs) if limit != resource.RLIM_INFINITY), default=resource.RLIM_INFINITY)


def _join_control_groups(theirs: str) -> None:
    """Move into the control groups of /proc/…/cgroup `theirs`, so that what bounds the peer bounds this process."""
    mine = _read("self", "cgroup").splitlines()
    for line in theirs.splitlines():
        if line in mine:
            continue
        _number, controllers, path = line.split(":", 2)
        folder = _mounted(controllers) / path.lstrip("/")
        if ".." in folder.parts:
            raise ValueError(path)
        (folder / "cgroup.procs").write_text("0")


def _mounted(controllers: str) -> Path:
    """Where the control groups with these controllers are mounted: those of version 2 for an empty name."""
    for line in _read("self", "mounts").splitlines():
        _device, place, kind, options, *_rest = line.split()
        wanted = set(controllers.split(","))
        if (kind == "cgroup2" and not controllers) or (kind == "cgroup" and wanted <= set(options.split(","))):
            return Path(place)
    raise FileNotFoundError(controllers)
