"""The evening before: what is missing is a sentence with what to do, and what is there is ok."""

import os
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from gptcore.classroom import check
from gptcore.classroom.__main__ import main

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the check looks at what belongs to root")
NEEDED = ["a", "b", "c"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a class that is ready, as far as files go."""
    folder = tmp_path / "class"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("GPTCORE_CLASS", str(folder))
    (folder / "students.txt").write_text("\n".join(NEEDED))
    (folder / "class-password").write_text("a hash")
    return folder


@pytest.fixture
def hub(folder):
    """answer(status): a hub that answers so, at an address that it has written down."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Answers(BaseHTTPRequestHandler):
        status = 200

        def do_GET(self):
            self.send_response(self.status if self.path == "/hub/health" else 404)
            self.end_headers()

        def log_message(self, *_message):
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def written(address):
        text = f'{{"address": "{address.format(port=server.server_port)}", "token": ""}}'
        (folder / "before-the-bell.json").write_text(text)
        return list(check._hub())

    written.answers = Answers
    yield written
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_class_that_is_ready_has_nothing_to_do(folder):
    looks = (check._folder, check._students, check._password, check._disk)
    assert [said for look in looks for said in look()] == []


def test_what_is_wrong_with_the_folder_the_list_and_the_password_is_said(folder, monkeypatch):
    folder.chmod(0o755)
    assert "chmod 700" in next(check._folder())
    (folder / "students.txt").write_text("")
    assert "nobody is on the list" in next(check._students())
    (folder / "class-password").unlink()
    assert "classroom password" in next(check._password())
    monkeypatch.setenv("GPTCORE_CLASS", str(folder / "none"))
    assert "is not there yet" in next(check._folder())


def test_a_system_user_of_another_kind_and_an_open_home_are_found(folder, monkeypatch, tmp_path):
    tmp_path.chmod(0o755)
    users = {
        check.account_name("a"): SimpleNamespace(pw_name="student-a", pw_gecos="someone", pw_dir="/nowhere"),
        check.account_name("b"): SimpleNamespace(pw_name="student-b", pw_gecos=check.REMARK, pw_dir=str(tmp_path)),
    }
    monkeypatch.setattr(check.pwd, "getpwnam", lambda name: users[name])
    taken, opened = check._students()
    assert "student-a" in taken and f"chmod 700 {tmp_path}" in opened


@pytest.mark.parametrize(("free", "fits"), [(3 * check.STUDENT, None), (2 * check.STUDENT, "about 2 of them fit")])
def test_memory_for_all_is_asked_for_and_not_more(folder, monkeypatch, free, fits):
    monkeypatch.setattr("gptcore.memory.free_bytes", lambda device: free)
    said = list(check._memory())
    assert said == [] if fits is None else fits in said[0]


def test_too_many_for_the_cores_and_the_disk_are_told(folder, monkeypatch):
    monkeypatch.setattr(check, "PER_CORE", 0)
    monkeypatch.setattr(check, "HOME", 10**18)
    assert "before the bell" in next(check._processor()) and "is free in /home" in next(check._disk())


def test_what_students_cannot_reach_is_named_with_the_folder_that_is_closed(tmp_path):
    tmp_path.chmod(0o755)
    closed = tmp_path / "closed"
    (closed / "in").mkdir(parents=True)
    assert check._closed(Path("/usr/bin/env")) is None
    closed.chmod(0o700)
    assert check._closed(closed / "in" / "file") in {closed, *closed.parents}


def test_a_hub_that_does_not_answer_or_has_no_tls_is_told(hub, folder):
    assert "has never run" in next(check._hub())
    assert "type" in (said := hub("http://127.0.0.1:{port}"))[0] and len(said) == 1
    assert "in the clear" in (said := hub("http://0.0.0.0:{port}"))[0] and len(said) == 1
    (problem,) = hub("https://0.0.0.0:{port}")  # it speaks no TLS
    assert "does not answer" in problem
    hub.answers.status = 500
    assert "does not answer" in hub("http://0.0.0.0:{port}")[1]


def test_a_daemon_that_forks_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "SOCKETS", {"kernels": str(tmp_path / "s")})
    assert len(list(check._prefork())) == 1
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(tmp_path / "s"))
        daemon.listen()
        assert list(check._prefork()) == []


def test_the_trial_runs_as_the_student_and_a_failure_is_its_last_line(folder, monkeypatch):
    nobody = check.pwd.getpwnam("nobody")
    monkeypatch.setattr(check, "account", lambda student: nobody)
    seen = []

    def run(command, **how):
        seen.append((command, how))
        return SimpleNamespace(returncode=1, stderr="Traceback\nMemoryError: too much\n")

    monkeypatch.setattr(check.subprocess, "run", run)
    assert "MemoryError: too much" in next(check._trial())
    ((command, how),) = seen
    assert (how["user"], how["group"], how["extra_groups"]) == (nobody.pw_uid, nobody.pw_gid, [])
    assert how["env"]["HOME"] == how["cwd"] and "GPTCORE_CLASS" not in how["env"]
    assert command[-4].endswith("00_start_here.ipynb")


def test_a_process_as_the_student_has_her_user_and_her_limits():
    nobody = check.pwd.getpwnam("nobody")
    code = "import os, resource; print(os.getuid(), os.getgid(), os.getgroups(), resource.getrlimit(2)[0])"
    found = check.subprocess.run(["/usr/bin/python3", "-c", code], **check.as_student(nobody, "/"))
    if "Permission denied" in found.stderr:
        pytest.skip("this Python is closed to other users")
    assert found.stdout.split() == [
        str(nobody.pw_uid),
        str(nobody.pw_gid),
        "[]",
        str(check._process_memory()),
    ]


def test_every_check_has_a_line_and_something_to_do_ends_with_1(folder, monkeypatch, capsys):
    monkeypatch.setattr(check, "CHECKS", {"one": lambda: iter(()), "two": lambda: iter(["do this"])})
    assert main(["check", "--no-trial"]) == 1
    assert [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()] == [
        ["one", "ok"],
        ["two", "do this"],
    ]


def test_only_root_can_check(monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["check"]) == 2 and "sudo" in capsys.readouterr().err
