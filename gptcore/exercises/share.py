"""What a student has got right, for the teacher to see, and only if the student wants that.

    from gptcore.exercises import share

    share.start()

From then on a file in the student's own home keeps the name of each exercise that was right, with the day: no answer,
no mistake, nothing of what was typed. Without the file nothing is kept, and `share.stop()` deletes it. The teacher of a
class on JupyterHub reads it with `python -m gptcore.classroom finished`; nothing is sent anywhere.
"""

import json
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from gptcore.files import locked, path_text, read_json, write_text, writing
from gptcore.language import _

NAME, LARGEST = ".gptcore-finished.json", 100_000  # bytes: a hundred times what all exercises take


def file() -> Path:
    """Where it is kept."""
    return Path.home() / NAME


def start() -> None:
    """Keep from now on which exercises are right, and say what that means.

    Raises ValueError if the file cannot be written.
    """
    with writing("file", file()), _alone():
        if not file().exists():
            write_text(file(), "{}")
    said = _(
        "{file} now keeps which exercises are right, and since which day: no answers, no mistakes. In a class on "
        "JupyterHub the teacher can read it. To stop and delete it: share.stop()"
    )
    print(said.format(file=path_text(file())))


def stop() -> None:
    """Delete what was kept, and keep nothing from now on."""
    with writing("file", file()), _alone():
        file().unlink(missing_ok=True)
    print(_("{file} is deleted, and nothing is kept any more.").format(file=path_text(file())))


def note(exercise: Any) -> None:
    """Keep that `exercise` is right, if the student wants that. Whatever goes wrong with it disturbs no exercise."""
    with suppress(OSError, ValueError, TypeError):
        if not file().exists():
            return
        with _alone():
            if file().exists() and (name := _name(exercise)):
                kept = read_json(file(), LARGEST)
                if isinstance(kept, dict) and name not in kept:
                    write_text(file(), json.dumps({**kept, name: date.today().isoformat()}, indent=1))


def _alone():
    return locked(file().with_name(f"{NAME}-lock"), patience=5.0)


def _name(exercise: Any) -> str | None:
    """Where a lesson's exercise stands, "lesson04.check_top_k"; None for one that belongs to no lesson."""
    if exercise.name:
        return exercise.name
    for module_name, module in list(sys.modules.items()):
        lesson = module_name.removeprefix("gptcore.exercises.")
        if lesson != module_name and lesson.startswith("lesson"):
            for name, value in vars(module).items():
                if value is exercise:
                    return f"{lesson}.{name}"
    return None
