"""What the tales of every language share: word lists, templates with slots, and a memory.

A plot speaks in *templates*: sentences with *slots*. A slot is either filled again with something that the tale
remembers, or it is a *gap* that takes an item from a word list. Earlier items of a list, and earlier templates where
there are several, are likelier. A template is spoken piece by piece, so whatever is chosen is spoken at once.

Each language has its own words and plots, its own notation for gaps, and its own way of making an item agree with
what stands around it.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, ClassVar

from gptcore.stories.source import Choose, Options, Program

SLOT = re.compile(r"\{(?P<key>\w+)(?:\|(?P<form>[^}]+))?\}")


def read_lists(text: str, separator: str) -> dict[str, dict[str, str]]:
    """The word lists of a table, {name: {item: partner}}, the likeliest items first.

    A list begins "name: item" and continues on indented lines. A partner is what goes with an item, such as the answer
    to a riddle; most items have none. A line that begins with "#" is a comment.

    >>> read_lists("sky: blue / grey /\\n    black\\nsun: up = day / down = night", " / ")
    {'sky': {'blue': '', 'grey': '', 'black': ''}, 'sun': {'up': 'day', 'down': 'night'}}
    """
    lists = {}
    for entry in re.split(r"\n(?! )", text.strip()):
        name, _, items = entry.partition(": ")
        if not name.startswith("#"):
            lists[name] = dict(item.partition(" = ")[::2] for item in " ".join(items.split()).split(separator))
    return lists


@lru_cache(maxsize=4096)  # heads contain names, so there are very many
def _heads(heads: tuple[str, ...]) -> Options:
    """The beginnings of several templates; `choose` returns the template's number."""
    return Options({head: number for number, head in enumerate(heads)}, tilt=0.3)


class Tale:
    """A story being told: it speaks through `choose`, and `memory` holds what may be said again.

    A language's own class has its word lists in `lists` and says how a template is cut into pieces (`pieces`), what a
    gap looks like (`gap`, a pattern with a group "form"), how it is filled (`fill`), and how an item agrees (`agree`).
    """

    lists: ClassVar[Mapping[str, Mapping[str, str]]]
    gap: ClassVar[re.Pattern] = SLOT

    def __init__(self, choose: Choose):
        self.choose = choose
        self.memory: dict[str, str] = {}

    @staticmethod
    def pieces(template: str) -> tuple[str, ...]:
        """The parts of `template` that are spoken one after another, each with at most one gap."""
        raise NotImplementedError

    @staticmethod
    def agree(item: str, form: str | None) -> str:
        """`item` with what its slot asks for: an article, or the particle that fits."""
        raise NotImplementedError

    def fill(self, piece: str, gap: re.Match) -> None:
        """Speak `piece` with an item of a list in its `gap`."""
        raise NotImplementedError

    def say(self, *lines: str | tuple[str, ...]) -> None:
        """Say the lines one after another; where a line is a tuple of templates, say one of them."""
        for line in lines:
            if isinstance(line, str):
                self._speak(self.pieces(line))
            else:
                self.either(*line)

    def either(self, *templates: str) -> int:
        """Say one of the templates and return its number; before their first gaps they must differ."""
        heads, lengths = zip(*map(self._head, templates), strict=True)
        number = self.choose(_heads(heads))
        self._speak(self.pieces(templates[number])[lengths[number] :])
        return number

    def recall(self, text: str) -> str:
        """`text` with its slots filled where the tale remembers what belongs there."""
        return SLOT.sub(self._recall_slot, text)

    @classmethod
    @cache
    def options(cls, name: str, piece: str, tilt: float, taken: tuple[str, ...] = ()) -> Options:
        """`piece` with each item of list `name` in its gap, except those already `taken`; `choose` returns the item."""
        gap = cls.gap.search(piece)
        before, after = piece[: gap.start()], piece[gap.end() :]
        items = [item for item in cls.lists[name] if item not in taken]
        return Options({before + cls.agree(item, gap["form"]) + after: item for item in items}, tilt)

    def _recall_slot(self, slot: re.Match) -> str:
        key, form = slot.groups()
        return self.agree(self.memory[key], form) if key in self.memory else slot[0]

    def _head(self, template: str) -> tuple[str, int]:
        """What `template` says before its first gap, and how many pieces that is."""
        head = ""
        pieces = self.pieces(template)
        for number, piece in enumerate(pieces):
            text = self.recall(piece) if "{" in piece else piece
            if self.gap.search(text):
                return head, number
            head += text
        return head, len(pieces)

    def _speak(self, pieces: tuple[str, ...]) -> None:
        for piece in pieces:
            text = self.recall(piece) if "{" in piece else piece
            if gap := self.gap.search(text):
                self.fill(text, gap)
            else:
                self.choose(text)


def program(new_tale: type[Tale], opening: Callable[[Any], None], plots: Options) -> Program:
    """The story program that tells `opening` and then one of `plots`."""

    def tell(choose: Choose) -> None:
        tale = new_tale(choose)
        opening(tale)
        plot = choose(plots)
        plot(tale)

    return tell
