import codecs
import math
from itertools import accumulate
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import gptcore
from gptcore import (
    GPT_CONFIG_124M,
    AutoTokenizer,
    GPT2Tokenizer,
    GPTConfig,
    GPTModel,
    generate,
    generate_steps,
    generate_text,
    next_token_distribution,
    stream_text,
)
from gptcore.hub import STORYTELLER
from gptcore.model import TransformerBlock
from gptcore.tokenizer import token_bytes

CONFIG = GPTConfig(vocab_size=17, context_length=10, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.3)


def make_model(dtype: torch.dtype = torch.float64, kind: type[GPTModel] = GPTModel, **config) -> GPTModel:
    """A model with strong opinions: its parameters are large, so that every token of the text counts."""
    torch.manual_seed(0)
    model = kind({**CONFIG, **config}).to(dtype).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


MODEL = make_model()


class Untouched(GPTModel):
    """A model that must not be run."""

    def hidden_states(self, token_ids, kv_cache=None):
        raise AssertionError("the model was run before the arguments were checked")


def prompt_of(length: int, seed: int = 0) -> list[int]:
    return torch.randint(CONFIG.vocab_size, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def reference(model, prompt, n, temperature=1.0, top_k=None, seed=0, eos_token_id=None) -> list[int]:
    """What one row must become: read the window again for each token, cut, and walk along the bar."""
    generator, token_ids = torch.Generator().manual_seed(seed), list(prompt)
    for _ in range(n):
        uniform = torch.rand((), generator=generator, dtype=torch.float64).item()
        window = torch.tensor([token_ids[-model.config.context_length :]])
        with torch.no_grad():
            logits = model(window)[0, -1].tolist()
        ranked = sorted(range(len(logits)), key=lambda i: -logits[i])
        kept = set(ranked[:1] if temperature == 0 else ranked[:top_k])
        weights = [math.exp((x - max(logits)) / (temperature or 1)) * (i in kept) for i, x in enumerate(logits)]
        place = uniform * sum(weights)
        token_id = next(i for i, end in enumerate(accumulate(weights)) if end > place)
        token_ids.append(token_id)
        if token_id == eos_token_id:
            break
    return token_ids


def padded(rows: list[list[int]], eos_token_id: int) -> list[list[int]]:
    length = max(map(len, rows))
    return [row + [eos_token_id] * (length - len(row)) for row in rows]


@pytest.mark.parametrize("function", ["generate", "generate_steps"])
def test_without_the_cache_the_code_that_is_read_runs(function, monkeypatch):
    """Each token calls the block's `forward`, `next_token_distribution` and `draw`: a breakpoint there is hit."""
    model, calls = make_model(), []

    def counted(name, original):
        return lambda *args, **kwargs: calls.append(name) or original(*args, **kwargs)

    monkeypatch.setattr(TransformerBlock, "forward", counted("block", TransformerBlock.forward))
    for name in ("next_token_distribution", "draw"):
        monkeypatch.setattr(gptcore.generation, name, counted(name, getattr(gptcore.generation, name)))
    list(getattr(gptcore, function)(model, torch.tensor([[1, 2]]), 3, top_k=4, seed=1, use_cache=False))
    assert calls == ["block", "block", "next_token_distribution", "draw"] * 3


NAN, INF, GOOD = math.nan, math.inf, torch.tensor([[1, 2]])
SETTINGS = [{}, {"temperature": 0}, {"temperature": 0.7, "top_k": 4}]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("length", [1, 2, 5, 9, 10, 11, 25])
def test_tokens_are_those_of_the_reference_within_and_past_the_context(length, use_cache, settings):
    model, prompt = make_model(), prompt_of(length)
    expected = reference(model, prompt, 14, seed=5, **settings)
    assert generate(model, torch.tensor([prompt]), 14, seed=5, use_cache=use_cache, **settings)[0].tolist() == expected
    steps = generate_steps(model, torch.tensor(prompt), 14, seed=5, use_cache=use_cache, **settings)
    assert prompt + [step.token_id for step in steps] == expected


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_same_seed_gives_the_same_tokens_in_float32_with_and_without_cache(settings):
    model = make_model(torch.float32)
    for seed in range(8):
        token_ids = torch.tensor([prompt_of(1 + seed, seed)])
        cached = generate(model, token_ids, 16, seed=seed, **settings)
        assert torch.equal(cached, generate(model, token_ids, 16, seed=seed, use_cache=False, **settings))
        steps = generate_steps(model, token_ids, 16, seed=seed, **settings)
        assert cached[0, 1 + seed :].tolist() == [step.token_id for step in steps]


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("length", [1, 6, 13])
def test_a_row_of_a_batch_is_the_row_alone_whenever_each_ends(length, use_cache):
    model, seeds, eos = make_model(), list(range(40, 52)), 7
    prompts = [prompt_of(length, seed) for seed in seeds]
    alone = [reference(model, prompt_of(length, seed), 12, 1.5, seed=seed, eos_token_id=eos) for seed in seeds]
    assert len({len(row) for row in alone}) > 3  # they end at different times
    settings = {"temperature": 1.5, "eos_token_id": eos, "use_cache": use_cache}
    together = generate(model, torch.tensor(prompts), 12, seed=seeds, **settings)
    assert together.tolist() == padded(alone, eos)
    for prompt, seed, row in zip(prompts, seeds, alone, strict=True):
        assert generate(model, torch.tensor([prompt]), 12, seed=seed, **settings).tolist() == [row]
        steps = generate_steps(model, torch.tensor(prompt), 12, seed=seed, **settings)
        assert prompt + [step.token_id for step in steps] == row


@settings(max_examples=60)
@given(st.integers(1, 14), st.integers(1, 3), st.integers(0, 15), st.integers(0, 2**63 - 1), st.sampled_from(SETTINGS))
def test_cached_equals_uncached_for_any_prompt_and_batch(length, rows, n, seed, chosen):
    token_ids = torch.tensor([prompt_of(length, row) for row in range(rows)])
    cached = generate(MODEL, token_ids, n, seed=seed, eos_token_id=2, **chosen)
    assert torch.equal(cached, generate(MODEL, token_ids, n, seed=seed, eos_token_id=2, use_cache=False, **chosen))
    assert torch.equal(cached[:, :length], token_ids)


def test_generation_stops_when_all_rows_have_ended():
    model = make_model()
    likeliest = int(generate(model, torch.tensor([[1, 2]]), 1, temperature=0)[0, -1])
    ended = generate(model, torch.tensor([[1, 2]] * 2), 9, temperature=0, eos_token_id=likeliest)
    assert ended.tolist() == [[1, 2, likeliest]] * 2
    steps = list(generate_steps(model, torch.tensor([1, 2]), 9, temperature=0, eos_token_id=likeliest))
    assert [step.token_id for step in steps] == [likeliest]


def test_a_step_holds_what_chose_its_token():
    model, prompt = make_model(), prompt_of(4)
    token_ids = list(prompt)
    for position, step in enumerate(generate_steps(model, torch.tensor(prompt), 5, 0.8, 6, 0.9, 0.01, seed=3), start=4):
        again = next_token_distribution(model(torch.tensor([token_ids]))[0, -1], 0.8, 6, 0.9, 0.01)
        assert step.position == position
        assert step.distribution.probs.shape == (17,)
        torch.testing.assert_close(step.distribution.logits, again.logits)
        assert torch.equal(step.distribution.removed_by, again.removed_by)
        assert 0 <= step.uniform < 1
        assert gptcore.draw(step.distribution, step.uniform) == step.token_id
        token_ids.append(step.token_id)


def test_luck_does_not_depend_on_the_settings():
    model, prompt = make_model(), torch.tensor([1])
    lucks = [[step.uniform for step in generate_steps(model, prompt, 6, seed=4, **chosen)] for chosen in SETTINGS]
    generator = torch.Generator().manual_seed(4)
    assert lucks == [torch.rand(6, generator=generator, dtype=torch.float64).tolist()] * len(SETTINGS)


def test_without_a_seed_luck_is_new_each_time():
    model = make_model()
    texts = {tuple(generate(model, torch.tensor([[1]]), 20, 2.0)[0].tolist()) for _ in range(3)}
    assert len(texts) == 3


def test_one_seed_gives_each_row_luck_of_its_own_that_neighbouring_seeds_do_not_share():
    model, prompt = make_model(), torch.tensor([[1]] * 6)
    rows = [tuple(row) for seed in (10, 11) for row in generate(model, prompt, 20, 2.0, seed=seed).tolist()]
    assert len(set(rows)) == 12
    first = generate(model, prompt[:1], 20, 2.0, seed=10)
    assert rows[0] == tuple(first[0].tolist())
    assert [tuple(row) for row in generate(model, prompt[:3], 20, 2.0, seed=10).tolist()] == rows[:3]


def test_the_global_generator_is_neither_used_nor_moved():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = generate(MODEL, torch.tensor([[1, 2]]), 5, seed=0)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(one, generate(MODEL, torch.tensor([[1, 2]]), 5, seed=0))


@pytest.mark.parametrize("shape", [(4,), (1, 4)])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_nothing_new_is_wanted_and_nothing_new_comes(shape, dtype):
    token_ids = torch.tensor(prompt_of(4), dtype=dtype).view(shape)
    before = token_ids.clone()
    assert torch.equal(generate(Untouched(CONFIG), token_ids, 0), token_ids.view(1, 4))
    assert list(generate_steps(Untouched(CONFIG), token_ids, 0)) == []
    assert generate(make_model(), token_ids, 3, seed=0).dtype == dtype
    assert torch.equal(token_ids, before)


class Keep:
    """A processor that lets only some tokens be drawn, and writes into what it is given."""

    def __init__(self, *kept: int):
        self.kept, self.seen = list(kept), []

    def __call__(self, token_ids, logits):
        self.seen.append((tuple(token_ids.shape), tuple(logits.shape)))
        banned = torch.ones(17, dtype=torch.bool)
        banned[self.kept] = False
        logits[:, banned] = -torch.inf
        return logits


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_logits_processor_changes_the_scores_that_are_sampled(use_cache):
    for temperature in (0, 5.0):
        settings = {"temperature": temperature, "seed": 0, "use_cache": use_cache}
        rows = generate(make_model(), torch.tensor([[1]] * 5), 20, logits_processor=Keep(2, 5, 11), **settings)
        assert set(rows[:, 1:].flatten().tolist()) <= {2, 5, 11}
        keep = Keep(2, 5, 11)
        steps = list(generate_steps(make_model(), torch.tensor([1]), 20, logits_processor=keep, **settings))
        assert [step.token_id for step in steps] == rows[0, 1:].tolist()
        assert keep.seen == [((1, 1 + i), (1, 17)) for i in range(20)]
        assert all(step.distribution.kept_count == (3 if temperature else 1) for step in steps)
        assert (steps[0].distribution.logits == -torch.inf).sum() == 14


def test_the_processors_of_transformers_fit_and_choose_the_same_tokens(tiny_folder):
    from transformers import GPT2LMHeadModel, LogitsProcessorList, NoBadWordsLogitsProcessor
    from transformers import RepetitionPenaltyLogitsProcessor as RepetitionPenalty

    theirs, ours = GPT2LMHeadModel.from_pretrained(tiny_folder), gptcore.load_model(tiny_folder, device="cpu")
    prompt = torch.tensor([[300, 301, 302]])
    for processor in (
        LogitsProcessorList([RepetitionPenalty(1.8)]),
        LogitsProcessorList([RepetitionPenalty(1.3), NoBadWordsLogitsProcessor([[300], [7, 8]])]),
    ):
        more = {"max_new_tokens": 20, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
        expected = theirs.generate(prompt, logits_processor=processor, **more)
        for use_cache in (True, False):  # a single processor is called as the list is
            one = processor[0] if len(processor) == 1 else processor
            made = generate(ours, prompt, 20, 0, logits_processor=one, use_cache=use_cache)
            assert made.tolist() == expected.tolist()
        assert generate(ours, prompt, 20, 0).tolist() != expected.tolist()


@pytest.mark.parametrize("answer", [None, 3, torch.zeros(17), torch.zeros(1, 16)])
def test_a_processor_that_returns_no_logits_is_named(answer):
    for use_cache in (True, False):
        with pytest.raises(TypeError, match=r"logits_processor must return logits of the shape \(1, 17\), got"):
            generate(make_model(), GOOD, 3, logits_processor=lambda *_: answer, use_cache=use_cache)


def modes(model: torch.nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


@pytest.mark.parametrize("training", ["all", "none", "one block"])
def test_every_part_of_the_model_is_in_its_mode_again_and_gradients_are_on_between_steps(training):
    model = make_model().train(training == "all")
    if training == "one block":
        model.blocks[1].train()
    before = modes(model)
    expected = generate(MODEL, torch.tensor([[1, 2]]), 4, seed=0)[0, 2:].tolist()
    drawn = []
    for step in generate_steps(model, torch.tensor([1, 2]), 4, seed=0):
        assert modes(model) == before
        assert torch.is_grad_enabled() and (model.head.weight * 1).requires_grad
        assert not step.distribution.logits.requires_grad
        drawn.append(step.token_id)
    assert drawn == expected  # without dropout, whatever the mode was
    generate(model, torch.tensor([[1, 2]]), 4)
    assert modes(model) == before


def test_a_generator_that_is_left_early_leaves_nothing_behind():
    model = make_model().train()
    steps = generate_steps(model, torch.tensor([1, 2]), 4, seed=0)
    with torch.no_grad():
        next(steps)
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled() and all(modes(model))
    steps.close()
    assert torch.is_grad_enabled() and all(modes(model))


def test_an_error_within_the_model_restores_its_mode():
    model = make_model(kind=Untouched).train()
    with pytest.raises(AssertionError):
        generate(model, torch.tensor([[1]]), 1)
    assert all(modes(model)) and torch.is_grad_enabled()


def test_a_model_in_training_may_be_trained_between_steps():
    model = make_model()
    for step in generate_steps(model, torch.tensor([1, 2]), 3, seed=0, use_cache=False):
        loss = model(torch.tensor([[1, step.token_id]])).logsumexp(-1).sum()
        loss.backward()
    assert model.head.weight.grad.abs().sum() > 0


BAD_SETTINGS = [
    ({"temperature": -1.0}, ValueError, ["temperature", "-1.0"]),
    ({"temperature": NAN}, ValueError, ["temperature", "nan"]),
    ({"temperature": INF}, ValueError, ["temperature", "inf"]),
    ({"temperature": "hot"}, TypeError, ["temperature", "'hot'"]),
    ({"top_k": 0}, ValueError, ["top_k", "0", "at least 1"]),
    ({"top_k": -2}, ValueError, ["top_k", "-2"]),
    ({"top_k": 2.5}, TypeError, ["top_k", "2.5"]),
    ({"top_p": 0.0}, ValueError, ["top_p", "0.0"]),
    ({"top_p": 1.5}, ValueError, ["top_p", "1.5"]),
    ({"min_p": -0.1}, ValueError, ["min_p", "-0.1"]),
    ({"min_p": 1.1}, ValueError, ["min_p", "1.1"]),
    ({"seed": -1}, ValueError, ["seed", "-1"]),
    ({"seed": 2**64}, ValueError, ["seed", str(2**64)]),
    ({"seed": 1.5}, TypeError, ["seed", "1.5"]),
    ({"seed": "luck"}, TypeError, ["seed", "'luck'"]),
    ({"seed": [1, 2]}, ValueError, ["seed", "got 2"]),
]
BAD_INPUTS = [
    ({"max_new_tokens": -1}, ValueError, ["max_new_tokens", "-1", "at least 0"]),
    ({"max_new_tokens": 2.0}, TypeError, ["max_new_tokens", "2.0", "integer"]),
    ({"max_new_tokens": True}, TypeError, ["max_new_tokens", "True", "integer"]),
    ({"eos_token_id": 1.0}, TypeError, ["eos_token_id", "1.0", "integer"]),
    ({"logits_processor": 3}, TypeError, ["logits_processor", "function of (token_ids, logits)", "3"]),
    ({"model": None}, TypeError, ["model must be a GPTModel", "NoneType"]),
    ({"model": make_model().state_dict()}, TypeError, ["model must be a GPTModel", "OrderedDict"]),
    ({"model": (make_model(), None)}, TypeError, ["model must be a GPTModel", "tuple", "load() returns"]),
    ({"token_ids": torch.tensor([[1, 17]])}, ValueError, ["token_ids", "0 to 16", "17"]),
    ({"token_ids": torch.tensor([-1])}, ValueError, ["token_ids", "0 to 16", "-1"]),
    ({"token_ids": torch.tensor([1.0])}, TypeError, ["token_ids", "torch.float32"]),
    ({"token_ids": [1, 2]}, TypeError, ["token_ids", "list"]),
    ({"token_ids": torch.tensor(1)}, ValueError, ["token_ids", "()"]),
    ({"token_ids": torch.tensor([], dtype=torch.int64)}, ValueError, ["token_ids", "0"]),
    ({"token_ids": torch.ones(1, 1, 2, dtype=torch.int64)}, ValueError, ["token_ids", "(1, 1, 2)"]),
    ({"token_ids": GOOD.to("meta")}, ValueError, ["token_ids", "cpu", "meta"]),
]


@pytest.mark.parametrize("function", [generate, generate_steps])
@pytest.mark.parametrize(("wrong", "error", "words"), BAD_SETTINGS + BAD_INPUTS)
def test_bad_input_is_named_before_any_work(function, wrong, error, words):
    with pytest.raises(error) as raised:
        function(**{"model": make_model(kind=Untouched), "token_ids": GOOD, "max_new_tokens": 3, **wrong})
    assert all(word in str(raised.value) for word in words)


def test_steps_are_of_one_text():
    with pytest.raises(ValueError, match=r"token_ids must be one text.*\(2, 3\).*generate"):
        generate_steps(make_model(kind=Untouched), torch.ones(2, 3, dtype=torch.int64), 1)


# Text


@pytest.fixture(scope="module")
def model(tokenizer) -> GPTModel:
    return make_model(vocab_size=len(tokenizer), context_length=24)


def without_half_a_character(tokenizer, token_ids: list[int]) -> str:
    """The decoded whole, but a character that is incomplete at the end."""
    data = b"".join(token_bytes(tokenizer, token_id) for token_id in token_ids)
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data)


TEXT = {"max_length": 30, "temperature": 2.0, "top_k": None}
PROMPTS = ["Once upon a time", "옛날 옛적에", "👩‍👩‍👧 ", "x"]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("kind", ["ours", "transformers", "plain"])
def test_text_is_the_joined_stream_and_the_decoded_whole(model, tokenizer, tokenizer_folder, kind, prompt):
    found = tokenizer
    if kind == "transformers":
        found = GPT2Tokenizer.from_pretrained(tokenizer_folder)
    if kind == "plain":
        found = SimpleNamespace(encode=tokenizer.encode, decode=tokenizer.decode)
    eos = tokenizer.eos_token_id if kind != "plain" else None
    for seed in range(5):
        pieces = list(stream_text(model, prompt, found, **TEXT, seed=seed))
        text = generate_text(model, prompt, found, **TEXT, seed=seed)
        token_ids = torch.tensor([tokenizer.encode(prompt)])
        whole = generate(model, token_ids, 30, 2.0, seed=seed, eos_token_id=eos)[0].tolist()
        assert "".join(pieces) == text
        whole = [i for i in whole if i != eos]
        if kind == "plain":  # only its text is known, so that any U+FFFD at the end may be half a character
            assert text == tokenizer.decode(whole).removesuffix("\ufffd")
        else:
            assert text == without_half_a_character(tokenizer, whole)
        assert pieces[0] == prompt and all(pieces)


def test_no_text_ends_in_half_a_character_wherever_it_is_cut():
    model, tokenizer = gptcore.load(device="cpu")
    theirs = AutoTokenizer.from_pretrained(STORYTELLER)
    cut = 0
    for number in range(60):
        prompt = ["옛날 옛적에", "용 🦊 ", "👩‍👩‍👧"][number % 3]
        settings = {"max_length": 1 + number % 12, "temperature": 1.5, "top_k": None, "seed": number}
        texts = {generate_text(model, prompt, found, **settings) for found in (tokenizer, theirs)}
        (text,) = texts
        prompt_ids = torch.tensor([tokenizer.encode(prompt)])
        ids = generate(model, prompt_ids, settings["max_length"], 1.5, seed=number, eos_token_id=tokenizer.eos_token_id)
        ids = [i for i in ids[0].tolist() if i != tokenizer.eos_token_id]
        cut += tokenizer.decode(ids) == text + "\ufffd"
        # A byte that no character can hold there is not half of one: its U+FFFD stays.
        assert text.startswith(prompt) and text == without_half_a_character(tokenizer, ids)
    assert cut >= 3


def test_a_stream_runs_the_model_only_when_it_is_asked_for_more(tokenizer):
    pieces = stream_text(make_model(kind=Untouched, vocab_size=len(tokenizer)), "여우", tokenizer)
    assert next(pieces) == "여우"
    with pytest.raises(AssertionError):
        next(pieces)


def test_the_end_of_text_token_ends_the_text_and_is_not_shown(tokenizer):
    model = make_model(vocab_size=len(tokenizer))
    with torch.no_grad():
        model.final_norm.weight.zero_()
        model.final_norm.bias.copy_(10 * model.token_embedding.weight[tokenizer.eos_token_id])
    assert generate_text(model, "The fox", tokenizer, temperature=0) == "The fox"
    assert generate_text(model, "", tokenizer, temperature=0) == ""


def test_an_empty_prompt_starts_from_the_end_of_text_token(model, tokenizer):
    start = torch.tensor([[tokenizer.eos_token_id]])
    for seed in range(3):
        expected = generate(model, start, 12, 1.0, 10, seed=seed, eos_token_id=tokenizer.eos_token_id)[0, 1:].tolist()
        expected = without_half_a_character(tokenizer, [i for i in expected if i != tokenizer.eos_token_id])
        assert generate_text(model, "", tokenizer, max_length=12, seed=seed) == expected


def test_an_empty_prompt_needs_an_end_of_text_token(tokenizer):
    plain = SimpleNamespace(encode=tokenizer.encode, decode=tokenizer.decode)
    with pytest.raises(ValueError, match="prompt must not be empty.*''"):
        stream_text(make_model(kind=Untouched, vocab_size=len(tokenizer)), "", plain)


@pytest.mark.parametrize("function", [generate_text, stream_text])
@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        *BAD_SETTINGS,
        ({"prompt": 5}, TypeError, ["prompt", "int"]),
        ({"prompt": None}, TypeError, ["prompt", "NoneType"]),
        ({"prompt": "a\ud800"}, ValueError, ["prompt", r"'a\ud800'", "UTF-8"]),
        ({"max_length": -5}, ValueError, ["max_length", "-5", "at least 0"]),
        ({"max_length": "long"}, TypeError, ["max_length", "'long'", "integer"]),
        ({"device": "gpu"}, ValueError, ["device", "'gpu'"]),
        ({"model": (make_model(), None)}, TypeError, ["model must be a GPTModel", "tuple", "load() returns"]),
        ({"tokenizer": None}, TypeError, ["tokenizer", "encode", "NoneType"]),
        ({"tokenizer": "gpt2"}, TypeError, ["tokenizer", "encode", "str"]),
    ],
)
def test_bad_input_for_a_text_is_named_before_any_work(tokenizer, function, wrong, error, words):
    model = make_model(kind=Untouched, vocab_size=len(tokenizer))
    with pytest.raises(error) as raised:
        function(**{"model": model, "prompt": "Once", "tokenizer": tokenizer, **wrong})
    assert all(word in str(raised.value) for word in words)


