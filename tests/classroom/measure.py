"""A class on the hub of `classroom/`, beside one on JupyterHub as it comes, on this machine, which simulates both.

python -m tests.classroom.measure --students 30           a table of names, values, units and notes, with tabs

All come at once and run every cell of lessons 00, 03, 04 and 05, without a pause between two cells; then larger crowds
come and run lesson 00. The simulated browsers run on the same machine, and take some of it. JupyterHub as it comes
knows the students and has the lessons in their homes. No class goes on for longer than `--minutes`: whoever has not
finished by then has not.
"""

import argparse
import os
import shutil
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

from gptcore.classroom import server, servers, singleuser
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
CORES, MEMORY = 4, 16 * 2**30  # of the machine for which the table calculates
MINUTE, LESSON = 60, 50 * 60  # seconds until everybody has a widget, and of a lesson
SHARE = 0.5  # of the processors, which a lesson may take on average: nobody waits long then
ROOM = 0.9  # of the memory, which a class may take
SCARCE = 0.05  # of the memory: with less than that free, it is what gives way
BUSY = 0.9  # of the processors: with more than that at work, they are what gives way

TIME_IS_UP = "the time was up"

Row = tuple[str, float, str, str]


@dataclass
class Times:
    """The seconds that one student waited, and what went wrong."""

    log_in: float = 0.0
    server: float = 0.0
    lessons: list[dict[str, float]] = field(default_factory=list)
    problem: str = ""
    stuck: float = 0.0  # after how many seconds


class Sampler:
    """The memory of the students' processes, looked at now and then; what several share is divided among them."""

    def __init__(self, uids: set[int]):
        self.uids, self.peak, self.ended = uids, 0, threading.Event()
        self.before = self.least_free = psutil.virtual_memory().available
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.ended.wait(10):
            self.peak = max(self.peak, sum(self._sizes()))
            self.least_free = min(self.least_free, psutil.virtual_memory().available)

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
        times.stuck = time.monotonic() - begun
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


@dataclass
class Class:
    """What a class took: seconds of the processor by kind, bytes, and what each student waited for."""

    count: int
    found: list[Times]
    whole: float
    processor: dict[str, float]
    busy: float  # the share of all processors
    base: int  # bytes that the machine took before anybody came
    peak: int
    least_free: int

    def own(self, lessons: slice) -> list[float]:
        """Seconds of the processor of each student's kernels in these lessons, of those who finished."""
        done = [times.lessons[lessons] for times in self.found if not times.problem]
        return [sum(lesson["processor"] for lesson in each) for each in done]

    @property
    def opening(self) -> float:
        """Seconds of the processor for each student until lesson 00 has run."""
        shared = sum(self.processor.values()) - self.processor[BROWSERS]
        return shared / self.count + statistics.median(self.own(slice(1)))


BROWSERS, SERVERS = "simulated browsers", "servers"


def hold(hub: Hub, students: list[Student], lessons: list[str], minutes: float) -> Class:
    """Let all students come at once."""
    uids = {account(name).pw_uid for name in hub.names}
    bell = threading.Timer(60 * minutes, hub.end)
    bell.start()
    sampler, begun, before, busy = Sampler(uids), time.monotonic(), processor(hub, uids), busy_seconds()
    with ThreadPoolExecutor(len(students)) as all_at_once:
        jobs = [all_at_once.submit(come_and_learn, student, lessons) for student in students]
        wait(jobs, 60 * minutes)
        after, whole = processor(hub, uids), time.monotonic() - begun
        busy = (busy_seconds() - busy) / whole / len(os.sched_getaffinity(0))
        found = [job.result() for job in jobs]  # of those who had not finished: as soon as the hub has ended
    bell.cancel()
    for times in found:
        if times.problem and times.stuck >= 60 * minutes:
            times.problem = TIME_IS_UP
    peak = sampler.stop()
    taken = {kind: after[kind] - before.get(kind, 0.0) for kind in after}
    base = psutil.virtual_memory().total - sampler.before
    return Class(len(students), found, whole, taken, busy, base, peak, sampler.least_free)


def measure(
    name: str, count: int, lessons: list[str], is_stock: bool, before_the_bell: bool, minutes: float
) -> Iterator[Row]:
    """The rows of one class, and at its end the class itself."""
    with class_of(count, is_stock) as (hub, students):
        if before_the_bell:
            begun = time.monotonic()
            hub.command("start")
            yield f"{name}: all servers started before the bell", time.monotonic() - begun, "s", ""
        held = hold(hub, students, lessons, minutes)
        finished = [times for times in held.found if not times.problem]
        problems = sorted({times.problem for times in held.found} - {""})
        yield f"{name}: finished, of {count}", len(finished), "students", "; ".join(problems)[:300]
        yield from both(f"{name}: logged in", [times.log_in for times in held.found if times.log_in])
        yield from both(f"{name}: server", [times.server for times in held.found if times.server])
        widgets = [times.lessons[0].get("first widget", 0.0) for times in held.found if times.lessons]
        yield from both(f"{name}: first widget of 00", widgets)
        yield f"{name}: whole", held.whole, "s", f"{100 * held.busy:.0f}% of the processors, with all else that ran"
        yield from both(f"{name}: processor of a student's kernels", held.own(slice(None)))
        for kind, seconds in held.processor.items():
            yield f"{name}: processor of {kind}, for each student", seconds / count, "s", f"{seconds:.1f} s in all"
        yield f"{name}: memory for each student", held.peak / count / 2**20, "MiB", "the most, shared parts divided"
        yield f"{name}: memory that stayed free, at least", held.least_free / 2**20, "MiB", gives_way(held)
        if len(finished) == count and held.whole < 60 * minutes:
            waits = slider(students[0], students[1 : BESIDE + 1])
            yield from both(f"{name}: slider, {min(BESIDE, count - 1)} others at work", waits, "ms")
            if not is_stock:
                yield from calculated(name, held)


