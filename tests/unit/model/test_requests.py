"""Requests by annotation: which of them, in which order, and what is answered without any stage."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rotated_rds.model.requests import also_answered
from rotated_rds.model.resource import REQUEST_LIMIT, REQUESTS, Resource, read_resource
from rotated_rds.model.spec import Spec, parse_spec
from rotated_rds.model.status import RequestStatus, Status

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LEAST = {"database": {"instance": "db"}, "user": {"name": "app"}}
DUAL = parse_spec({**LEAST, "rotation": {"strategy": "DualPassword"}})
LAMBDA = parse_spec({**LEAST, "rotation": {"functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f"}})


def asking(**requests: str) -> Resource:
    metadata: dict[str, Any] = {
        "namespace": "n",
        "name": "r",
        "uid": "u",
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    metadata["annotations"] = {f"rotated-rds.io/{name.replace('_', '-')}": text for name, text in requests.items()}
    return read_resource({"metadata": metadata})[0]


def answered(**texts: str) -> Status:
    done = {name.replace("_", "-"): RequestStatus(text=text, time=NOW, result="Done") for name, text in texts.items()}
    return Status(requests=done)


def test_the_contract_s_order_decides_which_is_first() -> None:
    standing = asking(sync="1", resume="1", rotate="1", force_rotate="1", take_rotation="1", rollback="1")
    order: list[str] = []
    before = Status()
    while (request := standing.new_request(before)) is not None:
        order.append(request[0])
        before = Status(requests={**before.requests, request[0]: RequestStatus(text=request[1], time=NOW, result="Done")})
    assert order == list(REQUESTS) == ["rollback", "take-rotation", "force-rotate", "rotate", "resume", "sync"]


def test_the_same_text_is_one_request_and_an_empty_one_is_none() -> None:
    assert asking(rotate="a").new_request(answered(rotate="a")) is None
    assert asking(rotate="b").new_request(answered(rotate="a")) == ("rotate", "b")
    assert asking(rotate="").new_request(Status()) is None


def test_a_text_that_is_too_long_is_answered_once() -> None:
    long = "x" * 500
    request = asking(rotate=long).new_request(Status())
    assert request is not None
    answers = also_answered(request, DUAL, Status(), {}, NOW)
    assert (answers["rotate"].result, len(answers["rotate"].text)) == ("Refused", REQUEST_LIMIT)
    assert asking(rotate=long).new_request(Status(requests=answers)) is None


@pytest.mark.parametrize(("name", "result"), [("sync", "Done"), ("resume", "Done")])
def test_what_needs_no_stage_is_answered_at_once(name: str, result: str) -> None:
    assert also_answered((name, "a"), DUAL, Status(), {}, NOW)[name].result == result


def test_taking_the_rotation_over_is_answered_by_its_end_with_method_operator_and_refused_with_others() -> None:
    request = ("take-rotation", "a")
    assert also_answered(request, DUAL, Status(), {}, NOW) == {}
    answer = also_answered(request, LAMBDA, Status(), {}, NOW)["take-rotation"]
    assert (answer.result, "spec.rotation.method: Operator" in answer.message) == ("Refused", True)


@pytest.mark.parametrize("spec", [parse_spec(LEAST), LAMBDA])
def test_a_rollback_without_a_credential_before_is_refused(spec: Spec) -> None:
    assert also_answered(("rollback", "a"), spec, Status(), {}, NOW)["rollback"].result == "Refused"


@pytest.mark.parametrize("name", ["rotate", "force-rotate", "rollback"])
def test_a_rotation_is_answered_by_its_end_and_not_before(name: str) -> None:
    assert also_answered((name, "a"), DUAL, Status(), {}, NOW) == {}


def test_a_stage_s_own_answer_stands_beside_those_of_before() -> None:
    before = answered(sync="old")
    said = {"requests": {**before.requests, "rotate": RequestStatus(text="a", time=NOW, result="Failed", message="no")}}
    after = also_answered(("rotate", "a"), DUAL, before, said, NOW)
    assert {name: one.result for name, one in after.items()} == {"sync": "Done", "rotate": "Failed"}


def test_without_a_request_nothing_changes() -> None:
    before = answered(sync="old")
    assert also_answered(None, DUAL, before, {}, NOW) == before.requests
