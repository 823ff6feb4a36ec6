"""A system user for each student, so that the system itself keeps them apart. None of them can log in to it."""

import hashlib
import pwd
import re
import subprocess
from pathlib import Path
from threading import Lock

from gptcore.language import _

PREFIX = "student-"  # so that no name on the list means root, or the teacher
REMARK = "gptcore class"
HOMES = Path("/home")
_making = Lock()  # one at a time: the system locks its list of users, and does not wait


def account_name(student: str) -> str:
    """The name of the system user of `student`: one that every Unix takes.

    >>> account_name("anna"), account_name("민준")
    ('student-anna', 'student-905d70b1f90f')
    """
    if re.fullmatch(r"[a-z0-9_-]{1,24}", student):
        return PREFIX + student
    return PREFIX + hashlib.sha256(student.encode()).hexdigest()[:12]


def account(student: str) -> pwd.struct_passwd:
    """The system user of `student`, made if it is not there, with a home that no other user can enter.

    Raises ValueError if somebody else made a user with this name.
    """
    name = account_name(student)
    with _making:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            _make(name)
            found = pwd.getpwnam(name)
    if found.pw_gecos != REMARK or found.pw_uid == 0:
        raise ValueError(_("{name} is a system user already, and not one of the class").format(name=name))
    home = Path(found.pw_dir)
    if home.is_symlink() or home.stat().st_uid != found.pw_uid:
        raise ValueError(_("{folder} does not belong to {name}").format(folder=home, name=name))
    home.chmod(0o700)
    return found


def _make(name: str) -> None:
    command = ["useradd", "--create-home", "--home-dir", str(HOMES / name), "--user-group"]
    command += ["--shell", "/usr/sbin/nologin", "--comment", REMARK, "--key", "UMASK=077", name]
    subprocess.run(command, check=True, capture_output=True, text=True)
