"""The JavaScript of a page: what the widgets on it need, in the order in which it is read, and nothing more.

All are classic scripts, because a file that is opened from a disk can load no modules: they share one set of names.
"""

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from gptcore.language import _, with_words
from gptcore.page.source import source
from gptcore.show import front

FOLDER = Path(__file__).parent
# What plays Python's part for each widget: the files in `views` that it needs, its own last. A front end, in
# `gptcore/show/front`, has the name of that last one.
VIEWS = {
    "AttentionView": ("candidates", "recorded", "attention_view"),
    "CostExplorer": ("costs", "cost_explorer"),
    "DistributionExplorer": ("candidates", "panels", "distribution_explorer"),
    "FutureTree": ("source", "ways", "futures", "work", "future_tree"),
    "GenerationStepper": ("candidates", "dart", "tape", "generation_stepper"),
    "LogitLens": ("candidates", "recorded", "logit_lens"),
    "Machine": ("candidates", "dart", "tokens", "recorded", "machine"),
    "ModelComparison": ("dart", "texts", "comparison", "untrained", "model_comparison"),
    "NextToken": ("candidates", "dart", "next_token"),
    "PrecisionExplorer": ("costs", "texts", "precision", "precision_explorer"),
    "Prediction": ("prediction",),
    "SettingsComparison": ("dart", "texts", "comparison", "settings_comparison"),
    "Story": ("story",),
    "StreamingGenerator": ("candidates", "dart", "writing", "streaming_generator"),
    "TextScorer": ("candidates", "tokens", "scored_text", "scored_place", "work", "text_scorer"),
    "TokenExplorer": ("tokens", "token_explorer"),
    "TrainingMonitor": ("training_record", "training_monitor"),
}


def scripts(names: Collection[str], language: str | None = None) -> str:
    """The script of a page with the widgets called so, in this language, or in that of the interface.

    >>> "class NextToken" in scripts(["NextToken"])
    True

    Raises ValueError if there is no such widget.
    """
    if unknown := sorted(set(names) - VIEWS.keys()):
        raise ValueError(
            _("names must be some of {names}, got {other}").format(names=", ".join(VIEWS), other=", ".join(unknown))
        )
    files = dict.fromkeys(name for widget in sorted(names) for name in VIEWS[widget])
    views = [_view(name) for name in ("live_view", *files)]
    code = [*_shared(), *views, *map(_wrapped, _drawn(names)), _start()]
    return "'use strict';\n" + with_words(_without_comments("\n".join(code)), language)


def _without_comments(code: str) -> str:
    """`code` without its comments and indentation: a quarter of what a phone would have to fetch."""
    lines = (line.strip() for line in code.split("\n"))
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _shared() -> Iterator[str]:
    """What every page has."""
    yield _read(front.FOLDER / "shared.js")
    yield from (
        _read(FOLDER / f"{name}.js") for name in ("gpt", "numbers", "checks", "settings", "front", "address", "qr")
    )


def _start() -> str:
    """What brings the widgets of the page to life, with its names for itself."""
    return "(() => {{\n{}\n}})();\n".format("\n".join(_read(FOLDER / f"{name}.js") for name in ("share", "start")))


def _view(name: str) -> str:
    return source() if name == "source" else _read(FOLDER / "views" / f"{name}.js")


def _drawn(names: Collection[str]) -> list[str]:
    """The front ends of the widgets called so."""
    return [VIEWS[widget][-1] for widget in sorted(names)]


def _wrapped(name: str) -> str:
    """A front end, with its names for itself."""
    code = _read(front.FOLDER / f"{name}.js")
    return f"(() => {{\n{code.replace('export default', f'fronts.{name} =', 1)}}})();\n"


@cache
def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")
