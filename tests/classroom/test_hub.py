"""A class of eight on a real hub: they finish two lessons, strangers stay out, and nobody sees what is another's."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import quote

import psutil
import pytest
import requests
import websocket

pytest.importorskip("jupyterhub")

from gptcore.classroom import servers, singleuser
from tests.classroom.conftest import LATE, REMOVED
from tests.classroom.hub import CLASS_PASSWORD, Hub, skip_unless_possible
from tests.classroom.student import Student, connect

LESSONS = ["00_start_here.ipynb", "03_logits_to_probabilities.ipynb"]


def test_eight_at_once_finish_two_lessons(students):
    def learn(student: Student) -> list[dict[str, float]]:
        return [student.finish(lesson) for lesson in LESSONS]

    with ThreadPoolExecutor(len(students)) as all_at_once:
        for times in all_at_once.map(learn, students):
            assert all(0 < part["first widget"] < part["end"] for part in times)


def test_whoever_was_here_needs_only_the_own_password(hub, students):
    again = hub.student(0, class_password="")
    again.log_in()
    assert again.is_in()


REFUSED = {
    "a name that is not on the list": {"name": "stranger"},
    "root": {"name": "root"},
    "a path for a name": {"name": "../anna"},
    "no name": {"name": ""},
    "no class password": {"number": LATE, "class_password": ""},
    "a wrong class password": {"number": LATE, "class_password": CLASS_PASSWORD[:-1]},
    "the class password as one's own": {"number": LATE, "password": CLASS_PASSWORD},
    "a password that is too short": {"number": LATE, "password": "short"},
    "a password longer than is read": {"number": LATE, "password": "x" * 100},
    "another's name with the class password": {"number": 0, "password": "mine-from-now-on"},
    "another's name in capitals": {"number": 0, "password": "mine-from-now-on", "capitals": True},
    "the class password for another's own": {"number": 0, "password": CLASS_PASSWORD},
    "a long wrong password": {"number": 0, "password": "x" * 100},
    "a name that was taken off the list": {"number": REMOVED},
}


@pytest.mark.parametrize("way", REFUSED)
def test_strangers_stay_out(hub, students, way):
    differing = dict(REFUSED[way])
    number, capitals = differing.pop("number", 0), differing.pop("capitals", False)
    if number == REMOVED:
        hub.command("students", "-", text="\n".join(hub.names[:REMOVED]))
    student = hub.student(number, **differing)
    if capitals:
        student.name = f" {student.name.upper()} "
    page = student.log_in()
    assert page.status_code == 403 and 'class="login_error"' in page.text
    assert not student.is_in()


def test_a_form_from_another_page_is_refused(hub, students):
    student = hub.student(0)
    student.xsrf = lambda path: "made up"
    assert student.log_in().status_code == 403
    assert not student.is_in()


MADE_UP = {
    "token": {"headers": {"Authorization": f"token {'0' * 32}"}},
    "cookie": {"cookies": {"jupyterhub-hub-login": '"2|1:0|10:1"'}},
}


@pytest.mark.parametrize("secret", MADE_UP.values(), ids=MADE_UP)
def test_made_up_secrets_open_nothing(hub, students, secret):
    assert requests.get(f"{hub.url}/hub/api/user", **secret).status_code == 403
    answer = requests.get(f"{students[0].home}/api/contents", **secret, allow_redirects=False)
    assert answer.status_code in (302, 403)


def test_no_student_is_an_admin(hub, students):
    for path in ("admin", "api/users", f"api/users/{hub.names[1]}"):
        assert students[0].session.get(f"{hub.url}/hub/{path}").status_code in (403, 404)
    start = students[0].session.post(
        f"{hub.url}/hub/api/users/{hub.names[LATE]}/server", headers={"X-XSRFToken": students[0].xsrf("/hub/")}
    )
    assert start.status_code in (403, 404)


def processes_of(hub: Hub, number: int) -> list[psutil.Process]:
    uid, found = hub.user(number).pw_uid, []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # others end meanwhile
            if process.uids().real == uid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def server_of(hub: Hub, number: int) -> psutil.Process:
    return next(process for process in processes_of(hub, number) if is_server(process))


def is_server(process: psutil.Process) -> bool:
    """Whether it was forked to be a server, or started as one where no daemon forked it in time."""
    return process.name() == servers.NAME or singleuser.__name__ in process.cmdline()


def ports(process: psutil.Process) -> set[int]:
    """The ports of this machine at which a process listens."""
    try:
        found = process.net_connections("tcp")
    except psutil.NoSuchProcess:  # it has ended meanwhile
        return set()
    return {connection.laddr.port for connection in found if connection.status == psutil.CONN_LISTEN}


def test_homes_and_the_folder_of_the_class_are_closed(hub, students):
    home, other = hub.user(0).pw_dir, hub.user(1).pw_dir
    assert hub.run_as(0, "ls", f"{home}/gptcore-lessons").returncode == 0
    closed = [other, f"{other}/gptcore-lessons", str(hub.folder), str(hub.run_folder / str(hub.user(1).pw_uid))]
    closed += [str(file) for file in hub.folder.iterdir()]
    assert {"jupyterhub.sqlite", "cookie_secret", "students.txt"} <= {file.name for file in hub.folder.iterdir()}
    for place in closed:
        assert os.path.exists(place)
        seen = hub.run_as(0, "ls", place)
        assert seen.returncode != 0 and "Permission denied" in seen.stderr, place
    for pid in (server_of(hub, 1).pid, hub.process.pid):
        assert hub.run_as(0, "cat", f"/proc/{pid}/environ").returncode != 0
        assert hub.run_as(0, "kill", "-0", str(pid)).returncode != 0
    assert hub.run_as(0, "cat", f"/proc/{server_of(hub, 0).pid}/environ").returncode == 0


OF_A_CHILD = (
    "import os, sys, time, warnings\n"
    "warnings.simplefilter('ignore')\n"  # Python 3.12 warns of a fork where there are threads
    "child = os.fork()\n"
    "if child == 0:\n"
    "    print(40 + 2)\n"
    "    sys.stdout.flush()\n"
    "    os._exit(0)\n"
    "_ = os.waitpid(child, 0)\n"
    "time.sleep(2)\n"  # what it printed is on its way
)


def test_a_kernel_is_spoken_with_by_its_student_alone(hub, students):
    reach = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    with students[1].opened(LESSONS[0]) as kernel:
        kernel.text_of("1 + 1")
        sockets = list((hub.run_folder / str(hub.user(1).pw_uid)).glob(f"kernel-{kernel.id}-ipc-*"))
        assert len(sockets) == 6 and all(map(os.path.exists, sockets))
        for file in map(str, sockets):
            assert hub.run_as(1, sys.executable, "-c", reach, file).returncode == 0
            assert "PermissionError" in hub.run_as(0, sys.executable, "-c", reach, file).stderr
        assert kernel.text_of(OF_A_CHILD) == "42\n"
        start_debugging = {"type": "request", "seq": 1, "command": "initialize", "arguments": {}}
        list(kernel.until_idle(kernel.send("debug_request", start_debugging, "control")))
        assert not [process for process in processes_of(hub, 1) if ports(process) and not is_server(process)]
        connect(students[1], kernel.id).close()
        for home in (students[1].home, direct(hub, students[1])):
            with pytest.raises(websocket.WebSocketBadStatusException) as refused:
                connect(students[0], kernel.id, home=home)
            assert refused.value.status_code in (302, 403)


def direct(hub: Hub, student: Student) -> str:
    """The address of the student's server on its own port, past the proxy."""
    (port,) = ports(server_of(hub, hub.names.index(student.name)))
    return student.home.replace(hub.url, f"http://127.0.0.1:{port}")


