"""JupyterHub's pages in Korean: the words are those of its templates, and all of them are translated."""

from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("jupyterhub", reason="JupyterHub is not installed, or cannot be, as on Windows")
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader  # noqa: E402
from jupyterhub._data import DATA_FILES_PATH  # noqa: E402

from gptcore.classroom.words import PAGES, PLACES, WORDS, in_our_words  # noqa: E402

THEIRS = Path(DATA_FILES_PATH) / "templates"
USER = {"name": "anna", "json_escaped_name": "anna", "spawner": {}}
SEEN = [  # what a page knows of the hub
    ("login", {"authenticator": {"request_otp": True, "otp_prompt": "Class password:"}}),
    ("login", {"login_error": "It's not <right>."}),
    ("home", {"user": USER, "default_server": {"active": True}}),
    ("home", {"user": USER, "default_server": {"active": False}}),
    ("spawn_pending", {"user": USER}),
    ("stop_pending", {"user": USER}),
    ("not_running", {"user": USER}),
    ("not_running", {"user": USER, "implicit_spawn_seconds": 3}),
    ("not_running", {"user": USER, "failed": True}),
    ("not_running", {"user": USER, "failed": True, "failed_message": "no room"}),
    ("logout", {}),
]


def pages():
    """Each page, as the hub renders it."""
    loaders = [PrefixLoader({"templates": FileSystemLoader(THEIRS)}), FileSystemLoader([PAGES, THEIRS])]
    templates = Environment(loader=ChoiceLoader(loaders), autoescape=True)
    known = {
        "authenticator": {},
        "in_our_words": in_our_words,
        "class_language": "xx",
        "static_url": lambda *_names, **_more: "",
    }
    return [templates.get_template(f"{name}.html").render(**known | more) for name, more in SEEN]


def texts(page):
    return {" ".join(unescape(found[0]).split()) for place in PLACES for found in place.finditer(page)}


def test_in_english_the_pages_have_all_of_these_words():
    assert set().union(*map(texts, pages())) >= WORDS


def test_in_korean_none_of_them_is_left(in_korean):
    found = pages()
    assert not WORDS & set().union(*map(texts, found))
    assert {"로그인", "이름:", "비밀번호:"} <= texts(found[0]) and "내 서버 시작하기" in texts(found[3])
    assert all('documentElement.lang = "xx"' in page for page in found)


def test_what_is_not_known_stays_as_it_is(in_korean):
    page = """<p class="login_error">It&#39;s not &lt;right&gt;.</p><a title="Home, sweet">Homes</a>"""
    assert in_our_words(page) == page
