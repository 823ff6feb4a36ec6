"""Training on a text that nobody here wrote, with the shape, the batches and the steps that nanoGPT's README gives for
a CPU ("I only have a macbook").

What differs from its setting: the learning rate is 2e-3, where nanoGPT takes 1e-3; linear layers and norms have biases;
weight decay spares the embeddings, and with them the head; GELU is GPT-2's approximation. The loss here is that of all
held-out text, where nanoGPT estimates it from 240 random windows.
"""

import os
from pathlib import Path

import pytest
import torch

from gptcore import GPTConfig, GPTModel, Tokenizer, evaluate, fit
from gptcore.training import read_text

NANOGPT = 1.88  # the validation loss that its README reports, in nats per character


@pytest.mark.skipif("GPTCORE_TEST_DATA" not in os.environ, reason="GPTCORE_TEST_DATA names no folder of test data")
def test_shakespeare_by_the_letter():
    text = read_text(Path(os.environ["GPTCORE_TEST_DATA"]) / "tinyshakespeare.txt")
    tokenizer = Tokenizer.of_characters(text)
    token_ids = torch.tensor(tokenizer.encode(text))
    train_ids, val_ids = token_ids.split([len(token_ids) * 9 // 10, len(token_ids) - len(token_ids) * 9 // 10])
    torch.manual_seed(0)
    config = GPTConfig(len(tokenizer), context_length=64, emb_dim=128, n_heads=4, n_layers=4, drop_rate=0.0)
    model = GPTModel(config)
    fit(model, train_ids, max_steps=2000, batch_size=12, learning_rate=2e-3)
    result = evaluate(model, val_ids)
    assert result.tokens == len(val_ids) - 1
    assert result.loss <= NANOGPT