def test_a_prompt_with_a_token_that_the_model_lacks_is_refused(tokenizer):
    model = make_model(kind=Untouched, vocab_size=100)
    with pytest.raises(ValueError, match="token_ids must be from 0 to 99"):
        generate_text(model, "옛날 옛적에", tokenizer)


def test_no_new_tokens_is_the_prompt(tokenizer):
    model = make_model(kind=Untouched, vocab_size=len(tokenizer))
    for prompt in ("옛날", ""):
        assert generate_text(model, prompt, tokenizer, max_length=0) == prompt


def test_a_text_is_made_where_the_model_is_and_auto_moves_it(monkeypatch, model, tokenizer):
    moved = []
    monkeypatch.setattr(model, "to", moved.append)
    generate_text(model, "Once", tokenizer, max_length=1)
    assert moved == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    generate_text(model, "Once", tokenizer, max_length=1, device="auto")
    assert moved == [torch.device("cpu")]


# The lesson that this project grew from, with other import lines


def test_the_origin_lesson_runs_with_the_tokenizer_of_gpt2(gpt2_folder):
    torch.manual_seed(123)
    model = GPTModel({**GPT_CONFIG_124M, "n_layers": 1})
    model.eval()

    tokenizer = GPT2Tokenizer.from_pretrained(gpt2_folder)
    prompt = "Once upon a time"
    generated_text = generate_text(model, prompt, tokenizer, max_length=50, temperature=0.7, top_k=10)
    assert generated_text.startswith(prompt)
    assert len(generated_text) > 100


