"""What is left of the speed while other programs are at work: python -m gptcore.benchmark busy

How threads wait for each other is settled when a process starts. So each figure comes from a process of its own,
`python -m gptcore.benchmark.busy`, whose environment says how.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter, sleep

import torch

from gptcore.benchmark.generation import PROMPT, ours
from gptcore.benchmark.measure import Row
from gptcore.benchmark.training import BATCH, CONFIG, letter_ids
from gptcore.checkpoint import load_model
from gptcore.config import GPT_CONFIG_124M
from gptcore.language import N_, _
from gptcore.model import GPTModel
from gptcore.recording import record
from gptcore.training import fit

LOADS = {0: N_("idle"), 1: N_("one busy"), 2: N_("two busy")}
WAYS = {
    N_("as it is"): {},
    N_("one thread"): {"OMP_NUM_THREADS": "1"},
    N_("two threads"): {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "300000"},  # the default, which gptcore leaves alone
    N_("two threads, passive"): {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"},
}
SETTINGS = {"OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
UNITS = {"124M": "tokens/s", "storyteller": "tokens/s", "fit": "tokens/s", "record": "1/s"}


def busy(repeats: int) -> list[Row]:
    """Speed while 0, 1 or 2 other processes are at work, beside the best number of threads. Takes all cores."""
    rows = []
    for load, name in LOADS.items():
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        with at_work(load):
            for _run in range(repeats):
                for way, environment in WAYS.items():
                    found[way].append(_measured(environment))
        rows += [row for job in UNITS for row in _beside_the_best(job, _(name), found)]
    return rows


@contextmanager
def at_work(count: int) -> Iterator[list[int]]:
    """So many processes that do nothing but work, by their ids."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _process in range(count)]
    try:
        sleep(1)
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _measured(environment: dict[str, str]) -> dict[str, float]:
    kept = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    command = [sys.executable, "-m", "gptcore.benchmark.busy"]
    return json.loads(subprocess.check_output(command, env=kept | environment | {"CUDA_VISIBLE_DEVICES": ""}))


def _beside_the_best(job: str, load: str, found: dict[str, list[dict[str, float]]]) -> list[Row]:
    medians = {way: statistics.median(run[job] for run in runs) for way, runs in found.items()}
    best = max(medians.values())
    return [
        Row(f"{job}, {load}: {_(way)}", speed, UNITS[job], speed / best, _("the best"))
        for way, speed in medians.items()
    ]


def speeds() -> dict[str, float]:
    """How much each job gets done in a second."""
    token_ids, bundled = letter_ids(), load_model(device="cpu")
    text = torch.arange(48)
    jobs: dict[str, tuple[Callable[[], object], int]] = {
        "124M": (partial(ours(GPTModel(GPT_CONFIG_124M)), PROMPT, 16), 16),
        "storyteller": (partial(ours(bundled), PROMPT, 100), 100),
        "fit": (
            partial(fit, GPTModel(CONFIG), token_ids, max_steps=25, batch_size=BATCH),
            25 * BATCH * CONFIG.context_length,
        ),
        "record": (lambda: [record(bundled, text) for _time in range(25)], 25),
    }
    return {name: amount / _seconds(job) for name, (job, amount) in jobs.items()}


def _seconds(job: Callable[[], object]) -> float:
    """The median of three runs, after one that does not count."""
    times = []
    for _run in range(4):
        began = perf_counter()
        job()
        times.append(perf_counter() - began)
    return statistics.median(times[1:])


if __name__ == "__main__":
    torch.manual_seed(0)
    print(json.dumps(speeds()))
