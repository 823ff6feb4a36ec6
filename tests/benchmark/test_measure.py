from gptcore.benchmark.measure import durations, interleaved_seconds, rates


def test_jobs_take_turns():
    calls = []
    seconds = interleaved_seconds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == list("ababab")
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_warm_up_runs_do_not_count():
    calls = []
    seconds = interleaved_seconds({"a": lambda: calls.append("a")}, 3, warm_up=2)
    assert len(calls) == 5 and len(seconds["a"]) == 3


def test_ratios_are_those_of_runs_side_by_side():
    seconds = {"theirs": [1.0, 2.0, 30.0], "ours": [0.5, 1.0, 10.0]}
    theirs, ours = rates(seconds, 100, "tokens/s", "theirs")
    assert (ours.value, ours.ratio, ours.peer) == (100, 2, "theirs")
    assert (theirs.value, theirs.ratio) == (50, 1)
    theirs, ours = durations(seconds, "ms", "theirs")
    assert (ours.value, ours.ratio) == (1000, 0.5)
