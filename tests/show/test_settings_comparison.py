from types import SimpleNamespace

import pytest
import torch

from gptcore import GPTConfig, GPTModel, Sampling, draw, generate
from gptcore.show.settings_comparison import (
    SettingsComparison,
    SettingsRecord,
    compare_settings,
    first_difference,
    sampling_text,
)

SAME = {"temperature": 1.0, "top_k": 10}


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(0)
    model = GPTModel(
        GPTConfig(vocab_size=len(tokenizer), context_length=16, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.5)
    )
    with torch.no_grad():
        model.token_embedding.weight.mul_(8)
    return model


@pytest.fixture
def comparison(model, tokenizer):
    return SettingsComparison(model, tokenizer, "Once upon", seed=3, max_length=20)


def test_both_texts_are_those_of_generate_on_the_same_luck(comparison, model, tokenizer):
    prompt = torch.tensor([tokenizer.encode("Once upon")])
    assert comparison.settings == ({"temperature": 0.7, "top_k": 10}, {"temperature": 1.0, "top_k": 10})
    for setting, ids in zip(comparison.settings, comparison.token_ids, strict=True):
        assert ids == generate(model, prompt, 20, seed=3, **setting)[0, prompt.shape[1] :].tolist()
    luck = torch.rand(20, generator=torch.Generator().manual_seed(3), dtype=torch.float64).tolist()
    assert [text.uniforms for text in comparison.record.written] == [luck, luck]


def test_without_a_prompt_the_dart_hits_what_was_written(comparison):
    comparison.prompt = ""
    comparison.settings = {"temperature": 2.0}, {"temperature": 1.9}
    for seed in range(6):
        comparison.seed = seed
        assert [int(draw(step.distribution, step.uniform)) for step in comparison.steps] == [
            step.token_id for step in comparison.steps
        ]


def test_the_first_difference_and_the_agreement(comparison, shown):
    first, second = comparison.token_ids
    index = comparison.first_difference
    assert first[:index] == second[:index] and first[index] != second[index]
    assert comparison.agreement == sum(a == b for a, b in zip(first, second, strict=True))
    assert [step.token_id for step in comparison.steps] == [first[index], second[index]]
    assert {step.uniform for step in comparison.steps} == {comparison.record.written[0].uniforms[index]}
    assert [dart.token_id for dart in comparison.record.darts] == [first[index], second[index]]
    page = comparison.view.shown
    assert page["parting"] == index == page["position"]
    for side in page["sides"]:
        assert side["same"] == [a == b for a, b in zip(first, second, strict=True)] and len(side["pieces"]) >= 20
    assert f"new token {index + 1}" in comparison.caption in shown(comparison)


@pytest.mark.parametrize(
    ("first", "second", "index"),
    [([1, 2], [1, 2], None), ([1, 2], [1, 3], 1), ([1, 2, 3], [1, 2], 2), ([], [], None), ([], [1], 0)],
)
def test_where_two_texts_part(first, second, index):
    assert first_difference(first, second) == first_difference(second, first) == index


def test_the_same_setting_gives_the_same_text(comparison):
    comparison.settings = SAME, SAME
    assert comparison.first_difference is None and comparison.agreement == 20
    assert comparison.texts[0] == comparison.texts[1]
    assert comparison.view.shown["parting"] is None and all(comparison.view.shown["sides"][0]["same"])
    assert "The texts are the same" in comparison.describe()
    comparison.picture()


def test_sliders_and_the_button_compare_again(comparison, move, press):
    before = comparison.token_ids
    move(comparison, temperature_a=1)
    assert comparison.first_difference is None
    move(comparison, top_k_b=1)
    assert comparison.settings[1] == {"temperature": 1.0, "top_k": 1} and comparison.first_difference is not None
    move(comparison, temperature_b=0)
    move(comparison, top_k_a=None)
    assert comparison.settings[0]["top_k"] is None
    press(comparison, "other_luck")
    assert comparison.seed == 4 == comparison.view.settings["seed"]
    assert comparison.token_ids != before
    comparison.prompt = "옛날"
    assert all(text.startswith("옛날") for text in comparison.texts)


def test_settings_without_a_control_and_numbers_that_no_slider_had(comparison):
    comparison.settings = {"temperature": 3.5, "top_k": 7, "top_p": 0.9}, {"min_p": 0.2}
    assert comparison.settings == (
        {"temperature": 3.5, "top_k": 7, "top_p": 0.9},
        {"temperature": 1.0, "top_k": None, "min_p": 0.2},
    )
    assert sampling_text(Sampling(3.5, 7, 0.9)) == "temperature 3.5, top-k 7, top-p 0.9"
    assert "top-p 0.9" in comparison.describe() and "top-k all, min-p 0.2" in comparison.describe()
    with pytest.raises(ValueError, match="settings must be two"):
        comparison.settings = [SAME]
    with pytest.raises(ValueError, match="got heat"):
        comparison.settings = [SAME, {"heat": 3}]


