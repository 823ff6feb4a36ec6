"""What the table of a class says of other machines and of what gives way follows from what was measured."""

import pytest

pytest.importorskip("jupyterhub", reason="JupyterHub is not installed, or cannot be, as on Windows")
psutil = pytest.importorskip("psutil")
from tests.classroom.measure import BROWSERS, SERVERS, Class, Times, calculated, gives_way  # noqa: E402


def held(**differing):
    """Ten students, 3 seconds of the processor each until lesson 00 has run, 7 in all, and 200 MiB."""
    lessons = [{"processor": 2.0}, {"processor": 3.0}, {"processor": 1.0}]
    total = psutil.virtual_memory().total
    known = {
        "count": 10,
        "found": [Times(lessons=lessons) for _student in range(10)],
        "whole": 60.0,
        "processor": {"hub": 6.0, SERVERS: 4.0, BROWSERS: 50.0},
        "busy": 0.5,
        "base": 2**30,
        "peak": 10 * 200 * 2**20,
        "least_free": total // 2,
    }
    return Class(**known | differing)


def test_the_opening_and_another_machine_are_calculated_from_the_processor_and_the_memory():
    assert held().opening == 3.0
    machine, each, per_core = calculated("ours", held())
    assert machine[1] == (0.9 * 16 * 1024 - 1024) // 200 and "half of the processors for 50 minutes: 857" in machine[3]
    assert f"lesson 00 has run after {machine[1] * 3 / 4:.0f} s" in machine[3]
    assert each[1] == 200 and per_core[1] == 20
    slow = held(processor={"hub": 2000.0, SERVERS: 0.0, BROWSERS: 0.0})
    assert next(calculated("ours", slow))[1] == int(0.5 * 4 * 3000 / 206)


def test_only_those_who_finished_count_for_a_kernel():
    found = [Times(lessons=[{"processor": 2.0}]), Times(lessons=[{"processor": 99.0}], problem="stuck")]
    assert held(found=found).own(slice(None)) == [2.0]


def test_what_gives_way_is_what_was_scarce_when_the_first_was_stuck():
    total = psutil.virtual_memory().total
    assert gives_way(held()) == "scarce: neither memory nor processor; nobody was stuck"
    assert "scarce: the processor" in gives_way(held(busy=0.97))
    assert "scarce: memory" in gives_way(held(busy=0.97, least_free=total // 100))
    found = [Times(problem="late", stuck=90.0), Times(problem="no server", stuck=30.0), Times()]
    assert gives_way(held(busy=0.97, found=found)).endswith("the processor; 2 stuck, the first after 30 s: no server")
