import json

import pytest
import torch

import gptcore
from gptcore.benchmark import generation, peers
from gptcore.benchmark.__main__ import SECTIONS, main
from gptcore.benchmark.measure import Row, durations, interleaved_seconds, rates
from gptcore.hub import STORYTELLER


def test_jobs_take_turns():
    calls = []
    seconds = interleaved_seconds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == list("ababab")
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_ratios_are_those_of_runs_side_by_side():
    seconds = {"theirs": [1.0, 2.0, 30.0], "ours": [0.5, 1.0, 10.0]}
    theirs, ours = rates(seconds, 100, "tokens/s", "theirs", {"ours": "noted"})
    assert (ours.value, ours.ratio, ours.peer, ours.note) == (100, 2, "theirs", "noted")
    assert (theirs.value, theirs.ratio) == (50, 1)
    theirs, ours = durations(seconds, "ms", "theirs")
    assert (ours.value, ours.ratio) == (1000, 0.5)


def test_every_peer_computes_the_same_model():
    """With top-k 1 all writers are greedy, and must write the same tokens from the same weights."""
    model = gptcore.load_model(device="cpu")
    prompt = torch.tensor([gptcore.load_tokenizer().encode("Once upon a time")])
    expected = gptcore.generate(model, prompt, 20, 0)
    plain = peers.plain_model(model)
    assert not any(isinstance(module, gptcore.fast.linear.Linear) for module in plain.modules())
    writers = [
        peers.lesson_loop(plain, 0.7, 1),
        peers.cropped_loop(plain, 0.7, 1),
        peers.transformers_generate(STORYTELLER, 0.7, 1),
        peers.from_scratch_generate(model, 0.7, 1),
        generation.ours(model, top_k=1),
    ]
    for writer in filter(None, writers):
        assert torch.equal(writer(prompt, 20), expected)


def test_a_model_does_not_diverge_from_itself():
    model = gptcore.load_model(device="cpu")
    texts = [torch.tensor([[7, 8, 9, 10, 11]])]
    assert generation.kl_divergence(model, model, texts) == 0
    assert generation.kl_divergence(model, gptcore.quantize(model), texts) > 0


def test_a_table_for_people_and_json_for_machines(capsys):
    main(["window", "--repeats", "1"])
    table = capsys.readouterr().out
    assert "torch threads" in table and "past the end" in table and " × reading the window" in table
    main(["window", "--repeats", "1", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["torch"] == torch.__version__
    assert [set(row) for row in found["sections"]["window"]] == 2 * [set(Row.__dataclass_fields__)]


def test_what_does_not_exist_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["everything"])
    assert "storyteller" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["window", "--repeats", "0"])
    assert "--repeats must be 1 or more" in capsys.readouterr().err
    assert all(section.__doc__ for section in SECTIONS.values())
