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
def test_the_tokenizers_agree_with_transformers(folder):
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
    """On a few of the held-out tales; the card is about all of them."""
    model, tokenizer = bundled
    tales = storyteller.Tales(tokenizer, 60, storyteller.HELD_OUT, [language])
    loss = evaluate(model, tales)
    entropy = -sum(stories.score(tales.text(i)) for i in range(60)) / loss.tokens
    assert 0.97 < loss.loss / entropy < 1.08


@pytest.mark.parametrize(("language", "prompt"), storyteller.PROMPTS.items())
def test_most_of_its_tales_end_and_are_possible(bundled, language, prompt):
    texts = storyteller.tell(*bundled, prompt, 20)
    assert all(text is None or text.startswith(prompt) for text in texts)
    assert sum(text is not None and stories.score(text) > -torch.inf for text in texts) >= 12


def test_the_card_is_the_template_with_the_measurements(bundled):
    card = (STORYTELLER / "README.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in card.splitlines() if line.startswith("|"))
    assert card == storyteller.card(bundled[0], table, max_steps=9000, batch_size=16)


def test_the_excess_on_the_card_follows_from_loss_and_entropy():
    card = (STORYTELLER / "README.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith(("| en", "| ko"))]
    assert [row[0] for row in rows] == ["en", "ko"]
    for _, loss, entropy, above, *_ in rows:
        assert float(loss) / float(entropy) - 1 == pytest.approx(float(above.rstrip("%")) / 100, abs=0.001)
