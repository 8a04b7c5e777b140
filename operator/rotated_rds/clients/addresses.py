"""From a host's name to connected sockets, never later than the deadline."""

import contextlib
import ipaddress
import queue
import socket
import threading
from collections.abc import Sequence

from rotated_rds.clients.deadline import Deadline


def resolve(host: str, port: int, deadline: Deadline) -> tuple[str, ...]:
    """List every IP address of a host, in the resolver's order; empty when it does not resolve in time."""
    if _is_ip(host):
        return (host,)
    answers: queue.Queue[tuple[str, ...]] = queue.Queue()
    # The C library's resolver honours no deadline: it is left to end by itself.
    threading.Thread(target=lambda: answers.put(_look_up(host, port)), name="resolver", daemon=True).start()
    try:
        return answers.get(timeout=deadline.left())
    except queue.Empty:
        return ()


def joined(ip: str, port: int) -> str:
    """`ip:port`, an IPv6 address in brackets."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def dial(addresses: Sequence[str], port: int, deadline: Deadline) -> tuple[str, socket.socket | None]:
    """Connect to the first address that answers: its IP and the socket, or the last one tried and None."""
    tried = ""
    for behind, tried in enumerate(addresses):
        share = deadline.left() / (len(addresses) - behind)
        if share <= 0:
            break
        with contextlib.suppress(OSError):
            return tried, socket.create_connection((tried, port), timeout=share)
    return tried, None


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a name that IDNA cannot spell
        return ()
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
