"""A few calls to the bed's API server, without a client library between."""

import base64
import http.client
import json
import os
import ssl
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


class Api:
    """The API server as one kubeconfig sees it."""

    def __init__(self, kubeconfig: Path) -> None:
        config: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urlsplit(str(cluster["server"]))
        self._tls = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
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
        connection = http.client.HTTPSConnection(self._address.hostname or "", self._address.port, timeout=30, context=self._tls)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except OSError as error:
            raise ApiError(0, f"{method} {path}: {error}") from error
        finally:
            connection.close()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise ApiError(answer.status, f"{method} {path}: {text}")
        return json.loads(text) if text.startswith(("{", "[")) else text

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
        connection = http.client.HTTPSConnection(self._address.hostname or "", self._address.port, timeout=seconds + 30, context=self._tls)
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
