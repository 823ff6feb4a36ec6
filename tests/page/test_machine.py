"""Machine: the page does what Python does."""

import pytest

from gptcore import stories
from gptcore.show import Machine
from tests.page.hostile import HOSTILE, WRONG

WRITE = ["do", "write", []]


@pytest.fixture
def machine(told):
    return Machine(*told, "Once upon a time", seed=1)


def test_a_text_goes_through_the_machine_token_by_token(same, machine):
    states = same(machine, [WRITE] * 12)
    assert states[-1]["shown"]["text"] == machine.text and len(states[-1]["shown"]["tokens"]) == 16


def test_tokens_that_an_address_names(same, machine):
    same(
        machine, [["do", "write", given] for given in ([5, 300], [17, 3071, 5], [3072], [-1], [2.5], ["a"], [None], [])]
    )


def test_every_setting(same, machine):
    steps = [["set", "temperature", value] for value in (0, 0.35, 2, 7, 1)]
    steps += [["set", "top_k", value] for value in (1, 5, 3, 5000, None)]
    steps += [["do", "other_luck", []], ["set", "seed", 2**40], ["set", "prompt", "옛날 옛적에"]]
    same(machine, [step for one in steps for step in (one, WRITE)])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, machine, text):
    same(machine, [["set", "prompt", text], WRITE, WRITE])


@pytest.mark.parametrize("name", ["prompt", "seed", "temperature", "top_k"])
def test_what_is_not_allowed_is_the_same_sentence(same, machine, name):
    wrong = [value for value in WRONG if value is not True or name != "top_k"]  # in Python it is a 1 that is offered
    same(machine, [["set", name, value] for value in wrong])


def test_the_end_of_the_text(same, told):
    machine = Machine(*told, stories.sample("en", seed=7), temperature=0)
    same(machine, [WRITE, WRITE, ["set", "temperature", 0.5], ["do", "other_luck", []]])


def test_an_end_that_was_reached_before_it_was_saved(same, told):
    machine = Machine(*told, stories.sample("ko", seed=7), temperature=0)
    machine.write()
    assert machine.record.has_ended
    same(machine, [WRITE, ["set", "temperature", 0.5]])


def test_what_was_written_before_it_was_saved(same, told):
    machine = Machine(*told, "Once upon a time", seed=4, temperature=1.7)
    for _ in range(3):
        machine.write()
    machine.temperature = 0.2  # with which other tokens would have been written
    assert same(machine, [WRITE, ["set", "seed", 3]])[0]["shown"]["text"] != "Once upon a time"
