"""What a student reads when the system has ended the kernel: an answer in the cell that ran.

    c.ServerApp.kernel_websocket_connection_class = "gptcore.classroom.killed.Connection"

JupyterLab alone says that the kernel "appears to have died", and nothing of memory, which is why Linux ends a process.
"""

import signal
from textwrap import fill
from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from gptcore.language import _

COLUMNS = 76


class Connection(ZMQChannelsWebsocketConnection):
    """The server's own connection between a page and a kernel, which knows the cell that runs."""

    _cell: dict[str, Any] | None = None

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Pass a message of the kernel on, and note which cell begins or ends."""
        super().handle_outgoing_message(stream, outgoing_msg)
        if getattr(stream, "channel", stream) != "iopub":
            return
        _identities, parts = self.session.feed_identities(outgoing_msg)
        kind = self.session.unpack(parts[1])["msg_type"]
        if kind == "execute_input":
            self._cell = self.session.unpack(parts[2])
        elif kind == "status" and self.session.unpack(parts[4])["execution_state"] == "idle":
            parent = self.session.unpack(parts[2])
            if self._cell and parent.get("msg_id") == self._cell["msg_id"]:
                self._cell = None

    def on_kernel_restarted(self) -> None:
        """Say in the cell what has happened, before the page forgets that it runs."""
        if self._cell is not None:
            process = getattr(self.kernel_manager.provisioner, "process", None)
            said = sentence(getattr(process, "returncode", None))
            self.write_stderr(fill(said, COLUMNS), self._cell)  # a page would break lines inside words
            self._cell = None
        super().on_kernel_restarted()


def sentence(status: int | None) -> str:
    """What has happened to a kernel that ended with an exit status, and what to do."""
    if status == -signal.SIGKILL:
        happened = _(
            "This cell needed more memory than there is, so the system has ended the kernel, and a new one has started."
        )
    else:
        happened = _("The kernel has ended while this cell ran, and a new one has started.")
    to_do = _(
        "Nothing that you have written is lost; only the variables are gone. To go on, click this cell and choose "
        "Run → Run All Above Selected Cell. Before you run it again, choose smaller values, or shut down the kernels "
        "of other notebooks."
    )
    return f"{happened} {to_do}"
