"""Story: the page does what Python does, and shows a tale while it is told."""

import pytest

from gptcore import stories
from gptcore.show import Story
from gptcore.show.story import paragraph_starts
from tests.page.hostile import HOSTILE, WRONG

ANOTHER = ["do", "another", []]


@pytest.fixture
def story(told):
    return Story(*told, seed=1, max_length=12)


def test_the_tales_of_lesson_00(same, told):
    states = same(Story(*told), [["set", "prompt", "옛날 옛적에"], ["set", "shaded", True]])
    assert states[0]["shown"]["ended"] and states[1]["shown"]["language"] == "ko"


def test_every_setting(same, story):
    steps = [["set", "temperature", value] for value in (0, 1.5)] + [["set", "top_k", value] for value in (1, 5, None)]
    steps += [["set", "max_length", value] for value in (0, 1, 15)] + [["set", "seed", 2**40]]
    same(story, [step for one in steps for step in (one, ANOTHER)])


def test_no_more_tokens_than_there_is_room_for(same, told):
    tale = stories.sample("en", seed=7)  # which ends here
    same(Story(*told, tale, max_length=1, temperature=0), [["set", "max_length", 401]])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text(same, told, text):
    same(Story(*told, "a", max_length=3), [["set", "prompt", text], ANOTHER])


@pytest.mark.parametrize(
    "text", ["said:\n\n “Come in.”\n", ' "Oh!" he said.  "No." "No? "', " \u3000a. B! C? D. e. F\x1c. G"]
)
def test_paragraphs_of_a_text(same, told, text):
    same(Story(*told, text, max_length=0))


@pytest.mark.parametrize("name", ["prompt", "seed", "temperature", "top_k", "max_length", "shaded"])
def test_what_is_not_allowed_is_the_same_sentence(same, told, name):
    wrong = [value for value in WRONG if name != "seed" or value is not None]  # which is new luck
    same(Story(*told, "a", max_length=2), [["set", name, value] for value in wrong])


def test_paragraphs_begin_where_they_begin_in_python(bench):
    texts = [" ".join(stories.sample(language, seed=seed).split()) for language in ("en", "ko") for seed in range(100)]
    texts += [stories.sample("en", seed=seed) for seed in range(20)]
    assert bench.evaluate("(texts) => texts.map(paragraphStarts)", texts) == [paragraph_starts(text) for text in texts]


def test_a_tale_is_shown_while_it_is_told_and_a_new_one_takes_its_place(bench, told):
    shown, captions = bench.evaluate(
        """async (page) => {
          const story = new Story(context, page), states = [];
          story.view.on("change:shown", () => states.push(story.view.get("shown")));
          await new Promise((resolve) => setTimeout(resolve, 60));
          story.another();
          await story.settled();
          return [states, states.map(({ caption }) => caption)];
        }""",
        Story(*told, seed=1)._given(),
    )
    *writing, last = [state.get("writing", False) for state in shown]
    assert len(writing) > 2 and all(writing) and not last
    assert set(captions[:-1]) == {"It is writing."} and captions[-1] == Story(*told, seed=2).caption


def test_what_is_written_stays_where_it_is_while_more_comes(bench, told):
    found = bench.evaluate(
        """async (page) => {
          const el = document.body.appendChild(document.createElement("div"));
          const story = new Story(context, page);
          const leave = fronts.story.render({ model: story.view, el });
          const first = () => el.querySelector(".gc-tale-type p");
          while (story.record.newIds.length < 8) await new Promise((resolve) => setTimeout(resolve, 5));
          const [early, isWriting] = [first(), el.querySelector(".gc-writing") !== null];
          await story.settled();
          const isOver = el.querySelector(".gc-writing") === null;
          const told = [first() === early, isWriting, isOver, el.querySelector("p b").textContent];
          story.another();
          await story.settled();
          const isNew = first() !== early;
          leave?.();
          el.remove();
          return [...told, isNew];
        }""",
        Story(*told, seed=1, max_length=40)._given(),
    )
    assert found == [True, True, True, " …", True]
