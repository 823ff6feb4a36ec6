"""What tests of checkpoints share: `transformers` as the judge, and folders that are changed."""

import json

import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2LMHeadModel

from gptcore import GPTModel, generate

LENGTHS = [1, 2, 37, 80]


def check_same_logits(ours: GPTModel, theirs: GPT2LMHeadModel, lengths=LENGTHS) -> None:
    generator = torch.Generator().manual_seed(1)
    for length in lengths:
        for batch in (1, 3):
            token_ids = torch.randint(ours.config.vocab_size, (batch, length), generator=generator)
            with torch.no_grad():
                assert (ours(token_ids) - theirs(token_ids).logits).abs().max() <= 1e-4


def check_same_greedy_tokens(ours: GPTModel, theirs: GPT2LMHeadModel) -> None:
    token_ids = torch.tensor([[5, 9, 2, 40], [1, 1, 60, 0]])
    theirs.generation_config.eos_token_id = None
    settings = {"max_new_tokens": 64, "do_sample": False, "pad_token_id": 0}
    expected = theirs.generate(token_ids, attention_mask=torch.ones_like(token_ids), **settings)
    assert expected.shape == (2, 68)
    assert torch.equal(generate(ours, token_ids, 64, temperature=0), expected)


def change_config(folder, **settings) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def change_weights(folder, change) -> None:
    """Write the tensors that `change` makes of those in the folder."""
    file = folder / "model.safetensors"
    weights = {name: tensor.clone() for name, tensor in load_file(file).items()}
    save_file(change(weights) or weights, file, metadata={"format": "pt"})
