"""Two editions of one notebook, compared: what is missing, changed or left in English in the second.

The Korean edition has the same cells in the same order. Its code differs in `gptcore.language("ko")`, in comments, and
in strings that are prose or prompts. A cell with the tag "example" has an example of its own: there every literal may
differ, and the code around it may not. A cell with the tag "english" keeps an English text on purpose.
"""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import zip_longest
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from gptcore.particles import with_particles

PARSE = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
SETTING, IMPORT = "gptcore.language('ko')", "import gptcore"
GLOSSARY = "glossary.md"  # which only one edition needs
OWN_TAGS = {"example", "english"}
HANGUL = re.compile("[가-힣ㄱ-ㅎㅏ-ㅣ]")
SENTENCE = re.compile(r"[A-Za-z][A-Za-z'’-]*(?:[ ,:;]+[A-Za-z][A-Za-z'’-]*){3}")  # four words in a row
FENCE, CODE = re.compile(r"^```.*?^```", re.M | re.S), re.compile(r"`+[^`]+`+")
QUOTED = re.compile(r"“[^”]*”|‘[^’]*’|\"[^\"\n]*\"|\([^()]*\)|\[[^\[\]]*\]\([^()]*\)|\$[^$\n]+\$|<[^<>]+>|https?://\S+")
# What a text has as often in both editions: {what it is: how it is written}.
MARKS = {
    "headings": r"^#{1,6} ",
    "predictions": r"^> \*\*(?:Predict\.|예측해 보세요\.)\*\*",
    "folded answers": r"<details>",
    "numbered questions": r"^\d+\. ",
    "points": r"^[-*] ",
    "rows of tables": r"^\|",
    "blocks of code": r"^```",
    "pictures": r"!\[|<img ",
    "displayed formulas": r"\$\$",
}
PARTICLES = {"은": "은(는)", "을": "을(를)", "이에요": "이에요(예요)", "으로": "(으)로"}
PARTICLES |= {"는": "은(는)", "를": "을(를)", "예요": "이에요(예요)", "로": "(으)로"}
AFTER_NUMBER = re.compile(rf"(\d[\d,.]*)({'|'.join(PARTICLES)})(?![가-힣])")
PLAIN = re.compile(r"(?:([가-힣])다|니까|[할일]까|는가|[하보]자|[하보]라)[.?!](?=\s|$)")  # how 해요체 never ends


def faults(english: NotebookNode, korean: NotebookNode) -> Iterator[str]:
    """What is wrong with the Korean edition, a sentence for each fault, which names the cell."""
    settings = 0
    for one, other in zip_longest(english.cells, korean.cells):
        if one is None or other is None or one["id"] != other["id"]:
            there, here = (cell["id"] if cell else "no more" for cell in (one, other))
            yield f"cell {there} is due, and there is {here}"
            return
        name = f"cell {one['id']}"
        if one.cell_type != other.cell_type:
            yield f"{name} is {other.cell_type}, not {one.cell_type}"
        elif _metadata(one) != _metadata(other):
            yield f"{name}: its metadata differs, {_metadata(other)} instead of {_metadata(one)}"
        elif one.cell_type == "markdown":
            yield from (f"{name}: {fault}" for fault in _prose(one.source, other.source))
        else:
            tags = other.metadata.get("tags", ())
            settings += other.source.replace('"', "'").count(SETTING)
            yield from (
                f"{name}: {fault}"
                for fault in (*code_faults(one.source, other.source, tags), *_outputs(one, other, tags))
            )
    if settings != 1:
        yield f"the language is set {settings} times, not once"


def _metadata(cell: NotebookNode) -> dict[str, Any]:
    """What two editions have in common: not when a cell was run, nor what is only one edition's."""
    kept = {name: value for name, value in cell.metadata.items() if name not in ("execution", "tags")}
    return kept | {"tags": sorted(set(cell.metadata.get("tags", ())) - OWN_TAGS)}


