import json
from math import log10

import pytest
import torch
from matplotlib.figure import Figure

from gptcore import GPT2_SIZES, GPT_CONFIG_124M, GPT_CONFIG_1558M, GPTConfig
from gptcore.costs import bytes_read_per_step, cache_bytes, seconds_per_token, weight_bytes
from gptcore.show import CostExplorer
from gptcore.show.cost_explorer import MEMORY, costs_of, plot_costs
from gptcore.units import bytes_text, seconds_text

SMALL = GPTConfig(vocab_size=50, context_length=16, emb_dim=12, n_heads=3, n_layers=2)


CONFIGS = {"small": SMALL, **GPT2_SIZES}


@pytest.fixture
def explorer():
    return CostExplorer(CONFIGS)


def test_the_costs_are_those_of_the_formulas(explorer):
    costs = costs_of(CONFIGS, 256, 4, torch.bfloat16, 100e9)
    for cost, config in zip(costs.models[1:], GPT2_SIZES.values(), strict=True):
        size = (config, 256, 4, torch.bfloat16)
        assert cost.weights == weight_bytes(config, torch.bfloat16)
        assert cost.cache == cache_bytes(*size) and cost.read == bytes_read_per_step(*size)
        assert cost.seconds == seconds_per_token(*size, 100e9)
    explorer.change(tokens=256, batch_size=4, dtype=torch.bfloat16, bandwidth=100 * 10**9)
    assert explorer.costs == costs.models


def test_a_text_is_no_longer_than_the_context_of_its_model():
    costs = costs_of(CONFIGS, 1024, 1, torch.float32, 20e9)
    assert [cost.tokens for cost in costs.models] == [16, 1024, 1024, 1024, 1024]
    assert costs.caption.endswith("(small: texts as long as its context, which is shorter.)")
    assert "shorter" not in costs_of(CONFIGS, 16, 1, torch.float32, 20e9).caption


def test_the_caption_says_what_limits_the_largest():
    costs = costs_of(GPT2_SIZES, 1024, 1, torch.float32, 20e9)
    rate = 20e9 / bytes_read_per_step(GPT_CONFIG_1558M, 1024)
    assert f"takes at least {seconds_text(costs.models[-1].seconds)}." in costs.caption
    assert costs.caption.endswith(f"at most {rate:.2f} tokens per second for each text.")
    assert costs_of(GPT2_SIZES, 1024, 64, torch.float32, 20e9).caption.endswith(" for all 64 together.")


def shares(costs):
    """Where the dots are, model by model."""
    memory = [[(log10(bytes_) - 4) / 7 for bytes_ in (cost.weights, cost.cache)] for cost in costs.models]
    times = [(log10(cost.seconds) + 6) / 7 for cost in costs.models]
    return [[min(1, max(0, share)) for share in (*two, time)] for two, time in zip(memory, times, strict=True)]


def dots(costs):
    return [[lane["share"] for lane in one["lanes"]] for one in costs.shown()["models"]]


def test_dots_and_numbers_are_the_costs():
    costs = costs_of(CONFIGS, 1024, 8, torch.float32, 20e9)
    assert dots(costs) == [pytest.approx(row) for row in shares(costs)]
    axes = Figure().subplots(1, 3)
    plot_costs(axes, costs)
    for lane, ax in enumerate(axes):
        drawn, *_ = ax.lines
        assert not ax.patches  # a length would mean nothing on a logarithmic axis
        assert list(drawn.get_xdata()) == pytest.approx([row[lane] for row in shares(costs)])
    written = [text.get_text() for ax in axes for text in ax.texts]
    for cost, one in zip(costs.models, costs.shown()["models"], strict=True):
        texts = [bytes_text(cost.weights), bytes_text(cost.cache), seconds_text(cost.seconds)]
        assert [lane["text"] for lane in one["lanes"]] == texts and set(texts) <= set(written)
        assert not any(lane["beyond"] for lane in one["lanes"])
    assert MEMORY.marks == [(0, "10 kB"), (pytest.approx(2 / 7), "1 MB"), (pytest.approx(4 / 7), "100 MB")] + [
        (pytest.approx(6 / 7), "10 GB")
    ]


def test_a_model_that_fits_no_axis_is_drawn_to_its_end():
    huge = {"huge": GPTConfig(n_layers=400, emb_dim=12_800, n_heads=100, context_length=100_000)}
    costs = costs_of(huge, 100_000, 64, torch.float32, 20e9)
    assert dots(costs) == [[1, 1, 1]] and all(lane["beyond"] for lane in costs.shown()["models"][0]["lanes"])
    assert dots(costs_of(huge, 0, 64, torch.float32, 20e9))[0][1] == 0
    explorer = CostExplorer(huge, tokens=0)
    explorer.picture()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
