"""`vocab.json` and `merges.txt`, the files of a byte-pair encoding, read with all that may be wrong with them."""

import re
from pathlib import Path

from gptcore.checks import given
from gptcore.files import read_json
from gptcore.language import _

LARGEST = 100e6  # bytes of a file; those of the largest tokenizers have a fifth of that
_ADDED = re.compile(r"<.*>|\[.*\]", re.DOTALL)  # how tokens are written that no merge makes: <pad>, [unused7]


def read_text(file: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark. Raises ValueError if it is something else."""
    if (size := file.stat().st_size) > LARGEST:
        raise ValueError(
            _("{file} has {size:,} bytes, which is too much for a tokenizer's file").format(file=file.name, size=size)
        )
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(_("{file} is not text in UTF-8: {error}").format(file=file.name, error=error)) from error


def read_vocab(file: Path) -> dict[str, int]:
    """{token: id} of a `vocab.json`. Raises ValueError unless each token has one id, and each id one token."""
    vocab = read_json(file)
    if not isinstance(vocab, dict):
        raise ValueError(_("{file} must hold one JSON object of tokens and their ids").format(file=file.name))
    tokens: dict[int, str] = {}
    for token, token_id in vocab.items():
        if type(token_id) is not int or not 0 <= token_id < 2**32:
            raise ValueError(
                _("{file} gives {token} the id {token_id}, which is no integer from 0 to 2**32 - 1").format(
                    file=file.name, token=given(token), token_id=given(token_id)
                )
            )
        if tokens.setdefault(token_id, token) != token:
            raise ValueError(
                _("{file} gives {first} and {second} the same id, {token_id}").format(
                    file=file.name, first=given(tokens[token_id]), second=given(token), token_id=token_id
                )
            )
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
                raise ValueError(
                    _("{file} has {line} in line {number}, which is no pair that makes a token").format(
                        file=file.name, line=given(line), number=number
                    )
                )
            merges.append(pair)
    made = {first + second for first, second in merges}
    lost = [token for token in vocab if len(token) > 1 and token not in made and not _ADDED.fullmatch(token)]
    if len(lost) > len(vocab) / 100:
        raise ValueError(
            _("{file} is not complete: it makes no {token!r} nor {count:,} other tokens").format(
                file=file.name, token=lost[-1], count=len(lost) - 1
            )
        )
    return merges
