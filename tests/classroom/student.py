"""A student as the hub sees one: a browser's requests and messages, without the browser."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from urllib.parse import quote, urlsplit

import requests
import websocket

VIEW = "application/vnd.jupyter.widget-view+json"
PROCESSOR = "import time as _time; print(_time.process_time())"  # what the kernel has done since it began
SECONDS = 300  # for whatever a student waits for


class Student:
    """One who logs in at the hub's address `url`, waits for a server, and works there."""

    def __init__(self, url: str, name: str, password: str, class_password: str = ""):
        self.url, self.name, self.password, self.class_password = url.rstrip("/"), name, password, class_password
        self.session = requests.Session()
        self.home = f"{self.url}/user/{quote(name)}"
        self.folder = ""  # of the lessons, on the student's server

    def become(self, name: str, password: str, folder: str) -> None:
        """Be another, on a hub that names its students and lays out its lessons otherwise."""
        self.__init__(self.url, name, password)
        self.folder = folder

    def log_in(self) -> requests.Response:
        """Fill in the page of the login; the answer is the page that follows it."""
        self.session.get(f"{self.url}/hub/login", timeout=SECONDS)
        fields = {"username": self.name, "password": self.password, "otp": self.class_password}
        fields["_xsrf"] = self.xsrf("/hub/")
        return self.session.post(f"{self.url}/hub/login", fields, timeout=SECONDS)

    def is_in(self) -> bool:
        """Whether the hub knows who this is."""
        found = self.session.get(f"{self.url}/hub/home", timeout=SECONDS, allow_redirects=False)
        return found.status_code == 200 and self.name in found.content.decode()

    def xsrf(self, path: str) -> str:
        """The value that a page below `path` sends back, so that no other page can ask in its place."""
        return next(
            (cookie.value for cookie in self.session.cookies if (cookie.name, cookie.path) == ("_xsrf", path)), ""
        )

    def start_server(self, patience: float = SECONDS) -> None:
        """Ask for the server, and wait until its page is there: the page that waits hears how far it is."""
        end = time.monotonic() + patience
        page = self.session.get(f"{self.url}/hub/spawn", timeout=SECONDS)
        while True:
            if progress := re.search(r'new EventSource\("([^"]+)"', page.text):
                self._hear(f"{self.url}{unescape(progress[1])}", end - time.monotonic())
            page = self.session.get(f"{self.home}/lab", timeout=SECONDS)
            if page.ok and urlsplit(page.url).path.startswith(urlsplit(self.home).path):
                return
            assert time.monotonic() < end, f"{self.name} still waits for a server: {page.status_code} {page.url}"
            time.sleep(0.5)

    def _hear(self, progress: str, patience: float) -> None:
        """Listen to what the hub says of the server, until it is there or will not come."""
        with self.session.get(progress, timeout=max(1, patience), stream=True) as said:
            for line in said.iter_lines(chunk_size=1):
                event = json.loads(line.removeprefix(b"data:")) if line.startswith(b"data:") else {}
                assert not event.get("failed"), event.get("message")
                if event.get("ready"):
                    return

    def api(self, method: str, path: str, **settings) -> requests.Response:
        """What a page of the student's server asks of it."""
        headers = {"X-XSRFToken": self.xsrf(urlsplit(self.home).path + "/")}
        return self.session.request(method, f"{self.home}/api/{path}", headers=headers, timeout=SECONDS, **settings)

    @contextmanager
    def opened(self, notebook: str) -> Iterator["Kernel"]:
        """The notebook, opened, with a kernel; at its end the kernel is shut down."""
        model = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        answer = self.api("POST", "sessions", json=model)
        answer.raise_for_status()
        session = answer.json()
        kernel = Kernel(self, session["kernel"]["id"], notebook)
        try:
            yield kernel
        finally:
            kernel.socket.close()
            self.api("DELETE", f"sessions/{session['id']}")

    def finish(self, notebook: str) -> dict[str, float]:
        """Run every cell, or raise AssertionError: seconds until the first widget and the end, and of the processor."""
        begun, times = time.monotonic(), {}
        with self.opened(notebook) as kernel:
            for source in kernel.cells():
                for message in kernel.run(source):
                    if VIEW in message["content"].get("data", {}):
                        times.setdefault("first widget", time.monotonic() - begun)
            times["end"] = time.monotonic() - begun
            return {**times, "processor": float(kernel.text_of(PROCESSOR))}


class Kernel:
    """A student's kernel, spoken with over the websocket of her server."""

    def __init__(self, student: Student, kernel_id: str, notebook: str):
        self.student, self.id, self.notebook, self.session = student, kernel_id, notebook, uuid.uuid4().hex
        self.socket = connect(student, kernel_id, self.session)

    def cells(self) -> list[str]:
        """The code of the notebook, as the server gives it to the page."""
        cells = self.student.api("GET", f"contents/{quote(self.notebook)}").json()["content"]["cells"]
        sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        return [source for source in sources if source.strip()]

    def send(self, kind: str, content: dict, channel: str = "shell") -> str:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "session": self.session,
            "username": "",
            "version": "5.3",
        }
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        self.socket.send(json.dumps({**message, "channel": channel, "buffers": []}))
        return header["msg_id"]

    def tell(self, widget: str, state: dict) -> str:
        """What a hand on a widget sends."""
        return self.send(
            "comm_msg", {"comm_id": widget, "data": {"method": "update", "state": state, "buffer_paths": []}}
        )

    def until_idle(self, request: str) -> Iterator[dict]:
        """What the kernel says to a message that has no reply, until it is idle."""
        while True:
            message = json.loads(self.socket.recv())
            if message["parent_header"].get("msg_id") == request:
                yield message
                if message["content"].get("execution_state") == "idle":
                    return

    def answers(self, request: str) -> Iterator[dict]:
        """What the kernel says to a request, until it has answered and is idle."""
        replied = idle = False
        while not (replied and idle):
            message = json.loads(self.socket.recv())
            if message["parent_header"].get("msg_id") != request:
                continue
            replied |= message["channel"] == "shell"
            idle |= message["content"].get("execution_state") == "idle"
            yield message

    def run(self, source: str) -> Iterator[dict]:
        """Run a cell. Raises AssertionError with the kernel's error."""
        request = self.send(
            "execute_request", {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
        )
        for message in self.answers(request):
            content = message["content"]
            assert message["msg_type"] != "error", f"{content['ename']}: {content['evalue']}\n{source}"
            yield message

    def text_of(self, source: str) -> str:
        """What a cell prints or shows as text."""
        contents = [message["content"] for message in self.run(source)]
        return "".join(content.get("text") or content.get("data", {}).get("text/plain", "") for content in contents)


def connect(student: Student, kernel_id: str, session: str = "", home: str | None = None) -> websocket.WebSocket:
    """A websocket to a kernel in the server at `home`, the student's own if nothing is said."""
    home = home or student.home
    path = urlsplit(home).path + "/"
    cookies = (cookie for cookie in student.session.cookies if path.startswith(cookie.path))
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)
    address = f"ws{home.removeprefix('http')}/api/kernels/{kernel_id}/channels?session_id={session}"
    address += f"&_xsrf={quote(student.xsrf(path))}"
    return websocket.create_connection(address, timeout=SECONDS, cookie=cookie, origin=student.url)
