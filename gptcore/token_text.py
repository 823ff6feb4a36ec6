"""What one token says: the bytes that it stands for, and how it is shown to a person."""

import re
from functools import cache
from typing import Any

from gptcore.any_tokenizer import as_id, backend_of, content_of, decode_plainly, is_known
from gptcore.language import _
from gptcore.printable import visible


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
        return unknown_label(token_id)
    if is_single_byte(tokenizer, token_id):
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
        raise ValueError(_("token_id must be one that the tokenizer has, got {token_id}").format(token_id=token_id))
    if hasattr(tokenizer, "decode_single_token_bytes"):  # of tiktoken
        return tokenizer.decode_single_token_bytes(token_id)
    content, backend = content_of(tokenizer, token_id), backend_of(tokenizer)
    if content is None:
        return decode_plainly(tokenizer)([token_id]).encode("utf-8", errors="surrogatepass")
    if joins_bytes(tokenizer):
        alphabet = _byte_alphabet() if _is_byte_level(backend) else {}
        if all(character in alphabet for character in content):
            return bytes(alphabet[character] for character in content)
        return content.encode("utf-8")
    if is_single_byte(tokenizer, token_id):
        return bytes.fromhex(content[3:5])
    return content.replace("▁", " ").encode("utf-8")


def is_single_byte(tokenizer: Any, token_id: int) -> bool:
    """Whether the token is one byte, written as tokenizers other than GPT-2's do: `<0xEC>`."""
    if joins_bytes(tokenizer):
        return False
    return re.fullmatch("<0x[0-9A-F]{2}>", content_of(tokenizer, token_id) or "") is not None


def joins_bytes(tokenizer: Any) -> bool:
    """Whether the bytes of a text are those of its tokens, one after the other."""
    backend = backend_of(tokenizer)
    if backend is None:
        return hasattr(tokenizer, "decode_single_token_bytes")
    cleans_up = getattr(tokenizer, "clean_up_tokenization_spaces", False)
    return _is_byte_level(backend) or (joins_tokens_as_they_are(backend) and not cleans_up)


def _is_byte_level(backend: Any) -> bool:
    return "ByteLevel" in repr(backend.decoder)


def joins_tokens_as_they_are(backend: Any) -> bool:
    return repr(backend.decoder) == "Fuse()"


@cache
def _byte_alphabet() -> dict[str, int]:
    """{character: byte} of GPT-2's vocabulary: visible bytes stand for themselves, the others follow U+0100."""
    shown = [byte for byte in range(256) if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + i): byte for i, byte in enumerate(hidden)}


def unknown_label(token_id: int) -> str:
    return f"<id {token_id}>"
