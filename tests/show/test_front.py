import json
import re

import pytest
import torch

from gptcore.show.front import FOLDER, Control, Front, module, style, to_page


class Heard(list):
    """What a front end heard from its page."""

    def __call__(self, kind, name, value):
        self.append((kind, name, value))


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def front(heard):
    return Front("next_token", heard)


def test_a_module_is_what_all_share_and_its_own_file():
    for file in FOLDER.glob("*.js"):
        code = file.read_text(encoding="utf-8")
        assert not re.search(r"\bimport\b.*\bfrom\b|innerHTML|insertAdjacentHTML|document\.write|\beval\(", code), file
        assert not re.search(r'h\("d[ldt]"', code), f"{file}: JupyterLab lays out lists of terms in its own way"
        if file.stem != "shared":
            assert code.count("export default {") == 1 and module(file.stem).endswith(code)
            assert "function frame(" in module(file.stem)
    assert ".gc {" in style()


def test_what_is_asked_is_done_once_and_in_order(front, heard):
    front.set_state({"asked": [[2, "do", "second", []], [1, "set", "first", 5]]})
    assert heard == [("set", "first", 5), ("do", "second", [])] and front.done == 2
    front.set_state({"asked": [[2, "do", "second", []], [3, "do", "third", [7]]]})
    assert heard[2:] == [("do", "third", [7])] and front.done == 3


@pytest.mark.parametrize(
    "odd", [[], [7], [None], [[1]], [["1", "do", "a", []]], [[1, "eval", "a", []]], [{}], [[0, "do", "a", []]]]
)
def test_what_is_no_question_is_not_heard(front, heard, odd):
    front.set_state({"asked": odd})
    assert heard == [] and front.done == 0


def test_a_change_is_one_message(front, monkeypatch):
    sent = []
    monkeypatch.setattr(front, "_send", lambda message, buffers=None: sent.append(message))
    front.tell({"rows": [1, 2]}, {"heat": Control(0.5, min=0, max=1)})
    states = [message["state"] for message in sent if message.get("method") == "update"]
    assert len(states) == 1 and states[0]["shown"] == {"rows": [1, 2]} and states[0]["settings"] == {"heat": 0.5}
    assert states[0]["offers"] == {"heat": {"min": 0, "max": 1}}


def test_a_page_gets_json_in_which_nothing_hides():
    shown = {
        "a": [float("inf"), -float("inf"), float("nan"), 0.5, None, True],
        "b": ("x\u202ey", {"c": "\x00"}),
        "d": 3,
    }
    page = to_page(shown)
    assert page == {"a": [None, None, None, 0.5, None, True], "b": ["x<U+202E>y", {"c": "<U+0000>"}], "d": 3}
    json.dumps(page, allow_nan=False)
    assert to_page("x\u202ey", raw=True) == "x\u202ey" and to_page("a\ud83d", raw=True) == "a?"


def test_a_value_that_json_does_not_know_goes_by_its_text():
    control = Control(torch.bfloat16, options=[("bfloat16", torch.bfloat16), ("off", None), ("4", 4)])
    assert control.offer() == {"options": [["bfloat16", "bfloat16"], ["off", None], ["4", 4]]}
    assert control.to_page(torch.bfloat16) == "bfloat16" and control.from_page("bfloat16") is torch.bfloat16
    assert control.from_page(None) is None and control.from_page(4) == 4 and control.from_page("a\ud83d") == "a?"
    assert Control(1, options=[("1", 1)]).from_page(True) is True  # not 1
    assert Control("text").offer() == {}
