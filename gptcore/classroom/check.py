"""The evening before: `python -m gptcore.classroom check` says of each thing that is needed "ok", or what to do.

At the end lesson 00 is run as the first student on the list would run it.
"""

import argparse
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

from gptcore.classroom.accounts import HOMES, REMARK, account, account_name
from gptcore.classroom.address import how_to_ask, in_the_clear, is_local, of_this_machine
from gptcore.classroom.asking import SOCKETS
from gptcore.classroom.folder import class_folder
from gptcore.classroom.limits import bound
from gptcore.classroom.password import FILE as CLASS_PASSWORD
from gptcore.classroom.students import students
from gptcore.language import N_, _
from gptcore.lessons import FIRST, NOTEBOOKS
from gptcore.printable import columns, printable
from gptcore.units import bytes_text

ABOUT = N_("look, the evening before, whether everything is there that a lesson needs")
WIDTH = 14  # columns of a name
MODULES = ["jupyterhub", "firstuseauthenticator", "jupyterhub_idle_culler", "jupyterlab", "ipywidgets", "anywidget"]
MODULES += ["matplotlib", "koreanize_matplotlib"]  # of the last only the font is used

STUDENT = 250 * 2**20  # bytes: a server and two kernels that were forked; python -m gptcore.benchmark classroom
HOME = 200 * 2**20  # bytes of disk: the lessons with their outputs, and what is saved again and again
PER_CORE = 15  # students who begin at once: thirty were tried on two cores
TRIAL = 300  # seconds for lesson 00; it takes ten

