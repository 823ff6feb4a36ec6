import subprocess
import sys

import pytest
import torch

import gptcore
from gptcore import GPT_CONFIG_1558M, GPTConfig, GPTModel, KVCache, evaluate, fit, generate, memory, quantize, record
from gptcore.memory import SMALL, check_room, free_bytes
from gptcore.seeds import Uniforms

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


@pytest.mark.parametrize("error", [OSError, RuntimeError, ImportError])
def test_what_a_system_does_not_tell_refuses_nothing(monkeypatch, error):
    def silent() -> int:
        raise error

    monkeypatch.setattr(memory, "_left_on_machine", silent)
    assert free_bytes() is None
    check_room("the model", 10**18, "cpu")


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


SMALL_CONFIG = GPTConfig(vocab_size=340, context_length=20, emb_dim=16, n_heads=2, n_layers=3)
WEIGHTS = 340 * 16 + 20 * 16 + 3 * (12 * 16 * 16 + 13 * 16) + 2 * 16  # counted by hand
# 340 rows of the embedding are 2 groups of 176, the last not full. A group has 8 bytes of scales for each input, and
# each output has a scale of its own.
INT8 = 16 * 2 * 184 + 3 * (16 * (56 + 24 + 72) + 64 * 24) + 4 * (20 * 16 + 3 * 13 * 16 + 2 * 16)
INT8 += 4 * (340 + 3 * 9 * 16)
TOKENS = torch.arange(200) % 50


@pytest.fixture
def only(monkeypatch):
    """only(size): the machine has so many bytes left."""

    def leave(size: int) -> None:
        monkeypatch.setattr(memory, "SMALL", 0)
        monkeypatch.setattr(memory, "LAYER", 0)  # only what the weights take is counted
        monkeypatch.setattr(memory, "free_bytes", lambda device: None if str(device) == "meta" else size)

    return leave


# What is done, and how many bytes it takes at least, counted by hand.
TAKING = {
    "model": (lambda model, folder: GPTModel(SMALL_CONFIG), 4 * WEIGHTS),
    "cache": (lambda model, folder: KVCache(SMALL_CONFIG, 5, 7), 4 * 2 * 3 * 5 * 7 * 16),
    "half a cache": (lambda model, folder: KVCache(SMALL_CONFIG, 5, dtype=torch.float16), 2 * 2 * 3 * 5 * 20 * 16),
    "generate": (lambda model, folder: generate(model, TOKENS[:8].view(2, 4), 14), 4 * 2 * 3 * 2 * 18 * 16),
    "load": (lambda model, folder: gptcore.load_model(folder, "cpu"), 4 * WEIGHTS),
    "load in bfloat16": (lambda model, folder: gptcore.load_model(folder, "cpu", torch.bfloat16), 2 * WEIGHTS),
    "quantize": (lambda model, folder: quantize(model), INT8),
    "load in int8": (lambda model, folder: gptcore.load_model(folder, "cpu", torch.int8), INT8),
    "record": (lambda model, folder: record(model, TOKENS[:9]), 4 * (2 * 3 * 2 * 81 + 2 * 4 * 9 * 16 + 9 * 340)),
    "evaluate": (lambda model, folder: evaluate(model, TOKENS, batch_size=4), 4 * 20 * 2 * 4 * 340),
    "fit": (
        lambda model, folder: fit(model, TOKENS, TOKENS, max_steps=1, batch_size=4),
        4 * 4 * WEIGHTS + 4 * 20 * (3 * (8 * 16 + 2 * 64) * 4 + 3 * 4 * 340),
    ),
    "fit in bfloat16": (
        lambda model, folder: fit(model, TOKENS, max_steps=1, batch_size=4, autocast=torch.bfloat16),
        3 * 4 * WEIGHTS + 4 * 20 * (3 * (8 * 16 + 2 * 64) * 2 + 3 * 4 * 340),
    ),
    "bandwidth": (lambda model, folder: gptcore.read_bandwidth("cpu", megabytes=3), 3_000_000),
}


@pytest.fixture(scope="module")
def model_and_folder(tmp_path_factory, tokenizer):
    torch.manual_seed(0)
    folder, model = tmp_path_factory.mktemp("model"), GPTModel(SMALL_CONFIG)
    gptcore.save(folder, model, tokenizer)
    return model, folder


@pytest.mark.parametrize(("take", "needed"), TAKING.values(), ids=TAKING)
def test_what_does_not_fit_is_refused_before_any_work(take, needed, model_and_folder, only):
    only(needed - 1)
    before = [parameter.clone() for parameter in model_and_folder[0].parameters()]
    with pytest.raises(
        MemoryError, match=rf"needs at least {needed:,} bytes of memory .*has {needed - 1:,} free .*: \w+"
    ):
        take(*model_and_folder)
    after = model_and_folder[0].parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("take", [take for take, _ in TAKING.values()], ids=TAKING)
def test_what_fits_is_done(take, model_and_folder, only):
    only(10**8)
    take(*model_and_folder)


@pytest.mark.parametrize(
    "sizes",
    [
        {"n_layers": 10**9},
        {"n_layers": 10**7, "emb_dim": 1, "n_heads": 1},
        {"emb_dim": 12 * 10**8},
        {"vocab_size": 10**400},
    ],
    ids=str,
)
def test_a_model_that_no_machine_holds_is_refused_at_once(sizes):
    with pytest.raises(MemoryError, match="^a model of .{1,300}: choose smaller sizes in config$"):
        GPTModel(GPTConfig(**sizes))


def test_too_many_rows_are_refused():
    with pytest.raises(MemoryError, match="a cache for 10000000 texts of 1,024 tokens needs at least"):
        KVCache(GPT_CONFIG_1558M, 10**7)
    with pytest.raises(MemoryError, match="needs at least 5,000,000,000,000 bytes"):
        Uniforms(1, 10**9)
    with pytest.raises(MemoryError, match="training with batch_size=1000000000 needs"):
        fit(GPTModel(SMALL_CONFIG), TOKENS, max_steps=1, batch_size=10**9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_what_does_not_fit_on_a_gpu_is_refused_before_any_work():
    free = torch.cuda.mem_get_info()[0]
    rows = free // (2 * 48 * 1024 * 1600 * 4) + 10
    with pytest.raises(MemoryError, match="cuda has .* free"):
        KVCache(GPT_CONFIG_1558M, rows, device="cuda")
    model = GPTModel(SMALL_CONFIG).cuda()
    with pytest.raises(MemoryError, match="cuda(:0)? has .* free"):
        fit(model, TOKENS, max_steps=1, batch_size=free // 1000)
    assert generate(model, TOKENS[None, :4].cuda(), 3).shape == (1, 7)
