import copy
import dataclasses
import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch

from gptcore import GPT2_SIZES, GPT_CONFIG_124M, GPTConfig, GPTModel

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


def test_a_config_is_a_dict_to_code_that_reads_one():
    config = GPT_CONFIG_124M
    assert isinstance(config, dict) and len(config) == len(dataclasses.fields(config)) == len(list(config))
    assert "emb_dim" in config and "pos_emb" not in config
    assert config.get("n_heads") == 12 and config.get("pos_emb") is None and config.get("pos_emb", 3) == 3
    assert (
        [*config]
        == [*config.keys()]
        == [key for key, _ in config.items()]
        == [field.name for field in dataclasses.fields(config)]
    )
    assert list(config.values())[:6] == [50257, 1024, 768, 12, 12, 0.1]
    assert dict(config) == config == {**config} and config != ORIGIN
    assert config | {"n_layers": 2} == {**config, "n_layers": 2} == {"n_layers": 12} | config | {"n_layers": 2}
    assert json.loads(json.dumps(config)) == json.loads(json.dumps(config, indent=2)) == config
    assert repr(config).startswith("GPTConfig(vocab_size=50257, context_length=1024, emb_dim=768,")


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, dataclasses.replace, lambda config: pickle.loads(pickle.dumps(config)), GPTConfig.of],
)
@pytest.mark.parametrize("config", [GPT_CONFIG_124M, GPTConfig(hidden_dim=5, qkv_bias=False, activation="gelu")])
def test_a_config_survives_being_copied_and_stored(config, again):
    other = again(config)
    assert type(other) is GPTConfig and other == config and hash(other) == hash(config)
    assert vars(other) == vars(config) and dict(other) == dict(config)


def test_pytorch_reads_a_checkpoint_that_holds_a_config(tmp_path):
    torch.save({"config": GPT_CONFIG_124M, "step": 3}, tmp_path / "checkpoint.pth")
    assert torch.load(tmp_path / "checkpoint.pth") == {"config": GPT_CONFIG_124M, "step": 3}


def test_a_copy_of_a_config_is_a_plain_dict_that_can_be_changed():
    """What the courses do before they load the weights of a larger GPT-2."""
    sizes = {
        "GPT-2 124M": {"emb_dim": 768, "n_layers": 12, "n_heads": 12},
        "GPT-2 355M": {"emb_dim": 1024, "n_layers": 24, "n_heads": 16},
        "GPT-2 774M": {"emb_dim": 1280, "n_layers": 36, "n_heads": 20},
        "GPT-2 1.5B": {"emb_dim": 1600, "n_layers": 48, "n_heads": 25},
    }
    for name, size in sizes.items():
        config = GPT_CONFIG_124M.copy()
        assert type(config) is dict
        config.update(size)
        config.update({"context_length": 256, "qkv_bias": False})
        config["drop_rate"] = 0.0
        expected = {**vars(GPT2_SIZES[name]), "context_length": 256, "qkv_bias": False, "drop_rate": 0.0}
        assert vars(GPTConfig(**config)) == vars(GPTConfig.of(config)) == expected
    assert GPTConfig() == GPT_CONFIG_124M


def test_a_copy_with_another_width_has_a_feed_forward_layer_four_times_as_wide():
    for config in (GPT_CONFIG_124M | {"emb_dim": 24}, {**GPT_CONFIG_124M, "emb_dim": 24}):
        assert GPTConfig(**config).hidden_dim == 96
    assert GPTConfig(**{**GPTConfig(hidden_dim=5), "emb_dim": 24}).hidden_dim == 5


