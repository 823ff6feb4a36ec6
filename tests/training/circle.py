"""A tiny model, and a text that it can learn: the numbers 0 to 9 in a circle."""

from collections.abc import Sequence

import torch

from gptcore import GPTConfig, GPTModel

CONFIG = GPTConfig(vocab_size=11, context_length=8, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.1)
CIRCLE = torch.arange(400) % 10  # 0 1 … 9 0 1 …: the next token follows from the last one


def make_model() -> GPTModel:
    torch.manual_seed(0)
    return GPTModel(CONFIG)


def changed(model: GPTModel) -> bool:
    start = make_model().state_dict()
    return any(not torch.equal(weight, start[name]) for name, weight in model.state_dict().items())


def quick(**settings):
    return {"max_steps": 60, "batch_size": 8, "learning_rate": 1e-2, "warmup_steps": 5, "eval_interval": 20} | settings


class Told(Sequence):
    """Documents that are made when they are asked for."""

    def __init__(self, *documents):
        self.documents = documents
        self.asked = 0

    def __len__(self):
        return len(self.documents)

    def __getitem__(self, i):
        self.asked += 1
        return self.documents[i]
