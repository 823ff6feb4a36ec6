"""A student's server: JupyterHub's own, without a question that JupyterLab asks Node.js whenever it starts.

The question is where packages would be found if somebody built JupyterLab anew, which nobody does in a class. Where
Node.js is installed, as it is for the proxy of the hub, it takes a fifth of a server's start.
"""

import sys

from jupyterhub.singleuser import main
from jupyterlab import commands

if __name__ == "__main__":
    commands._yarn_config = lambda logger: {"yarn config": {}, "npm config": {}}  # as where there is no Node.js
    sys.exit(main())
