"""Hands for widgets: what a person would find by its name and press or move."""

import json
from typing import Any

import pytest
import torch
from tokenizers import pre_tokenizers, trainers

from gptcore import GPTConfig, GPTModel, Tokenizer
from gptcore.tokenizer import byte_level_bpe


def _ask(widget: Any, kind: str, name: Any, value: Any) -> None:
    """What a page sends when a hand does something."""
    view = widget.view
    number = max([view.done, *(question[0] for question in view.asked)]) + 1
    view.set_state({"asked": [*view.asked, [number, kind, name, value]]})
    assert view.done == number


def move(widget: Any, **settings: Any) -> None:
    for name, value in settings.items():
        _ask(widget, "set", name, value)


def press(widget: Any, name: str, *values: Any) -> None:
    assert name in widget.hands, f"no button calls {name!r}"
    _ask(widget, "do", name, list(values))


def _shown(widget: Any) -> str:
    return json.dumps(widget.view.shown, ensure_ascii=False)


@pytest.fixture(scope="session", name="move")
def move_fixture():
    """move(widget, name=value): set controls, as a hand on the page does."""
    return move


@pytest.fixture(scope="session", name="press")
def press_fixture():
    """press(widget, name, *values): press what calls the method `name`."""
    return press


@pytest.fixture(scope="session")
def shown():
    """shown(widget): all that the widget shows: what its front end gets, as JSON."""
    return _shown


@pytest.fixture
def model(tokenizer):
    """A new model with a context of 12 tokens; a file whose widget needs another has its own."""
    torch.manual_seed(0)
    return GPTModel(
        GPTConfig(vocab_size=len(tokenizer), context_length=12, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.5)
    )


@pytest.fixture(scope="session")
def model_of_noise(tokenizer):
    """model_of_noise(**config): a small model with random weights so large that no two layers or heads do the same."""

    def make(**config):
        torch.manual_seed(0)
        config = {"context_length": 40, "emb_dim": 16, "n_heads": 4, "n_layers": 3, "drop_rate": 0.5} | config
        model = GPTModel(GPTConfig(**{"vocab_size": len(tokenizer)} | config))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        return model

    return make


@pytest.fixture(scope="session")
def bytes_only():
    """A tokenizer of the 256 bytes with nothing learned, as an English tokenizer reads Korean."""
    backend = byte_level_bpe()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend.train_from_iterator(
        ["Once upon a time"], trainers.BpeTrainer(vocab_size=256, initial_alphabet=alphabet, show_progress=False)
    )
    return Tokenizer(backend)
