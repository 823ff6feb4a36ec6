import threading
from types import SimpleNamespace

import pytest
import torch

import gptcore
from gptcore import GPTConfig, GPTModel, Tokenizer, generate, generate_steps, generate_text, stream_text
from gptcore.text_generation import text_steps


class Untouched(GPTModel):
    """A model that must not be run."""

    def hidden_states(self, token_ids, kv_cache=None):
        raise AssertionError("the model was run before the arguments were checked")


def config(tokenizer, **changes) -> GPTConfig:
    return GPTConfig(
        **{"vocab_size": len(tokenizer), "context_length": 24, "emb_dim": 16, "n_heads": 2, "n_layers": 2} | changes
    )


@pytest.fixture(scope="module")
def model(tokenizer) -> GPTModel:
    torch.manual_seed(0)
    model = GPTModel(config(tokenizer)).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def ending(model: GPTModel, tokenizer) -> GPTModel:
    """`model`, to which three tokens more are the end of the text."""
    return SimpleNamespace(
        encode=tokenizer.encode,
        decode=tokenizer.decode,
        eos_token_id=[tokenizer.eos_token_id, *range(300, 312)],
    )


# Several prompts

PROMPTS = ["Once upon a time", "옛날 옛적에 여우가 숲에 살았어요. 여우는 황금 열쇠를 찾았어요.", "x", "", "👩‍👩‍👧 "]


@pytest.mark.parametrize("settings", [{}, {"stop": ["e", "여우"]}, {"temperature": 2.0, "top_k": None}])
def test_each_of_several_texts_is_what_its_prompt_gives_alone(model, tokenizer, settings):
    for found in (tokenizer, ending(model, tokenizer)):
        for seed in range(4):
            seeds = [seed + 100 * row for row in range(len(PROMPTS))]
            texts = generate_text(model, PROMPTS, found, 20, seed=seeds, **settings)
            alone = [
                generate_text(model, prompt, found, 20, seed=row_seed, **settings)
                for prompt, row_seed in zip(PROMPTS, seeds, strict=True)
            ]
            assert texts == alone
    mixed = generate_text(model, PROMPTS[:2], tokenizer, 20, seed=7, **settings)
    assert mixed[0] == generate_text(model, PROMPTS[0], tokenizer, 20, seed=7, **settings)


def test_a_text_that_has_met_its_stop_grows_no_more(model, tokenizer, monkeypatch):
    drawn = []
    topk = torch.Tensor.topk
    monkeypatch.setattr(torch.Tensor, "topk", lambda x, *args, **more: drawn.append(len(x)) or topk(x, *args, **more))
    texts = generate_text(model, ["Once", "x", "The fox"], tokenizer, 40, seed=3, stop=["e", "a", "o", "t", "여", "옛"])
    assert drawn[0] == 3 and len(drawn) < 40 and texts == sorted(texts, key=texts.index)
    assert drawn == sorted(drawn, reverse=True) and drawn[-1] < 3


def test_a_processor_and_known_tokens_hold_for_each_text(tokenizer):
    model = GPTModel(config(tokenizer, vocab_size=900)).eval()
    texts = generate_text(model, PROMPTS[:3], tokenizer, 20, 5.0, None, seed=1, known_only=True)
    assert not any("<id " in text for text in texts)
    assert texts[0] == generate_text(model, PROMPTS[0], tokenizer, 20, 5.0, None, seed=1, known_only=True)


