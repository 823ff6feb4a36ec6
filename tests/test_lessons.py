import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from gptcore import lessons
from gptcore.files import locked
from gptcore.lessons import FIRST, NOTEBOOKS, hand_out, show_pictures

ROOT = Path(__file__).parents[1]
VIEW = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
BY_HAND = "x = 'mine'"


def notebook(*sources: str, outputs=(), run=None) -> str:
    """The text of a notebook with cells of code."""
    cells = [nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=run) for source in sources]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


@pytest.fixture
def project(tmp_path) -> Path:
    """The notebooks of a small project: two lessons, a solution and a picture."""
    folder = tmp_path / "project" / "notebooks"
    (folder / "solutions").mkdir(parents=True)
    (folder / "images").mkdir()
    for name in (FIRST, "01_next.ipynb", "solutions/01_next.ipynb"):
        (folder / name).write_text(notebook(f"# {name}", "1 + 1"))
    (folder / "images" / "a.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture
def copies(tmp_path, project) -> Path:
    """What was handed out of it."""
    hand_out(tmp_path / "copies", project)
    return tmp_path / "copies"


def files(folder: Path) -> dict[str, str]:
    """{name: what a person wrote in it} of the files that are not hidden."""
    found = (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    return {file.relative_to(folder).as_posix(): lessons._written(file.read_bytes()) for file in found}


def edit(file: Path, *sources: str) -> bytes:
    """A notebook with other cells, which has been run, and what now stands in it."""
    file.write_text(notebook(*sources, run=7))
    return file.read_bytes()


def test_the_copies_have_every_lesson_and_all_that_the_lessons_link_to(tmp_path):
    copies = str(tmp_path / "copies")
    said = f"The lessons are in {copies!r}: change what you like there, the project stays as it is."
    assert hand_out(copies) == [said]
    copied = sorted((tmp_path / "copies").rglob("*.ipynb"))
    assert [file.relative_to(tmp_path / "copies") for file in copied] == sorted(
        file.relative_to(NOTEBOOKS) for file in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in file.parts
    )
    for file in copied:
        for cell in nbformat.read(file, nbformat.NO_CONVERT).cells:
            for link in re.findall(r"\]\(([^)#\s]+)|src=[\"']([^\"']+)", cell.source):
                if "://" not in (target := "".join(link)):
                    assert (file.parent / target).exists(), (file, target)


def test_the_project_stays_clean_when_a_lesson_is_run_in_a_copy(tmp_path):
    """Neither what a kernel writes nor what JupyterLab saves gets into it."""
    from nbclient import NotebookClient

    def state() -> list[bytes]:
        git = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True)
        return [git.stdout, *(file.read_bytes() for file in sorted(NOTEBOOKS.rglob("*.*")) if file.is_file())]

    before = state()
    hand_out(tmp_path / "copies")
    lesson = nbformat.read(tmp_path / "copies" / FIRST, 4)
    NotebookClient(lesson, resources={"metadata": {"path": str(tmp_path / "copies")}}).execute()
    nbformat.write(lesson, tmp_path / "copies" / FIRST)
    assert state() == before
    assert hand_out(tmp_path / "copies")[1:] == []  # and what was only run does not count as changed


def test_what_jupyterlab_saves_by_itself_is_no_change(project, copies):
    output = nbformat.v4.new_output("stream", text="2\n")
    saved = nbformat.reads(notebook(f"# {FIRST}", "1 + 1", " \n", outputs=[output], run=3), 4)  # the last cell is new
    saved.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    saved.cells[0].metadata["collapsed"] = True
    nbformat.write(saved, copies / FIRST)
    (project / FIRST).write_text(notebook("# newer"))
    assert hand_out(copies, project)[1:] == ["Brought up to date: 1."]
    assert files(copies) == files(project)


@pytest.mark.parametrize(
    "sources", [(BY_HAND, "1 + 1"), (f"# {FIRST}",), (f"# {FIRST}", "1 + 1", BY_HAND), (f"# {FIRST}", "1  + 1"), ()]
)
def test_what_was_changed_stays_and_the_newer_lesson_is_put_beside_it(project, copies, sources):
    mine = edit(copies / FIRST, *sources)
    assert hand_out(copies, project)[1:] == []  # nothing is newer
    newest = edit(project / FIRST, "# newer")
    assert hand_out(copies, project)[1:] == [
        f"You have changed {FIRST}, so it stays; its new version is 00_start_here_new.ipynb, beside it."
    ]
    assert (copies / FIRST).read_bytes() == mine
    assert (copies / "00_start_here_new.ipynb").read_bytes() == newest
    assert hand_out(copies, project)[1:] == []  # it is said once


def test_the_lesson_beside_is_replaced_too_unless_it_was_changed(project, copies):
    beside = copies / "00_start_here_new.ipynb"
    edit(copies / FIRST, BY_HAND)
    for newer in ("# newer", "# newest"):
        edit(project / FIRST, newer)
        hand_out(copies, project)
        assert beside.read_bytes() == (project / FIRST).read_bytes()
    mine = edit(beside, "# newest", BY_HAND)
    edit(project / FIRST, "# newest of all")
    assert "00_start_here_new2.ipynb" in hand_out(copies, project)[1]
    assert beside.read_bytes() == mine
    assert (copies / "00_start_here_new2.ipynb").read_bytes() == (project / FIRST).read_bytes()


def test_a_learner_who_takes_the_newer_lesson_over_is_up_to_date_again(project, copies):
    edit(copies / FIRST, BY_HAND)
    edit(project / FIRST, "# newer")
    hand_out(copies, project)
    (copies / "00_start_here_new.ipynb").replace(copies / FIRST)
    edit(project / FIRST, "# newest")
    assert hand_out(copies, project)[1:] == ["Brought up to date: 1."]
    assert files(copies) == files(project)


def test_a_lesson_that_was_deleted_or_renamed_begins_afresh(project, copies):
    mine = edit(copies / FIRST, BY_HAND)
    (copies / FIRST).rename(copies / "mine.ipynb")
    (copies / "solutions" / "01_next.ipynb").unlink()
    hand_out(copies, project)
    assert (copies / "mine.ipynb").read_bytes() == mine
    assert files(copies) == files(project) | {"mine.ipynb": lessons._written(mine)}


def test_a_new_lesson_comes_and_one_that_is_gone_stays(project, copies):
    mine = edit(copies / "01_next.ipynb", BY_HAND)
    (project / "01_next.ipynb").rename(project / "02_next.ipynb")
    hand_out(copies, project)
    assert (copies / "01_next.ipynb").read_bytes() == mine
    assert (copies / "02_next.ipynb").read_bytes() == (project / "02_next.ipynb").read_bytes()


@pytest.mark.parametrize("damage", ["", "[]", '{"00_start_here.ipynb": 3}', "no json", None])
def test_without_its_record_every_file_that_differs_counts_as_changed(project, copies, damage):
    (copies / ".gptcore-lessons.json").unlink() if damage is None else (
        (copies / ".gptcore-lessons.json").write_text(damage)
    )
    mine, run = edit(copies / FIRST, BY_HAND), edit(copies / "01_next.ipynb", "# 01_next.ipynb", "1 + 1")
    hand_out(copies, project)
    assert (copies / FIRST).read_bytes() == mine and (copies / "01_next.ipynb").read_bytes() == run
    assert files(copies).keys() == files(project).keys() | {"00_start_here_new.ipynb"}


@pytest.mark.parametrize("text", ["", "{", '{"cells": 3}', '{"cells": [{"source": 1}]}', "\ud800", "[" * 100_000])
def test_a_damaged_notebook_is_kept_like_any_change(project, copies, text):
    (copies / FIRST).write_bytes(mine := text.encode(errors="surrogatepass"))
    edit(project / FIRST, "# newer")
    hand_out(copies, project)
    show_pictures(copies)
    assert (copies / FIRST).read_bytes() == mine


@pytest.mark.parametrize("nth", range(1, 6))
def test_an_interruption_loses_nothing_and_the_next_call_does_the_rest(project, copies, monkeypatch, nth):
    mine = edit(copies / "01_next.ipynb", BY_HAND)
    for name in files(project):
        if name.endswith("ipynb"):
            edit(project / name, "# newer", name)
    writes, write = iter(range(1, 100)), lessons.write_whole

    def interrupted(file, how):
        if next(writes) == nth:
            raise KeyboardInterrupt
        write(file, how)

    monkeypatch.setattr(lessons, "write_whole", interrupted)
    if nth <= 3:  # as many files are newer
        with pytest.raises(KeyboardInterrupt):
            hand_out(copies, project)
    hand_out(copies, project)
    assert (copies / "01_next.ipynb").read_bytes() == mine
    newer = lessons._written((project / "01_next.ipynb").read_bytes())
    assert files(copies) == files(project) | {
        "01_next.ipynb": lessons._written(mine),
        "01_next_new.ipynb": newer,
    }


def test_a_process_that_is_killed_before_its_record_is_written_leaves_no_false_change(project, copies):
    record = (copies / ".gptcore-lessons.json").read_bytes()
    edit(project / FIRST, "# newer")
    hand_out(copies, project)
    (copies / ".gptcore-lessons.json").write_bytes(record)
    assert hand_out(copies, project)[1:] == []
    edit(project / FIRST, "# newest")
    assert hand_out(copies, project)[1:] == ["Brought up to date: 1."]


def test_two_at_once(tmp_path, project):
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: hand_out(tmp_path / "copies", project), range(4)))
    assert len({tuple(sentences) for sentences in said}) == 1 and files(tmp_path / "copies") == files(project)
    assert [file.name for file in (tmp_path / "copies").glob(".*")] == [".gptcore-lessons.json"]


