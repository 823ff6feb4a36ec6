import gzip
import json
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from gptcore.lessons import FIRST, NOTEBOOKS
from gptcore.page import trainings
from gptcore.page.__main__ import main
from gptcore.page.build import pages
from gptcore.page.folder import read_files, write_files
from gptcore.page.lesson import is_live
from gptcore.show import NextToken, Prediction, TrainingMonitor, chart
from gptcore.show.live import PAGE_TYPE

LESSONS = sorted(file.stem for file in NOTEBOOKS.glob("*.ipynb"))
REPOSITORY = "https://example.org/course"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
OPENING = """# 00 · Start here

**Can a computer go on?**

*5 minutes.* By the end you will know.

Click here, then press **Shift+Enter**.

It takes a minute."""
COLAB = 'import sys\n\nif "google.colab" in sys.modules:\n    %pip install -q course'


class Page(HTMLParser):
    """What a page holds: its `tags` with their attributes, in order, and the texts inside `script`, `h1` and so on."""

    def __init__(self, html: bytes):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(html.decode())
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in {"meta", "link", "img", "br", "hr", "rect", "circle", "path", "input"}:
            self.open.append(tag)
            self.texts.append([tag, dict(attributes), ""])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.texts:
            self.texts[-1][2] += data

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str, **wanted: str) -> list[str]:
        """The texts of elements that have these attributes, up to the first element inside."""
        return [text.strip() for name, has, text in self.texts if name == tag and wanted.items() <= has.items()]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


def code(source: str, *outputs, **metadata) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def result(data: dict, metadata: dict | None = None) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("execute_result", data, metadata=metadata or {})


def shown(widget) -> nbformat.NotebookNode:
    """The output that a notebook saves of a widget."""
    data, metadata = widget._repr_mimebundle_()
    return result(json.loads(json.dumps(data)), metadata)


def write(file: Path, *cells) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)


@pytest.fixture
def project(tmp_path) -> Path:
    """The notebooks of a project of two lessons and a solution."""
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "pyproject.toml").write_text(f'[project]\n[project.urls]\nRepository = "{REPOSITORY}"\n')
    notebooks = tmp_path / "course" / "notebooks"
    write(notebooks / FIRST, OPENING, code(COLAB), "## Here\n\nNext: [01_next.ipynb](01_next.ipynb)")
    write(notebooks / "01_next.ipynb", "# 01 · The next\n\n**What next?**\n\nBack: [first](00_start_here.ipynb#Here)")
    write(notebooks / "solutions" / "01_next.ipynb", "# Solution")
    return notebooks


def first(project: Path, *cells) -> Page:
    """The page of a first lesson with these cells below its opening."""
    write(project / FIRST, OPENING, code(COLAB), *cells)
    return Page(dict(pages(project))["00_start_here.html"])


@pytest.fixture
def model(told):
    return told[0]


@pytest.fixture
def tokenizer(told):
    return told[1]


@pytest.fixture(scope="module")
def site() -> dict[str, bytes]:
    """All files of the real lessons."""
    return dict(pages())


@pytest.fixture(scope="module")
def parsed(site) -> dict[str, Page]:
    return {name: Page(data) for name, data in site.items() if name.endswith(".html")}


def test_every_lesson_has_a_page_and_there_is_a_front_door(parsed):
    names = [*(f"{name}.html" for name in LESSONS), "index.html", "widgets.html"]
    assert sorted(parsed) == sorted([*names, *(f"ko/{name}" for name in names)])
    door = {link.get("href") for link in parsed["index.html"].all("a")}
    assert {f"{name}.html" for name in LESSONS} <= door


def test_one_page_has_a_widget_of_each_kind(project, model, tokenizer):
    widgets = [NextToken(model, tokenizer, "One"), NextToken(model, tokenizer, "Two")]
    write(project / FIRST, OPENING, "## Here", code("x", *map(shown, widgets)))
    question = Prediction("Which?", {"a": "No.", "b": "Yes."}, right="b")
    write(
        project / "01_next.ipynb",
        "# 01 · The next",
        "## Here",
        code("x", shown(widgets[1])),
        code("x", shown(question)),
    )
    page = Page(dict(pages(project))["widgets.html"])
    assert [box["id"] for box in page.all("div") if "data-widget" in box] == ["next-token-1", "prediction-1"]
    states = [json.loads(text) for text in page.text("script", type="application/json")]
    assert states[0]["settings"]["prompt"] == "One"
    assert page.text("h2") == ["Next token", "Prediction"]
    links = {link["href"] for link in page.all("a")}
    assert {"00_start_here.html", "01_next.html", "#Next-token"} <= links
    assert "widgets.html" in {link["href"] for link in Page(dict(pages(project))["index.html"]).all("a")}


