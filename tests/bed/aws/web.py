"""A small HTTP/1.1 server that keeps connections open and can cut one without an answer."""

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass(frozen=True)
class Asked:
    """A request, read to its end."""

    method: str
    target: str
    headers: Message
    body: bytes
    port: int

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


Answers = Callable[[Asked], Answer | None]


class Server(ThreadingHTTPServer):
    """Listens at one address of this machine; one thread a connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str, port: int, answers: Answers) -> None:
        self.answers = answers
        super().__init__((host, port), _Connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed while it waited is no news; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]  # socketserver's own types for both


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def _serve(self) -> None:
        if not isinstance(self.server, Server):
            raise TypeError("this connection belongs to another kind of server")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, self.headers, body, self.server.server_port)
        answer = self.server.answers(asked)
        if answer is None:
            self._cut()
        else:
            self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve  # noqa: N815 - http.server finds methods by these names

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for key, value in answer.headers:
            if key.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name for it
        """Silent: the journal is the log of calls, and a request line is no news."""
