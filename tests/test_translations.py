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
    "{text} becomes {tokens}",
    "{n} nats",
    "Top-k",
    "Top-p",
    "Min-p",
    *(f"{name} {{value}}" for name in ("top-k", "top-p", "min-p")),
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
        return sorted(re.findall(r"\{.*?\}|%\(\w+\)s", text))

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
    one = re.compile(r"\}[”’)]?(은|는|이|가|을|를|과|와|로|으로)( |$|\.)")
    assert {message.string for message in catalogue.values() if one.search(message.string)} == set()


def said(catalogue):
    return {message.id: message.string for message in catalogue if message.id}


def test_the_compiled_catalogue_is_that_of_the_text():
    with (FOLDER / "gptcore.po").open("rb") as file:
        made = BytesIO()
        write_mo(made, read_po(file, locale="ko"))
    with (FOLDER / "gptcore.mo").open("rb") as file:
        compiled = read_mo(file)
    assert said(compiled) == said(read_mo(BytesIO(made.getvalue())))
