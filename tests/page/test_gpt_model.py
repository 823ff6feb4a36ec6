"""The model of gpt.js computes what gptcore's computes, and writes the same texts."""

import random
from typing import Any

import pytest
import torch

import gptcore
from gptcore import GPTModel, Sampling, generate_steps, generate_text, lens_logits, record, stories
from gptcore.hugging_face_weights import to_hugging_face
from gptcore.show.texts import distribution_after
from gptcore.text_generation import text_steps

TEXTS = ["a", "Once upon a time, in a cave,", "옛날 옛적에 토끼가", " 🦊\n\n\0<|endoftext|>The"]
SAID = "try {{ {code}; return 'nothing'; }} catch (error) {{ return error.message; }}"


def ids_of(told: Any, text: str) -> list[int]:
    return told[1].encode(text)


def long_ids(told: Any, language: str, count: int) -> list[int]:
    tale = " ".join(stories.sample(language, seed) for seed in range(6))
    return ids_of(told, tale)[:count]


def logits_of(told: Any, token_ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return told[0](torch.tensor([token_ids]))[0]


def close(found: list[float], wanted: torch.Tensor, tolerance: float = 1e-3) -> bool:
    return torch.tensor(found).sub(wanted.flatten()).abs().max().item() <= tolerance


def test_the_config_is_that_of_python(bench, told):
    found, config = bench.ask("() => context.models.storyteller.config"), dict(told[0].config)
    assert found | {"hidden_dim": None} == config


ODD = {"vocab_size": 13, "context_length": 9, "emb_dim": 6, "n_heads": 2, "n_layers": 2, "hidden_dim": 7}


@pytest.mark.parametrize("more", [{}, {"tie_embeddings": False}, {"emb_dim": 7, "n_heads": 1, "hidden_dim": 5}])
def test_a_model_of_any_shape_is_that_of_python(bench, more):
    """Also where the sizes are no multiples of the four numbers that are computed at a time."""
    torch.manual_seed(0)
    model = GPTModel({**ODD, **more, "drop_rate": 0.0}).eval()
    weights = {name: tensor.flatten().tolist() for name, tensor in to_hugging_face(model).items()}
    texts = [[1], [3, 12, 5, 0, 7], list(range(9))]
    code = """([config, weights, texts]) => {
      const tensors = Object.entries(weights).map(([name, data]) => [name, { data: Float32Array.from(data) }]);
      const model = new GPTModel(config, Object.fromEntries(tensors));
      return texts.map((ids) => [...model.forward(ids)]);
    }"""
    config = {**model.config, "hidden_dim": model.config.hidden_dim}
    for token_ids, found in zip(texts, bench.ask(code, [config, weights, texts]), strict=True):
        assert close(found, model(torch.tensor([token_ids]))[0].detach(), 1e-5)


@pytest.mark.parametrize("text", TEXTS)
def test_logits_of_all_positions_are_those_of_python(bench, told, text):
    token_ids = ids_of(told, text)
    found = bench.ask("(ids) => [...context.models.storyteller.forward(ids)]", token_ids)
    assert close(found, logits_of(told, token_ids))


@pytest.mark.parametrize("count", [1, 3, 4, 5, 97, 255, 256])
def test_last_logits_are_those_of_python_for_texts_of_any_length(bench, told, count):
    token_ids = long_ids(told, "en", count)
    found = bench.ask("(ids) => [...context.models.storyteller.lastLogits(ids)]", token_ids)
    assert close(found, logits_of(told, token_ids)[-1])


def test_of_a_text_beyond_the_context_the_last_tokens_are_read(bench, told):
    token_ids = long_ids(told, "ko", 300)
    found = bench.ask("(ids) => [...context.models.storyteller.lastLogits(ids)]", token_ids)
    assert close(found, logits_of(told, token_ids[-256:])[-1])


def test_what_was_read_before_changes_nothing(bench, told):
    """A text that grows, shrinks, goes another way and comes back has the logits that it has alone."""
    luck, texts = random.Random(1), [long_ids(told, "en", 12)]
    for _ in range(40):
        kept = texts[-1][: luck.randrange(len(texts[-1]) + 1)]
        texts.append((kept + luck.choices(range(3072), k=luck.randrange(5)))[:40] or [5])
    code = """(texts) => {
      const { storyteller: model } = context.models, size = model.config.vocab_size;
      return texts.map((ids) => [[...model.lastLogits(ids)], [...model.forward(ids).slice(-size)]]);
    }"""
    for remembered, alone in bench.ask(code, texts):
        assert close(remembered, torch.tensor(alone), 1e-4)


def test_a_cache_changes_nothing(bench, told):
    token_ids = long_ids(told, "en", 23)
    code = """(ids) => {
      const { storyteller: model } = context.models, kvCache = new KVCache(model.config);
      const parts = [ids.slice(0, 5), ids.slice(5, 6), ids.slice(6, 15), ids.slice(15)];
      return [...parts.flatMap((part) => [...model.forward(part, kvCache)]), kvCache.length];
    }"""
    *found, length = bench.ask(code, token_ids)
    assert close(found, logits_of(told, token_ids)) and length == 23


ABLATED = [[], [[0, 0]], [[1, 2], [1, 5], [3, 0], [3, 0]]]


@pytest.mark.parametrize("ablated", ABLATED)
@pytest.mark.parametrize("text", TEXTS)
def test_a_recording_holds_what_it_holds_in_python(bench, told, text, ablated):
    token_ids, model = ids_of(told, text), told[0]
    code = """([ids, ablated]) => {
      const { attention, residuals, logits } = record(context.models.storyteller, ids, { ablated });
      const flat = (arrays) => arrays.flatMap((array) => [...array]);
      return [flat(attention.flat()), flat(residuals), [...logits]];
    }"""
    attention, residuals, logits = bench.ask(code, [token_ids, ablated])
    found = record(model, torch.tensor(token_ids), [(layer, head) for layer, head in ablated])
    assert close(attention, found.attention, 1e-5)
    assert close(residuals, found.residuals)
    assert close(logits, found.logits)


def test_the_lens_reads_every_layer_as_in_python(bench, told):
    token_ids, model = long_ids(told, "en", 30), told[0]
    code = """(ids) => {
      const { storyteller: model } = context.models;
      return record(model, ids).residuals.map((x) => [...lensLogits(model, x)]);
    }"""
    wanted = lens_logits(model, record(model, torch.tensor(token_ids)).residuals)
    for found, layer in zip(bench.ask(code, token_ids), wanted, strict=True):
        assert close(found, layer)


PROMPTS = ["Once upon a time", "The fox", "", "옛날 옛적에", "옛날 어느 숲속에 마음씨 고운", "“Who is there?” asked"]
SETTINGS = [
    {"temperature": 0},
    {"temperature": 0.7, "seed": 1},
    {"temperature": 1.0, "top_k": None, "seed": 2**53 + 1},
    {"temperature": 1.2, "top_k": 40, "top_p": 0.9, "seed": 2**63 - 1},
    {"temperature": 1, "top_k": None, "min_p": 0.05, "seed": 7},
]
WRITE = """
(jobs) => jobs.map(([prompt, length, { seed = null, ...settings }]) => generateText(context.models.storyteller, prompt,
  context.tokenizers.storyteller, length, { ...settings, seed: seed === null ? null : BigInt(seed) }))
"""


def write(bench: Any, jobs: list[tuple[str, int, dict[str, Any]]]) -> list[str]:
    sent = [(prompt, n, {k: str(v) if k == "seed" else v for k, v in more.items()}) for prompt, n, more in jobs]
    return bench.ask(WRITE, sent)


def test_tales_are_the_same_word_for_word(bench, told):
    model, tokenizer = told
    jobs = [(prompt, 40, settings) for prompt in PROMPTS for settings in SETTINGS]
    wanted = [generate_text(model, prompt, tokenizer, length, **more) for prompt, length, more in jobs]
    assert write(bench, jobs) == wanted


def test_a_whole_tale_ends_where_it_ends_in_python(bench, told):
    model, tokenizer = told
    job = ("Once upon a time", 400, {"temperature": 0.7, "seed": 3})
    wanted = generate_text(model, job[0], tokenizer, job[1], **job[2])
    assert len(tokenizer.encode(wanted)) < 256  # it ends by itself
    assert write(bench, [job]) == [wanted]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_tale_goes_on_beyond_the_context_as_in_python(bench, told, language):
    model, tokenizer = told
    prompt = tokenizer.decode(long_ids(told, language, 250))
    jobs = [(prompt, 10, {"temperature": 0}), (prompt, 10, {"temperature": 1.0, "seed": 4})]
    wanted = [generate_text(model, prompt, tokenizer, length, **more) for _, length, more in jobs]
    assert write(bench, jobs) == wanted


@pytest.mark.parametrize("stop", [".", [" and", "\n\n"], ["zzz"], "Rosa lived"])
def test_a_text_ends_before_a_string_as_in_python(bench, told, stop):
    model, tokenizer = told
    job = ("Once upon a time", 40, {"temperature": 0.7, "seed": 1, "stop": stop})
    assert write(bench, [job]) == [generate_text(model, job[0], tokenizer, job[1], **job[2])]


def test_steps_have_the_positions_and_the_luck_of_python(bench, told):
    model, tokenizer = told
    token_ids = ids_of(told, "The fox")
    settings = {"temperature": 0.8, "top_k": 12, "seed": 5}
    code = """([ids, settings]) => {
      const each = [...generateSteps(context.models.storyteller, ids, 12, settings)];
      return each.map((step) => [step.position, step.uniform, step.tokenId, step.distribution.keptCount]);
    }"""
    steps = generate_steps(model, torch.tensor(token_ids), 12, **settings)
    wanted = [[step.position, step.uniform, step.token_id, int(step.distribution.kept_count)] for step in steps]
    assert bench.ask(code, [token_ids, settings]) == wanted


def test_two_texts_that_grow_in_turns_are_those_that_grow_alone(bench, told):
    code = """(prompts) => {
      const { storyteller: model } = context.models, { storyteller: tokenizer } = context.tokenizers;
      const all = prompts.map((prompt) => textSteps(model, prompt, tokenizer, 15, new Sampling(), 3)[1]);
      const texts = all.map(() => []);
      for (let i = 0; i < 15; i++) all.forEach((steps, row) => texts[row].push(steps.next().value.tokenId));
      return texts;
    }"""
    model, tokenizer = told
    prompts = ["Once", "옛날", "The fox"]
    wanted = [text_steps(model, prompt, tokenizer, 15, Sampling(), 3)[1] for prompt in prompts]
    assert bench.ask(code, prompts) == [[step.token_id for step in steps] for steps in wanted]


@pytest.mark.parametrize(("prompt", "new"), [("", []), ("", ["The"]), ("The fox", []), ("The fox", [" and", " the"])])
def test_the_distribution_after_a_text_is_that_of_python(bench, told, prompt, new):
    model, tokenizer = told
    prompt_ids, new_ids = ids_of(told, prompt), ids_of(told, "".join(new))
    code = """([promptIds, newIds]) => {
      const { storyteller: model } = context.models, { storyteller: tokenizer } = context.tokenizers;
      return [...distributionAfter(model, tokenizer, promptIds, newIds, new Sampling({ top_p: 0.9 })).probs];
    }"""
    wanted = distribution_after(model, tokenizer, prompt_ids, new_ids, Sampling(top_p=0.9))
    assert close(bench.ask(code, [prompt_ids, new_ids]), wanted.probs, 1e-5)


def said_on_the_page(bench: Any, code: str) -> str:
    names = "const { storyteller: model } = context.models, { storyteller: tokenizer } = context.tokenizers;"
    return bench.evaluate(f"() => {{ {names} {SAID.format(code=code)} }}")


def text_of(model: Any, tokenizer: Any) -> Any:
    return lambda *arguments, **more: generate_text(model, arguments[0], tokenizer, *arguments[1:], **more)


WRONG = {
    "record(model, Array(257).fill(5))": lambda m, t: record(m, torch.full((257,), 5)),
    "record(model, [5, 3072])": lambda m, t: record(m, torch.tensor([5, 3072])),
    "record(model, [-1])": lambda m, t: record(m, torch.tensor([-1])),
    "record(model, [5], { ablated: [[4, 0]] })": lambda m, t: record(m, torch.tensor([5]), [(4, 0)]),
    "record(model, [5], { ablated: [[0, 6]] })": lambda m, t: record(m, torch.tensor([5]), [(0, 6)]),
    "record(model, [5], { ablated: [[0, -1]] })": lambda m, t: record(m, torch.tensor([5]), [(0, -1)]),
    "record(model, [5], { ablated: [[0]] })": lambda m, t: record(m, torch.tensor([5]), [[0]]),
    "record(model, [5], { ablated: 7 })": lambda m, t: record(m, torch.tensor([5]), 7),
    "model.forward(Array(300).fill(1))": lambda m, t: m(torch.ones(1, 300, dtype=torch.long)),
    "model.forward([3072])": lambda m, t: m(torch.tensor([[3072]])),
    "model.forward([])": lambda m, t: m(torch.empty(1, 0, dtype=torch.long)),
    "generateSteps(model, [5], -1)": lambda m, t: generate_steps(m, torch.tensor([5]), -1),
    "generateSteps(model, [5], 2.5)": lambda m, t: generate_steps(m, torch.tensor([5]), 2.5),
    "generateSteps(model, [5], 2, { seed: -2 })": lambda m, t: generate_steps(m, torch.tensor([5]), 2, seed=-2),
    "generateText(model, 5, tokenizer)": lambda m, t: generate_text(m, 5, t),
    "generateText(model, 'a\\ud800', tokenizer)": lambda m, t: generate_text(m, "a\ud800", t),
    "generateText(model, 'a', tokenizer, -1)": lambda m, t: generate_text(m, "a", t, -1),
    "generateText(model, 'a', tokenizer, 5, { stop: '' })": lambda m, t: generate_text(m, "a", t, 5, stop=""),
    "generateText(model, 'a', tokenizer, 5, { stop: [1] })": lambda m, t: generate_text(m, "a", t, 5, stop=[1]),
    "generateText(model, 'a', tokenizer, 5, { top_k: 0 })": lambda m, t: generate_text(m, "a", t, 5, top_k=0),
    "tokenizer.encode('\\udfff')": lambda m, t: t.encode("\udfff"),
    "tokenizer.encode(null)": lambda m, t: t.encode(None),
    "tokenBytes(tokenizer, 3072)": lambda m, t: gptcore.token_bytes(t, 3072),
    "tokenBytes(tokenizer, 'a')": lambda m, t: gptcore.token_bytes(t, "a"),
    "tokenLabel(tokenizer, 1.5)": lambda m, t: gptcore.token_label(t, 1.5),
}


@pytest.mark.parametrize("code", WRONG)
def test_what_cannot_be_done_ends_in_the_sentence_of_python(bench, told, code):
    with pytest.raises((TypeError, ValueError)) as error:
        WRONG[code](*told)
    assert said_on_the_page(bench, code) == str(error.value)


def test_a_sentence_comes_before_any_work(bench):
    code = "generateSteps(model, [5], 3, { temperature: -1 })"
    assert said_on_the_page(bench, code).startswith("temperature must be 0")


def test_weights_of_another_type_are_refused(bench):
    code = """() => {
      const header = new TextEncoder().encode('{"w":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}');
      const buffer = new ArrayBuffer(8 + header.length + 2);
      new DataView(buffer).setBigUint64(0, BigInt(header.length), true);
      new Uint8Array(buffer).set(header, 8);
      try { readSafetensors(buffer); } catch (error) { return error.message; }
    }"""
    assert bench.evaluate(code) == "weights must be float32, got F16"
