"""A page with the bundled model, for all tests of it."""

import shutil
from collections.abc import Iterator

import pytest
import torch

import gptcore
from gptcore import GPTConfig, GPTModel
from tests.page.bench import Bench


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine: install it to test the pages in a browser")
    return found


@pytest.fixture(scope="session")
def bench(chromium) -> Iterator[Bench]:
    """One page in Chromium with the scripts of all widgets, for the whole session."""
    bench = Bench(chromium)
    yield bench
    bench.close()


@pytest.fixture(scope="session")
def told():
    """The bundled model and its tokenizer."""
    return gptcore.load(device="cpu")


@pytest.fixture(scope="session")
def short(bench, told, tmp_path_factory):
    """A model of random weights whose context is 12 tokens, known to the page as "short", and the bundled tokenizer."""
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(vocab_size=len(told[1]), context_length=12, emb_dim=16, n_heads=2, n_layers=2))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    folder = tmp_path_factory.mktemp("short")
    gptcore.save(folder, model, told[1])
    bench.add_model("short", folder)
    return model, told[1]


@pytest.fixture
def same(bench):
    """same(widget, steps): the page does the same as Python, step by step."""
    return bench.same
