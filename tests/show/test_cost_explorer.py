import json
import re
from html.parser import HTMLParser
from math import log10

import pytest
import torch
from matplotlib.figure import Figure

from gptcore import GPT2_SIZES, GPT_CONFIG_124M, GPT_CONFIG_1558M, GPTConfig
from gptcore.costs import bytes_read_per_step, cache_bytes, seconds_per_token, weight_bytes
from gptcore.show import CostExplorer
from gptcore.show.cost_explorer import MEMORY, costs_html, costs_of, plot_costs
from gptcore.units import bytes_text, seconds_text

SMALL = GPTConfig(vocab_size=50, context_length=16, emb_dim=12, n_heads=3, n_layers=2)


CONFIGS = {"small": SMALL, **GPT2_SIZES}


@pytest.fixture
def explorer():
    return CostExplorer(CONFIGS)


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.widths, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        assert not any(name.startswith("on") for name, _ in attributes)
        if tag == "i":
            self.widths.append(float(re.search(r"width:([\d.]+)%", dict(attributes)["style"])[1]) / 100)

    def handle_data(self, data):
        self.text.append(data)


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
    """How long the bars are, model by model."""
    memory = [[(log10(bytes_) - 4) / 7 for bytes_ in (cost.weights, cost.cache)] for cost in costs.models]
    times = [(log10(cost.seconds) + 6) / 7 for cost in costs.models]
    return [[min(1, max(0, share)) for share in (*two, time)] for two, time in zip(memory, times, strict=True)]


def test_bars_and_numbers_are_the_costs():
    costs = costs_of(CONFIGS, 1024, 8, torch.float32, 20e9)
    page = Page(costs_html(costs))
    assert page.widths == pytest.approx([share for row in shares(costs) for share in row], abs=1e-4)
    axes = Figure().subplots(1, 3)
    plot_costs(axes, costs)
    for lane, ax in enumerate(axes):
        dots, *_ = ax.lines
        assert not ax.patches  # a length would mean nothing on a logarithmic axis
        assert list(dots.get_xdata()) == pytest.approx([row[lane] for row in shares(costs)])
    written = [text.get_text() for ax in axes for text in ax.texts]
    for cost in costs.models:
        texts = {bytes_text(cost.weights), bytes_text(cost.cache), seconds_text(cost.seconds)}
        assert texts <= set(page.text) and texts <= set(written)
    assert MEMORY.marks == [(0, "10 kB"), (pytest.approx(2 / 7), "1 MB"), (pytest.approx(4 / 7), "100 MB")] + [
        (pytest.approx(6 / 7), "10 GB")
    ]


def test_a_model_that_fits_no_axis_is_drawn_to_its_end():
    huge = {"huge": GPTConfig(n_layers=400, emb_dim=12_800, n_heads=100, context_length=100_000)}
    assert Page(costs_html(costs_of(huge, 100_000, 64, torch.float32, 20e9))).widths == [1, 1, 1]
    assert Page(costs_html(costs_of(huge, 0, 64, torch.float32, 20e9))).widths[1] == 0
    explorer = CostExplorer(huge, tokens=0)
    explorer.picture()


def test_every_control_moves_the_bars(explorer, shown):
    for name, control in explorer.controls.items():
        for option in range(len(control.options)):
            control.index = option
            assert getattr(explorer, name) == control.options[option][1]
            html = shown(explorer)
            assert all(bytes_text(cost.cache) in html and seconds_text(cost.seconds) in html for cost in explorer.costs)
        control.index = 0
    assert explorer.problem is None


def test_a_value_that_no_control_had(explorer, control):
    explorer.tokens = 700
    explorer.bandwidth = 3.35e12
    assert explorer.tokens == 700 and explorer.bandwidth == 3.35e12
    assert [value for _, value in control(explorer, "Tokens").options] == [1, 16, 64, 128, 256, 512, 700, 1024]
    assert ("3.35 TB/s", 3.35e12) in control(explorer, "Memory reads").options


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
def test_what_is_not_allowed_changes_nothing_and_is_said(explorer, control, shown, setting, problem):
    before = explorer.costs
    explorer.change(**setting)
    assert explorer.costs == before
    assert problem in explorer.problem and "Not changed" in shown(explorer)
    control(explorer, "Tokens").value = 64
    assert explorer.problem is None and "Not changed" not in shown(explorer)


def test_it_begins_with_what_is_allowed():
    explorer = CostExplorer(CONFIGS, tokens=-1)
    assert "Not changed: tokens must be at least 0" in explorer.caption and len(explorer.costs) == 5
    with pytest.raises(ValueError, match="configs must name at least one model"):
        CostExplorer({})


def test_names_are_only_text(tags, shown):
    explorer = CostExplorer({"<img src=x onerror=alert(1)> $x$": GPT_CONFIG_124M})
    assert tags(shown(explorer)) == {"div", "span", "b", "i"}
    explorer.picture().canvas.draw()


def test_a_notebook_gets_the_live_view_a_picture_and_a_line():
    bundle = CostExplorer()._repr_mimebundle_()[0]
    json.dumps(bundle)
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert bundle["text/plain"].startswith(
        "CostExplorer: one text of 1,024 tokens, float32, 20 GB/s: GPT-2 124M 498 MB + 75.5 MB, "
    )
