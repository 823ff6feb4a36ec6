"""A student's server with the lessons laid out: JupyterHub's own `jupyterhub-singleuser`, with its arguments.

Before it starts, the lessons are copied into the student's home or brought up to date, and what she has changed stays.
One question is left out that JupyterLab asks Node.js whenever it starts: where packages would be found if somebody
built JupyterLab anew, which nobody does in a class. Where Node.js is installed it takes a fifth of a server's start.
"""

import sys

from gptcore.lessons import FOLDER, main


def run(arguments: list[str]) -> None:
    """Lay out the lessons, then be the server, even where they could not be laid out."""
    main([FOLDER, "--no-open"])
    ask_no_node()
    from jupyterhub import singleuser

    sys.argv = ["jupyterhub-singleuser", *arguments]
    singleuser.main()


def ask_no_node() -> None:
    """Let JupyterLab begin as where there is no Node.js."""
    from jupyterlab import commands

    commands._yarn_config = lambda logger: {"yarn config": {}, "npm config": {}}


if __name__ == "__main__":
    run(sys.argv[1:])
