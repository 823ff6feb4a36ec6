"""Every public name called with every argument wrong in turn: what goes wrong is said in a sentence that names it.

A call may also succeed: a list in place of a tuple does no harm. What may not happen is any other exception, an
exception from inside a library, a message that names another argument or goes on for pages, and a call that hangs.
"""

import inspect
import math
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from itertools import islice, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import gptcore
from gptcore import GPTConfig, GPTModel, show, stories, training
from gptcore.show.training_record import Training

PACKAGE = str(Path(gptcore.__file__).parent)
LONGEST = 300  # characters of a sentence
SECONDS = 10  # that a call may take: far more than any needs

HOSTILE: dict[str, Any] = {
    "None": None,
    "True": True,
    "zero": 0,
    "minus one": -1,
    "huge integer": 10**30,
    "integer that no float holds": 10**400,
    "negative one": -(10**400),
    "float": 0.5,
    "negative float": -0.5,
    "nan": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "complex": 1j,
    "fraction": Fraction(1, 3),
    "decimal": Decimal("0.5"),
    "numpy integer": np.int64(3),
    "numpy float": np.float32(0.5),
    "numpy array": np.array([1.0, 2.0]),
    "empty string": "",
    "string": "abc",
    "long string": "a" * 5_000,
    "surrogate": "a\ud800",
    "control characters": "\x00\x07\x1b[31m\u202e",
    "markup": "<img src=x onerror=alert(1)>$x^2$",
    "bytes": b"abc",
    "path": Path("/nowhere/at/all"),
    "empty list": [],
    "list of integers": [1, 2, 3],
    "list of strings": ["a", "b"],
    "nested list": [[1, 2], [3]],
    "list of None": [None],
    "tuple": (1,),
    "list of infinity": [math.inf],
    "list of nan": [math.nan, 1],
    "range": range(3),
    "dict": {"a": 1},
    "dict of lists": {"a": [1]},
    "dict of numbers": {1: 2},
    "empty dict": {},
    "set": {1, 2},
    "generator": (i for i in ()),
    "function": lambda *args: None,
    "class": int,
    "object": object(),
    "namespace": SimpleNamespace(encode=1, decode=2),
    "empty tensor": torch.empty(0),
    "float tensor": torch.tensor([0.5, 1.5]),
    "integer tensor": torch.tensor([1, 2, 3]),
    "negative tensor": torch.tensor([-1]),
    "scalar tensor": torch.tensor(3),
    "tensor of three dimensions": torch.zeros(1, 2, 3, dtype=torch.long),
    "tensor of nan": torch.full((4,), torch.nan),
    "complex tensor": torch.ones(3, dtype=torch.complex64),
    "meta tensor": torch.ones(3, device="meta"),
    "module": torch.nn.Linear(2, 2),
    "dtype": torch.float16,
}

# Calls that do as much work as they are asked to, and functions of the caller's own that cannot be called.
AS_ASKED = {
    ("fit", "on_progress", "class"),
    ("fit", "on_progress", "module"),
    ("generate", "logits_processor", "class"),
    ("generate", "logits_processor", "module"),
    ("generate_steps", "logits_processor", "class"),
    ("generate_steps", "logits_processor", "module"),
    ("fit", "max_steps", "huge integer"),
    ("fit", "max_steps", "integer that no float holds"),
    ("fit_steps", "max_steps", "huge integer"),
    ("fit_steps", "max_steps", "integer that no float holds"),
    ("generate_text", "max_length", "huge integer"),
    ("generate_text", "max_length", "integer that no float holds"),
    ("read_bandwidth", "repeats", "huge integer"),
    ("read_bandwidth", "repeats", "integer that no float holds"),
    ("time_per_token", "repeats", "huge integer"),
    ("time_per_token", "repeats", "integer that no float holds"),
}


@pytest.fixture(scope="module")
def model(tokenizer) -> GPTModel:
    torch.manual_seed(0)
    config = GPTConfig(vocab_size=len(tokenizer), context_length=32, emb_dim=16, n_heads=2, n_layers=1)
    return GPTModel(config).eval()


def copied(model: Any) -> Any:
    """A model that may be trained."""
    return deepcopy(model) if isinstance(model, GPTModel) else model


