import pytest
import torch

import gptcore
from gptcore import GPTConfig, GPTModel, Recording, lens_logits, record, stories

CONFIG = GPTConfig(vocab_size=13, context_length=12, emb_dim=16, n_heads=4, n_layers=3, drop_rate=0.5)
SETTINGS = [{}, {"tie_embeddings": False}, {"qkv_bias": False}, {"n_heads": 1, "n_layers": 1}, {"n_heads": 16}]


def make_model(**settings) -> GPTModel:
    """A float32 model whose parameters are all random, those of the norms too, in training mode."""
    torch.manual_seed(0)
    model = GPTModel({**CONFIG, **settings})
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.train()


def ids(length: int = 9) -> torch.Tensor:
    return torch.randint(CONFIG.vocab_size, (length,), generator=torch.Generator().manual_seed(1))


def fast(model: GPTModel, token_ids: torch.Tensor) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return model(token_ids[None])[0]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("length", [1, 9, 12])
def test_the_recording_is_the_forward_pass(settings, length):
    model, token_ids = make_model(**settings), ids(length)
    recording = record(model, token_ids)
    layers, heads = model.config.n_layers, model.config.n_heads
    assert recording.attention.shape == (layers, heads, length, length)
    assert recording.residuals.shape == (layers + 1, length, 16)
    assert torch.equal(recording.token_ids, token_ids)
    torch.testing.assert_close(recording.logits, fast(model, token_ids), rtol=0, atol=1e-5)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_bundled_models_recording_is_its_forward_pass(language):
    model, tokenizer = gptcore.load(device="cpu")
    token_ids = torch.tensor(tokenizer.encode(stories.sample(language, 3)))
    recording = record(model, token_ids)
    logits = fast(model, token_ids)
    size = logits.abs().max().item()  # about 40; each logit is a sum of float32 terms of that size, even one near 0
    torch.testing.assert_close(recording.logits, logits, rtol=0, atol=2e-6 * size)
    torch.testing.assert_close(recording.logits.softmax(-1), logits.softmax(-1), rtol=0, atol=1e-5)
    chances = lens_logits(model, recording.residuals[-1]).softmax(-1)
    torch.testing.assert_close(chances, logits.softmax(-1), rtol=0, atol=1e-5)


def test_attention_is_shared_among_a_token_and_those_before_it():
    attention = record(make_model(), ids()).attention
    torch.testing.assert_close(attention.sum(-1), torch.ones(3, 4, 9))
    assert torch.equal(attention, attention.tril()) and (attention >= 0).all()
    assert (attention[:, :, 0, 0] == 1).all()


