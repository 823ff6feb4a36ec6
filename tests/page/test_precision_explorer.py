"""PrecisionExplorer: the page does what Python does."""

import pytest
import torch

from gptcore.show import PrecisionExplorer
from gptcore.show.precision import FORMATS, Format, rounded
from tests.page.hostile import HOSTILE, WRONG

NAMES = ["bits", "grouping", "text", "prompt", "seed", "temperature", "top_k", "max_length"]
ROUND = """([weights, inFeatures, bits, grouping]) => {
  const matrix = { weight: Float32Array.from(weights), inFeatures };
  return Array.from(rounded(matrix, new Format(bits, grouping)));
}"""


@pytest.fixture
def make(told):
    def make(**settings):
        return PrecisionExplorer(*told, **{"text": "Once upon a time there was a fox.", "max_length": 8} | settings)

    return make


@pytest.mark.parametrize("form", FORMATS, ids=[form.name for form in FORMATS])
def test_every_weight_is_rounded_to_the_same_value(bench, form):
    weight = torch.randn(6, 70, generator=torch.Generator().manual_seed(0))
    weight[0, :6] = torch.tensor([127.0, 0.5, 1.5, 2.5, -0.5, -126.5])  # in the middle of two values, at 8 bits
    weight[1], weight[2, :3] = 0.0, torch.tensor([1e-40, -1e-38, 3e38])
    found = bench.evaluate(ROUND, [weight.flatten().tolist(), 70, form.bits, form.grouping])
    assert torch.equal(torch.tensor(found).view(6, 70), rounded(weight, Format(*form)))


def test_formats_and_points(same, make):
    steps = [["set", "bits", bits] for bits in (16, 4, 32, 2)] + [
        ["set", "grouping", kind] for kind in ("matrix", 64, 32)
    ]
    steps += [["do", "go_to", [3, "row"]], ["do", "go_to", [16, None]], ["do", "go_to", [5, "row"]]]
    same(make(), [*steps, ["do", "measure_next", []], ["do", "other_luck", []], ["set", "bits", 3]])


def test_one_format_after_the_other_is_measured(same, make):
    states = same(make(max_length=0), [["do", "measure_next", []]] * 6)
    assert len(states[-1]["shown"]["points"]) == 8 and states[-1]["shown"]["count"] == len(FORMATS)


def test_all_formats_are_measured(bench, make):
    state = bench.walk(make(max_length=0, text="A")._given(), [["do", "measure_next", []]] * (len(FORMATS) + 1))[-1]
    assert [point["name"] for point in state["shown"]["points"]] == [form.name for form in FORMATS]


def test_the_settings_of_the_texts(same, make):
    steps = [["set", "seed", 5], ["set", "temperature", 1.5], ["set", "top_k", None], ["set", "max_length", 15]]
    steps += [["set", "temperature", 0], ["set", "max_length", 1000], ["set", "max_length", 2]]
    same(make(bits=3, grouping="matrix"), steps)


def test_any_text(same, make):
    steps = [["set", name, text] for text in HOSTILE if len(text) < 100 for name in ("text", "prompt")]
    same(make(max_length=2, text="A fox."), [*steps, ["set", "bits", 4]])


def test_a_long_text(same, make):
    same(make(max_length=2, text="A fox."), [["set", "text", 500 * "fox "], ["set", "prompt", 500 * "fox "]])


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_allowed_is_the_same_sentence(same, make, name):
    wrong = [value for value in WRONG if not (name == "top_k" and value is None)]
    same(make(max_length=2, text="A fox."), [["set", name, value] for value in wrong])
