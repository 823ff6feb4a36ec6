import pytest
import torch

import gptcore
from gptcore import GPTConfig, GPTModel
from gptcore.fast.cuda_graph import StaticStep, static_generate
from gptcore.fast.quantization import quantize
from gptcore.model import KVCache, evaluating
from gptcore.sampling import Sampling
from gptcore.seeds import Uniforms
from gptcore.stopping import check_ends

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


def made(**changes):
    torch.manual_seed(0)
    model = GPTModel(
        GPTConfig(**{"vocab_size": 60, "context_length": 30, "emb_dim": 16, "n_heads": 4, "n_layers": 2} | changes)
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def step_by_step(step, count):
    for _ in range(count):
        step()


def static(model, token_ids, n, temperature=1.0, top_k=None, top_p=None, min_p=None, eos_token_id=None, seed=1):
    uniforms = Uniforms(seed, len(token_ids))
    with evaluating(model):
        sampling = Sampling(temperature, top_k, top_p, min_p)
        return static_generate(model, token_ids, n, uniforms, sampling, check_ends(eos_token_id), step_by_step)


@pytest.mark.parametrize("token_ids", [[[5]], [[1, 2, 3]], [[1, 2], [3, 4], [5, 6]]])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0},
        {"temperature": 0.7, "top_k": 10},
        {"top_k": 1},
        {"top_k": 500},
        {"top_k": 20, "top_p": 0.8},
        {"top_p": 0.5, "min_p": 0.1},
        {"temperature": 2.0, "top_k": 10, "eos_token_id": 7},
    ],
)
def test_a_step_of_fixed_shape_writes_what_generate_writes(token_ids, settings):
    model, token_ids = made(), torch.tensor(token_ids)
    for seed in range(5):
        expected = gptcore.generate(model, token_ids, 20, seed=seed, **settings)
        assert torch.equal(static(model, token_ids, 20, seed=seed, **settings), expected)


@pytest.mark.parametrize("settings", [(0, None, None, None), (0.7, 10, 0.9, None), (0.7, None, 0.9, 0.1)])
@pytest.mark.parametrize("kind", [made, lambda: quantize(made())])
def test_a_step_reads_no_value_back_and_stays_on_its_device(kind, settings):
    """Tensors on "meta" have shapes and no values: reading one back there, or mixing devices, is an error."""
    model = kind().to("meta")
    tokens = torch.zeros(2, 12, dtype=torch.long, device="meta")
    cache = KVCache(model.config, 2, 12)
    cache.keys, cache.values = cache.keys.to("meta"), cache.values.to("meta")
    step = StaticStep(model, tokens, tokens.double(), cache, Sampling(*settings))
    with evaluating(model):
        step()


@pytest.mark.parametrize("changes", [{"n_layers": 1, "qkv_bias": False}, {"n_layers": 3, "tie_embeddings": False}])
def test_other_shapes(changes):
    model, token_ids = made(**changes), torch.tensor([[1, 2, 3, 4]])
    assert torch.equal(static(model, token_ids, 26, top_k=5), gptcore.generate(model, token_ids, 26, top_k=5, seed=1))


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_the_tokens_keep_their_type(temperature):
    token_ids = torch.tensor([[1, 2, 3]], dtype=torch.int32)
    written = static(made(), token_ids, 9, temperature)
    assert written.dtype == torch.int32
    assert torch.equal(written, gptcore.generate(made(), token_ids, 9, temperature, seed=1))


def test_nothing_to_write():
    assert static(made(), torch.tensor([[1, 2]]), 0).tolist() == [[1, 2]]


def test_what_a_graph_cannot_do_is_said():
    model = made()
    with pytest.raises(ValueError, match="max_new_tokens must be at most 28 .* got 29"):
        static(model, torch.tensor([[1, 2]]), 29)
    with pytest.raises(ValueError, match="cuda_graph must be False unless .* on cpu"):
        gptcore.generate(model, torch.tensor([[1, 2]]), 3, cuda_graph=True)


@on_cuda
@pytest.mark.parametrize("settings", [{"temperature": 0}, {"temperature": 0.7, "top_k": 10}, {"eos_token_id": 7}])
def test_the_graph_writes_what_the_eager_path_writes(settings):
    model, token_ids = made().cuda(), torch.tensor([[1, 2, 3], [4, 5, 6]], device="cuda")
    for seed in range(5):
        expected = gptcore.generate(model, token_ids, 25, seed=seed, **settings)
        assert torch.equal(gptcore.generate(model, token_ids, 25, seed=seed, cuda_graph=True, **settings), expected)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no second CUDA device on this machine")
def test_the_graph_runs_on_any_gpu():
    for device in ("cuda:1", "cuda:0", "cuda:1"):
        model, token_ids = made().to(device), torch.tensor([[1, 2, 3]], device=device)
        expected = gptcore.generate(model, token_ids, 25, seed=1, top_k=10)
        assert torch.equal(gptcore.generate(model, token_ids, 25, seed=1, top_k=10, cuda_graph=True), expected)


@on_cuda
def test_a_seed_is_the_same_text_on_cuda():
    """float32 without TF32, top-k 10: 20 prompts, 100 tokens each."""
    torch.backends.cuda.matmul.allow_tf32 = False
    model, tokenizer = gptcore.load(device="cpu")
    there = gptcore.load_model(device="cuda")
    prompts = [gptcore.stories.sample(language, seed)[:40] for language in ("en", "ko") for seed in range(10)]
    for prompt in prompts:
        token_ids = torch.tensor([tokenizer.encode(prompt)])
        expected = gptcore.generate(model, token_ids, 100, top_k=10, seed=1)
        assert torch.equal(gptcore.generate(there, token_ids.cuda(), 100, top_k=10, seed=1).cpu(), expected)