def _prose(english: str, korean: str) -> Iterator[str]:
    for what, pattern in MARKS.items():
        there, here = (len(re.findall(pattern, text, re.M)) for text in (english, korean))
        if there != here:
            yield f"{here} {what} instead of {there}"
    there = Counter(map(_in_korean, _links(english)))
    here = Counter(link for link in _links(korean) if link != GLOSSARY)
    if there != here:
        yield f"its links lead to {[*(here - there)]} instead of {[*(there - here)]}"
    for words in re.findall(r"!\[([^\]]*)\]|<img [^>]*?alt=\"([^\"]*)\"", korean):
        if not HANGUL.search("".join(words)):
            yield f"a picture has no text in Korean, only {''.join(words)!r}"
    if any("alt=" not in tag for tag in re.findall(r"<img [^>]*>", korean)):
        yield "a picture has no text"
    yield from (*english_left(korean), *impolite(korean), *wrong_particles(korean), *not_bold(korean))


def not_bold(text: str) -> Iterator[str]:
    """Where ** would be shown as it is: CommonMark wants no letter right outside of it if a sign is right inside."""
    text = CODE.sub("`", FENCE.sub("", text))
    for paragraph in re.split(r"\n\s*\n|\|", text):
        for number, found in enumerate(re.finditer(r"\*\*", paragraph)):
            outside, inside = paragraph[: found.start()][-1:], paragraph[found.end() :][:1]
            if number % 2:
                outside, inside = inside, outside
            if not inside.strip() or (not inside.isalnum() and outside.isalnum()):
                yield f"it is not bold: {paragraph[max(0, found.start() - 10) : found.end() + 10]!r}"


