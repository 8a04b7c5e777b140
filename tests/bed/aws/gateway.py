"""The way of every request: named, struck by faults, carried out by moto under the lock, written into the book."""

import contextlib
import io
import re
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.bed.aws.calls import Call, Journal, name_call
from tests.bed.aws.faults import Board, Fault
from tests.bed.aws.functions import Registry, answered
from tests.bed.aws.guard import Guard, denial
from tests.bed.aws.history import seen_as_of
from tests.bed.aws.refusals import code_of, refusal_of
from tests.bed.aws.region import World
from tests.bed.aws.web import Answer, Asked

_NEW_KEY = re.compile(rb"<AccessKeyId>([A-Z0-9]+)</AccessKeyId>")

StartResponse = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass
class Gateway:
    world: World
    moto: Wsgi
    guard: Guard
    registry: Registry
    board: Board = field(default_factory=Board)
    journal: Journal = field(default_factory=Journal)
    # A role's keys stand for whoever assumed it.
    _assumed: dict[str, str] = field(default_factory=dict[str, str])

    def answer(self, asked: Asked) -> Answer | None:
        """Carry out one request of AWS's; None means: cut the connection without an answer."""
        call = name_call(asked.headers, asked.body, asked.path)
        if call is None:
            return self._unsigned(asked)
        key, call = call.caller, replace(call, caller=self._assumed.get(call.caller, call.caller))
        began = time.time()
        answer = self._struck(asked, call, key, self.board.striking(call))
        if call.operation.startswith("AssumeRole") and answer is not None and (key := _NEW_KEY.search(answer.body)):
            self._assumed[key[1].decode()] = call.caller
        self.journal.write(call, "lost" if answer is None else code_of(answer), began, asked.body)
        return answer

    def counted_as(self, key: str, caller: str) -> None:
        """Count a session's calls under a name of its own: it began without anybody's key."""
        self._assumed[key] = caller

    def _unsigned(self, asked: Asked) -> Answer:
        """A pod's token for a role's keys (IRSA): its calls are counted under the role's ARN. Anything else is moto's."""
        if (identity := self.guard.web_identity(asked.body)) is None:
            return self._carry_out(asked, None)
        role, no = identity
        if no is not None:
            return denial(Call("sts", "AssumeRoleWithWebIdentity", "", "", json=False), no)
        answer = self._carry_out(asked, None)
        if key := _NEW_KEY.search(answer.body):
            self.counted_as(key[1].decode(), role)
        return answer

    def _struck(self, asked: Asked, call: Call, key: str, faults: list[Fault]) -> Answer | None:
        if not all(self._let_pass(fault) for fault in faults):
            return None
        ordered = (fault for fault in faults if fault.kind == "error")
        refusal = next((refusal_of(call, fault.code, fault.message, fault.http_status()) for fault in ordered), None)
        refusal = refusal or self.guard.refusal(call, key, asked.body)
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
        """Secrets Manager's calls go one at a time: moto's own code races there. Of functions the bed's own registry knows."""
        if call is not None and call.service == "lambda":
            return answered(self.registry, call)
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
