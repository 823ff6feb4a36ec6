"""One look for all widgets and charts: the colours of the stylesheet, and how labels and values read."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from gptcore.checks import given
from gptcore.language import N_, _
from gptcore.printable import columns

CSS = Path(__file__).with_name("front").joinpath("style.css").read_text(encoding="utf-8")
KEPT, CHOSEN, OTHERS = (re.search(rf"--{name}: (#\w+);", CSS)[1] for name in ("kept", "chosen", "others"))
HUES = tuple(re.findall(r"--hue: (#\w+);", CSS))
LONGEST = 28  # columns: a longer label is cut short


def percent(prob: float) -> str:
    """A probability for people: "71.6%". What is possible is never shown as 0, nor what is uncertain as 100.

    Raises TypeError if `prob` is not a number.
    """
    if not isinstance(prob, float):
        prob = _as_float(prob)
    if 0 < prob < 0.0005:
        return "<0.1%"
    if 0.9995 <= prob < 1:
        return ">99.9%"
    return f"{prob:.1%}"


def _as_float(prob: Any) -> float:
    if not isinstance(prob, (str, bytes)):
        with suppress(TypeError, ValueError, OverflowError, RuntimeError):
            return float(prob)
    raise TypeError(_("prob must be a number, got {value}").format(value=given(prob)))


COUNTED = {  # one and several, for a language that tells them apart
    "byte": (N_("{n} byte"), N_("{n} bytes")),
    "draw": (N_("{n} draw"), N_("{n} draws")),
    "character": (N_("{n} character"), N_("{n} characters")),
    "new token": (N_("{n} new token"), N_("{n} new tokens")),
    "other": (N_("{n} other"), N_("{n} others")),
    "token": (N_("{n} token"), N_("{n} tokens")),
}


def counted(count: int, what: str) -> str:
    """ "1 token", "1,000 tokens": `what` is one of `COUNTED`."""
    one, several = COUNTED[what]
    return _(one if count == 1 else several).format(n=f"{count:,}")


def others_label(count: int) -> str:
    """The label of the bar for the `count` tokens that have no bar of their own."""
    return counted(count, "other") if count else _("no others")


def short_label(label: str, token_id: int) -> str:
    """A label for a row: a very long one is cut short and ends in its id, so that no two are the same."""
    return label if columns(label) <= LONGEST else f"{label[: LONGEST // 2]}… id {token_id}"


def shortened(text: str, length: int) -> str:
    """`text`, or if it has more than `length` characters, its beginning."""
    return text if len(text) <= length else text[: length - 1] + "…"


def sentence(error: BaseException) -> str:
    """What went wrong, without its full stop: the first line of the error's message, and its type if it has none."""
    said = (str(error).splitlines() or [""])[0].rstrip(". ")
    if isinstance(error, LookupError | AttributeError | ArithmeticError | AssertionError) or not said:
        said = f"{type(error).__name__}: {said}".rstrip(": ")
    return shortened(said, 300)


def ending(text: str, room: int) -> str:
    """`text`, or if it is wider than `room`, in columns, its end."""
    if columns(text) <= room:
        return text
    end = text[-room:]
    while columns(end) >= room:
        end = end[1:]
    return f"…{end}"
