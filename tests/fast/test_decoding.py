import pytest
import torch

import gptcore
from gptcore import GPTConfig, GPTModel, KVCache, draw, next_token_distribution
from gptcore.fast.decoding import FEW, can_decode, decoder, draw_next, read_prompt
from gptcore.fast.quantization import quantize
from gptcore.model import evaluating
from gptcore.sampling import Sampling

CONFIG = GPTConfig(vocab_size=40, context_length=12, emb_dim=16, n_heads=4, n_layers=3)


def made(**changes):
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(**{**CONFIG, **changes})).eval()
    for parameter in model.parameters():  # biases and norms that do something
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.mark.parametrize("changes", [{}, {"qkv_bias": False}, {"tie_embeddings": False}, {"activation": "gelu"}])
@pytest.mark.parametrize("rows", [1, 3])
def test_one_more_token_is_what_the_model_makes_of_it(changes, rows):
    model = made(**changes)
    token_ids = torch.randint(40, (rows, 12))
    with evaluating(model):
        expected = model(token_ids)
        cache = KVCache(model.config, rows)
        model.hidden_states(token_ids[:, :4], cache)
        one_more = decoder(model, cache)
        for position in range(4, 12):
            logits = one_more(token_ids[:, position : position + 1])
            torch.testing.assert_close(logits, expected[:, position], atol=1e-5, rtol=1e-5)
    assert len(cache) == 12


@pytest.mark.parametrize(
    ("prompts", "rows_read"), [([[3, 1, 4]], 1), ([[3, 1, 4]] * 3, 1), ([[3, 1, 4], [3, 1, 5]], 2)]
)
def test_one_prompt_of_many_texts_is_read_once(prompts, rows_read, monkeypatch):
    model, token_ids, read = made(), torch.tensor(prompts), []
    hidden_states = GPTModel.hidden_states

    def counted(self, token_ids, kv_cache):
        read.append(len(token_ids))
        return hidden_states(self, token_ids, kv_cache)

    with evaluating(model):
        expected = model(token_ids)[:, -1]
        all_rows, cache = KVCache(model.config, len(prompts)), KVCache(model.config, len(prompts))
        hidden_states(model, token_ids, all_rows)
        monkeypatch.setattr(GPTModel, "hidden_states", counted)
        torch.testing.assert_close(read_prompt(model, token_ids, cache), expected, atol=1e-5, rtol=1e-5)
    assert read == [rows_read] and len(cache) == 3
    for mine, theirs in ((cache.keys, all_rows.keys), (cache.values, all_rows.values)):
        torch.testing.assert_close(mine[..., :3, :], theirs[..., :3, :], atol=1e-5, rtol=1e-5)


def test_int8_weights_too():
    model = quantize(made())
    token_ids = torch.randint(40, (1, 6))
    with evaluating(model):
        one_more, one_by_one = decoder(model, KVCache(model.config)), KVCache(model.config)
        rows = [one_more(token_ids[:, i : i + 1]) for i in range(6)]
        same = [model(token_ids[:, i : i + 1], one_by_one)[:, -1] for i in range(6)]
    torch.testing.assert_close(torch.stack(rows), torch.stack(same), atol=1e-5, rtol=1e-5)


def test_a_hook_on_a_module_is_called():
    model = made()
    assert can_decode(model)
    seen = []
    hook = model.blocks[1].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    assert not can_decode(model)
    gptcore.generate(model, torch.tensor([[1, 2]]), 3)
    assert seen == [(1, 2, 16), (1, 1, 16), (1, 1, 16)]
    hook.remove()
    assert can_decode(model)


def test_a_subclass_of_the_model_runs_its_own_code():
    class Louder(GPTModel):
        def hidden_states(self, token_ids, kv_cache=None):
            return 2 * super().hidden_states(token_ids, kv_cache)

    assert not can_decode(Louder(CONFIG))


def test_another_kind_of_module_runs_its_own_code():
    class Adapted(torch.nn.Module):
        """A linear layer with something learned beside it, as in LoRA."""

        def __init__(self, linear):
            super().__init__()
            self.linear, self.beside = linear, torch.nn.Linear(linear.in_features, linear.out_features)

        def forward(self, x):
            return self.linear(x) + self.beside(x)

    model = made()
    model.blocks[1].attention.qkv = Adapted(model.blocks[1].attention.qkv)
    assert not can_decode(model)
    token_ids = torch.tensor([[1, 2, 3]])
    written = gptcore.generate(model, token_ids, 6, temperature=0)
    assert torch.equal(written, gptcore.generate(model, token_ids, 6, temperature=0, use_cache=False))


