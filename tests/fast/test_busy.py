import math
import os
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import product
from pathlib import Path
from time import monotonic, process_time, sleep

import pytest
import torch

from gptcore import GPTConfig, GPTModel, KVCache, fit, generate
from gptcore.fast import busy
from gptcore.fast.busy import LARGE, LITTLE, crowded, free_cores, share_cores, teams_to_sleep, whole_threads
from gptcore.fast.decoding import decoder
from gptcore.fast.quantization import quantize
from gptcore.model import evaluating
from gptcore.show import LogitLens
from tests.interrupted import Interrupt

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts for whom its cores work")


@pytest.fixture(autouse=True)
def two_threads_on_two_cores(monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(busy, "_cores", lambda: 2)
    yield
    busy._keep_asleep(0)
    for thread in asleep():
        thread.join()
    busy._begin()
    torch.set_num_threads(before)


@pytest.fixture
def others_take(monkeypatch):
    """others_take(cores): so much, from the next look on, which is due; `waiting` of their threads want a core."""

    def set_(cores, waiting=3, period=0.5):
        now = monotonic()
        busy._seen, busy._due = (now - period, 0.0), 0.0
        monkeypatch.setattr(busy, "_count", lambda: (now, period * cores))
        monkeypatch.setattr(busy, "_running", lambda: waiting + 1)

    return set_


def asleep():
    return [thread for thread in threading.enumerate() if thread.name == "gptcore-asleep"]


def threads_of_the_system():
    return len(os.listdir("/proc/self/task"))


def soon(condition):
    end = monotonic() + 60
    while not condition() and monotonic() < end:
        sleep(0.01)
    return condition()


@pytest.mark.parametrize(
    ("others", "threads", "cores", "expected"),
    [
        (0, 2, 2, False),
        (LITTLE, 2, 2, False),
        (0.5, 2, 2, True),
        (2, 1, 2, False),
        (1, 4, 8, False),
        (4, 4, 8, False),
        (5, 4, 8, True),
        (0, 4, 2, True),
    ],
)
def test_threads_are_crowded_where_fewer_cores_are_left(others, threads, cores, expected):
    assert crowded(others, threads, cores) is expected


def test_as_few_teams_sleep_as_make_more_threads_than_cores():
    for threads, cores in product(range(2, 20), range(1, 20)):
        teams = teams_to_sleep(threads, cores)
        managed = [1 + each * (threads - 1) for each in (teams, teams + 1)]  # with the team that works
        assert managed[1] > cores and (teams == 0 or managed[0] <= cores)


@LINUX
def test_an_extra_team_sleeps_while_others_are_at_work(others_take):
    torch.zeros(2**20)  # the helpers of this thread
    before = threads_of_the_system()
    others_take(1)
    with free_cores():
        assert share_cores() == 1
        assert len(asleep()) == 1 and soon(lambda: threads_of_the_system() == before + 2)  # it and its helper
        others_take(1.5)
        assert share_cores() == 1.5 and len(asleep()) == 1
    others_take(0)
    assert share_cores() == 0
    assert soon(lambda: not asleep() and threads_of_the_system() == before)
    assert torch.get_num_threads() == 2


def test_between_two_looks_nothing_is_counted(others_take, monkeypatch):
    others_take(1)
    share_cores()
    monkeypatch.setattr(busy, "_count", lambda: pytest.fail("it looked again"))
    monkeypatch.setattr(busy, "_due", monotonic() + 60)
    assert share_cores() == 1


@pytest.mark.parametrize(("period", "expected"), [(0.5, 1.5), (60.0, 0.0)])
def test_who_was_at_work_long_ago_may_have_ended(period, expected, others_take):
    others_take(1.5, waiting=0, period=period)
    assert share_cores() == expected


def test_where_there_is_one_thread_nobody_sleeps(others_take):
    torch.set_num_threads(1)
    others_take(2)
    assert share_cores() == 2 and not asleep()
    with free_cores():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("others", [0, 1, 2])
def test_one_thread_works_alone_where_one_core_is_left(others_take, others):
    others_take(others)
    with free_cores(), free_cores():
        assert torch.get_num_threads() == (1 if others else 2) and whole_threads() == 2
    assert torch.get_num_threads() == whole_threads() == 2


def test_it_is_corrected_while_the_work_goes_on(others_take):
    others_take(0)
    with free_cores():
        for others in (0, 1, 0, 2):
            others_take(others)
            share_cores()
            assert torch.get_num_threads() == (1 if others else 2)


def test_a_large_model_keeps_its_threads_where_others_want_all_cores(others_take):
    others_take(1.3, 2)
    with free_cores(LARGE):
        for waiting, threads in [(2, 1), (2, 2), (1, 1), (2, 1), (3, 1), (3, 2)]:  # at three looks in a row
            others_take(1.3, waiting)
            share_cores()
            assert torch.get_num_threads() == threads


def test_errors_change_nothing(others_take):
    others_take(1)
    with pytest.raises(KeyError, match="lost"), free_cores():
        raise KeyError("lost")
    assert torch.get_num_threads() == whole_threads() == 2


def test_an_interrupt_at_any_moment_gives_the_threads_back(others_take):
    model = GPTModel(GPTConfig(vocab_size=4, context_length=4, emb_dim=4, n_heads=2, n_layers=1))

    def work():
        with evaluating(model):
            others_take(0)
            share_cores()
            others_take(1)
            share_cores()

    others_take(1)
    with Interrupt() as moments:
        work()
    assert moments.count > 100
    for at in range(1, moments.count + 1):
        busy._due, busy._alone = 0.0, (False, False)
        others_take(1)
        with suppress(KeyboardInterrupt), Interrupt(at):
            work()
        assert torch.get_num_threads() == whole_threads() == 2 and not busy._here.alone, at


def test_nothing_is_set_while_nobody_else_is_at_work(others_take, monkeypatch):
    others_take(0)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "set_num_threads", lambda count: pytest.fail("the number of threads was changed"))
        with free_cores():
            share_cores()


