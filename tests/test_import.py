import json
import subprocess
import sys

import pytest

import gptcore

SLOW = ["transformers", "tokenizers", "safetensors", "huggingface_hub", "matplotlib", "ipywidgets", "gptcore.stories"]


def test_importing_gptcore_imports_torch_and_nothing_slower():
    code = "import sys, json, gptcore; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(json.loads(found.stdout))
    assert "torch" in modules
    assert not modules & {*SLOW, "gptcore.checkpoint", "gptcore.training", "gptcore.show"}


@pytest.mark.parametrize("name", gptcore.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(gptcore, name) is not None
    assert name in dir(gptcore)


def test_a_name_that_gptcore_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="generate_txt"):
        _ = gptcore.generate_txt
