"""System users for tests, and programs that run as one of them."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Runs as root: what a test wants before, then the student's program in place of this one.
BEGIN = """
import json, os, sys
before, uid, gid, groups, program = json.loads(sys.argv[1])
exec(before)
os.setgroups(groups)
os.setresgid(gid, gid, gid)
os.setresuid(uid, uid, uid)
os.execv(sys.executable, [sys.executable, "-c", program])
"""


@contextmanager
def accounts(*names: str) -> Iterator[list[pwd.struct_passwd]]:
    """Students with these names and homes that only they can read, for as long as the block runs."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux can make students")
    if not shutil.which("useradd"):
        pytest.skip("there is no useradd to make students with")
    homes, made = tempfile.mkdtemp(prefix="gptcore-homes-"), []
    os.chmod(homes, 0o755)
    try:
        for name in names:
            subprocess.run(["useradd", "--create-home", "--base-dir", homes, "--shell", "/bin/false", name], check=True)
            made.append(pwd.getpwnam(name))
            os.chmod(made[-1].pw_dir, 0o700)
        _check_readable(made[0])
        yield made
    finally:
        for account in made:
            subprocess.run(["userdel", account.pw_name], check=True)
        shutil.rmtree(homes)


def _check_readable(account: pwd.struct_passwd) -> None:
    """Skip where students could not run this very Python: in an environment that only root can read."""
    try:
        tried = begin_as(account, "import gptcore, jupyter_client, torch, tests.classroom.accounts")
        problem = tried.communicate()[1].strip()[-200:]
    except PermissionError:
        problem = "permission denied"
    if problem:
        pytest.skip(f"other users cannot run {sys.executable} with what is installed there and in {ROOT}: {problem}")


def begin_as(
    account: pwd.struct_passwd,
    program: str,
    before: str = "",
    gid: int | None = None,
    groups: list[int] | None = None,
    **environment: str,
) -> subprocess.Popen:
    """`program`, run as a student. `before` runs first, as root: limits, control groups, namespaces."""
    gid = account.pw_gid if gid is None else gid
    asked = json.dumps([before, account.pw_uid, gid, [gid] if groups is None else groups, program])
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    kept |= {"HOME": account.pw_dir, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN, asked],
        start_new_session=True,
        env=kept | environment,
        cwd=account.pw_dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_as(account: pwd.struct_passwd, program: str, **more: Any) -> Any:
    """What `program` prints last, as JSON; see `begin_as`."""
    process = begin_as(account, program, **more)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])
