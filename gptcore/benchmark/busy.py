"""What is left of the speed while other programs are at work: python -m gptcore.benchmark busy

How threads wait for each other is settled when a process starts. So each figure comes from a process of its own,
`python -m gptcore.benchmark.busy`, whose environment says how. Only the other programs that run the same weights are
here all in one process, with gptcore as it is.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from time import perf_counter, sleep

import torch

from gptcore.benchmark.generation import PROMPT, beside_the_best, engine_writers, gpt2_small, not_installed, ours
from gptcore.benchmark.measure import Row, interleaved_seconds, rates
from gptcore.benchmark.start import ROOT, run_all
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
LESSON = ROOT / "notebooks" / "05_the_loop.ipynb"
UNITS = {"124M": "tokens/s", "storyteller": "tokens/s", "fit": "tokens/s", "record": "1/s", "lesson 05": "1/min"}
TOKENS = 32  # that each program writes


def busy(repeats: int) -> list[Row]:
    """Speed while 0, 1 or 2 other processes are at work, beside the best number of threads. Takes all cores."""
    rows = []
    for load, name in LOADS.items():
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        with at_work(load):
            for _run in range(repeats):
                for way, environment in WAYS.items():
                    found[way].append(_measured(environment))
        rows += [
            row for job in UNITS if job in found[N_("as it is")][0] for row in _beside_the_best(job, _(name), found)
        ]
    return rows + _beside_engines(repeats) + not_installed()


def _beside_engines(repeats: int) -> list[Row]:
    """GPT-2's size, 124M, beside the other programs that run the same weights."""
    rows, prompt = [], PROMPT.cpu()
    with gpt2_small() as folder:
        found = {
            "gptcore, float32": ours(load_model(folder, device="cpu")),
            "gptcore, int8": ours(load_model(folder, device="cpu", dtype=torch.int8)),
            **engine_writers(folder),
        }
        jobs: dict[str, Callable[[], object]] = {name: partial(write, prompt, TOKENS) for name, write in found.items()}
        for load, name in LOADS.items():
            with at_work(load):
                seconds = interleaved_seconds(jobs, repeats, warm_up=1)
            of_all = rates(seconds, TOKENS, "tokens/s", "gptcore, float32")
            rows += [replace(row, name=f"{row.name}, {_(name)}") for row in of_all + beside_the_best(seconds, TOKENS)]
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
    """How much each job gets done in a second.

    Each takes a few tenths of a second or more: what is shorter depends on whose turn it is.
    """
    token_ids, bundled = letter_ids(), load_model(device="cpu")
    write, text = ours(bundled), torch.arange(48)
    jobs: dict[str, tuple[Callable[[], object], int]] = {
        "124M": (partial(ours(GPTModel(GPT_CONFIG_124M)), PROMPT, 16), 16),
        "storyteller": (lambda: [write(PROMPT, 100) for _text in range(5)], 500),
        "fit": (
            partial(fit, GPTModel(CONFIG), token_ids, max_steps=25, batch_size=BATCH),
            25 * BATCH * CONFIG.context_length,
        ),
        "record": (lambda: [record(bundled, text) for _time in range(100)], 100),
    }
    found = {name: amount / _seconds(job) for name, (job, amount) in jobs.items()}
    if LESSON.is_file() and find_spec("nbclient") is not None:
        began = perf_counter()
        run_all(LESSON, "print()")
        found["lesson 05"] = 60 / (perf_counter() - began)
    return found


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
