import subprocess
import sys
from pathlib import Path

import pytest
import torch

import gptcore
from gptcore import GPT_CONFIG_124M, GPTConfig, GPTModel, KVCache
from gptcore.model import check_model, resolve_device

ROOT = Path(__file__).parents[1]

CONFIG = GPTConfig(vocab_size=13, context_length=12, emb_dim=16, n_heads=4, n_layers=2, drop_rate=0.5)


def make_model(seed: int = 0, **settings) -> GPTModel:
    """A model in float64 whose parameters are all random, so that none can be left out or turned round unseen."""
    torch.manual_seed(seed)
    model = GPTModel({**CONFIG, **settings}).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def ids(*shape: int) -> torch.Tensor:
    return torch.randint(CONFIG.vocab_size, shape, generator=torch.Generator().manual_seed(1))


def count(config: GPTConfig) -> int:
    C, H = config.emb_dim, config.hidden_dim
    block = 2 * 2 * C + (3 * C * C + 3 * C * config.qkv_bias) + (C * C + C) + (C * H + H) + (H * C + C)
    tables = (config.vocab_size * (1 if config.tie_embeddings else 2) + config.context_length) * C
    return tables + config.n_layers * block + 2 * C


def test_the_smallest_gpt2_has_124_439_808_parameters():
    model = GPTModel(GPT_CONFIG_124M)
    assert model.num_parameters() == count(GPT_CONFIG_124M) == 124_439_808


@pytest.mark.parametrize(("name", "parameters"), [("355M", 354_823_168), ("774M", 774_030_080), ("1558M", 1557611200)])
def test_the_larger_gpt2_sizes_have_the_published_number_of_parameters(name, parameters):
    with torch.device("meta"):
        assert GPTModel(getattr(gptcore, f"GPT_CONFIG_{name}")).num_parameters() == parameters


@pytest.mark.parametrize(
    "settings", [{"tie_embeddings": False}, {"qkv_bias": False}, {"hidden_dim": 5}, {"n_heads": 1}, {"n_layers": 3}]
)
def test_the_settings_of_the_config_are_the_parameters_of_the_model(settings):
    model = make_model(**settings)
    assert model.num_parameters() == count(model.config)
    assert model(ids(2, 5)).shape == (2, 5, 13)


@pytest.mark.parametrize("shape", [(1, 1), (1, 12), (3, 1), (3, 7)])
def test_logits_have_every_position_in_every_mode(shape):
    model = make_model()
    assert model(ids(*shape)).shape == (*shape, 13)
    assert model.train()(ids(*shape)).shape == (*shape, 13)
    assert model(ids(*shape), KVCache(CONFIG, shape[0], dtype=torch.float64)).shape == (*shape, 13)


def test_the_model_is_its_head_over_its_hidden_states():
    model = make_model()
    assert torch.equal(model(ids(2, 6)), model.head(model.hidden_states(ids(2, 6))))


def test_the_head_is_the_embedding_only_where_they_are_tied():
    tied, untied = make_model(), make_model(tie_embeddings=False)
    assert tied.head.weight is tied.token_embedding.weight
    assert untied.head.weight is not untied.token_embedding.weight


def test_a_token_does_not_see_what_follows_it():
    model = make_model()
    before, after = ids(1, 8), ids(1, 8)
    after[0, 5] = (after[0, 5] + 1) % 13
    same = (model(before) == model(after)).all(-1)[0]
    assert same[:5].all() and not same[5:].any()


def test_a_token_sees_everything_that_came_before_it_and_where_it_stood():
    model = make_model()
    token_ids = ids(1, 8)
    for position in range(8):
        other = token_ids.clone()
        other[0, position] = (other[0, position] + 1) % 13
        assert not torch.allclose(model(token_ids)[0, -1], model(other)[0, -1])
    swapped = token_ids[:, [1, 0, *range(2, 8)]]
    assert not torch.equal(token_ids, swapped)
    assert not torch.allclose(model(token_ids)[0, -1], model(swapped)[0, -1])