def test_the_formulas_give_the_numbers(dtype):
    explorer = CostExplorer(CONFIGS, 256, 4, dtype, 100e9)
    for position, cost in enumerate(explorer.costs):
        explorer.look(position)
        n = explorer.view.shown["formula"]
        assert n["parameters"] * n["bytes"] == pytest.approx(cost.weights) and n["tokens"] == cost.tokens
        assert 2 * n["layers"] * n["texts"] * n["tokens"] * n["width"] * n["cache_bytes"] == cost.cache
        assert (n["weights_read"], n["cache_read"]) == (bytes_text(cost.read - cost.cache), bytes_text(cost.cache))
        assert n["bandwidth"] == "100 GB/s" and cost.read / 100e9 == cost.seconds


def test_the_model_that_is_looked_at(explorer, move, press):
    assert explorer.view.shown["here"] == 4 and explorer.caption.startswith("GPT-2 1.5B: a step reads ")
    press(explorer, "look", 1)
    move(explorer, tokens=64)
    assert explorer.view.shown["here"] == 1 and explorer.caption.startswith("GPT-2 124M: a step reads ")
    assert explorer.view.shown["band"] == {"tokens": 64, "layers": 12, "logits": 50_257}
    for wrong in (-1, 5, "x", None, 10**400):
        with pytest.raises((TypeError, ValueError), match="^position must be"):
            explorer.look(wrong)
    press(explorer, "look", 5)
    assert explorer.caption.startswith("Not changed: position must be at most 4, got 5. GPT-2 124M: ")


def test_every_control_moves_the_dots(explorer, move):
    for name, offer in explorer.view.offers.items():
        known = dict(explorer.controls[name].options)
        for text, value in offer["options"]:
            move(explorer, **{name: value})
            assert getattr(explorer, name) == known[text]
            lanes = [one["lanes"] for one in explorer.view.shown["models"]]
            costs = [(bytes_text(cost.cache), seconds_text(cost.seconds)) for cost in explorer.costs]
            assert [(cache["text"], time["text"]) for _, cache, time in lanes] == costs
        move(explorer, **{name: offer["options"][0][1]})
    assert explorer.problem is None


def test_a_value_that_no_control_had(explorer):
    explorer.tokens = 700
    explorer.bandwidth = 3.35e12
    assert explorer.tokens == 700 and explorer.bandwidth == 3.35e12
    offers = explorer.view.offers
    assert [value for _, value in offers["tokens"]["options"]] == [1, 16, 64, 128, 256, 512, 700, 1024]
    assert ["3.35 TB/s", 3.35e12] in offers["bandwidth"]["options"]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"tokens": 1025}, "tokens must be at most 1024"),
        ({"tokens": "many"}, "tokens must be an integer"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"dtype": torch.float16}, "dtype must be one of torch.float32, torch.bfloat16, torch.int8"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"bandwidth": 0}, "bandwidth must be above 0"),
        ({"bandwidth": None}, "bandwidth must be a number"),
        ({"token": 64}, "settings are tokens, batch_size, dtype, bandwidth, got token"),
    ],
)
def test_what_is_not_allowed_changes_nothing_and_is_said(explorer, move, shown, setting, problem):
    before = explorer.costs
    explorer.change(**setting)
    assert explorer.costs == before
    assert problem in explorer.problem and "Not changed" in shown(explorer)
    move(explorer, tokens=64)
    assert explorer.problem is None and "Not changed" not in shown(explorer)


def test_it_begins_with_what_is_allowed():
    explorer = CostExplorer(CONFIGS, tokens=-1)
    assert "Not changed: tokens must be at least 0" in explorer.caption and len(explorer.costs) == 5
    with pytest.raises(ValueError, match="configs must name at least one model"):
        CostExplorer({})


def test_names_are_only_text():
    name = "<img src=x onerror=alert(1)> $x$"
    explorer = CostExplorer({name: GPT_CONFIG_124M})
    assert explorer.view.shown["models"][0]["name"] == name
    explorer.picture().canvas.draw()


def test_a_notebook_gets_the_live_view_a_picture_and_a_line():
    bundle = CostExplorer()._repr_mimebundle_()[0]
    json.dumps(bundle)
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert bundle["text/plain"].startswith(
        "CostExplorer: one text of 1,024 tokens, float32, 20 GB/s: GPT-2 124M 498 MB + 75.5 MB, "
    )
