"""Saves that are ended at random moments, and by several processes at once: a process that test_saving.py starts.

Two pairs of model and tokenizer, which differ in everything, are saved to one folder in turn. Whatever happens, the
folder holds one of the pairs.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gptcore import GPTConfig, GPTModel, Tokenizer, load, save

IDS = torch.tensor([[1, 2, 3]])


def pair(text: str, **shape: int) -> tuple[GPTModel, Tokenizer]:
    torch.manual_seed(0)
    tokenizer = Tokenizer.of_characters(text)
    return GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=8, **shape)).eval(), tokenizer


PAIRS = [pair("abcdef", emb_dim=16, n_heads=2, n_layers=1), pair("ghijklmno", emb_dim=24, n_heads=3, n_layers=2)]


def saved(folder: Path) -> int:
    """Which pair the folder holds: 0 or 1; fails if it is neither."""
    model, tokenizer = load(folder, device="cpu")
    which = [len(tokenizer) for _, tokenizer in PAIRS].index(len(tokenizer))
    expected, other = PAIRS[which]
    assert tokenizer.backend.get_vocab() == other.backend.get_vocab()
    with torch.no_grad():
        assert torch.equal(model(IDS), expected(IDS))
    return which


def process(work: Callable[[], None]) -> int:
    """The id of a new process that does `work`."""
    if process_id := os.fork():
        return process_id
    try:
        work()
    except KeyboardInterrupt:
        os._exit(0)
    except BaseException as error:
        print(error, flush=True)
        os._exit(1)
    os._exit(0)


def end(process_id: int, number: int) -> None:
    """Send a signal, which ends the process: what does not end within a minute has lost it."""
    os.kill(process_id, number)
    patience = time.monotonic() + 60
    while not os.waitpid(process_id, os.WNOHANG)[0]:
        if time.monotonic() > patience:
            os.kill(process_id, signal.SIGKILL)
            os.waitpid(process_id, 0)
            raise AssertionError(f"{signal.Signals(number).name} did not end a save")
        time.sleep(0.002)


def save_for_ever(folder: Path) -> None:
    while True:
        for model, tokenizer in PAIRS:
            save(folder, model, tokenizer)


def ended_by(number: int, folder: Path, times: int) -> None:
    """Saves that a signal ends. The next save leaves nothing of the one before."""
    luck = random.Random(0)
    start = time.perf_counter()
    for model, tokenizer in PAIRS:
        save(folder, model, tokenizer)
    seconds = time.perf_counter() - start
    for i in range(times):
        process_id = process(lambda: save_for_ever(folder))
        time.sleep(luck.uniform(0, 2 * seconds))
        end(process_id, number)
        saved(folder)
        save(folder, *PAIRS[i % 2])
        assert saved(folder) == i % 2
        assert [file.name for file in folder.iterdir() if file.name.startswith(".")] == []


def two_at_once(folder: Path, times: int) -> None:
    for _ in range(times):
        process_ids = [process(lambda pair=pair: save(folder, *pair)) for pair in PAIRS]
        assert [os.waitpid(process_id, 0)[1] for process_id in process_ids] == [0, 0]
        saved(folder)
        assert [file.name for file in folder.iterdir() if file.name.startswith(".")] == []


def loads_beside_saves(folder: Path, times: int) -> None:
    save(folder, *PAIRS[0])
    process_id = process(lambda: save_for_ever(folder))
    try:
        seen = {saved(folder) for _ in range(times)}
        while len(seen) < 2:
            seen.add(saved(folder))
    finally:
        os.kill(process_id, signal.SIGKILL)
        os.waitpid(process_id, 0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # or the library notes that the process was divided
    folder, times = Path(sys.argv[1]), int(sys.argv[2])
    ended_by(signal.SIGKILL, folder, times)
    ended_by(signal.SIGINT, folder, times)
    two_at_once(folder, times)
    loads_beside_saves(folder, times)
    print("whole", end="")
