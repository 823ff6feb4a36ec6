"""Whatever is interrupted, and whenever: it ends with a KeyboardInterrupt, and the process is as it was before."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import torch

from gptcore import (
    GPTConfig,
    GPTModel,
    generate,
    generate_text,
    lens_logits,
    load,
    load_model,
    quantize,
    record,
    save,
    stream_text,
)
from gptcore.show import AttentionView, DistributionExplorer, LogitLens
from gptcore.training import evaluate, fit
from tests.interrupted import Interrupt, state

MOMENTS = int(os.environ.get("GPTCORE_TEST_MOMENTS", "10"))  # for each activity and way to interrupt it
IDS = torch.tensor([[1, 2, 3]])
CIRCLE = torch.arange(200) % 10


@pytest.fixture(scope="module")
def world(tmp_path_factory, tokenizer):
    """Models of which some parts are in training mode, and what can be done with them."""
    folder = tmp_path_factory.mktemp("interrupted")
    torch.manual_seed(0)
    shape = {"context_length": 24, "emb_dim": 16, "n_heads": 2, "n_layers": 2, "drop_rate": 0.2}
    model = GPTModel(GPTConfig(vocab_size=len(tokenizer), **shape))
    model.blocks[0].eval()
    mixed = GPTModel(GPTConfig(vocab_size=11, **shape))
    mixed.blocks[1].dropout = torch.nn.Dropout(0.3)
    rounded = GPTModel(GPTConfig(vocab_size=11, **shape)).bfloat16()
    save(folder / "saved", model, tokenizer)
    numbers = itertools.count()
    explorer, view, lens = (
        kind(model, tokenizer, "Once upon") for kind in (DistributionExplorer, AttentionView, LogitLens)
    )

    def widget():
        explorer.prompt, explorer.temperature = "Once upon" + " a" * (next(numbers) % 2), 0.5
        view.text = lens.text = "Once upon a time"

    settings = {"max_steps": 2, "batch_size": 2, "eval_interval": 1, "report_interval": 1}
    activities = {
        "stream_text": lambda: list(stream_text(model, "Once", tokenizer, 5, seed=3)),
        "generate": lambda: [generate(model, IDS, 3, seed=1, use_cache=cached) for cached in (True, False)],
        "generate in bfloat16": lambda: generate(rounded, IDS, 3, seed=1),
        "generate_text": lambda: generate_text(model, "Once upon", tokenizer, 24, seed=2),
        "evaluate": lambda: [evaluate(each, CIRCLE[:60], 2) for each in (model, mixed)],
        "record": lambda: lens_logits(model, record(model, IDS, ablated=[(0, 1)]).residuals),
        "load_model": lambda: load_model(folder / "saved"),
        "load": lambda: load(folder / "saved"),
        "save": lambda: save(folder / "saved", model, tokenizer),
        "fit": lambda: fit(mixed, CIRCLE, CIRCLE[:30], **settings),
        "fit with a checkpoint": lambda: fit(
            mixed, CIRCLE, CIRCLE[:30], **settings, checkpoint=folder / f"cp{next(numbers)}"
        ),
        "quantize": lambda: quantize(model),
        "a new model": lambda: GPTModel(model.config),
        "a widget": widget,
    }
    return activities, [model, mixed, rounded], folder


ACTIVITIES = [
    *("stream_text", "generate", "generate in bfloat16", "generate_text", "evaluate", "record", "load_model", "load"),
    *("save", "fit", "fit with a checkpoint", "quantize", "a new model", "a widget"),
]


@pytest.fixture(autouse=True)
def python_hears_interrupts(hears_interrupts):
    before, threads = signal.signal(signal.SIGINT, signal.default_int_handler), torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, before)


def changed(before, after, name):
    """What is no longer as it was, with the files that were opened or closed."""
    drawn = {"random state"} if name == "a new model" else set()  # its weights are random
    files = [Counter(state["open files"]) for state in (before, after)]
    others = [what for what in before if before[what] != after[what] and what not in drawn]
    return (
        others + [f"opened {file}" for file in files[1] - files[0]] + [f"closed {file}" for file in files[0] - files[1]]
    )


@pytest.mark.parametrize("name", ACTIVITIES)
def test_an_interrupt_at_any_moment_leaves_the_process_as_it_was(name, world):
    activities, models, folder = world
    activity, kept = activities[name], []
    activity()
    with Interrupt() as never:
        activity()
    before, luck = state(models, folder), random.Random(name)
    for at in sorted(luck.sample(range(1, never.count), min(MOMENTS, never.count - 1))):
        error = None
        with Interrupt(at):
            try:
                activity()
            except BaseException as raised:  # whatever it is
                error = raised
        assert isinstance(error, KeyboardInterrupt) or (error is None and name.startswith("fit")), (at, error)
        assert not changed(before, state(models, folder), name), (at, error)
        kept.append(error)  # as a notebook does, and with it all frames
    activity()


def ended_by(activity, seconds):
    """The exception with which it ended, if there was one, when the alarm went off after so many seconds."""
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            activity()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except BaseException as error:
        return error


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends signals")
@pytest.mark.parametrize("name", ACTIVITIES)
def test_an_interrupt_at_a_random_time_does_too(name, world):
    activities, models, folder = world
    activity, kept, luck = activities[name], Counter(), random.Random(name)
    activity()
    began = time.perf_counter()
    activity()
    length = time.perf_counter() - began
    handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
    before = state(models, folder)
    try:
        for _ in range(MOMENTS):
            error = ended_by(activity, luck.uniform(1e-6, length))
            assert not changed(before, state(models, folder), name), error
            kept[type(error)] += 1
    finally:
        signal.signal(signal.SIGALRM, handler)
    assert kept.keys() <= {KeyboardInterrupt, type(None)}


PROGRAM = """
import signal, sys, torch
import gptcore
from gptcore import GPTConfig, GPTModel, evaluate, generate
model = GPTModel(GPTConfig(vocab_size=11, context_length=24, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.2))
ids, threads = torch.tensor([[1, 2, 3]]), torch.get_num_threads()
try:
    print("ready", flush=True)
    while True:
        generate(model, ids, 3, seed=1, use_cache=False)
        evaluate(model, torch.arange(60) % 10, 2)
except KeyboardInterrupt:
    pass
assert torch.is_grad_enabled() and torch.get_num_threads() == threads and torch.backends.mkldnn.enabled
assert all(module.training for module in model.modules())
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_a_real_interrupt_of_another_process():
    luck = random.Random(0)
    for _ in range(1 + MOMENTS // 20):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(luck.uniform(0, 0.05))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_an_import_may_be_interrupted():
    luck = random.Random(0)
    for _ in range(1 + MOMENTS // 20):
        process = subprocess.Popen([sys.executable, "-c", "import gptcore.show"], stderr=subprocess.PIPE, text=True)
        time.sleep(luck.uniform(0.2, 2))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGINT) and ("KeyboardInterrupt" in errors or not errors), errors
