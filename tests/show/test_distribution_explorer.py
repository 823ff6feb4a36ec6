import base64
import json

import numpy as np
import pytest
import torch

from gptcore import GPTConfig, GPTModel, Sampling, Tokenizer, draw, next_token_distribution, token_label
from gptcore.show.distribution_explorer import DistributionExplorer, Exploration, draw_more, logits_after
from gptcore.show.panels import row_labels


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(0)
    model = GPTModel(
        GPTConfig(vocab_size=len(tokenizer), context_length=12, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.5)
    )
    with torch.no_grad():
        model.head.weight *= 40  # so that some tokens are far likelier than others
    return model


@pytest.fixture
def explorer(model, tokenizer):
    return DistributionExplorer(model, tokenizer, "Once upon")


def test_the_record_is_that_of_the_sampler(explorer):
    explorer.change(temperature=0.7, top_k=20, top_p=0.9, min_p=0.01)
    expected = next_token_distribution(explorer.logits, 0.7, 20, 0.9, 0.01)
    assert torch.equal(explorer.distribution.probs, expected.probs)
    assert torch.equal(explorer.distribution.removed_by, expected.removed_by)
    assert explorer.entropy == pytest.approx(expected.entropy.item())
    assert explorer.choices == pytest.approx(expected.entropy.exp().item())


@pytest.mark.parametrize("settings", [{}, {"top_k": 3}, {"temperature": 0.3, "top_p": 0.8}, {"min_p": 0.2}])
def test_the_bars_are_the_probabilities_of_the_record(explorer, tokenizer, settings):
    explorer.change(**settings)
    rows = explorer.view.shown["rows"]
    probs, token_ids = explorer.distribution.probs, explorer.panels.token_ids
    assert sum(row["prob"] for row in rows) == pytest.approx(1)
    for row, token_id in zip(rows[:10], token_ids, strict=True):
        assert row["label"] == token_label(tokenizer, token_id) and row["id"] == token_id
        assert row["prob"] == probs[token_id].item()
        assert (row["cut"] != "") == (probs[token_id] == 0)
    shown = probs[token_ids].sum().item()
    assert explorer.panels.others == pytest.approx(1 - shown, abs=1e-6)
    assert sum([*explorer.panels.probs, explorer.panels.others]) == pytest.approx(1)


def test_the_axis_and_the_number_of_rows_change_only_the_look(explorer):
    explorer.draw(100)
    record, counts = explorer.distribution, explorer.counts.clone()
    explorer.log = True
    explorer.rows = 15
    assert explorer.distribution is record and torch.equal(explorer.counts, counts)
    assert len(explorer.view.shown["rows"]) == 16 and explorer.view.shown["log"] is True


def test_a_slider_reuses_the_logits_and_a_prompt_calls_the_model(explorer, model, move):
    calls = []
    model.register_forward_pre_hook(lambda *_: calls.append("forward"))
    model.blocks[0].register_forward_pre_hook(lambda *_: calls.append("block"))
    logits = explorer.logits
    for name in ("temperature", "top_k", "top_p", "min_p"):
        move(explorer, **{name: explorer.view.offers[name]["options"][3][1]})
    assert calls == [] and explorer.logits is logits
    assert (explorer.temperature, explorer.top_k, explorer.top_p, explorer.min_p) == (0.15, 4, 0.2, 0.005)
    move(explorer, prompt="Once")
    assert len(calls) == 1 and not torch.equal(explorer.logits, logits)


def test_rows_keep_their_order_and_the_logit_axis_holds_still(explorer):
    token_ids, axis = explorer.panels.token_ids, explorer.panels.axis
    order = sorted(range(len(explorer.logits)), key=lambda i: (-explorer.logits[i].item(), i))
    assert token_ids == order[:10]
    for settings in ({"temperature": 0}, {"temperature": 100}, {"temperature": 0.05, "top_k": 1}, {"top_p": 0.05}):
        explorer.change(**settings)
        assert explorer.panels.token_ids == token_ids and explorer.panels.axis == axis
        assert [row["id"] for row in explorer.view.shown["rows"]] == [*token_ids, None]


