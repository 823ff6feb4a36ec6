import gzip
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import Thread

import pytest

from gptcore.page import serve as module
from gptcore.page.folder import read_files, write_files
from gptcore.page.serve import Server, addresses, qr_code, serve

FILES = {
    "index.html": b"<!doctype html><h1>Hello</h1>" + b"<p>again</p>" * 200,
    "00_start.html": b"<p>start</p>",
    "ko/index.html": "<p>안녕</p>".encode(),
    "assets/page.1234567890.js": b"let x = 1;" * 200,
    "assets/page.1234567890.css": b"body {}",
    "assets/a.1234567890.png": b"\x89PNG" + os.urandom(300),
    "assets/model.1234567890.safetensors": os.urandom(5000),
    "assets/vocab.1234567890.json": b'{"a": 1}',
}


@contextmanager
def served(files: dict[str, bytes]) -> Iterator[Callable[..., HTTPResponse]]:
    """get(path, **headers): an answer of a server of `files`; its `body` is read."""
    server = Server(files)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def get(path: str, method: str = "GET", **headers: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer

    try:
        yield get
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def get() -> Iterator[Callable[..., HTTPResponse]]:
    with served(FILES) as get:
        yield get


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("assets/page.1234567890.js", "text/javascript; charset=utf-8"),
        ("assets/page.1234567890.css", "text/css; charset=utf-8"),
        ("assets/a.1234567890.png", "image/png"),
        ("assets/vocab.1234567890.json", "application/json; charset=utf-8"),
        ("assets/model.1234567890.safetensors", "application/octet-stream"),
    ],
)
def test_a_file_comes_as_it_is_and_says_its_kind(get, name, kind):
    answer = get(f"/{name}")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, FILES[name], kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_folder_is_its_front_door(get):
    assert get("/").body == get("/?from=qr").body == FILES["index.html"] and get("/ko/").body == FILES["ko/index.html"]
    answer = get("/ko")
    assert answer.status == 301 and answer.headers["Location"] == "/ko/"


@pytest.mark.parametrize(
    "path",
    [
        "/gone.html",
        "/assets/",
        "/assets",
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/.gptcore-pages.json",
        "/.git/config",
        "//etc/passwd",
        "/etc/passwd",
        "/index.html%00.png",
        "/index.html/",
        "/%ff",
        "http://elsewhere/secret.txt",
    ],
)
def test_nothing_else_is_there(get, path):
    answer = get(path)
    assert answer.status == 404 and answer.body == b"There is no such page.\n"


def test_what_no_build_has_made_is_not_read(tmp_path):
    """Neither a file that was put there, nor what a link of the file system leads to."""
    folder = write_files(tmp_path / "site", {"index.html": b"door", "a.html": b"a", "b/c.html": b"c"})
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.html").write_text("secret")
    (folder / "notes.txt").write_text("mine")
    (folder / "a.html").unlink()
    (folder / "a.html").symlink_to(tmp_path / "secret.txt")
    (folder / "b" / "c.html").unlink()
    (folder / "b").rmdir()
    (folder / "b").symlink_to(tmp_path / "elsewhere")
    assert read_files(folder) == {"index.html": b"door"}


@pytest.mark.parametrize(("name", "pays"), [("index.html", True), ("assets/model.1234567890.safetensors", False)])
def test_what_gets_smaller_is_sent_so_to_those_who_can_read_it(get, name, pays):
    answer = get(f"/{name}", Accept_Encoding="br, gzip")
    assert (answer.headers.get("Content-Encoding") == "gzip") == pays == (len(answer.body) < len(FILES[name]))
    assert (gzip.decompress(answer.body) if pays else answer.body) == FILES[name]
    assert get(f"/{name}").headers.get("Content-Encoding") is None


def test_files_whose_names_change_with_their_content_are_kept_and_pages_are_asked_for_again(get):
    assert "immutable" in get("/assets/page.1234567890.js").headers["Cache-Control"]
    page = get("/")
    assert page.headers["Cache-Control"] == "no-cache"
    again = get("/", If_None_Match=page.headers["ETag"])
    assert again.status == 304 and again.body == b"" and again.headers["ETag"] == page.headers["ETag"]
    assert get("/", If_None_Match='"other"').status == 200


def test_only_reading_is_possible(get):
    head = get("/", method="HEAD")
    assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) == len(FILES["index.html"])
    assert all(get("/", method=method).status == 501 for method in ("POST", "PUT", "DELETE"))