def test_another_thread_has_its_own_number(others_take):
    found = []
    others_take(1)
    with free_cores():
        thread = threading.Thread(target=lambda: found.append((torch.set_num_threads(2), whole_threads())))
        thread.start(), thread.join()
        assert torch.get_num_threads() == 1
    assert found == [(None, 2)]


def test_without_room_for_a_file_or_a_thread_nothing_is_looked_up_any_more(others_take, monkeypatch):
    full, no_thread = OSError("too many open files"), RuntimeError("no thread")
    for name, error in (("_count", full), ("_running", full), ("_keep_asleep", no_thread)):
        others_take(1)
        with monkeypatch.context() as patch:
            patch.setattr(busy, name, lambda *_, error=error: (_ for _ in ()).throw(error))
            assert share_cores() == 0 and busy._due == math.inf
        assert share_cores() == 0


def test_on_other_systems_threads_may_be_more_than_cores(monkeypatch):
    monkeypatch.setattr(busy, "_due", math.inf)  # as it is there
    monkeypatch.setattr(busy, "_cores", lambda: 1)
    with free_cores():
        assert torch.get_num_threads() == 2


def test_whatever_computes_with_a_model_looks(others_take):
    model = GPTModel(GPTConfig(vocab_size=40, context_length=8, emb_dim=8, n_heads=2, n_layers=1))
    for work in (
        lambda: model(torch.tensor([[1]])),  # as the loops that a lesson writes out
        lambda: generate(model, torch.tensor([[1]]), 2),
        lambda: fit(model, torch.arange(40), max_steps=1, batch_size=2),
    ):
        others_take(1)
        work()
        assert len(asleep()) == 1 and torch.get_num_threads() == 2
        others_take(0)
        work()
        assert soon(lambda: not asleep())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int8])
