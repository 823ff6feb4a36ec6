"""Everything on an Apple GPU, which has no float64: the same tokens, losses and pictures as on the CPU."""

import copy
from importlib import import_module

import pytest
import torch

import gptcore
from gptcore import GPTConfig, GPTModel, KVCache, evaluate, fit, fit_steps, generate, generate_steps, generate_text
from gptcore.exercises.lesson05 import check_seed
from gptcore.sampling import draw, next_token_distribution
from tests.apple import apple_gpu

CONFIG = GPTConfig(vocab_size=40, context_length=12, emb_dim=16, n_heads=2, n_layers=2, drop_rate=0.1)
TEXT = torch.randint(40, (200,), generator=torch.Generator().manual_seed(0))
TRAINING = {"max_steps": 4, "batch_size": 3, "eval_interval": 2, "report_interval": 1, "warmup_steps": 1}

SETTINGS = {
    "plain": {},
    "greedy": {"temperature": 0},
    "top-k": {"top_k": 5, "temperature": 0.7},
    "all cuts": {"top_k": 20, "top_p": 0.9, "min_p": 0.01},
    "top-p": {"top_p": 0.8},
    "end": {"eos_token_id": 3, "top_k": 10},
    "processor": {"logits_processor": lambda token_ids, logits: logits.index_fill(-1, token_ids[0], -torch.inf)},
}


@pytest.fixture(autouse=True)
def machine():
    with apple_gpu():
        yield


def random_model(device: str = "cpu", **more) -> GPTModel:
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(**{**CONFIG, **more}))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model.to(device)


def test_the_device_refuses_what_an_apple_gpu_refuses():
    here = torch.ones(3, device="mps")
    assert here.device.type == "mps" and (here + 1).sum().item() == 6 and here.cpu().tolist() == [1, 1, 1]
    for refused in (
        lambda: here.double(),
        lambda: torch.ones(3, dtype=torch.float64).to("mps"),
        lambda: torch.zeros(3, dtype=torch.float64, device="mps"),
        lambda: torch.tensor([1.0], dtype=torch.float64, device="mps"),
        lambda: here.to(torch.float64),
        lambda: here.cumsum(0, dtype=torch.float64),
        lambda: here.numpy(),
    ):
        with pytest.raises(TypeError):
            refused()
    with pytest.raises(RuntimeError, match="same device"):
        here + torch.ones(3)


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_tokens_are_those_of_the_cpu(settings, use_cache):
    settings = {**settings, "seed": 4, "use_cache": use_cache}
    here, there = random_model(), random_model("mps")
    prompt = torch.tensor([[5, 6, 7]])
    expected = generate(here, prompt, 12, **settings)  # past the context
    found = generate(there, prompt.to("mps"), 12, **settings)
    assert found.device.type == "mps" and found.tolist() == expected.tolist()
    steps = generate_steps(there, prompt[0].to("mps"), 12, **settings)
    assert [step.token_id for step in steps] == expected[0, 3:].tolist()
    batch = torch.tensor([[5, 6, 7], [8, 9, 10], [5, 6, 7]])
    assert generate(there, batch.to("mps"), 6, **settings).tolist() == generate(here, batch, 6, **settings).tolist()


@pytest.mark.parametrize("use_cache", [True, False])
def test_prompts_of_unequal_length_go_on_as_on_the_cpu(use_cache):
    settings = {"seed": 4, "top_k": 5, "eos_token_id": 3, "use_cache": use_cache}
    here, there, prompts = random_model(), random_model("mps"), [[5], [6, 7, 8, 9], [1, 2]]
    expected = [row.tolist() for row in generate(here, prompts, 10, **settings)]
    assert [row.tolist() for row in generate(there, prompts, 10, **settings)] == expected
    padded, mask = torch.tensor([[0, 5], [6, 7]]), torch.tensor([[0, 1], [1, 1]])
    expected = generate(here, padded, 6, attention_mask=mask, **settings).tolist()
    there_mask = mask.to("mps")
    assert generate(there, padded.to("mps"), 6, attention_mask=there_mask, **settings).tolist() == expected


def test_a_cuda_graph_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="cuda_graph must be False unless .* got a GPTModel on mps"):
        generate(random_model("mps"), torch.tensor([[1]], device="mps"), 3, cuda_graph=True)


def test_a_text_is_that_of_the_cpu(tiny_folder):
    model, tokenizer = gptcore.load(tiny_folder, device="cpu")
    settings = {"max_length": 30, "seed": 2, "stop": "ing", "known_only": True}
    expected = generate_text(model, "Once upon a time", tokenizer, **settings)
    there, _ = gptcore.load(tiny_folder, device="mps")
    assert there.device.type == "mps"
    assert generate_text(there, "Once upon a time", tokenizer, **settings) == expected
    assert generate_text(model, "Once upon a time", tokenizer, device="mps", **settings) == expected
    assert model.device.type == "mps"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int8])
def test_every_dtype_but_float64_is_read(tiny_folder, dtype):
    expected, _ = gptcore.load(tiny_folder, "cpu", dtype)
    model, _ = gptcore.load(tiny_folder, "mps", dtype)
    prompt = torch.tensor([[1, 2]])
    assert generate(model, prompt.to("mps"), 8, seed=1, top_k=3).shape == (1, 10)
    assert torch.allclose(model(prompt.to("mps")).cpu(), expected(prompt), atol=1e-3)
    with pytest.raises(ValueError, match="dtype must be .*float64"):
        gptcore.load(tiny_folder, "mps", torch.float64)


