import sys

import pytest
import torch

import gptcore
from gptcore import stories
from gptcore.hub import STORYTELLER
from gptcore.storyteller import __main__ as storyteller
from gptcore.tokenizer import END_OF_TEXT
from gptcore.training import evaluate


@pytest.fixture(scope="module")
def bundled():
    return gptcore.load("storyteller", device="cpu")


def test_the_bundled_model_is_small_and_looks_back_far_enough(bundled):
    model, tokenizer = bundled
    size = sum(file.stat().st_size for file in STORYTELLER.rglob("*") if file.is_file() and file.suffix != ".pyc")
    assert size <= 10_000_000
    assert model.config.context_length >= 256
    assert len(tokenizer) == model.config.vocab_size <= 4096


@pytest.mark.parametrize("folder", ["", "english_tokenizer"])
def test_the_tokenizers_are_of_gpt2s_kind(folder):
    from transformers import GPT2Tokenizer

    ours = gptcore.load_tokenizer(STORYTELLER / folder)
    theirs = GPT2Tokenizer.from_pretrained(STORYTELLER / folder)
    assert ours.eos_token_id == theirs.eos_token_id == len(ours) - 1 == len(theirs) - 1
    assert [ours.backend.id_to_token(i) for i in range(len(ours))].count(END_OF_TEXT) == 1
    for text in (stories.sample("en", 1), stories.sample("ko", 1), "Hello, ☃!\n\n  x"):
        assert ours.encode(text) == theirs.encode(text)
        assert ours.decode(ours.encode(text)) == text


def test_the_english_tokenizer_cuts_hangul_into_bytes():
    tokenizer = gptcore.load_tokenizer(STORYTELLER / "english_tokenizer")
    assert len(tokenizer.encode("옛날 옛적에")) >= 15
    assert len(gptcore.load_tokenizer().encode("옛날 옛적에")) <= 3


def test_no_story_is_longer_than_the_context(bundled):
    model, tokenizer = bundled
    for language in stories.LANGUAGES:
        tales = storyteller.Tales(tokenizer, 300, storyteller.HELD_OUT, [language])
        assert max(map(len, tales)) <= model.config.context_length


@pytest.mark.parametrize("language", stories.LANGUAGES)
def test_the_bundled_model_is_close_to_the_source(bundled, language):
    """A few of the held-out tales; the card has them all."""
    model, tokenizer = bundled
    tales = storyteller.Tales(tokenizer, 60, storyteller.HELD_OUT, [language])
    loss = evaluate(model, tales)
    entropy = -sum(stories.score(tales.text(i)) for i in range(60)) / loss.tokens
    assert 0.97 < loss.loss / entropy < 1.08


@pytest.mark.parametrize(("language", "prompt"), storyteller.PROMPTS.items())
def test_most_of_its_tales_end_and_could_have_been_told_by_the_source(bundled, language, prompt):
    texts = storyteller.tell(*bundled, prompt, 20)
    assert all(text is None or text.startswith(prompt) for text in texts)
    assert sum(text is not None and stories.score(text) > -torch.inf for text in texts) >= 12


def test_the_card_says_what_was_measured():
    card = (STORYTELLER / "README.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith(("| en", "| ko"))]
    assert [row[0] for row in rows] == ["en", "ko"]
    for _, loss, entropy, above, *_ in rows:
        assert float(loss) / float(entropy) - 1 == pytest.approx(float(above.rstrip("%")) / 100, abs=0.001)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["make", "--device", "gpu"], ["device", "'gpu'"]),
        (["make", "--steps", "0"], ["--steps", "at least 1", "'0'"]),
        (["make", "--batch-size", "few"], ["--batch-size", "whole number", "'few'"]),
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
    """Everything small, so that all of it is made in seconds."""
    small = {"TOKENIZER_STORIES": 50, "VOCAB_SIZE": 400, "ENGLISH_VOCAB_SIZE": 300}
    small |= {"HELD_OUT_STORIES": 3, "TOLD_STORIES": 2, "EVAL_INTERVAL": 2}
    small["SHAPE"] = storyteller.SHAPE | {"emb_dim": 16, "n_heads": 2, "n_layers": 1, "context_length": 512}
    for name, value in small.items():
        monkeypatch.setattr(storyteller, name, value)


def test_an_interrupt_leaves_the_model_that_is_there_and_a_checkpoint(tmp_path, monkeypatch, capsys, small):
    def ctrl_c(progress):
        raise KeyboardInterrupt

    (tmp_path / "model.safetensors").write_bytes(b"the model that is there")
    command = ["", "make", "--folder", str(tmp_path), "--device", "cpu", "--steps", "4", "--batch-size", "1"]
    monkeypatch.setattr(storyteller, "print_progress", ctrl_c)
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        storyteller.main()
    assert ended.value.code == 130
    assert "goes on from the last checkpoint" in capsys.readouterr().err
    assert (tmp_path / "model.safetensors").read_bytes() == b"the model that is there"
    assert (tmp_path / "training.safetensors").is_file()


def test_one_command_makes_all_of_it_and_goes_on_after_an_interruption(tmp_path, monkeypatch, capsys, small):
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