def dead_links(files: dict[str, bytes]) -> list[str]:
    """The links and files of pages that lead nowhere in the site."""
    parsed = {name: Page(data) for name, data in files.items() if name.endswith(".html")}
    dead = []
    for name, page in parsed.items():
        links = [tag["href"] for kind in ("a", "link") for tag in page.all(kind)]
        links += [tag["src"] for kind in ("img", "script") for tag in page.all(kind) if "src" in tag]
        for link in (link for link in links if urlsplit(link).scheme not in ("https", "data")):
            parts = urlsplit(link)
            target = (
                posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path))) if parts.path else name
            )
            if target not in files or (parts.fragment and unquote(parts.fragment) not in parsed[target].ids):
                dead.append(f"{name}: {link}")
    return dead


def test_a_page_of_a_lesson_is_light_to_fetch(site, parsed):
    """As servers send it, packed; scripts and styles included, pictures and the model not."""
    for name, page in parsed.items():
        files = [link["href"] for link in page.all("link")] + [script.get("src") for script in page.all("script")]
        needed = [file.removeprefix("../") for file in files if file and file.endswith((".css", ".js"))]
        assert needed and sum(len(gzip.compress(site[file])) for file in (name, *needed)) <= 250_000, name
    assert max(map(len, site.values())) <= 10_000_000


def test_every_link_and_every_file_of_a_page_is_there(site):
    assert dead_links(site) == []
    assert dead_links({**site, "00_start_here.html": site["00_start_here.html"].replace(b"01_text", b"01_gone")})


def test_files_of_the_repository_are_where_the_links_to_it_say(parsed):
    for page in parsed.values():
        for link in page.all("a"):
            if found := re.match(r"https://github.com/gptcore/gptcore/(?:blob|tree)/main/(.+)", link["href"]):
                assert (NOTEBOOKS.parent / found[1]).exists(), link


def test_a_page_loads_nothing_from_elsewhere_and_has_no_handlers_or_styles_of_its_own(parsed):
    for name, page in parsed.items():
        for tag, attributes in page.tags:
            assert not any(key.startswith("on") or key == "style" for key in attributes), f"{name}: {tag} {attributes}"
            if tag in ("img", "script", "link") and attributes.get("rel") != "alternate":
                assert "//" not in attributes.get("src", attributes.get("href", "")).replace("http://www.w3.org", "")
        policy = page.all("meta")[1]
        assert policy["http-equiv"] == "Content-Security-Policy"
        assert policy["content"].startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "unsafe" not in policy["content"]


def test_pages_are_whole_and_their_headings_are_in_order(parsed):
    for name, page in parsed.items():
        assert page.open == [], f"{name}: not closed"
        assert len(page.ids) == len(set(page.ids)), name
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert levels.count(1) == 1 and levels[0] == 1, name
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False)), name
        assert page.all("html") == [{"lang": "ko" if name.startswith("ko/") else "en"}] and len(page.all("main")) == 1
        assert page.all("a")[0] == {"class": "skip", "href": "#content"}
        assert all(image["alt"] for image in page.all("img")), name
        assert page.text("title")[0] and page.all("meta")[5]["content"], name


def test_a_page_says_nothing_of_how_a_notebook_is_run(site):
    for name in LESSONS:
        html = site[f"{name}.html"].decode()
        assert "Shift+Enter</strong>: each press" not in html and "google.colab" not in html
        assert html.count('class="where"') == 1


def test_names_of_shared_files_change_with_their_content(project):
    before = {name for name in dict(pages(project)) if name.startswith("assets/page.")}
    write(project / FIRST, OPENING, code(COLAB), "## Here", code("x", result({"image/png": PNG})))
    after = {name for name in dict(pages(project)) if name.startswith("assets/")}
    assert before < after and len(after) == len(before) + 1


def test_the_opening_becomes_the_head_of_the_page(project):
    page = first(project, "## Here")
    assert page.text("h1") == ["Start here"] and page.text("p", **{"class": "question"}) == ["Can a computer go on?"]
    assert page.text("p", **{"class": "kicker"}) == ["Lesson 00"]
    html = dict(pages(project))["00_start_here.html"].decode()
    assert html.count("Can a computer go on?") == 2  # and the description of the page
    assert "By the end you will know." in html and "It takes a minute." not in html and "Shift+Enter" not in html