def test_nobody_else_is_at_work_meanwhile(project, copies, monkeypatch):
    def and_a_second_one(notebooks):
        with pytest.raises(TimeoutError), locked(copies / ".gptcore-lessons-lock", patience=0):
            pass
        return [("another.ipynb", b"{}")]

    monkeypatch.setattr(lessons, "_lessons", and_a_second_one)
    hand_out(copies, project)
    assert (copies / "another.ipynb").exists()


def test_copies_can_be_written_where_the_project_cannot(tmp_path, project):
    (project / FIRST).chmod(0o444)
    hand_out(tmp_path / "copies", project)
    assert os.access(tmp_path / "copies" / FIRST, os.W_OK)


def test_a_widget_whose_kernel_has_ended_gives_way_to_its_picture(project, copies):
    picture, text = {"image/png": "aGk=", "text/plain": "a widget"}, {"text/plain": "a slider"}
    outputs = [nbformat.v4.new_output("display_data", data) for data in (picture | VIEW, text | VIEW)]
    outputs.append(nbformat.v4.new_output("stream", text="옛날"))
    (copies / FIRST).write_text(notebook("# mine", outputs=outputs), encoding="utf-8")
    others = {file: file.stat().st_mtime_ns for file in copies.rglob("0*.ipynb") if file.name != FIRST}
    show_pictures(copies)
    outputs[0].data = picture  # the second has nothing else to show
    cell = nbformat.read(copies / FIRST, 4).cells[0]
    assert cell.outputs == outputs and cell.source == "# mine"
    assert {file: file.stat().st_mtime_ns for file in others} == others


