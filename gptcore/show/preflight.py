"""`preflight`: whether this machine is ready for the lessons, and if not, what to do."""

import re
import sys
from importlib import import_module, metadata, util

import torch

from gptcore.language import _
from gptcore.memory import free_bytes
from gptcore.show.kernel import running_kernel
from gptcore.show.style import columns

NAME = 11  # columns
# Bytes that the kernel of each lesson takes at most when all its cells run, a little rounded up: the tests measure it.
NEEDED_MEMORY = {f"{lesson:02}": 480_000_000 for lesson in range(6)} | {
    "06": 1_060_000_000,
    "07": 760_000_000,
    "08": 850_000_000,
    "09": 650_000_000,
    "10": 1_070_000_000,
    "11": 550_000_000,  # with the bundled model, as in a class: each GPT-2 that it loads takes as much again
}
OLDEST = {"ipywidgets": "7.7", "anywidget": "0.9", "ipykernel": "6.17", "matplotlib": "3.10"}  # as in pyproject.toml


def preflight() -> None:
    """Print one line for each thing that the lessons need: "ok", or what is wrong and what to do.

    Python cannot see the page. If a widget shows no sliders although "widgets" is ok, README's "Where the lessons run"
    says what the page lacks.
    """
    for name, problem in _checks():
        _print(name, problem or _("ok"))
    _print(_("runs on"), _device())


def _print(name: str, said: str) -> None:
    print(f"{name}{' ' * (NAME - columns(name))} {said}")


def _checks() -> list[tuple[str, str | None]]:
    return [
        ("Python", None if sys.version_info >= (3, 11) else _("is too old: install Python 3.11 or newer")),
        (_("widgets"), _unusable("ipywidgets") or _unusable("anywidget") or _no_kernel() or _too_old("ipykernel")),
        (_("charts"), _unusable("matplotlib") or _no_korean_font()),
        (_("memory"), _unusable("psutil") or _short_of_memory(free_bytes("cpu"))),
    ]


def _unusable(module: str) -> str | None:
    """Whether `module` is missing, broken or too old."""
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        return _install(_("{name} is missing").format(name=error.name), error.name)
    except Exception as error:  # half installed, or made for another version of what it needs
        return _install(
            _("{name} cannot be imported ({problem})").format(name=module, problem=error), f"--force-reinstall {module}"
        )
    return _too_old(module)


def _too_old(package: str) -> str | None:
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:  # a kernel of another make, for example
        return None
    if _numbers(version) >= _numbers(OLDEST.get(package, "0")):
        return None
    return _install(
        _("{name} {version} is too old").format(name=package, version=version), f'"{package}>={OLDEST[package]}"'
    )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


def _install(problem: str, what: str | None) -> str:
    said = _("{problem}: run  %pip install {what}  in a cell, then restart the kernel")
    return said.format(problem=problem, what=what)


def _no_kernel() -> str | None:
    """What is wrong where there is no kernel: widgets answer only in a notebook."""
    return _("will not answer outside of a notebook") if running_kernel() is None else None


def _no_korean_font() -> str | None:
    found = util.find_spec("koreanize_matplotlib")  # its font is used, its code is not run
    return None if found else _install(_("the font for Korean is missing"), "koreanize-matplotlib")


def _short_of_memory(free: int | None) -> str | None:
    """What to do if a lesson needs more than this kernel has taken already and can still take."""
    if free is None:
        return None
    import psutil

    room = free + psutil.Process().memory_info().rss
    beyond = {lesson: needed for lesson, needed in NEEDED_MEMORY.items() if needed > room}
    if not beyond:
        return None
    said = _(
        "a kernel can have {room} GB here, too little for lessons {lessons}, which take up to {needed} GB: "
        "shut down other notebooks (Kernel menu) or close other programs"
    )
    return said.format(room=f"{room / 1e9:.2f}", lessons=", ".join(beyond), needed=f"{max(beyond.values()) / 1e9:.2f}")


def _device() -> str:
    if not torch.cuda.is_available():
        return _("the CPU")
    try:
        torch.ones(1, device="cuda").add(1).item()
    except RuntimeError as error:  # too old for this PyTorch, or taken by others
        problem = str(error).partition("\n")[0]
        said = _("no GPU: CUDA fails ({problem}); set CUDA_VISIBLE_DEVICES= before you start Jupyter, to use the CPU")
        return said.format(problem=problem)
    return _("the GPU (CUDA)")
