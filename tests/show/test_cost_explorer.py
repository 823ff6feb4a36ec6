import json
import re
from html.parser import HTMLParser
from math import log10

import pytest
import torch

from gptcore import GPT2_SIZES, GPT_CONFIG_124M, GPT_CONFIG_1558M, GPTConfig
from gptcore.costs import bytes_read_per_step, cache_bytes, seconds_per_token, weight_bytes
from gptcore.show import CostExplorer
from gptcore.units import bytes_text, seconds_text

SMALL = GPTConfig(vocab_size=50, context_length=16, emb_dim=12, n_heads=3, n_layers=2)


@pytest.fixture
def explorer():
    return CostExplorer({"small": SMALL, **GPT2_SIZES})


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.widths, self.text = set(), [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attributes)
        if tag == "i":
            self.widths.append(float(re.search(r"width:([\d.]+)%", dict(attributes)["style"])[1]) / 100)

    def handle_data(self, data):
        self.text.append(data)


def test_the_costs_are_those_of_the_formulas(explorer):
    explorer.change(tokens=256, batch_size=4, dtype=torch.bfloat16, bandwidth=100 * 10**9)
    for cost, config in zip(explorer.costs[1:], GPT2_SIZES.values(), strict=True):
        size = (config, 256, 4, torch.bfloat16)
        assert cost.weights == weight_bytes(config, torch.bfloat16)
        assert cost.cache == cache_bytes(*size) and cost.read == bytes_read_per_step(*size)
        assert cost.seconds == seconds_per_token(*size, 100e9)


def test_a_text_is_no_longer_than_the_context_of_its_model(explorer):
    explorer.tokens = 1024
    assert [cost.tokens for cost in explorer.costs] == [16, 1024, 1024, 1024, 1024]
    assert "(small: texts as long as its context, which is shorter.)" in explorer.reading
    explorer.tokens = 16
    assert "shorter" not in explorer.reading


def test_bars_and_numbers_are_the_costs(explorer):
    explorer.batch_size = 8
    page = Page(explorer._lanes.value)
    expected = [
        share
        for cost in explorer.costs
        for share in ((log10(cost.weights) - 4) / 7, (log10(cost.cache) - 4) / 7, (log10(cost.seconds) + 6) / 7)
    ]
    assert page.widths == pytest.approx([min(1, max(0, share)) for share in expected], abs=1e-4)
    for cost in explorer.costs:
        assert {bytes_text(cost.weights), bytes_text(cost.cache), seconds_text(cost.seconds)} <= set(page.text)


def test_every_control_moves_the_bars(explorer):
    for name, control in explorer.controls.items():
        for option in range(len(control.options)):
            control.index = option
            assert getattr(explorer, name) == control.options[option][1]
            html = explorer._lanes.value
            assert all(bytes_text(cost.cache) in html and seconds_text(cost.seconds) in html for cost in explorer.costs)
        control.index = 0
    assert explorer.problem is None


def test_a_value_that_no_control_had(explorer):
    explorer.tokens = 700
    explorer.bandwidth = 3.35e12
    assert explorer.tokens == 700 and explorer.bandwidth == 3.35e12
    assert [value for _, value in explorer.controls["tokens"].options] == [1, 16, 64, 128, 256, 512, 700, 1024]
    assert ("3.35 TB/s", 3.35e12) in explorer.controls["bandwidth"].options


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
def test_what_is_not_allowed_changes_nothing_and_is_said(explorer, setting, problem):
    before = explorer.costs
    explorer.change(**setting)
    assert explorer.costs == before
    assert problem in explorer.problem and "Not changed" in explorer._status.value
    explorer.controls["tokens"].value = 64
    assert explorer.problem is None and "Not changed" not in explorer._status.value


def test_the_reading(explorer):
    explorer.change(tokens=1024, batch_size=1, dtype=torch.float32, bandwidth=20e9)
    largest = explorer.costs[-1]
    rate = 20e9 / bytes_read_per_step(GPT_CONFIG_1558M, 1024)
    assert f"takes at least {seconds_text(largest.seconds)}." in explorer.reading
    assert f"at most {rate:.2f} tokens per second for each text." in explorer.reading
    explorer.batch_size = 64
    assert "for all 64 together." in explorer.reading


def test_a_model_that_fits_no_axis_is_drawn_to_its_end():
    huge = GPTConfig(n_layers=400, emb_dim=12_800, n_heads=100, context_length=100_000)
    explorer = CostExplorer({"huge": huge}, tokens=100_000, batch_size=64)
    assert Page(explorer._lanes.value).widths == [1, 1, 1]
    explorer.tokens = 0
    assert Page(explorer._lanes.value).widths[1] == 0
    explorer.picture()


def test_names_are_only_text():
    explorer = CostExplorer({"<img src=x onerror=alert(1)> $x$": GPT_CONFIG_124M})
    page = Page(explorer._lanes.value + explorer._status.value)
    assert page.tags == {"div", "span", "b", "i"}
    explorer.picture().canvas.draw()
    with pytest.raises(ValueError, match="configs must name at least one model"):
        CostExplorer({})


def test_a_notebook_gets_the_live_view_a_picture_and_a_line():
    bundle = CostExplorer()._repr_mimebundle_()
    json.dumps(bundle)
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert bundle["text/plain"].startswith(
        "CostExplorer: one text of 1,024 tokens, float32, 20 GB/s: GPT-2 124M 498 MB + 75.5 MB, "
    )
