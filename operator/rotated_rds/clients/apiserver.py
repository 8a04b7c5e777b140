"""One API server in raw JSON, one request at a time; V1 models would print a Secret's content in their errors."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from rotated_rds.model.document import Json, text
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable

_CONNECT_SECONDS, _READ_SECONDS = 1.0, 30.0
WRITE_SECONDS = 3.0  # all of a write, its connection too (SAFETY.md A4)


class Gone(Exception):
    """404. The status of a resource that is gone has no reader: its caller drops the resource."""


class Conflict(Problem):
    """409: somebody was faster; look again."""


def connect(threads: int) -> client.ApiClient:
    """A client from the pod's ServiceAccount, else from the kubeconfig. threads: how many will call at once."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)  # pyright: ignore[reportUnknownMemberType]  untyped there
    except ConfigException:
        config.load_kube_config(client_configuration=configuration)  # pyright: ignore[reportUnknownMemberType]  untyped there
    configuration.connection_pool_maxsize = threads
    return once(configuration)


def once(configuration: client.Configuration) -> client.ApiClient:
    """A client that sends each request once: urllib3 by itself would repeat some, past their time (SAFETY.md A4)."""
    configuration.retries = urllib3.Retry(0, redirect=0)
    return client.ApiClient(configuration)


def kubeconfig_namespace() -> str | None:
    """The namespace of the kubeconfig's current context."""
    try:
        _, context = config.list_kube_config_contexts()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  untyped there
    except ConfigException:
        return None
    return text(cast("Json", context), "context", "namespace")


class ApiServer:
    """Requests, and what their answers mean."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    def get(self, path: str, seconds: float = _READ_SECONDS) -> Json | None:
        """One object; None when there is none. seconds: how long it may take. Raises Refused(Forbidden), Unavailable."""
        try:
            return self.call("GET", path, seconds=seconds)
        except Gone:
            return None

    def pages(self, path: str, label_selector: str | None = None) -> Sequence[Json]:
        """A whole list in pages of 500. Raises Gone where its kind does not exist."""
        found: list[Json] = []
        query = {"limit": "500"} | ({"labelSelector": label_selector} if label_selector else {})
        while True:
            page = self.call("GET", path, query=query)
            found += page["items"]
            if not (more := page.get("metadata", {}).get("continue")):
                return found
            query = {**query, "continue": more}

    def check_list(self, path: str, label_selector: str = "") -> None:
        """Whether a list can be read, where its kind exists. Raises Refused(Forbidden), Unavailable."""
        with contextlib.suppress(Gone):
            self.call("GET", path, query={"limit": "1", "labelSelector": label_selector})

    def follow(self, path: str, silence: float, **query: str) -> Iterator[tuple[str, Json]]:
        """What becomes of a list's objects: (event, object), until the server ends it.

        silence: seconds without a word after which it ends too. query: as the API server knows it; without a resourceVersion it
        tells first of all that are there. Raises Gone where the kind does not exist, Refused(Forbidden), Unavailable.
        """
        answer = self._ask("GET", path, query={"watch": "1", **query}, timeout=(_CONNECT_SECONDS, silence))
        try:
            if answer.status != HTTPStatus.OK:
                _read(int(answer.status), answer.read(), "WATCH", path)
            for line in _lines(answer.response.stream()):
                yield line["type"], line["object"]
        except urllib3.exceptions.ReadTimeoutError:
            return
        except urllib3.exceptions.HTTPError as error:
            raise _no_answer(error) from None
        finally:
            answer.response.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Json | Sequence[Json] | None = None,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        seconds: float = _READ_SECONDS,
    ) -> Json:
        """One request. seconds: of a read. Raises Gone (404), Conflict (409), Refused(Forbidden, Rejected), Unavailable."""
        patience = (seconds if method == "GET" else WRITE_SECONDS) - _CONNECT_SECONDS
        answer = self._ask(method, path, body=body, query=query, content=content, timeout=(_CONNECT_SECONDS, patience))
        try:
            raw = answer.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _no_answer(error) from None
        return _read(int(answer.status), raw, method, path)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        timeout: tuple[float, float],
        body: Json | Sequence[Json] | None = None,
        content: str = "application/json",
    ) -> Any:
        where = quote(path) + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "Content-Type": content}
        api: Any = self._api  # the generated client is untyped
        try:
            prepared = api.param_serialize(method, where, header_params=headers, body=body, auth_settings=["BearerToken"])
            return api.call_api(*prepared, _request_timeout=timeout)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _no_answer(error) from None


def _no_answer(error: Exception) -> Unavailable:
    return Unavailable(Reason.UNAVAILABLE, f"the API server did not answer ({type(error).__name__}); tried again")


def _lines(chunks: Iterable[bytes]) -> Iterator[Json]:
    """A watch's events, however the network has cut them."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in whole if line)


def _read(status: int, raw: bytes | None, method: str, path: str) -> Json:
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return cast("Json", json.loads(raw or b"{}"))
    if status == HTTPStatus.NOT_FOUND:
        raise Gone(path)
    said = _message(raw, path)
    if status == HTTPStatus.CONFLICT:
        raise Conflict(Reason.UNAVAILABLE, f"{method} {path}: {said}")
    if status in (401, 403):
        raise Refused(Reason.FORBIDDEN, f"the API server forbids {method} {path}: grant it to the operator's ServiceAccount")
    if status in (400, 413, 415, 422):
        raise Refused(Reason.REJECTED, f"the API server rejects {method} {path} ({status}): {said}")
    raise Unavailable(Reason.UNAVAILABLE, f"the API server failed at {method} {path} ({status}); tried again")


def _message(raw: bytes | None, path: str) -> str:
    """The server's sentence; never for a Secret, whose validation errors may quote what was sent."""
    if "/secrets" in path:
        return "its content is not shown"
    try:
        return str(json.loads(raw or b"{}").get("message", ""))[:300]
    except ValueError:
        return ""
