"""The smallest view, written in both languages: what all views share does the same."""

import json

import pytest

from tests.page.hostile import WRONG
from tests.show.test_live import Adder

VIEW = """
() => {
  views.Adder = class extends LiveView {
    static hands = ["act"];
    static settings = { temperature: setting(checkSampling), top_k: setting(checkSampling), text: setting() };

    constructor(context, page) {
      super(context, page);
      this.open({
        temperature: { value: 1, min: 0, max: 2, step: 0.05 },
        top_k: { value: 1, options: [["1", 1], ["10", 10], ["all", null]] },
        text: { value: "" },
      });
      this.luck = ["MemoryError", null];
      this.change({ temperature: 1, top_k: 10 });
    }

    update() {
      this.tryTo(() => this.sum());
      this.show();
    }

    sum() {
      if (this.text === "no") throw new Error("text must not be 'no'");
      const value = this.temperature + (this.top_k ?? 0);
      return { value, caption: `The sum is ${value}.` };
    }

    shown() {
      return { sum: this.record.value };
    }

    act() {
      const error = this.luck.shift();
      if (error) throw new Error(error);
      this.show();
    }
  };
}
"""


class Sums(Adder):
    """Numbers as a page writes them."""

    def _add(self):
        made = super()._add()
        return type(made)(int(made.value) if made.value == int(made.value) < 2**53 else made.value)

    def _given(self):
        return super()._given() | {"widget": "Adder"}


@pytest.fixture(scope="module", autouse=True)
def on_the_page(bench):
    bench.evaluate(VIEW)


def test_settings_and_what_they_offer(same):
    steps = [("temperature", 0.5), ("top_k", None), ("top_k", 2000), ("temperature", 5), ("top_k", 3), ("top_k", 10**9)]
    same(Sums(), [["set", *step] for step in steps])


@pytest.mark.parametrize("name", ["temperature", "top_k", "text", "heat", "constructor", "settings"])
def test_what_is_wrong_changes_nothing_and_is_said(same, name):
    same(Sums(), [["set", name, value] for value in WRONG])


def test_what_cannot_be_computed_is_said_until_it_can(same):
    same(Sums(), [["set", "text", "no"], ["set", "temperature", 2], ["set", "text", "yes"], ["set", "top_k", 0]])


def test_a_button_says_what_went_wrong_until_it_goes_well(same):
    same(Sums(), [["do", "act", []], ["set", "top_k", 0], ["do", "act", []], ["do", "nothing", []]])


ODD = [[], [7], [None], [[1]], [["1", "do", "act", []]], [[1, "eval", "act", []]], [{}], [[0, "do", "act", []]]]


@pytest.mark.parametrize("asked", [*ODD, [[2, "set", "top_k", 1], [1, "set", "top_k", 0]], [[7, "set", "top_k", 1]]])
def test_what_is_asked_is_done_once_and_in_order(bench, asked):
    code = """
    async (asked) => {
      const view = new views.Adder(context, {}), front = view.view;
      const told = [];
      for (const name of ["shown", "settings", "done"]) front.on(`change:${name}`, () => told.push(name));
      for (let i = 0; i < 2; i++) {
        front.set("asked", JSON.parse(asked));
        front.save_changes();
        await null;
      }
      return [front.get("done"), front.get("settings").top_k, front.get("shown").sum];
    }
    """
    widget = Sums()
    for _ in range(2):
        widget.view.set_state({"asked": asked})
    expected = [widget.view.done, widget.view.settings["top_k"], widget.view.shown["sum"]]
    assert bench.evaluate(code, json.dumps(asked)) == expected


def test_a_page_hears_only_of_what_has_changed(bench):
    code = """
    async () => {
      const view = new views.Adder(context, {}), front = view.view;
      const told = [];
      const hear = () => told.push("shown");
      front.on("change:shown", hear);
      front.on("change:offers", () => told.push("offers"));
      view.temperature = 1;
      view.temperature = 2;
      front.off("change:shown", hear);
      view.temperature = 3;
      return told;
    }
    """
    assert bench.evaluate(code) == ["shown", "offers"]
