"""A few calls to the bed's API server, without a client library between."""

import base64
import http.client
import json
import os
import select
import ssl
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.bed.processes import BedError


class ApiError(BedError):
    """The API server answered with something else than success; `code` is the HTTP status, 0 when it did not answer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}" if code else text)
        self.code = code


class _Kept(threading.local):
    """One thread's connection. pid: whose it is; a forked child may not go on with its parent's."""

    connection: http.client.HTTPSConnection | None = None
    pid = 0


class Api:
    """The API server as one kubeconfig sees it. Each thread keeps its connection: a TLS handshake costs more than most calls."""

    def __init__(self, kubeconfig: Path) -> None:
        config: dict[str, Any] = yaml.load(kubeconfig.read_text(), yaml.CSafeLoader)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = str(cluster["server"])
        self._address = urlsplit(self.server)
        self._tls = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
        self._kept = _Kept()
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        else:
            self._identify(kubeconfig, user)

    def _identify(self, kubeconfig: Path, user: dict[str, str]) -> None:
        """`ssl` reads a client's certificate from a file only; one of our own, as several workers do this at once."""
        both = kubeconfig.with_suffix(f".{os.getpid()}-{id(self):x}.pem")
        both.touch(mode=0o600)
        both.write_text(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
        self._tls.load_cert_chain(both)
        both.unlink()

    def call(self, method: str, path: str, body: object = None, *, content: str | None = None) -> Any:
        """One request; its JSON (or text). ApiError when it is refused or nobody answers."""
        headers = {**self._headers, **({"Content-Type": content} if content else {})}
        connection = self._connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ApiError(0, f"{method} {path}: {error}") from error
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise ApiError(answer.status, f"{method} {path}: {text}")
        return json.loads(text) if text.startswith(("{", "[")) else text

    def _connection(self) -> http.client.HTTPSConnection:
        """The thread's own; a new one where the server hung up, or said something that nobody asked for."""
        kept = self._kept
        if kept.connection is None or kept.pid != os.getpid():
            kept.connection, kept.pid = self._new_connection(30), os.getpid()
        elif kept.connection.sock is not None and select.select([kept.connection.sock], [], [], 0)[0]:
            kept.connection.close()
        return kept.connection

    def _new_connection(self, seconds: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._address.hostname or "", self._address.port, timeout=seconds, context=self._tls)

    def get(self, path: str) -> Any:
        """The object; None when there is none."""
        try:
            return self.call("GET", path)
        except ApiError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    def watch(self, path: str, seconds: int = 3600) -> Generator[Any]:
        """Each change of a list's objects (`type`, `object`) as it comes, until the server ends it. ApiError when it is cut off."""
        ask = f"{path}{'&' if '?' in path else '?'}watch=1&timeoutSeconds={seconds}"
        connection = self._new_connection(seconds + 30)
        try:
            connection.request("GET", ask, headers=self._headers)
            answer = connection.getresponse()
            if answer.status >= http.HTTPStatus.BAD_REQUEST:
                raise ApiError(answer.status, f"watching {path}: {answer.read().decode()}")
            yield from (json.loads(line) for line in answer)
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(0, f"watching {path}: {error}") from error
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            return self.call("GET", "/readyz") == "ok"
        except ApiError:
            return False


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