@pytest.mark.parametrize("rows", [1, 3])
def test_a_small_model_in_numpy_computes_what_it_does_in_pytorch(rows, monkeypatch):
    """In both precisions; where NumPy is not, PyTorch takes over."""
    for dtype in (torch.float32, torch.float64):
        model = made().to(dtype)
        token_ids = torch.randint(40, (rows, 12))
        with evaluating(model):
            expected = model(token_ids)
            for numpy_is_there in (True, False):
                monkeypatch.setattr(gptcore.fast.decoding, "_has_numpy", lambda dtype, there=numpy_is_there: there)
                one_more = decoder(model, KVCache(model.config, rows, dtype=dtype))
                logits = torch.stack([one_more(token_ids[:, i : i + 1]) for i in range(12)], dim=1)
                torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("affine", [{"bias": False}, {"elementwise_affine": False}])
def test_norms_without_vectors_too(affine):
    model = made()
    model.blocks[1].attention_norm = torch.nn.LayerNorm(16, **affine)
    token_ids = torch.randint(40, (1, 6))
    with evaluating(model):
        one_more = decoder(model, KVCache(model.config))
        logits = torch.stack([one_more(token_ids[:, i : i + 1]) for i in range(6)], dim=1)
        torch.testing.assert_close(logits, model(token_ids), atol=1e-5, rtol=1e-5)


def test_each_token_has_logits_of_its_own():
    """They are not overwritten by the next token's."""
    model = made()
    with evaluating(model):
        one_more = decoder(model, KVCache(model.config))
        first = one_more(torch.tensor([[1]]))
        before = first.clone()
        one_more(torch.tensor([[2]]))
    assert torch.equal(first, before)


def test_a_small_model_divides_nothing_among_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(gptcore.fast.linear, "LARGE", 1)
    monkeypatch.setattr(gptcore.fast.linear, "batch_is_quicker", lambda threads: True)
    monkeypatch.setattr(torch, "bmm", lambda *args: pytest.fail("a matrix was divided"))
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", lambda *args: pytest.fail("heads were"))
    model = made()
    with evaluating(model):
        decoder(model, KVCache(model.config))(torch.tensor([[1]]))
        monkeypatch.setattr(gptcore.fast.decoding, "SMALL", 0)
        with pytest.raises(pytest.fail.Exception, match="a matrix was divided"):
            decoder(model, KVCache(model.config))(torch.tensor([[1]]))


@pytest.mark.parametrize("temperature", [0, 0.2, 0.7, 1, 3])
@pytest.mark.parametrize("top_k", [None, 1, 2, 10, 49, 50, 60])
@pytest.mark.parametrize("others", [{}, {"top_p": 0.8}, {"min_p": 0.1}, {"top_p": 0.5, "min_p": 0.2}])
def test_draw_next_draws_what_the_sampler_would(temperature, top_k, others):
    generator = torch.Generator().manual_seed(7)
    logits = 3 * torch.randn(200, 50, generator=generator)
    uniforms = torch.rand(200, generator=generator, dtype=torch.float64)
    expected = draw(next_token_distribution(logits, temperature, top_k, **others), uniforms)
    assert torch.equal(draw_next(logits, uniforms, Sampling(temperature, top_k, **others)), expected)
    for few in (1, 4):
        parts = zip(logits.split(few), uniforms.split(few), strict=True)
        drawn = [draw_next(*part, Sampling(temperature, top_k, **others)) for part in parts]
        assert torch.equal(torch.cat(drawn), expected)


@pytest.mark.parametrize("top_k", [1, 2, 3, 5])
def test_ties_are_kept_by_id(top_k):
    logits = torch.tensor([[1.0, 3, 2, 3, 2, 3, -torch.inf], [0, 0, 0, 0, 0, 0, 0]])
    for uniform in torch.linspace(0, 0.999, 40, dtype=torch.float64):
        uniforms = uniform.repeat(2)
        expected = draw(next_token_distribution(logits, 1.0, top_k), uniforms)
        assert torch.equal(draw_next(logits, uniforms, Sampling(1.0, top_k)), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("top_k", [10, FEW, FEW + 1])
def test_a_row_of_another_dtype(dtype, top_k):
    logits = 3 * torch.randn(1, 5000, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(dtype)
    for uniforms in torch.linspace(0, 1 - 2**-53, 50, dtype=torch.float64)[:, None]:
        expected = draw(next_token_distribution(logits, 0.7, top_k, 0.95), uniforms)
        assert torch.equal(draw_next(logits, uniforms, Sampling(0.7, top_k, 0.95)), expected)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_nan_and_infinity_are_refused(bad):
    logits = torch.randn(1, 20)
    logits[0, 3] = bad
    with pytest.raises(ValueError, match="finite"):
        draw_next(logits, torch.tensor([0.5], dtype=torch.float64), Sampling(top_k=5))


def test_autograd_may_use_the_logits():
    weight = torch.ones(40, requires_grad=True)
    *_, step = gptcore.generate_steps(made(), torch.tensor([[1, 2]]), 3)
    (step.distribution.logits * weight).sum().backward()
    assert torch.equal(weight.grad, step.distribution.logits)
