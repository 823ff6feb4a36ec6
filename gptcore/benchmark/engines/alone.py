"""An engine in a process of its own. Several in one process slow each other down, as their threads take each other's
cores: gptcore wrote a third as fast beside CTranslate2, OpenVINO and transformers as alone.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from weakref import finalize

import torch
from torch import Tensor

from gptcore.benchmark.engines import Engine

TRIED = 16  # tokens that are written to find out how many threads are the quickest

_engine: Engine | None = None  # in the process of the engine


class Alone:
    """`engine`, made in a process of its own, with one thread or with as many as PyTorch has: whichever is quicker.

    Call it to write: token_ids (1, T), max_new_tokens → (1, T + max_new_tokens).
    """

    def __init__(self, engine: type[Engine], folder: Path, weights: str, temperature: float, top_k: int):
        make = partial(engine, folder, weights, temperature, top_k)
        most = torch.get_num_threads()
        self._process = ProcessPoolExecutor(1, get_context("spawn"))
        finalize(self, self._process.shutdown)
        self.threads = self._process.submit(_start, make, most).result()

    def __call__(self, token_ids: Tensor, max_new_tokens: int) -> Tensor:
        return torch.tensor(self._process.submit(_write, token_ids.tolist(), max_new_tokens).result())


def _start(make: partial, most: int) -> int:
    """Make the engine, and return how many threads it is quickest with."""
    global _engine
    torch.set_num_threads(most)
    seconds = {}
    for threads in {1, most}:
        _engine = None  # one at a time is in memory
        _engine = make(threads=threads)
        _engine.write(torch.tensor([[1]]), TRIED)
        began = perf_counter()
        for _time in range(3):
            _engine.write(torch.tensor([[1]]), TRIED)
        seconds[threads] = perf_counter() - began
    best = min(seconds, key=seconds.get)
    if threads != best:
        _engine = None
        _engine = make(threads=best)
    return best


def _write(token_ids: list[list[int]], max_new_tokens: int) -> list[list[int]]:
    return _engine.write(torch.tensor(token_ids), max_new_tokens).tolist()
