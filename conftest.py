"""What holds for all tests and for the kernel of every notebook: offline, an empty cache, a CPU."""

import os
import tempfile

import pytest

_cache = tempfile.TemporaryDirectory(prefix="gptcore-tests-")  # what was downloaded before plays no part
os.environ["HF_HOME"] = _cache.name
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Notebooks show the numbers of a CPU, and no note that matplotlib has built its font cache."""
    if item.path.suffix == ".ipynb" and os.environ.get("CUDA_VISIBLE_DEVICES") != "":
        import matplotlib.font_manager  # noqa: F401  builds the cache

        os.environ["CUDA_VISIBLE_DEVICES"] = ""
