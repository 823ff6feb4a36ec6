"""JupyterHub for a class, started by root: jupyterhub -f classroom/jupyterhub_config.py

What README.md beside this file explains is decided here. Below the call, every setting of JupyterHub can follow, as
`c.JupyterHub.ssl_cert = "…"` for TLS.
"""

from gptcore.classroom.hub import configure

c = get_config()  # noqa: F821  JupyterHub brings it

configure(
    c,
    address="http://127.0.0.1:8000",  # of this machine alone; http://0.0.0.0:8000 is open to the whole network
    student_memory=2.0,  # GiB for one student, where the system can bound all of her processes together
    process_memory=1.25,  # GiB for each process; no lesson needs more
    idle_minutes=60,  # after which a server ends that nobody uses
    terminals=False,  # a terminal in JupyterLab
)
