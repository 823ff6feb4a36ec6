import json
import random
from pathlib import Path

import pytest
from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend

from gptcore import AutoTokenizer, GPT2Tokenizer, Tokenizer, load_tokenizer
from gptcore.tokenizer import end_token_ids
from gptcore.tokenizer_files import save_tokenizer

SPECIAL = ["<|EOS|>", "[PAD]", "<s>", "</s>", "<unk>", "<끝>", "fox", "뷁", "@@"]
WORDS = [
    "Once",
    "upon",
    "fox",
    "여우가",
    "옛날",
    "뷁",
    "👩\u200d👩\u200d👧",
    "é",
    " ",
    "  ",
    "\n",
    "\t",
    "\u00a0",
    " ,",
]
FLAGS = ("lstrip", "rstrip", "single_word", "normalized")


def write(folder: Path, **files: object) -> None:
    """Write JSON files, by their names without the ending."""
    for name, found in files.items():
        (folder / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")


class Folders:
    """Folders of a tokenizer with random settings in random files."""

    def __init__(self, tokenizer: Tokenizer, seed: int):
        self.tokenizer, self.random = tokenizer, random.Random(seed)

    def chance(self, prob: float) -> bool:
        return self.random.random() < prob

    def token(self, content: str, **more: object) -> dict:
        return {"content": content, **{flag: self.chance(0.25) for flag in FLAGS}, **more}

    def make(self, folder: Path) -> list[str]:
        """Write a folder; returns the added tokens that its files speak of."""
        save_tokenizer(folder, self.tokenizer)
        (folder / "tokenizer_config.json").unlink()
        config, backend = {}, Backend.from_str(self.tokenizer.backend.to_str())
        kind = self.random.choice(["GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizerFast"])
        if kind == "PreTrainedTokenizerFast" or self.chance(0.3):
            if self.chance(0.4):
                flags = {flag: self.chance(0.25) for flag in FLAGS}
                backend.add_tokens([AddedToken(self.random.choice(SPECIAL), **flags)])
            for name in ("vocab.json", "merges.txt"):
                (folder / name).unlink()
            backend.save(str(folder / "tokenizer.json"))
            config["tokenizer_class"] = kind
        vocab, first = backend.get_vocab(), backend.get_vocab_size()
        new = [content for content in SPECIAL if content not in vocab]
        self.random.shuffle(new)
        added = new[: self.random.randint(0, 4)]
        if self.chance(0.4):
            mine = {str(first + i): self.token(content, special=self.chance(0.7)) for i, content in enumerate(added)}
            kept = backend.get_added_tokens_decoder().items()
            config["added_tokens_decoder"] = mine | {str(i): json.loads(_as_json(token)) for i, token in kept}
        elif self.chance(0.6):
            write(folder, added_tokens={content: first + i for i, content in enumerate(added)})
        names = [*added, *vocab.keys() & {"<|endoftext|>"}, *([new[-1]] if self.chance(0.3) else [])]
        for key in ("eos_token", "bos_token", "unk_token", "pad_token", "mask_token"):
            if self.chance(0.4):
                content = self.random.choice(names)
                config[key] = content if self.chance(0.5) else self.token(content, __type="AddedToken")
        if self.chance(0.3):
            config["additional_special_tokens"] = [self.random.choice(names)]
        if self.chance(0.3):
            config["add_prefix_space"] = self.chance(0.6)
        if self.chance(0.1):
            config["split_special_tokens"] = True
        if self.chance(0.5):
            write(
                folder,
                special_tokens_map={key: self.token(self.random.choice(names)) for key in ("eos_token", "pad_token")},
            )
        if config or self.chance(0.5):
            write(folder, tokenizer_config=config)
        write(folder, config={"model_type": "gpt2"})
        return names

    def text(self, names: list[str]) -> str:
        drawn = []
        for _ in range(self.random.randint(1, 12)):
            letters = "".join(
                chr(self.random.choice([32, 0xAC00, 0x1F300]) + self.random.randrange(300)) for _ in range(3)
            )
            drawn.append(self.random.choice([letters, self.random.choice(WORDS), self.random.choice(names)]))
        return "".join(drawn)


def _as_json(token: AddedToken) -> str:
    return json.dumps({"content": token.content, "special": token.special, **{f: getattr(token, f) for f in FLAGS}})


@pytest.mark.parametrize("seed", range(60))
def test_settings_are_read_as_transformers_reads_them(tmp_path, tokenizer, seed):
    folders = Folders(tokenizer, seed)
    names = folders.make(tmp_path)
    ours, theirs = load_tokenizer(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert len(ours) == len(theirs)
    assert theirs.eos_token_id in (None, ours.eos_token_id)
    for _ in range(30):
        text = folders.text(names)
        token_ids = ours.encode(text)
        assert token_ids == theirs.encode(text, add_special_tokens=False), text
        assert ours.decode(token_ids) == theirs.decode(token_ids)
    save_tokenizer(tmp_path / "again", ours)
    again = load_tokenizer(tmp_path / "again")
    assert again.encode(text) == token_ids and again.eos_token_id == ours.eos_token_id


@pytest.fixture
def folder(tmp_path, tokenizer) -> Path:
    """`vocab.json` and `merges.txt` of 340 tokens, `<|endoftext|>` among them, and nothing else."""
    save_tokenizer(tmp_path, tokenizer)
    (tmp_path / "tokenizer_config.json").unlink()
    return tmp_path


EOS = {
    "content": "<|EOS|>",
    "lstrip": False,
    "normalized": False,
    "rstrip": False,
    "single_word": False,
    "special": True,
}


@pytest.mark.parametrize(
    ("files", "ends"),
    [
        ({"added_tokens": {"<|EOS|>": 340}}, ["<|endoftext|>"]),
        ({"added_tokens": {"<|EOS|>": 340}, "config": {"eos_token_id": 340}}, ["<|endoftext|>", "<|EOS|>"]),
        (
            {  # one stale file against two right ones
                "tokenizer_config": {"eos_token": "<|endoftext|>"},
                "special_tokens_map": {"eos_token": "<|EOS|>"},
                "added_tokens": {"<|EOS|>": 340},
                "config": {"eos_token_id": 340},
            },
            ["<|EOS|>"],
        ),
        (
            {
                "tokenizer_config": {"eos_token": "<|EOS|>", "added_tokens_decoder": {"340": EOS}},
                "special_tokens_map": {"eos_token": "<|endoftext|>"},
            },
            ["<|EOS|>"],
        ),
        (
            {
                "tokenizer_config": {
                    "eos_token": "<|EOS|>",
                    "added_tokens_decoder": {"340": EOS, "0": "<|endoftext|>"},
                },
                "config": {"eos_token_id": 50256},
                "generation_config": {"eos_token_id": [0, 340]},
            },
            ["<|EOS|>", "<|endoftext|>"],
        ),
        (
            {
                "added_tokens": {"<|EOS|>": 340},
                "config": {"eos_token_id": 0},
                "generation_config": {"eos_token_id": 340},
            },
            ["<|endoftext|>", "<|EOS|>"],
        ),
        ({"generation_config": {"eos_token_id": [0, 65, 999]}}, ["<|endoftext|>", "a"]),  # several are meant
        ({"special_tokens_map": {"eos_token": "<|EOS|>"}, "config": {"vocab_size": 341}}, ["<|EOS|>"]),
        ({"special_tokens_map": {"eos_token": "<|EOS|>"}, "config": {"vocab_size": 340}}, ["<|endoftext|>", "<|EOS|>"]),
        (
            {"tokenizer_config": {"eos_token": None}, "config": {"eos_token_id": [True, "0", 1.5, -1, 2**70]}},
            ["<|endoftext|>"],
        ),
    ],
)
def test_a_text_ends_at_the_token_of_the_tokenizer_and_at_those_of_the_model(folder, files, ends):
    write(folder, **files)
    tokenizer = load_tokenizer(folder)
    assert [tokenizer.backend.id_to_token(token_id) for token_id in end_token_ids(tokenizer)] == ends
    assert tokenizer.eos_token_id == end_token_ids(tokenizer)[0]


def test_specials_declared_in_the_decoder_of_added_tokens_alone_are_not_cut(folder):
    write(
        folder,
        tokenizer_config={"added_tokens_decoder": {"340": EOS, "341": {**EOS, "content": "[MASK]", "lstrip": True}}},
    )
    ours, theirs = load_tokenizer(folder), GPT2Tokenizer.from_pretrained(folder)
    text = "여우<|EOS|> fox  [MASK]."
    assert ours.encode(text) == theirs.encode(text) and {340, 341} <= {*ours.encode(text)}
    assert ours.encode("<|EOS|>") == [340]


@pytest.mark.parametrize(
    "name", ["tokenizer_config", "special_tokens_map", "added_tokens", "generation_config", "config"]
)
@pytest.mark.parametrize("text", ['{"eos_token": ', "[" * 10**5, "\x00", '{"a": 1} {"b": 2}'])
def test_a_damaged_file_of_settings_is_refused_by_name(folder, name, text):
    (folder / f"{name}.json").write_text(text)
    with pytest.raises(
        ValueError, match=f"^the tokenizer in {folder} cannot be read: .*{name}.json cannot be read as JSON: "
    ):
        load_tokenizer(folder)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"tokenizer_config": []}, "tokenizer_config.json must hold a JSON object, got list"),
        ({"added_tokens": {"[PAD]": 400}}, r"'\[PAD\]' cannot have the id 400"),
        ({"tokenizer_config": {"added_tokens_decoder": {"7": EOS}}}, r"'<\|EOS\|>' cannot have the id 7"),
        (
            {"tokenizer_config": {"added_tokens_decoder": {"340": 7}}},
            "an added token must be a string or have a content",
        ),
        ({"tokenizer_config": {"added_tokens_decoder": {"x": EOS}}}, "invalid literal"),
    ],
)
def test_settings_that_make_no_sense_are_refused(folder, files, sentence):
    write(folder, **files)
    with pytest.raises(ValueError, match=sentence):
        load_tokenizer(folder)
