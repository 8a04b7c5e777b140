"""spec → Spec: defaults, and every refusal names its field and the mend."""

from datetime import timedelta
from typing import Any

import pytest

from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.spec import Method, Spec, Strategy, parse_spec
from tests.support.resources import merged

LEAST = {"database": {"host": "db", "engine": "postgres"}, "user": {"name": "app"}}


def a_spec(**more: Any) -> Spec:
    return parse_spec(merged(LEAST, more))


def refusal(**more: Any) -> str:
    with pytest.raises(Refused) as refused:
        a_spec(**more)
    assert refused.value.reason is Reason.INVALID_SPEC
    return refused.value.message


def test_the_operator_s_defaults_are_the_contract_s() -> None:
    spec = a_spec()
    assert spec.method is Method.OPERATOR
    assert spec.rotation.strategy is Strategy.SINGLE_USER
    assert (spec.secret.adoption, spec.secret.deletion_policy, spec.secret.recovery_window_days) == ("IfTagged", "Retain", 30)
    assert (spec.user.on_refused, spec.database.unreachable_policy, spec.database.tls.mode) == ("Report", "Wait", "verify-full")
    assert (spec.rotation.grace_period, spec.rotation.wait_for_jobs) == (timedelta(minutes=10), True)
    assert (spec.restarts.discover, spec.restarts.volumes, spec.restarts.ready_timeout) == (True, True, timedelta(minutes=10))
    assert (spec.rotation.password.length, spec.rotation.password.require_each_type) == (32, True)
    assert spec.suspend is False


@pytest.mark.parametrize(
    ("rotation", "method"),
    [({}, Method.OPERATOR), ({"functionArn": "arn"}, Method.LAMBDA), ({"method": "External", "functionArn": "arn"}, Method.EXTERNAL)],
)
def test_the_method_is_as_written_else_by_the_block_that_is_set(rotation: dict[str, Any], method: Method) -> None:
    assert a_spec(rotation=rotation).method is method


@pytest.mark.parametrize(
    ("method", "writes", "by_aws"),
    [
        (Method.OPERATOR, True, False),
        (Method.LAMBDA, True, True),
        (Method.RDS_MANAGED, False, True),
        (Method.EXTERNAL, False, False),
    ],
)
def test_the_method_says_whose_the_secret_is_and_who_rotates(method: Method, writes: bool, by_aws: bool) -> None:
    spec = a_spec(rotation={"method": method.value})
    assert (spec.writes, spec.rotated_by_aws) == (writes, by_aws)


def test_with_one_user_a_failed_rollout_stops_nobody_and_a_whole_wave_rolls() -> None:
    assert (a_spec().on_failure, a_spec().max_concurrent) == ("Continue", None)
    alternating = a_spec(user={"name": "app", "adminSecretId": "admin"}, rotation={"strategy": "AlternatingUsers"})
    assert (alternating.on_failure, alternating.max_concurrent) == ("Halt", 1)
    written = a_spec(restarts={"onFailure": "Halt", "maxConcurrent": 3})
    assert (written.on_failure, written.max_concurrent) == ("Halt", 3)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        (
            {"rotation": {"strategy": "DualPassword", "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f"}},
            "spec.rotation.strategy: DualPassword with method Lambda",
        ),
    ],
)
def test_what_this_version_does_not_carry_out_is_refused_by_its_field(more: dict[str, Any], field: str) -> None:
    message = refusal(**more)
    assert message.startswith(field)
    assert "is not carried out by this version of the operator" in message


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"database": {"engine": "oracle"}}, "spec.database.engine"),
        ({"database": {"tls": {"mode": "prefer"}}}, "spec.database.tls.mode"),
        ({"restarts": {"readyTimeout": "soon"}}, "spec.restarts.readyTimeout"),
        ({"rotation": {"gracePeriod": 5}}, "spec.rotation.gracePeriod"),
        ({"nonsense": True}, "spec.nonsense"),
        ({"secret": {"adoption": "Maybe"}}, "spec.secret.adoption"),
        ({"secret": {"resourcePolicy": "{}"}}, "spec.secret.resourcePolicy: it has no Statement: write a policy document"),
        ({"database": None}, "spec.database"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_its_field(more: dict[str, Any], field: str) -> None:
    assert field in refusal(**more)


def test_a_refusal_never_quotes_what_was_written() -> None:
    assert "hunter2" not in refusal(user={"name": {"password": "hunter2"}})
    assert "hunter2" not in refusal(rotation={"password": "hunter2"})


@pytest.mark.parametrize("spec", [None, [], "text", 5, {}])
def test_something_that_is_no_spec_is_refused(spec: object) -> None:
    with pytest.raises(Refused) as refused:
        parse_spec(spec)
    assert "spec" in refused.value.message
