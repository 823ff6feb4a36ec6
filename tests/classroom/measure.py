"""A class on the hub of `classroom/`, beside one on JupyterHub as it comes, on this machine, which simulates both.

python -m tests.classroom.measure --students 30           a table of names, values, units and notes, with tabs

All come at once and run every cell of lessons 00, 03, 04 and 05, without a pause between two cells. The simulated
browsers run on the same machine, and take some of it. JupyterHub as it comes knows the students and has the lessons in
their homes.
"""

import argparse
import shutil
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import psutil

from gptcore.classroom.accounts import account, account_name
from tests.classroom.hub import ADDRESS, CLASS_PASSWORD, ROOT, Hub
from tests.classroom.student import Student

LESSONS = [
    "00_start_here.ipynb",
    "03_logits_to_probabilities.ipynb",
    "04_choosing_a_token.ipynb",
    "05_the_loop.ipynb",
]
STOCK = f"""
c.JupyterHub.bind_url = "{ADDRESS}"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "{CLASS_PASSWORD}"
c.Authenticator.allow_all = True
"""
SLIDER = """
import gptcore
from gptcore.show import DistributionExplorer
model, tokenizer = gptcore.load(device="cpu")
explorer = DistributionExplorer(model, tokenizer, "Once upon a time")
print(explorer.view.model_id)
"""
MOVES, BESIDE, REST = 40, 10, 0.3  # of the slider, students who work meanwhile, and seconds between two moves
PATIENCE = 150  # seconds that a student waits for a server


@dataclass
class Times:
    """The seconds that one student waited, and what went wrong."""

    log_in: float = 0.0
    server: float = 0.0
    lessons: list[dict[str, float]] = field(default_factory=list)
    problem: str = ""


class Sampler:
    """The memory of the students' processes, looked at now and then; what several share is divided among them."""

    def __init__(self, uids: set[int]):
        self.uids, self.peak, self.ended = uids, 0, threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.ended.wait(10):
            self.peak = max(self.peak, sum(self._sizes()))

    def _sizes(self) -> Iterator[int]:
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.uids().real in self.uids:
                    yield process.memory_full_info().pss

    def stop(self) -> int:
        self.ended.set()
        self.thread.join()
        return self.peak


@contextmanager
def class_of(count: int, is_stock: bool) -> Iterator[tuple[Hub, list[Student]]]:
    names = [f"s{number}" for number in range(count)]
    hub = Hub(names, config=STOCK if is_stock else None)
    try:
        students = [hub.student(number) for number in range(count)]
        if is_stock:
            for name, student in zip(hub.names, students, strict=True):
                user = account(name)
                shutil.copytree(ROOT / "notebooks", f"{user.pw_dir}/lessons")
                hub.give(user.pw_dir, user)
                student.become(account_name(name), CLASS_PASSWORD, "lessons/")
        yield hub, students
    finally:
        hub.stop()


def come_and_learn(student: Student, lessons: list[str]) -> Times:
    times, begun = Times(), time.monotonic()
    try:
        student.log_in()
        assert student.is_in(), "not let in"
        times.log_in = time.monotonic() - begun
        student.start_server(PATIENCE)
        times.server = time.monotonic() - begun
        for lesson in lessons:
            times.lessons.append(student.finish(student.folder + lesson))
    except Exception as error:  # any: a class goes on without the one who is stuck
        times.problem = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
    return times


def slider(student: Student, others: list[Student]) -> list[float]:
    """Milliseconds from a hand on the slider to the kernel's answer, while others work."""
    waits: list[float] = []
    with ThreadPoolExecutor(len(others) or 1) as working, student.opened(student.folder + LESSONS[0]) as kernel:
        model = kernel.text_of(SLIDER).strip()
        jobs = [working.submit(other.finish, other.folder + LESSONS[2]) for other in others]
        for move in range(MOVES):
            time.sleep(REST)
            value = 0.5 + 0.02 * move
            state = {"asked": [[move + 1, "set", "temperature", value]]}
            begun = time.monotonic()
            told = kernel.tell(model, state)
            assert any(message["msg_type"] == "comm_msg" for message in kernel.until_idle(told)), "nothing came back"
            waits.append(1000 * (time.monotonic() - begun))
        for job in jobs:
            with suppress(Exception):
                job.result()
    return waits


def measure(
    name: str, count: int, lessons: list[str], is_stock: bool, before_the_bell: bool
) -> Iterator[tuple[str, float, str, str]]:
    with class_of(count, is_stock) as (hub, students):
        if before_the_bell:
            begun = time.monotonic()
            hub.command("start")
            yield f"{name}: all servers started before the bell", time.monotonic() - begun, "s", ""
        sampler = Sampler({account(each).pw_uid for each in hub.names})
        begun, mine, busy = time.monotonic(), time.process_time(), busy_seconds()
        with ThreadPoolExecutor(count) as all_at_once:
            found = list(all_at_once.map(partial(come_and_learn, lessons=lessons), students))
        whole, mine, busy = time.monotonic() - begun, time.process_time() - mine, busy_seconds() - busy
        peak = sampler.stop()
        servers = list(server_seconds(sampler.uids))
        finished = [times for times in found if not times.problem]
        problems = sorted({times.problem for times in found} - {""})
        yield f"{name}: finished, of {count}", len(finished), "students", "; ".join(problems)[:300]
        yield from both(f"{name}: logged in", [times.log_in for times in found if times.log_in])
        yield from both(f"{name}: server", [times.server for times in found if times.server])
        yield from both(
            f"{name}: first widget of 00", [times.lessons[0]["first widget"] for times in found if times.lessons]
        )
        note = f"processor {busy:.0f} s in all, {mine:.0f} of them the simulated browsers"
        yield f"{name}: whole", whole, "s", note
        kernels = [sum(lesson["processor"] for lesson in times.lessons) for times in finished]
        yield from both(f"{name}: processor of a student's kernels", kernels)
        yield from both(f"{name}: processor of a student's server", servers)
        yield f"{name}: memory for each student", peak / count / 2**20, "MiB", "the most, shared parts divided"
        if finished:
            waits = slider(students[0], students[1 : BESIDE + 1])
            yield from both(f"{name}: slider, {min(BESIDE, count - 1)} others at work", waits, "ms")


def both(name: str, values: list[float], unit: str = "s") -> Iterator[tuple[str, float, str, str]]:
    """The median, and the 95th percentile in the note."""
    if values:
        values = sorted(values)
        p95 = values[min(len(values) - 1, round(0.95 * len(values)))]
        yield name, statistics.median(values), unit, f"p95 {p95:.4g} {unit}, {len(values)} of them"


def server_seconds(uids: set[int]) -> Iterator[float]:
    """What each server of a student has done."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if process.uids().real in uids and ("classroom.server" in command or "jupyterhub-singleuser" in command):
                yield sum(process.cpu_times())


def busy_seconds() -> float:
    """What all processors of this machine have done since it was started."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--lessons", type=int, default=len(LESSONS), help="how many of the four")
    parser.add_argument("--only", choices=["stock", "ours", "before"], help="one of the three")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the system's users go again, whatever happens
    kinds = {
        "stock": ("JupyterHub as it comes", True, False),
        "ours": ("classroom/", False, False),
        "before": ("classroom/, servers started", False, True),
    }
    for kind, (name, is_stock, before_the_bell) in kinds.items():
        if options.only in (None, kind):
            for row in measure(name, options.students, LESSONS[: options.lessons], is_stock, before_the_bell):
                print(*row, sep="\t", flush=True)


if __name__ == "__main__":
    sys.exit(main())
