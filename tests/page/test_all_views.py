"""What holds for every view, whatever a hand does: after each action the page shows what Python shows."""

import inspect
import random
import re
from typing import Any

import pytest

from gptcore.page import scripts
from tests.page.bench import Bench, Step, sent
from tests.page.hostile import HOSTILE, WRONG
from tests.show.test_all_widgets import KINDS

STEPS = 40
MILLION = [10**9]  # draws, cut to a million: so many darts fall where rounding moves the end of a token
# Those that write on a thread, or replay a recording, are compared by their own tests.
TIMED = {"StreamingGenerator", "TrainingMonitor"}


def walk(widget: Any, calls: dict[str, list[tuple[Any, ...]]], luck: random.Random) -> list[Step]:
    """Any values for any setting, and any with any button."""
    texts = [text for text in HOSTILE if len(text) < 1000]
    any_value = [*WRONG, *texts, *range(-2, 6), 0.25, 1.5, 100]

    def step() -> Step:
        if widget.hands and luck.random() < 0.4:
            name = luck.choice(widget.hands)
            count = len(inspect.signature(getattr(widget, name)).parameters)
            known = [list(values) for values in calls.get(name, []) if len(values) == count and [*values] != MILLION]
            return ["do", name, luck.choice([*known, [luck.choice(any_value) for _ in range(count)]])]
        name = luck.choice(list(widget.controls))
        offered = [value for _, value in widget.view.offers.get(name, {}).get("options", [])]
        # Of new luck no two are the same.
        return ["set", name, luck.choice([value for value in offered + any_value if (name, value) != ("seed", None)])]

    return [step() for _ in range(STEPS)]


@pytest.mark.parametrize("name", sorted(scripts.VIEWS.keys() - TIMED))
def test_after_a_walk_of_any_actions_the_page_shows_what_python_shows(same, short, name):
    widget = KINDS[name].make(*short, **KINDS[name].good)
    saved = widget._given()
    known = {"model": "short"} if "model" in saved else {}
    if name == "ModelComparison":
        known["given"] = saved["given"] | {"models": [[name, "short"] for name, _known in saved["given"]["models"]]}
    same(widget, sent(walk(widget, KINDS[name].calls, random.Random(1))), **known)


@pytest.fixture(scope="module")
def page_in_korean(chromium):
    bench = Bench(chromium, "ko")
    yield bench
    bench.close()


@pytest.mark.parametrize("name", sorted(scripts.VIEWS.keys() - TIMED))
def test_in_korean_the_page_says_what_python_says(page_in_korean, in_korean, told, name):
    """Every wrong value for every setting and every button: what the page answers, and its caption, are Python's."""
    widget = KINDS[name].make(*told, **KINDS[name].good)
    wrong = [*WRONG, HOSTILE[-1]]
    steps = [
        ["set", setting, value] for setting in widget.controls for value in wrong if (setting, value) != ("seed", None)
    ]
    counts = {hand: len(inspect.signature(getattr(widget, hand)).parameters) for hand in widget.hands}
    steps += [["do", hand, [value] * count] for hand, count in counts.items() if count for value in wrong]
    states = page_in_korean.same(widget, sent(steps))
    assert all(re.search("[가-힣]", state["caption"]) for state in states if state["caption"])
