"""The Littlest JupyterHub: this goes to /opt/tljh/config/jupyterhub_config.d/. The README above has the steps."""

c = get_config()  # noqa: F821  JupyterHub brings it

c.Spawner.cmd = ["/opt/tljh/user/bin/python", "-m", "gptcore.classroom.singleuser"]
c.Spawner.args = ["--ServerApp.terminals_enabled=False", "--KernelManager.transport=ipc"]
c.Spawner.default_url = "/lab/tree/gptcore-lessons/00_start_here.ipynb"
c.Spawner.environment = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1"}
c.Spawner.start_timeout = c.Spawner.http_timeout = 300
c.JupyterHub.concurrent_spawn_limit = 0  # nobody is turned away
