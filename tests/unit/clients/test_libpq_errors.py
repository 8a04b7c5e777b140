"""OpenSSL's queue of errors is the thread's: what libpq leaves there, Python's `ssl` takes for its own."""

import socket
import ssl
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from psycopg.pq import ConnStatus

from rotated_rds.clients import libpq
from rotated_rds.clients.deadline import Deadline
from tests.bed.pki import Authority, Pair


def test_a_handshake_that_is_given_up_leaves_the_next_tls_answer_of_its_thread_alone(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("echo", "localhost", names=["localhost"])
    with silent_after_tls_begins() as silent, late_echo(pair) as echo:
        secure = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        with secure.wrap_socket(socket.create_connection(echo, timeout=30), server_hostname="localhost") as other:
            other.sendall(b"a")
            assert other.recv(1) == b"a"
            parameters = {"host": "localhost", "hostaddr": silent[0], "port": str(silent[1]), "user": "u", "sslmode": "require"}
            given_up = libpq.connect(parameters, Deadline(timedelta(milliseconds=300)))
            assert isinstance(given_up, libpq.Failure)
            assert (given_up.timed_out, given_up.stage) == (True, ConnStatus.SSL_STARTUP)
            other.sendall(b"b")
            assert other.recv(1) == b"b", "OpenSSL's errors are the thread's, whoever made them"


@contextmanager
def silent_after_tls_begins() -> Generator[tuple[str, int]]:
    """Plays a server that agrees to TLS and then says nothing."""
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(8)
            peer.sendall(b"S")
            done.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()
        done.set()


@contextmanager
def late_echo(pair: Pair) -> Generator[tuple[str, int]]:
    """Plays a TLS server that answers when its client waits already: only then is there nothing to read at first."""
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(pair.certificate, pair.key)

    def serve(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with secure.wrap_socket(peer, server_side=True) as client:
            while word := client.recv(1):
                time.sleep(0.2)  # the condition is another thread's read, which nothing shows
                client.sendall(word)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()
