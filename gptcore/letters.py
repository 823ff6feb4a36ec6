"""Letters that come in parts, as Unicode's form NFD has them: Hangul as its jamo, é as an e and its accent.

Names of files on a Mac are written so, and what is pasted from there. They look like whole letters (NFC), but to a
tokenizer they are other characters, which a model has hardly read.
"""

import unicodedata

from gptcore.language import _


def composed(text: str) -> str:
    r"""`text` with the letters put together that come in parts (NFC); any other text stays as it is.

    >>> [len(form) for form in ("\u1100\u1161\u11a8", composed("\u1100\u1161\u11a8"))]
    [3, 1]
    """
    whole = unicodedata.normalize("NFC", text)
    return whole if len(whole) < len(text) else text


def composed_notice(name: str, text: str) -> tuple[str, str]:
    """The same for what a learner gave as `name`, and a sentence that says so, or "" where nothing has changed."""
    whole = composed(text)
    if whole == text:
        return text, ""
    said = _("Here the letters of {name}, which came in parts (NFD), were put together (NFC).")
    return whole, said.format(name=name)
