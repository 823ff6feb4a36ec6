"""Two processes that share the work, started by torchrun as a learner starts them, beside one process alone.

torchrun runs this very file: its last lines are the script.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gptcore import GPTConfig, GPTModel, fit
from gptcore.training.distributed import Processes

CONFIG = GPTConfig(vocab_size=11, context_length=8, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.0)
CIRCLE = torch.arange(400) % 10
ELSEWHERE = torch.arange(150) // 3 % 11  # gets worse soon, while the circle is learned


def train(model: GPTModel, **settings) -> dict:
    """What training told, in a form that can be written down."""
    told = []
    settings = {"batch_size": 6, "learning_rate": 1e-2, "warmup_steps": 5, "eval_interval": 6} | settings
    history = fit(model, CIRCLE, ELSEWHERE, **settings, report_interval=4, on_progress=told.append)
    return {
        "losses": [[report.step, report.loss, report.val_loss] for report in history.reports],
        "end": [history.best_step, history.best_val_loss, history.stopped_by],
        "told": len(told),
        "weights": {name: weight.tolist() for name, weight in model.state_dict().items()},
    }


def train_by_turns(folder: Path, rank: int = 0) -> dict:
    """Training that ends by itself, and then training that is stopped; by one process or by several."""
    torch.manual_seed(rank)  # process 1 starts from other weights, and is given those of process 0
    model = GPTModel(CONFIG)
    asked = []
    return {
        "patience": train(model, max_steps=60, patience=2, checkpoint=folder / f"{rank}.safetensors"),
        "should_stop": train(model, max_steps=60, should_stop=lambda: asked.append(0) or len(asked) == 9),
    }


def sentence(model: GPTModel, **settings) -> str:
    try:
        train(model, **settings)
    except ValueError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> list[dict]:
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("together")
    local = ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *local, __file__, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    if sys.platform == "linux":
        environment["GLOO_SOCKET_IFNAME"] = "lo"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]
    found[0]["checkpoints"] = sorted(file.name for file in folder.glob("*.safetensors"))
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    return train_by_turns(tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize("turn", ["patience", "should_stop"])
def test_two_processes_tell_the_losses_and_learn_the_weights_of_one(together, alone, turn):
    expected = alone[turn]
    assert expected["end"][2] == turn
    for found in (together[0][turn], together[1][turn]):
        assert found["end"] == pytest.approx(expected["end"], abs=1e-5)
        assert len(found["losses"]) == len(expected["losses"])
        for report, expected_report in zip(found["losses"], expected["losses"], strict=True):
            assert report == pytest.approx(expected_report, abs=1e-5)
        for name, weight in expected["weights"].items():
            weights = (that_matter(name, torch.tensor(values)) for values in (found["weights"][name], weight))
            torch.testing.assert_close(*weights, atol=1e-4, rtol=1e-4)


def that_matter(name: str, weight: torch.Tensor) -> torch.Tensor:
    """All but the bias of the keys. It adds the same to all scores of a token, which changes nothing: its gradient is
    what rounding leaves, and AdamW makes steps of any gradient, however small."""
    if not name.endswith("qkv.bias"):
        return weight
    queries, _, values = weight.chunk(3)
    return torch.cat([queries, values])


def test_all_processes_end_with_the_very_same_weights(together):
    assert together[0]["should_stop"]["weights"] == together[1]["should_stop"]["weights"]


def test_only_one_process_tells_and_writes(together):
    assert together[0]["patience"]["told"] == len(together[0]["patience"]["losses"]) > 0
    assert together[1]["patience"]["told"] == 0
    assert together[0]["checkpoints"] == ["0.safetensors"]


def test_one_process_that_asks_to_stop_stops_all(together):
    for found in together:
        assert found["asked by one"]["end"][2] == "should_stop"
        assert [report[0] for report in found["asked by one"]["losses"]] == [1]


def test_a_loss_that_is_no_number_in_one_process_stops_all_with_the_sentence(together):
    for found in together:
        assert found["poisoned"] == "the loss became nan at step 1: try a lower learning_rate"


def test_rows_that_cannot_be_shared_equally_are_refused(together):
    for found in together:
        assert found["odd"] == "batch_size must be a multiple of 2, the processes, got 7"


def test_all_processes_go_on_from_one_checkpoint_as_if_there_had_been_no_break(together):
    for found in together:
        whole, broken, resumed = (found[name] for name in ("whole", "broken off", "resumed"))
        assert broken["end"][2] == "should_stop" and broken["weights"] != whole["weights"]
        assert resumed["losses"] == [report for report in whole["losses"] if report[0] > 6]
        assert (resumed["end"], resumed["weights"]) == (whole["end"], whole["weights"])


def test_dropout_differs_between_processes_but_not_between_runs(together):
    first, second = (found["dropout"] for found in together)
    assert first[0] == first[1] and second[0] == second[1]
    assert first[0] != second[0]


def test_one_process_alone_shares_nothing():
    processes = Processes.together(torch.device("cpu"))
    rows, model = torch.rand(6, 4), torch.nn.Linear(2, 2)
    assert (processes.rank, processes.count) == (0, 1)
    assert processes.connected(model) is model
    assert torch.equal(processes.share(rows), rows) and torch.equal(processes.sum(rows), rows)
    assert processes.any(True) and not processes.any(False)


def test_shares_are_all_rows_once():
    rows = torch.arange(12).view(6, 2)
    shares = [Processes(torch.device("cpu"), rank, 3).share(rows) for rank in range(3)]
    assert torch.equal(torch.cat(shares), rows) and {len(share) for share in shares} == {2}


def _what_one_process_finds(folder: Path, rank: int) -> dict:
    found = train_by_turns(folder, rank)
    model = GPTModel(CONFIG)
    found["odd"] = sentence(model, max_steps=1, batch_size=7)
    found["asked by one"] = train(model, max_steps=60, should_stop=lambda: rank == 1)

    checkpoint, asked = folder / "shared" / "training.safetensors", []
    checkpoint.parent.mkdir(exist_ok=True)
    stop_at_9 = {"checkpoint": checkpoint, "should_stop": lambda: asked.append(0) or len(asked) == 9}
    for name, settings in {"whole": {}, "broken off": stop_at_9, "resumed": {"checkpoint": checkpoint}}.items():
        torch.manual_seed(0)
        found[name] = train(GPTModel(CONFIG), max_steps=18, **settings)

    dropped = []

    def look(module, inputs, output):
        if module.training:
            dropped.append((output == 0).flatten().tolist())

    model = GPTModel(GPTConfig(**{**CONFIG, "drop_rate": 0.5}))
    model.dropout.register_forward_hook(look)
    for _ in range(2):
        train(model, max_steps=1)
    found["dropout"] = dropped

    model = GPTModel(CONFIG)
    if rank == 1:
        model.forward = lambda token_ids: GPTModel.forward(model, token_ids) * torch.nan
    found["poisoned"] = sentence(model, max_steps=3)
    return found


if __name__ == "__main__":
    torch.distributed.init_process_group("gloo")
    number = torch.distributed.get_rank()
    findings = _what_one_process_finds(Path(sys.argv[1]), number)
    Path(sys.argv[1], f"{number}.json").write_text(json.dumps(findings))
    torch.distributed.destroy_process_group()
