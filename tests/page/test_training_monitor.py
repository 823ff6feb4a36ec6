"""TrainingMonitor: a page plays what was recorded, and shows what Python would show of the same training."""

import json
import subprocess
import sys

import nbformat
import pytest

from gptcore import GPTModel
from gptcore.lessons import NOTEBOOKS
from gptcore.page import trainings
from gptcore.show import TrainingMonitor
from gptcore.show.front import to_page
from gptcore.show.training_record import Training
from gptcore.training import History, Progress
from tests.page.bench import difference

FILES = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(trainings.FOLDER.glob("*.json"))]
TRAININGS = [training for file in FILES for training in file["trainings"]]
NAMES = [f"{file['lesson']}-{i}" for file in FILES for i, _ in enumerate(file["trainings"])]
# The states of a view that hears a recording, event by event, and of one that is stopped after the event at `stopped`.
HEAR = """async ([page, stopped]) => {
  const view = new views.TrainingMonitor({ models: {}, tokenizers: {} }, page);
  const states = [view.view.get("shown")];
  const record = (event) => (view.hear(event), states.push(view.view.get("shown")));
  view.recording = { ...page.recording, events: [] };
  view.record = new Training({ ...view.record, maxSteps: page.recording.max_steps, state: "running" });
  for (const [i, event] of page.recording.events.entries()) {
    record(event);
    if (i === stopped) return view.stop(), [...states, view.view.get("shown")];
  }
  await view.playAll();
  return [...states, view.view.get("shown")];
}"""


@pytest.fixture
def widget(training, told):
    """The TrainingMonitor of a recording, as it was before it trained."""
    settings = training["saved"]["settings"]
    return TrainingMonitor(GPTModel(training["saved"]["given"]["config"]), told[1], **settings)


def shown_by(widget: TrainingMonitor, training: dict, stopped: int | None = None) -> list[dict]:
    """What Python shows after each event of a recording, and at its end."""
    states = [widget.view.shown]
    widget.record = Training(training["max_steps"], widget.record.start, widget.floor, state="running")
    for i, (kind, step, *values) in enumerate(training["events"]):
        if kind == "report":
            loss, val_loss, pace, seconds = values
            widget.record = widget.record.after(Progress(step, 0, loss, val_loss, 0.0, pace, 0.0), seconds)
        else:
            widget.record = Training(**vars(widget.record) | {"samples": [*widget.record.samples, (step, *values)]})
        widget._show()
        states.append(widget.view.shown)
        if i == stopped:
            widget.record = widget.record.ended("stopped")
            break
    else:
        end = training["end"]
        history = History([], end["best_step"], end["best_val_loss"])
        widget.record = widget.record.ended(end["state"], history)
    widget._show()
    return [*states, widget.view.shown]


@pytest.mark.parametrize("training", TRAININGS, ids=NAMES)
@pytest.mark.parametrize("stopped", [None, 30])
def test_a_recording_is_played_as_python_shows_the_training(bench, widget, training, stopped):
    states = bench.evaluate(HEAR, [training["saved"] | {"recording": training}, stopped])
    python = shown_by(widget, training, stopped)
    for one, other in zip(python, states, strict=True):
        assert other["caption"] == f"{one['caption']} {trainings.about(training)}"
        expected = json.loads(json.dumps(one)) | {"caption": other["caption"], "recording": True}
        assert difference(expected, other) is None
    assert training["end"]["state"] == "finished" and len(training["events"]) > 100


@pytest.mark.parametrize("file", FILES, ids=[file["lesson"] for file in FILES])
def test_a_recording_is_that_of_the_lesson(file):
    """A lesson that trains differently needs a new one: python -m gptcore.page record."""
    notebook = NOTEBOOKS / f"{file['lesson']}.ipynb"
    assert file["cells"] == [source for source in trainings.cells(notebook) if trainings.trains(source)]
    assert len(file["trainings"]) == sum("TrainingMonitor(" in source for source in file["cells"])
    assert "python -m gptcore.page record" in file["made"]


@pytest.mark.parametrize("training", TRAININGS, ids=NAMES)
def test_a_saved_widget_has_its_recording(widget, training):
    saved = json.loads(json.dumps(to_page(widget._given(), raw=True)))
    assert trainings.recording(saved) == training
    widget.prompt = "Another beginning"
    assert trainings.recording(json.loads(json.dumps(widget._given()))) is None


def test_every_monitor_of_a_lesson_was_recorded():
    lessons = [
        notebook.relative_to(NOTEBOOKS).with_suffix("").as_posix()
        for folder in (NOTEBOOKS, NOTEBOOKS / "ko")
        for notebook in sorted(folder.glob("*.ipynb"))
        if "TrainingMonitor(" in notebook.read_text("utf-8")
    ]
    assert lessons == sorted(trainings.LESSONS) == [file["lesson"] for file in FILES]


def test_play_and_stop(bench):
    page = TRAININGS[1]["saved"] | {"recording": TRAININGS[1] | {"seconds": 1e-3}}
    assert bench.evaluate(
        """async (page) => {
          const view = new views.TrainingMonitor({ models: {}, tokenizers: {} }, page);
          const states = [view.record.state];
          const note = () => states.push(view.record.state);
          view.stop(), note();
          view.play(), note();
          view.play(), view.stop(), note();
          view.speed = 1e9;
          view.play();
          await view.playing;
          note();
          return states;
        }""",
        page,
    ) == ["ready", "ready", "running", "stopped", "finished"]


LESSON = [
    "%matplotlib inline\nfrom gptcore import GPTConfig, GPTModel, Tokenizer\nfrom gptcore.show import TrainingMonitor",
    "letters = Tokenizer.of_characters('a fox')\nimport torch\nids = torch.tensor(letters.encode('a fox a fox a fox'))",
    "model = GPTModel(GPTConfig(len(letters), 4, 8, 2, 1))\nmonitor = TrainingMonitor(model, letters, prompt='a')",
    "history = await monitor.fit(ids, ids, max_steps=6, batch_size=1, eval_interval=3)",
    "raise ValueError('this is not needed')",
]


def test_a_lesson_is_recorded(tmp_path):
    """In a process of its own: IPython changes the one that it runs in."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in LESSON])
    nbformat.write(notebook, tmp_path / "07_learning.ipynb")
    code = "import sys, json, pathlib; from gptcore.page.trainings import record\n"
    code += "made = record(pathlib.Path(sys.argv[1])); print(); print(json.dumps(made))"
    job = [sys.executable, "-c", code, str(tmp_path / "07_learning.ipynb")]
    made = json.loads(subprocess.run(job, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    assert made["cells"] == LESSON[2:4] and made["lesson"] == "07_learning"
    (training,) = made["trainings"]
    assert training["saved"]["widget"] == "TrainingMonitor" and training["saved"]["settings"]["prompt"] == "a"
    reports = [event[1:] for event in training["events"] if event[0] == "report"]
    assert [report[0] for report in reports] == [1, 2, 3, 4, 5, 6]
    assert [report[2] is not None for report in reports] == [False, False, True, False, False, True]
    assert [event[1] for event in training["events"] if event[0] == "sample"][0] == 0
    assert training["end"]["state"] == "finished" and training["end"]["best_step"] in (3, 6) and training["seconds"] > 0