def test_temperature_0_is_greedy_and_says_so(explorer, move):
    move(explorer, temperature=0)
    assert explorer.temperature == 0
    assert explorer.distribution.probs.max() == 1 and explorer.choices == 1
    assert "Temperature 0 is greedy" in explorer.caption
    first, second = explorer.view.shown["rows"][:2]
    assert (first["prob"], first["cut"]) == (1, "") and second["cut"] == "temperature 0"
    assert explorer.view.shown["temperature"] == 0
    explorer.picture()


def test_tokens_whose_chance_rounds_to_0_cannot_be_drawn(explorer):
    total = len(explorer.logits)
    assert f"At temperature 1, {total} of {total} tokens can be drawn; the likeliest" in explorer.caption
    explorer.temperature = 0.001
    possible = int((explorer.distribution.probs > 0).sum())
    assert 0 < possible < total == explorer.distribution.kept_count
    expected = f"{possible} of {total} tokens can be drawn ({total - possible} more round to 0); the likeliest"
    assert expected in explorer.caption


def test_what_each_stage_removed_adds_up(explorer):
    explorer.change(top_k=20, top_p=0.7, min_p=0.2)
    panels, record = explorer.panels, explorer.distribution
    assert panels.kept_mass + sum(mass for mass, _ in panels.removed.values()) == pytest.approx(1)
    assert panels.kept_count + sum(count for _, count in panels.removed.values()) == record.probs.numel()
    for stage, (mass, _) in panels.removed.items():
        assert mass == pytest.approx(record.removed_mass[stage].item())
    shown = explorer.view.shown
    assert [stage["name"] for stage in shown["removed"]][:2] == ["top-k", "top-p"]
    assert shown["keptMass"] + sum(stage["mass"] for stage in shown["removed"]) == pytest.approx(1)