def test_several_end_tokens_end_a_text_and_none_is_shown(model, tokenizer):
    ended, lengths = ending(model, tokenizer), []
    for seed in range(12):
        text = generate_text(model, "The fox", ended, 40, 2.0, None, seed=seed)
        ids = torch.tensor([tokenizer.encode("The fox")])
        new = generate(model, ids, 40, 2.0, seed=seed, eos_token_id=ended.eos_token_id)[0].tolist()
        steps = generate_steps(model, ids, 40, 2.0, seed=seed, eos_token_id=ended.eos_token_id)
        assert new == ids[0].tolist() + [step.token_id for step in steps]
        assert not set(new[ids.shape[1] : -1]) & set(ended.eos_token_id)
        shown = [token_id for token_id in new if token_id not in ended.eos_token_id]
        assert text == tokenizer.decode(shown).removesuffix("\ufffd")
        lengths.append(len(new) - ids.shape[1])
    assert len(set(lengths)) > 3 and min(lengths) < 40


def test_an_empty_prompt_starts_from_the_first_end_token_that_the_model_has(model, tokenizer):
    ended = ending(model, tokenizer)
    for ends in ([10_000, 301, 302], [301, 10_000], [2**40, 301]):
        ended.eos_token_id = ends
        steps = generate_steps(model, torch.tensor([301]), 12, 1.0, 10, seed=5, eos_token_id=ends)
        new = [step.token_id for step in steps if step.token_id not in ends]
        assert generate_text(model, "", ended, 12, seed=5) == tokenizer.decode(new).removesuffix("\ufffd")
        assert generate_text(model, ["", "x"], ended, 12, seed=[5, 5])[0] == generate_text(model, "", ended, 12, seed=5)
    for ends in ([10_000, 20_000], 2**40, None, []):
        ended.eos_token_id = ends
        with pytest.raises(ValueError, match="^prompt must not be empty, since .* no end-of-text token"):
            generate_text(model, "", ended, 12, seed=5)


# Before any work


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"prompt": b"Once"}, TypeError, "prompt must be a str, got bytes"),
        ({"prompt": {"a": 1}}, TypeError, "prompt must be a str, got dict"),
        ({"prompt": []}, ValueError, "prompt must be a str or several, got an empty list"),
        ({"prompt": ["a", None]}, TypeError, r"prompt\[1\] must be a str, got NoneType"),
        ({"prompt": ["a", ["b"]]}, TypeError, r"prompt\[1\] must be a str, got list"),
        ({"prompt": ["a", "b"], "seed": [1]}, ValueError, "seed must be one integer"),
        ({"prompt": ["a", "b"], "max_length": None}, TypeError, "max_length must be an integer, got None"),
        ({"known_only": "yes"}, TypeError, "known_only must be True or False"),
        ({"logits_processor": 3}, TypeError, "logits_processor must be a function"),
        ({"tokenizer": SimpleNamespace(encode=1, decode=2)}, TypeError, "tokenizer must have encode and decode"),
        ({"tokenizer": Tokenizer}, TypeError, "tokenizer must have encode and decode, got the class Tokenizer"),
        ({"model": None}, TypeError, "model must be a GPTModel, got NoneType"),
        ({"stop": b"a"}, TypeError, "stop must be a string or several"),
        ({"device": "meta"}, ValueError, "device must be .* got 'meta'"),
        ({"device": 3.5}, ValueError, "device must be"),
    ],
)
def test_a_mistake_is_named_before_the_model_moves_or_runs(tokenizer, wrong, error, message, monkeypatch):
    model = Untouched(config(tokenizer))
    monkeypatch.setattr(model, "to", lambda device: pytest.fail("the model was moved"))
    with pytest.raises(error, match=message) as raised:
        generate_text(**{"model": model, "prompt": "Once", "tokenizer": tokenizer, "device": "cpu", **wrong})
    assert "\n" not in str(raised.value)


def test_a_prompt_that_the_model_cannot_read_is_refused_before_it_moves(tokenizer, monkeypatch):
    model = Untouched(config(tokenizer, vocab_size=100))
    monkeypatch.setattr(model, "to", lambda device: pytest.fail("the model was moved"))
    with pytest.raises(ValueError, match="token_ids must be from 0 to 99"):
        generate_text(model, "옛날 옛적에", tokenizer, device="cpu")


