"""A page with the bundled model, for all tests of it."""

import shutil
from collections.abc import Iterator

import pytest

import gptcore
from tests.page.bench import Bench


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    """One page in Chromium with the scripts of all widgets, for the whole session."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine: install it to test the pages in a browser")
    bench = Bench(chromium)
    yield bench
    bench.close()


@pytest.fixture(scope="session")
def told():
    """The bundled model and its tokenizer."""
    return gptcore.load(device="cpu")


@pytest.fixture
def same(bench):
    """same(widget, steps): the page does the same as Python, step by step."""
    return bench.same
