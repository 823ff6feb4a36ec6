"""A save is one step, whatever happens to its process, its disk or its folder."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import GPT2LMHeadModel

from gptcore import GPTConfig, GPTModel, load, load_model, save
from gptcore.files import NotWritten

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform != "linux", reason="divides a process that has loaded PyTorch")
def test_a_folder_holds_one_model_and_its_own_tokenizer_whatever_happens(tmp_path):
    command = [sys.executable, "-W", "ignore", "-m", "tests.interrupted_saves", str(tmp_path), "8"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (ended.stdout, ended.stderr) == ("whole", "")


@pytest.fixture
def saved(tmp_path, tiny_folder):
    """A model and its tokenizer, and a folder in which an older model is saved, with a file of the user."""
    model, tokenizer = load(tiny_folder, device="cpu")
    folder = tmp_path / "model"
    save(folder, model, tokenizer)
    (folder / "notes.txt").write_text("mine")
    with torch.no_grad():
        model.final_norm.bias += 1
    return model, tokenizer, folder


def content(folder: Path) -> dict[str, bytes | None]:
    return {file.name: file.read_bytes() if file.is_file() else None for file in folder.iterdir()}


@pytest.mark.skipif(os.name == "nt", reason="limits the size of a file")
def test_a_disk_without_room_is_one_sentence_and_leaves_the_old_model(saved):
    """The system says so to three libraries, which say it in three ways."""
    import resource

    model, tokenizer, folder = saved
    before = content(folder)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (0, 10, 2_000, 10_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
        try:
            with pytest.raises(NotWritten, match="^folder '.*model' cannot be written: there is no room for it"):
                save(folder, model, tokenizer)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert content(folder) == before


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EROFS, "you may not write there"), (errno.EACCES, "you may not"), (errno.EIO, "choose another place")],
)
@pytest.mark.parametrize("function", ["mkdir", "open", "fsync"])
def test_what_the_system_refuses_is_one_sentence_and_leaves_the_old_model(saved, monkeypatch, function, number, words):
    model, tokenizer, folder = saved
    before = content(folder)

    def refused(*arguments, **settings):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, function, refused)
        with pytest.raises(NotWritten, match=f"^folder '.*model' cannot be written: .*{words}"):
            save(folder, model, tokenizer)
    save(folder, model, tokenizer)
    assert content(folder).keys() == before.keys()


@pytest.mark.parametrize("where", ["model", "model/deeper", "model/config.json"])
def test_a_file_where_a_folder_is_needed_is_one_sentence(tmp_path, saved, where):
    model, tokenizer, _ = saved
    (tmp_path / "new").mkdir()
    path = tmp_path / "new" / where
    if where == "model/config.json":
        path.mkdir(parents=True)
    else:
        (tmp_path / "new" / "model").write_text("a file")
    folder = path.parent if where == "model/config.json" else path
    with pytest.raises(NotWritten, match="^folder '.*' cannot be written: '.*' is a file where a folder is needed, or"):
        save(folder, model, tokenizer)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["model"]


@pytest.mark.parametrize("folder", [None, 5, b"model"])
def test_a_folder_is_a_str_or_a_path(saved, folder):
    with pytest.raises(TypeError, match="^folder must be a str or a path"):
        save(folder, *saved[:2])


def test_a_folder_has_a_name(saved):
    with pytest.raises(ValueError, match="^folder must be a path that is not empty"):
        save("", *saved[:2])
    with pytest.raises(NotWritten, match=r"^folder 'x+\.\.\.x+' cannot be written: File name too long; choose another"):
        save("x" * 300, *saved[:2])


def test_the_name_of_the_bundled_model_is_no_folder(saved, tmp_path, monkeypatch):
    """What is saved there could not be loaded by the same name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="^folder must not be 'storyteller'"):
        save("storyteller", *saved[:2])
    save("./storyteller", *saved[:2])
    assert torch.equal(load_model("./storyteller", device="cpu").final_norm.bias, saved[0].final_norm.bias)


def test_a_tilde_is_the_home_of_the_user(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    save("~/mine", *saved[:2])
    model, _ = load("~/mine", device="cpu")
    assert (tmp_path / "mine" / "config.json").is_file() and not Path("~").exists()
    assert torch.equal(model.final_norm.bias, saved[0].final_norm.bias)


def test_a_model_without_weights_is_not_saved(saved):
    model, tokenizer, folder = saved
    with pytest.raises(ValueError, match="^model must have weights to be saved, but on the device 'meta'"):
        save(folder, model.to("meta"), tokenizer)


def test_weights_that_are_not_finite_are_refused_before_anything_is_written(saved, tmp_path):
    model, tokenizer, _ = saved
    with torch.no_grad():
        model.final_norm.bias[0] = float("nan")
    with pytest.raises(ValueError, match="^model must have finite weights to be saved"):
        save(tmp_path / "new", model, tokenizer)
    assert not (tmp_path / "new").exists()


def test_what_is_saved_over_files_of_transformers_is_what_both_read(saved, of_transformers, tmp_path):
    """Their settings for a text's end name a token of the older model."""
    model, tokenizer, _ = saved
    of_transformers(tmp_path / "theirs", eos_token_id=7)
    (tmp_path / "theirs" / "generation_config.json").write_text('{"eos_token_id": 7, "temperature": 0.5}')
    save(tmp_path / "theirs", model, tokenizer)
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path / "theirs")
    assert theirs.generation_config.eos_token_id == tokenizer.eos_token_id != 7
    assert theirs.generation_config.temperature == 0.5
    assert load(tmp_path / "theirs")[1].eos_token_id == tokenizer.eos_token_id
    token_ids = torch.tensor([[1, 2, 3]])
    assert (theirs.eval()(token_ids).logits - model(token_ids)).abs().max() <= 1e-4


def test_a_tokenizer_that_is_too_large_for_its_model_is_said_and_saved(saved, tokenizer, tmp_path):
    small = GPTModel(GPTConfig(vocab_size=len(tokenizer) - 1, context_length=8, emb_dim=8, n_heads=1, n_layers=1))
    said = (
        f"the tokenizer has token ids up to {len(tokenizer) - 1}, but the model only those below {len(tokenizer) - 1}"
    )
    with pytest.warns(UserWarning, match=f"^{said}: text with one of the others is refused$"):
        save(tmp_path / "small", small, tokenizer)
    with pytest.warns(UserWarning, match="^the tokenizer in .* has token ids up to"):
        assert load(tmp_path / "small")[0].config.vocab_size == len(tokenizer) - 1