def test_a_setting_that_is_not_allowed_changes_nothing(comparison, move):
    before = comparison.settings, comparison.token_ids
    for setting, words in (
        ({"temperature": -1}, "temperature must be 0"),
        ({"temperature": "hot"}, "temperature must be a number, got 'hot'"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"top_p": 7}, "top_p must be above 0"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            comparison.settings = SAME, setting
        assert (comparison.settings, comparison.token_ids) == before
    move(comparison, temperature_a=1.5)
    assert comparison.settings[0]["temperature"] == 1.5 and comparison.token_ids != before[1]


def test_one_text_may_end_before_the_other(model, tokenizer):
    with torch.no_grad():  # at temperature 0 the end of the text comes at once
        model.final_norm.weight.zero_()
        model.final_norm.bias.copy_(model.token_embedding.weight[tokenizer.eos_token_id] * 0.3)
    record = compare_settings(model, tokenizer, "Once", [Sampling(0), Sampling(9.0)], seed=1, max_length=5)
    assert [len(text.token_ids) for text in record.written] == [1, 5] and record.first_difference == 0
    texts = [SimpleNamespace(token_ids=ids, prompt="p", pieces=["a"] * len(ids)) for ids in ([5, 6, 7], [5, 6])]
    record = SettingsRecord([Sampling()] * 2, 1, texts, [], [])
    assert (record.first_difference, record.agreement) == (2, 2)
    assert [side["same"] for side in record.shown()["sides"]] == [[True, True, False], [True, True]]


def test_nothing_to_write(model, tokenizer):
    comparison = SettingsComparison(model, tokenizer, "Once", max_length=0)
    assert comparison.steps == [] and comparison.first_difference is None
    comparison.picture()


def test_any_token_can_be_looked_at(comparison, press, shown):
    press(comparison, "look", 5)
    assert [step.token_id for step in comparison.steps] == [ids[5] for ids in comparison.token_ids]
    assert [side["dart"]["id"] for side in comparison.view.shown["sides"]] == [ids[5] for ids in comparison.token_ids]
    for odd in (-1, 20, "x", None, 2.5):
        press(comparison, "look", odd)
        assert "Not changed: position must be" in shown(comparison) and comparison.record.position == 5


def test_a_prompt_that_cannot_be_read_is_a_sentence(comparison, shown):
    before = comparison.texts
    comparison.tokenizer = type("NoEnd", (), {"encode": lambda self, text: [], "decode": str, "eos_token_id": None})()
    comparison.prompt = ""
    assert "Not changed: prompt must not be empty" in shown(comparison) and comparison.texts == before
    with pytest.raises(ValueError, match="prompt must not be empty"):
        SettingsComparison(comparison.model, comparison.tokenizer, "")


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(comparison):
    bundle = comparison._repr_mimebundle_()[0]
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert bundle["text/plain"].startswith(
        "SettingsComparison: temperature 0.7, top-k 10 against temperature 1, top-k 10, seed 3: The first token"
    )


class Letters:
    """Any object that encodes and decodes is a tokenizer."""

    def encode(self, text):
        return [ord(letter) for letter in text]

    def decode(self, token_ids):
        return "".join(map(chr, token_ids))


def test_a_tokenizer_without_an_end(model):
    comparison = SettingsComparison(model, Letters(), "ab", seed=3, max_length=20)
    assert [len(text) for text in comparison.texts] == [22, 22]


@pytest.mark.parametrize("seed", ["x", -1, 2**63, 1.5, None, [1]])
def test_a_seed_is_checked_before_it_is_stored(comparison, press, shown, seed):
    before = comparison.seed, comparison.texts
    comparison.seed = seed
    assert (comparison.seed, comparison.texts) == before and "Not changed: seed must be" in shown(comparison)
    press(comparison, "other_luck")
    assert comparison.seed == before[0] + 1 and comparison.problem is None and comparison.texts != before[1]


@pytest.mark.parametrize("settings", [5, None, [1, 2], "ab", {"temperature": 1}, [{5: 1}, {}], [{}, {"top_p": 0}]])
def test_settings_that_are_none_change_nothing(comparison, settings):
    before = comparison.settings, comparison.texts
    with pytest.raises((TypeError, ValueError), match="^(settings must be two|a setting has|top_p must be)"):
        comparison.settings = settings
    assert (comparison.settings, comparison.texts) == before


def test_a_prompt_that_cannot_be_read_leaves_the_sliders_alive(comparison, move, shown):
    def unreadable(text):
        raise ValueError("no")

    before, encode = comparison.prompt, comparison.tokenizer
    comparison.tokenizer = type("Cannot", (), {"encode": lambda self, text: unreadable(text), "decode": str})()
    move(comparison, prompt="ä")
    assert "Not changed: no." in shown(comparison) and comparison.prompt == before
    comparison.tokenizer = encode
    move(comparison, temperature_a=1.7)
    assert comparison.problem is None and comparison.settings[0]["temperature"] == 1.7


def test_a_length_is_cut(comparison, shown):
    comparison.max_length = 10**9
    assert comparison.max_length == 100 and "max_length was cut to 100" in shown(comparison)
    assert max(map(len, comparison.token_ids)) <= 100
