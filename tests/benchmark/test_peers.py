import torch

import gptcore
from gptcore.benchmark import generation, peers
from gptcore.fast.linear import Linear
from gptcore.hub import STORYTELLER


def test_every_peer_computes_the_same_model():
    """With top-k 1 all writers are greedy, and must write the same tokens from the same weights."""
    model = gptcore.load_model(device="cpu")
    prompt = torch.tensor([gptcore.load_tokenizer().encode("Once upon a time")])
    expected = gptcore.generate(model, prompt, 20, 0)
    plain = peers.plain_model(model)
    assert not any(isinstance(module, Linear) for module in plain.modules())
    writers = [
        peers.lesson_loop(plain, 0.7, 1),
        peers.cropped_loop(plain, 0.7, 1),
        peers.transformers_generate(STORYTELLER, 0.7, 1),
        peers.from_scratch_generate(model, 0.7, 1),
        generation.ours(model, top_k=1),
    ]
    for writer in filter(None, writers):
        assert torch.equal(writer(prompt, 20), expected)