def test_meta_never_takes_the_weights(model, tokenizer):
    before = generate_text(model, "Once", tokenizer, 5, seed=1)
    for function in (generate_text, stream_text, text_steps):
        with pytest.raises(ValueError, match='device must be "auto", "cpu", or one that this machine has, got .*meta'):
            function(model, "Once", tokenizer, device="meta")
    assert generate_text(model, "Once", tokenizer, 5, seed=1) == before


def test_several_prompts_are_for_generate_text(model, tokenizer):
    with pytest.raises(TypeError, match="prompt must be a str, got list"):
        stream_text(model, ["a", "b"], tokenizer)


# Long prompts, and texts without an end


@pytest.mark.parametrize("how", ["generate", "list", "steps", "text", "texts"])
def test_a_billion_tokens_take_no_room_before_they_come(model, tokenizer, how, monkeypatch):
    """The text ends by its end token, long before."""
    most, ended = 10**9, ending(model, tokenizer)
    settings = {"temperature": 2.0, "seed": 1}
    ends = {"eos_token_id": ended.eos_token_id}
    sizes, rand = [], torch.rand
    monkeypatch.setattr(torch, "rand", lambda size, **more: sizes.append(size) or rand(size, **more))
    made = {
        "generate": lambda: generate(model, torch.tensor([[1, 2]] * 3), most, **settings, **ends),
        "list": lambda: generate(model, [[1, 2], [3]], most, **settings, **ends),
        "steps": lambda: list(generate_steps(model, torch.tensor([1, 2]), most, **settings, **ends)),
        "text": lambda: generate_text(model, "Once", ended, most, top_k=None, **settings),
        "texts": lambda: generate_text(model, ["Once", "x"], ended, most, top_k=None, **settings),
    }[how]()
    assert len(made) >= 1 and sizes and all(size == () or size <= 256 for size in sizes)


@pytest.mark.parametrize("most", [2**63, 10**30])
def test_more_tokens_than_a_machine_can_count(model, most):
    step = next(generate_steps(model, torch.tensor([1, 2]), most, seed=1))
    assert step.token_id == int(generate(model, torch.tensor([[1, 2]]), 1, seed=1)[0, -1])
    assert generate(model, [[1, 2]], most, seed=1, eos_token_id=range_list(model))[0].tolist()[:2] == [1, 2]


def range_list(model) -> list[int]:
    return list(range(model.config.vocab_size))


@pytest.mark.parametrize("kind", ["ours", "plain"])
def test_of_a_prompt_of_a_megabyte_only_the_window_is_read(model, tokenizer, kind, monkeypatch):
    found = tokenizer if kind == "ours" else SimpleNamespace(encode=tokenizer.encode, decode=tokenizer.decode)
    prompt = ("Once upon a time there was a little fox. " * 25_000)[:1_000_000]
    read, hidden_states = [], GPTModel.hidden_states
    monkeypatch.setattr(GPTModel, "hidden_states", lambda *args: read.append(args[1].numel()) or hidden_states(*args))
    text = generate_text(model, prompt, found, 3, seed=1)
    assert text.startswith(prompt) and read and set(read) == {24}


def test_a_stream_in_one_thread_and_a_text_in_another_are_as_each_alone():
    """On a model in training mode, with dropout, in 16 bits: nothing of the process or the model is switched."""
    model, tokenizer = gptcore.load(device="cpu")
    model.train().bfloat16()
    alone = [generate_text(model, "Once", tokenizer, 12, seed=seed) for seed in range(8)]
    texts: dict[int, str] = {}

    def write(seeds):
        for seed in seeds:
            texts[seed] = generate_text(model, "Once", tokenizer, 12, seed=seed)

    threads = [threading.Thread(target=write, args=(range(first, 8, 2),)) for first in (0, 1)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    assert [texts[seed] for seed in range(8)] == alone
    assert torch.backends.mkldnn.enabled and all(module.training for module in model.modules())
