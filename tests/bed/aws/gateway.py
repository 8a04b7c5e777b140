"""The way of every request: named, struck by faults, carried out by moto under the lock, written into the book."""

import contextlib
import io
import json
import re
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from xml.sax.saxutils import escape

from tests.bed.aws.calls import Call, Journal, name_call
from tests.bed.aws.faults import Board, Fault
from tests.bed.aws.history import seen_as_of
from tests.bed.aws.region import World
from tests.bed.aws.web import Answer, Asked

_NEW_KEY = re.compile(rb"<AccessKeyId>([A-Z0-9]+)</AccessKeyId>")

StartResponse = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass
class Gateway:
    world: World
    moto: Wsgi
    board: Board = field(default_factory=Board)
    journal: Journal = field(default_factory=Journal)
    # A role's keys stand for whoever assumed it.
    _assumed: dict[str, str] = field(default_factory=dict[str, str])

    def answer(self, asked: Asked) -> Answer | None:
        """Carry out one request of AWS's; None means: cut the connection without an answer."""
        call = name_call(asked.headers, asked.body)
        if call is None:
            return self._carry_out(asked, None)
        call = replace(call, caller=self._assumed.get(call.caller, call.caller))
        began = time.time()
        answer = self._struck(asked, call, self.board.striking(call))
        if call.operation.startswith("AssumeRole") and answer is not None and (key := _NEW_KEY.search(answer.body)):
            self._assumed[key[1].decode()] = call.caller
        self.journal.write(call, "lost" if answer is None else code_of(answer), began)
        return answer

    def _struck(self, asked: Asked, call: Call, faults: list[Fault]) -> Answer | None:
        if not all(self._let_pass(fault) for fault in faults):
            return None
        refusal = next((refusal_of(call, fault) for fault in faults if fault.kind == "error"), None)
        moment = min((fault.seen_moment() for fault in faults if fault.kind == "stale"), default=None)
        answer = refusal or self._carry_out(asked, call, moment)
        kept = [self.board.hold(fault) for fault in faults if fault.kind == "hold-after"]
        return answer if all(kept) and not any(fault.kind == "lost" for fault in faults) else None

    def _let_pass(self, fault: Fault) -> bool:
        """Wait as the fault says, before anything is carried out; False when the call is to be dropped."""
        if fault.kind == "delay":
            time.sleep(fault.seconds)
        return fault.kind != "hold-before" or self.board.hold(fault)

    def _carry_out(self, asked: Asked, call: Call | None, moment: float | None = None) -> Answer:
        """Secrets Manager's calls go one at a time: moto's own code races there."""
        ours = call is not None and call.service == "secretsmanager"
        with self.world.lock if ours else contextlib.nullcontext(), seen_as_of(moment):
            try:
                return through_wsgi(self.moto, asked)
            except Exception:  # noqa: BLE001 - whatever moto has not built is AWS's own failure, and the log says why
                traceback.print_exc()
                return Answer(500, [("X-Amzn-ErrorType", "InternalFailure")], b'{"__type": "InternalFailure"}')


def through_wsgi(application: Wsgi, asked: Asked) -> Answer:
    """Call a WSGI application with a request that is already here in full."""
    answer = Answer(500, [], b"")

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
        answer.status, answer.headers = int(status.split(maxsplit=1)[0]), headers

    answer.body = b"".join(application(_environ(asked), start))
    return answer


def _environ(asked: Asked) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": asked.path,
        "QUERY_STRING": asked.query,
        "RAW_URI": asked.target,
        "REQUEST_URI": asked.target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(asked.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(asked.body)),
        "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for key, value in asked.headers.items():
        if key.lower() not in ("content-type", "content-length"):
            environ["HTTP_" + key.upper().replace("-", "_")] = value
    return environ


def refusal_of(call: Call, fault: Fault) -> Answer:
    """An error answer in the protocol of the call: JSON, or the XML of the query protocol."""
    if call.json:
        body = json.dumps({"__type": fault.code, "message": fault.message})
        return Answer(
            fault.http_status(), [("Content-Type", "application/x-amz-json-1.1"), ("X-Amzn-ErrorType", fault.code)], body.encode()
        )
    error = f"<Error><Type>Sender</Type><Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message></Error>"
    body = f"<ErrorResponse>{error}<RequestId>bed</RequestId></ErrorResponse>"
    return Answer(fault.http_status(), [("Content-Type", "text/xml"), ("X-Amzn-ErrorType", fault.code)], body.encode())


def code_of(answer: Answer) -> str:
    """AWS's error code of an answer, or OK."""
    if answer.status < 400:
        return "OK"
    return next((value for key, value in answer.headers if key.lower() == "x-amzn-errortype"), f"HTTP {answer.status}")
