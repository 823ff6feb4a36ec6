"""ModelComparison: the page does what Python does, with the three models of lesson 06."""

import pytest
import torch

import gptcore
from gptcore import GPTModel
from gptcore.page.models import MODELS
from gptcore.show import ModelComparison
from tests.page.hostile import HOSTILE, WRONG

LOSSES = {"untrained": 8.05, "half-trained": 3.38, "trained": 0.48}


@pytest.fixture(scope="module")
def models(bench, told):
    bench.add_model("half-trained", MODELS["half-trained"])
    torch.manual_seed(0)
    untrained = GPTModel(told[0].config)
    half_trained = gptcore.load_model(MODELS["half-trained"], device="cpu")
    return {"untrained": untrained, "half-trained": half_trained, "trained": told[0]}


@pytest.fixture
def short(models, told):
    return ModelComparison(models, told[1], seed=1, max_length=4, losses=LOSSES, floor=0.475)


def test_the_weights_of_a_model_that_has_read_nothing(bench, models):
    ids = [460, 462, 5, 77, 300]
    logits = bench.evaluate("(ids) => [...knownModel(context, 'untrained').forward(ids)]", ids)
    with torch.no_grad():
        expected = models["untrained"].eval()(torch.tensor([ids])).flatten()
    assert (torch.tensor(logits) - expected).abs().max() < 2e-6


def test_the_comparison_of_lesson_06(same, models, told):
    comparison = ModelComparison(models, told[1], "Once upon a time", losses=LOSSES, floor=0.475, seed=1, max_length=15)
    luck = [["do", "other_luck", []]]
    states = same(comparison, [["do", "look", [7]], *luck, ["set", "temperature", 0], ["set", "top_k", None]])
    assert [model["name"] for model in states[0]["shown"]["models"]] == list(LOSSES)


def test_every_setting(same, short):
    settings = {"temperature": [0.35, 2, 3], "top_k": [1, 7, 10**6], "seed": [0, 2**40]}
    settings |= {"max_length": [0, 1, 102, 2], "prompt": ["옛날 옛적에", ""]}
    same(short, [["set", name, value] for name, values in settings.items() for value in values])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, short, text):
    same(short, [["set", "prompt", text]])


@pytest.mark.parametrize("name", ["look", "prompt", "seed", "max_length", "temperature", "top_k"])
def test_what_is_not_allowed_is_the_same_sentence(same, short, name):
    wrong = [value for value in WRONG if value is not None or name != "top_k"]
    same(short, [["do", name, [value]] if name == "look" else ["set", name, value] for value in wrong])


def test_without_losses_and_with_names_of_any_kind(same, models, told, bench):
    strange = {"<b>\u202e": models["untrained"], "": models["trained"]}
    comparison = ModelComparison(strange, told[1], max_length=5)
    comparison.position = 3
    states = same(comparison, [["set", "max_length", 2]])
    assert [model["position"] for model in states[0]["shown"]["models"]] == [3, 3]
    assert bench.evaluate("() => view.did()") == [["look", [1]]]
