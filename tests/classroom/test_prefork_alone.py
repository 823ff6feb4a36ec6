"""What needs neither root nor students: the daemon's beginning, and which kernels it is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gptcore.classroom.kernels import MODULES
from gptcore.classroom.prefork import ADDED, bare_environment, check_alone, check_trusted, listening
from tests.classroom.accounts import ROOT

pytest.importorskip("jupyter_client")
from gptcore.classroom.asking import Unforked  # noqa: E402
from gptcore.classroom.provisioner import _arguments  # noqa: E402

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernels are forked on Linux alone")
LAUNCH = ["-m", "ipykernel_launcher", "-f", "kernel.json"]


def test_a_bare_environment_has_no_secret():
    hub = {"PATH": "/bin", "PYTHONPATH": "/opt", "JUPYTERHUB_API_TOKEN": "t", "PATH_OF_KEY": "k", "AWS_SECRET": "s"}
    assert bare_environment(hub) == {"PATH": "/bin", "PYTHONPATH": "/opt", **ADDED}
    assert bare_environment(bare_environment(hub)) == bare_environment(hub)


def test_what_is_imported_leaves_one_thread_and_reads_no_settings_of_a_hub():
    code = (
        "import sys\nfrom gptcore.classroom.prefork import *\npreload(kernels)\ncheck_alone()\n"
        "assert 'torch' in sys.modules and not {'huggingface_hub', 'transformers'} & sys.modules.keys()"
    )
    environment = bare_environment({**os.environ, "PYTHONPATH": str(ROOT)})
    subprocess.run([sys.executable, "-P", "-c", code], check=True, env=environment, cwd="/")
    assert "torch" in MODULES


def test_two_threads_are_not_forked():
    import threading

    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with pytest.raises(ValueError, match="threads run where only one"):
            check_alone()
    finally:
        done.set()
        thread.join()


def test_what_others_can_write_is_not_imported(tmp_path):
    file = tmp_path / "module.py"
    file.touch()
    check_trusted([file])
    for place, mode in ((file, 0o666), (file, 0o646), (tmp_path, 0o777)):
        before = place.stat().st_mode
        place.chmod(mode)
        with pytest.raises(ValueError, match=f"{place} can be written by others"):
            check_trusted([file])
        place.chmod(before)


def test_a_sticky_bit_keeps_others_from_replacing_but_not_from_adding(tmp_path):
    file = tmp_path / "module.py"
    file.touch()
    tmp_path.chmod(0o1777)
    check_trusted([file])
    with pytest.raises(ValueError, match="can be written by others"):
        check_trusted([tmp_path])


def test_what_a_link_leads_to_is_looked_at(tmp_path):
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    (folder / "module.py").touch()
    link.symlink_to(folder)
    folder.chmod(0o777)
    with pytest.raises(ValueError, match="can be written by others"):
        check_trusted([link / "module.py"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_group_may_write_if_nobody_else_is_in_it(tmp_path):
    import grp
    import pwd

    mine = {user.pw_gid for user in pwd.getpwall()}
    empty = next(group.gr_gid for group in grp.getgrall() if not group.gr_mem and group.gr_gid not in mine)
    full = next(user.pw_gid for user in pwd.getpwall() if user.pw_uid)
    file = tmp_path / "module.py"
    file.touch()
    file.chmod(0o664)
    os.chown(file, 0, empty)
    check_trusted([file])
    os.chown(file, 0, full)
    with pytest.raises(ValueError, match="can be written by others"):
        check_trusted([file])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_another_is_not_imported(tmp_path):
    file = tmp_path / "module.py"
    file.touch()
    os.chown(file, 12345, 0)
    with pytest.raises(ValueError, match="can be written by others"):
        check_trusted([file])


def test_it_listens_where_no_other_does(tmp_path):
    file = tmp_path / "new" / "prefork.sock"
    with listening(file):
        mode = 0o666 if os.geteuid() == 0 else 0o600
        assert file.stat().st_mode & 0o777 == mode and not file.parent.stat().st_mode & 0o022
        with pytest.raises(ValueError, match="another daemon listens"):
            listening(file)
    listening(file).close()  # one that was left behind is replaced


def test_no_file_is_replaced_by_a_socket(tmp_path):
    file = tmp_path / "precious"
    file.write_text("text")
    with pytest.raises(ValueError, match="is no socket"):
        listening(file)
    assert file.read_text() == "text"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root's daemon is for others")
def test_it_listens_nowhere_that_others_can_write(tmp_path):
    tmp_path.chmod(0o1777)
    with pytest.raises(ValueError, match="can be written by others"):
        listening(tmp_path / "prefork.sock")


@pytest.mark.parametrize("options", [[], ["-Xfrozen_modules=off"]])
def test_a_kernel_of_this_python_is_asked_for(options):
    assert _arguments([sys.executable, *options, *LAUNCH, "--debug"]) == [*LAUNCH[2:], "--debug"]


@pytest.mark.parametrize(
    "command",
    [
        ["/usr/bin/R", "--slave"],
        ["python3", *LAUNCH],
        [sys.executable, "-O", *LAUNCH],
        [sys.executable, "-m", "xeus_python"],
        [str(Path(sys.executable).with_name("bash")), *LAUNCH],
        [sys.executable],
    ],
)
def test_any_other_kernel_starts_as_always(command):
    with pytest.raises(Unforked):
        _arguments(command)
