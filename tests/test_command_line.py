"""The package's command lines, where standard output is full, closed or given up, and where they are interrupted."""

import os
import re
import signal
import subprocess
import sys
from importlib import import_module

import pytest

from gptcore.command_line import exit_code

PROGRAMS = {
    "gptcore": ["Once", "--max-new-tokens", "3"],
    "gptcore.benchmark": ["window", "--repeats", "1"],
    "gptcore.storyteller": ["--help"],
}
UTF8 = {**os.environ, "PYTHONIOENCODING": "utf-8"}
on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows closes no stream like this, and interrupts no process")


def python(program: str, *arguments: str, **settings) -> subprocess.CompletedProcess:
    settings = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "timeout": 120, "env": UTF8} | settings
    return subprocess.run([sys.executable, "-m", program, *arguments], **settings)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_full_disk_is_a_sentence(program, buffered):
    with open("/dev/full", "wb") as full:
        found = python(program, *PROGRAMS[program], stdout=full, env={**UTF8, "PYTHONUNBUFFERED": buffered})
        helped = python(program, "--help", stdout=full, env={**UTF8, "PYTHONUNBUFFERED": buffered})
    said = re.compile(re.escape(program.encode()) + rb": standard output cannot be written: .+\n")
    assert (found.returncode, helped.returncode) == (1, 1)
    assert said.fullmatch(found.stderr) and said.fullmatch(helped.stderr)


@on_posix
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_closed_standard_output_is_a_sentence(program):
    found = python(program, *PROGRAMS[program], preexec_fn=lambda: os.close(1))
    assert found.returncode == 1
    assert found.stderr.decode() == f"{program}: standard output is closed: nothing can be written there\n"


@on_posix
def test_a_pipe_without_a_reader_needs_no_message():
    with subprocess.Popen(
        [sys.executable, "-m", "gptcore.benchmark", "window", "--repeats", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=UTF8,
    ) as process:
        process.stdout.close()
        assert (process.stderr.read(), process.wait(timeout=60)) == (b"", 141)


@on_posix
def test_a_measurement_is_interrupted_without_a_traceback():
    command = [sys.executable, "-m", "gptcore.benchmark", "window", "--repeats", "1000000"]
    hears = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # also where the tests do not
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=UTF8, **hears) as process:
        try:
            assert process.stdout.readline().startswith(b"python ")
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (rest, errors, process.returncode) == (b"\n", b"", 130)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("ValueError('no such\\x1b model')", "it: no such<U+001B> model\n"),
        ("MemoryError('too large')", "it: too large\n"),
        ("PermissionError(13, 'Permission denied', 'model')", "it: model cannot be used: Permission denied\n"),
    ],
)
def test_an_error_is_a_sentence_that_names_the_command_line(error, said):
    """In a process of its own: the standard output of one that has failed is given up."""
    code = f"from gptcore.command_line import exit_code\ndef work(): raise {error}\nexit(exit_code('it', work))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (found.stderr, found.stdout) == (said, "") and found.returncode in (1, 2)


def test_what_was_done_ends_with_0(capsys):
    assert exit_code("it", lambda: print("done")) == 0
    assert capsys.readouterr().out == "done\n"


@pytest.mark.parametrize("name", ["gptcore", "storyteller", "benchmark", "page", "lessons", "classroom"])
@pytest.mark.parametrize("arguments", [["--help"], ["--no-such-option"], ["--device", "--port", "--repeats"]])
def test_help_and_mistakes_are_said_in_korean(in_korean, monkeypatch, capsys, name, arguments):
    program = {"gptcore": "gptcore.__main__", "lessons": "gptcore.lessons"}.get(name, f"gptcore.{name}.__main__")
    monkeypatch.setattr(sys, "argv", ["", *arguments])
    with pytest.raises(SystemExit):
        exit_code(name, import_module(program).main)
    out, err = capsys.readouterr()
    said = re.sub(r'"[^"]*"|(?<!\w)-[\w-]+(?: [A-Z_]+)?|\[[^]]*\]|python -m \S+', "", out + err)
    assert "사용법: " in out + err and not re.search(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}", said)