NOT_FORKED = {
    "kernels": N_("no daemon forks kernels, so each takes seconds to start: the hub starts it, and its log says more"),
    "servers": N_("no daemon forks servers, so each takes seconds to start: the hub starts it, and its log says more"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-trial", action="store_true", help=_("do not run lesson 00 as a student"))


def run(options: argparse.Namespace) -> int:
    """Print a line for each thing; 1 if there is something to do."""
    if os.geteuid() != 0:
        raise ValueError(_("only root can see all of it: run this with sudo"))
    checks = {name: look for name, look in CHECKS.items() if look is not _trial or not options.no_trial}
    problems = 0
    for name, look in checks.items():
        found = list(look())
        problems += len(found)
        for said in found or [_("ok")]:
            print(f"{_(name)}{' ' * (WIDTH - columns(_(name)))} {said}", flush=True)
    return 1 if problems else 0


def _programs() -> Iterator[str]:
    if missing := [name for name in MODULES if find_spec(name) is None]:
        said = _('{names} is missing: with {python} run  pip install -c constraints.txt ".[classroom]"')
        yield said.format(names=", ".join(missing), python=sys.executable)
    if find_spec("rfc3987_syntax"):
        yield _("rfc3987-syntax makes every start slow, and nothing needs it: run  pip uninstall rfc3987-syntax")


def _proxy() -> Iterator[str]:
    if shutil.which("configurable-http-proxy") is None:
        yield _("configurable-http-proxy is missing: run  npm install -g configurable-http-proxy@5")


def _lessons() -> Iterator[str]:
    if not (NOTEBOOKS / FIRST).is_file():
        yield _("the notebooks are not there: install the project with -e from its own folder")
    for place in dict.fromkeys((Path(sys.prefix), Path(sys.executable).resolve().parent, Path(__file__), NOTEBOOKS)):
        if closed := _closed(place):
            said = _("students cannot read {place}, because {folder} is closed: move it, as to /opt")
            yield said.format(place=place, folder=closed)


def _closed(place: Path) -> Path | None:
    """The first of the folders on the way to `place` that other users cannot enter."""
    folders = reversed(place.absolute().parents)
    return next((folder for folder in folders if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH), None)


def _folder() -> Iterator[str]:
    folder = class_folder()
    if not folder.is_dir():
        yield _("{folder} is not there yet: the commands for the list and the password make it").format(folder=folder)
    elif folder.stat().st_uid != 0 or stat.S_IMODE(folder.stat().st_mode) != 0o700:
        yield _("{folder} must be root's and closed to others: run  chown root {folder} && chmod 700 {folder}").format(
            folder=folder
        )


def _students() -> Iterator[str]:
    if not students():
        yield _("nobody is on the list: run  python -m gptcore.classroom students FILE")
    for student in students():
        try:
            found = pwd.getpwnam(account_name(student))
        except KeyError:  # made at the first login
            continue
        if found.pw_gecos != REMARK:
            said = _("{name} is a system user of another kind: take another name for {student}")
            yield said.format(name=found.pw_name, student=printable(student))
        elif (home := Path(found.pw_dir)).is_dir() and stat.S_IMODE(home.stat().st_mode) & 0o077:
            yield _("others can enter {folder}: run  chmod 700 {folder}").format(folder=home)
    if shutil.which("useradd") is None:
        yield _("useradd is missing, which makes a system user for each student: install the package passwd")


def _password() -> Iterator[str]:
    if not (class_folder() / CLASS_PASSWORD).exists():
        yield _("there is no class password: run  python -m gptcore.classroom password")


def _memory() -> Iterator[str]:
    from gptcore.memory import free_bytes

    needed, free = STUDENT * len(students()), free_bytes("cpu")
    if free is not None and free < needed:
        said = _("{count} students take about {needed}, and {free} is free: about {fit} of them fit")
        yield said.format(count=len(students()), needed=bytes_text(needed), free=bytes_text(free), fit=free // STUDENT)


def _processor() -> Iterator[str]:
    cores = len(os.sched_getaffinity(0))
    if len(students()) > PER_CORE * cores:
        said = _(
            "on {cores} cores about {fit} students can begin at once, and {count} are on the list: start their servers "
            "before the bell (python -m gptcore.classroom start), or let them begin in groups"
        )
        yield said.format(cores=cores, fit=PER_CORE * cores, count=len(students()))


def _disk() -> Iterator[str]:
    needed, free = HOME * len(students()), shutil.disk_usage(HOMES).free
    if free < needed:
        said = _("{count} homes take up to {needed}, and {free} is free in {folder}")
        yield said.format(count=len(students()), needed=bytes_text(needed), free=bytes_text(free), folder=HOMES)


def _hub() -> Iterator[str]:
    if (how := how_to_ask()) is None:
        yield _("it has never run: start it with  jupyterhub -f classroom/jupyterhub_config.py")
        return
    address = how["address"]
    if problem := in_the_clear(address):
        yield problem
    if is_local(address):
        said = _(
            "only this machine can reach {address}: say in jupyterhub_config.py what the students type, unless another "
            "server passes it on"
        )
        yield said.format(address=address)
    try:
        urlopen(f"{address}/hub/health", timeout=10, context=of_this_machine()).close()
    except OSError as error:  # what urllib raises among them
        said = _("it does not answer at {address} ({problem}): start it, and read its log")
        yield said.format(address=address, problem=error)


def _prefork() -> Iterator[str]:
    for what, place in SOCKETS.items():
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(place)
            except OSError:
                yield _(NOT_FORKED[what])


def _trial() -> Iterator[str]:
    """What goes wrong where the first student runs lesson 00, under the limits of the class."""
    if not students():
        yield _("nobody is there to try lesson 00")
        return
    user = account(students()[0])
    with tempfile.TemporaryDirectory() as folder:
        shutil.chown(folder, user.pw_uid, user.pw_gid)
        command = [sys.executable, "-P", "-m", "nbconvert", "--to", "notebook", "--execute", str(NOTEBOOKS / FIRST)]
        command += ["--output-dir", folder, "--ExecutePreprocessor.store_widget_state=False"]
        try:
            found = subprocess.run(command, cwd=folder, timeout=TRIAL, **as_student(user, folder))
        except subprocess.TimeoutExpired:
            yield _("lesson 00 did not end within {seconds} seconds").format(seconds=TRIAL)
            return
    if found.returncode:
        last = (found.stderr.strip().splitlines() or [str(found.returncode)])[-1]
        yield _("lesson 00 fails for {name}: {problem}").format(name=user.pw_name, problem=printable(last))


def as_student(user: pwd.struct_passwd, home: str) -> dict:
    """How `subprocess.run` runs something as a student, bounded as in a lesson, and with `home` for a home."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "GPTCORE_LANGUAGE") if name in os.environ}
    environment = {**kept, "HOME": home, "USER": user.pw_name, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    return {
        "env": {**environment, "HF_HUB_OFFLINE": "1"},
        "user": user.pw_uid,
        "group": user.pw_gid,
        "extra_groups": [],
        "preexec_fn": bound(_process_memory(), None),
        "capture_output": True,
        "text": True,
    }


def _process_memory() -> int:
    """Bytes for a process of a student's, as the hub's configuration has it where nobody has changed it."""
    from inspect import signature

    from gptcore.classroom.hub import configure

    return int(signature(configure).parameters["process_memory"].default * 2**30)


CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    N_("programs"): _programs,
    N_("proxy"): _proxy,
    N_("lessons"): _lessons,
    N_("folder"): _folder,
    N_("students"): _students,
    N_("password"): _password,
    N_("memory"): _memory,
    N_("processor"): _processor,
    N_("disk"): _disk,
    N_("hub"): _hub,
    N_("quick starts"): _prefork,
    N_("lesson 00"): _trial,
}
