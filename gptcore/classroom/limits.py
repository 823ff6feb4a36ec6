"""What one student can take of the machine: each process by its own limits, all of them together by a control group.

A control group needs a system that lends one: Linux with version 2 of them, and a service of systemd that says
`Delegate=yes`, or a container of the hub's own. Elsewhere only each process is bounded. Forked kernels take both over.
"""

import ctypes
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

BEHIND = 10  # niceness: the hub, who lets others in, goes before those who are at work
PROCESSES = 512  # of one student, threads counted: some forty kernels, and no fork bomb
_MINE, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_SYSTEMD = Path("/run/systemd/system")  # is there where systemd runs
_NO_NEW_PRIVILEGES = 38  # of prctl: nothing that is run gains a right, as with sudo


def group_of(student: str, memory: int) -> Path | None:
    """The control group for all processes of one, with at most `memory` bytes; None where the system lends none."""
    if (groups := lent_groups()) is None:
        return None
    group = groups / student
    try:
        group.mkdir(exist_ok=True)
        (group / "memory.max").write_text(str(memory))
        with suppress(FileNotFoundError):  # a system without swap
            (group / "memory.swap.max").write_text("0")
        return group
    except OSError:
        return None


def lent_groups() -> Path | None:
    """The folder of the control groups of students, made beside that of the hub, which moves into one of its own.

    Linux wants it so: where memory is shared out among groups, no process may be in the group around them.
    """
    own = next((line[3:] for line in _MINE.read_text().splitlines() if line.startswith("0::")), None)
    if own is None or not (around := _around(own.strip("/"))):
        return None
    try:
        if "memory" not in (around / "cgroup.controllers").read_text().split():
            return None
        for name in ("hub", "students"):
            (around / name).mkdir(exist_ok=True)
        for pid in (around / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                (around / "hub" / "cgroup.procs").write_text(pid)
        for folder in (around, around / "students"):
            (folder / "cgroup.subtree_control").write_text("+memory")
        return around / "students"
    except OSError:  # not lent, or not to this user
        return None


def _around(own: str) -> Path | None:
    """The group that was lent, as systemd marks it; without systemd that of a container, never the root of all."""
    folder = _GROUPS / own
    folder = folder.parent if folder.name == "hub" else folder
    if not (folder / "memory.max").exists():  # the root of all has no limit
        return None
    return folder if not _SYSTEMD.exists() or _is_delegated(folder) else None


def _is_delegated(folder: Path) -> bool:
    try:
        return os.getxattr(folder, "trusted.delegate") == b"1"
    except OSError:
        return False


def bound(process_memory: int, group: Path | None) -> Callable[[], None]:
    """What a process does before it becomes the student's: take on the limits, and give up every way back."""
    libc = ctypes.CDLL(None)

    def before() -> None:
        if group is not None:
            (group / "cgroup.procs").write_text("0")
        os.umask(0o077)
        os.nice(BEHIND)
        for limit, value in (
            (resource.RLIMIT_DATA, process_memory),
            (resource.RLIMIT_NPROC, PROCESSES),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(limit, (value, value))
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)

    return before