def test_draws_are_counted_beside_what_was_expected(explorer, press):
    for count, total in ((1, 1), (100, 101), (1000, 1101)):
        press(explorer, "draw", count)
        assert explorer.draws == total == explorer.panels.draws == explorer.view.shown["draws"]
        assert (explorer.record.last_id is not None) == (count == 1)
        assert sum(row["isDrawn"] for row in explorer.view.shown["rows"]) == (count == 1)
    uniforms = torch.rand(1101, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.bincount(draw(explorer.distribution, uniforms), minlength=len(explorer.counts))
    assert (explorer.counts - expected).abs().sum() <= 4  # the same luck, however it is cut into portions
    shown = [row["count"] for row in explorer.view.shown["rows"]]
    assert shown == [*explorer.panels.counts, explorer.panels.others_drawn] and sum(shown) == 1101
    assert "Of 1,101 draws" in explorer.caption
    explorer.picture()

    explorer.temperature = 0.5
    assert explorer.draws == 0 and "Nothing is drawn yet" in explorer.caption


def test_the_luck_begins_again_with_every_change(explorer):
    explorer.draw(100)
    counts = explorer.counts.clone()
    explorer.temperature = 0.5
    explorer.temperature = 1.0
    explorer.draw(100)
    assert torch.equal(explorer.counts, counts)


def test_a_token_without_a_row_is_outlined_among_the_others(explorer):
    explorer.change(temperature=100.0, rows=1)
    while explorer.record.last_id in (None, *explorer.panels.token_ids):
        explorer.draw(1)
    assert [row["isDrawn"] for row in explorer.view.shown["rows"]] == [False, True]


def test_an_exploration_needs_no_widget(model, tokenizer):
    token_ids, logits = logits_after(model, tokenizer, "Once upon")
    assert token_ids == tokenizer.encode("Once upon")
    sampling, labels = Sampling(0.5, top_k=3), row_labels(logits, tokenizer, 5)
    counts = torch.zeros(len(logits), dtype=torch.int64)
    record = Exploration("Once upon", sampling, sampling.distribution(logits), labels, counts, limit=None)
    assert record.draws == 0 and "Nothing is drawn yet" in record.caption
    drawn = draw_more(record, torch.tensor([0.1, 0.2, 0.9], dtype=torch.float64), tokenizer)
    assert (record.draws, drawn.draws, drawn.last_id) == (0, 3, None)  # a record does not change
    assert drawn.drawn_id == drawn.counts.argmax() and f"{drawn.drawn_label} came" in drawn.caption
    once = draw_more(record, torch.tensor([0.5], dtype=torch.float64), tokenizer)
    assert once.last_id == draw(record.distribution, 0.5) and f"Drawn: {once.drawn_label}, which" in once.caption


def test_reset_is_the_beginning(explorer, shown, press):
    before = explorer.describe(), shown(explorer), explorer.caption
    explorer.change(prompt="fox", temperature=0.1, top_k=3, top_p=0.5, min_p=0.3, log=True, rows=5)
    explorer.draw(10)
    press(explorer, "reset")
    assert (explorer.describe(), shown(explorer), explorer.caption) == before


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("temperature", 0.123, "0.123"),
        ("temperature", 1000, "1,000"),
        ("top_k", 37, "37"),
        ("top_k", 10**6, "1,000,000"),
        ("top_p", 0.123, "0.123"),
        ("min_p", 0.0, "0"),
        ("rows", 7, "7"),
    ],
)
def test_a_value_between_the_stops_of_a_slider_is_taken_as_it_is(explorer, name, value, text):
    setattr(explorer, name, value)
    control = explorer.controls[name]
    assert getattr(explorer, name) == value and (text, value) in control.options and explorer.problem is None
    assert [text, value] in explorer.view.offers[name]["options"]
    numbers = [option[1] for option in control.options if option[1] is not None]
    assert numbers == sorted(numbers)
    assert [option[1] for option in control.options].count(None) == (name in ("top_k", "top_p", "min_p"))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("temperature", -1, "temperature must be 0"),
        ("temperature", "hot", "temperature must be a number"),
        ("top_k", 0, "top_k must be at least 1"),
        ("top_k", 2.5, "top_k must be an integer"),
        ("top_p", 0, "top_p must be above 0"),
        ("min_p", 2, "min_p must be from 0 to 1"),
        ("rows", 0, "rows must be at least 1"),
        ("rows", 1000, "rows must be at most 50"),
        ("log", "yes", "log must be True or False"),
        ("prompt", 5, "prompt must be a str"),
    ],
)
def test_what_cannot_be_set_changes_nothing_and_becomes_a_sentence(
    model, tokenizer, explorer, name, value, sentence, shown
):
    before = getattr(explorer, name)
    setattr(explorer, name, value)
    assert getattr(explorer, name) == before and explorer.distribution is not None
    assert explorer.problem.startswith(sentence) and f"Not changed: {sentence}" in shown(explorer)
    explorer.temperature = 0.5
    assert explorer.problem is None and "Not changed" not in explorer.caption
    if name != "log":
        started = DistributionExplorer(model, tokenizer, **({"prompt": "Once"} | {name: value}))
        assert started.problem.startswith(sentence)


def test_an_unknown_setting_becomes_a_sentence(explorer):
    explorer.change(temprature=0.5)
    assert (
        explorer.problem.startswith("settings are prompt, temperature, top_k") and "got temprature" in explorer.caption
    )
    explorer.temperature = 0.5
    assert explorer.temperature == 0.5 and explorer.problem is None


