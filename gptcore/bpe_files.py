"""`vocab.json` and `merges.txt`, the files of a byte-pair encoding, read with all that may be wrong with them."""

import re
from pathlib import Path

from gptcore.checks import given
from gptcore.files import read_json

LARGEST = 100e6  # bytes of a file; those of the largest tokenizers have a fifth of that
_ADDED = re.compile(r"<.*>|\[.*\]", re.DOTALL)  # how tokens are written that no merge makes: <pad>, [unused7]


def read_text(file: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark. Raises ValueError if it is something else."""
    if (size := file.stat().st_size) > LARGEST:
        raise ValueError(f"{file.name} has {size:,} bytes, which is too much for a tokenizer's file")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file.name} is not text in UTF-8: {error}") from error


def read_vocab(file: Path) -> dict[str, int]:
    """{token: id} of a `vocab.json`. Raises ValueError unless each token has one id, and each id one token."""
    vocab = read_json(file)
    if not isinstance(vocab, dict):
        raise ValueError(f"{file.name} must hold one JSON object of tokens and their ids")
    tokens: dict[int, str] = {}
    for token, token_id in vocab.items():
        if type(token_id) is not int or not 0 <= token_id < 2**32:
            raise ValueError(
                f"{file.name} gives {given(token)} the id {given(token_id)}, which is no integer from 0 to 2**32 - 1"
            )
        if tokens.setdefault(token_id, token) != token:
            raise ValueError(f"{file.name} gives {given(tokens[token_id])} and {given(token)} the same id, {token_id}")
    return vocab


def read_merges(file: Path, vocab: dict[str, int]) -> list[tuple[str, str]]:
    """The pairs of a `merges.txt`, the first ones first. Raises ValueError if they cannot make the tokens of `vocab`.

    A file that was cut off leaves tokens that nothing makes, so that text becomes other tokens than it should.
    """
    merges = []
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        line = line.removesuffix("\r")
        if line and not line.startswith("#version"):
            pair = tuple(line.split(" "))
            if len(pair) != 2 or not all(pair) or "".join(pair) not in vocab:
                raise ValueError(f"{file.name} has {given(line)} in line {number}, which is no pair that makes a token")
            merges.append(pair)
    made = {first + second for first, second in merges}
    lost = [token for token in vocab if len(token) > 1 and token not in made and not _ADDED.fullmatch(token)]
    if len(lost) > len(vocab) / 100:
        raise ValueError(f"{file.name} is not complete: it makes no {lost[-1]!r} nor {len(lost) - 1:,} other tokens")
    return merges