def test_a_server_is_opened_by_its_student_alone(hub, students):
    with students[0].opened(LESSONS[0]) as kernel:
        token = kernel.text_of("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])").strip()
    ways = {
        "token": {"headers": {"Authorization": f"token {token}"}},
        "cookie": {"cookies": students[0].session.cookies},
    }
    for name, secret in ways.items():
        assert requests.get(f"{students[0].home}/api/contents", **secret, allow_redirects=False).ok, name
        for home in (students[1].home, direct(hub, students[1])):
            answer = requests.get(f"{home}/api/contents", **secret, allow_redirects=False)
            assert answer.status_code == 403 or "oauth2/authorize" in answer.headers["Location"], (name, home)
        followed = requests.get(f"{students[1].home}/api/contents", **secret)
        assert followed.status_code in (403, 404), name


def test_what_a_student_can_take_is_bounded(students):
    code = (
        "import os, resource, torch\n"
        "bounds = [resource.getrlimit(limit)[1] for limit in (resource.RLIMIT_DATA, resource.RLIMIT_NPROC)]\n"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "print(bounds, torch.get_num_threads(), status['NoNewPrivs'].strip(), status['Umask'].strip(), os.getgroups())"
    )
    with students[2].opened(LESSONS[0]) as kernel:
        said = kernel.text_of(code)
    assert said.startswith("[1342177280, 512] 1 1 0077 ")
    assert said.count(",") == 1, "no group but her own"


def test_a_lesson_opens_without_terminals_and_without_news(students):
    assert students[3].api("POST", "terminals").status_code == 404
    page = students[3].session.get(f"{students[3].home}/lab").text
    assert (
        '"@jupyterlab/apputils-extension:announcements"' in page.partition('"disabledExtensions"')[2].partition("]")[0]
    )
    names = [item["name"] for item in students[3].api("GET", "contents").json()["content"]]
    assert {*LESSONS, "ko"} <= set(names)


def test_servers_start_before_the_bell_and_end_when_nobody_uses_them_and_the_pages_are_in_korean(students):
    skip_unless_possible()
    config = "c.JupyterHub.last_activity_interval = 2"
    hub = Hub(["early"], more=config, idle_minutes=0.1, language="ko")
    try:
        assert hub.names[0] in hub.command("start")
        assert server_of(hub, 0).name() == servers.NAME, "two classes on one machine have daemons of their own"
        student = hub.student(0)
        page = student.session.get(f"{hub.url}/hub/login").content.decode()
        assert ">이름:</label>" in page and "Username" not in page and "Sign in" not in page
        student.log_in()
        assert ">내 서버 멈추기</a>" in student.session.get(f"{hub.url}/hub/home").content.decode()
        psutil.wait_procs([server_of(hub, 0)], timeout=120)
        with pytest.raises(StopIteration):
            server_of(hub, 0)
        end = time.monotonic() + 120
        while "서버가 실행되고 있지 않아요" not in page:  # the hub is a moment behind
            assert time.monotonic() < end, page
            time.sleep(0.5)
            page = student.session.get(f"{hub.url}/hub/user/{quote(hub.names[0])}/").content.decode()
    finally:
        hub.stop()