def test_links_between_notebooks_lead_from_page_to_page(project):
    made = dict(pages(project))
    assert '<a href="01_next.html">01 · The next</a>' in made["00_start_here.html"].decode()
    assert '<a href="00_start_here.html#Here">first</a>' in made["01_next.html"].decode()


def test_what_has_no_page_is_linked_in_the_repository(project):
    page = first(project, "## Here\n\n[s](solutions/01_next.ipynb), [all](solutions), [it](../pyproject.toml)")
    links = [link["href"] for link in page.all("a") if "/main/" in link["href"]]
    assert f"{REPOSITORY}/blob/main/notebooks/solutions/01_next.ipynb" in links
    assert {f"{REPOSITORY}/tree/main/notebooks/solutions", f"{REPOSITORY}/blob/main/pyproject.toml"} <= {*links}


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("02_gone.ipynb", "00_start_here.ipynb has a link to 02_gone.ipynb, where nothing is"),
        ("../../secret.txt", "00_start_here.ipynb has a link to ../../secret.txt, where nothing is"),
        ("01_next.ipynb#gone", "00_start_here.ipynb has a link to #gone, which 01_next.html does not have"),
        ("#gone", "00_start_here.ipynb has a link to #gone, which 00_start_here.html does not have"),
    ],
)
def test_a_dead_link_is_named(project, link, said):
    (project.parents[1] / "secret.txt").write_text("outside of the project")
    write(project / FIRST, OPENING, f"## Here\n\n[x]({link})")
    with pytest.raises(ValueError, match=re.escape(said)):
        dict(pages(project))


def test_folded_code_is_folded_on_the_page_too(project):
    page = first(project, "## Here", code("Prediction('right')", jupyter={"source_hidden": True}))
    folded = [attributes for attributes in page.all("details") if attributes.get("class") == "code"]
    assert folded == [{"class": "code"}], "closed, and one"


def test_outputs_are_those_that_were_saved(project):
    html_table = "<table><tr><td>cell</td></tr></table>"
    stream = nbformat.v4.new_output("stream", name="stdout", text="a < b\n")
    more = nbformat.v4.new_output("stream", name="stdout", text="and more\n")
    outputs = stream, more, result({"text/html": html_table, "text/plain": "no"}), result({"text/plain": "<plain>"})
    write(project / FIRST, OPENING, "## Here", code("x", *outputs))
    html = dict(pages(project))["00_start_here.html"].decode()
    assert html.count('<pre class="output') == 2, "what was printed piece by piece is one text"
    assert "a &lt; b\nand more" in html and "&lt;plain&gt;" in html and html_table in html and ">no<" not in html


def test_tables_of_the_prose_scroll_and_align_without_a_style(project):
    page = first(project, "## Here\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |")
    assert {"class": "table"} in page.all("div") and page.all("td") == [{}, {"class": "right"}]


def test_a_chart_has_its_words_and_its_size(project):
    figure, ax = chart(4, 2, title='"Two" <b>bars</b>')
    output = result({"image/png": PNG}, {"image/png": {"alt": '"Two" <b>bars</b>'}})
    image = first(project, "## Here", code("x", output)).all("img")[0]
    assert image["alt"] == '"Two" <b>bars</b>' and (image["width"], image["height"]) == ("1", "1")
    made = dict(pages(project))
    assert made[image["src"]].startswith(b"\x89PNG")


def test_a_widget_brings_its_state_and_its_picture(project, model, tokenizer):
    hostile = "</script><script>alert(1)</script><!-- & ' \u2028"
    widgets = [NextToken(model, tokenizer, hostile, seed=2**63 - 1), NextToken(model, tokenizer, "Once")]
    write(project / FIRST, OPENING, "## Here", code("x", *map(shown, widgets)))
    made = dict(pages(project))
    page = Page(made["00_start_here.html"])
    boxes = [box for box in page.all("div") if "data-widget" in box]
    assert [(box["id"], box["data-widget"]) for box in boxes] == [
        ("next-token-1", "NextToken"),
        ("next-token-2", "NextToken"),
    ]
    states = [json.loads(text) for text in page.text("script", type="application/json")]
    assert states[0] == json.loads(json.dumps(widgets[0]._given())) and states[0]["settings"]["prompt"] == hostile
    assert [image["alt"] for image in page.all("img")] == [widget.describe() for widget in widgets]
    known = states[-1]
    weights, vocab = known["models"]["storyteller"]["weights"], known["tokenizers"]["storyteller"]["vocab"]
    assert made[weights][:8] != b"" and json.loads(made[vocab])
    assert list(known["tokenizers"]) == ["storyteller"] and known["lesson"] == "00_start_here"
    assert "class NextToken" in made[page.all("script")[-1]["src"]].decode()
    assert any(box.get("data-widget") == "NextToken" for box in Page(made["index.html"]).all("div"))


