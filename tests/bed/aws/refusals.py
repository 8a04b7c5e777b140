"""How AWS says no, in the protocol of the call, and how an answer is told from a refusal."""

import json
from xml.sax.saxutils import escape

from tests.bed.aws.calls import Call
from tests.bed.aws.web import Answer


def refusal_of(call: Call, code: str, message: str, status: int) -> Answer:
    """An error answer in the protocol of the call: JSON, or the XML of the query protocol."""
    if call.json:
        body = json.dumps({"__type": code, "message": message})
        return Answer(status, [("Content-Type", "application/x-amz-json-1.1"), ("X-Amzn-ErrorType", code)], body.encode())
    error = f"<Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    body = f"<ErrorResponse>{error}<RequestId>bed</RequestId></ErrorResponse>"
    return Answer(status, [("Content-Type", "text/xml"), ("X-Amzn-ErrorType", code)], body.encode())


def code_of(answer: Answer) -> str:
    """AWS's error code of an answer, or OK."""
    if answer.status < 400:
        return "OK"
    return next((value for key, value in answer.headers if key.lower() == "x-amzn-errortype"), f"HTTP {answer.status}")
