import os
from contextlib import contextmanager, nullcontext
from time import sleep

import psutil
import pytest

from gptcore.benchmark import busy
from gptcore.benchmark.busy import LOADS, SETTINGS, UNITS, WAYS, at_work
from gptcore.hub import STORYTELLER


def test_the_load_is_made_and_ended():
    with pytest.raises(KeyError), at_work(2) as ids:
        assert len(ids) == 2 and all(psutil.pid_exists(pid) for pid in ids)
        raise KeyError
    assert not any(psutil.pid_exists(pid) for pid in ids)


def test_each_way_is_beside_the_best_of_its_load(monkeypatch):
    asked = []

    def measured(environment):
        asked.append(environment)
        return dict.fromkeys(UNITS, 10.0 if "OMP_WAIT_POLICY" in environment else 5.0)

    monkeypatch.setattr(busy, "_measured", measured)
    monkeypatch.setattr(busy, "LOADS", {0: "idle"})
    monkeypatch.setattr(busy, "_beside_engines", lambda repeats: [])
    monkeypatch.setattr(busy, "not_installed", lambda: [])
    rows = busy.busy(2)
    assert asked == 2 * list(WAYS.values())
    assert [row.ratio for row in rows] == len(UNITS) * [0.5, 0.5, 0.5, 1.0]
    assert rows[0].name == "124M, idle: as it is" and rows[0].value == 5


def test_a_process_of_its_own_is_told_how_to_wait_and_nothing_else(monkeypatch):
    seen = []
    monkeypatch.setattr(busy.subprocess, "check_output", lambda command, env: seen.append(env) or b'{"fit": 1.5}')
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    for environment in WAYS.values():
        assert busy._measured(environment) == {"fit": 1.5}
        assert {key: seen[-1][key] for key in SETTINGS & set(seen[-1])} == environment
    assert seen[-1]["PATH"] == os.environ["PATH"] and 0 in LOADS


def test_every_job_has_a_speed(monkeypatch):
    monkeypatch.setattr(busy, "GPT_CONFIG_124M", busy.CONFIG)  # the large one takes too long
    found = busy.speeds()
    assert set(found) == set(UNITS) and all(speed > 0 for speed in found.values())


def test_other_programs_stand_under_the_same_load(monkeypatch):
    made = []

    @contextmanager
    def at_work(load):
        made.append(load)
        yield

    monkeypatch.setattr(busy, "at_work", at_work)
    monkeypatch.setattr(busy, "gpt2_small", lambda: nullcontext(STORYTELLER))  # the large one takes too long
    monkeypatch.setattr(busy, "engine_writers", lambda folder: {"OpenVINO, int8": lambda ids, n: sleep(0.01)})
    rows = busy._beside_engines(1)
    assert made == list(LOADS)
    assert [row.name for row in rows if row.peer == "OpenVINO, int8"] == [
        f"gptcore, int8, {name}" for name in LOADS.values()
    ]
