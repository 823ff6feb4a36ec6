import json
import subprocess
import sys

import pytest

import gptcore
import gptcore.show

SLOW = [
    "transformers",
    "tokenizers",
    "safetensors",
    "huggingface_hub",
    "matplotlib",
    "gptcore.stories",
    "ipywidgets",
    "anywidget",
]


def test_importing_gptcore_imports_torch_and_nothing_slower():
    code = "import sys, json, gptcore; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(json.loads(found.stdout))
    assert "torch" in modules
    assert not modules & {*SLOW, "gptcore.checkpoint", "gptcore.training", "gptcore.show"}


@pytest.mark.parametrize(("package", "name"), [(p, name) for p in (gptcore, gptcore.show) for name in p.__all__])
def test_every_public_name_can_be_imported(package, name):
    assert getattr(package, name) is not None
    assert name in dir(package)


def test_the_preflight_can_be_asked_where_widgets_and_charts_are_missing():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['ipywidgets', 'matplotlib', 'psutil']))\n"  # as if not there
        "from gptcore.show import preflight; preflight()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "ipywidgets is missing" in said and "matplotlib is missing" in said and "psutil is missing" in said


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="generate_txt"):
        _ = gptcore.generate_txt
    with pytest.raises(AttributeError, match="NextTokens"):
        _ = gptcore.show.NextTokens
