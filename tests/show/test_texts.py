"""A distribution that is computed again is the one that chose."""

from types import SimpleNamespace

import pytest
import torch

from gptcore import END_OF_TEXT, GPTConfig, GPTModel, Sampling, generate_text
from gptcore.show.texts import distribution_after, step_again, write_text
from gptcore.text_generation import text_steps


@pytest.mark.parametrize("prompt", ["Once upon", ""])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(0.7, 5), Sampling(2.0, top_p=0.8, min_p=0.01)])
def test_a_step_again_is_the_step_of_the_loop(tokenizer, prompt, sampling):
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=12, emb_dim=16, n_heads=2, n_layers=2))
    text = write_text(model, tokenizer, prompt, 20, sampling, seed=3)
    assert text.whole.removesuffix(END_OF_TEXT) == generate_text(model, prompt, tokenizer, 20, **vars(sampling), seed=3)
    for index, step in enumerate(text_steps(model, prompt, tokenizer, 20, sampling, 3)[1]):
        again = step_again(model, tokenizer, text, index, sampling)
        assert (again.position, again.token_id, again.uniform) == (step.position, step.token_id, step.uniform)
        assert torch.allclose(again.distribution.probs, step.distribution.probs, atol=1e-6)


def test_an_empty_text_starts_from_an_end_that_the_model_has(tokenizer):
    model = GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=12, emb_dim=16, n_heads=2, n_layers=2))
    ends = SimpleNamespace(
        encode=tokenizer.encode, decode=tokenizer.decode, end_token_ids=[10**6, tokenizer.eos_token_id]
    )
    known = distribution_after(model, ends, [tokenizer.eos_token_id], [5], Sampling())
    assert torch.equal(distribution_after(model, ends, [], [5], Sampling()).probs, known.probs)
