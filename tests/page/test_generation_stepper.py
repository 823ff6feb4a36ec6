"""GenerationStepper: the page does what Python does."""

import pytest

from gptcore.show import GenerationStepper
from tests.page.hostile import HOSTILE, WRONG

FORWARD, BACK, RESET = ["do", "forward", []], ["do", "back", []], ["do", "reset", []]


@pytest.fixture
def stepper(told):
    return GenerationStepper(*told, "Once upon a time", seed=3)


def test_forward_and_back_and_forward_again(same, stepper):
    states = same(stepper, [*[FORWARD] * 6, *[BACK] * 8, ["do", "forward", [4]], ["do", "go_to", [2]], RESET, FORWARD])
    assert states[6]["shown"]["position"] == 6 and states[-1]["shown"]["length"] == 1


def test_a_token_of_ones_own(same, stepper):
    fox = stepper.tokenizer.encode(" fox")[0]
    steps = [FORWARD, ["do", "choose", [fox]], FORWARD, BACK, BACK, ["do", "choose", [fox]], BACK, FORWARD, BACK, BACK]
    states = same(stepper, [*steps, ["do", "choose", [5]], FORWARD])
    assert states[2]["shown"]["tape"][1]["mine"] and "You wrote “␣fox”" in states[5]["caption"]


def test_every_setting(same, stepper):
    settings = {"temperature": [0, 0.7, 3], "top_k": [1, 5, 10**6, None], "top_p": [0.9, 1, None], "min_p": [0.1, 0]}
    settings |= {"seed": [4, 2**40], "max_new_tokens": [5, 10**9], "prompt": ["The", ""]}
    steps = [["set", name, value] for name, values in settings.items() for value in values]
    same(stepper, [step for one in steps for step in (one, RESET, FORWARD)])


def test_auto_play(same, stepper):
    playing = [["set", "playing", True], ["do", "forward", [3]], ["set", "speed", 60], ["set", "speed", 1000]]
    states = same(stepper, [*playing, ["do", "go_to", [1]], ["set", "playing", True], ["set", "playing", False]])
    assert states[2]["settings"]["playing"] is True and states[5]["settings"]["playing"] is False


def test_the_end_of_the_text(same, told):
    stepper = GenerationStepper(*told, "Once upon", seed=1, max_new_tokens=3)
    end = told[1].eos_token_id
    steps = [["set", "playing", True], *[FORWARD] * 4, BACK, ["do", "choose", [end]]]
    states = same(stepper, [*steps, FORWARD, ["do", "choose", [3]], BACK])
    assert "tape is full" in states[4]["caption"] and "ends the text" in states[7]["caption"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, stepper, text):
    same(stepper, [["set", "prompt", text], FORWARD, FORWARD])


@pytest.mark.parametrize("name", ["forward", "go_to", "choose", "seed", "speed", "playing", "top_p", "max_new_tokens"])
def test_what_is_not_allowed_is_the_same_sentence(same, stepper, name):
    wrong = [value for value in WRONG if value is not None or name != "seed"]  # which is new luck
    same(stepper, [["do", name, [value]] if name in stepper.hands else ["set", name, value] for value in wrong])


def test_a_long_tape(same, told):
    stepper = GenerationStepper(*told, "Once upon a time", seed=2, top_k=20, max_new_tokens=170)
    states = same(stepper, [["do", "forward", [165]], ["do", "forward", [20]], ["do", "go_to", [100]]])
    assert states[1]["shown"]["isCut"] and len(states[3]["shown"]["tape"]) == 130


def test_beyond_the_context(same, told):
    same(GenerationStepper(*told, "The end. " * 63, seed=2), [["do", "forward", [6]]])


def test_what_was_written_is_there_again(same, stepper, bench):
    stepper.forward(2)
    stepper.choose(7)
    stepper.forward(2)
    stepper.go_to(3)
    (state,) = same(stepper)
    assert (state["shown"]["position"], state["shown"]["length"]) == (3, 5)
    assert bench.evaluate("() => view.did()") == stepper._given()["did"]