def test_thirty_phones_at_once(get):
    with ThreadPoolExecutor(30) as phones:
        answers = list(phones.map(get, ["/assets/model.1234567890.safetensors"] * 90))
    assert {answer.body for answer in answers} == {FILES["assets/model.1234567890.safetensors"]}


def test_a_phone_that_goes_away_disturbs_nobody(get, capfd):
    with served({"index.html": os.urandom(5_000_000)}) as get_large:
        server = next(cell.cell_contents for cell in get_large.__closure__ if isinstance(cell.cell_contents, Server))
        phone = socket.create_connection(("127.0.0.1", server.server_port))
        phone.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        phone.recv(10)
        phone.close()
        assert len(get_large("/").body) == 5_000_000
    assert capfd.readouterr().err == ""


def test_a_port_in_use_is_a_sentence(tmp_path):
    folder = write_files(tmp_path / "site", FILES)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            ValueError, match=f"port {port} at 127.0.0.1 cannot be used: .*; choose another, such as --port"
        ):
            serve(folder, "127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("127.0.0.1", 65536, "port must be at most 65535, got 65536"),
        ("127.0.0.1", -1, "port must be at least 0, got -1"),
        ("198.51.100.1", 0, "port 0 at 198.51.100.1 cannot be used: "),
        ("no such host", 0, "port 0 at no such host cannot be used: "),
        ("\udcff", 0, "host must be"),
    ],
)
def test_wrong_arguments(tmp_path, host, port, said):
    folder = write_files(tmp_path / "site", FILES)
    with pytest.raises(ValueError, match=said):
        serve(folder, host, port)


def test_a_folder_without_pages_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="has no pages: make them with python -m gptcore.page build"):
        serve(tmp_path)


def told(monkeypatch, capsys, host: str, nearby: list[str]) -> list[str]:
    monkeypatch.setattr(module, "addresses", lambda: nearby)
    module._tell(host, 8000)
    return capsys.readouterr().out.splitlines()


def test_it_says_what_phones_have_to_open(monkeypatch, capsys):
    assert told(monkeypatch, capsys, "0.0.0.0", ["192.168.0.7", "10.0.0.2"]) == [
        "The pages are at http://localhost:8000/",
        "Phones in the same network open http://192.168.0.7:8000/",
        "or http://10.0.0.2:8000/",
        "Ctrl-C ends it.",
    ]
    assert told(monkeypatch, capsys, "192.168.0.7", []) == [
        "The pages are at http://192.168.0.7:8000/",
        "Ctrl-C ends it.",
    ]


def test_it_says_if_no_phone_can_reach_it(monkeypatch, capsys):
    lonely = told(monkeypatch, capsys, "0.0.0.0", [])
    assert lonely[:2] == [
        "The pages are at http://localhost:8000/",
        "This computer is in no network that phones could be in.",
    ]
    assert "leave out --host for phones" in told(monkeypatch, capsys, "127.0.0.1", [])[1]


def test_addresses_are_those_of_this_computer_in_a_network():
    for address in addresses():
        assert not address.startswith("127.") and socket.inet_aton(address)


def test_a_qr_code_is_for_terminals_with_blocks(monkeypatch, capsys):
    pytest.importorskip("segno")
    assert qr_code("http://192.168.0.7:8000/") == "", "this is no terminal"

    class Terminal:
        encoding = "utf-8"
        isatty = staticmethod(lambda: True)

    monkeypatch.setattr(sys, "stdout", Terminal)
    lines = qr_code("http://192.168.0.7:8000/").split("\n")
    plain = [line.removeprefix("\x1b[97;40m").removesuffix("\x1b[0m") for line in lines]
    assert len({len(line) for line in plain}) == 1 and len(plain) == (len(plain[0]) + 1) // 2
    assert plain[0] == "█" * len(plain[0]), "light around it"
    assert plain[1][:2] == "██" and plain[1][2:9] == " ▄▄▄▄▄ ".translate(str.maketrans("▄ ", "▄ ")), "a corner"
    Terminal.encoding = "cp1252"
    assert qr_code("http://192.168.0.7:8000/") == ""


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches a process there in another way")
def test_ctrl_c_ends_it(tmp_path):
    folder = write_files(tmp_path / "site", FILES)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "gptcore.page", "serve", str(folder), "--host", "127.0.0.1", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().startswith("The pages are at http://localhost:")
    while process.stdout.readline() != "Ctrl-C ends it.\n":
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "\nThe pages are no longer there.\n", "")