def test_a_prompt_that_cannot_be_read_becomes_a_sentence(model, tokenizer, shown):
    endless = Tokenizer(tokenizer.backend, eos_token=None)
    explorer = DistributionExplorer(model, endless, "")
    assert explorer.distribution is None and explorer.panels is None and explorer.entropy is None
    assert "There is nothing to show: prompt must not be empty" in shown(explorer)
    assert "rows" not in explorer.view.shown
    explorer.draw(10)
    explorer.rows = 5
    assert "prompt must not be empty" in explorer.caption and "must not be empty" in explorer.describe()
    explorer.picture()
    explorer.prompt = "Once"
    assert explorer.problem is None and explorer.distribution is not None
    assert len(explorer.view.shown["rows"]) == 6


def test_nan_logits_become_a_sentence(explorer, model):
    with torch.no_grad():
        model.final_norm.weight.fill_(float("nan"))
    explorer.prompt = "fox"
    assert explorer.distribution is None and "NaN" in explorer.caption


def test_unusual_prompts(explorer):
    explorer.prompt = ""  # begins with the end-of-text token
    assert explorer.problem is None
    explorer.prompt = "Once "
    assert "ends in a space" in explorer.caption
    explorer.prompt = "Once upon a time " * 30
    assert "only its last 12 tokens" in explorer.caption
    explorer.prompt = "<img src=x onerror=alert(1)> $x$"
    explorer.picture()


@pytest.mark.parametrize("prompt", ["x" * 2000, "🦊" * 300, "$$ " * 50])
def test_a_long_prompt_has_a_picture_of_the_usual_size(explorer, recwarn, prompt):
    explorer.prompt = prompt
    png = base64.b64decode(explorer._repr_mimebundle_()[0]["image/png"])
    assert int.from_bytes(png[16:20], "big") < 1200  # pixels wide
    assert [str(warning.message) for warning in recwarn.list] == []


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(explorer):
    bundle = explorer._repr_mimebundle_()[0]
    assert {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"} <= bundle.keys()
    assert bundle["text/plain"] == explorer.describe()
    assert explorer.describe().startswith("DistributionExplorer: after 'Once upon' at temperature 1.0: ")
    explorer.draw(1000)
    assert explorer.describe().endswith("1,000 drawn")
    json.dumps(bundle)


def test_the_update_is_small(explorer, shown):
    explorer.draw(1000)
    assert len(shown(explorer)) < 10_000


def test_labels_are_those_of_the_model_as_it_is_and_of_the_rows_that_are_shown(model, tokenizer):
    """The weights change, as in training, while something else is looked at."""
    explorer = DistributionExplorer(model, Tokenizer(tokenizer.backend, eos_token=None), "Once")
    before = explorer.panels.labels
    explorer.prompt = ""
    assert explorer.distribution is None
    with torch.no_grad():
        model.head.weight.copy_(model.head.weight.roll(1, 0))
    explorer.prompt = "Once"
    ids = explorer.logits.topk(10).indices.tolist()
    assert explorer.panels.token_ids == ids and explorer.panels.labels != before
    explorer.change(temperature=0.5, rows=5)
    assert explorer.panels.token_ids == ids[:5]


def test_a_billion_draws_are_cut_to_a_million_and_said(explorer, shown):
    explorer.draw(10**9)
    assert explorer.draws == 1_000_000 and "count was cut to 1,000,000" in shown(explorer)
    explorer.draw(1)
    assert explorer.draws == 1_000_001 and "cut to" not in explorer.caption
    for count in (-1, 2.5, "x", None):
        with pytest.raises((TypeError, ValueError), match="^count must be"):
            explorer.draw(count)
    assert explorer.draws == 1_000_001


def test_a_seed_is_checked_and_starts_the_luck_again(explorer):
    explorer.draw(5)
    counts = explorer.counts
    explorer.seed = "x"
    assert explorer.seed == 1 and explorer.problem.startswith("seed must be an integer") and explorer.draws == 5
    explorer.seed = np.int64(7)
    explorer.draw(5)
    assert explorer.seed == 7 and explorer.problem is None and not torch.equal(explorer.counts, counts)