def good_calls(model: GPTModel, tokenizer: Any, folder: Path) -> dict[str, tuple[Callable, dict[str, Any]]]:
    """A function or class for each public name, with arguments that are right."""
    token_ids = torch.tensor([5, 6, 7])
    config = model.config
    distribution = gptcore.next_token_distribution(torch.linspace(-3, 3, config.vocab_size), top_k=20)
    text = {"model": model, "prompt": "the fox", "tokenizer": tokenizer, "max_length": 3}
    sampling = {"temperature": 0.8, "top_k": 5, "top_p": 0.9, "min_p": 0.01}
    ids = [list(range(40))] * 3
    calls: dict[str, tuple[Callable, dict[str, Any]]] = {
        "GPTConfig": (GPTConfig, vars(config) | {"emb_dim": 16}),
        "GPTConfig.of": (GPTConfig.of, {"config": {"n_layers": 2}}),
        "GPTModel": (GPTModel, {"config": config}),
        "GPTModel.forward": (model, {"token_ids": token_ids[None], "kv_cache": None}),
        "KVCache": (
            gptcore.KVCache,
            {"config": config, "batch_size": 1, "max_length": 8, "device": "cpu", "dtype": None},
        ),
        "Sampling": (gptcore.Sampling, sampling),
        "Sampling.distribution": (gptcore.Sampling().distribution, {"logits": torch.randn(9)}),
        "Tokenizer.of_characters": (gptcore.Tokenizer.of_characters, {"text": "abc"}),
        "Tokenizer.encode": (tokenizer.encode, {"text": "the fox"}),
        "Tokenizer.decode": (tokenizer.decode, {"token_ids": [1, 2]}),
        "byte_level_bpe": (gptcore.byte_level_bpe, {"vocab": None, "merges": None}),
        "draw": (gptcore.draw, {"distribution": distribution, "uniform": 0.3}),
        "generate": (
            gptcore.generate,
            {"model": model, "token_ids": token_ids, "max_new_tokens": 3, **sampling, "seed": 1, "eos_token_id": 0}
            | {"logits_processor": None, "use_cache": True},
        ),
        "generate_steps": (
            gptcore.generate_steps,
            {"model": model, "token_ids": token_ids, "max_new_tokens": 3, **sampling, "seed": 1, "eos_token_id": 0}
            | {"logits_processor": None, "use_cache": True},
        ),
        "generate_text": (gptcore.generate_text, text | sampling | {"seed": 1, "device": None, "stop": ()}),
        "stream_text": (gptcore.stream_text, text | sampling | {"seed": 1, "known_only": False, "stop": ()}),
        "language": (gptcore.language, {"name": "en"}),
        "lens_logits": (gptcore.lens_logits, {"model": model, "residuals": torch.zeros(2, 16)}),
        "next_token_distribution": (gptcore.next_token_distribution, {"logits": torch.randn(9), **sampling}),
        "record": (gptcore.record, {"model": model, "token_ids": token_ids, "ablated": ()}),
        "stream_decode": (gptcore.stream_decode, {"tokenizer": tokenizer, "token_ids": [1, 2]}),
        "token_bytes": (gptcore.token_bytes, {"tokenizer": tokenizer, "token_id": 3}),
        "token_label": (gptcore.token_label, {"tokenizer": tokenizer, "token_id": 3}),
        "first_available": (lambda names: gptcore.first_available(names), {"names": "storyteller"}),
        "licence": (gptcore.licence, {"name": "storyteller"}),
        "load": (gptcore.load, {"name": folder, "device": "cpu", "dtype": None}),
        "load_model": (gptcore.load_model, {"name": folder, "device": "cpu", "dtype": None}),
        "load_tokenizer": (gptcore.load_tokenizer, {"name": folder}),
        "quantize": (gptcore.quantize, {"model": model}),
        "save": (gptcore.save, {"folder": folder, "model": model, "tokenizer": tokenizer}),
        "evaluate": (gptcore.evaluate, {"model": model, "token_ids": ids, "batch_size": 2}),
        "fit": (
            lambda model, **settings: gptcore.fit(copied(model), **settings),
            {"model": model, "train_ids": ids, "val_ids": ids, "max_steps": 1, "batch_size": 2}
            | {"learning_rate": 1e-3, "seed": 0, "on_progress": None, "checkpoint": None},
        ),
        "fit_steps": (
            lambda model, **settings: gptcore.fit_steps(copied(model), **settings),
            {"model": model, "train_ids": ids, "val_ids": None, "max_steps": 1, "should_stop": None},
        ),
        "TrainingSettings": (
            training.TrainingSettings,
            {name: field.default for name, field in training.TrainingSettings.__dataclass_fields__.items()}
            | {"max_steps": 3},
        ),
        "read_text": (gptcore.read_text, {"file": folder / "config.json"}),
        "read_bandwidth": (gptcore.read_bandwidth, {"device": "cpu", "megabytes": 1, "repeats": 1}),
        "time_per_token": (gptcore.time_per_token, {"model": model, "lengths": [2], "use_cache": True, "repeats": 1}),
        "stories.sample": (stories.sample, {"language": "en", "seed": 1}),
        "stories.score": (stories.score, {"text": "Once"}),
        "stories.next_word": (stories.next_word, {"prefix": "Once upon"}),
        "stories.next_token": (stories.next_token, {"prefix": "Once upon", "tokenizer": tokenizer}),
        "stories.split_words": (stories.split_words, {"text": "Once upon"}),
        "show.percent": (show.percent, {"prob": 0.3}),
        "show.print_text": (show.print_text, {"pieces": "the fox", "width": 20}),
        "show.chart": (show.chart, {"width": 3, "height": 2, "rows": 1, "columns": 1, "title": "a", "titles": ["b"]}),
        "show.Candidates.of": (show.Candidates.of, {"distribution": distribution, "tokenizer": tokenizer, "count": 3}),
        "show.Dart.of": (show.Dart.of, {"distribution": distribution, "uniform": 0.3, "tokenizer": tokenizer}),
    }
    for name in ("bytes_read_per_step", "cache_bytes", "operations_per_token", "seconds_per_token", "weight_bytes"):
        function = getattr(gptcore.costs, name)
        good = {
            "config": config,
            "tokens": 5,
            "batch_size": 2,
            "dtype": torch.float32,
            "bandwidth": 1e9,
            "use_cache": True,
        }
        calls[f"costs.{name}"] = (function, {key: good[key] for key in inspect.signature(function).parameters})
    calls["costs.num_parameters"] = (gptcore.costs.num_parameters, {"config": config})
    widget = {"model": model, "tokenizer": tokenizer}
    calls |= {
        "show.Machine": (show.Machine, widget | {"prompt": "the fox", "seed": 1, "temperature": 1.0, "top_k": 5}),
        "show.NextToken": (show.NextToken, widget | {"prompt": "the fox", "seed": 1, "temperature": 1.0, "top_k": 5}),
        "show.DistributionExplorer": (
            show.DistributionExplorer,
            widget | {"prompt": "the fox", **sampling, "rows": 5, "seed": 1},
        ),
        "show.FutureTree": (
            show.FutureTree,
            widget
            | {"prompt": "the fox", "width": 2, "depth": 2, "temperature": 0.8, "top_k": 5, "uniform": 0.3, "seed": 1},
        ),
        "show.GenerationStepper": (
            show.GenerationStepper,
            widget | {"prompt": "the fox", **sampling, "seed": 1, "max_new_tokens": 3},
        ),
        "show.Story": (
            show.Story,
            widget | {"prompt": "the fox", "temperature": 0.8, "top_k": 5, "seed": 1, "max_length": 3, "shaded": True},
        ),
        "show.StreamingGenerator": (
            show.StreamingGenerator,
            widget | {"prompt": "the fox", "max_length": 3, **sampling, "seed": 1, "speed": 5},
        ),
        "show.SettingsComparison": (
            show.SettingsComparison,
            widget
            | {"prompt": "the fox", "settings": [{"temperature": 0.5}, {"top_k": 2}], "seed": 1, "max_length": 3},
        ),
        "show.ModelComparison": (
            show.ModelComparison,
            {"models": {"a": model}, "tokenizer": tokenizer, "prompt": "the fox", "temperature": 0.7, "top_k": 3}
            | {"seed": 1, "max_length": 3, "losses": None, "floor": None},
        ),
        "show.AttentionView": (
            show.AttentionView,
            widget | {"text": "the fox", "layer": 0, "head": 0, "position": None},
        ),
        "show.LogitLens": (show.LogitLens, widget | {"text": "the fox", "position": None, "row": None}),
        "show.PrecisionExplorer": (
            show.PrecisionExplorer,
            widget
            | {"bits": 8, "grouping": "row", "text": "the fox", "prompt": "the fox", "temperature": 0.7, "top_k": 5}
            | {"seed": 1, "max_length": 3},
        ),
        "show.TextScorer": (show.TextScorer, widget | {"text": "the fox", "position": None}),
        "show.TokenExplorer": (show.TokenExplorer, {"tokenizers": {"ours": tokenizer}, "text": "the fox"}),
        "show.Prediction": (
            show.Prediction,
            {"question": "Is it?", "options": {"yes": "It is not.", "no": "It is."}, "right": "no"},
        ),
        "show.CostExplorer": (show.CostExplorer, {"configs": {"tiny": config}}),
        "show.TrainingMonitor": (
            show.TrainingMonitor,
            widget
            | {"floor": None, "prompt": "the fox", "sample_length": 3, "temperature": 0.7, "top_k": 5, "seed": 1},
        ),
    }
    candidates = show.Candidates.of(distribution, tokenizer)
    drawn = {
        "plot_candidates": {"candidates": candidates},
        "plot_losses": {"training": Training(10, 5.0, losses=[(1, 4.0)], val_losses=[(1, 4.5)])},
        "plot_dart": {"dart": show.Dart.of(distribution, 0.3, tokenizer)},
        "plot_bars": {"labels": ["a", "b"], "values": [1.0, 2.0], "texts": ["x", "y"], "xlabel": "x"} | {"hatched": []},
        "plot_scores": {"labels": ["a", "b"], "scores": [1.0, 2.0], "texts": ["x", "y"], "xlabel": "x"},
        "plot_lines": {"x": [1, 2], "lines": {"a": [1.0, 2.0]}, "xlabel": "x", "ylabel": "y", "log": False}
        | {"ends": False, "points": False},
        "plot_level": {"value": 0.5, "name": "floor", "vertical": True},
        "plot_pairs": {"labels": ["a"], "pairs": {"x": [1.0], "y": [2.0]}, "texts": {"x": ["a"]}, "xlabel": "x"},
        "plot_futures": {"rows": [{"a": 0.5, "b": 0.5}], "outlined": ["a"]},
        "plot_belief": {"truth": {3: 0.5}, "belief": torch.full((config.vocab_size,), 0.01), "tokenizer": tokenizer}
        | {"count": 3},
        "plot_time_per_token": {"lengths": [1, 2], "seconds": {"cache": [0.1, 0.2]}, "log": False, "ends": False},
    }
    for name, arguments in drawn.items():
        calls[f"show.{name}"] = (getattr(show, name), {"ax": Figure().subplots()} | arguments)
    return calls


