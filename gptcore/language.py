"""The language of the interface: every sentence that a learner meets goes through `_`.

The machinery is the standard library's `gettext`: a translation is a catalogue in `gptcore/locale`, and where there is
none the English sentence itself is shown. Names in {braces} are filled in afterwards: `_("{n} tokens").format(n=3)`.
"""

import gettext
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from gptcore.particles import with_particles
from gptcore.values import given

LOCALE = Path(__file__).with_name("locale")
ENGLISH = "en"


class Marked(str):
    """An English sentence with its values filled in, which `_` can still say in another language."""

    def __new__(cls, sentence: str, values: dict[str, Any]) -> "Marked":
        filled = super().__new__(cls, sentence.format(**values))
        filled.sentence, filled.values = sentence, values
        return filled


class Translated(str):
    """A Korean sentence whose particles follow what is filled in: “여우”는, “말”은."""

    def format(self, *values: Any, **named: Any) -> str:
        return with_particles(super().format(*values, **named))


def languages() -> list[str]:
    """The languages that the interface speaks: English, and each that has a catalogue."""
    return [ENGLISH, *sorted(file.parts[-3] for file in LOCALE.glob("*/LC_MESSAGES/gptcore.mo"))]


def language(name: str | None = None) -> str | None:
    """Set the language of widgets, hints and messages, "en" or "ko"; without a name return it.

    It holds for what is made or said from then on. At first it is that of the environment variable `GPTCORE_LANGUAGE`,
    and otherwise English.

    Raises ValueError if there is no such language.
    """
    global _chosen
    if name is None:
        return _chosen
    if not isinstance(name, str) or name not in languages():
        known = _(" or ").join(map(repr, languages()))
        raise ValueError(_("name must be a language, {known}, got {value}").format(known=known, value=given(name)))
    _chosen = name
    return None  # the line of a cell that sets it shows nothing


def _(sentence: str) -> str:
    """`sentence` in the language of the interface."""
    if _chosen == ENGLISH or not sentence:
        return sentence
    if isinstance(sentence, Marked):
        values = {name: _(value) if isinstance(value, str) else value for name, value in sentence.values.items()}
        return _(sentence.sentence).format(**values)
    return Translated(_catalogue(_chosen).gettext(sentence))


def N_(sentence: str, **values: Any) -> str:
    """`sentence` as it is, in English: marks it for translators where `_` says it later.

    >>> N_("the prompt {prompt} and one dart", prompt=[3, 1])
    'the prompt [3, 1] and one dart'

    Filled in, it is said later as a whole: `_` knows the sentence and its values. Texts among these are said, too.
    """
    return Marked(sentence, values) if values else sentence


@contextmanager
def english() -> Iterator[None]:
    """English for a while: for what is known by its English words."""
    global _chosen
    before, _chosen = _chosen, ENGLISH
    try:
        yield
    finally:
        _chosen = before


@cache
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.translation("gptcore", LOCALE, [name])


def words(name: str | None = None) -> dict[str, str]:
    """{English: translation} of all sentences in a language, or in that of the interface; empty for English."""
    name = _chosen if name is None else name
    if name == ENGLISH:
        return {}
    known = _catalogue(name)._catalog  # type: ignore[attr-defined]  # gettext lists its sentences nowhere else
    return {sentence: said for sentence, said in known.items() if sentence}


def with_words(script: str, name: str | None = None) -> str:
    """`script`, JavaScript, after its language and the translations of the sentences that stand in it.

    Even English sets them: a widget that was made in another language may be on the page, too.
    """
    name = _chosen if name is None else name
    read = re.sub(r'" \+\s+"', "", script).replace("\\u00a0", "\u00a0")  # as JavaScript reads it
    own = {sentence: said for sentence, said in words(name).items() if f'"{sentence}"' in read}
    known = {"gptcoreWords": own, "gptcoreLanguage": name}
    lines = [f"globalThis.{key} = {json.dumps(value, ensure_ascii=False)};" for key, value in known.items()]
    return "\n".join([*lines, script])


_chosen = ENGLISH
if (_asked := os.environ.get("GPTCORE_LANGUAGE", "")) in languages():
    _chosen = _asked
