"""The source of the tales as data, so that a page knows the true probabilities too: word lists, and plots as steps.

A plot is a function in Python. It speaks in templates and branches on few things, so that running it once for each
branch with a tale that only writes down what is asked of it gives all its steps; `source.js` takes them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gptcore.stories import END, english, korean, korean_words
from gptcore.stories.source import Options
from gptcore.stories.tale import Tale

Step = list[Any]  # what is done, and with what


def source() -> str:
    """The script of the source: the data, and what walks it."""
    data = {"end": END, "en": english_data(), "ko": korean_data()}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return f"const STORIES = {text};\n{(Path(__file__).parent / 'views' / 'source.js').read_text(encoding='utf-8')}"


def english_data() -> dict[str, Any]:
    return {
        "lists": compact(english.LISTS),
        "names": list(english.NAMES),
        "she": english.SHE,
        "onlyHers": english.ONLY_HERS,
        "onlyHis": english.ONLY_HIS,
        "plots": as_data(english.PLOTS, steps_of),
    }


def korean_data() -> dict[str, Any]:
    names = {group: list(korean_words.HEROES[group]) for group in ("pets", "boys", "girls")}
    groups = {tuple(items): group for group, items in names.items()} | {(): ""}
    return {
        "lists": compact(korean_words.CAST | korean_words.WORDS),
        "verbs": compact(korean_words.VERBS),
        "endings": korean.ENDINGS,
        "names": names,
        "kinds": as_data(korean.KINDS, lambda kind: kind._asdict() | {"names": groups[kind.names]}),
        "plots": as_data(korean.PLOTS, steps_of),
    }


class _Branch(Exception):
    """The plot goes on in one of several ways, as `step` says."""

    def __init__(self, step: Step, count: int):
        self.step, self.count = step, count


class _Memory:
    """A memory that answers with the slot of what is asked for: "{he}"."""

    def __init__(self, tale: "_Noted"):
        self.tale = tale

    def __getitem__(self, key: str) -> str:
        return f"{{{key}}}"

    def __setitem__(self, key: str, value: str) -> None:
        self.tale.steps.append(["remember", key, value])

    def __contains__(self, key: str) -> bool:
        return self.tale.branch(["has", key], count=2) == 1


class _Noted(Tale):
    """A tale that notes the steps after the last of its `answers`, which say how each branch goes on."""

    def __init__(self, answers: Iterable[int]):
        self.answers, self.steps, self.memory = list(answers), [], _Memory(self)

    def say(self, *lines: str | tuple[str, ...]) -> None:
        self.steps += [["say", line] if isinstance(line, str) else ["either", line] for line in lines]

    def either(self, *templates: str) -> int:
        return self.branch(["either", templates], count=len(templates))

    def choose(self, options: Options) -> str:
        """The slot of what is chosen."""
        self.steps.append(["choose", as_data(options), "chosen"])
        return "{chosen}"

    def branch(self, step: Step, count: int) -> int:
        if not self.answers:
            raise _Branch(step, count)
        self.steps = []
        return self.answers.pop(0)


def steps_of(plot: Callable[[Tale], None], answers: tuple[int, ...] = ()) -> list[Step]:
    """What `plot` does after the `answers`; a step that branches ends in the steps of each branch."""
    tale = _Noted(answers)
    try:
        plot(tale)
    except _Branch as found:
        ways = [steps_of(plot, (*answers, i)) for i in range(found.count)]
        return [*tale.steps, [*found.step, ways]]
    return tale.steps


def as_data(options: Options, result: Callable[[Any], Any] = lambda value: value) -> list[list[Any]]:
    """[words, probability, result] of each option; a result that is a list of such is chosen next."""
    return [
        [words, prob, as_data(value, result) if isinstance(value, Options) else result(value)]
        for words, prob, value in zip(options.words, options.probs, options.results, strict=True)
    ]


def compact(lists: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Word lists by name: of items without a partner, only the items."""
    return {name: dict(items) if any(items.values()) else list(items) for name, items in lists.items()}
