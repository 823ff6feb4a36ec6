"""The Korean catalogue: every sentence of the interface is in it, whole, and filled in with the same names."""

import ast
import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

import gptcore
from gptcore.language import LOCALE

KEYWORDS = {"_": None, "N_": None, "t": None}
METHODS = [("**.py", "python"), ("**.js", "javascript"), ("**.j2", "jinja2")]
FOLDER = LOCALE / "ko" / "LC_MESSAGES"
SIGNS = {
    " and ",
    "{beginning} and {endings}",
    "None",
    "the CPU",
    "the GPU (CUDA)",
    "{text} becomes {tokens}",
    "{n} nats",
}


@pytest.fixture(scope="module")
def sentences():
    """Every sentence that stands in `_(…)` or `t(…)`."""
    found = extract_from_dir(Path(gptcore.__file__).parent, METHODS, keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def catalogue():
    with (FOLDER / "gptcore.po").open("rb") as file:
        return {message.id: message for message in read_po(file, locale="ko") if message.id}


def test_every_sentence_has_its_korean(sentences, catalogue):
    assert len(sentences) > 400
    missing = {sentence for sentence in sentences if sentence not in catalogue or not catalogue[sentence].string}
    assert missing == set()
    assert not any(message.fuzzy for message in catalogue.values())


def test_what_is_marked_for_translators_stands_where_they_find_it(sentences):
    """Not inside an f-string, nor in a call inside a call, where extraction does not look."""
    folder, hidden = Path(gptcore.__file__).parent, set()
    for file in folder.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        marked = [call.args[0] for call in calls if getattr(call.func, "id", "") in ("_", "N_")]
        hidden |= {text.value for text in marked if isinstance(text, ast.Constant)} - sentences
    for file in folder.rglob("*.js"):
        marked = re.findall(r'(?<![\w.])(?:t|N_)\(\s*("(?:[^"\\]|\\.)*")(?! *\+)', file.read_text(encoding="utf-8"))
        hidden |= set(map(json.loads, marked)) - sentences
    assert hidden == set()


def test_the_catalogue_has_no_sentence_that_nobody_says(sentences, catalogue):
    assert catalogue.keys() - sentences == set()


def test_the_same_names_are_filled_in(catalogue):
    def names(text):
        return sorted(re.findall(r"\{.*?\}|%\(\w+\)s", re.sub(r"\{\{.*?\}\}", "", text)))

    other = {sentence for sentence, message in catalogue.items() if set(names(sentence)) != set(names(message.string))}
    assert other == set()


def test_the_korean_is_korean(catalogue):
    def letters(kind, text):
        return re.search(kind, re.sub(r"\{.*?\}", "", text))

    translated = {
        sentence: message.string for sentence, message in catalogue.items() if letters("[A-Za-z]{3}", sentence)
    }
    assert {sentence for sentence, said in translated.items() if not letters("[가-힣]", said)} == SIGNS


def test_a_particle_after_what_is_filled_in_has_both_forms(catalogue):
    one, note = re.compile(r"\}[”’]?(은|는|이|가|을|를|과|와|로|으로)( |$|\.)"), re.compile(r"\([^()]*\}[^()]*\)")
    said = [message.string for message in catalogue.values()]
    assert [text for text in said if one.search(note.sub("", text))] == []  # 어댑터({name})가 goes with 어댑터


def said(catalogue):
    return {message.id: message.string for message in catalogue if message.id}


def test_the_compiled_catalogue_is_that_of_the_text():
    with (FOLDER / "gptcore.po").open("rb") as file:
        made = BytesIO()
        write_mo(made, read_po(file, locale="ko"))
    with (FOLDER / "gptcore.mo").open("rb") as file:
        compiled = read_mo(file)
    assert said(compiled) == said(read_mo(BytesIO(made.getvalue())))


# What no learner meets, and why. The braces stand for what is filled in.
SILENT = {
    "module 'gptcore' has no attribute {}": "Python says so of every module",
    "module 'gptcore.show' has no attribute {}": "Python says so of every module",
    "{} is locked": "caught where it is raised from, and said in other words",
    "Is a directory": "caught where it is raised from, and said in other words",
    "options must be one or more texts that are not empty, got {}": "for writers of stories",
    "an option is the beginning of another: {}": "for writers of stories",
}
SAYING = re.compile(r"(Error|Warning|Unavailable|NotWritten|_NotYet)$|^(say|print|warn)$")


def written(node):
    """The texts in a piece of code that do not stand in `_(…)` or `N_(…)`."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "N_"):
        return
    if isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for part in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(part, ast.Constant)):
            yield from written(part)


def said_in_english(source):
    """The sentences that `source` raises, warns with or prints, directly or by a name that holds them."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)):
            continue
        held = {
            target.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if SAYING.search(name) and not ast.unparse(call.func).startswith("tale."):
                for argument in call.args:
                    value = held.get(getattr(argument, "id", None), argument)
                    yield from (text for text in written(value) if re.search("[A-Za-z]{2}.* .*[A-Za-z]{2}", text))


def test_what_is_raised_warned_or_printed_goes_through_the_catalogue():
    folder = Path(gptcore.__file__).parent
    found = {text for file in folder.rglob("*.py") for text in said_in_english(file.read_text(encoding="utf-8"))}
    assert found == SILENT.keys()


@pytest.mark.parametrize(
    "source",
    [
        'raise ValueError(f"name must be {what}")',
        'raise ValueError("name must " + "be one")',
        'raise ValueError(f"{_(what)} is not here")',
        'def f():\n    sentence = "all is well"\n    say(sentence)',
        'print(f"{n} tokens are left")',
    ],
)
def test_a_sentence_beside_the_catalogue_is_found(source):
    assert list(said_in_english(source)) and not list(said_in_english('raise ValueError(_("name must be one"))'))