@pytest.mark.parametrize("parts", [[12], [1] * 12, [5, 7], [1, 11], [11, 1], [4, 1, 3, 1, 1, 2]])
def test_a_text_read_in_parts_with_a_cache_is_the_text_read_at_once(parts):
    model, token_ids = make_model(), ids(3, 12)
    kv_cache = KVCache(CONFIG, 3, dtype=torch.float64)
    read = [model(part, kv_cache) for part in token_ids.split(parts, dim=1)]
    torch.testing.assert_close(torch.cat(read, dim=1), model(token_ids), rtol=0, atol=1e-12)
    assert len(kv_cache) == 12


def test_a_cache_is_allocated_once_and_never_longer_than_the_context():
    kv_cache = KVCache(CONFIG, 2, max_length=5)
    assert kv_cache.keys.shape == kv_cache.values.shape == (2, 2, 4, 5, 4)
    assert len(kv_cache) == 0
    assert KVCache(CONFIG).max_length == KVCache(CONFIG, max_length=99).max_length == 12
    keys = kv_cache.keys.data_ptr()
    make_model().float()(ids(2, 5), kv_cache)
    assert kv_cache.keys.data_ptr() == keys


def test_dropout_works_in_training_and_only_there():
    model = make_model()
    assert torch.equal(model(ids(1, 9)), model(ids(1, 9)))
    model.train()
    assert not torch.equal(model(ids(1, 9)), model(ids(1, 9)))


def test_a_new_model_is_nearly_as_uncertain_as_can_be():
    torch.manual_seed(0)
    probs = GPTModel(CONFIG).eval()(ids(4, 12)).softmax(-1)
    assert (probs - 1 / 13).abs().max() < 0.05


@pytest.mark.parametrize(
    ("token_ids", "error", "words"),
    [
        ([[1, 2]], TypeError, ["token_ids", "list"]),
        (torch.ones(1, 3), TypeError, ["token_ids", "torch.float32"]),
        (torch.ones(1, 3, dtype=torch.bool), TypeError, ["token_ids", "torch.bool"]),
        (torch.tensor([1, 2]), ValueError, ["token_ids", "(2,)"]),
        (torch.ones(1, 0, dtype=torch.int64), ValueError, ["token_ids", "(1, 0)"]),
        (torch.ones(1, 1, 1, dtype=torch.int64), ValueError, ["token_ids", "(1, 1, 1)"]),
        (torch.tensor([[0, 13]]), ValueError, ["token_ids", "0 to 12", "got 13"]),
        (torch.tensor([[-1, 2]]), ValueError, ["token_ids", "0 to 12", "got -1"]),
        (torch.ones(1, 13, dtype=torch.int64), ValueError, ["token_ids", "12", "got 13"]),
        (torch.ones(1, 2, dtype=torch.int64, device="meta"), ValueError, ["token_ids", "cpu", "meta"]),
    ],
)
def test_token_ids_that_the_model_cannot_read_are_refused_by_name(token_ids, error, words):
    with pytest.raises(error) as raised:
        make_model()(token_ids)
    assert all(word in str(raised.value) for word in words)


def test_more_tokens_than_a_cache_holds_are_refused():
    model, kv_cache = make_model(), KVCache(CONFIG, 1, max_length=4, dtype=torch.float64)
    model(ids(1, 3), kv_cache)
    with pytest.raises(ValueError, match="token_ids must fit into the 4 tokens .* got 5"):
        model(ids(1, 2), kv_cache)
    assert len(kv_cache) == 3


def test_int32_token_ids_are_read_like_int64():
    assert torch.equal(make_model()(ids(1, 4).int()), make_model()(ids(1, 4)))


@pytest.mark.parametrize(("available", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_cuda_where_there_is_one_else_the_cpu(monkeypatch, available, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device(expected)


@pytest.mark.parametrize("device", ["gpu", "", "cuda:99", 3.5, None])
def test_an_unknown_device_is_refused_by_name(device):
    with pytest.raises(ValueError, match="device must be") as raised:
        resolve_device(device)
    assert repr(device) in str(raised.value)


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn, "float32"])
def test_a_cache_has_a_dtype_that_a_model_computes_in(dtype):
    with pytest.raises(TypeError, match="dtype must be a floating-point one of 16 bits or more, or None, got"):
        KVCache(GPTConfig(), max_length=2, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64])
