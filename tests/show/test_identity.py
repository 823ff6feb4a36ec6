"""What a saved widget says of itself."""

import pytest
import torch
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

import gptcore
from gptcore import GPTModel, Tokenizer, byte_level_bpe, load_tokenizer
from gptcore.hub import STORYTELLER
from gptcore.page.models import MODELS
from gptcore.show import NextToken, TextScorer
from gptcore.show.identity import _weights, model_name, tokenizer_given, tokenizer_name
from gptcore.show.live import PAGE_TYPE


@pytest.fixture
def told():
    return gptcore.load(device="cpu")


def test_the_bundled_model_is_known_and_none_that_has_learned_more(told):
    model, _ = told
    assert model_name(model) == "storyteller"
    assert model_name(GPTModel(model.config)) is None
    with torch.no_grad():
        model.blocks[2].feed_forward_norm.weight[5] += 1e-6
    assert model_name(model) is None


def test_the_models_of_lesson_06_are_known_also_where_training_rounds_differently(told):
    torch.manual_seed(0)
    assert model_name(GPTModel(told[0].config)) == "untrained"
    half_trained = gptcore.load_model(MODELS["half-trained"], device="cpu")
    for layer, factor, name in (("position_embedding", 1.003, "half-trained"), ("final_norm", 1.03, None)):
        with torch.no_grad():
            getattr(half_trained, layer).weight.mul_(factor)
        assert model_name(half_trained) == name


def test_who_asks_for_a_name_keeps_its_luck(told):
    torch.manual_seed(5)
    expected = torch.rand(3)
    _weights.cache_clear()
    torch.manual_seed(5)
    assert model_name(told[0].bfloat16()) is None
    assert torch.equal(torch.rand(3), expected)


def test_a_model_of_another_shape_is_not_the_bundled_one(told):
    shorter = GPTModel({**told[0].config, "n_layers": 2})
    wider = GPTModel({**told[0].config, "emb_dim": 96})
    assert model_name(shorter) is model_name(wider) is None


def test_the_bundled_tokenizers_are_known_and_no_others(told):
    assert tokenizer_name(told[1]) == "storyteller"
    assert tokenizer_name(load_tokenizer(STORYTELLER / "english_tokenizer")) == "english"
    assert tokenizer_name(Tokenizer.of_characters("abc")) is None


def trained(**settings):
    """A tokenizer of a few merges, as a lesson trains one."""
    backend = byte_level_bpe(**settings)
    trainer = BpeTrainer(vocab_size=270, show_progress=False, initial_alphabet=sorted(ByteLevel.alphabet()))
    backend.train_from_iterator(["the other oxen"] * 3, trainer)
    return Tokenizer(backend)


def test_a_small_tokenizer_travels_with_its_widget(told):
    tokenizer = trained()
    given = tokenizer_given(tokenizer)
    tokens, merges = given["tokens"].split(" "), given["merges"].split("\n")
    assert {token: i for i, token in enumerate(tokens)} == tokenizer.backend.get_vocab()
    assert len(merges) == len(tokens) - 256 and all(merge.replace(" ", "") in tokens for merge in merges)
    assert tokenizer_given(told[1]) == "storyteller"


def test_a_tokenizer_that_a_page_would_read_otherwise_does_not():
    tidy = trained()
    tidy.clean_up_tokenization_spaces = True
    for other in (trained(add_prefix_space=True), tidy, Tokenizer.of_characters("abc"), object()):
        assert tokenizer_given(other) is None
    tokenizer = trained()
    tokenizer.backend.add_special_tokens(["<s>"])
    assert tokenizer_given(tokenizer) is None


def test_a_saved_widget_says_what_it_is(told):
    bundle, _ = NextToken(*told, "Once upon", seed=5, top_k=3)._repr_mimebundle_()
    assert bundle[PAGE_TYPE] == {
        "widget": "NextToken",
        "model": "storyteller",
        "tokenizer": "storyteller",
        "settings": {"prompt": "Once upon", "seed": 5, "temperature": 1.0, "top_k": 3},
    }


def test_a_text_is_saved_as_it_is_not_as_it_is_shown(told):
    bundle, _ = TextScorer(*told, "a\u202eb")._repr_mimebundle_()
    assert bundle[PAGE_TYPE]["settings"]["text"] == "a\u202eb"