def test_the_origin_lesson_runs_with_a_korean_tokenizer_that_has_fewer_tokens_than_the_model(korean_folder):
    torch.manual_seed(123)
    model = GPTModel({**CONFIG, "vocab_size": 900, "context_length": 64})
    model.eval()

    tokenizer = AutoTokenizer.from_pretrained(korean_folder)
    prompt = "옛날 옛적에"
    generated_text = generate_text(model, prompt, tokenizer, max_length=50, temperature=0.7, top_k=10, seed=1)
    assert generated_text.startswith(prompt)

    token_ids = torch.tensor([tokenizer.encode(prompt)])
    new_ids = generate(model, token_ids, 50, 0.7, 10, seed=1)[0, token_ids.shape[1] :].tolist()
    unknown = [token_id for token_id in new_ids if token_id >= len(tokenizer)]
    assert len(unknown) > 10
    rest = generated_text
    for token_id in unknown:  # every one is shown, in order
        _, mark, rest = rest.partition(f"<id {token_id}>")
        assert mark


@pytest.mark.parametrize("temperature", [0, 0.7, 5.0])
def test_known_only_draws_no_id_that_the_tokenizer_lacks(korean_folder, temperature):
    model = make_model(vocab_size=900, context_length=64)
    for tokenizer in (AutoTokenizer.from_pretrained(korean_folder), gptcore.load_tokenizer(korean_folder)):
        text = generate_text(model, "옛날 옛적에", tokenizer, 50, temperature, seed=1, known_only=True)
        assert text.startswith("옛날 옛적에") and "<id " not in text
        assert "<id " in generate_text(model, "옛날 옛적에", tokenizer, 50, 5.0, None, seed=1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_cuda_draws_the_tokens_that_the_cpu_draws(tokenizer):
    model = make_model(vocab_size=len(tokenizer), context_length=24)
    token_ids = torch.tensor([prompt_of(5, row) for row in range(4)])
    expected = generate(model, token_ids, 30, 0.8, 10, seed=0)
    text = generate_text(model, "Once", tokenizer, seed=0)
    assert generate_text(model, "Once", tokenizer, seed=0, device="auto") == text
    assert model.device.type == "cuda"
    assert torch.equal(generate(model, token_ids.cuda(), 30, 0.8, 10, seed=0).cpu(), expected)
    with pytest.raises(ValueError, match="token_ids must be on the device of the model"):
        generate(model, token_ids, 1)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int64, torch.complex64, torch.bool])