@pytest.mark.filterwarnings("ignore:Complex modules")
def test_a_model_of_a_dtype_without_arithmetic_is_refused(dtype):
    model = GPTModel(GPTConfig(vocab_size=20, context_length=8, emb_dim=8, n_heads=2, n_layers=1)).to(dtype)
    token_ids = torch.arange(9)
    for act in (
        lambda: gptcore.generate(model, token_ids[None, :3], 2),
        lambda: gptcore.record(model, token_ids[:3]),
        lambda: gptcore.evaluate(model, token_ids),
        lambda: gptcore.fit(model, token_ids, max_steps=1, batch_size=1),
        lambda: gptcore.quantize(model),
    ):
        with pytest.raises(TypeError, match=f"model must have floating-point weights of 16 bits or more, got {dtype}"):
            act()


@pytest.mark.parametrize("part", ["head", "final_norm", "blocks.1.attention", "token_embedding"])
def test_a_model_of_several_dtypes_is_refused_in_a_sentence(part):
    model = GPTModel(CONFIG)
    model.get_submodule(part).bfloat16()
    with pytest.raises(TypeError, match=r"model must have weights of one dtype, got .*bfloat16.*model.float\(\)"):
        check_model(model)
    check_model(model.float())


def test_nothing_is_computed_where_new_tensors_have_no_values():
    with torch.device("meta"):
        model = GPTModel(CONFIG)
        with pytest.raises(ValueError, match="outside of torch.device"):
            check_model(model)


def test_a_cache_of_another_dtype_is_refused():
    config = GPTConfig(vocab_size=20, context_length=8, emb_dim=8, n_heads=2, n_layers=1)
    with pytest.raises(ValueError, match="kv_cache must have torch.float32 as dtype, .* got torch.float16"):
        GPTModel(config)(torch.tensor([[1, 2]]), KVCache(config, dtype=torch.float16))


def test_a_model_that_is_not_what_its_config_says_is_refused_by_every_function(tmp_path, tokenizer):
    config = GPTConfig(vocab_size=len(tokenizer), context_length=8, emb_dim=8, n_heads=2, n_layers=2)
    token_ids = torch.arange(40) % 9
    for change in ("blocks", "head"):
        model = GPTModel(config)
        model.blocks = model.blocks[:1] if change == "blocks" else model.blocks
        model.head = torch.nn.Linear(8, 5) if change == "head" else model.head
        for call in (
            lambda model=model: gptcore.generate(model, token_ids[:5], 1),
            lambda model=model: gptcore.generate_text(model, "x", tokenizer, 1),
            lambda model=model: gptcore.evaluate(model, token_ids),
            lambda model=model: gptcore.fit(model, token_ids, max_steps=1),
            lambda model=model: gptcore.record(model, token_ids[:5]),
            lambda model=model: gptcore.quantize(model),
            lambda model=model: gptcore.save(tmp_path / "new", model, tokenizer),
        ):
            with pytest.raises(
                ValueError, match=r"^model must have the n_layers=2 and vocab_size=\d+ of its config, got"
            ):
                call()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="others have no such limit")
def test_a_new_model_takes_little_more_memory_than_it_keeps():
    """A head that shares the embedding is made with weights of its own first: here another 41 MB."""
    code = (
        "import resource, psutil, torch\n"
        "from gptcore import GPTConfig, GPTModel, costs\n"
        "config = GPTConfig(20_000, 8, emb_dim=512, n_heads=2, n_layers=12)\n"
        "GPTModel({**config, 'vocab_size': 8, 'n_layers': 1})\n"  # what a first model imports is there
        "taken = psutil.Process().memory_info().data\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (taken + costs.weight_bytes(config) + 25_000_000,) * 2)\n"
        "print(GPTModel(config).num_parameters())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip().isdigit(), done.stderr
