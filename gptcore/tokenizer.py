"""Text to token ids and back, and how one token is shown to a person.

The `tokenizers` library does the byte-level byte-pair encoding of GPT-2 itself (Radford et al. 2019, section 2.2). The
functions also take tokenizers of `transformers`, and any object that has `encode` and `decode`.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from gptcore.any_tokenizer import (
    as_id,
    as_ids,
    backend_of,
    content_of,
    decode_plainly,
    each_id,
    encode_quietly,
    is_known,
)
from gptcore.any_tokenizer import check_tokenizer as check_tokenizer
from gptcore.any_tokenizer import encode as encode
from gptcore.any_tokenizer import end_token_ids as end_token_ids
from gptcore.bpe_files import read_merges, read_vocab
from gptcore.checks import check_text, given
from gptcore.printable import printable as printable
from gptcore.printable import visible, without_spaces

END_OF_TEXT = "<|endoftext|>"
CONTEXT = 64  # tokens: what is further back does not change how a token reads


class Tokenizer:
    """The tokenizer of a model: `encode` gives token ids, `decode` gives text.

    `len(tokenizer)` is the size of its vocabulary; `eos_token_id` is the token that ends a text, or None. If several
    tokens end one, `end_token_ids` are all of them, this one first.
    """

    def __init__(self, backend: Any, eos_token: str | None = END_OF_TEXT):
        if isinstance(backend, type) or not hasattr(backend, "id_to_token"):
            raise TypeError(f"backend must be a tokenizers.Tokenizer, got {type(backend).__name__}")
        self.backend = backend
        self.eos_token_id = None if eos_token is None else backend.token_to_id(eos_token)
        self.clean_up_tokenization_spaces = False  # a setting of files: "a fox ." is decoded as "a fox."
        self._character_ids: dict[str, int] | None = backend.get_vocab() if _is_character_level(backend) else None

    @classmethod
    def of_characters(cls, text: str) -> "Tokenizer":
        """A tokenizer with one token for each different character of `text`, in sorted order, and no end-of-text token.

        It knows no other characters: `encode` raises ValueError for them.

        >>> Tokenizer.of_characters("banana").encode("nab")
        [2, 0, 1]

        Raises ValueError if `text` is empty.
        """
        from tokenizers import Regex, decoders, models, pre_tokenizers
        from tokenizers import Tokenizer as Backend

        check_text("text", text)
        if not text:
            raise ValueError("text must have at least one character, got ''")
        backend = Backend(models.WordLevel({character: i for i, character in enumerate(sorted(set(text)))}))
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
        backend.decoder = decoders.Fuse()
        return cls(backend, eos_token=None)

    @property
    def eos_token_id(self) -> int | None:
        return self.end_token_ids[0] if self.end_token_ids else None

    @eos_token_id.setter
    def eos_token_id(self, token_id: int | None) -> None:
        self.end_token_ids = [] if token_id is None else [token_id]

    def encode(self, text: str) -> list[int]:
        """The token ids of `text`. Raises ValueError if one of its characters has no token."""
        check_text("text", text)
        if self._character_ids is not None:  # a dictionary is a hundred times as fast as the library
            if unknown := set(text) - self._character_ids.keys():
                raise ValueError(
                    f"text must have only the {len(self)} characters that the tokenizer knows, got {min(unknown)!r}"
                )
            return [self._character_ids[character] for character in text]
        try:
            return self.backend.encode(text, add_special_tokens=False).ids
        except Exception as error:  # the library raises plain Exceptions
            raise ValueError(f"text must be one that the tokenizer can read, got {given(text)}: {error}") from error

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of `token_ids`, with the names of special tokens; bytes that are not valid UTF-8 become U+FFFD.

        An id that the tokenizer does not have becomes `<id 40321>`.
        """
        token_ids = as_ids("token_ids must be those of one text", token_ids)
        if not all(is_known(self, token_id) for token_id in set(token_ids)):
            return decode(self, token_ids)
        text = self.backend.decode(token_ids, skip_special_tokens=False)
        return without_spaces(text) if self.clean_up_tokenization_spaces else text

    def __len__(self) -> int:
        return self.backend.get_vocab_size()

    def __repr__(self) -> str:
        return f"Tokenizer({len(self):,} tokens)"


