"""Text to token ids and back, and how one token is shown to a person.

The `tokenizers` library does the byte-level byte-pair encoding of GPT-2 itself (Radford et al. 2019, section 2.2). The
functions also take tokenizers of `transformers`, and any object that has `encode` and `decode`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gptcore.any_tokenizer import END_OF_TEXT as END_OF_TEXT
from gptcore.any_tokenizer import as_ids, is_known
from gptcore.any_tokenizer import check_tokenizer as check_tokenizer
from gptcore.any_tokenizer import encode as encode
from gptcore.any_tokenizer import end_token_ids as end_token_ids
from gptcore.bpe_files import read_merges, read_vocab
from gptcore.checks import check_text, given
from gptcore.files import as_path
from gptcore.language import _
from gptcore.printable import printable as printable
from gptcore.printable import visible as visible
from gptcore.printable import without_spaces
from gptcore.text_stream import decode
from gptcore.text_stream import stream_decode as stream_decode
from gptcore.token_text import joins_tokens_as_they_are
from gptcore.token_text import token_bytes as token_bytes
from gptcore.token_text import token_label as token_label


class Tokenizer:
    """The tokenizer of a model: `encode` gives token ids, `decode` gives text.

    `len(tokenizer)` is the size of its vocabulary; `eos_token_id` is the token that ends a text, or None. If several
    tokens end one, `end_token_ids` are all of them, this one first.
    """

    def __init__(self, backend: Any, eos_token: str | None = END_OF_TEXT):
        if isinstance(backend, type) or not hasattr(backend, "id_to_token"):
            raise TypeError(_("backend must be a tokenizers.Tokenizer, got {kind}").format(kind=type(backend).__name__))
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
            raise ValueError(_("text must have at least one character, got ''"))
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
                    _("text must have only the {count} characters that the tokenizer knows, got {character!r}").format(
                        count=len(self), character=min(unknown)
                    )
                )
            return [self._character_ids[character] for character in text]
        try:
            return self.backend.encode(text, add_special_tokens=False).ids
        except Exception as error:  # the library raises plain Exceptions
            raise ValueError(
                _("text must be one that the tokenizer can read, got {value}: {error}").format(
                    value=given(text), error=error
                )
            ) from error

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of `token_ids`, with the names of special tokens; bytes that are not valid UTF-8 become U+FFFD.

        An id that the tokenizer does not have becomes `<id 40321>`.
        """
        token_ids = as_ids(_("token_ids must be those of one text"), token_ids)
        if not all(is_known(self, token_id) for token_id in set(token_ids)):
            return decode(self, token_ids)
        text = self.backend.decode(token_ids, skip_special_tokens=False)
        return without_spaces(text) if self.clean_up_tokenization_spaces else text

    def __len__(self) -> int:
        return self.backend.get_vocab_size()

    def __repr__(self) -> str:
        return _("Tokenizer({count:,} tokens)").format(count=len(self))


def byte_level_bpe(
    vocab: str | Path | None = None,
    merges: str | Path | None = None,
    *,
    end_of_text: str | None = END_OF_TEXT,
    add_prefix_space: bool = False,
) -> Any:
    """A `tokenizers.Tokenizer` of GPT-2's kind, read from its two files, or untrained.

    If the vocabulary has `end_of_text`, text with this name becomes this one token.

    Raises ValueError if the files are damaged or do not belong together, OSError if one cannot be read.
    """
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    if (vocab is None) != (merges is None):
        raise ValueError(
            _("vocab and merges must be two files, or both None, got {vocab} and {merges}").format(
                vocab=given(vocab), merges=given(merges)
            )
        )
    tokens = {} if vocab is None else read_vocab(as_path("vocab", vocab))
    pairs = [] if merges is None else read_merges(as_path("merges", merges), tokens)
    backend = Backend(models.BPE(tokens, pairs) if tokens else models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    backend.decoder = decoders.ByteLevel()
    if end_of_text is not None and backend.token_to_id(end_of_text) is not None:
        backend.add_special_tokens([AddedToken(end_of_text, special=True, normalized=False)])
    return backend


def _is_character_level(backend: Any) -> bool:
    """Whether `encode` is a look-up of each character, as in `Tokenizer.of_characters`."""
    if not joins_tokens_as_they_are(backend) or backend.normalizer is not None:
        return False
    model, vocab = backend.model, backend.get_vocab()
    is_plain = type(model).__name__ == "WordLevel" and model.unk_token not in vocab
    return is_plain and all(len(token) == 1 for token in vocab)
