"""Small models for the cases of exercises."""

from typing import Any

import torch

from gptcore.config import GPTConfig
from gptcore.model import GPTModel


def random_model(seed: int, std: float = 0.5, **config: Any) -> GPTModel:
    """A model that knows nothing, but is moved by every token that it reads; the learner's own luck stays as it was."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = GPTModel(GPTConfig(**config))
        for parameter in model.parameters():
            parameter += std * torch.randn_like(parameter)
    return model.eval()
