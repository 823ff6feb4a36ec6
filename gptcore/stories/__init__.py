"""Stories in English and Korean whose exact probabilities are known. The bundled model is trained on them.

>>> from gptcore import stories
>>> story = stories.sample("en", seed=7)
>>> round(stories.score(story), 1)  # nats: the log of the product of its choices
-99.5
>>> stories.next_word("Once upon a time there")  # {word: probability}
{' lived': 0.5517995186601091, ' was': 0.44820048133989093}
"""

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any

from gptcore.any_tokenizer import as_ids, check_tokenizer, encode_quietly, end_token_ids, is_known
from gptcore.checks import check_integer, check_text, given
from gptcore.language import _
from gptcore.stories import english, korean
from gptcore.stories.source import END, Program, Teller, next_words, score_words, split_words
from gptcore.tokenizer import token_bytes

__all__ = ["END", "LANGUAGES", "next_token", "next_word", "sample", "score", "split_words"]

LANGUAGES: dict[str, Program] = {"en": english.tell, "ko": korean.tell}


def _program(language: str) -> Program:
    if not isinstance(language, str) or language not in LANGUAGES:
        raise ValueError(
            _("language must be one of {known}, got {value}").format(
                known=", ".join(map(repr, LANGUAGES)), value=given(language)
            )
        )
    return LANGUAGES[language]


def sample(language: str, seed: int) -> str:
    """One story; the same `seed` tells the same story on every machine.

    Raises ValueError if `language` is neither "en" nor "ko", and TypeError if `seed` is no integer.
    """
    check_integer("seed", seed)
    program, teller = _program(language), Teller(Random(f"{language} {seed}"))
    program(teller)
    return teller.text


def score(text: str) -> float:
    """Log-probability of the whole story `text` in nats, given its language; -inf where no story reads like this.

    The end of the story is scored too: a story that breaks off is impossible. Raises TypeError or ValueError if `text`
    is no text.
    """
    check_text("text", text)
    words = split_words(text)
    return max(score_words(program, words) for program in LANGUAGES.values())


def next_word(prefix: str) -> dict[str, float]:
    """{word: probability} after `prefix`, which must end where a word ends; `END` where the story is over.

    Both languages are equally likely before the first word. {} where no story begins with `prefix`. Raises
    TypeError or ValueError if `prefix` is no text.
    """
    check_text("prefix", prefix)
    words = split_words(prefix)
    found = [next_words(program, words) for program in LANGUAGES.values()]
    possible = [following for following in found if following]
    return {word: p / len(possible) for following in possible for word, p in following.items()}


def next_token(prefix: str | Sequence[int], tokenizer: Any) -> dict[int, float]:
    """{token_id: probability} after `prefix`, a text or its token ids: `next_word`, cut into the tokens of `tokenizer`.

    A prefix of token ids may end within a word, even within a character. {} where no story begins with it. The
    tokenizer must split text into words as GPT-2's does, and have an end-of-text token.

    Raises TypeError or ValueError if `prefix` is neither a text nor token ids, or `tokenizer` no such tokenizer.
    """
    check_tokenizer(tokenizer)
    if isinstance(prefix, str):
        check_text("prefix", prefix)
        token_ids = encode_quietly(tokenizer, prefix)
    else:
        token_ids = as_ids(rule := _("prefix must be a str, or token ids that the tokenizer has"), prefix)
        if unknown := [token_id for token_id in token_ids if not is_known(tokenizer, token_id)]:
            raise ValueError(_("{rule}, got {value}").format(rule=rule, value=given(unknown[0])))
    text = b"".join(token_bytes(tokenizer, token_id) for token_id in token_ids).decode("utf-8", errors="ignore")
    words = split_words(text)[:-2]  # the last two may be incomplete
    spelled = [token_id for word in words for token_id in encode_quietly(tokenizer, word)]
    if token_ids[: len(spelled)] != spelled:
        return {}  # not how the tokenizer cuts this text
    rest = token_ids[len(spelled) :]
    probs: dict[int, float] = defaultdict(float)
    for program in LANGUAGES.values():
        _spell(program, words, rest, 1.0, tokenizer, probs)
    total = sum(probs.values())
    return {token_id: p / total for token_id, p in probs.items()}


def _spell(program: Program, words: list[str], rest: list[int], prob: float, tokenizer: Any, probs: dict) -> None:
    """Add to `probs` the tokens that can follow `words` and then the tokens `rest`, reached with probability `prob`."""
    for word, p in next_words(program, words).items():
        tokens = end_token_ids(tokenizer)[:1] if word == END else encode_quietly(tokenizer, word)
        if not tokens and word != END:  # it would be followed by another such word, for ever
            if not rest:
                raise ValueError(
                    _("tokenizer must have tokens for every word of the stories, got none for {word}").format(
                        word=given(word)
                    )
                )
        elif len(rest) < len(tokens) and tokens[: len(rest)] == rest:
            probs[tokens[len(rest)]] += prob * p
        elif tokens == rest[: len(tokens)] and word != END:
            _spell(program, [*words, word], rest[len(tokens) :], prob * p, tokenizer, probs)
