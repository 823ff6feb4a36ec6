"""The Korean edition has everything that the English one has, in the words of its glossary."""

import re
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from babel.messages.pofile import read_po

from gptcore.language import LOCALE
from tests.editions import FENCE, bare, code_faults, english_left, faults, impolite, not_bold, wrong_particles

ROOT = Path(__file__).parents[1]
ENGLISH, KOREAN = ROOT / "notebooks", ROOT / "notebooks" / "ko"
NAMES = [
    file.relative_to(ENGLISH).as_posix() for folder in ("", "solutions") for file in (ENGLISH / folder).glob("*.ipynb")
]
README = ROOT / "README.ko.md"


def read(file):
    return nbformat.read(file, 4)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_notebook_has_its_twin_in_korean(name):
    assert list(faults(read(ENGLISH / name), read(KOREAN / name))) == []


def test_the_korean_edition_has_no_other_notebooks():
    assert {file.relative_to(KOREAN).as_posix() for file in KOREAN.rglob("*.ipynb") if "/." not in str(file)} == {
        *NAMES
    }


PROSE = """## Three words

> **Predict.** Which of the three words comes next? See [lesson 03](03_logits_to_probabilities.ipynb) and
[the README](../README.md#test).

1. Is it the first word of the three?

| word | chance |
| --- | --- |
| fox | 0.5 |

![a bar for each word](images/bars.png)"""
PROSE_KO = """## 세 낱말

> **예측해 보세요.** 세 낱말 가운데 무엇이 다음에 올까요? [레슨 03](03_logits_to_probabilities.ipynb)과
[README](../../README.ko.md#test)를 보세요.

1. 셋 가운데 첫째일까요?

| 낱말 | 확률 |
| --- | --- |
| 여우 | 0.5 |

![낱말마다 막대 하나](images/bars.png)"""
CODE = """import gptcore

logits = [2.0, 1.0]  # one score for each word
print(f"the fox of {logits[0]:>5.2f} and {len(logits)} words", seed)"""
CODE_KO = """import gptcore

gptcore.language("ko")
logits = [2.0, 1.0]  # 낱말마다 점수 하나
print(f"낱말 {len(logits)}개, 여우는 {logits[0]:>8.2f}", seed)"""
PICTURE = {"image/png": {"alt": "fox 50%"}}
PICTURE_KO = {"image/png": {"alt": "여우 50%"}}


def notebook(prose, code, picture, tags=()):
    output = nbformat.v4.new_output("display_data", {"image/png": "", "text/plain": "<Chart>"}, metadata=picture)
    cells = [
        nbformat.v4.new_markdown_cell(prose, id="prose"),
        nbformat.v4.new_code_cell(code, id="code", outputs=[output], metadata={"tags": list(tags)} if tags else {}),
        nbformat.v4.new_code_cell("1 + 1", id="last"),
    ]
    return nbformat.v4.new_notebook(cells=cells)


def found(prose=PROSE_KO, code=CODE_KO, picture=PICTURE_KO, tags=()):
    return list(faults(notebook(PROSE, CODE, PICTURE), notebook(prose, code, picture, tags)))


def test_what_is_the_same_in_both_editions_is_no_fault():
    assert found() == []


@pytest.mark.parametrize(
    ("there", "here", "fault"),
    [
        ("[2.0, 1.0]", "[2.0, 1.5]", "1.5 instead of 1.0"),
        ("[2.0, 1.0]", "[2.0]", "`2.0` instead of `2.0 1.0`"),
        ("logits = ", "scores = ", "`scores` instead of `logits`"),
        ("len(logits)", "max(logits)", "an f-string shows"),
        (">8.2f", ">8.3f", "an f-string shows"),
        (", seed)", ", seed, end='')", "instead of"),
        (", seed)", ")", "instead of"),
        ("print(", "print; (", "instead of"),
        ('gptcore.language("ko")\n', "", "the language is set 0 times"),
        ("낱말 {len(logits)}개, 여우는", "the fox of {len(logits)} tales", "'the fox of  tales ' instead of"),
        ("낱말마다 점수 하나", "one score for each word", "it is in English: '# one score for each word'"),
        ("여우는", "여우는 작다.", "not in 해요체"),
        ("여우는", "6.992이에요. 여우는", "wrong particle: '6.992이에요' instead of '6.992예요'"),
    ],
)
def test_a_changed_line_of_code_is_found(there, here, fault):
    assert there in CODE_KO and any(fault in one for one in found(code=CODE_KO.replace(there, here)))


