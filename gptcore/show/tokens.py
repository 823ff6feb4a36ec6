"""What tokenizers make of a text: its tokens, and the neighbours that only become text together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gptcore.any_tokenizer import change, encode_quietly
from gptcore.language import _
from gptcore.letters import composed
from gptcore.show.style import counted, sentence
from gptcore.tokenizer import is_known, token_bytes, token_label

CONTINUATIONS = {bytes([byte]) for byte in range(0x80, 0xC0)}  # UTF-8: every byte of a character but its first


class Token(NamedTuple):
    """What there is to know about a token, whatever the text."""

    token_id: int
    label: str
    data: bytes
    is_text: bool  # whether its bytes are text on their own
    continues: bool  # whether they begin in the middle of a character


class Vocabulary(dict[int, Token]):
    """The tokens of a tokenizer by their ids, each made when it is first asked for."""

    def __init__(self, tokenizer: Any):
        super().__init__()
        self.tokenizer = tokenizer

    def __missing__(self, token_id: int) -> Token:
        label = token_label(self.tokenizer, token_id)
        data = token_bytes(self.tokenizer, token_id) if is_known(self.tokenizer, token_id) else label.encode()
        self[token_id] = Token(token_id, label, data, _text(data) is not None, data[:1] in CONTINUATIONS)
        return self[token_id]


class Piece(NamedTuple):
    """A token that is text on its own, or neighbours that only are together, such as the three bytes of a syllable."""

    start: int  # the position of its first token
    tokens: tuple[Token, ...]
    text: str | None = None  # what neighbours make together; None for a single token

    @property
    def stop(self) -> int:
        """The position after its last token."""
        return self.start + len(self.tokens)


@dataclass(frozen=True)
class Tokens:
    """What one tokenizer makes of a text."""

    tokens: list[Token]
    problem: str | None = None  # why the tokenizer cannot read the text, in a sentence
    change: str | None = None  # what it makes of a text that it does not give back, in a sentence

    @property
    def token_ids(self) -> list[int]:
        return [token.token_id for token in self.tokens]

    @property
    def labels(self) -> list[str]:
        return [token.label for token in self.tokens]

    @property
    def size(self) -> str:
        """The number of tokens, or why there are none."""
        if self.problem:
            return _("this cannot be read: {problem}").format(problem=self.problem)
        return counted(len(self.tokens), "token")

    @property
    def heading(self) -> str:
        """The same, and how many of the tokens are no text on their own."""
        parts = [token.is_text for token in self.tokens].count(False)
        size = _("{tokens} of a changed text").format(tokens=self.size) if self.change else self.size
        if not parts:
            return size
        if parts < len(self.tokens):
            said = _("{tokens}, {n} of them only part of a character")
        elif parts > 1:
            said = _("{tokens}, each only part of a character")
        else:
            said = _("{tokens}, and it is only part of a character")
        return said.format(tokens=size, n=f"{parts:,}")

    def pieces(self, first: int = 0) -> list[Piece]:
        """The tokens that are text on their own, and the neighbours that only become text together.

        Those that begin before the token at `first` are left out.
        """
        tokens, start = self.tokens, first
        while 0 < start < len(tokens) and tokens[start].continues:  # back to the beginning of a character
            start -= 1
        neighbours: list[list[Token]] = []
        for token in tokens[start:]:
            if token.continues and neighbours:
                neighbours[-1].append(token)
            else:
                neighbours.append([token])
        pieces = []
        for group in neighbours:
            pieces += _join(start, tuple(group))
            start += len(group)
        return [piece for piece in pieces if piece.start >= first]

    def describe(self, most: int = 20) -> str:
        """The first of the tokens, with their ids."""
        chips = [f"{token.label} {token.token_id}" for token in self.tokens[:most]]
        return ", ".join([*chips, "…"] if len(self.tokens) > most else chips) or _("none")


def read_tokens(vocabulary: Vocabulary, text: str) -> Tokens:
    """The tokens of `text`, or the problem of a tokenizer that cannot read it."""
    try:
        token_ids = encode_quietly(vocabulary.tokenizer, text) if text else []
        changed = change(vocabulary.tokenizer, text, token_ids)
        return Tokens([vocabulary[token_id] for token_id in token_ids], change=changed)
    except Exception as error:  # a tokenizer may know only the characters that it has read, and say so in its own way
        return Tokens([], sentence(error))


def _join(start: int, tokens: tuple[Token, ...]) -> list[Piece]:
    """One piece if `tokens` are text together, else one for each of them."""
    text = _text(b"".join([token.data for token in tokens])) if len(tokens) > 1 else None
    if text is None:
        return [Piece(start + i, (token,)) for i, token in enumerate(tokens)]
    return [Piece(start, tokens, text)]


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True)
class TokenizedText:
    """A text, and what each of several tokenizers makes of it."""

    text: str
    tokens: dict[str, Tokens]  # by the name of the tokenizer

    @property
    def caption(self) -> str:
        if not self.text:
            return _("No text, no tokens. Type something.")
        found = "; ".join(f"{self.prefix(name)}{tokens.size}" for name, tokens in self.tokens.items())
        size = _("{characters} in {bytes}.").format(**_sizes(self.text))
        parts = []
        if (whole := composed(self.text)) != self.text:
            said = _("Its letters come in parts (NFD): put together (NFC) they are {characters} in {bytes}.")
            parts.append(said.format(**_sizes(whole)))
        changes = [f"{self.prefix(name)}{tokens.change}." for name, tokens in self.tokens.items() if tokens.change]
        end = [_("The text ends in a space, which is an unusual place to go on from.")] * self.text.endswith(" ")
        return " ".join([size, f"{found[:1].upper()}{found[1:]}.", *parts, *changes, *end])

    def prefix(self, name: str) -> str:
        """The name of a tokenizer before what is said of it, if there are several."""
        return f"{name}: " if len(self.tokens) > 1 else ""

    def describe(self) -> str:
        names = [f" ({name})" if len(self.tokens) > 1 else "" for name in self.tokens]
        made = [f"{t.size}{name}: {t.describe()}" for name, t in zip(names, self.tokens.values(), strict=True)]
        return _("{text} becomes {tokens}").format(text=repr(self.text), tokens=_(" and ").join(made))


def _sizes(text: str) -> dict[str, str]:
    return {"characters": counted(len(text), "character"), "bytes": counted(len(text.encode()), "byte")}


def tokenize(text: str, vocabularies: Mapping[str, Vocabulary]) -> TokenizedText:
    """What each of the tokenizers makes of `text`; half a character, which UTF-8 cannot hold, becomes a "?"."""
    text = text.encode(errors="replace").decode()
    return TokenizedText(text, {name: read_tokens(vocabulary, text) for name, vocabulary in vocabularies.items()})
