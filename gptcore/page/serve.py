"""A teacher's laptop and thirty phones: the pages on the Wi-Fi of a class, with nothing installed on the phones.

All files are read before the first request. What a phone asks for is looked up by its name among them, so no request
can reach anything else on the disk.
"""

import gzip
import hashlib
import mimetypes
import os
import socket
import sys
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil

from gptcore.checks import check_integer, check_text, given
from gptcore.language import _
from gptcore.page.folder import read_files

_TYPES = {".js": "text/javascript", ".json": "application/json", ".html": "text/html", ".webp": "image/webp"}
_FOREVER, _ASK = "public, max-age=31536000, immutable", "no-cache"
_PAYS, _LARGE = 0.8, 2_000_000  # what is not smaller than this share of itself is sent as it is, or what has more bytes


class Answer:
    """A file as it is sent: its bytes, gzipped if that pays, and what a browser should know of them."""

    def __init__(self, name: str, data: bytes):
        self.data = data
        suffix = os.path.splitext(name)[1]
        kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        is_text = kind.startswith("text/") or kind in ("application/json", "image/svg+xml")
        self.type = f"{kind}; charset=utf-8" if is_text else kind
        self.tag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
        self.keep = _FOREVER if name.startswith("assets/") else _ASK  # the names of assets change with their content

    @cached_property
    def small(self) -> bytes | None:
        """The data gzipped, or None if that does not pay."""
        if len(self.data) > _LARGE:
            return None
        small = gzip.compress(self.data, 6, mtime=0)
        return small if len(small) < _PAYS * len(self.data) else None


class Server(ThreadingHTTPServer):
    """Answers with `files`, contents by name, at `host` and `port`; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128  # thirty phones that begin together, with several connections each
    allow_reuse_address = os.name == "posix"  # on Windows a second server would take over the port

    def __init__(self, files: dict[str, bytes], host: str = "127.0.0.1", port: int = 0):
        self.answers = {f"/{name}": Answer(name, data) for name, data in files.items()}
        for answer in self.answers.values():
            _ = answer.small  # now, and not once for each of thirty phones
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(self.allow_reuse_address))
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address = self.socket.getsockname()[:2]  # asks no name server

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A phone that goes away in the middle is no error of the server."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for many files
    timeout = 20  # seconds; a phone that fell asleep frees its thread
    server_version, sys_version = "gptcore", ""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path, errors="replace")
        name = path + "index.html" if path.endswith("/") else path
        if f"{path}/index.html" in self.server.answers:
            self._send(HTTPStatus.MOVED_PERMANENTLY, {"Location": f"{path}/"})
        elif (answer := self.server.answers.get(name)) is None:
            self._send(HTTPStatus.NOT_FOUND, {"Content-Type": "text/plain; charset=utf-8"}, b"There is no such page.\n")
        else:
            self._answer(answer)

    do_HEAD = do_GET

    def _answer(self, answer: Answer) -> None:
        headers = {"Content-Type": answer.type, "Cache-Control": answer.keep, "ETag": answer.tag}
        if answer.small is not None:
            headers["Vary"] = "Accept-Encoding"
        if answer.tag in self.headers.get("If-None-Match", ""):
            return self._send(HTTPStatus.NOT_MODIFIED, headers)
        data = answer.data
        if answer.small is not None and "gzip" in self.headers.get("Accept-Encoding", ""):
            data, headers["Content-Encoding"] = answer.small, "gzip"
        self._send(HTTPStatus.OK, headers, data)

    def _send(self, status: HTTPStatus, headers: dict[str, str], data: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-Content-Type-Options", "nosniff")
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Thirty phones would write over the address and its QR code."""


def serve(folder: str | os.PathLike | None = None, host: str = "0.0.0.0", port: int = 8000) -> None:
    """Show the pages in `folder`, or without one pages that are made now, until Ctrl-C, and say where they are.

    Raises ValueError if `folder` holds no build, or if nothing can listen at `host` and `port`.
    """
    check_text("host", host)
    check_integer("port", port, least=0)
    if port > 65535:
        raise ValueError(_("port must be at most 65535, got {value}").format(value=given(port)))
    files = _made() if folder is None else read_files(folder)
    try:
        server = Server(files, host, port)
    except OSError as error:
        message = _("port {port} at {host} cannot be used: {reason}; choose another, such as --port {other}")
        other = port + 1 if 1024 <= port < 65535 else 8000
        reason = error.strerror or str(error)
        raise ValueError(message.format(host=host, port=port, reason=reason, other=other)) from error
    with server:
        _tell(host, server.server_port)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            print("\n" + _("The pages are no longer there."))


def _made() -> dict[str, bytes]:
    from gptcore.page.build import pages

    print(_("Making the pages…"), flush=True)
    return dict(pages())


def _tell(host: str, port: int) -> None:
    """Say where the pages are: for this laptop, and for the phones around it, which read the QR code."""
    nearby = [f"http://{address}:{port}/" for address in addresses()] if host == "0.0.0.0" else []
    own = f"http://{'localhost' if host in ('0.0.0.0', '127.0.0.1') else host}:{port}/"
    print(_("The pages are at {address}").format(address=own))
    if host in ("127.0.0.1", "localhost"):
        print(_("Only this computer can open them: leave out --host for phones."))
    elif nearby:
        print(_("Phones in the same network open {address}").format(address=nearby[0]))
        for other in nearby[1:]:
            print(_("or {address}").format(address=other))
    elif host == "0.0.0.0":
        print(_("This computer is in no network that phones could be in."))
    if code := qr_code((nearby or [own])[0]) if host not in ("127.0.0.1", "localhost") else "":
        print(code)
    print(_("Ctrl-C ends it."), flush=True)


def addresses() -> list[str]:
    """The addresses under which other machines in the network may reach this one, the likeliest first."""
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    found = [
        one.address
        for name, several in psutil.net_if_addrs().items()
        if name in up
        for one in several
        if one.family == socket.AF_INET and not one.address.startswith(("127.", "169.254."))
    ]
    first = _towards_others()
    return sorted(found, key=lambda address: address != first)


def _towards_others() -> str | None:
    """The address from which this machine would speak to others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # reserved for documents: no machine has it
            return asked.getsockname()[0]
        except OSError:
            return None


def qr_code(text: str) -> str:
    """The QR code of `text`, two rows in a line; empty where the output is no terminal, or has no blocks."""
    try:
        import segno

        "▀▄█".encode(sys.stdout.encoding or "ascii")
    except (ImportError, UnicodeEncodeError):
        return ""
    if not sys.stdout.isatty():
        return ""
    rows = [[bool(dark) for dark in row] for row in segno.make(text, error="m", micro=False).matrix_iter(border=2)]
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    signs = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    lines = ("".join(signs[pair] for pair in zip(*rows[i : i + 2], strict=True)) for i in range(0, len(rows), 2))
    # White on black, whatever the colours of the terminal are: a camera wants the code dark on light.
    return "\n".join(f"\x1b[97;40m{line}\x1b[0m" for line in lines)
