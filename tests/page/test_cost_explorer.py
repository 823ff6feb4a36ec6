"""CostExplorer: the page does what Python does."""

import pytest
import torch

from gptcore import GPTConfig
from gptcore.config import GPT2_SIZES
from gptcore.show import CostExplorer
from tests.page.hostile import WRONG

NAMES = ["tokens", "batch_size", "dtype", "bandwidth"]


def test_every_setting(same, told):
    widget = CostExplorer({"storyteller": told[0].config, **GPT2_SIZES})
    steps = [["set", "tokens", count] for count in (1, 0, 7, 256, 257, 1024)]
    steps += [["set", "batch_size", size] for size in (2, 64, 1000, 10**7, 1)]
    steps += [["set", "dtype", dtype] for dtype in ("bfloat16", "int8", "float32")]
    steps += [["set", "bandwidth", speed] for speed in (5e9, 4e12, 123456789, 0.5, 1e-300, 1e300)]
    same(widget, [step for one in steps for step in (one, ["do", "look", [len(str(one)) % 5]])])


def test_other_models(same):
    untied = {"tie_embeddings": False, "qkv_bias": False, "hidden_dim": 100}
    names = ["<img src=x>", "a name that is so long that no sentence has room for all of it, 옛날 🦊"]
    configs = dict(zip(names, (GPTConfig(100, 8, 12, 3, 1), GPTConfig(97, 30, 20, 5, 2, **untied)), strict=True))
    widget = CostExplorer(configs, tokens=20, batch_size=3, dtype=torch.int8, bandwidth=7.5e9)
    same(widget, [["do", "look", [1]], ["set", "tokens", 30], ["set", "dtype", "bfloat16"], ["do", "look", [0]]])


def test_the_model_that_was_looked_at(same):
    widget = CostExplorer(GPT2_SIZES)
    widget.look(1)
    assert same(widget)[0]["shown"]["here"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_allowed_is_the_same_sentence(same, name):
    same(CostExplorer(GPT2_SIZES), [["set", name, value] for value in WRONG])


def test_what_a_page_may_not_look_at(same):
    same(CostExplorer(GPT2_SIZES), [["do", "look", [place]] for place in (4, -1, None, 1.5, "x", 3)])