def test_an_installed_package_says_where_the_lessons_are(tmp_path):
    with pytest.raises(ValueError, match="^the notebooks are not installed with the package: get the project with git"):
        hand_out(tmp_path / "copies", tmp_path / "site-packages" / "notebooks")


def test_a_folder_that_cannot_be(tmp_path, project):
    for inside in (project, project.parent, project / "mine"):
        with pytest.raises(ValueError, match="^folder must lie outside of the project in .*, got "):
            hand_out(inside, project)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="^folder .* cannot be written: .* is a file where a folder is needed"):
        hand_out(tmp_path / "file", project)
    with pytest.raises(TypeError, match="^folder must be a str or a path, got 3"):
        hand_out(3, project)


def test_the_command_makes_the_copies(tmp_path):
    command = [sys.executable, "-m", "gptcore.lessons", "--no-open"]
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | home, capture_output=True, text=True)
    assert done.stdout == f"{hand_out(tmp_path / 'gptcore-lessons')[0]}\n" and done.stderr == "" and not done.returncode
    done = subprocess.run([*command, "notebooks"], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.startswith("gptcore.lessons: folder must lie outside") and done.returncode == 2


@pytest.fixture
def started(monkeypatch, tmp_path) -> list:
    """What is started in place of JupyterLab: the folder, and the command."""
    found = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lessons.os, "execv", lambda program, command: found.extend([Path.cwd(), command]))
    monkeypatch.setattr(lessons, "_is_open", lambda folder: False)
    return found


@pytest.mark.skipif(os.name != "posix", reason="started in another way there")
@pytest.mark.parametrize("passed", [[], ["--port", "9000", "--allow-root"], ["05_the_loop.ipynb"]])
def test_the_command_opens_jupyterlab_with_what_follows_two_dashes(started, tmp_path, passed):
    lessons.main([str(tmp_path / "copies"), *(["--", *passed] if passed else [])])
    assert started == [tmp_path / "copies", [sys.executable, "-m", "jupyterlab", *passed, FIRST]]


@pytest.mark.skipif(os.name != "posix", reason="started in another way there")
def test_the_command_opens_the_lesson_of_the_language(started, tmp_path, capsys, in_korean):
    lessons.main([str(tmp_path / "copies")])
    assert started[1][-1] == f"ko/{FIRST}" and "레슨은" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="there is no root")
def test_as_root_it_says_what_jupyterlab_needs(started, tmp_path, monkeypatch, capsys):
    for user, said in ((0, True), (1000, False)):
        monkeypatch.setattr(lessons.os, "geteuid", lambda user=user: user)
        lessons.main([str(tmp_path / "copies")])
        assert ("python -m gptcore.lessons -- --allow-root" in capsys.readouterr().err) == said


def test_without_jupyterlab_the_copies_are_made_and_a_sentence_says_what_is_missing(
    started, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(lessons, "find_spec", lambda name: None)
    assert lessons.main([str(tmp_path / "copies")]) == 1 and started == []
    assert (tmp_path / "copies" / FIRST).exists() and "JupyterLab is missing" in capsys.readouterr().err


def test_pictures_are_left_alone_while_a_server_shows_the_folder(started, tmp_path, monkeypatch):
    monkeypatch.setattr(lessons, "_is_open", lambda folder: True)
    hand_out(tmp_path / "copies")
    data = json.loads((tmp_path / "copies" / FIRST).read_text(encoding="utf-8"))
    bundles = [output.get("data", {}) for cell in data["cells"] for output in cell.get("outputs", [])]
    next(bundle for bundle in bundles if "image/png" in bundle).update(VIEW)
    (tmp_path / "copies" / FIRST).write_text(json.dumps(data), encoding="utf-8")
    before = (tmp_path / "copies" / FIRST).read_bytes()
    lessons.main([str(tmp_path / "copies")])
    assert (tmp_path / "copies" / FIRST).read_bytes() == before
