"""The tokenizer of gpt.js gives what gptcore's gives: ids, texts, bytes and labels."""

import random
import unicodedata

import pytest
from tokenizers.pre_tokenizers import ByteLevel

from gptcore import load_tokenizer, stories, stream_decode, token_bytes, token_label
from gptcore.bpe_files import read_merges, read_vocab
from gptcore.hub import STORYTELLER
from tests.page.bench import Bench

TOKENIZERS = {"storyteller": STORYTELLER, "english": STORYTELLER / "english_tokenizer"}
HOSTILE = [
    "",
    " ",
    "  \n\n \t",
    "a  b   c    ",
    "\u0085x\u00a0y\ufeffz\u180e\u2028\u200b",
    "don't we'll I'VE 'S 's ''''re",
    "<|endoftext|>",
    "a<|endoftext|> b<|endoftext|><|endoftext|>",
    "<|endoftext<|endoftext|>|>",
    "\0\x01\x7f\x80",
    "용감한 고양이가 살았습니다. 각가힣",
    "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁷󠁬󠁳󠁿 👍🏽 ❤️",
    "\u202eabc\u202c مرحبا ١٢٣ Ⅷ ½ ² 𝟘",
    "Z̷̛͔a̶l̸g̷o e\u0301 \u1100\u1161\u11a8",
    "<img src=x onerror=alert(1)>",
    "a" * 6000,
    "용" * 2000,
    " " * 1000 + "\n" * 1000,
    "\ufffd\uffff\U0010ffff",
]


@pytest.fixture(scope="module", params=TOKENIZERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def check_encodes_alike(bench: Bench, name: str, texts: list[str]) -> None:
    tokenizer = load_tokenizer(TOKENIZERS[name])
    found = bench.ask("([name, texts]) => texts.map((text) => context.tokenizers[name].encode(text))", [name, texts])
    for text, token_ids in zip(texts, found, strict=True):
        assert token_ids == tokenizer.encode(text), text[:100]


def test_tales_are_encoded_alike(bench, name):
    check_encodes_alike(bench, name, [stories.sample(language, i) for language in ("en", "ko") for i in range(300)])


def test_hostile_texts_are_encoded_alike(bench, name):
    check_encodes_alike(bench, name, HOSTILE)


def test_random_texts_are_encoded_alike(bench, name):
    check_encodes_alike(bench, name, random_texts(4000, seed=1))


def known_characters() -> list[str]:
    """All characters that Python's Unicode tables have, but the private ones."""
    return [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]


def random_texts(count: int, seed: int) -> list[str]:
    """Texts of characters from all of Unicode, from one of its blocks, or of those that meet at the ends of words."""
    luck, everything = random.Random(seed), known_characters()
    edges = list(" \t\n\r\u0085\u00a0\u2003\ufeff\u200b'`stremvld019aA²½용é\u0301-_.<|>")
    texts = []
    for _ in range(count):
        at = luck.randrange(len(everything) - 200)
        letters = luck.choice([edges, everything, everything[at : at + 200] + [" ", "'"]])
        texts.append("".join(luck.choices(letters, k=luck.randrange(1, 30))))
    return texts


def test_every_character_is_a_letter_a_digit_a_sign_or_a_space_as_in_the_tokenizers_library(bench):
    """So words end where they end there. (To that library, letters that Unicode 17 has brought are signs.)"""
    words, known = ByteLevel(add_prefix_space=False), known_characters()
    texts = ["".join(f"a{c}1{c}!{c} {c}" for c in known[i : i + 500]) for i in range(0, len(known), 500)]
    found = bench.ask(
        "(texts) => texts.map((text) => text.match(WORDS_OF_GPT2).map((word) => [...word].length))", texts
    )
    for text, lengths in zip(texts, found, strict=True):
        assert lengths == [end - start for _, (start, end) in words.pre_tokenize_str(text)], text[:100]


def test_no_two_merges_make_the_same_token(name):
    """So to merge all pairs of a kind at once, as gpt.js does, is to merge them one by one."""
    folder = TOKENIZERS[name]
    made = [first + second for first, second in read_merges(folder / "merges.txt", read_vocab(folder / "vocab.json"))]
    assert len(set(made)) == len(made)


def test_every_token_has_the_bytes_the_label_and_the_text_of_python(bench, name):
    tokenizer = load_tokenizer(TOKENIZERS[name])
    found = bench.ask(
        """(name) => {
          const tokenizer = context.tokenizers[name], ids = Array.from({ length: tokenizer.length + 2 }, (_, i) => i);
          const bytes = (i) => (tokenizer.isKnown(i) ? [...tokenBytes(tokenizer, i)] : null);
          return ids.map((i) => [tokenLabel(tokenizer, i), bytes(i), tokenizer.decode([i])]);
        }""",
        name,
    )
    for i, told in enumerate(found):
        data = list(token_bytes(tokenizer, i)) if i < len(tokenizer) else None
        assert told == [token_label(tokenizer, i), data, tokenizer.decode([i])]
    assert len(found) == len(tokenizer) + 2


def test_any_ids_are_decoded_alike_piece_by_piece_and_whole(bench, name):
    tokenizer, luck = load_tokenizer(TOKENIZERS[name]), random.Random(2)
    size, unknown = len(tokenizer), [len(tokenizer), 40_321, 2**40]
    rows = [luck.choices(range(256), k=luck.randrange(12)) for _ in range(2000)]  # bytes, which are seldom text
    rows += [luck.choices(range(size), k=luck.randrange(12)) for _ in range(500)]
    rows += [luck.choices([*range(256), *unknown], [1] * 256 + [30] * 3, k=8) for _ in range(500)]
    rows += [tokenizer.encode(text) for text in random_texts(300, seed=3)]
    jobs = [(row, luck.choice([None, row[: len(row) // 2]]), luck.random() < 0.5) for row in rows]
    found = bench.ask(
        """([name, jobs]) => jobs.map(([row, start, cut]) => [
          context.tokenizers[name].decode(row),
          [...streamDecode(context.tokenizers[name], row, { start, cut })],
        ])""",
        [name, jobs],
    )
    for (row, start, cut), pieces in zip(jobs, found, strict=True):
        assert pieces == [tokenizer.decode(row), list(stream_decode(tokenizer, row, start=start, cut=cut))], row


def test_size_and_ends_are_those_of_python(bench, name):
    tokenizer = load_tokenizer(TOKENIZERS[name])
    code = "({ length, eosTokenId, endTokenIds }) => [length, eosTokenId, endTokenIds]"
    found = bench.ask(f"(name) => ({code})(context.tokenizers[name])", name)
    assert found == [len(tokenizer), tokenizer.eos_token_id, tokenizer.end_token_ids]
