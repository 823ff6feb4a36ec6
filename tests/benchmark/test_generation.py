import torch

import gptcore
from gptcore.benchmark import generation


def test_a_model_does_not_diverge_from_itself():
    model = gptcore.load_model(device="cpu")
    texts = [torch.tensor([[7, 8, 9, 10, 11]])]
    scores = generation.logits(model)
    assert generation.kl_divergence(scores, scores, texts) == 0
    assert generation.kl_divergence(scores, generation.logits(gptcore.quantize(model)), texts) > 0