def test_an_example_has_literals_of_its_own_and_no_other_code():
    own = CODE_KO.replace("[2.0, 1.0]", "[3.0, -1.0, 0.5]")
    assert found(code=own) != [] and found(code=own, tags=["example"]) == []
    assert found(code=own.replace("len(", "sum("), tags=["example"]) != []
    own = CODE_KO.replace("{logits[0]", "{logits[1]")
    assert found(code=own) != [] and found(code=own, tags=["example"]) == []


def test_a_cell_that_sets_the_language_may_import_the_package_for_that():
    english = "from gptcore import stories"
    setting = 'import gptcore\nfrom gptcore import stories\n\ngptcore.language("ko")'
    assert list(code_faults(english, setting)) == []
    assert list(code_faults(english, "import gptcore\nfrom gptcore import stories")) != []
    assert (
        list(code_faults(f"import gptcore\n{english}", 'from gptcore import stories\n\ngptcore.language("ko")')) != []
    )


@pytest.mark.parametrize(
    ("there", "here", "fault"),
    [
        ("## 세", "세", "0 headings instead of 1"),
        ("> **예측해 보세요.** ", "", "0 predictions instead of 1"),
        ("1. 셋", "셋", "0 numbered questions instead of 1"),
        ("| 여우 | 0.5 |\n", "", "2 rows of tables instead of 3"),
        ("[레슨 03](03_logits_to_probabilities.ipynb)", "레슨 03", "03_logits_to_probabilities.ipynb"),
        ("README.ko.md", "README.md", "../../README.md"),
        ("![낱말마다 막대 하나](images/bars.png)", "", "0 pictures instead of 1"),
        ("낱말마다 막대 하나", "a bar for each word", "a picture has no text in Korean"),
        ("낱말마다 막대 하나", "", "a picture has no text in Korean"),
        ("셋 가운데 첫째일까요?", "Is it the first of the three?", "it is in English: 'Is it the first"),
        ("셋 가운데 첫째일까요?", "셋 가운데 첫째입니다.", "not in 해요체"),
        ("셋 가운데 첫째일까요?", "하나가 첫째였다.", "not in 해요체"),
        ("셋 가운데", "10는 큰 수예요. 셋 가운데", "wrong particle: '10는' instead of '10은'"),
        ("셋 가운데", "**셋(three)**가운데", "it is not bold: '**셋(three)**가운데"),
        ("셋 가운데", "**“셋” **가운데", "it is not bold"),
    ],
)
def test_what_is_missing_or_english_in_the_prose_is_found(there, here, fault):
    assert there in PROSE_KO and any(fault in one for one in found(prose=PROSE_KO.replace(there, here)))


def test_english_may_be_quoted_and_stand_in_code_or_in_brackets():
    assert found(prose=PROSE_KO + " “Once upon a time there” `a b c d` 토큰(one of many words) GPT-2, KV") == []


def test_a_picture_without_korean_text_is_found():
    assert found(picture={}) == ["cell code: its picture has no text in Korean, only ''"]
    assert len(found(picture=PICTURE)) == 1


