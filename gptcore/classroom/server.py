"""What the hub starts for a student, as the student: a server that a daemon forks for it, or else an ordinary one.

This process stays as long as the server does, passes on the signals of the hub, and ends as the server ends, so that
the hub need know nothing of the daemon. It is small: nothing slow is imported here.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from gptcore.classroom.asking import SOCKETS, ForkedProcess, Unforked, ask
from gptcore.command_line import say
from gptcore.language import _

NAME = "gptcore.classroom"
ORDINARY = [sys.executable, "-P", "-m", "gptcore.classroom.singleuser"]


def run(arguments: list[str]) -> NoReturn:
    """Stand for the forked server, or become an ordinary one where there is no daemon, or where it refuses."""
    try:
        place = os.environ.get("GPTCORE_PREFORK_SERVERS") or SOCKETS["servers"]
        server = ask(place, arguments, dict(os.environ), os.getcwd())
    except (Unforked, OSError, ValueError) as problem:
        said = _("An ordinary server starts, because the daemon forks none: {reason}")
        say(NAME, said.format(reason=problem))
        os.execv(ORDINARY[0], [*ORDINARY, *arguments])
    stand_for(server)


def stand_for(server: ForkedProcess) -> NoReturn:
    """Pass signals on, and end as `server` ends: with its exit status, or by the same signal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: server.pass_on(number))
    status = server.wait()
    if status < 0:
        with suppress(OSError):  # SIGKILL has no other way
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    run(sys.argv[1:])
