"""The lessons to work in: `python -m gptcore.lessons` makes copies of the notebooks and opens them in JupyterLab.

JupyterLab saves a notebook over its file again and again, with all its outputs. In a copy it may: the project stays as
it is, and can be updated and tested. A newer lesson replaces a copy in which nobody has written; a copy that was
changed stays, and the newer lesson is put beside it. Nothing in the folder is ever removed.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from gptcore.command_line import exit_code, say
from gptcore.files import as_path, locked, path_text, read_json, write_text, write_whole, writing
from gptcore.language import ENGLISH, _, language
from gptcore.printable import printable

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
FOLDER, FIRST = "~/gptcore-lessons", "00_start_here.ipynb"
_NAME, _RECORD, _LOCK = "gptcore.lessons", ".gptcore-lessons.json", ".gptcore-lessons-lock"
_VIEW = "application/vnd.jupyter.widget-view+json"

Version = list[str]  # two digests: of a file, and of what a person wrote in it
_seen: dict[str, str] = {}  # the second digest by the first


def hand_out(folder: str | os.PathLike, notebooks: Path = NOTEBOOKS) -> list[str]:
    """Copy the lessons into `folder`, or bring the copies there up to date, and return in sentences what was done.

    Raises ValueError if the notebooks are not here, or if `folder` is a part of the project or cannot be written. Two
    processes wait for each other, and after an interruption the next call does the rest.
    """
    folder = _checked(folder, notebooks)
    with writing("folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / _LOCK):
            record = _read_record(folder)
            is_first = not record
            try:
                places = {name: _update(folder, name, data, record) for name, data in _lessons(notebooks)}
            finally:
                write_text(folder / _RECORD, json.dumps(record, indent=1))
    return list(_sentences(folder, {} if is_first else places))


def _checked(folder: str | os.PathLike, notebooks: Path) -> Path:
    folder, project = as_path("folder", folder).absolute(), notebooks.parent.resolve()
    if not (notebooks / FIRST).is_file():
        raise ValueError(
            _(
                "the notebooks are not installed with the package: get the project with git clone, or download and "
                "unpack it, and run python -m gptcore.lessons in its folder"
            )
        )
    if folder.resolve().is_relative_to(project):
        message = _("folder must lie outside of the project in {project}, which stays as it is, got {folder}")
        raise ValueError(message.format(project=path_text(project), folder=path_text(folder)))
    return folder


def _lessons(notebooks: Path) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of everything that is handed out."""
    for file in sorted(file for kind in ("*.ipynb", "images/*", "*.md") for file in notebooks.rglob(kind)):
        name = file.relative_to(notebooks).as_posix()
        if file.is_file() and "/." not in f"/{name}":  # what JupyterLab hides it keeps for itself
            yield name, file.read_bytes()


def _sentences(folder: Path, places: dict[str, str | None]) -> Iterator[str]:
    """What there is to say: where the copies are, and where newer lessons were put."""
    said = _("The lessons are in {folder}: change what you like there, the project stays as it is.")
    yield said.format(folder=path_text(folder))
    if replaced := sum(name == place for name, place in places.items()):
        yield _("Brought up to date: {count}.").format(count=replaced)
    for name, place in places.items():
        if place not in (None, name):
            said = _("You have changed {name}, so it stays; its new version is {new}, beside it.")
            yield said.format(name=printable(name), new=printable(place))


def _update(folder: Path, name: str, data: bytes, record: dict[str, Version]) -> str | None:
    """Bring one copy up to date, and return the name under which a newer one was written, if there is one."""
    version, handed_out, copy, place = _version(data), record.get(name), folder / name, None
    if not copy.exists():
        _write(folder / (place := name), data)
    elif version != handed_out:
        mine = _version(copy.read_bytes())
        if handed_out and mine[1] == handed_out[1]:
            _write(folder / (place := name), data)
        elif mine[1] != version[1]:
            place = _put_beside(folder, name, data, record)
    record[name] = version
    return place


def _put_beside(folder: Path, name: str, data: bytes, record: dict[str, Version]) -> str:
    """Write `data` under the first name like name_new that is free, or whose file nobody has changed."""
    stem, dot, suffix = name.rpartition(".")
    version = _version(data)
    for number in count(1):
        new = f"{stem}_new{number if number > 1 else ''}{dot}{suffix}"
        mine, handed_out = _version_of(folder / new), record.get(new, version)
        if mine is None or mine[1] in (version[1], handed_out[1]):
            _write(folder / new, data)
            record[new] = version
            return new
    raise AssertionError("unreachable")


