import errno
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gptcore import GPTConfig, GPTModel
from gptcore.training import evaluate, fit
from gptcore.weight_files import checksum
from tests.training.circle import CIRCLE, CONFIG, changed, make_model, quick


def test_interrupted_training_resumes_with_the_same_numbers(tmp_path):
    whole, broken = make_model(), make_model()
    fit(whole, CIRCLE, **quick(max_steps=40))

    def break_off(progress):
        if progress.step == 20:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "training.safetensors"
    fit(broken, CIRCLE, **quick(max_steps=40), checkpoint=checkpoint, on_progress=break_off)
    again = make_model()
    history = fit(again, CIRCLE, **quick(max_steps=40), checkpoint=checkpoint)
    assert history.reports[0].step > 20
    for name, parameter in whole.state_dict().items():
        assert torch.equal(parameter, again.state_dict()[name]), name


def test_the_best_weights_survive_a_break(tmp_path):
    elsewhere = torch.full((100,), 10)  # best at the beginning
    settings = quick(eval_interval=5, max_steps=30) | {"checkpoint": tmp_path / "training.safetensors"}

    def break_off(progress):
        if progress.step == 20:
            raise KeyboardInterrupt

    first = fit(make_model(), CIRCLE, elsewhere, **settings, on_progress=break_off)
    assert first.stopped_by == "interrupt"
    model = make_model()
    history = fit(model, CIRCLE, elsewhere, **settings)
    assert history.reports[0].step > 20
    assert (history.best_step, history.best_val_loss) == (first.best_step, first.best_val_loss)
    assert evaluate(model, elsewhere).loss == pytest.approx(first.best_val_loss, abs=1e-5)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    file = tmp_path / "training.safetensors"
    other = GPTModel(GPTConfig(**{**CONFIG, "emb_dim": 24}))
    fit(other, CIRCLE, **quick(max_steps=2), checkpoint=file)
    model = make_model()
    with pytest.raises(ValueError, match="checkpoint must be of a model of this shape"):
        fit(model, CIRCLE, **quick(), checkpoint=file)
    assert not changed(model)
    file.write_bytes(b"not this")
    with pytest.raises(ValueError, match="checkpoint must be a file that fit has written"):
        fit(model, CIRCLE, **quick(), checkpoint=file)
    for nowhere in (tmp_path / "nowhere" / "training.safetensors", tmp_path):
        with pytest.raises(ValueError, match="checkpoint must be a file in an existing folder"):
            fit(model, CIRCLE, **quick(), checkpoint=nowhere)
    assert not changed(model)


def test_frozen_weights_stay_and_the_others_are_trained(tmp_path):
    def frozen():
        model = make_model()
        model.position_embedding.requires_grad_(False)
        return model

    whole, checkpoint = frozen(), tmp_path / "training.safetensors"
    fit(whole, CIRCLE, CIRCLE, **quick(max_steps=20, eval_interval=10))

    def break_off(progress):
        raise KeyboardInterrupt

    settings = quick(max_steps=20, eval_interval=10) | {"checkpoint": checkpoint}
    assert fit(frozen(), CIRCLE, CIRCLE, **settings, on_progress=break_off).stopped_by == "interrupt"
    again = frozen()
    assert fit(again, CIRCLE, CIRCLE, **settings).reports[0].step > 10
    assert torch.equal(again.position_embedding.weight, make_model().position_embedding.weight)
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in whole.state_dict().items())


def trained(file, max_steps=4, **settings):
    """A checkpoint with a best step and moments, of the model that it returns."""
    model = make_model()
    fit(model, CIRCLE, CIRCLE[:50], **quick(max_steps=max_steps, eval_interval=2) | settings, checkpoint=file)
    return model


def refused(file, model=None, **settings):
    """The sentence with which a resume is refused; the model is as it was."""
    model = make_model() if model is None else model
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises((ValueError, TypeError)) as error:
        fit(model, CIRCLE, CIRCLE[:50], **quick(max_steps=8, eval_interval=2) | settings, checkpoint=file)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert "checkpoint" in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


def rewritten(source, target, change):
    """`target` is `source` after `change(tensors, facts)`, with a checksum that is right."""
    with safe_open(source, framework="pt") as saved:
        facts = json.loads(saved.metadata()["training"])
    tensors = load_file(source)
    change(tensors, facts)
    text = json.dumps(facts)
    save_file(tensors, target, {"training": text, "crc32": checksum(tensors, text)})


def without(part):
    return lambda tensors, facts: [tensors.pop(name) for name in list(tensors) if part in name][:0]


def each(part, new):
    def change(tensors, facts):
        for name in [name for name in tensors if part in name]:
            tensors[name] = new(tensors[name]).contiguous()

    return change


def fact(name, value):
    return lambda tensors, facts: facts.update({name: value})


