"""AWS's events as they come through a queue: which secret, which version, when; anything else is unknown (SAFETY.md A7)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotated_rds.model.messages import Notification, read_message

ARN = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:shop/db-AbC1dE"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def label_updated(**changes: Any) -> dict[str, Any]:
    detail = {"name": "shop/db", "labelUpdated": "AWSCURRENT", "versionId": "v2", "previousVersionId": "v1"}
    return {
        "detail-type": "Secret Label Updated",
        "source": "aws.secretsmanager",
        "time": "2026-11-24T12:00:00Z",
        "resources": [ARN],
        "detail": detail,
        **changes,
    }


def trail(**detail: Any) -> dict[str, Any]:
    return {"detail-type": "AWS API Call via CloudTrail", "time": "2026-11-24T12:00:00Z", "detail": detail}


def test_secrets_manager_s_own_event_names_the_secret_and_the_version() -> None:
    assert read_message(json.dumps(label_updated())) == Notification(ARN, "v2", AT)


def test_an_event_inside_an_SNS_envelope_is_read() -> None:
    envelope = {"Type": "Notification", "Message": json.dumps(label_updated())}
    assert read_message(json.dumps(envelope)) == Notification(ARN, "v2", AT)


@pytest.mark.parametrize(
    "detail",
    [
        {"responseElements": {"arn": ARN}},
        {"responseElements": {"aRN": ARN}},
        {"responseElements": {"ARN": ARN}},
        {"additionalEventData": {"SecretId": ARN}},
        {"serviceEventDetails": {"secretId": ARN}},
        {"requestParameters": {"secretId": ARN}},
        {"responseElements": None, "requestParameters": {"secretId": ARN}},
    ],
)
def test_the_trail_names_the_secret_in_five_places(detail: dict[str, Any]) -> None:
    assert read_message(json.dumps(trail(**detail))) == Notification(ARN, None, AT)


@pytest.mark.parametrize(
    "event",
    [
        label_updated(detail={"labelUpdated": "AWSPENDING", "versionId": "v2"}),
        label_updated(detail={"labelUpdated": "AWSCURRENT"}),
        label_updated(detail={"labelUpdated": "AWSCURRENT", "versionId": 2}),
        label_updated(resources=[]),
        label_updated(resources="arn"),
        label_updated(detail=None),
        trail(requestParameters={"secretId": 7}),
        trail(requestParameters=[ARN]),
        {"detail": "text"},
        {},
        [],
        "text",
        7,
        None,
        {"Message": "no JSON"},
        {"Message": "[]"},
    ],
)
def test_what_is_unknown_or_malformed_is_nothing(event: Any) -> None:
    assert read_message(json.dumps(event)) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner)
    )
)
def test_no_JSON_breaks_it(event: object) -> None:
    read_message(json.dumps(event))
    read_message(json.dumps({"detail-type": "Secret Label Updated", "resources": event, "detail": event}))
    read_message(json.dumps({"detail": {"responseElements": event, "requestParameters": event}, "time": event}))


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    read_message(text)


@pytest.mark.parametrize("time", ["yesterday", None, 5, "2026-11-24T12:00:00"])
def test_a_time_that_is_none_is_left_out(time: object) -> None:
    found = read_message(json.dumps(label_updated(time=time)))
    assert found == Notification(ARN, "v2", None)
