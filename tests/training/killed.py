"""Trainings that are ended by kill -9 at random moments: a process that test_state.py starts.

Each resumes from the checkpoint of the one before. Whatever happens, that is one of those which a training that nobody
ended writes, and the weights in the end are the same.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

from gptcore import GPTModel, fit
from tests.training.circle import CIRCLE, make_model, quick

SETTINGS = quick(max_steps=60, eval_interval=1)  # a checkpoint after every step
HELD_OUT = CIRCLE[:30]


def process(file: Path) -> int:
    """The id of a new process that trains."""
    if process_id := os.fork():
        return process_id
    try:
        fit(make_model(), CIRCLE, HELD_OUT, **SETTINGS, checkpoint=file)
    except BaseException as error:
        print(error, flush=True)
        os._exit(1)
    os._exit(0)


def content(file: Path) -> tuple[Any, bytes]:
    """The header and the numbers of a checkpoint; the header's order is not always the same."""
    data = file.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def whole(file: Path) -> tuple[GPTModel, list[Any], float]:
    """A model that was trained without a break, its checkpoints, and how many seconds that took."""
    model, checkpoints, start = make_model(), [], time.perf_counter()
    fit(model, CIRCLE, HELD_OUT, **SETTINGS, checkpoint=file, on_progress=lambda _: checkpoints.append(content(file)))
    return model, checkpoints, time.perf_counter() - start


def ended(folder: Path, times: int) -> None:
    expected, checkpoints, seconds = whole(folder / "whole")
    file, luck, reached = folder / "killed", random.Random(0), set()
    for _ in range(times):
        process_id = process(file)
        time.sleep(luck.uniform(0, seconds / 6))
        os.kill(process_id, signal.SIGKILL)
        assert os.waitpid(process_id, 0)[1] in (0, signal.SIGKILL)
        if file.exists():
            assert (found := content(file)) in checkpoints, "no checkpoint of the training without a break"
            reached.add(checkpoints.index(found))
            if found == checkpoints[-1]:
                file.unlink()  # from the beginning
    assert len(reached) > 1
    model = make_model()
    fit(model, CIRCLE, HELD_OUT, **SETTINGS, checkpoint=file)
    assert all(torch.equal(weight, expected.state_dict()[name]) for name, weight in model.state_dict().items())
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["killed", "whole"], left


if __name__ == "__main__":
    torch.set_num_threads(1)
    ended(Path(sys.argv[1]), int(sys.argv[2]))
    print("whole", end="")