def _links(text: str) -> list[str]:
    """The addresses to which `text` links, without the place on a page."""
    return [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", _without(text, FENCE, CODE))]


def _in_korean(link: str) -> str:
    """Where the Korean edition's link leads, which lies one folder deeper."""
    if link.startswith("ko/"):  # to the other edition
        return "../" + link.removeprefix("ko/")
    if not link.startswith("../") or link.endswith(".ipynb"):
        return link
    return "../" + link.replace("README.md", "README.ko.md")


def _without(text: str, *patterns: re.Pattern[str]) -> str:
    for pattern in patterns:
        text = pattern.sub(" … ", text)
    return text


def bare(text: str) -> str:
    """Prose without what may be in English: code, what is quoted or in brackets, formulas, tags and addresses."""
    return _without(text, FENCE, CODE, QUOTED, QUOTED)


def english_left(text: str) -> Iterator[str]:
    yield from (f"it is in English: {found[0]!r}" for found in SENTENCE.finditer(bare(text)))


def impolite(text: str) -> Iterator[str]:
    """Sentences that do not end as all others do, in 해요체."""
    text = bare(text).replace("*", "")
    for found in PLAIN.finditer(text):
        before = found[1]
        if before is None or before in "니이하크" or (ord(before) - ord("가")) % 28:  # and not 바다, 마다
            yield f"not in 해요체: {text[max(0, found.start() - 20) : found.end()]!r}"


def wrong_particles(text: str) -> Iterator[str]:
    """Numbers with a particle that does not fit how they are read."""
    for found in AFTER_NUMBER.finditer(text):
        number, particle = found.groups()
        if found[0] != (right := with_particles(number + PARTICLES[particle])):
            yield f"wrong particle: {found[0]!r} instead of {right!r}"


def code_faults(english: str, korean: str, tags: Collection[str] = ()) -> Iterator[str]:
    """What is wrong with the code of a Korean cell with these tags."""
    one, other = map(_parsed, (english, korean))
    lines = [ast.unparse(line) for line in other.body]
    setting = {SETTING}
    if SETTING in lines and IMPORT not in map(ast.unparse, one.body):
        setting.add(IMPORT)  # the English cell needs no more than parts of the package
    other.body = [line for line, text in zip(other.body, lines, strict=True) if text not in setting]
    yield from _tree(one, other, "example" in tags)
    if "english" not in tags:
        for text in (*_strings(other), *_comments(korean)):
            if SENTENCE.search(text) and not HANGUL.search(text):
                yield f"it is in English: {text!r}"
    for text in (*_strings(other), *_comments(korean)):
        if not text.startswith("옛날 옛적에"):  # a tale ends as tales do: 살았답니다
            yield from (*impolite(text), *wrong_particles(text))


def _parsed(source: str) -> ast.Module:
    return compile(TransformerManager().transform_cell(source), "", "exec", PARSE)


def _strings(tree: ast.AST) -> Iterator[str]:
    """Every text in it; what the parts of an f-string say counts as one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield _said(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _comments(source: str) -> Iterator[str]:
    source = re.sub(r"^(\s*)[%!]", r"\1# ", source, flags=re.M)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and "%" not in token.string:
            yield token.string


def _tree(one: Any, other: Any, is_example: bool) -> Iterator[str]:
    """Where two syntax trees differ in more than their texts."""
    if is_example and _is_literal(one) and _is_literal(other):
        return
    if isinstance(one, ast.Constant) and isinstance(other, ast.Constant):
        is_text = isinstance(one.value, str) and isinstance(other.value, str)
        if one.value != other.value and not (is_text and HANGUL.search(other.value)):
            yield f"{other.value!r} instead of {one.value!r}"
    elif isinstance(one, ast.JoinedStr) and isinstance(other, ast.JoinedStr):
        there, here = (Counter(_value(value, is_example) for value in _values(text)) for text in (one, other))
        if there != here:
            yield f"an f-string shows {[*(here - there)]} instead of {[*(there - here)]}"
        there, here = _said(one), _said(other)
        if there != here and not HANGUL.search(here) and re.search("[^\\W\\d]", there + here) and not is_example:
            yield f"{here!r} instead of {there!r}"
    elif type(one) is not type(other):
        yield f"`{_source(other)}` instead of `{_source(one)}`"
    elif isinstance(one, ast.AST):
        for name in one._fields:
            yield from _tree(getattr(one, name), getattr(other, name), is_example)
    elif isinstance(one, list):
        if len(one) != len(other):
            yield f"`{' '.join(map(_source, other))}` instead of `{' '.join(map(_source, one))}`"
        else:
            for pair in zip(one, other, strict=True):
                yield from _tree(*pair, is_example)
    elif one != other:
        yield f"`{other}` instead of `{one}`"


def _source(node: Any) -> str:
    return ast.unparse(node) if isinstance(node, ast.AST) else str(node)


def _is_literal(node: Any) -> bool:
    if not isinstance(node, ast.expr):
        return False
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _values(text: ast.JoinedStr) -> list[ast.FormattedValue]:
    return [part for part in text.values if isinstance(part, ast.FormattedValue)]


def _value(value: ast.FormattedValue, is_example: bool) -> str:
    """A value and how it is shown, without the width, what is said in it and, in an example, its numbers."""
    spec = re.sub(r"^.?[<>^]|(?<![.\d])[1-9]\d*(?=\D|$)", "", _said(value.format_spec)) if value.format_spec else ""
    shown = ast.parse(ast.unparse(value.value), mode="eval").body
    for node in ast.walk(shown):
        if isinstance(node, ast.Constant) and (is_example or isinstance(node.value, str)):
            node.value = ""
        if isinstance(node, ast.JoinedStr):
            node.values = _values(node)
    return f"{ast.dump(shown)}!{value.conversion}:{spec}"


def _said(text: ast.JoinedStr) -> str:
    return "".join(part.value for part in text.values if isinstance(part, ast.Constant))


def _outputs(english: NotebookNode, korean: NotebookNode, tags: Collection[str]) -> Iterator[str]:
    there, here = ([sorted(output.get("data", ())) for output in cell.outputs] for cell in (english, korean))
    if there != here:
        yield f"its outputs are {here} instead of {there}"
    for output in korean.outputs:
        if "image/png" in output.get("data", ()):
            words = output.metadata.get("image/png", {}).get("alt", "")
            if not HANGUL.search(words):
                yield f"its picture has no text in Korean, only {words!r}"
        if "english" not in tags:
            text = output.get("text") or output.get("metadata", {}).get("image/png", {}).get("alt", "")
            yield from english_left(text)
