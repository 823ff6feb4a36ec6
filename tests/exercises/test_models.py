import torch

from gptcore.exercises.models import random_model

CONFIG = {"vocab_size": 9, "context_length": 8, "emb_dim": 8, "n_heads": 2, "n_layers": 1}


def test_every_token_moves_the_model():
    model, token_ids = random_model(1, **CONFIG), torch.tensor([[1, 2, 3, 4]])
    for position in range(4):
        other = token_ids.clone()
        other[0, position] = 5
        assert (model(other)[0, -1] - model(token_ids)[0, -1]).abs().max() > 0.01


def test_a_seed_makes_one_model_and_leaves_the_learners_luck_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, again, other = random_model(1, **CONFIG), random_model(1, **CONFIG), random_model(2, **CONFIG)
    assert torch.rand(1) == expected
    assert torch.equal(first.head.weight, again.head.weight) and not torch.equal(first.head.weight, other.head.weight)
    assert not first.training
