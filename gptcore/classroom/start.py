"""Before the bell: `python -m gptcore.classroom start` starts the server of each student, so that nobody waits."""

import argparse
import json
import time
import urllib.error
import urllib.request
from urllib.parse import quote

from gptcore.classroom.address import how_to_ask, of_this_machine
from gptcore.classroom.students import students
from gptcore.language import N_, _
from gptcore.printable import printable

ABOUT = N_("start the server of each student before the bell")
SECONDS = 900  # for all of them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar=_("NAME"), help=_("whose (default: everybody's on the list)"))


def run(options: argparse.Namespace) -> int:
    """Ask the hub for the servers, and print each name when its server is there; 1 if one did not come."""
    waiting = list(options.names or students())
    for name in waiting:
        _ask("POST", f"users/{quote(name)}")
        _ask("POST", f"users/{quote(name)}/server")
    end = time.monotonic() + SECONDS
    while waiting and time.monotonic() < end:
        for name in list(waiting):
            server = _ask("GET", f"users/{quote(name)}").get("servers", {}).get("", {})
            if server.get("ready"):
                waiting.remove(name)
                print(_("{name}: the server is there").format(name=printable(name)), flush=True)
        time.sleep(0.5)
    for name in waiting:
        print(_("{name}: no server; the hub's log says why").format(name=printable(name)))
    return 1 if waiting else 0


def _ask(method: str, path: str) -> dict:
    """What the hub answers; nothing where there is nothing to do any more. Raises ValueError if there is no hub."""
    not_there = _("the hub does not run: start it with jupyterhub -f classroom/jupyterhub_config.py")
    if (how := how_to_ask()) is None:
        raise ValueError(not_there)
    try:
        headers = {"Authorization": f"token {how['token']}"}
        request = urllib.request.Request(f"{how['address']}/hub/api/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60, context=of_this_machine()) as answer:
            return json.loads(answer.read() or "{}")
    except urllib.error.HTTPError as error:
        if error.code in (400, 409):  # there is such a user, or her server has started
            return {}
        raise ValueError(_("the hub answers: {problem}").format(problem=error)) from None
    except urllib.error.URLError:
        raise ValueError(not_there) from None