@pytest.mark.parametrize("top_k", [None, 3])
def test_a_processor_keeps_the_logits_floating_point(dtype, top_k):
    model = GPTModel(GPTConfig(vocab_size=20, context_length=8, emb_dim=8, n_heads=2, n_layers=1))
    with pytest.raises(TypeError, match=f"logits_processor must return floating-point logits.* got {dtype}"):
        generate(model, torch.tensor([[1, 2]]), 2, top_k=top_k, logits_processor=lambda ids, logits: logits.to(dtype))


def test_an_end_token_that_int32_cannot_hold_is_no_other_one():
    model = GPTModel(GPTConfig(vocab_size=9, context_length=8, emb_dim=8, n_heads=2, n_layers=1)).eval()
    token_ids = torch.tensor([[1, 2, 3]])
    ends = [2**32 + token_id for token_id in range(9)]
    wide, narrow = (generate(model, rows, 6, seed=1, eos_token_id=ends) for rows in (token_ids, token_ids.int()))
    assert narrow.dtype == torch.int32 and wide.tolist() == narrow.tolist() and wide.shape == (1, 9)


def test_autocast_writes_the_same_with_every_loop():
    model = GPTModel(GPTConfig(vocab_size=9, context_length=16, emb_dim=8, n_heads=2, n_layers=1)).eval()
    prompts = [torch.tensor([1, 2, 3]), torch.tensor([4])]
    with torch.autocast("cpu", torch.bfloat16):
        texts = generate(model, prompts, 6, 0)
        alone = [generate(model, prompt, 6, 0, use_cache=False)[0] for prompt in prompts]
    assert all(torch.equal(text, other) for text, other in zip(texts, alone, strict=True))


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_processor_that_writes_into_the_ids_changes_no_text(use_cache):
    model = GPTModel(GPTConfig(vocab_size=9, context_length=16, emb_dim=8, n_heads=2, n_layers=1)).eval()
    prompts = torch.tensor([[1, 2, 3], [4, 5, 6]])
    expected = generate(model, prompts, 6, seed=1, use_cache=use_cache)

    def process(token_ids, logits):
        token_ids.zero_()
        return logits

    found = generate(model, prompts, 6, seed=1, use_cache=use_cache, logits_processor=process)
    steps = generate_steps(model, prompts[0], 6, seed=1, use_cache=use_cache, logits_processor=process)
    assert torch.equal(found, expected) and prompts.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert [step.token_id for step in steps] == expected[0, 3:].tolist()
