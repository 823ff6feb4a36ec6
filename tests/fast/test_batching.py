import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gptcore import GPTConfig, GPTModel, generate, generate_steps, quantize
from gptcore.fast.batching import SharedCache
from gptcore.model import evaluating

CONFIG = GPTConfig(vocab_size=40, context_length=12, emb_dim=16, n_heads=4, n_layers=2)


def made(dtype=torch.float64, **changes) -> GPTModel:
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(**{**CONFIG, **changes})).to(dtype).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


MODEL = made()


def prompts_of(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(40, (length,), generator=generator) for length in lengths]


def alone(model, prompt, n, seed, **settings) -> list[int]:
    """What one row must become: the steps of the reference loop, by themselves."""
    steps = generate_steps(model, prompt, n, seed=seed, use_cache=False, **settings)
    return prompt.tolist() + [step.token_id for step in steps]


SETTINGS = [{}, {"temperature": 0}, {"top_k": 5}, {"temperature": 1.5, "top_p": 0.9}, {"top_k": 8, "min_p": 0.02}]


@settings(max_examples=80)
@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=5),
    st.integers(0, 18),
    st.integers(0, 2**40),
    st.sampled_from(SETTINGS),
    st.sampled_from([None, 3, (3, 7), list(range(12))]),
)
def test_each_text_is_what_it_would_be_alone(lengths, n, seed, chosen, ends):
    """Within the context and past it, whenever each of them ends."""
    prompts = prompts_of(lengths, seed)
    seeds = [seed + 10 * row for row in range(len(prompts))]
    texts = generate(MODEL, prompts, n, seed=seeds, eos_token_id=ends, **chosen)
    expected = [
        alone(MODEL, prompt, n, row_seed, eos_token_id=ends, **chosen)
        for prompt, row_seed in zip(prompts, seeds, strict=True)
    ]
    assert [text.tolist() for text in texts] == expected
    assert all(text.dtype == torch.int64 for text in texts)


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "int8", "untied", "adapted"])
def test_models_of_every_kind(kind):
    model = made(torch.float32, tie_embeddings=kind != "untied")
    if kind == "bfloat16":
        model = model.bfloat16()
    if kind == "int8":
        model = quantize(model)
    if kind == "adapted":
        model.blocks[0].register_forward_hook(lambda module, inputs, output: output * 1.5)
    prompts = prompts_of([1, 9, 4, 11, 4])
    for seed in range(4):
        texts = generate(model, prompts, 14, 1.0, 10, seed=[seed + row for row in range(5)], eos_token_id=2)
        for row, text in enumerate(texts):
            single = generate(model, prompts[row][None], 14, 1.0, 10, seed=seed + row, eos_token_id=2)[0]
            assert torch.equal(text, single)


def test_a_row_reads_the_logits_that_it_would_alone_while_others_leave():
    texts = {0: [1, 2, 3, 4, 5], 4: [6], 7: [7, 8, 9]}
    with evaluating(MODEL):
        cache = SharedCache(MODEL, texts, 6)

        def check(logits):
            for row, got in zip(texts, logits, strict=True):
                torch.testing.assert_close(got, MODEL(torch.tensor([texts[row]]))[0, -1])

        check(cache.logits)
        for new_id, leaving in ((11, None), (12, 0), (13, None), (14, 7), (15, None)):
            texts.pop(leaving, None)
            texts = {row: [*text, new_id + row] for row, text in texts.items()}
            check(cache.next_logits({row: text[-1] for row, text in texts.items()}))
    assert len(cache.kv_cache) == 6 and cache.kv_cache.keys.shape[1] == 1  # the columns of the others are gone


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_cuda_draws_the_tokens_that_the_cpu_draws():
    prompts = prompts_of([1, 9, 4, 15])
    expected = generate(made(), prompts, 14, 1.0, 10, seed=1, eos_token_id=[2, 3])
    for given_prompts in ([prompt.tolist() for prompt in prompts], [prompt.cuda() for prompt in prompts]):
        texts = generate(made().cuda(), given_prompts, 14, 1.0, 10, seed=1, eos_token_id=[2, 3])
        assert [text.tolist() for text in texts] == [text.tolist() for text in expected]
        assert all(text.is_cuda for text in texts)


def test_no_padding_is_read(monkeypatch):
    read = []
    hidden_states = GPTModel.hidden_states
    monkeypatch.setattr(GPTModel, "hidden_states", lambda *args: read.append(args[1].numel()) or hidden_states(*args))
    generate(MODEL, prompts_of([10, 1, 1, 2]), 1)
    assert sum(read) == 14
    assert generate(MODEL, prompts_of([10, 1]), 0)[1].shape == (1,) and sum(read) == 14


def test_a_text_that_has_ended_costs_no_more(monkeypatch):
    rows = []
    topk = torch.Tensor.topk
    monkeypatch.setattr(torch.Tensor, "topk", lambda x, *args, **more: rows.append(len(x)) or topk(x, *args, **more))
    ends = [i for i in range(40) if i % 4]
    texts = generate(MODEL, prompts_of([3, 1, 5, 2]), 9, top_k=20, seed=1, eos_token_id=ends)
    counts = [len(text) - length for text, length in zip(texts, [3, 1, 5, 2], strict=True)]
    assert len(set(counts)) > 1 and rows == [sum(count > i for count in counts) for i in range(max(counts))]
