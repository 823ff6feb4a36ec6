from dataclasses import dataclass

import pytest
from matplotlib.figure import Figure

from gptcore.checks import check_bool
from gptcore.show.front import Control
from gptcore.show.live import PAGE_TYPE, LiveView
from gptcore.show.settings import Setting, check_sampling
from gptcore.show.stand_in import with_stand_in


@dataclass(frozen=True)
class Sum:
    value: float

    @property
    def caption(self):
        return f"The sum is {self.value}."

    def describe(self):
        return str(self.value)


class Adder(LiveView):
    """The smallest widget: temperature plus top_k, unless the text says no."""

    temperature, top_k, text = Setting(check_sampling), Setting(check_sampling), Setting()
    front, hands = "next_token", ("act",)  # any that there is: no page draws it

    def __init__(self):
        self._open(
            temperature=Control(1.0, min=0, max=2, step=0.05),
            top_k=Control(1, options=[("1", 1), ("10", 10), ("all", None)]),
            text=Control(""),
        )
        self.updates, self.luck = [], iter([MemoryError(), None])
        self.change(temperature=1.0, top_k=10)

    def _update(self, names):
        self.updates.append(set(names))
        self._try(self._add)
        self._show()

    def _add(self):
        if self.text == "no":
            raise ValueError("text must not be 'no'")
        return Sum(self.temperature + (self.top_k or 0))

    def _shown(self):
        return {"sum": self.record.value}

    def act(self):
        if error := next(self.luck):
            raise error
        self._show()

    def picture(self):
        return Figure()


@pytest.fixture
def adder():
    return Adder()


def test_a_setting_is_its_control(adder, move):
    adder.temperature = 0.5
    assert adder.view.settings["temperature"] == 0.5 == adder.temperature and adder.record.value == 10.5
    move(adder, temperature=1.5)
    assert adder.temperature == 1.5 and adder.record.value == 11.5
    assert adder.updates[-2:] == [{"temperature"}, {"temperature"}]


def test_several_settings_change_with_one_update(adder):
    adder.updates.clear()
    adder.change(temperature=2.0, top_k=None, text="yes")
    assert adder.updates == [{"temperature", "top_k", "text"}] and adder.record.value == 2.0


def test_none_is_a_choice_of_its_own(adder, move):
    move(adder, top_k=None)
    assert adder.view.settings["top_k"] is None is adder.top_k and adder.record.value == 1.0


def test_a_control_is_made_to_offer_what_it_did_not(adder):
    adder.change(temperature=5.0, top_k=2000)
    assert (adder.temperature, adder.view.offers["temperature"]["max"]) == (5.0, 5.0)
    assert [label for label, _ in adder.view.offers["top_k"]["options"]] == ["1", "10", "2,000", "all"]
    assert adder.top_k == 2000 and adder.record.value == 2005


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"temperature": 0.5, "top_k": 0}, "top_k must be at least 1"),
        ({"temperature": -1}, "temperature must be 0"),
        ({"heat": 1}, "settings are temperature, top_k, text, got heat"),
    ],
)
def test_if_one_is_not_allowed_nothing_changes(adder, shown, settings, problem):
    adder.updates.clear()
    adder.change(**settings)
    assert adder.problem.startswith(problem) and adder.updates == []
    assert (adder.temperature, adder.top_k, adder.record.value) == (1.0, 10, 11.0)
    assert adder.caption == f"Not changed: {adder.problem}. The sum is 11.0." and "Not changed" in shown(adder)
    adder.temperature = 2.0
    assert adder.problem is None and adder.caption == "The sum is 12.0."


def test_what_goes_wrong_in_computing_is_a_sentence_and_the_record_stays(adder):
    adder.text = "no"
    assert adder.caption == "Not changed: text must not be 'no'. The sum is 11.0."
    adder.record = None
    assert adder.caption == "There is nothing to show: text must not be 'no'."
    assert adder.describe() == "Adder: text must not be 'no'"
    adder.text = "yes"
    assert adder.describe() == "Adder: 11.0"


def test_a_notebook_gets_a_view_that_is_shown_with_any_ipywidgets(adder):
    bundle = adder._repr_mimebundle_()[0]
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert bundle["text/plain"] == adder.describe() and bundle["image/png"].startswith("iVBOR")
    box = with_stand_in(adder.view, "", "")  # another one, of the same kind
    assert view == {"version_major": 2, "version_minor": 0, "model_id": view["model_id"]}
    displayed = getattr(box, "_repr_mimebundle_", None)  # ipywidgets 7 has none
    assert displayed is None or displayed()["application/vnd.jupyter.widget-view+json"].keys() == view.keys()
    adder.view.close()
    assert set(adder._repr_mimebundle_()[0]) == {"image/png", "text/plain", PAGE_TYPE}


def test_a_switch_is_true_or_false():
    check_bool("log", True)
    with pytest.raises(TypeError, match="log must be True or False, got 1"):
        check_bool("log", 1)


def test_any_exception_becomes_a_sentence_and_everything_is_as_it_was(adder, move, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Adder, "_add", lambda self: 1 / 0)
        adder.temperature = 0.5
        move(adder, top_k=None)
        assert (adder.temperature, adder.top_k, adder.record.value) == (1.0, 10, 11.0)
        assert adder.caption == "Not changed: ZeroDivisionError: division by zero. The sum is 11.0."
    move(adder, top_k=None)
    assert adder.problem is None and adder.caption == "The sum is 1.0."


def test_a_picture_that_cannot_be_drawn_is_said_too(adder, shown, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Adder, "_show", lambda self: {}["no"])
        adder.temperature = 0.5
        assert "Not changed: KeyError: 'no'." in shown(adder) and adder.temperature == 1.0
    adder.temperature = 0.5
    assert adder.caption == "The sum is 10.5." and "Not changed" not in shown(adder)


def test_an_interrupt_stays_an_interrupt_and_changes_nothing(adder, move, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Adder, "_add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            adder.temperature = 0.5
        assert adder.temperature == 1.0 and adder.record.value == 11.0
    move(adder, temperature=2.0)
    assert adder.record.value == 12.0


def test_a_button_says_what_went_wrong_until_it_goes_well(adder, press, shown):
    press(adder, "act")
    assert "Not changed: MemoryError. The sum is 11.0." in shown(adder)
    press(adder, "act")
    assert "Not changed" not in shown(adder) and adder.problem is None
