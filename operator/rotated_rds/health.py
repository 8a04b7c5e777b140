"""The three pages of the operator: /metrics, /healthz (the process turns), /readyz (it would work)."""

import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6, has_dualstack_ipv6

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from rotated_rds import metrics


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _ServerV6(_Server):
    address_family = AF_INET6


def serve(host: str, port: int, *, missing: Callable[[], Sequence[str]], healthy: Callable[[], bool]) -> int:
    """Serve in a thread of its own; returns the port, the free one where 0 was asked for.

    host: empty for all addresses; missing: why it would not work, line by line.
    """

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(metrics.REGISTRY), CONTENT_TYPE_LATEST)
            elif self.path in ("/healthz", "/readyz"):
                wrong = list(missing()) if self.path == "/readyz" else []
                wrong += [] if healthy() else ["the operator's loop stands still"]
                self._answer(503 if wrong else 200, "\n".join([*(wrong or ["ok"]), ""]).encode(), "text/plain; charset=utf-8")
            else:
                self._answer(404, b"/metrics /healthz /readyz\n", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's own name
            """Probes are not worth a line."""

    address = host.strip("[]") or ("::" if has_dualstack_ipv6() else "0.0.0.0")  # noqa: S104  a pod's own network; a kernel may lack IPv6
    server = (_ServerV6 if ":" in address else _Server)((address, port), Pages)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return int(server.server_address[1])
