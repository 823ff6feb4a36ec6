"""A student's server with the lessons laid out, for hubs that start it by a command: this module is that command.

It is `jupyterhub-singleuser` with its arguments. Before it starts, the lessons are copied into the student's home or
brought up to date, and what she has changed stays.
"""

import os
import sys

from gptcore.lessons import FOLDER, main

SERVER = [sys.executable, "-m", "jupyterhub.singleuser"]


def run(arguments: list[str]) -> None:
    """Lay out the lessons, then become the server, even where they could not be laid out."""
    main([FOLDER, "--no-open"])
    os.execv(sys.executable, [*SERVER, *arguments])


if __name__ == "__main__":
    run(sys.argv[1:])