DAMAGES = [
    *[without(part) for part in ("model.", "model.token", "best.token", "exp_avg.", "exp_avg_sq.", "exp_avg_sq.final")],
    *[each(part, lambda t: t[:-1]) for part in ("model.final_norm.bias", "best.token", "exp_avg.token", "exp_avg_sq.")],
    *[each(part, lambda t: t * torch.nan) for part in ("model.blocks.1", "best.", "exp_avg.", "exp_avg_sq.token")],
    *[each(part, lambda t: t.double()) for part in ("model.", "model.token", "best.token", "exp_avg.", "exp_avg_sq.")],
    *[each(part, lambda t: t.new_full(t.shape, -torch.inf)) for part in ("model.token", "exp_avg.token")],
    *[fact("step", value) for value in ("4", None, -1, 2.5, [], True, float("nan"))],
    *[fact("best_step", value) for value in ("2", None, -1, 99, {})],
    *[fact("best_val_loss", value) for value in ("1", None, float("nan"), [])],
    *[fact("evaluations_since_best", value) for value in ("1", None, -1, 99)],
    *[fact("config", {**CONFIG, name: value}) for name, value in (("n_heads", 4), ("activation", "gelu"))],
    fact("more", 1),
    lambda tensors, facts: facts.pop("step"),
    lambda tensors, facts: facts.clear(),
]


def test_a_damaged_checkpoint_is_refused_before_anything_of_the_model_has_changed(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    trained(good)
    for i, change in enumerate(DAMAGES):
        rewritten(good, bad, change)
        assert refused(bad), i  # which of them
    rewritten(good, bad, lambda tensors, facts: None)
    model = make_model()
    fit(model, CIRCLE, CIRCLE[:50], **quick(max_steps=8, eval_interval=2), checkpoint=bad)
    assert changed(model)


def test_cuts_and_flipped_bytes_of_a_checkpoint_are_noticed(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    trained(good)
    data, luck = good.read_bytes(), random.Random(0)
    for cut in luck.sample(range(len(data)), 30):
        bad.write_bytes(data[:cut])
        refused(bad)
    for position in [*range(8), *luck.sample(range(8, len(data)), 60)]:
        flipped = bytearray(data)
        flipped[position] ^= 1 << luck.randrange(8)
        bad.write_bytes(flipped)
        refused(bad)


def test_a_checkpoint_of_a_model_that_only_looks_the_same_is_refused(tmp_path):
    file = tmp_path / "training.safetensors"
    trained(file)
    assert "n_heads is 2 there, and 4 here" in refused(file, GPTModel({**CONFIG, "n_heads": 4}))
    assert "type torch.bfloat16" in refused(file, make_model().bfloat16())
    again = GPTModel({**CONFIG, "drop_rate": 0.0})  # which is no other model
    fit(again, CIRCLE, CIRCLE[:50], **quick(max_steps=8, eval_interval=2), checkpoint=file)


def test_a_place_where_nothing_can_be_written_is_refused_before_the_first_step(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file")
    os.mkfifo(tmp_path / "pipe") if hasattr(os, "mkfifo") else (tmp_path / "pipe").mkdir()
    places = [tmp_path, tmp_path / "pipe", tmp_path / "nowhere" / "file", tmp_path / "file" / "file", "", "a\0b"]
    system = ["/proc/file"] if os.path.isdir("/proc") else []
    for place in [*places, *system, tmp_path / ("long" * 100), 3, b"file"]:
        refused(place)
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    trained("~/at-home")
    assert (tmp_path / "at-home").is_file()


def test_names_that_differ_after_a_full_stop_share_nothing_and_files_of_others_stay(tmp_path):
    """Each training is broken off, and resumes from its own file."""
    others = [tmp_path / f"lr0{end}" for end in (".writing", ".tmp", "-new", "")]
    for file in others:
        file.write_text("my notes")
    models = {}
    for rate in (0.1, 0.2):
        models[rate] = trained(tmp_path / f"lr{rate}", learning_rate=rate)
    for rate, model in models.items():
        again = make_model()
        fit(again, CIRCLE, CIRCLE[:50], **quick(max_steps=4, learning_rate=rate), checkpoint=tmp_path / f"lr{rate}")
        assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in model.state_dict().items())
    assert all(file.read_text() == "my notes" for file in others)
    assert {*tmp_path.iterdir()} == {*others, tmp_path / "lr0.1", tmp_path / "lr0.2"}


def test_a_full_disk_is_said_in_a_sentence_and_keeps_model_and_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "training.safetensors"
    trained(file)
    before = file.read_bytes()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    model = make_model()
    with pytest.raises(OSError, match="checkpoint .* cannot be written: there is no room"):
        fit(model, CIRCLE, CIRCLE[:50], **quick(max_steps=8, eval_interval=2), checkpoint=file)
    assert file.read_bytes() == before and changed(model) and not model.head.weight.isnan().any()


@pytest.mark.skipif(sys.platform != "linux", reason="divides a process that has loaded PyTorch")
def test_training_that_is_killed_at_any_moment_resumes_with_the_same_numbers(tmp_path):
    command = [sys.executable, "-W", "ignore", "-m", "tests.training.killed", str(tmp_path), "12"]
    ended = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=600)
    assert (ended.stdout, ended.stderr) == ("whole", "")
