"""python -m gptcore.benchmark [section …] [--repeats N] [--json]"""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

import torch

from gptcore.benchmark import busy, classroom, generation, start, training
from gptcore.benchmark.engines import ENGINES
from gptcore.benchmark.measure import Row
from gptcore.command_line import Parser, exit_code
from gptcore.language import N_, _

ABOUT = {  # what each section says of itself
    "generation": N_("Tokens per second of GPT-2's size, 124M: one text, 200 new tokens."),
    "storyteller": N_("Tokens per second of the bundled model: 200 new tokens, one text and many."),
    "formats": N_("What fewer bits change: 30 greedy texts of 64 tokens by the bundled model, and the KL divergence."),
    "prompt": N_("GPT-2's size, 124M: the first token after a prompt of 1,000, and one more token as the text grows."),
    "window": N_("Past the context of the bundled model: one token beside one reading of the whole window."),
    "start": N_("A whole process, from the command to its end, beside one that only imports torch."),
    "memory": N_("The most memory that a kernel has while a lesson runs. Needs the notebooks and nbclient."),
    "widgets": N_(
        "From a slider to new pixels, in JupyterLab in headless Chromium. Needs the tests, Playwright and Chromium."
    ),
    "training": N_(
        "Tokens per second in training a small GPT: nanoGPT's settings for a CPU, 4 layers, width 128, context 64."
    ),
    "classroom": N_(
        "A class that comes all at once: lessons 00, 03, 04 and 05. Needs the tests, root, Linux and JupyterHub."
    ),
    "busy": N_(
        "Speed while 0, 1 or 2 other processes are at work, beside the best number of threads. Takes all cores."
    ),
}
SECTIONS: dict[str, Callable[[int], list[Row]]] = {
    "generation": generation.generation,
    "storyteller": generation.storyteller,
    "formats": generation.formats,
    "prompt": generation.prompt,
    "window": generation.window,
    "start": start.start,
    "memory": start.memory,
    "widgets": start.widgets,
    "training": training.training,
    "classroom": classroom.classroom,
    "busy": busy.busy,
}
WHOLE_MACHINE = {"classroom", "busy"}  # run only where they are asked for: they take the machine for a long time


def machine() -> dict[str, str | int]:
    """What the figures depend on: versions and hardware."""
    engines = (package for engine in ENGINES.values() for package in engine.needs.values())
    packages = dict.fromkeys(["torch", "transformers", "llms-from-scratch", *engines, "gptcore"])
    return {
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
        "CPU": _cpu(),
        _("CPU threads"): os.cpu_count() or 0,
        _("torch threads"): torch.get_num_threads(),
        _("device"): torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def main(arguments: list[str] | None = None) -> None:
    parser = Parser(
        prog="python -m gptcore.benchmark",
        description=_("Measure gptcore beside its peers, in one run. Compare ratios: figures depend on the machine."),
        epilog=_("Sections: {names}").format(names="; ".join(f"{name}: {_(ABOUT[name])}" for name in SECTIONS)),
    )
    parser.add_argument(
        "section", nargs="*", choices=[*SECTIONS, []], help=_("what to measure (default: all but classroom and busy)")
    )
    parser.add_argument("--repeats", type=int, default=3, help=_("runs of each job, in turn (default: %(default)s)"))
    parser.add_argument("--students", type=int, default=30, help=_("in the class (default: %(default)s)"))
    parser.add_argument("--json", action="store_true", help=_("print one JSON object"))
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error(_("--repeats must be 1 or more, got {value}").format(value=options.repeats))
    if options.students < 1:
        parser.error(_("--students must be 1 or more, got {value}").format(value=options.students))
    chosen = options.section or [name for name in SECTIONS if name not in WHOLE_MACHINE]
    results = {}
    if not options.json:
        print(" · ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    for name in chosen:
        results[name] = SECTIONS[name](options.students if name == "classroom" else options.repeats)
        if not options.json:
            print(_table(name, results[name]), flush=True)
    if options.json:
        rows = {name: [asdict(row) for row in rows] for name, rows in results.items()}
        json.dump({"machine": machine(), "sections": rows}, sys.stdout, indent=2)
        print()


def _table(name: str, rows: list[Row]) -> str:
    lines = ["", f"{name}: {_(ABOUT[name])}"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:7.2f} × {row.peer}" if row.name != row.peer else "      1"
        value = f"{row.value:10.4g} {row.unit}" if row.unit else ""
        lines.append(f"  {row.name:44} {value:22} {ratio} {row.note}".rstrip())
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return _("not installed")


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(exit_code("gptcore.benchmark", main))
