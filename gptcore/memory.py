"""How much memory is free, asked before much of it is taken: the system may end a process that takes too much."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from gptcore.checks import given
from gptcore.config import GPTConfig
from gptcore.costs import num_parameters
from gptcore.language import _
from gptcore.sampling import DTYPES
from gptcore.units import bytes_text

LAYER = 2**14  # bytes that Python takes for the modules of one layer, at least
SMALL = 2**24  # bytes that are not asked about: asking would take longer than getting them

# Where Linux writes what the control groups of this process, those of a container, may use: in version 2 and in version
# 1, the folder, the limit, what is used, and in memory.stat the pages of files in it, which make room when needed.
_MINE, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_V2 = "", "memory.max", "memory.current", ("active_file", "inactive_file")
_V1 = "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", ("total_active_file", "total_inactive_file")


def check_room(what: str, needed: int, device: torch.device | str, instead: str = "") -> None:
    """Raise MemoryError, in one sentence, if `what` needs more bytes than are free on `device`.

    `instead` says what to do: "choose a smaller batch_size".
    """
    if needed < SMALL:
        return
    free = free_bytes(device)
    if free is not None and needed > free:
        needed = min(needed, 2**63)  # enough digits for a sentence
        problem = _(
            "{what} needs at least {needed:,} bytes of memory ({size}), but {device} has {free:,} free ({left})"
        ).format(
            what=what,
            needed=needed,
            size=bytes_text(needed),
            device=torch.device(device),
            free=free,
            left=bytes_text(free),
        )
        raise MemoryError(_("{problem}: {to_do}").format(problem=problem, to_do=instead) if instead else problem)


def check_model_fits(config: GPTConfig) -> None:
    """Raise MemoryError unless a new model with these sizes fits on PyTorch's default device."""
    weights = num_parameters(config) * torch.get_default_dtype().itemsize
    what = _("a model of {count:,} layers").format(count=config.n_layers)
    instead = _("choose smaller sizes in config")
    check_room(what, weights, torch.empty(0).device, instead)
    check_room(what, config.n_layers * LAYER, "cpu", instead)  # on "meta" too


def check_cache_fits(
    config: GPTConfig, batch_size: int, max_length: int, device: torch.device | None, dtype: torch.dtype | None
) -> None:
    """Raise MemoryError unless such a `KVCache` fits, TypeError for a dtype that no model computes in."""
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype in DTYPES):
        raise TypeError(
            _("dtype must be a floating-point one of 16 bits or more, or None, got {value}").format(value=given(dtype))
        )
    values = 2 * config.n_layers * batch_size * max_length * config.emb_dim
    needed = values * (dtype or torch.get_default_dtype()).itemsize
    what = _("a cache for {count} texts of {tokens:,} tokens").format(count=given(batch_size), tokens=max_length)
    check_room(what, needed, device or torch.empty(0).device, _("choose a smaller batch_size or max_length"))


def free_bytes(device: torch.device | str = "cpu") -> int | None:
    """Bytes that this process can still take on `device`; None where that is not known.

    On the CPU that is what the machine has left, swap included, or less if the process has a limit: that of its
    container, or `ulimit`'s. An Apple GPU shares the memory of the CPU. On CUDA it is what the GPU has left, and what
    PyTorch keeps for later.
    """
    device = torch.device(device)
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    if device.type not in ("cpu", "mps"):
        return None
    try:
        return max(0, min([_left_on_machine(), *_left_in_groups(), *_left_below_limits()]))
    except Exception:  # a system that does not tell: what is not known refuses nothing
        return None


def peak_bytes(process: int | str = "self") -> int | None:
    """The most memory that a process has had at any time, as far as it was resident; None where nothing tells, as on
    other systems than Linux.
    """
    status = Path(f"/proc/{process}/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.is_file() else None
    return int(found[1]) * 1024 if found else None


def _left_on_machine() -> int:
    import psutil

    memory = psutil.virtual_memory()
    if sys.platform == "darwin":  # which compresses what others hold, and makes swap as it needs it
        return memory.total - psutil.Process().memory_info().rss
    return memory.available + psutil.swap_memory().free


def _left_in_groups() -> Iterator[int]:
    """What each control group with a limit has left, those around it included."""
    for line in _MINE.read_text().splitlines() if _MINE.is_file() else []:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder, limit, used, files = _V1 if controllers else _V2
        group = Path(path.lstrip("/"))
        for parent in (group, *group.parents):
            try:
                allowed = int((_GROUPS / folder / parent / limit).read_text())
                taken = int((_GROUPS / folder / parent / used).read_text())
                statistics = (_GROUPS / folder / parent / "memory.stat").read_text()
            except (OSError, ValueError):  # not to be seen from in here, or "max"
                continue
            pages = (line.split() for line in statistics.splitlines())
            yield allowed - taken + sum(int(size) for name, size in pages if name in files)


def _left_below_limits() -> Iterator[int]:
    """What `ulimit -v` and `ulimit -d` leave."""
    if sys.platform != "linux":  # others do not enforce them
        return
    import resource

    import psutil

    memory = psutil.Process().memory_info()
    for limit, taken in ((resource.RLIMIT_AS, memory.vms), (resource.RLIMIT_DATA, memory.data)):
        allowed, _ = resource.getrlimit(limit)
        if allowed != resource.RLIM_INFINITY:
            yield allowed - taken
