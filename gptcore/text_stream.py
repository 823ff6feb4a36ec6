"""Token ids as text, at once or while they come: a character appears when all its bytes are there."""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any

from gptcore.any_tokenizer import as_ids, decode_plainly, each_id, encode_quietly, is_known
from gptcore.language import _
from gptcore.token_text import is_single_byte, joins_bytes, token_bytes, unknown_label

CONTEXT = 64  # tokens: what is further back does not change how a token reads


def decode(tokenizer: Any, token_ids: Sequence[int]) -> str:
    """The text of `token_ids`; an id that the tokenizer does not have is not dropped but becomes `<id 40321>`."""
    token_ids = list(each_id(as_ids(_("token_ids must be those of one text"), token_ids)))
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
        return reader.read([token_id]) if known else reader.finish() + unknown_label(token_id)

    if start is not None:
        all_known = all(is_known(tokenizer, token_id) for token_id in set(start))
        yield reader.read(start) if all_known else "".join(map(piece, start))
    yield from map(piece, each_id(token_ids))
    yield reader.finish(cut)


class _ByteReader:
    """Joins tokens that are pieces of UTF-8; holds back the bytes of an incomplete character."""

    def __init__(self, tokenizer: Any):
        self.tokenizer = tokenizer
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def read(self, token_ids: Sequence[int]) -> str:
        each = {token_id: token_bytes(self.tokenizer, token_id) for token_id in set(token_ids)}
        return self.decoder.decode(b"".join(each[token_id] for token_id in token_ids))

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
        if len(token_ids) == 1 and is_single_byte(self.tokenizer, token_ids[0]):
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
        if self.unsettled or text.endswith("\ufffd") or is_single_byte(self.tokenizer, self.token_ids[-1]):
            self.token_ids, self.shown = [], 0  # later tokens must not change what is shown
        return rest

    def _whole_text(self) -> str:
        """The text without a character that is incomplete at its end."""
        run = list(takewhile(lambda token_id: is_single_byte(self.tokenizer, token_id), reversed(self.token_ids)))
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
    return _ByteReader(tokenizer) if joins_bytes(tokenizer) else _TextReader(tokenizer)
