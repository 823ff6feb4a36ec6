import pytest

from gptcore import GPT_CONFIG_124M, GPTConfig, GPTModel

ORIGIN = {
    "vocab_size": 50257,
    "context_length": 1024,
    "emb_dim": 768,
    "n_heads": 12,
    "n_layers": 12,
    "drop_rate": 0.1,
    "qkv_bias": True,
}


def test_a_mapping_with_the_keys_of_the_origin_course_is_a_config():
    assert GPTConfig.of(ORIGIN) == GPT_CONFIG_124M
    assert {**GPT_CONFIG_124M}.items() >= ORIGIN.items()


def test_a_mapping_builds_the_model_that_the_config_builds():
    small = {"vocab_size": 7, "context_length": 4, "emb_dim": 8, "n_heads": 2, "n_layers": 1}
    assert GPTModel(small).config == GPTModel(GPTConfig(**small)).config == GPTConfig(**small)


def test_a_config_can_be_read_like_a_mapping():
    config = GPTConfig(emb_dim=24)
    assert config["emb_dim"] == config.emb_dim == 24
    assert GPTConfig(**{**config, "n_layers": 3}) == GPTConfig(emb_dim=24, n_layers=3)
    with pytest.raises(KeyError, match="colour"):
        config["colour"]


def test_the_feed_forward_layer_is_four_times_as_wide_unless_another_width_is_given():
    assert GPTConfig(emb_dim=24).hidden_dim == 96
    assert GPTConfig(emb_dim=24, hidden_dim=5).hidden_dim == 5
    assert GPTConfig(emb_dim=24, n_heads=3).head_dim == 8


def test_a_config_does_not_change():
    with pytest.raises(AttributeError):
        GPT_CONFIG_124M.emb_dim = 1


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"emb_dim": 10, "n_heads": 3}, ValueError, ["emb_dim=10", "n_heads=3", "divisible"]),
        ({"vocab_size": 0}, ValueError, ["vocab_size", "0", "at least 1"]),
        ({"n_layers": -1}, ValueError, ["n_layers", "-1", "at least 1"]),
        ({"context_length": 8.0}, TypeError, ["context_length", "8.0", "integer"]),
        ({"emb_dim": None}, TypeError, ["emb_dim", "None", "integer"]),
        ({"n_heads": "12"}, TypeError, ["n_heads", "'12'", "integer"]),
        ({"n_layers": True}, TypeError, ["n_layers", "True", "integer"]),
        ({"hidden_dim": 0}, ValueError, ["hidden_dim", "0", "at least 1"]),
        ({"drop_rate": 1.0}, ValueError, ["drop_rate", "1.0"]),
        ({"drop_rate": float("nan")}, ValueError, ["drop_rate", "nan"]),
        ({"drop_rate": "0.1"}, TypeError, ["drop_rate", "'0.1'", "number"]),
        ({"layer_norm_epsilon": 0.0}, ValueError, ["layer_norm_epsilon", "0.0"]),
        ({"layer_norm_epsilon": None}, TypeError, ["layer_norm_epsilon", "None", "number"]),
        ({"activation": "relu"}, ValueError, ["activation", "'relu'", "gelu_tanh"]),
    ],
)
def test_a_value_that_makes_no_sense_is_named(settings, error, words):
    with pytest.raises(error) as raised:
        GPTConfig(**settings)
    assert all(word in str(raised.value) for word in words)


@pytest.mark.parametrize(("config", "words"), [({"n_head": 2}, ["n_head", "n_heads"]), ([1, 2], ["config", "list"])])
def test_anything_but_a_config_is_refused(config, words):
    with pytest.raises(TypeError) as raised:
        GPTModel(config)
    assert all(word in str(raised.value) for word in words)