def test_the_weights_are_those_by_which_values_are_mixed():
    """The first block by hand, one head and one place at a time."""
    model = make_model()
    recording = record(model, ids())
    block = model.eval().blocks[0]
    with torch.no_grad():
        x = model.token_embedding(ids()) + model.position_embedding(torch.arange(9))
        assert torch.equal(recording.residuals[0], x)
        queries, keys, values = block.attention.qkv(block.attention_norm(x)).split(16, dim=-1)
        mixed = torch.zeros(9, 16)
        for head in range(4):
            part = slice(4 * head, 4 * head + 4)
            for place in range(9):
                scores = [queries[place, part] @ keys[other, part] / 2 for other in range(place + 1)]
                weights = torch.tensor(scores).softmax(-1)
                torch.testing.assert_close(recording.attention[0, head, place, : place + 1], weights)
                mixed[place, part] = sum(w * values[i, part] for i, w in enumerate(weights))
        x = x + block.attention.out_proj(mixed)
        x = x + block.feed_forward(block.feed_forward_norm(x))
    torch.testing.assert_close(recording.residuals[1], x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_last_row_of_the_lens_is_the_models_own_distribution(settings):
    model = make_model(**settings)
    recording = record(model, ids())
    logits = lens_logits(model, recording.residuals)
    assert logits.shape == (model.config.n_layers + 1, 9, 13)
    torch.testing.assert_close(logits[-1].softmax(-1), fast(model, ids()).softmax(-1), rtol=0, atol=1e-5)
    assert not torch.allclose(logits[0], logits[-1], atol=1e-2)


def test_a_silent_head_adds_nothing_to_the_stream():
    """Silencing a head is the same as taking its columns out of the projection that follows."""
    model = make_model()
    ablated = record(model, ids(), ablated=[(1, 2), (0, 0)])
    with torch.no_grad():
        model.blocks[1].attention.out_proj.weight[:, 8:12] = 0
        model.blocks[0].attention.out_proj.weight[:, :4] = 0
    torch.testing.assert_close(ablated.logits, fast(model, ids()), rtol=0, atol=1e-5)
    torch.testing.assert_close(ablated.residuals, record(model, ids()).residuals, rtol=0, atol=1e-5)


def test_the_model_and_its_mode_are_left_as_they_were():
    model = make_model()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    recording = record(model, ids(), ablated=[(0, 1)])
    logits = lens_logits(model, recording.residuals)
    assert model.training and model.blocks[0].dropout.training
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    assert not (recording.logits.requires_grad or recording.residuals.requires_grad or logits.requires_grad)
    assert torch.equal(recording.logits, record(model, ids(), ablated=[(0, 1)]).logits)  # no dropout


def test_one_row_of_a_batch_and_a_flat_list_are_the_same():
    model = make_model()
    assert torch.equal(record(model, ids()[None]).logits, record(model, ids()).logits)


def test_other_precisions_are_kept():
    model = make_model().double()
    recording = record(model, ids())
    assert recording.attention.dtype == recording.residuals.dtype == recording.logits.dtype == torch.float64
    torch.testing.assert_close(recording.logits, fast(model, ids()), rtol=0, atol=1e-12)


def test_a_recording_has_a_short_repr():
    recording = record(make_model(), ids())
    assert isinstance(recording, Recording)
    assert repr(recording) == "Recording(9 tokens, 3 layers of 4 heads)"


@pytest.mark.parametrize(
    ("token_ids", "error", "words"),
    [
        ([1, 2], TypeError, "token_ids must be a torch tensor"),
        (torch.tensor([1.0, 2.0]), TypeError, "token_ids must be integers"),
        (torch.tensor([], dtype=torch.int64), ValueError, "neither empty"),
        (torch.tensor([13]), ValueError, "from 0 to 12"),
        (torch.ones(2, 3, dtype=torch.int64), ValueError, "one text, .* got 2 of them"),
        (torch.ones(13, dtype=torch.int64), ValueError, "at most 12, the context length, got 13"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(token_ids, error, words):
    with pytest.raises(error, match=words):
        record(make_model(), token_ids)


@pytest.mark.parametrize("head", [(3, 0), (0, 4), (-1, 0), (0, -1)])
def test_a_head_that_is_not_there_is_refused_by_name(head):
    with pytest.raises(ValueError, match=r"ablated must name heads from \(0, 0\) to \(2, 3\), got"):
        record(make_model(), ids(), ablated=[head])


@pytest.mark.parametrize("ablated", [(0, 1), 3, [(0.5, 1)], [(0, 1, 2)], ["01"], iter([(0, 1)])])
def test_heads_that_are_no_list_of_pairs_are_refused_by_name(ablated):
    with pytest.raises(TypeError, match=r"ablated must be a list of heads, each a pair of .* \(layer, head\), got"):
        record(make_model(), ids(), ablated=ablated)


def test_heads_may_be_told_in_any_collection():
    model = make_model()
    expected = record(model, ids(), ablated=[(0, 1), (2, 3)]).logits
    for ablated in ({(0, 1), (2, 3)}, ((0, 1), (2, 3)), [[0, 1], [2, 3]], [(0, 1), (2, 3), (0, 1)]):
        assert torch.equal(record(model, ids(), ablated=ablated).logits, expected)


@pytest.mark.parametrize("model", [None, "gpt2", torch.nn.Linear(2, 2), (1, 2)], ids=str)
def test_what_is_no_model_is_not_recorded(model):
    with pytest.raises(TypeError, match="model must be a GPTModel, got"):
        record(model, torch.tensor([1]))
    with pytest.raises(TypeError, match="model must be a GPTModel, got"):
        lens_logits(model, torch.zeros(1, 8))


@pytest.mark.parametrize(
    ("residuals", "error"),
    [
        (None, TypeError),
        ([0.0] * 8, TypeError),
        (torch.zeros(2, 8, dtype=torch.float64), TypeError),
        (torch.zeros(2, 8, dtype=torch.long), TypeError),
        (torch.zeros(2, 7), ValueError),
        (torch.tensor(0.0), ValueError),
        (torch.zeros(2, 8, device="meta"), ValueError),
        (torch.zeros(1, 1, 8).expand(10**6, 10**6, 8), MemoryError),
    ],
)
def test_what_is_no_stream_has_no_logits(residuals, error):
    model = GPTModel(GPTConfig(vocab_size=20, context_length=8, emb_dim=8, n_heads=2, n_layers=1))
    with pytest.raises(error, match="residuals (must|needs)"):
        lens_logits(model, residuals)
    assert lens_logits(model, torch.zeros(0, 8)).shape == (0, 20)
