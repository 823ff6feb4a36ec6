"""Text that is read, not only printed: lines end between words, also while a text is still being written."""

import re
from collections.abc import Iterable

from gptcore.checks import check_integer, check_text
from gptcore.language import _
from gptcore.printable import printable
from gptcore.show.arguments import checked
from gptcore.show.style import columns


@checked
def print_text(pieces: str | Iterable[str], width: int = 88) -> None:
    """Print a text, or its pieces as they come from `gptcore.stream_text`, in lines of at most `width` columns.

    Lines end between words; Hangul and its like take two columns. A word that is wider than a line is broken.

    >>> print_text(["Once upon a t", "ime there was a fox."], width=20)
    Once upon a time
    there was a fox.
    """
    check_integer("width", width, least=1)
    line, last = _Line(width), ""
    for piece in [pieces] if isinstance(pieces, str) else pieces:
        check_text(_("each of pieces"), piece)
        piece = printable(piece)
        *done, last = re.findall(r"\s+|\S+", last + piece) or [""]  # the last word may go on in the next piece
        for run in done:
            line.add(run)
    line.add(last)
    print(flush=True)


class _Line:
    """The line that is being printed: `used` columns, and the white space that waits for the word after it."""

    def __init__(self, width: int):
        self.width, self.used, self.gap = width, 0, ""

    def add(self, run: str) -> None:
        """Print a word, or take note of the white space before the next one."""
        if run.isspace():
            *lines, self.gap = (self.gap + run).split("\n")
            if lines:
                print("\n" * len(lines), end="")
                self.used = 0
            return
        if self.used + columns(self.gap + run) > self.width:
            print(end="\n" if self.used else "")
            self.used, self.gap = 0, ""
        *full, run = _broken(run, self.width)
        for part in full:
            print(part)
        print(self.gap + run, end="", flush=True)
        self.used, self.gap = self.used + columns(self.gap + run), ""


def _broken(word: str, width: int) -> list[str]:
    """`word` in parts of at most `width` columns, or of one character."""
    parts, used = [""], 0
    for character in word:
        wide = columns(character)
        if parts[-1] and used + wide > width:
            parts.append("")
            used = 0
        parts[-1] += character
        used += wide
    return parts