def byte_level_bpe(
    vocab: str | Path | None = None,
    merges: str | Path | None = None,
    *,
    end_of_text: str | None = END_OF_TEXT,
    add_prefix_space: bool = False,
) -> Any:
    """A `tokenizers.Tokenizer` of GPT-2's kind, read from its two files, or untrained.

    If the vocabulary has `end_of_text`, text with this name becomes this one token.

    Raises ValueError if the files are damaged or do not belong together.
    """
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    tokens = {} if vocab is None else read_vocab(Path(vocab))
    pairs = [] if merges is None else read_merges(Path(merges), tokens)
    backend = Backend(models.BPE(tokens, pairs) if tokens else models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    backend.decoder = decoders.ByteLevel()
    if end_of_text is not None and backend.token_to_id(end_of_text) is not None:
        backend.add_special_tokens([AddedToken(end_of_text, special=True, normalized=False)])
    return backend


def decode(tokenizer: Any, token_ids: Sequence[int]) -> str:
    """The text of `token_ids`; an id that the tokenizer does not have is not dropped but becomes `<id 40321>`."""
    token_ids = list(each_id(as_ids("token_ids must be those of one text", token_ids)))
    return "".join(stream_decode(tokenizer, (), start=token_ids))


def stream_decode(
    tokenizer: Any, token_ids: Iterable[int], *, start: Sequence[int] | None = None, cut: bool = False
) -> Iterator[str]:
    """Yield one piece of text for each token, and one for the end; joined, they are the text of all `token_ids`.

    The tokens of `start` come before them, as a single first piece, which takes less time than one for each.

    If the bytes of a character are spread over several tokens, it comes whole with the last of them, and the pieces
    before it are "". An id that the tokenizer does not have becomes `<id 40321>`. With `cut`, a character that is
    incomplete at the end is left out; otherwise it becomes U+FFFD, as do bytes that are not UTF-8.

    >>> list(stream_decode(tokenizer, tokenizer.encode("a fox 🦊")))
    ['a', ' fox', ' ', '', '', '', '🦊', '']
    """
    reader = _reader(tokenizer)

    def piece(token_id: int) -> str:
        known = is_known(tokenizer, token_id)
        return reader.read([token_id]) if known else reader.finish() + _unknown_label(token_id)

    if start is not None:
        all_known = all(is_known(tokenizer, token_id) for token_id in set(start))
        yield reader.read(start) if all_known else "".join(map(piece, start))
    yield from map(piece, each_id(token_ids))
    yield reader.finish(cut)


def token_label(tokenizer: Any, token_id: int) -> str:
    """How one token is shown to a person: "␣the", "⏎", or `<0xEC>` for a byte that is not text on its own.

    Different ids have different labels, every character of a label is visible, and an id that the tokenizer does not
    have is `<id 40321>`. A label is plain text: escape it for HTML, and keep matplotlib from reading `$` as
    mathematics.

    >>> token_label(tokenizer, tokenizer.encode(" the")[0])
    '␣the'
    """
    token_id = as_id(token_id)
    if not is_known(tokenizer, token_id):
        return _unknown_label(token_id)
    if _is_single_byte(tokenizer, token_id):
        return content_of(tokenizer, token_id)  # "<0x21>", since "!" may be a token of its own
    # A byte that is not valid UTF-8 becomes a lone surrogate, which no text contains.
    text = token_bytes(tokenizer, token_id).decode("utf-8", errors="surrogateescape")
    return visible(text)


def token_bytes(tokenizer: Any, token_id: int) -> bytes:
    """The bytes that a token stands for. Raises ValueError if the tokenizer does not have the token.

    >>> b"".join(token_bytes(tokenizer, token_id) for token_id in tokenizer.encode("용")).decode()
    '용'
    """
    token_id = as_id(token_id)
    if not is_known(tokenizer, token_id):
        raise ValueError(f"token_id must be one that the tokenizer has, got {token_id}")
    if hasattr(tokenizer, "decode_single_token_bytes"):  # of tiktoken
        return tokenizer.decode_single_token_bytes(token_id)
    content, backend = content_of(tokenizer, token_id), backend_of(tokenizer)
    if content is None:
        return decode_plainly(tokenizer)([token_id]).encode("utf-8", errors="surrogatepass")
    if _joins_bytes(tokenizer):
        alphabet = _byte_alphabet() if _is_byte_level(backend) else {}
        if all(character in alphabet for character in content):
            return bytes(alphabet[character] for character in content)
        return content.encode("utf-8")
    if _is_single_byte(tokenizer, token_id):
        return bytes.fromhex(content[3:5])
    return content.replace("▁", " ").encode("utf-8")


class _ByteReader:
    """Joins tokens that are pieces of UTF-8; holds back the bytes of an incomplete character."""

    def __init__(self, tokenizer: Any):
        self.tokenizer = tokenizer
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def read(self, token_ids: Sequence[int]) -> str:
        return self.decoder.decode(b"".join(token_bytes(self.tokenizer, token_id) for token_id in token_ids))

    def finish(self, cut: bool = False) -> str:
        return "" if cut else self.decoder.decode(b"", final=True)


class _TextReader:
    """Joins the tokens of any other tokenizer: decodes all of them again and returns what is new."""

    def __init__(self, tokenizer: Any):
        self.tokenizer, self.decode = tokenizer, decode_plainly(tokenizer)
        self.token_ids: list[int] = []
        self.shown = 0
        # Those of `transformers` may later remove the space before a comma or "n't", when they see what follows.
        self.unsettled = 20 if getattr(tokenizer, "clean_up_tokenization_spaces", False) else 0

    def read(self, token_ids: Sequence[int]) -> str:
        self.token_ids += token_ids
        if len(token_ids) == 1 and _is_single_byte(self.tokenizer, token_ids[0]):
            return ""  # only the end of a run of bytes shows whether they are text
        text = self.decode(self.token_ids).rstrip("\ufffd")  # perhaps the beginning of a character
        new = self._show(text[: max(0, len(text) - self.unsettled)])
        if len(self.token_ids) > 2 * CONTEXT:
            self._forget(text)
        return new

    def finish(self, cut: bool = False) -> str:
        if not self.token_ids:
            return ""
        text = self._whole_text() if cut else self.decode(self.token_ids)
        rest = self._show(text)
        if self.unsettled or text.endswith("\ufffd") or _is_single_byte(self.tokenizer, self.token_ids[-1]):
            self.token_ids, self.shown = [], 0  # later tokens must not change what is shown
        return rest

    def _whole_text(self) -> str:
        """The text without a character that is incomplete at its end."""
        run = list(takewhile(lambda token_id: _is_single_byte(self.tokenizer, token_id), reversed(self.token_ids)))
        if run:
            count = _incomplete(b"".join(token_bytes(self.tokenizer, token_id) for token_id in reversed(run)))
            return self.decode(self.token_ids[: len(self.token_ids) - count])
        text, sign = self.decode(self.token_ids), []
        with suppress(ValueError):  # the tokenizer may know its own characters alone
            sign = encode_quietly(self.tokenizer, "\ufffd")
        return text if self.token_ids[-len(sign) :] == sign else text.removesuffix("\ufffd")

    def _forget(self, text: str) -> None:
        """Keep the last tokens alone, if they say the same without the others: decoding takes time for each token."""
        last_ids = self.token_ids[-CONTEXT:]
        last = self.decode(last_ids).rstrip("\ufffd")
        if last and text.endswith(last) and len(text) - self.shown < len(last):
            self.token_ids, self.shown = last_ids, self.shown - len(text) + len(last)

    def _show(self, text: str) -> str:
        new, self.shown = text[self.shown :], max(self.shown, len(text))
        return new


def _incomplete(data: bytes) -> int:
    """How many bytes at the end of `data` are the beginning of a character that is not complete."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    decoder.decode(data)
    return len(decoder.getstate()[0])


def _reader(tokenizer: Any) -> _ByteReader | _TextReader:
    cleans_up = isinstance(tokenizer, Tokenizer) and tokenizer.clean_up_tokenization_spaces
    return _ByteReader(tokenizer) if _joins_bytes(tokenizer) and not cleans_up else _TextReader(tokenizer)


def _is_single_byte(tokenizer: Any, token_id: int) -> bool:
    """Whether the token is one byte, written as tokenizers other than GPT-2's do: `<0xEC>`."""
    if _joins_bytes(tokenizer):
        return False
    return re.fullmatch("<0x[0-9A-F]{2}>", content_of(tokenizer, token_id) or "") is not None


def _joins_bytes(tokenizer: Any) -> bool:
    """Whether the bytes of a text are those of its tokens, one after the other."""
    backend = backend_of(tokenizer)
    if backend is None:
        return hasattr(tokenizer, "decode_single_token_bytes")
    return _is_byte_level(backend) or _joins_tokens_as_they_are(backend)


def _is_byte_level(backend: Any) -> bool:
    return "ByteLevel" in repr(backend.decoder)


def _joins_tokens_as_they_are(backend: Any) -> bool:
    return repr(backend.decoder) == "Fuse()"


def _is_character_level(backend: Any) -> bool:
    """Whether `encode` is a look-up of each character, as in `Tokenizer.of_characters`."""
    if not _joins_tokens_as_they_are(backend) or backend.normalizer is not None:
        return False
    model, vocab = backend.model, backend.get_vocab()
    is_plain = type(model).__name__ == "WordLevel" and model.unk_token not in vocab
    return is_plain and all(len(token) == 1 for token in vocab)


@cache
def _byte_alphabet() -> dict[str, int]:
    """{character: byte} of GPT-2's vocabulary: visible bytes stand for themselves, the others follow U+0100."""
    shown = [byte for byte in range(256) if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + i): byte for i, byte in enumerate(hidden)}


def _unknown_label(token_id: int) -> str:
    return f"<id {token_id}>"
