"""A server for each student: as a system user of her own, bounded, one after another."""

import asyncio
import os
import pwd
import shutil
from importlib.metadata import entry_points
from pathlib import Path

import psutil
from jupyterhub.spawner import LocalProcessSpawner, set_user_setuid
from traitlets import Bool, Int

from gptcore.classroom.accounts import account, account_name
from gptcore.classroom.asking import FOLDER, SOCKETS
from gptcore.classroom.limits import bound, group_of
from gptcore.language import ENGLISH, _, language
from gptcore.lessons import FIRST
from gptcore.lessons import FOLDER as LESSONS
from gptcore.units import bytes_text

SETTINGS = Path(__file__).with_name("jupyter")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
UNUSED = '{"jupyter_lsp": False, "notebook_shim": False}'  # language servers, and Notebook 7: they slow each start
CLOSED = 20 * 60  # seconds after which a kernel ends whose notebook nobody has open


class ClassSpawner(LocalProcessSpawner):
    """LocalProcessSpawner, with what the system offers to keep students apart."""

    student_memory = Int(2 * 2**30, help="bytes for all processes of a student, by a control group").tag(config=True)
    process_memory = Int(5 * 2**28, help="bytes of data for each process of a student").tag(config=True)
    terminals = Bool(False, help="whether JupyterLab offers terminals").tag(config=True)
    _group = None
    queue = asyncio.Semaphore((os.cpu_count() or 1) + 1)  # more at once would only wait for each other

    async def start(self):
        """Start the server when its turn has come, and return (ip, port) when it listens."""
        async with self.queue:
            user = await asyncio.to_thread(account, self.user.name)
            _make_closed(self._runtime(user), user)
            self._group = group_of(user.pw_name, self.student_memory)
            self.log.info("%s", self._bounds())
            address = await super().start()
            await self._listens(*address)
            return address

    async def stop(self, now=False):
        """End the server, and whatever the student has left running."""
        await super().stop(now)
        uid = account(self.user.name).pw_uid
        for process in psutil.process_iter(["uids"]):
            if process.info["uids"] and process.info["uids"].real == uid:
                process.kill()

    async def progress(self):
        """What the page says that waits for the server."""
        yield {"progress": 50, "message": _("Your server is starting up.")}

    def make_preexec_fn(self, name):
        """The limits come before the change of user: afterwards they could not be set."""
        limit, change = bound(self.process_memory, self._group), set_user_setuid(account_name(name))

        def before():
            limit()
            change()

        return before

    def user_env(self, env):
        user = pwd.getpwnam(account_name(self.user.name))
        env |= {"USER": user.pw_name, "LOGNAME": user.pw_name, "HOME": user.pw_dir, "SHELL": "/bin/bash"}
        env |= {"JUPYTER_RUNTIME_DIR": str(self._runtime(user)), "JUPYTER_CONFIG_PATH": str(SETTINGS)}
        env |= {"GPTCORE_PREFORK": SOCKETS["kernels"], "GPTCORE_PREFORK_SERVERS": SOCKETS["servers"]}
        env |= dict.fromkeys(THREADS, "1") | {"GPTCORE_LANGUAGE": language(), "HF_HUB_OFFLINE": "1"}
        return env

    def get_args(self):
        first = FIRST if language() == ENGLISH else f"{language()}/{FIRST}"
        return [
            *super().get_args(),
            f"--ServerApp.root_dir={Path(pwd.getpwnam(account_name(self.user.name)).pw_dir, Path(LESSONS).name)}",
            f"--ServerApp.default_url=/lab/tree/{first}",
            f"--ServerApp.terminals_enabled={self.terminals}",
            f"--ServerApp.jpserver_extensions={UNUSED}",
            "--LabApp.extension_manager=readonly",  # the other one makes ready to ask PyPI
            "--KernelManager.transport=ipc",  # a port of this machine is open to all who are on it
            *(["--KernelProvisionerFactory.default_provisioner_name=gptcore-prefork"] if _can_fork() else []),
            "--ServerApp.kernel_websocket_connection_class=gptcore.classroom.killed.Connection",
            f"--MappingKernelManager.cull_idle_timeout={CLOSED}",
        ]

    def _runtime(self, user: pwd.struct_passwd) -> Path:
        return Path(FOLDER, str(user.pw_uid))

    def _bounds(self) -> str:
        """What holds, for the log."""
        if self._group is None:
            said = _(
                "at most {each} for each process of {name} (RLIMIT_DATA); this system lends no control group for all "
                "together"
            )
        else:
            said = _("at most {each} for each process of {name} (RLIMIT_DATA), {all} for all together (control group)")
        sizes = {"each": bytes_text(self.process_memory), "all": bytes_text(self.student_memory)}
        return said.format(name=account_name(self.user.name), **sizes)

    async def _listens(self, ip: str, port: int) -> None:
        """Wait until the server answers, or has ended: only then is it the next one's turn."""
        while await self.poll() is None:
            try:
                _reader, writer = await asyncio.open_connection(ip, port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return


def _can_fork() -> bool:
    """Whether Jupyter finds the provisioner: where the project is installed, not only on the path."""
    return bool(entry_points(group="jupyter_client.kernel_provisioners", name="gptcore-prefork"))


def _make_closed(folder: Path, user: pwd.struct_passwd) -> None:
    """Make a folder that only `user` can enter, in one in which only root can make any."""
    folder.parent.mkdir(mode=0o755, exist_ok=True)
    folder.parent.chmod(0o755)
    folder.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(folder, user.pw_uid, user.pw_gid)