def test_code_in_the_manner_of_a_course_runs():
    base = {"vocab_size": 61, "context_length": 16, "drop_rate": 0.0, "qkv_bias": True}
    base.update({"emb_dim": 24, "n_layers": 2, "n_heads": 3})
    config = GPT_CONFIG_124M.copy()
    config.update(base)
    torch.manual_seed(123)
    model = GPTModel(config)
    model.eval()
    token_ids = torch.tensor([[5, 9, 2]])
    for _ in range(20):
        with torch.no_grad():
            logits = model(token_ids[:, -config["context_length"] :])[:, -1, :]
        token_ids = torch.cat((token_ids, logits.argmax(dim=-1, keepdim=True)), dim=1)
    assert token_ids.shape == (1, 23) and model.config["context_length"] == config["context_length"] == 16
    total = sum(parameter.numel() for parameter in model.parameters())
    assert total == 24 * (61 + 16 + 2) + 2 * (12 * 24**2 + 13 * 24)  # the head is the embedding
    settings = {f"{key}": value for key, value in model.config.items() if key.startswith("n_")}
    assert settings == {"n_heads": 3, "n_layers": 2}


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.update({"n_layers": 3}),
        lambda config: config.update(n_layers=3),
        lambda config: config.__setitem__("n_layers", 3),
        lambda config: config.__delitem__("n_layers"),
        lambda config: config.__ior__({"n_layers": 3}),
        lambda config: config.setdefault("n_layer", 3),
        lambda config: config.pop("n_layers"),
        lambda config: config.popitem(),
        lambda config: config.clear(),
    ],
)
def test_a_change_to_a_config_is_refused_and_a_copy_proposed(change):
    with pytest.raises(TypeError, match=r"a GPTConfig does not change: change a copy of it, config = config\.copy\(\)"):
        change(GPT_CONFIG_124M)
    assert GPTConfig() == GPT_CONFIG_124M and vars(GPT_CONFIG_124M) == vars(GPTConfig())


def test_the_numbers_of_other_libraries_become_those_of_python():
    config = GPTConfig(np.int64(7), drop_rate=Fraction(1, 4), layer_norm_epsilon=np.float32(0.5))
    assert [type(value) for value in (config.vocab_size, config.drop_rate, config["drop_rate"])] == [int, float, float]
    assert json.loads(json.dumps(config)) == config == GPTConfig(7, drop_rate=0.25, layer_norm_epsilon=0.5)


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
        ({"layer_norm_epsilon": math.inf}, ValueError, ["layer_norm_epsilon", "inf", "finite"]),
        ({"layer_norm_epsilon": math.nan}, ValueError, ["layer_norm_epsilon", "nan"]),
        ({"layer_norm_epsilon": 10**400}, ValueError, ["layer_norm_epsilon", "1000", "..."]),
        ({"drop_rate": 10**5000}, ValueError, ["drop_rate", "that a float can hold"]),
        ({"drop_rate": False}, TypeError, ["drop_rate", "False", "number"]),
        ({"qkv_bias": "false"}, TypeError, ["qkv_bias", "'false'", "True or False"]),
        ({"qkv_bias": None}, TypeError, ["qkv_bias", "None"]),
        ({"tie_embeddings": 1}, TypeError, ["tie_embeddings", "1", "True or False"]),
        ({"activation": ["gelu"]}, ValueError, ["activation", "['gelu']"]),
        ({"activation": "x" * 10**6}, ValueError, ["activation", "'xxx"]),
        ({"vocab_size": "x" * 10**6}, TypeError, ["vocab_size", "'xxx"]),
        ({"layer_norm_epsilon": None}, TypeError, ["layer_norm_epsilon", "None", "number"]),
        ({"activation": "relu"}, ValueError, ["activation", "'relu'", "gelu_tanh"]),
    ],
)
def test_a_value_that_makes_no_sense_is_named(settings, error, words):
    with pytest.raises(error) as raised:
        GPTConfig(**settings)
    assert all(word in str(raised.value) for word in words) and len(str(raised.value)) < 300


@pytest.mark.parametrize(("config", "words"), [({"n_head": 2}, ["n_head", "n_heads"]), ([1, 2], ["config", "list"])])
def test_anything_but_a_config_is_refused(config, words):
    with pytest.raises(TypeError) as raised:
        GPTModel(config)
    assert all(word in str(raised.value) for word in words)
