import json
import subprocess
import sys

import pytest

import gptcore
import gptcore.show

SLOW = [
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "huggingface_hub",
    "matplotlib",
    "gptcore.stories",
    "ipywidgets",
    "anywidget",
]


def modules_after(code: str) -> set[str]:
    code = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    return set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))


def test_importing_gptcore_imports_nothing_slow():
    """The server of a lesson, and what lays out notebooks, need no tensors."""
    assert not modules_after("import gptcore, gptcore.lessons") & {*SLOW, "numpy", "gptcore.show"}


def test_a_model_needs_torch_and_nothing_slower():
    modules = modules_after("import gptcore; gptcore.GPTModel, gptcore.generate_text")
    assert "torch" in modules
    assert not modules & {*SLOW[1:], "gptcore.checkpoint", "gptcore.training", "gptcore.show"}


def test_a_widget_that_says_what_it_is_needs_neither_the_tales_nor_a_trainer():
    modules = modules_after(
        "import gptcore\nfrom gptcore.show import NextToken\nNextToken(*gptcore.load(device='cpu'))._given()"
    )
    assert "gptcore.show.next_token" in modules
    assert not modules & {"gptcore.stories", "gptcore.training", "gptcore.storyteller.__main__"}


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
