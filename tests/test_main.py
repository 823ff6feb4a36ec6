import os
import re
import shutil
import signal
import subprocess
import sys
import unicodedata
from contextlib import suppress

import pytest

from gptcore import __main__ as program
from gptcore import generate_text, load

PROMPT = "옛날 옛적에"
UTF8 = {**os.environ, "PYTHONIOENCODING": "utf-8"}


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "gptcore", *map(str, arguments)]


def python(*arguments, stdin: bytes | None = None, **settings) -> subprocess.CompletedProcess:
    settings = {"input": stdin, "capture_output": True, "timeout": 120, "env": UTF8, **settings}
    return subprocess.run(command(*arguments), **settings)


@pytest.fixture
def endless(tiny_folder):
    """The command while it writes a long text, after its first word."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    arguments = command("Once", "--model", tiny_folder, "--max-new-tokens", 100000)
    with subprocess.Popen(arguments, env=UTF8, **pipes) as process:
        assert process.stdout.read(4) == b"Once"
        yield process
        process.kill()


@pytest.fixture
def run(monkeypatch, capsys, tiny_folder):
    """Run the command within this process: (exit code, standard output, standard error)."""

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gptcore", "--model", str(tiny_folder), "--device", "cpu", *arguments])
        return program.main(), *capsys.readouterr()

    return run


def test_a_text_is_streamed_to_the_terminal(tiny_folder):
    found = python(PROMPT, "--model", tiny_folder, "--max-new-tokens", 12, "--seed", 3)
    model, tokenizer = load(tiny_folder)
    expected = generate_text(model, PROMPT, tokenizer, max_length=12, temperature=0.7, top_k=10, seed=3)
    assert found.stdout.decode() == expected + "\n"
    assert found.returncode == 0 and found.stderr == b""


def test_letters_in_parts_are_put_together_and_that_is_said(run):
    whole, parts = run(PROMPT, "--seed", "3"), run(unicodedata.normalize("NFD", PROMPT), "--seed", "3")
    assert parts[:2] == whole[:2] and whole[2] == ""
    said = "gptcore: Here the letters of prompt, which came in parts (NFD), were put together (NFC).\n"
    assert parts[2] == said


def test_the_prompt_may_come_from_standard_input(tiny_folder):
    arguments = ("--model", tiny_folder, "--max-new-tokens", 5, "--seed", 3)
    found = python("-", *arguments, stdin=f"{PROMPT}\n".encode())
    assert found.returncode == 0
    assert found.stdout.decode().startswith(PROMPT)
    from_windows = python("-", *arguments, stdin=f"\ufeff{PROMPT}\r\n".encode())
    assert from_windows.stdout == found.stdout
    own_encoding = {**UTF8, "PYTHONIOENCODING": "cp949:backslashreplace"}
    korean = python("-", *arguments, stdin=f"{PROMPT}\n".encode("cp949"), env=own_encoding)
    assert korean.returncode == 0
    assert korean.stdout.decode("cp949").startswith(PROMPT)
    wrong = python("-", *arguments, stdin=b"\xbf\xbe", env={**UTF8, "PYTHONIOENCODING": "ascii"})
    assert wrong.returncode == 2
    assert re.fullmatch(r"gptcore: prompt .* UTF-8 .* 0xbf\n", wrong.stderr.decode())


def test_a_terminal_without_utf8_gets_escapes(tiny_folder):
    arguments = (PROMPT, "--model", tiny_folder, "--max-new-tokens", 3, "--steps", "--seed", 1)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    found = python(*arguments, env={**os.environ, **ascii_only})
    text = found.stdout.decode("ascii")
    assert found.returncode == 0 and found.stderr == b""
    assert PROMPT.encode("ascii", "backslashreplace").decode() in text
    assert "#" in text  # in place of the block that bars are made of
    for chart in re.findall(r"^token .*\n(?:  .+\n)+", text, flags=re.MULTILINE):
        assert len(set(re.findall(r"^  .+%", chart, flags=re.MULTILINE))) >= 5
        assert len({len(line) for line in re.findall(r"^  .+%", chart, flags=re.MULTILINE)}) == 1
    helped = python("--help", env={**os.environ, **ascii_only})
    assert helped.returncode == 0 and helped.stderr == b""
    assert b"--steps" in helped.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows closes no stream like this")
@pytest.mark.parametrize(
    ("closed", "code", "errors"),
    [(0, 2, rb"gptcore: prompt .*closed\n"), (1, 1, rb"gptcore: standard output is closed.*\n")],
)
def test_a_closed_stream_causes_no_traceback(tiny_folder, closed, code, errors):
    arguments = ("-", "--model", tiny_folder, "--max-new-tokens", 2, "--steps")
    found = python(*arguments, stdin=b"Once", preexec_fn=lambda: os.close(closed))
    assert found.returncode == code
    assert re.fullmatch(errors, found.stderr)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_a_full_disk_is_a_sentence(tiny_folder):
    with open("/dev/full", "wb") as full:
        found = subprocess.run(
            command("Once", "--model", tiny_folder), stdout=full, stderr=subprocess.PIPE, timeout=120, env=UTF8
        )
    assert found.returncode == 1
    assert re.fullmatch(rb"gptcore: standard output cannot be written: .+\n", found.stderr)


def test_a_closed_pipe_ends_it_without_a_message(endless):
    endless.stdout.close()
    assert endless.wait(timeout=60) == 141
    assert endless.stderr.read() == b""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_an_interrupt_ends_it_without_a_traceback(endless):
    endless.send_signal(signal.SIGINT)
    rest, errors = endless.communicate(timeout=60)
    assert endless.returncode == 130
    assert errors == b"" and rest.endswith(b"\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_an_interrupt_may_end_the_reader_first(endless):
    """Ctrl-C reaches all of `python -m gptcore | tee story.txt`, and tee may end first."""
    endless.send_signal(signal.SIGSTOP)
    endless.send_signal(signal.SIGINT)
    endless.stdout.close()
    endless.send_signal(signal.SIGCONT)
    assert endless.wait(timeout=60) in (130, 141)
    assert endless.stderr.read() == b""


def test_steps_show_the_five_likeliest_candidates_and_what_was_drawn(run):
    code, text, _ = run(PROMPT, "--steps", "--max-new-tokens", "4", "--seed", "5", "--temperature", "1.5")
    assert code == 0
    *charts, last = re.split(r"^token \d+\n", text, flags=re.MULTILINE)[1:]
    final = last.rpartition("\n\n")
    charts.append(final[0])
    assert len(charts) == 4
    for chart in charts:
        percents = [float(percent) for percent in re.findall(r"([\d.]+)%", chart)]
        assert len(percents) in (5, 6)  # the drawn one is added if it is not among the five
        assert percents[:5] == sorted(percents[:5], reverse=True)
        assert chart.count("<- drawn") == 1
    assert final[2].startswith(PROMPT)


def test_steps_end_with_the_text_that_is_streamed_without_them(run):
    for seed in ("1", "2", "3"):
        plain = run("Once", "--seed", seed, "--temperature", "3", "--top-p", "1", "--max-new-tokens", "9")[1]
        steps = run("Once", "--seed", seed, "--temperature", "3", "--top-p", "1", "--max-new-tokens", "9", "--steps")[1]
        assert steps.endswith("\n\n" + plain)


def test_steps_end_without_the_end_of_text_token(run, monkeypatch, tiny_folder):
    model, tokenizer = load(tiny_folder, device="cpu")
    tokenizer.eos_token_id = tokenizer.encode("x")[0]
    model.final_norm.weight.data.zero_()
    model.final_norm.bias.data.copy_(1e3 * model.token_embedding.weight[tokenizer.eos_token_id])
    monkeypatch.setattr(program, "load", lambda *arguments: (model, tokenizer))
    assert run("Once", "--temperature", "0")[1] == "Once\n"
    assert run("Once", "--temperature", "0", "--steps")[1].endswith("\n\nOnce\n")


HOSTILE = "a\x1b[31mb\x07c\x08d\u202ee\u2066f\u200fg\x9bh\ti"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize("steps", [[], ["--steps"]])
def test_no_escape_sequence_reaches_a_terminal(tiny_folder, steps):
    arguments = ("--model", tiny_folder, "--max-new-tokens", 60, "--seed", 1, "--temperature", 9, "--top-p", 1, *steps)
    terminal, end = os.openpty()
    with subprocess.Popen(command("-", *arguments), stdin=subprocess.PIPE, stdout=end, env=UTF8) as process:
        os.close(end)
        process.stdin.write(HOSTILE.encode())
        process.stdin.close()
        data = b""
        with suppress(OSError):  # at the end of the process
            while piece := os.read(terminal, 4096):
                data += piece
    os.close(terminal)
    text = data.decode().replace("\r\n", "\n")
    assert "a<U+001B>[31mb<U+0007>c<U+0008>d<U+202E>e<U+2066>f<U+200F>g<U+009B>h" in text and process.returncode == 0
    assert not set(text) & set(HOSTILE) - {*"abcdefghi[31m\t "}
    assert not any(unicodedata.category(character) == "Cc" for character in re.sub(r"\n|\t", "", text))


def test_what_is_no_terminal_gets_the_text_itself(tiny_folder):
    found = python("-", "--model", tiny_folder, "--max-new-tokens", 0, stdin=HOSTILE.encode())
    assert found.stdout.decode() == HOSTILE + os.linesep


def test_an_error_or_a_warning_is_printable_too(run, tmp_path, tiny_folder):
    code, out, err = run("Once", "--device", "\x1b[31m\u202e")
    assert code == 2 and out == "" and err.startswith("gptcore: device must be ") and err.isascii()
    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "special_tokens_map.json").write_text('{"pad_token": "[PAD]"}')
    code, out, err = run("Once", "--model", str(tmp_path), "--max-new-tokens", "3")
    assert code == 0 and out.startswith("Once")
    assert re.fullmatch(r"gptcore: the tokenizer in .* has token ids up to 340, but the model .*\n", err)


def test_bars_begin_in_the_same_column(run):
    text = run(PROMPT, "--steps", "--max-new-tokens", "9", "--seed", "5", "--temperature", "1.5")[1]
    charts = re.findall(r"^token .*\n(?:  .+\n)+", text, flags=re.MULTILINE)
    assert len(charts) == 9
    for chart in charts:
        rows = re.findall(r"^  .+%", chart, flags=re.MULTILINE)
        assert len({len(row) for row in rows}) > 1 or not re.search("[가-힣]", chart)
        assert len({program._columns(row) for row in rows}) == 1
    assert [program._columns(label) for label in ("the", "여우", "")] == [3, 4, 0]


@pytest.mark.parametrize("setting", [("--top-k", "1"), ("--temperature", "0"), ("--top-p", "1e-9")])
def test_settings_reach_the_sampler(run, setting):
    greedy = run("The fox", *setting, "--seed", "1", "--max-new-tokens", "8")
    assert greedy == run("The fox", *setting, "--seed", "2", "--max-new-tokens", "8")
    assert greedy != run("The fox", "--temperature", "9", "--seed", "2", "--max-new-tokens", "8")
    assert greedy[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--temperature", "-1"), ["temperature", "-1.0"]),
        (("--temperature", "nan"), ["temperature", "nan"]),
        (("--top-k", "0"), ["top_k", "0"]),
        (("--top-p", "1.5"), ["top_p", "1.5"]),
        (("--max-new-tokens", "-5"), ["max_new_tokens", "-5"]),
        (("--seed", "-1"), ["seed", "-1"]),
        (("--device", "gpu"), ["device", "'gpu'"]),
        (("--model", "storytelle"), ["'storytelle'", "storyteller"]),
        (("--model", "./nowhere"), ["'./nowhere'"]),
        (("--steps", "--max-new-tokens", "-5"), ["max_new_tokens", "-5"]),
    ],
)
def test_bad_input_is_one_sentence_and_an_exit_code(run, arguments, words):
    code, text, errors = run("Once", *arguments)
    assert code == 2
    assert text == ""
    assert re.fullmatch(r"gptcore: .+\n", errors)
    assert all(word in errors for word in words)


@pytest.mark.parametrize("arguments", [("--temperature", "hot"), ("--top-k", "2.5"), ("--colour",)])
def test_a_wrong_number_or_an_unknown_option_is_named(run, capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        run("Once", *arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_prompt_that_is_not_text_is_one_sentence_on_standard_error(tiny_folder):
    found = python(b"\xff\xfe".decode(errors="surrogateescape"), "--model", tiny_folder)
    assert found.returncode == 2
    assert re.fullmatch(r"gptcore: prompt .+\n", found.stderr.decode())