@pytest.fixture(scope="module")
def calls(model, tokenizer, tmp_path_factory) -> dict[str, tuple[Callable, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("hostile") / "model"
    gptcore.save(folder, model, tokenizer)
    return good_calls(model, tokenizer, folder)


def test_every_public_name_is_called(calls):
    """But those that only hold what they are given."""
    records = {"Distribution", "Recording", "Step", "Tokenizer", "show.Candidates", "show.Dart", "show.preflight"}
    public = {name: getattr(gptcore, name) for name in gptcore.__all__}
    public |= {f"show.{name}": getattr(show, name) for name in show.__all__}
    ours = {name for name, value in public.items() if callable(value) and value.__module__.startswith("gptcore")}
    assert ours - calls.keys() - records == set()


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in a call that goes on for longer."""

    def hangs(*_: Any) -> None:
        raise TimeoutError(f"takes longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fault(function: Callable, arguments: dict[str, Any], name: str, words: str = "") -> str | None:
    """What is wrong with the way in which a call refuses its argument `name`, in `words`; None if nothing is."""
    try:
        with at_most(SECONDS):
            result = function(**arguments)
            if isinstance(result, Iterator):
                list(islice(result, 3))
    except (TypeError, ValueError, MemoryError) as error:
        raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
        sentence = str(error)
        if not raised_in.startswith(PACKAGE):
            return f"{type(error).__name__} from {raised_in}: {sentence[:100]!r}"
        if name.removesuffix("s") not in sentence:  # "model" for one of several models
            return f"does not name {name}: {sentence[:100]!r}"
        if words not in sentence or len(sentence) > LONGEST or not sentence.isprintable():
            return f"is no sentence: {sentence[:100]!r}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]!r}"
    return None


@pytest.mark.skipif(sys.platform == "win32", reason="calls that hang are ended by SIGALRM")
def test_what_is_wrong_is_said_in_a_sentence(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not {name: found for name, call in calls.items() if (found := fault(*call, ""))}, "a good call fails"
    count, faults = 0, []
    for called, (function, arguments) in calls.items():
        for name in arguments:
            for kind, value in HOSTILE.items():
                if (called, name, kind) in AS_ASKED:
                    continue
                count += 1
                words = " must " if called.startswith("show.") else ""  # elsewhere a file may be what is wrong
                if found := fault(function, arguments | {name: value}, name, words):
                    faults.append(f"{called}({name}={kind}): {found}")
    assert not faults, f"{len(faults)} of {count} calls:\n" + "\n".join(faults)
    assert count > 3_000


ENGLISH = re.compile(r"\b(must|got|the|is|of)\b")


@pytest.mark.skipif(sys.platform == "win32", reason="calls that hang are ended by SIGALRM")
def test_what_is_wrong_is_said_in_korean(calls, tmp_path, monkeypatch, in_korean):
    """A broad sample: a few kinds of wrong values for every argument of every public name."""
    monkeypatch.chdir(tmp_path)
    said = set()
    for called, (function, arguments) in calls.items():
        for name, kind in product(arguments, ("None", "minus one", "nan", "string", "empty list")):
            if (called, name, kind) not in AS_ASKED:
                try:
                    with at_most(10 * SECONDS):
                        result = function(**arguments | {name: HOSTILE[kind]})
                        if isinstance(result, Iterator):
                            list(islice(result, 3))
                except (TypeError, ValueError, MemoryError) as error:
                    said.add(str(error))
    assert len(said) > 150
    assert {text for text in said if not re.search("[가-힣]", text) or ENGLISH.search(text)} == set()