def gives_way(held: Class) -> str:
    """What was scarce, and whether anybody was stuck."""
    scarce = "neither memory nor processor"
    if held.busy > BUSY:
        scarce = "the processor"
    if held.least_free < SCARCE * psutil.virtual_memory().total:
        scarce = "memory"
    stuck = sorted((times.stuck, times.problem) for times in held.found if times.problem)
    if not stuck:
        return f"scarce: {scarce}; nobody was stuck"
    return f"gave way first: {scarce}; {len(stuck)} stuck, the first after {stuck[0][0]:.0f} s: {stuck[0][1]}"


def calculated(name: str, held: Class) -> Iterator[Row]:
    """What follows for another machine, and for gptcore/classroom/check.py."""
    each, lesson = held.peak / held.count, held.opening + statistics.median(held.own(slice(1, None)))
    by_memory, by_lesson = (ROOM * MEMORY - held.base) / each, SHARE * CORES * LESSON / lesson
    count = int(min(by_memory, by_lesson))
    note = f"memory: {by_memory:.0f}; half of the processors for {LESSON // 60} minutes: {by_lesson:.0f}; "
    note += f"if all begin at once, lesson 00 has run after {count * held.opening / CORES:.0f} s"
    yield f"{name}: {CORES} cores and {MEMORY // 2**30} GB carry", count, "students", note
    yield f"{name}: STUDENT in check.py", each / 2**20, "MiB", "bytes there"
    yield f"{name}: PER_CORE in check.py", MINUTE / held.opening, "students", f"lesson 00 has run after {MINUTE} s"


def both(name: str, values: list[float], unit: str = "s") -> Iterator[tuple[str, float, str, str]]:
    """The median, and the 95th percentile in the note."""
    if values:
        values = sorted(values)
        p95 = values[min(len(values) - 1, round(0.95 * len(values)))]
        yield name, statistics.median(values), unit, f"p95 {p95:.4g} {unit}, {len(values)} of them"


def processor(hub: Hub, uids: set[int]) -> dict[str, float]:
    """Seconds of the processor so far, by kind. Kernels, which tell theirs, are left out."""
    kinds = dict.fromkeys(("hub", "what the hub ran and has ended", "proxy", "other services", SERVERS), 0.0)
    kinds[BROWSERS] = time.process_time()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            times = process.cpu_times()
            if process.pid == hub.process.pid:
                kinds["hub"] += times.user + times.system
                kinds["what the hub ran and has ended"] += times.children_user + times.children_system
            elif process.uids().real in uids:
                kinds[SERVERS] += (times.user + times.system) * is_server(process)
            elif process.ppid() == hub.process.pid:
                kinds["proxy" if process.name() == "node" else "other services"] += times.user + times.system
    return kinds


def is_server(process: psutil.Process) -> bool:
    """Whether a student's process is a server, or stands for one."""
    names = (server.__name__, singleuser.__name__, "jupyterhub-singleuser")
    return process.name() == servers.NAME or any(name in " ".join(process.cmdline()) for name in names)


def busy_seconds() -> float:
    """What all processors of this machine have done since it was started."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--lessons", type=int, default=len(LESSONS), help="how many of the four")
    parser.add_argument("--crowds", type=int, nargs="*", default=[60, 100], help="how many come afterwards")
    parser.add_argument("--minutes", type=float, default=10, help="the longest that a class may take")
    parser.add_argument("--only", choices=["stock", "ours", "before", "crowds"], help="one of the four")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the system's users go again, whatever happens
    lessons = LESSONS[: options.lessons]
    classes = {
        "stock": [("JupyterHub as it comes", options.students, lessons, True, False)],
        "ours": [("classroom/", options.students, lessons, False, False)],
        "before": [("classroom/, servers started", options.students, lessons, False, True)],
        "crowds": [(f"classroom/, {count}", count, LESSONS[:1], False, False) for count in options.crowds],
    }
    for kind, settings in classes.items():
        for one in settings if options.only in (None, kind) else ():
            try:
                for row in measure(*one, options.minutes):
                    print(*row, sep="\t", flush=True)
            except Exception as error:  # any: the next class comes all the same
                print(f"{one[0]}: ended early", 0, "", " ".join(str(error).split())[:300], sep="\t", flush=True)


if __name__ == "__main__":
    sys.exit(main())
