"""TokenExplorer: the page does what Python does."""

from unicodedata import normalize

import pytest
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from gptcore import Tokenizer, byte_level_bpe, load_tokenizer, stories
from gptcore.hub import STORYTELLER
from gptcore.show import TokenExplorer
from gptcore.show.tokens import Vocabulary
from tests.page.hostile import HOSTILE, WRONG


@pytest.fixture(scope="module")
def english():
    return load_tokenizer(STORYTELLER / "english_tokenizer")


@pytest.fixture
def both(told, english):
    """Two tokenizers, with names whose order JavaScript's objects would not keep."""
    return TokenExplorer({"b": told[1], "10": english, "2": told[1], "__proto__": english}, "옛날 옛적에")


def test_a_text_while_it_is_typed(same, both):
    text = "Once upon a time, 옛날 옛적에 살던 🦊 "
    same(both, [["set", "text", text[:end]] for end in range(len(text) + 1)])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, both, text):
    same(both, [["set", "text", text]])


def test_a_long_text_is_cut_and_its_end_is_drawn(same, both):
    states = same(
        both, [["set", "text", "a b " * 200], ["set", "text", "옛" + "a" * 298], ["set", "text", "🦊 " * 10_001]]
    )
    assert states[1]["shown"]["boxes"][0]["hidden"] and "cut to its last 20,000" in states[-1]["caption"]


def test_what_is_no_text_is_the_same_sentence(same, both):
    same(both, [["set", "text", value] for value in WRONG] + [["set", "texts", "a"], ["do", "change", [{"text": "a"}]]])


def test_a_single_tokenizer_has_no_name_in_the_caption(same, told, english):
    same(TokenExplorer(told[1], "Once upon a time"), [["set", "text", "fox"]])
    same(TokenExplorer(english, "a"), [["set", "text", "옛"], ["set", "text", "é"]])


def test_a_tokenizer_that_was_trained_in_a_lesson(same, told):
    backend = byte_level_bpe()
    trainer = BpeTrainer(vocab_size=600, show_progress=False, initial_alphabet=sorted(ByteLevel.alphabet()))
    backend.train_from_iterator([stories.sample("en", seed=seed) for seed in range(20)], trainer)
    explorer = TokenExplorer({"trained": Tokenizer(backend), "bilingual": told[1]}, "옛날 옛적에")
    texts = [
        *HOSTILE,
        *(stories.sample(language, seed=30) for language in ("en", "ko")),
        " 0 1 constructor <|endoftext|>",
    ]
    same(explorer, [["set", "text", text] for text in texts])


def test_every_token_has_its_label_and_its_bytes(bench, told, english):
    for name, tokenizer in (("storyteller", told[1]), ("english", english)):
        found = bench.evaluate(
            """(name) => {
              const vocabulary = new Vocabulary(context.tokenizers[name]);
              return Array.from({ length: context.tokenizers[name].length }, (_, id) => vocabulary.token(id))
                .map(({ label, data, isText, continues }) => [label, hexOf(data), isText, continues]);
            }""",
            name,
        )
        vocabulary = Vocabulary(tokenizer)
        tokens = [vocabulary[token_id] for token_id in range(len(tokenizer))]
        assert found == [[token.label, token.data.hex(" "), token.is_text, token.continues] for token in tokens]


def test_letters_in_parts_are_shown_for_what_they_are(same, both):
    states = same(both, [["set", "text", normalize("NFD", text)] for text in ("옛날", "café", "각 가")])
    assert all("NFD" in state["caption"] for state in states[1:])
    assert "come in parts (NFD): put together (NFC) they are 2 characters in 6 bytes" in states[1]["caption"]
