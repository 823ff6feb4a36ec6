from pathlib import Path
from time import sleep

import psutil
import pytest
import torch
from torch import Tensor

import gptcore
from gptcore.benchmark import generation
from gptcore.benchmark.engines import ENGINES, alone, missing
from gptcore.benchmark.engines.alone import Alone
from gptcore.benchmark.engines.llama_cpp import write_gguf
from gptcore.hugging_face_weights import to_hugging_face

PROMPT = torch.tensor([[7, 8, 9, 10]])


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GPT, with weights so large that the next token depends on all of them."""
    tokenizer = gptcore.load_tokenizer()
    config = gptcore.GPTConfig(len(tokenizer), 64, 64, n_heads=4, n_layers=2, tie_embeddings=request.param)
    torch.manual_seed(0)
    model = gptcore.GPTModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.15)
    folder = tmp_path_factory.mktemp("model")
    gptcore.save(folder, model, tokenizer)
    return folder


@pytest.fixture
def reference(folder: Path) -> tuple[Tensor, generation.Scorer]:
    """What gptcore writes, and how it scores."""
    model = gptcore.load_model(folder, device="cpu")
    return gptcore.generate(model, PROMPT, 20, temperature=0), generation.logits(model)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> type:
    if packages := missing(ENGINES[request.param]):
        pytest.skip(f"not installed: pip install {' '.join(packages)}")
    return ENGINES[request.param]


def test_an_engine_writes_what_gptcore_writes(engine, folder, reference):
    expected, scores = reference
    assert len(set(expected[0].tolist())) > 10, "a text that repeats itself would show little"
    theirs = engine(folder, "float32", 0.7, 1, threads=2)
    for _ in range(2):  # what was written before plays no part
        assert torch.equal(theirs.write(PROMPT, 20), expected)
    torch.testing.assert_close(theirs.logits(expected), scores(expected), atol=2e-3, rtol=1e-3)


def test_it_writes_the_same_in_a_process_of_its_own(engine, folder, reference):
    apart = Alone(engine, folder, "float32", 0.7, 1)
    assert apart.threads in (1, torch.get_num_threads())
    assert torch.equal(apart(PROMPT, 20), reference[0])
    [process] = apart._process._processes
    del apart
    assert not psutil.pid_exists(process), "it ends with its engine"


@pytest.mark.parametrize("quickest", [1, 3])
def test_an_engine_has_as_many_threads_as_it_is_quickest_with(quickest, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    made = []

    class Engine:
        def __init__(self, threads):
            made.append(threads)

        def write(self, token_ids, max_new_tokens):
            sleep(0 if made[-1] == quickest else 0.1)
            return torch.cat([token_ids, made[-1] * torch.ones(1, max_new_tokens, dtype=token_ids.dtype)], 1)

    assert alone._start(Engine, 3) == quickest
    assert alone._write([[7]], 2) == [[7, quickest, quickest]]


def test_int8_is_near_to_float32_and_not_the_same(engine, folder, reference):
    expected, scores = reference
    theirs = engine(folder, "int8", 0.7, 1, threads=2)
    assert 0 < generation.kl_divergence(scores, theirs.logits, [expected]) < 0.05
    assert theirs.write(PROMPT, 20).shape == expected.shape


def test_an_engine_draws_among_the_top_k_up_to_the_end_of_the_context(engine, folder, reference):
    """No token ends the text: all write equally many."""
    scores = reference[1]
    text = engine(folder, "float32", 0.7, 10, threads=1).write(PROMPT, 60)
    assert text.shape == (1, 64) and torch.equal(text[:, :4], PROMPT)
    ranks = (scores(text)[3:-1] > scores(text)[3:-1].gather(1, text[0, 4:, None])).sum(dim=1)
    assert 0 < ranks.max() < 10


@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_the_file_for_llama_cpp_holds_the_model(folder, weights, tmp_path):
    gguf = pytest.importorskip("gguf")
    write_gguf(tmp_path / "model.gguf", folder, weights)
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    model = gptcore.load_model(folder, device="cpu")
    assert reader.get_field("gpt2.context_length").contents() == 64
    found = {tensor.name: tensor for tensor in reader.tensors}
    tensors = to_hugging_face(model)
    assert len(found) == len(tensors)
    for theirs, ours in {"token_embd.weight": "wte.weight", "blk.1.attn_qkv.weight": "h.1.attn.c_attn.weight"}.items():
        expected = tensors[f"transformer.{ours}"].detach()
        expected = expected.t() if ".h." in f".{ours}" else expected
        values = torch.tensor(gguf.quants.dequantize(found[theirs].data, found[theirs].tensor_type))
        largest = expected.abs().max().item()
        torch.testing.assert_close(values, expected, rtol=0, atol=0 if weights == "float32" else largest / 200)
    assert found["position_embd.weight"].tensor_type == gguf.GGMLQuantizationType.F32


def test_what_is_not_installed_is_said_in_words(monkeypatch):
    for engine in ENGINES.values():
        monkeypatch.setattr(engine, "needs", {"torch": "torch", "no_such_module": "no-such-package"})
    rows = generation.not_installed()
    assert [row.unit for row in rows] == ["", "", ""]
    assert rows[1].name == "not measured: OpenVINO is not installed: pip install no-such-package"


def test_gptcore_is_compared_with_the_quickest_engine():
    seconds = {
        "gptcore, float32": [2.0, 2.0],
        "CTranslate2, float32": [3.0, 3.0],
        "OpenVINO, float32": [1.0, 1.0],
        "gptcore, int8": [1.0, 1.0],
    }
    [row] = generation.beside_the_best(seconds, 200)
    assert (row.name, row.value, row.ratio, row.peer) == ("gptcore, float32", 100, 0.5, "OpenVINO, float32")
