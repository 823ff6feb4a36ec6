import sys

import pytest

import gptcore
from gptcore.storyteller import __main__ as storyteller


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["make", "--device", "gpu"], ["device", "'gpu'"]),
        (["make", "--steps", "0"], ["--steps", "at least 1", "0"]),
        (["make", "--batch-size", "few"], ["--batch-size", "int", "'few'"]),
        (["measure", "--folder", "/no/such/folder"], ["'/no/such/folder'"]),
    ],
)
def test_bad_input_is_one_sentence_before_any_work(tmp_path, monkeypatch, capsys, arguments, words):
    if "--folder" not in arguments:
        arguments = [*arguments, "--folder", str(tmp_path / "model")]
    monkeypatch.setattr(sys, "argv", ["", *arguments])
    with pytest.raises(SystemExit) as ended:
        storyteller.main()
    out, errors = capsys.readouterr()
    assert ended.value.code == 2 and out == "" and not list(tmp_path.iterdir())
    assert all(word in errors.splitlines()[-1] for word in words)


@pytest.fixture
def small(monkeypatch):
    """Small sizes, so that everything is made in seconds."""
    small = {"TOKENIZER_STORIES": 50, "VOCAB_SIZE": 400, "ENGLISH_VOCAB_SIZE": 300}
    small |= {"HELD_OUT_STORIES": 3, "TOLD_STORIES": 2, "EVAL_INTERVAL": 2}
    small["SHAPE"] = storyteller.SHAPE | {"emb_dim": 16, "n_heads": 2, "n_layers": 1, "context_length": 512}
    for name, value in small.items():
        monkeypatch.setattr(storyteller, name, value)


def test_an_interrupt_keeps_the_existing_model_and_leaves_a_checkpoint(tmp_path, monkeypatch, capsys, small):
    def ctrl_c(progress):
        raise KeyboardInterrupt

    (tmp_path / "model.safetensors").write_bytes(b"the existing model")
    command = ["", "make", "--folder", str(tmp_path), "--device", "cpu", "--steps", "4", "--batch-size", "1"]
    monkeypatch.setattr(storyteller, "print_progress", ctrl_c)
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        storyteller.main()
    assert ended.value.code == 130
    assert "continues from the last checkpoint" in capsys.readouterr().err
    assert (tmp_path / "model.safetensors").read_bytes() == b"the existing model"
    assert (tmp_path / "training.safetensors").is_file()


def test_one_command_makes_everything_and_continues_after_an_interruption(tmp_path, monkeypatch, capsys, small):
    folder = tmp_path / "model"
    command = ["", "make", "--folder", str(folder), "--device", "cpu", "--steps", "4", "--batch-size", "1"]
    monkeypatch.setattr(sys, "argv", command)

    def break_off(progress):
        raise ConnectionError("the power went out")

    show_progress = storyteller.print_progress
    monkeypatch.setattr(storyteller, "print_progress", break_off)
    with pytest.raises(ConnectionError):
        storyteller.main()
    assert not (folder / "model.safetensors").exists()

    monkeypatch.setattr(storyteller, "print_progress", show_progress)
    storyteller.main()
    output = capsys.readouterr().out
    assert output.count("tokenizer of") == 2  # not made again
    assert "step 4 of 4" in output and "step 2 of 4" not in output

    model, tokenizer = gptcore.load(folder, device="cpu")
    assert model.config.vocab_size == len(tokenizer) == 400
    assert "4 steps" in " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    assert not list(folder.glob("training*"))

    monkeypatch.setattr(sys, "argv", ["", "measure", "--folder", str(folder), "--device", "cpu"])
    storyteller.main()
    table = capsys.readouterr().out.strip()
    assert table in (folder / "README.md").read_text(encoding="utf-8")