def test_a_widget_of_a_foreign_model_stays_a_picture_and_says_why(project, model, tokenizer):
    output = shown(NextToken(model, tokenizer, "Once"))
    output.data[PAGE_TYPE]["model"] = None
    page = first(project, "## Here", code("x", output))
    assert not any("data-widget" in box for box in page.all("div"))
    assert page.text("figcaption") == ["This widget is live in the notebook."]
    assert page.text("script") == [""], "its page needs no script but its own"


def test_a_training_comes_with_its_recording(project, model, tokenizer):
    recorded = json.loads((trainings.FOLDER / "08_evaluating.json").read_text(encoding="utf-8"))["trainings"][0]
    output, other = shown(TrainingMonitor(model, tokenizer)), shown(TrainingMonitor(model, tokenizer, prompt="Another"))
    output.data[PAGE_TYPE] = recorded["saved"]
    page = first(project, "## Here", code("x", output, other))
    assert [box["id"] for box in page.all("div") if "data-widget" in box] == ["training-monitor-1"]
    state = json.loads(page.text("script", type="application/json")[0])
    assert state == recorded["saved"] | {"recording": recorded}
    assert page.text("figcaption") == ["This widget is live in the notebook."]


def test_a_question_needs_no_model(project):
    asked = Prediction("Which?", {"a": "No.", "b": "Yes."}, right="b")
    made_page = first(project, "## Here", code("x", shown(asked), jupyter={"source_hidden": True}))
    known = json.loads(made_page.text("script", type="application/json")[-1])
    assert known["models"] == {} and known["tokenizers"] == {}


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        {"widget": "TrainingMonitor"},
        {"widget": "Bomb"},
        {"widget": ["NextToken"]},
        {"widget": "live_view"},
        {"widget": None},
    ],
)
def test_only_widgets_that_a_page_knows_are_live(state):
    assert not is_live(state)


def test_another_language_has_pages_of_its_own_that_are_linked_both_ways(project, model, tokenizer):
    write(project / FIRST, OPENING, "## Here", code("x", shown(NextToken(model, tokenizer, "Once"))))
    write(project / "ko" / FIRST, "# 00 · 시작\n\n**왜?**", "## 여기\n\n[English](../00_start_here.ipynb)")
    made = dict(pages(project))
    page = Page(made["ko/00_start_here.html"])
    assert page.all("html") == [{"lang": "ko"}] and page.text("h1") == ["시작"]
    assert page.all("link")[-2]["href"].startswith("../assets/") or page.all("link")[-1]["hreflang"] == "en"
    links = {link["href"]: link for link in page.all("a")}
    assert links["../00_start_here.html"].get("hreflang", "en") == "en" and "../ko/index.html" in links
    english = {link["href"]: link for link in Page(made["00_start_here.html"]).all("a")}
    assert english["ko/00_start_here.html"]["lang"] == "ko"
    assert "ko/index.html" in {link["href"] for link in Page(made["index.html"]).all("a")}
    assert not any(link.get("lang") == "ko" for link in Page(made["01_next.html"]).all("a")), "it has no Korean page"
    assert dead_links(made) == [], "in Korean there is no page of widgets"


def test_the_widgets_of_a_page_speak_its_language(project, model, tokenizer):
    cell = code("x", shown(NextToken(model, tokenizer, "Once")))
    write(project / FIRST, OPENING, "## Here", cell)
    write(project / "ko" / FIRST, "# 00 · 시작\n\n**왜?**", cell)
    found = [re.search(rb"gptcoreWords = (\{.*\});", script) for name, script in pages(project) if name.endswith(".js")]
    assert {json.loads(words[1]).get("Add a token") for words in found if words} == {None, "토큰 더하기"}