def test_saving_reads_the_weights_back(tiny_folder, tmp_path):
    model, tokenizer = gptcore.load(tiny_folder, "mps")
    gptcore.save(tmp_path / "model", model, tokenizer)
    again, _ = gptcore.load(tmp_path / "model", "cpu")
    assert all(torch.equal(a.cpu(), b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("val_ids", [TEXT, [[1, 2, 3], [4, 5]]], ids=["text", "documents"])
def test_training_goes_as_on_the_cpu(val_ids):
    reports = {}
    for device in ("cpu", "mps"):
        model = random_model(device)
        history = fit(model, TEXT, val_ids, **TRAINING)
        reports[device] = [loss for report in history.reports for loss in (report.loss, report.val_loss or 0)]
        assert model.device.type == device
    assert reports["mps"] == pytest.approx(reports["cpu"], rel=1e-4)


def test_training_in_steps_and_in_bfloat16():
    assert len(list(fit_steps(random_model("mps"), TEXT, **TRAINING))) >= 4
    assert fit(random_model("mps"), TEXT, **TRAINING, autocast=torch.bfloat16).stopped_by == "max_steps"
    assert fit(random_model("mps"), TEXT.to("mps"), TEXT.to("mps"), **TRAINING).stopped_by == "max_steps"


def test_a_training_is_resumed_as_on_the_cpu(tmp_path):
    losses = {}
    for device in ("cpu", "mps"):
        file = tmp_path / f"{device}.safetensors"
        fit(random_model(device), TEXT, TEXT, **TRAINING, checkpoint=file)
        history = fit(random_model(device), TEXT, TEXT, **{**TRAINING, "max_steps": 6}, checkpoint=file)
        assert [report.step for report in history.reports] == [5, 6]
        losses[device] = [report.loss for report in history.reports]
    assert losses["mps"] == pytest.approx(losses["cpu"], rel=1e-4)


def test_a_text_is_as_surprising_as_on_the_cpu():
    expected = evaluate(random_model(), TEXT)
    assert evaluate(random_model("mps"), TEXT).loss == pytest.approx(expected.loss, rel=1e-5)
    assert evaluate(random_model("mps"), TEXT.to("mps")).loss == pytest.approx(expected.loss, rel=1e-5)


def test_a_recording_is_that_of_the_cpu():
    there = random_model("mps")
    recording = gptcore.record(there, TEXT[:9].to("mps"), ablated=[(0, 1)])
    expected = gptcore.record(random_model(), TEXT[:9], ablated=[(0, 1)])
    for name in ("token_ids", "attention", "residuals", "logits"):
        assert torch.allclose(getattr(recording, name).cpu(), getattr(expected, name), atol=1e-4)
    assert torch.allclose(gptcore.lens_logits(there, recording.residuals)[-1].cpu(), expected.logits, atol=1e-4)


def test_int8_writes_what_it_writes_on_the_cpu():
    prompt = torch.tensor([[1, 2, 3]])
    quantized = gptcore.quantize(random_model("mps"))
    assert quantized.device.type == "mps"
    expected = generate(gptcore.quantize(random_model()), prompt, 12, seed=1, top_k=5)
    assert generate(quantized, prompt.to("mps"), 12, seed=1, top_k=5).tolist() == expected.tolist()


def test_a_dart_is_thrown_on_the_cpu():
    logits, uniforms = torch.randn(3, 10), torch.rand(3)
    expected = draw(next_token_distribution(logits), uniforms)
    assert draw(next_token_distribution(logits.to("mps")), uniforms.to("mps")).tolist() == expected.tolist()


def test_a_cache_and_the_time_are_where_the_model_is():
    model = random_model("mps")
    assert KVCache(CONFIG, device="mps").keys.device.type == "mps"
    assert len(gptcore.time_per_token(model, [2, 4])) == 2 and gptcore.read_bandwidth("mps", 1, 1) > 0


def models_of_exercises() -> list[GPTModel]:
    lessons = [import_module(f"gptcore.exercises.lesson{number:02}") for number in range(1, 12)]
    found = [value for lesson in lessons for value in vars(lesson).values() if isinstance(value, GPTModel)]
    return [*found, lessons[5]._counting_model(), lessons[5]._untrained_model()]


@pytest.mark.parametrize("model", models_of_exercises(), ids=lambda model: f"{model.config.vocab_size} tokens")
def test_the_models_of_the_exercises_compute_what_they_compute_on_the_cpu(model):
    token_ids = torch.tensor([[1, 2, 3]])
    model = copy.deepcopy(model).eval()  # one of them trains
    expected, there = generate(model, token_ids, 5, seed=1), copy.deepcopy(model).to("mps")
    assert torch.allclose(there(token_ids.to("mps")).cpu(), model(token_ids), atol=1e-4)
    assert generate(there, token_ids.to("mps"), 5, seed=1).tolist() == expected.tolist()


def test_a_seed_is_checked_where_the_model_is(tiny_folder, says):
    answers = [says(lambda seed, at=at: check_seed(seed, *gptcore.load(tiny_folder, at)), 3) for at in ("cpu", "mps")]
    assert answers[0] == answers[1]
