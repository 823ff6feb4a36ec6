from html.parser import HTMLParser

import pytest
import torch

from gptcore import GPTConfig, GPTModel, draw, generate
from gptcore.show.settings_comparison import SettingsComparison

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
    luck = torch.Generator().manual_seed(3)
    assert comparison.uniforms == torch.rand(20, generator=luck, dtype=torch.float64).tolist()


def test_a_dart_without_a_beginning_hits_what_was_written(comparison):
    comparison.prompt = ""
    comparison.settings = {"temperature": 2.0}, {"temperature": 1.9}
    for seed in range(6):
        comparison.seed = seed
        assert [int(draw(step.distribution, step.uniform)) for step in comparison.steps] == [
            step.token_id for step in comparison.steps
        ]


def test_the_first_difference_and_the_agreement(comparison):
    first, second = comparison.token_ids
    place = comparison.first_difference
    assert first[:place] == second[:place] and first[place] != second[place]
    assert comparison.agreement == sum(a == b for a, b in zip(first, second, strict=True))
    assert [step.token_id for step in comparison.steps] == [first[place], second[place]]
    assert comparison.steps[0].uniform == comparison.steps[1].uniform == comparison.uniforms[place]
    assert comparison._story.value.count('title="The first token that differs"') == 2
    assert f"new token {place + 1}" in comparison._message.value


def test_the_same_setting_gives_the_same_text(comparison):
    comparison.settings = SAME, SAME
    assert comparison.first_difference is None and comparison.agreement == 20
    assert comparison.texts[0] == comparison.texts[1]
    assert "title=" not in comparison._story.value
    assert "The texts are the same" in comparison.describe()
    comparison.picture()


def test_sliders_and_the_button_compare_again(comparison):
    before = comparison.token_ids
    comparison._temperatures[0].value = 1.0
    assert comparison.first_difference is None
    comparison._top_ks[1].value = 1
    assert comparison.settings[1] == {"temperature": 1.0, "top_k": 1} and comparison.first_difference is not None
    comparison._temperatures[1].value = 0.0
    comparison._top_ks[0].value = 0  # all
    comparison._other.click()
    assert comparison.seed == 4 and "seed 4" in comparison._luck.value
    assert comparison.token_ids != before
    comparison.prompt = "옛날"
    assert all(text.startswith("옛날") for text in comparison.texts)


def test_settings_without_a_control_and_numbers_that_no_slider_had(comparison):
    comparison.settings = {"temperature": 3.5, "top_k": 7, "top_p": 0.9}, {"min_p": 0.2}
    assert comparison.settings == (
        {"temperature": 3.5, "top_k": 7, "top_p": 0.9},
        {"temperature": 1.0, "top_k": None, "min_p": 0.2},
    )
    assert "top-p 0.9" in comparison.describe() and "top-k all" in comparison.describe()
    with pytest.raises(ValueError, match="settings must be two"):
        comparison.settings = [SAME]
    with pytest.raises(ValueError, match="got heat"):
        comparison.settings = [SAME, {"heat": 3}]


def test_a_setting_that_is_not_allowed_changes_nothing(comparison):
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
    comparison._temperatures[0].value = 1.5
    assert comparison.settings[0]["temperature"] == 1.5 and comparison.token_ids != before[1]


def test_one_text_may_end_before_the_other(model, tokenizer, comparison):
    comparison.token_ids = [5, 6, 7], [5, 6]
    assert comparison.first_difference == 2 and comparison.agreement == 2
    comparison.steps = [comparison._step_again(place) for place in range(2)]
    assert [step.token_id for step in comparison.steps] == [7, 6]
    comparison._show()
    comparison.picture()


def test_nothing_to_write(model, tokenizer):
    comparison = SettingsComparison(model, tokenizer, "Once", max_length=0)
    assert comparison.steps == [] and comparison.first_difference is None
    comparison.picture()


def test_nothing_is_read_as_html(comparison):
    comparison.prompt = "<img src=x onerror=alert(1)> $x$"
    tags = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.add(tag)
    for html in (comparison._story, comparison._message, comparison._darts):
        parser.feed(html.value)
    assert tags <= {"div", "span", "mark", "i", "u", "b", "style"}


def test_a_beginning_that_cannot_be_read_is_a_sentence(comparison):
    comparison.tokenizer = type("NoEnd", (), {"encode": lambda self, text: [], "decode": None, "eos_token_id": None})()
    comparison.prompt = ""
    assert "cannot be compared" in comparison._message.value


def test_a_notebook_gets_the_live_view_a_picture_and_a_line(comparison):
    bundle = comparison._repr_mimebundle_()
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
