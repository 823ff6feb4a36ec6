import subprocess
import sys

import pytest
import torch

from gptcore import memory
from gptcore.memory import SMALL, check_room, free_bytes

GB = 10**9


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """groups(mine, {folder: {file: text}}): the control groups that this process finds itself in."""

    def make(mine: str, folders: dict[str, dict[str, str]]) -> None:
        (tmp_path / "mine").write_text(mine)
        for folder, files in folders.items():
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (tmp_path / folder / name).write_text(text + "\n")
        monkeypatch.setattr(memory, "_MINE", tmp_path / "mine")
        monkeypatch.setattr(memory, "_GROUPS", tmp_path)

    return make


def v2(limit: str, used: int, files: int = 0) -> dict[str, str]:
    statistics = f"anon {used - files}\nfile {files}\nactive_file {files // 4}\ninactive_file {files - files // 4}"
    return {"memory.max": limit, "memory.current": str(used), "memory.stat": statistics}


def v1(limit: int, used: int, files: int = 0) -> dict[str, str]:
    statistics = f"cache {files}\ninactive_file 7\ntotal_active_file {files}\ntotal_inactive_file 0"
    return {"memory.limit_in_bytes": str(limit), "memory.usage_in_bytes": str(used), "memory.stat": statistics}


def test_free_memory_is_that_of_the_machine():
    psutil = pytest.importorskip("psutil")
    free = free_bytes()
    assert 0 < free <= psutil.virtual_memory().total + psutil.swap_memory().total
    assert free_bytes("mps") == pytest.approx(free, rel=0.2)  # one memory for both
    assert free_bytes("meta") is None


@pytest.mark.parametrize(
    "mine, folders, free",
    [
        ("0::/\n", {"": v2("3000", 1000)}, 2000),  # a container that sees only its own group
        ("0::/\n", {"": v2("3000", 1000, files=400)}, 2400),  # pages of files make room
        ("0::/a/b\n", {"a": v2("5000", 4500), "a/b": v2("max", 10)}, 500),  # the limit of the group around it
        ("0::/a/b\n", {"a": v2("5000", 100), "a/b": v2("900", 200)}, 700),
        ("0::/\n", {"": v2("1000", 1200)}, 0),
        ("4:memory:/job\n3:cpu:/\n0::/\n", {"memory/job": v1(3000, 1000, files=100)}, 2100),
        ("4:cpu,memory:/seen/outside\n", {"memory": v1(3000, 1000)}, 2000),  # the path is that of the host
    ],
)
def test_the_limit_of_a_container_counts(groups, mine, folders, free):
    groups(mine, folders)
    assert free_bytes() == free


@pytest.mark.parametrize(
    "mine, folders",
    [
        ("0::/\n", {"": v2("max", 1000)}),
        ("4:memory:/\n", {"memory": v1(2**63 - 4096, 1000)}),
        ("3:cpu:/\n", {"memory": v1(3000, 1000)}),
        ("0::/a\n", {}),
    ],
)
def test_a_group_without_a_limit_does_not_count(groups, mine, folders):
    groups(mine, folders)
    assert free_bytes() > 10**6


def test_what_does_not_fit_is_refused_in_one_sentence(groups):
    groups("0::/\n", {"": v2(str(2 * GB), GB)})
    check_room("the model", GB, "cpu")
    with pytest.raises(MemoryError) as caught:
        check_room("the model", GB + 1, "cpu", "choose a smaller one")
    assert str(caught.value) == (
        "the model needs at least 1,000,000,001 bytes of memory (1 GB), "
        "but cpu has 1,000,000,000 free (1 GB): choose a smaller one"
    )
    with pytest.raises(MemoryError, match=r"at least 9,223,372,036,854,775,808 bytes"):
        check_room("the model", 10**400, torch.device("cpu"))


def test_little_is_not_asked_about(groups):
    groups("0::/\n", {"": v2("1000", 1000)})
    check_room("the text", SMALL - 1, "cpu")
    with pytest.raises(MemoryError):
        check_room("the text", SMALL, "cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces these limits")
@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_limit_of_the_process_counts(limit):
    program = (
        "import resource, torch\n"
        "from gptcore.memory import free_bytes\n"
        "free_bytes()\n"  # everything is imported
        "import psutil; memory = psutil.Process().memory_info()\n"
        f"taken = memory.vms if {limit!r} == 'RLIMIT_AS' else memory.data\n"
        f"resource.setrlimit(resource.{limit}, (taken + 300_000_000, -1))\n"
        "print(free_bytes())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stderr == "" and 200_000_000 < int(run.stdout) <= 300_000_000


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_memory_of_a_gpu_counts():
    free, total = torch.cuda.mem_get_info()
    assert 0 < free_bytes("cuda") <= total
    with pytest.raises(MemoryError, match="cuda has"):
        check_room("the model", total + 1, "cuda")
    kept = torch.empty(2**28, dtype=torch.uint8, device="cuda")
    before = free_bytes("cuda")
    del kept  # PyTorch keeps it for later
    assert free_bytes("cuda") >= before + 2**28
