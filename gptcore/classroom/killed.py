"""What a student reads when the system has ended the kernel: an answer in the cell that ran.

    c.ServerApp.kernel_websocket_connection_class = "gptcore.classroom.killed.Connection"

JupyterLab alone says that the kernel "appears to have died", and nothing of memory, which is why Linux ends a process.
"""

import json
import signal
from textwrap import fill
from typing import Any

from jupyter_server.services.kernels.connection.base import deserialize_binary_message, deserialize_msg_from_ws_v1
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from gptcore.language import _

COLUMNS = 76


class Connection(ZMQChannelsWebsocketConnection):
    """The server's own connection between a page and a kernel, which knows the cells that wait for an answer."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._cells: dict[str, dict[str, Any]] = {}  # the first is the one that runs

    def handle_incoming_message(self, incoming_msg: str | bytes) -> None:
        """Pass a message of the page on, and note a cell that is to run."""
        super().handle_incoming_message(incoming_msg)
        if self.subprotocol == "v1.kernel.websocket.jupyter.org":
            header = self.session.unpack(deserialize_msg_from_ws_v1(incoming_msg)[1][0])
        elif isinstance(incoming_msg, bytes):
            header = deserialize_binary_message(incoming_msg)["header"]
        else:
            header = json.loads(incoming_msg)["header"]
        if header["msg_type"] == "execute_request":
            self._cells[header["msg_id"]] = header

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Pass a message of the kernel on, and note a cell that has run."""
        super().handle_outgoing_message(stream, outgoing_msg)
        if getattr(stream, "channel", stream) == "shell":
            _identities, parts = self.session.feed_identities(outgoing_msg)
            self._cells.pop(self.session.unpack(parts[2]).get("msg_id"), None)

    def on_kernel_restarted(self) -> None:
        """Say in the cell what has happened, before the page forgets that it runs."""
        if self._cells:
            process = getattr(self.kernel_manager.provisioner, "process", None)
            said = fill(sentence(getattr(process, "returncode", None)), COLUMNS)  # a page breaks lines inside words
            self.write_stderr(said, next(iter(self._cells.values())))
            self._cells.clear()
        super().on_kernel_restarted()


def sentence(status: int | None) -> str:
    """What has happened to a kernel that ended with an exit status, and what to do."""
    if status == -signal.SIGKILL:
        happened = _(
            "The system has ended the kernel while this cell ran, most likely because it needed more memory than there "
            "is. A new one has started."
        )
    else:
        happened = _("The kernel has ended while this cell ran, and a new one has started.")
    to_do = _(
        "Nothing that you have written is lost; only the variables are gone. To go on, click this cell and choose "
        "Run → Run All Above Selected Cell. Before you run it again, choose smaller values, or shut down the kernels "
        "of other notebooks."
    )
    return f"{happened} {to_do}"
