"""What holds for all tests and for the kernel of every notebook: offline, an empty cache, a CPU, English at first."""

import os
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

_cache = tempfile.TemporaryDirectory(prefix="gptcore-tests-")  # earlier downloads play no part
os.environ["HF_HOME"] = _cache.name
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.pop("GPTCORE_LANGUAGE", None)
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # two processes share the cores: what waits must leave them

if find_spec("jupyterhub") is None:  # as on Windows, where there is none
    collect_ignore_glob = ["gptcore/classroom/*"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Notebooks show the numbers of a CPU, and no note that matplotlib has built its font cache."""
    if item.path.suffix == ".ipynb" and os.environ.get("CUDA_VISIBLE_DEVICES") != "":
        import matplotlib.font_manager  # noqa: F401  builds the cache

        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """No notebook takes more memory than `preflight` says that its lesson needs."""
    from gptcore.memory import peak_bytes
    from gptcore.show.preflight import NEEDED_MEMORY

    last_cell = item.path.suffix == ".ipynb" and (nextitem is None or nextitem.path != item.path)
    peak = peak_bytes(item.parent.kernel.km.provisioner.pid) if last_cell else None
    yield  # the kernel ends here
    if peak and peak > (needed := NEEDED_MEMORY[item.path.name[:2]]):
        pytest.fail(f"{item.path.name} took {peak:,} bytes of memory, and its lesson is said to need {needed:,}")


@pytest.fixture(autouse=True)
def names_of_examples(request: pytest.FixtureRequest, doctest_namespace: dict) -> None:
    """An example in a docstring may use gptcore's public names, the bundled model, and axes to draw on."""
    if not isinstance(request.node, pytest.DoctestItem) or doctest_namespace:
        return
    import torch
    from matplotlib.figure import Figure

    import gptcore

    names = {name: getattr(gptcore, name) for name in gptcore.__all__ if not name.endswith("okenizer")}
    model, tokenizer = gptcore.load(device="cpu")
    doctest_namespace.update(
        names, Tokenizer=gptcore.Tokenizer, torch=torch, model=model, tokenizer=tokenizer, ax=Figure().subplots()
    )