def test_a_single_page_holds_everything(project, model, tokenizer):
    picture = result({"image/png": PNG}, {"image/png": {"alt": "a"}})
    write(project / FIRST, OPENING, "## Here", code("x", shown(NextToken(model, tokenizer, "Once")), picture))
    made = dict(pages(project, single=True))
    assert sorted(made) == ["00_start_here.html", "01_next.html", "index.html", "widgets.html"]
    page = Page(made["00_start_here.html"])
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not any("src" in script for script in page.all("script"))
    known = json.loads(page.text("script", id="gptcore-page")[0])
    held = page.text("script", id=known["models"]["storyteller"]["weights"].removeprefix("#"))[0]
    assert len(held) * 3 // 4 >= (NOTEBOOKS.parent / "gptcore/storyteller/model.safetensors").stat().st_size
    policy = page.all("meta")[1]["content"]
    assert "'self'" not in policy.partition("img-src")[0] and policy.count("'sha256-") == 3
    assert "connect-src 'none'" in policy


def test_a_build_writes_only_what_has_changed_and_removes_what_is_no_longer_made(tmp_path, project):
    folder = write_files(tmp_path / "site", dict(pages(project)))
    (folder / "CNAME").write_text("mine")
    untouched = (folder / "index.html").stat().st_mtime_ns
    write(project / "02_more.ipynb", "# 02 · More\n\n**And?**")
    write_files(folder, {**dict(pages(project)), "index.html": (folder / "index.html").read_bytes()})
    assert (folder / "index.html").stat().st_mtime_ns == untouched and (folder / "02_more.html").exists()
    (project / "02_more.ipynb").unlink()
    made = dict(pages(project))
    write_files(folder, made)
    assert not (folder / "02_more.html").exists() and (folder / "CNAME").read_text() == "mine"
    assert read_files(folder) == made
    hidden = {file.name for file in folder.iterdir() if file.name.startswith(".")}
    assert hidden == {".gptcore-pages.json"}, "no lock and nothing half written stays"


def test_a_file_that_was_changed_by_hand_is_neither_removed_nor_written_over(tmp_path):
    folder = write_files(tmp_path / "site", {"a.html": b"a", "b.html": b"b"})
    (folder / "a.html").write_text("mine")
    write_files(folder, {"b.html": b"b2"})
    assert (folder / "a.html").read_text() == "mine" and (folder / "b.html").read_bytes() == b"b2"
    with pytest.raises(ValueError, match="a.html' is there, and no build has made it so: move it away"):
        write_files(folder, {"a.html": b"a", "c.html": b"c"})
    assert (folder / "a.html").read_text() == "mine" and not (folder / "c.html").exists()


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    with pytest.raises(ValueError, match="holds other things: name a new folder, or an empty one"):
        write_files(tmp_path / "mine", {"index.html": b""})
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["diary.txt"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"folder .*file' cannot be written: .* is a file where a folder is needed"):
        write_files(tmp_path / "file", {"index.html": b""})


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", ".hidden", "a/.b", "C:\\x", "", "a//b"])
def test_a_record_that_names_files_elsewhere_is_not_believed(tmp_path, name):
    folder = write_files(tmp_path / "site", {"a.html": b"a"})
    (folder / ".gptcore-pages.json").write_text(json.dumps({name: "x", "a.html": "x"}))
    assert list(read_files(folder)) == ["a.html"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: build | serve"),
        (["bild"], "invalid choice: 'bild'"),
        (["build", "--singel"], "unrecognized arguments: --singel"),
        (["serve", "--port", "many"], "argument --port: invalid int value: 'many'"),
    ],
)
def test_wrong_arguments(capsys, arguments, said):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert said in capsys.readouterr().err


def test_without_notebooks_it_says_where_they_are(tmp_path):
    with pytest.raises(ValueError, match="the notebooks are not installed with the package: get the project"):
        dict(pages(tmp_path))


def test_the_command_says_where_the_pages_are(tmp_path, capsys, monkeypatch, project):
    made = dict(pages(project))
    monkeypatch.setattr("gptcore.page.build.pages", lambda single: made)
    assert main(["build", str(tmp_path / "site")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 pages, ") and f"are in '{tmp_path / 'site'}': open index.html there\n" in said
    (tmp_path / "site" / "index.html").write_text("mine")
    assert main(["build", str(tmp_path / "site")]) == 2
    assert "gptcore.page: " in capsys.readouterr().err
