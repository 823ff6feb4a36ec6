"""Servers that a daemon forks: the hub sees none of it, and a student gets what an ordinary server gives."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
import requests

pytest.importorskip("jupyterhub", reason="JupyterHub is not installed, or cannot be, as on Windows")
from jupyterhub import __version__  # noqa: E402

from gptcore.classroom.prefork import bare_environment  # noqa: E402
from gptcore.lessons import FIRST  # noqa: E402
from tests.classroom.accounts import ROOT, accounts, begin_as  # noqa: E402
from tests.classroom.daemon import daemon as begun  # noqa: E402
from tests.classroom.hub import free_port  # noqa: E402

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="servers are forked on Linux alone")
SECONDS = 120  # for what never takes so long, on a machine that does other work
STUDENT = {"kind": "user", "name": "mira", "scopes": ["access:servers!user=mira"], "groups": [], "admin": False}


@pytest.fixture(scope="module")
def student():
    with accounts("gptcore-test-mira") as (made,):
        yield made


@pytest.fixture(scope="module")
def daemon(student):
    """The socket of a daemon that forks servers."""
    with begun("servers") as (_process, socket, _secret):
        yield socket


@pytest.fixture(scope="module")
def hub():
    """What a server asks of a hub: its version, and who comes with a token."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("X-JupyterHub-Version", __version__)
            self.end_headers()
            self.wfile.write(json.dumps(STUDENT if self.path.endswith("/user") else {}).encode())

        do_POST = do_GET

        def log_message(self, *_said):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as listens:
        threading.Thread(target=listens.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listens.server_port}/hub/api"
        listens.shutdown()


class Server:
    """A server as the hub starts it: `process` is what the hub knows of it."""

    def __init__(self, student, hub, place):
        scopes = json.dumps(STUDENT["scopes"])
        self.home = f"http://127.0.0.1:{free_port()}/user/mira"
        environment = {
            "GPTCORE_PREFORK_SERVERS": place,
            "JUPYTERHUB_API_TOKEN": "0" * 32,
            "JUPYTERHUB_API_URL": hub,
            "JUPYTERHUB_ACTIVITY_URL": f"{hub}/users/mira/activity",
            "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-mira",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
            "JUPYTERHUB_OAUTH_SCOPES": scopes,
            "JUPYTERHUB_SERVICE_PREFIX": "/user/mira/",
            "JUPYTERHUB_SERVICE_URL": f"{self.home}/",
            "JUPYTERHUB_USER": "mira",
            "JUPYTER_RUNTIME_DIR": f"{student.pw_dir}/run",
        }
        arguments = [f"--ServerApp.root_dir={student.pw_dir}/gptcore-lessons", "--ServerApp.terminals_enabled=False"]
        program = f"from gptcore.classroom import server; server.run({arguments!r})"
        self.process = begin_as(student, program, **environment)
        end = time.monotonic() + SECONDS
        while True:
            try:
                requests.get(f"{self.home}/api", timeout=SECONDS).raise_for_status()
                break
            except requests.ConnectionError:
                assert self.process.poll() is None and time.monotonic() < end, self.process.communicate()
                time.sleep(0.1)
        (self.listens,) = (
            found
            for found in psutil.process_iter(["uids"])
            if found.info["uids"].real == student.pw_uid
            and any(at.laddr.port == int(self.home.split(":")[2].split("/")[0]) for at in found.net_connections("tcp"))
        )

    def get(self, path):
        """What a page asks with the student's token."""
        answer = requests.get(f"{self.home}/{path}", headers={"Authorization": "token mine"}, timeout=SECONDS)
        answer.raise_for_status()
        return answer

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def begin(student, hub):
    """begin(socket): a server, which is ended with the test."""
    made = []

    def begin(place):
        made.append(Server(student, hub, place))
        return made[-1]

    yield begin
    for server in made:
        server.end()
    psutil.wait_procs([server.listens for server in made], timeout=SECONDS)


def settings(server):
    """What the page is told of the server, but for its address and its token, and what the process may do."""
    page = server.get("lab").text
    told = json.loads(page.partition('id="jupyter-config-data" type="application/json">')[2].partition("</script>")[0])
    process = server.listens
    may = [process.uids(), process.gids(), process.nice(), process.cpu_affinity(), process.cwd()]
    may += [Path(f"/proc/{process.pid}/limits").read_text()]
    told = {name: value for name, value in told.items() if name not in ("token", "wsUrl")}
    return json.loads(json.dumps(told).replace(server.home, "")), may


def test_a_forked_server_is_what_an_ordinary_one_is(begin, daemon, student):
    forked = begin(daemon)
    assert forked.listens.pid != forked.process.pid and forked.listens.name() == "gptcore-server"
    lesson = forked.get(f"api/contents/{FIRST}").json()
    assert lesson["writable"] and (Path(student.pw_dir) / "gptcore-lessons" / FIRST).stat().st_uid == student.pw_uid
    ordinary = begin("/nowhere")
    assert ordinary.listens.pid == ordinary.process.pid
    assert settings(forked) == settings(ordinary)
    assert forked.get("api/kernelspecs").json().keys() == ordinary.get("api/kernelspecs").json().keys()
    ordinary.process.terminate()
    assert "An ordinary server starts" in ordinary.process.communicate()[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_the_hub_says_so(begin, daemon, number):
    server = begin(daemon)
    server.process.send_signal(number)
    assert server.process.wait(SECONDS) == 0
    assert not server.listens.is_running()


def test_its_end_is_the_end_of_what_the_hub_knows_and_the_other_way_round(begin, daemon):
    server = begin(daemon)
    server.listens.kill()
    assert server.process.wait(SECONDS) == -signal.SIGKILL
    server = begin(daemon)
    server.process.kill()
    server.listens.wait(SECONDS)


def test_a_server_outlives_the_daemon(begin, student):
    with begun("servers") as (process, socket, _secret):
        server = begin(socket)
        assert server.listens.ppid() == process.pid
    assert server.get("api").ok
    server.process.terminate()
    assert server.process.wait(SECONDS) is not None


REMEMBERED = """
import json, sys
from traitlets import HasTraits
from gptcore.classroom.prefork import *
started = []
sys.addaudithook(lambda event, what: event == "subprocess.Popen" and started.append(what[0]))
preload(servers)
check_alone()
def below(kind):
    return {kind}.union(*map(below, kind.__subclasses__()))
found = [(kind, name) for kind in below(HasTraits) for name, trait in kind.class_traits().items()
    if ADDED["HOME"] in repr(trait.default_value)]
print(json.dumps([started, sorted(f"{kind.__name__}.{name}" for kind, name in found)]))
"""


def test_what_is_imported_leaves_one_thread_starts_nothing_and_remembers_only_folders_that_a_fork_replaces():
    environment = bare_environment({**os.environ, "PYTHONPATH": str(ROOT)})
    command = [sys.executable, "-P", "-c", REMEMBERED]
    found = subprocess.run(command, check=True, env=environment, cwd="/", capture_output=True, text=True)
    assert json.loads(found.stdout) == [[], ["LabApp.user_settings_dir", "LabApp.workspaces_dir"]]
