import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gptcore import GPTConfig, GPTModel, generate, generate_text, load, record
from gptcore.model import CausalSelfAttention, TransformerBlock, evaluating
from gptcore.modes import keeping_gradients
from gptcore.show import StreamingGenerator

CONFIG = GPTConfig(vocab_size=17, context_length=16, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.5)
IDS = torch.arange(12).view(1, 12)


class Noisy(nn.Module):
    """A part of a user's own, which reads `training` in its own way."""

    def forward(self, x):
        return x + torch.randn_like(x) if self.training else x


def make_model(part=None, kind=GPTModel):
    torch.manual_seed(0)
    model = kind(CONFIG)
    if part is not None:
        model.blocks[1].dropout = part
    return model


def modes(model):
    return [vars(module)["training"] for module in model.modules()]


def seen_by_another_thread(function):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(function()))
    thread.start()
    thread.join()
    return seen[0]


def test_evaluating_switches_dropout_and_gradients_off_and_writes_no_mode():
    model = make_model()
    expected = make_model().eval()(IDS)
    with evaluating(model):
        assert all(modes(model)) and model.training and seen_by_another_thread(lambda: model.dropout.training)
        assert not model.dropout.training  # as a hook asks, for example
        logits = model(IDS)
    assert torch.equal(logits, expected) and not logits.requires_grad
    assert not torch.equal(model(IDS), model(IDS)) and model(IDS).requires_grad


def test_it_holds_for_one_thread_and_for_one_model():
    model, other = make_model(), make_model()
    with evaluating(model):
        assert seen_by_another_thread(lambda: torch.equal(model(IDS), model(IDS))) is False
        assert seen_by_another_thread(lambda: model(IDS).requires_grad) is True
        assert not torch.equal(other(IDS), other(IDS))


def test_it_may_be_nested():
    model, block = make_model(), make_model().blocks[0]
    with evaluating(model):
        with evaluating(block), evaluating(model):
            pass
        assert torch.equal(model(IDS), model(IDS))
        with pytest.raises(ZeroDivisionError), evaluating(block):
            1 / 0  # noqa: B018
        assert torch.equal(model(IDS), model(IDS))
    assert torch.is_grad_enabled() and not torch.equal(model(IDS), model(IDS))


def test_gradients_may_be_asked_for_without_dropout():
    model = make_model()
    with evaluating(model), torch.enable_grad():
        logits = model(IDS)
        assert logits.requires_grad and torch.allclose(logits, model(IDS))
    assert torch.is_grad_enabled()


class Attention(CausalSelfAttention):
    """A learner's own attention, with PyTorch's usual way to ask for the mode."""

    def forward(self, x, layer, kv_cache):
        return F.dropout(super().forward(x, layer, kv_cache), 0.5, self.training)


class Model(GPTModel):
    def __init__(self, config):
        super().__init__(config)
        self.blocks[0].attention = Attention(config)


@pytest.mark.parametrize("make", [
    lambda: make_model(nn.Dropout(0.5)), lambda: make_model(nn.AlphaDropout(0.5)), lambda: make_model(Noisy()),
    lambda: make_model(nn.Sequential(nn.Identity(), nn.Dropout(0.5))), lambda: make_model(kind=Model),
])  # fmt: skip
def test_parts_of_other_classes_are_switched_until_nobody_evaluates_them(make):
    model = make()
    before, expected = modes(model), make().eval()(IDS)
    began, ended, texts = threading.Event(), threading.Event(), []

    def longer():
        with evaluating(model):
            began.set()
            ended.wait()
            texts.extend([model(IDS), generate(model, IDS, 3, seed=1), generate(model, IDS, 3, seed=1)])

    thread = threading.Thread(target=longer)
    with evaluating(model):
        thread.start()
        began.wait()
        assert torch.equal(model(IDS), expected)
    ended.set()
    thread.join()
    assert torch.equal(texts[0], expected) and torch.equal(texts[1], texts[2])
    assert modes(model) == before and not torch.equal(model(IDS), model(IDS))
    model.eval()
    generate(model, IDS, 1)
    assert not any(modes(model))


def test_a_block_alone_may_be_evaluated():
    block = TransformerBlock(CONFIG)
    x = torch.randn(1, 3, CONFIG.emb_dim)
    with evaluating(block):
        assert torch.equal(block(x, 0, None), block(x, 0, None))
    assert not torch.equal(block(x, 0, None), block(x, 0, None))


@pytest.fixture(scope="module")
def storyteller():
    trained, tokenizer = load()
    model = GPTModel({**trained.config, "drop_rate": 0.3})
    model.load_state_dict(trained.state_dict())
    return model, tokenizer


def test_a_text_that_grows_by_itself_and_one_in_a_cell_do_not_disturb_each_other(storyteller):
    model, tokenizer = storyteller
    ids, prompt = torch.tensor([tokenizer.encode("Once upon a time")]), "Once upon a time"
    expected = generate(model, ids, 3, seed=1, use_cache=False)  # which reads the whole text for each token
    story = generate_text(model, prompt, tokenizer, max_length=40, seed=5)
    for _ in range(5):
        generator = StreamingGenerator(model, tokenizer, prompt, max_length=40, seed=5)
        generator.start()
        while generator.running:
            assert torch.equal(generate(model, ids, 3, seed=1, use_cache=False), expected)
        generator.wait()
        assert generator.text == story


def test_a_model_may_be_trained_while_another_thread_lets_it_write():
    """Dropout is drawn from the global generator, so what training does shows whether it was on."""
    model, stop = make_model(), threading.Event()

    def write():
        while not stop.is_set():
            generate(model, IDS, 3, seed=1)
            record(model, IDS)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert all((model.dropout(torch.ones(64)) == 0).any() for _ in range(2000))
    finally:
        stop.set()
        thread.join()


def test_gradients_are_kept_where_pytorch_switches_them():
    def switched_for_good(switch):
        torch.set_grad_enabled(switch)
        return switch

    kept = keeping_gradients(switched_for_good)
    assert kept(False) is False and torch.is_grad_enabled()
    with torch.no_grad():
        assert kept(True) is True and not torch.is_grad_enabled()
