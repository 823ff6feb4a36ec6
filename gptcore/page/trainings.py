"""Trainings that a page can show again: each `TrainingMonitor` of a lesson, run once, with all that it reported.

A page has no PyTorch to train with, and a reader on a phone no minutes to wait. `python -m gptcore.page record` runs
the cells of each such lesson up to its last training, and writes a small file, which is kept beside this module;
`recording` finds that of a saved widget. The page says that it is a recording.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from gptcore import show
from gptcore.language import _, language
from gptcore.show import TrainingMonitor
from gptcore.show.front import to_page
from gptcore.training import History, Progress

FOLDER = Path(__file__).parent / "trainings"
LESSONS = ("07_learning", "08_evaluating", "ko/07_learning", "ko/08_evaluating")
PLAYED = 12  # seconds in which a page plays a recording, however long the training took
TRAINS = "await "  # in the source of a cell that trains and is watched


def recording(saved: Mapping[str, Any]) -> dict[str, Any] | None:
    """The training that was recorded of the TrainingMonitor that says this of itself, or None if there is none.

    The floor is not compared: it is computed, and its last digit may depend on the machine.
    """
    known = _known(saved)
    return next((training for training in _recordings() if _known(training["saved"]) == known), None)


def about(training: Mapping[str, Any]) -> str:
    """What a page says of a recording, after the caption."""
    seconds = training["seconds"]
    time, count = f"{int(seconds) // 60}:{int(seconds) % 60:02d}", ceil(seconds / PLAYED)
    if count == 1:
        return _("This page cannot train: it plays the recording of a training that took {time} minutes.").format(
            time=time
        )
    said = _(
        "This page cannot train: it plays the recording of a training that took {time} minutes, {count} times as fast."
    )
    return said.format(time=time, count=count)


def _known(saved: Mapping[str, Any]) -> dict[str, Any]:
    settings = dict(saved.get("settings", {}))
    settings.pop("floor", None)
    return {"widget": saved["widget"], "given": saved.get("given"), "settings": settings}


@cache
def _recordings() -> list[dict[str, Any]]:
    files = sorted(FOLDER.glob("*.json"))
    return [training for file in files for training in json.loads(file.read_text(encoding="utf-8"))["trainings"]]


class Recorder(TrainingMonitor):
    """A TrainingMonitor that writes down what it hears: `events` are reports and samples, in their order."""

    made: list["Recorder"] = []  # noqa: RUF012  (of all, in the order in which they were made)

    def __init__(self, *args: Any, **settings: Any):
        self.events: list[list[Any]] = []
        super().__init__(*args, **settings)
        self.made.append(self)

    async def fit(self, *args: Any, **settings: Any) -> History:
        return await super().fit(*args, on_progress=self._write_report, **settings)

    def _write_report(self, progress: Progress) -> None:
        losses = [None if loss is None else _short(loss) for loss in (progress.loss, progress.val_loss)]
        self.events.append(
            ["report", progress.step, *losses, _short(progress.tokens_per_second), round(self.seconds, 2)]
        )

    def _write_sample(self, step: int) -> None:
        super()._write_sample(step)
        self.events.append(["sample", *self.samples[-1]])

    def recorded(self) -> dict[str, Any]:
        """The whole training."""
        record = self.record
        best = None if record.best_val_loss is None else _short(record.best_val_loss)
        return {
            "saved": to_page(self._given() | {"widget": "TrainingMonitor"}, raw=True),
            "max_steps": record.max_steps,
            "seconds": round(record.seconds, 1),
            "events": self.events,
            "end": {"state": record.state, "best_step": record.best_step, "best_val_loss": best},
        }


def _short(number: float) -> float:
    """Six digits: more than a page shows."""
    return float(f"{number:.6g}")


def _in_lines(made: dict[str, Any]) -> str:
    """As JSON, an event to a line."""
    text = json.dumps(made, ensure_ascii=False, indent=1)
    return re.sub(r"\n {4}([]}])", r"\1", re.sub(r"\n {5,}", " ", text)) + "\n"


def record(notebook: Path) -> dict[str, Any]:
    """Run the cells of a lesson up to its last training, and return what its monitors have heard."""
    from IPython.core.interactiveshell import InteractiveShell  # in the course's environment, not needed by a page

    shell, before = InteractiveShell.instance(), language()
    with mock.patch.object(show, "TrainingMonitor", Recorder), mock.patch.object(Recorder, "made", []):
        for source in cells(notebook):
            shell.run_cell(source.replace("%matplotlib inline", "")).raise_error()  # there is nobody to see a chart
        trainings = [recorder.recorded() for recorder in Recorder.made]
    language(before)  # the Korean edition has set its own
    return {
        "lesson": notebook.stem,
        "made": f"by python -m gptcore.page record on {date.today()}, with PyTorch "
        f"{torch.__version__.partition('+')[0]} and {torch.get_num_threads()} of {os.cpu_count()} threads",
        "cells": [source for source in cells(notebook) if trains(source)],
        "trainings": trainings,
    }


def cells(notebook: Path) -> list[str]:
    """The sources of the code cells up to the last training."""
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    last = max(i for i, source in enumerate(sources) if trains(source))
    return sources[: last + 1]


def trains(source: str) -> bool:
    """Whether a cell makes a monitor, or trains with it."""
    return "TrainingMonitor(" in source or TRAINS in source


def write(notebooks: Path) -> Iterator[Path]:
    """Record the trainings of all lessons in the folder `notebooks`; yields each file that it wrote."""
    FOLDER.mkdir(exist_ok=True)
    for lesson in LESSONS:
        made, file = record(notebooks / f"{lesson}.ipynb"), FOLDER / f"{lesson.replace('/', '_')}.json"
        file.write_text(_in_lines(made | {"lesson": lesson}), encoding="utf-8")
        yield file