def test_a_missing_cell_is_found_and_one_of_another_kind():
    english, korean = notebook(PROSE, CODE, PICTURE), notebook(PROSE_KO, CODE_KO, PICTURE_KO)
    for place, fault in ((2, "cell last is due, and there is no more"), (0, "cell prose is due, and there is code")):
        fewer = deepcopy(korean)
        del fewer.cells[place]
        assert fault in list(faults(english, fewer))
    korean.cells[2] = nbformat.v4.new_markdown_cell("둘", id="last")
    assert "cell last is markdown, not code" in list(faults(english, korean))


def other_spellings():
    """{a spelling that the glossary refuses: its term}."""
    table = (KOREAN / "glossary.md").read_text(encoding="utf-8").partition("| --- |\n")[2]
    rows = re.findall(r"^\| (.+?) \| .+? \| .+? \| (.*?) \|$", table, re.M)
    return {spelling: term for term, others in rows for spelling in others.split(", ") if spelling}


def not_in_the_glossary(text):
    return {
        f"{spelling}, which is {term}"
        for spelling, term in other_spellings().items()
        if spelling in text and re.search(rf"(?<![가-힣]){re.escape(spelling)}", text)
    }


def test_the_glossary_finds_another_spelling():
    assert "확률 분포" in other_spellings() and "쓰지 않는 표기" not in other_spellings()
    assert not_in_the_glossary("이 확률 분포와 토커나이저") == {
        "확률 분포, which is 확률분포",
        "토커나이저, which is 토크나이저",
    }
    assert not_in_the_glossary("확률분포와 토크나이저, 제로지트") == set()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_lesson_keeps_to_the_glossary(name):
    text = "\n".join(cell.source for cell in read(KOREAN / name).cells)
    assert not_in_the_glossary(text) == set()


def catalogue():
    with (LOCALE / "ko" / "LC_MESSAGES" / "gptcore.po").open("rb") as file:
        return [message.string for message in read_po(file, locale="ko") if message.id]


def test_the_interface_keeps_to_the_glossary_and_to_one_tone():
    assert set().union(*map(not_in_the_glossary, catalogue())) == set()
    assert [fault for text in catalogue() for fault in impolite(text)] == []


@pytest.mark.parametrize("folder", ["", "classroom"])
def test_a_korean_readme_says_what_the_english_one_says_with_the_same_commands(folder):
    english, korean = ((ROOT / folder / name).read_text(encoding="utf-8") for name in ("README.md", README.name))
    for commands in (re.compile(r"^\| [^|]+ \| `([^`]+)` \|$", re.M), re.compile("^```sh\n(.*?)^```", re.M | re.S)):
        assert commands.findall(korean) == commands.findall(english)
    assert re.search(r"^\| [^|]+ \| `([^`]+)` \|$", english, re.M)
    for kind in ("^#+ ", r"^\|", "^- ", r"^\d\. ", "!\\["):
        assert len(re.findall(kind, english, re.M)) == len(re.findall(kind, korean, re.M)), kind
    for codes in zip(
        *(re.findall("^```python\n(.*?)^```", text, re.M | re.S) for text in (english, korean)), strict=True
    ):
        assert list(code_faults(*codes)) == []
    assert [*english_left(korean), *impolite(korean), *wrong_particles(korean), *not_bold(korean)] == []
    assert not_in_the_glossary(bare(korean)) == set()
    assert "(README.ko.md)" in english and "(README.md)" in korean


@pytest.mark.parametrize("file", ["README.md", "README.ko.md", "classroom/README.md", "classroom/README.ko.md"])
def test_what_a_readme_links_to_in_the_project_is_there(file):
    text = FENCE.sub("", (ROOT / file).read_text(encoding="utf-8"))
    places = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text)
    assert places
    for name, heading in places:
        target = (ROOT / file).parent / name if name else ROOT / file
        assert target.exists(), name
        if heading:
            headings = re.findall("^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            assert heading in {re.sub(r"[^\w\s-]", "", found.lower()).replace(" ", "-") for found in headings}