@pytest.mark.parametrize("width", [384, 768])
def test_a_token_has_the_same_logits_from_one_thread_and_from_two(width, dtype, others_take):
    torch.manual_seed(0)
    model = GPTModel(GPTConfig(vocab_size=5_003, context_length=300, emb_dim=width, n_heads=6, n_layers=2)).eval()
    assert model.num_parameters() > 2**22, "a smaller one has one thread always"
    model = quantize(model) if dtype == torch.int8 else model.to(dtype)
    found = []
    token_ids = torch.randint(5_003, (1, 260))
    for others in (0, 1):
        cache = KVCache(model.config, 1, 300, model.device, model.dtype)
        with evaluating(model):
            model.hidden_states(token_ids[:, :250], cache)
            one_more = decoder(model, cache)
            others_take(others)
            busy._look()
            busy._due = math.inf  # no further look
            found.append(torch.cat([one_more(token_ids[:, i : i + 1]) for i in range(250, 260)]))
        assert not found[-1].is_inference() and not found[-1].requires_grad
    if dtype == torch.float32:  # the library that multiplies may round the rows on the border of two shares otherwise
        torch.testing.assert_close(*found, atol=1e-5, rtol=1e-5)
    else:
        assert torch.equal(*found)


@pytest.mark.parametrize("prompts", [torch.tensor([[1, 2]]), torch.tensor([[1, 2]] * 16), [[1, 2], [3]]], ids=len)
def test_texts_grow_on_one_thread_while_one_core_is_left(others_take, prompts):
    model, threads = GPTModel(GPTConfig(vocab_size=5_003, context_length=9, emb_dim=384, n_heads=6, n_layers=2)), []

    def processor(token_ids, logits):
        threads.append(torch.get_num_threads())
        others_take(0 if len(token_ids[0]) > 3 else 1)
        return logits

    others_take(1)
    generate(model, prompts, 5, temperature=0, logits_processor=processor)
    assert sorted(threads) == threads and set(threads) == {1, 2}
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("others", [0, 1])
def test_training_is_on_one_thread_where_one_core_is_left(others_take, others):
    model, threads = GPTModel(GPTConfig(vocab_size=40, context_length=8, emb_dim=8, n_heads=2, n_layers=1)), []
    others_take(others)
    model.final_norm.register_full_backward_hook(lambda *_: threads.append(torch.get_num_threads()))
    fit(model, torch.arange(40), max_steps=2, batch_size=2)
    assert threads == 2 * [1 if others else 2] and torch.get_num_threads() == 2


@pytest.mark.parametrize("others", [0, 1])
def test_widgets_record_on_one_thread_where_one_core_is_left(others_take, others, tokenizer):
    model = GPTModel(GPTConfig(vocab_size=len(tokenizer), context_length=8, emb_dim=8, n_heads=2, n_layers=1))
    threads = []
    model.final_norm.register_forward_hook(lambda *_: threads.append(torch.get_num_threads()))
    others_take(others)
    widget = LogitLens(model, tokenizer, "ab")
    assert widget.problem is None and set(threads) == {1 if others else 2} and len(threads) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_none_of_the_threads(others_take):
    others_take(1)
    share_cores()
    assert len(busy._sleepers) == 1
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, repr((len(busy._sleepers), busy._others, busy._lock.locked())).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"(0, 0.0, False)"
    os.close(read), os.close(write)


@LINUX
def test_what_this_process_does_is_not_the_work_of_others():
    """Two counts, with work in between, which is in neither as far as the system's ticks are fine enough."""
    (began, others), mine = busy._count(), process_time()
    while process_time() - mine < 0.3:
        pass
    ended, more = busy._count()
    assert ended > began and more - others < (ended - began) * len(os.sched_getaffinity(0)) - 0.2


@LINUX
@pytest.mark.parametrize("setting", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", None])
def test_who_says_how_to_wait_is_obeyed(setting):
    """And a process ends although a thread of it sleeps."""
    environment = {key: text for key, text in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    environment |= {setting: {"OMP_WAIT_POLICY": "active"}.get(setting, "1000")} if setting else {}
    program = (
        "from gptcore.fast import busy\nbusy._keep_asleep(1)\nprint(busy._due < float('inf'), len(busy._sleepers))"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", program], env=environment, cwd=root, capture_output=True, text=True)
    assert (found.stdout, found.stderr, found.returncode) == (f"{setting is None} 1\n", "", 0)
