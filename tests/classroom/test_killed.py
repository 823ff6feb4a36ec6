"""A kernel that was ended: the student reads in the cell that ran what happened, and goes on."""

import json
import os
import platform
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from gptcore.classroom.memory_errors import is_of_memory, sentence
from tests.classroom.accounts import ROOT

pytest.importorskip("jupyter_server")
websocket = pytest.importorskip("websocket")
from gptcore.classroom import killed  # noqa: E402

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere nothing is ended by signals")


class Page:
    """What JupyterLab does to run cells: a kernel by HTTP, its messages by a websocket."""

    def __init__(self, address, token):
        request = urllib.request.Request(f"{address}api/kernels?token={token}", b"{}", method="POST")
        while True:
            try:
                kernel = json.load(urllib.request.urlopen(request))["id"]
                break
            except urllib.error.URLError:  # it says that it runs before it listens
                time.sleep(0.1)
        place = f"{address.replace('http', 'ws')}api/kernels/{kernel}/channels?session_id=page&token={token}"
        self.socket = websocket.create_connection(place)

    def run(self, code):
        """Begin a cell: its number."""
        header = {"msg_id": secrets.token_hex(8), "msg_type": "execute_request", "session": "page", "username": ""}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        message = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "content": content}
        self.socket.send(json.dumps(message))
        return header["msg_id"]

    def run_until_replied(self, code):
        """Run a cell, and again if a kernel that only begins has not heard it: the reply to it."""
        cells = set()
        for _again in range(12):
            cells.add(self.run(code))
            for cell, kind, content in self.heard(10):
                if kind == "execute_reply" and cell in cells:
                    return content
        raise TimeoutError(f"nothing came back of {code}")

    def until(self, state):
        """What is heard up to the message that the kernel is in `state`."""
        for message in self.heard(120):
            yield message
            if message[2].get("execution_state") == state:
                return
        raise TimeoutError(f"the kernel never was {state}")

    def heard(self, seconds):
        """(cell, kind, content) of each message, for so many seconds. What a server sends to stay connected is none."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(min(left, 5))
            with suppress(websocket.WebSocketTimeoutException):
                message = json.loads(self.socket.recv())
                yield message["parent_header"].get("msg_id"), message["header"]["msg_type"], message["content"]


@pytest.fixture(params=["en", "ko"])
def page(request, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GPTCORE_LANGUAGE": request.param, "HOME": str(tmp_path)}
    environment |= {"JUPYTER_RUNTIME_DIR": str(tmp_path / "run"), "IPYTHONDIR": str(tmp_path / "ipython")}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token, options = secrets.token_hex(8), ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    chosen = f"--ServerApp.kernel_websocket_connection_class={killed.Connection.__module__}.Connection"
    command = [sys.executable, "-m", "jupyter_server", f"--IdentityProvider.token={token}", chosen, *options]
    server = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert any("is running at" in line for line in server.stderr)
        yield request.param, Page(f"http://127.0.0.1:{port}/", token)
    finally:
        server.terminate()
        server.communicate()


WORDS = {
    "en": {9: "needed more memory than there is", 7: "has ended while this cell ran"},
    "ko": {9: "메모리가 모자라서", 7: "실행되는 동안"},
}


def test_a_student_reads_what_happened_and_goes_on(page):
    tongue, page = page
    for how, code in ((9, "os.kill(os.getpid(), 9)"), (7, "os._exit(7)")):
        assert page.run_until_replied("1 + 1")["status"] == "ok"
        ended = page.run(f"import os; {code}")
        heard = list(page.until("restarting"))
        said = [content["text"] for cell, kind, content in heard if cell == ended and kind == "stream"]
        said = [" ".join(text.split()) for text in said]
        assert len(said) == 1, heard
        assert WORDS[tongue][how] in said[0] and "Run All Above Selected Cell" in said[0]
        assert page.run_until_replied("2 + 3")["status"] == "ok"


def test_only_a_kill_is_blamed_on_memory():
    assert "memory" in killed.sentence(-signal.SIGKILL)
    assert all("memory" not in killed.sentence(status) for status in (None, 0, 1, -signal.SIGTERM, -signal.SIGSEGV))


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (MemoryError("a model of 12 layers needs more"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("unable to mmap 497774320 bytes from file <gpt2>: Cannot allocate memory (12)"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (RuntimeError("shape '[2]' is invalid for input of size 3"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error, is_one):
    assert is_of_memory(error) == is_one


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are not asked")
def test_what_a_cell_has_freed_goes_back_to_the_system():
    code = (
        "import psutil, torch\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'gptcore.classroom.memory_errors')\n"
        "def taken(): return psutil.Process().memory_info().rss\n"
        "shell.run_cell('import torch; torch.ones(2**22).sum(); None')\n"  # such blocks lie among others from now on
        "shell.run_cell('both = [(torch.ones(2**20), torch.ones(9)) for _ in range(50)]')\n"
        "shell.run_cell('small = [second for _, second in both]')\n"
        "before = taken()\n"
        "shell.run_cell('del both')\n"
        "print(before - taken())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert int(done.stdout.split()[-1]) > 150_000_000, done.stderr


def test_what_gptcore_says_of_memory_stays():
    said = sentence(MemoryError("a model of 12 layers needs at least 500 bytes: choose smaller sizes in config"))
    assert said.startswith("a model of 12 layers needs at least 500 bytes: choose smaller sizes in config. Nothing is")