def _read_record(folder: Path) -> dict[str, Version]:
    """What was handed out before, by name; nothing if that cannot be read, so that every file counts as changed."""
    try:
        record = read_json(folder / _RECORD)
        return record if all(len(version) == 2 for version in record.values()) else {}
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return {}


def look(notebooks: Path = NOTEBOOKS) -> None:
    """Read the lessons once, for the processes that are forked from this one to lay them out."""
    for _name, data in _lessons(notebooks):
        _version(data)


def _version(data: bytes) -> Version:
    digest = hashlib.sha256(data).hexdigest()
    if digest not in _seen:  # to read a notebook takes longer than all the rest
        _seen[digest] = hashlib.sha256(_written(data)).hexdigest()
    return [digest, _seen[digest]]


def _version_of(file: Path) -> Version | None:
    return _version(file.read_bytes()) if file.exists() else None


def _written(data: bytes) -> bytes:
    """What a person writes: of a notebook the cells, but not what changes when it is run, saved or folded."""
    try:
        cells = json.loads(data)["cells"]
        cells = [(cell["cell_type"], "".join(cell["source"]), cell.get("attachments")) for cell in cells]
        return json.dumps([cell for cell in cells if cell[1].strip()]).encode()  # after the last one an empty one comes
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # a picture, or a damaged notebook
        return data


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, lambda temporary: temporary.write_bytes(data))


def show_pictures(folder: Path) -> None:
    """In the copies, take away the widgets that have a picture of themselves.

    Of a widget a notebook holds only the name: the rest was in a kernel, which has ended. JupyterLab would say "model
    not found"; where there is no widget it shows the picture.
    """
    with writing("folder", folder), locked(folder / _LOCK):
        for name in _read_record(folder):
            file = folder / name
            if file.suffix == ".ipynb" and file.exists():
                before = file.read_bytes()
                if (after := _without_widgets(before)) != before:
                    _write(file, after)


def _without_widgets(data: bytes) -> bytes:
    try:
        notebook = json.loads(data)
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
        bundles = [output["data"] for output in outputs if {_VIEW, "image/png"} <= output.get("data", {}).keys()]
        for bundle in bundles:
            del bundle[_VIEW]
        return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode() if bundles else data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return data


def _is_open(folder: Path) -> bool:
    """Whether a Jupyter server is running there, whose kernels may still know the widgets."""
    from jupyter_server.serverapp import list_running_servers

    folder = folder.resolve()
    return any(folder.is_relative_to(Path(server["root_dir"]).resolve()) for server in list_running_servers())


def open_jupyterlab(folder: Path, arguments: Sequence[str] = ()) -> int:
    """Open the first lesson in JupyterLab, or what `arguments` name, and return its exit status when it has ended.

    It is the lesson in the language of the interface, where there is one.
    """
    if find_spec("jupyterlab") is None:
        say(_NAME, _('JupyterLab is missing: install this project with its extra "lessons", as its README says'))
        return 1
    if not _is_open(folder):
        show_pictures(folder)
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in arguments:
        say(_NAME, _("as root, JupyterLab starts only with: python -m gptcore.lessons -- --allow-root"))
    first = FIRST if language() == ENGLISH else f"{language()}/{FIRST}"
    command = [sys.executable, "-m", "jupyterlab", *arguments, first]  # it opens the first file that is named
    os.chdir(folder)
    if os.name == "posix":
        return os.execv(sys.executable, command)  # in place of this process: PyTorch would take memory for nothing
    process = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for JupyterLab, which asks back
    return process.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gptcore.lessons",
        description=_("Open the lessons in JupyterLab: copies of your own, which an update does not write over."),
        epilog=_('What follows "--" goes to JupyterLab: python -m gptcore.lessons -- --port 9000'),
    )
    parser.add_argument("folder", nargs="?", default=FOLDER, help=_("where the copies are (default: %(default)s)"))
    parser.add_argument("--no-open", action="store_true", help=_("make the copies, and do not start JupyterLab"))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Copy the lessons or bring them up to date, then open them."""
    return exit_code(_NAME, partial(_run, list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    chosen = _parser().parse_args(arguments[:split])
    print(*hand_out(chosen.folder), sep="\n", flush=True)
    return 0 if chosen.no_open else open_jupyterlab(as_path("folder", chosen.folder), arguments[split + 1 :])


if __name__ == "__main__":
    sys.exit(main())
