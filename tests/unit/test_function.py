"""What the Lambda function decides without AWS or a database."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.session import Session

from rotated_rds import function
from rotated_rds.lambda_function.rules import (
    Asked,
    Step,
    echo,
    endpoint_of,
    is_finished,
    next_user,
    pair_of,
    password_rules,
    strategy_of,
)
from rotated_rds.model.alternating import Pair
from rotated_rds.model.credential import PasswordRules, SecretValue
from rotated_rds.model.database import Endpoint, Engine, Tls, TlsMode
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Strategy

ARN = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:shop/orders-AbCdEf"
TOKEN, OTHER = str(uuid.uuid4()), str(uuid.uuid4())
EVENT = {"Step": "setSecret", "SecretId": ARN, "ClientRequestToken": TOKEN}


def reason_of(call: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.reason


def state(*, on: bool = True, **labels: str) -> SecretState:
    """A secret whose versions `token` and `other` carry labels, with spaces between them."""
    ids = {"token": TOKEN, "other": OTHER}
    return SecretState(ARN, "shop/orders", {ids[key]: frozenset(text.split()) for key, text in labels.items()}, rotation_enabled=on)


def value(**keys: object) -> SecretValue:
    return SecretValue.parse(json.dumps({"username": "app", "password": "secret", "engine": "postgres", "host": "db", **keys}))


def test_an_event_says_step_secret_version_and_region() -> None:
    asked = Asked.read({**EVENT, "RotationToken": "rt"})
    assert asked == Asked(Step.SET, ARN, TOKEN, "rt")
    assert asked.region == "cn-north-1"


def test_a_rotation_token_shows_nowhere() -> None:
    """Botocore's model calls it sensitive: whoever logs must leave it out."""
    assert "rt-secret" not in repr(Asked.read({**EVENT, "RotationToken": "rt-secret"}))


def test_an_invocation_says_one_line_of_json_without_what_is_sensitive(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refused):
        function.handler({**EVENT, "Step": "set_secret", "RotationToken": "rt-secret"}, None)
    [line] = capsys.readouterr().out.splitlines()
    assert {**json.loads(line), "message": None} == {
        "level": "ERROR",
        "step": "set_secret",
        "secret": ARN,
        "version": TOKEN,
        "message": None,
        "reason": "InvalidParameter",
    }
    assert "rt-secret" not in line


def test_an_event_without_a_rotation_token_has_none() -> None:
    assert Asked.read(EVENT).rotation_token is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"Step": "set_secret"}, id="a step by the name that the user guide once gives it"),
        pytest.param({"Step": None}, id="no step"),
        pytest.param({"SecretId": "shop/orders"}, id="a secret's name"),
        pytest.param({"SecretId": None}, id="no secret"),
        pytest.param({"ClientRequestToken": ""}, id="no version"),
    ],
)
def test_an_event_that_is_not_secrets_managers_is_refused(change: Mapping[str, object]) -> None:
    assert reason_of(lambda: Asked.read({**EVENT, **change})) is Reason.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("seen", "finished"),
    [
        pytest.param(state(other="AWSCURRENT", token="AWSPENDING"), False, id="a pending version is rotated to"),
        pytest.param(state(token="AWSCURRENT AWSPENDING"), True, id="a current version is a rotation that has ended"),
        pytest.param(state(token="AWSCURRENT", other="AWSPREVIOUS"), True, id="also when AWSPENDING is off already"),
    ],
)
def test_a_version_is_finished_once_it_is_current(seen: SecretState, finished: bool) -> None:
    assert is_finished(seen, TOKEN) is finished


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(state(on=False, other="AWSCURRENT", token="AWSPENDING"), id="rotation is off"),
        pytest.param(state(other="AWSCURRENT"), id="the version has no label"),
        pytest.param(state(other="AWSCURRENT", token="AWSPREVIOUS"), id="the version is an old one"),
    ],
)
def test_what_awss_functions_refuse_is_refused(seen: SecretState) -> None:
    assert reason_of(lambda: is_finished(seen, TOKEN)) is Reason.ROTATION_FAILED


def test_the_rotation_token_comes_back_where_botocore_can_send_it() -> None:
    botocore: Any = Session()
    members = list(botocore.get_service_model("secretsmanager").operation_model("PutSecretValue").input_shape.members)
    assert echo("rt", members) == {"RotationToken": "rt"}
    assert echo("rt", ["SecretId", "SecretString"]) == {}
    assert echo(None, members) == {}


def test_a_password_is_as_the_operators_unless_the_environment_says_otherwise() -> None:
    assert password_rules({}) == PasswordRules()


def test_a_password_follows_the_variables_of_awss_functions() -> None:
    environment = {"PASSWORD_LENGTH": "41", "EXCLUDE_CHARACTERS": "/@", "EXCLUDE_NUMBERS": "True", "REQUIRE_EACH_INCLUDED_TYPE": "false"}
    assert password_rules(environment) == PasswordRules(41, "/@0123456789", require_each_type=False)


def test_excluding_nothing_is_a_choice() -> None:
    assert password_rules({"EXCLUDE_CHARACTERS": ""}).exclude == ""


@pytest.mark.parametrize("length", ["", "7", "129", "-9", "x", "9.5"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    assert reason_of(lambda: password_rules({"PASSWORD_LENGTH": length})) is Reason.INVALID_SPEC


@pytest.mark.parametrize("ssl", [True, "true", "yes", None, 1, 0, ""])
def test_whatever_ssl_says_but_false_the_server_is_verified(ssl: object) -> None:
    assert endpoint_of(value(ssl=ssl), "ca.pem").tls == Tls(TlsMode.VERIFY_FULL, "ca.pem")


def test_without_a_word_about_ssl_the_server_is_verified_by_the_systems_authorities() -> None:
    assert endpoint_of(value(), None).tls == Tls(TlsMode.VERIFY_FULL, None)


@pytest.mark.parametrize("ssl", [False, "false", "False"])
def test_only_false_means_no_tls(ssl: object) -> None:
    assert endpoint_of(value(ssl=ssl), "ca.pem").tls == Tls(TlsMode.DISABLE)


def test_an_endpoint_has_the_engines_port_unless_the_secret_names_one() -> None:
    assert endpoint_of(value(engine="aurora-mysql"), None) == Endpoint(Engine.MYSQL, "db", 3306)
    assert endpoint_of(value(port="5433", dbname="app"), None) == Endpoint(Engine.POSTGRES, "db", 5433, "app")


@pytest.mark.parametrize("missing", ["engine", "host"])
def test_a_secret_that_names_no_database_is_malformed(missing: str) -> None:
    assert reason_of(lambda: endpoint_of(value(**{missing: None}), None)) is Reason.MALFORMED_SECRET


ALTERNATING, SINGLE, DUAL = Strategy.ALTERNATING_USERS, Strategy.SINGLE_USER, Strategy.DUAL_PASSWORD
MASTER = {"masterarn": "arn:aws:secretsmanager:eu-west-1:1:secret:admin-AbCdEf"}


@pytest.mark.parametrize(
    ("named", "keys", "expected"),
    [
        ({}, {}, SINGLE),
        ({}, MASTER, ALTERNATING),
        ({"ROTATION_STRATEGY": ""}, MASTER, ALTERNATING),
        ({"ROTATION_STRATEGY": "SingleUser"}, MASTER, SINGLE),
        ({"ROTATION_STRATEGY": "AlternatingUsers"}, {}, ALTERNATING),
    ],
)
def test_the_environment_names_the_strategy_else_masterarn_means_two_users(
    named: Mapping[str, str], keys: Mapping[str, str], expected: Strategy
) -> None:
    assert strategy_of(named, value(**keys), Engine.POSTGRES) is expected


@pytest.mark.parametrize(("engine", "keys"), [(Engine.MYSQL, {}), (Engine.MYSQL, MASTER), (Engine.MARIADB, MASTER)])
def test_two_passwords_are_asked_for_by_name(engine: Engine, keys: Mapping[str, str]) -> None:
    assert strategy_of({"ROTATION_STRATEGY": "DualPassword"}, value(**keys), engine) is DUAL


@pytest.mark.parametrize(
    ("strategy", "engine", "keys", "reason", "names"),
    [
        ("alternating", Engine.MYSQL, {}, Reason.INVALID_SPEC, "ROTATION_STRATEGY: "),
        ("DualPassword", Engine.POSTGRES, MASTER, Reason.UNSUPPORTED_STRATEGY, "ROTATION_STRATEGY: "),
        ("DualPassword", Engine.MARIADB, {}, Reason.MALFORMED_SECRET, '"masterarn"'),
    ],
)
def test_a_strategy_that_cannot_be_is_refused_by_the_name_of_what_says_so(
    strategy: str, engine: Engine, keys: Mapping[str, str], reason: Reason, names: str
) -> None:
    with pytest.raises(Refused) as refused:
        strategy_of({"ROTATION_STRATEGY": strategy}, value(**keys), engine)
    assert (refused.value.reason, refused.value.message.startswith(names)) == (reason, True)


def test_D1_whose_turn_it_is_is_told_by_awscurrent_s_user_alone() -> None:
    for user, other in (("app", "app_clone"), ("app_clone", "app")):
        current = value(username=user, ownerrole="owner")
        assert pair_of(current, Engine.POSTGRES) == Pair("app", "app_clone", "owner", '"ownerrole" in the secret\'s JSON')
        assert next_user(ALTERNATING, current, Engine.POSTGRES) == other
        assert next_user(DUAL, current, Engine.POSTGRES) == user


@pytest.mark.parametrize(
    ("user", "engine", "keys", "named"),
    [
        ("a" * 58, Engine.POSTGRES, {}, "username"),
        ("a" * 27, Engine.MYSQL, {}, "username"),
        ("app_clone_clone", Engine.MARIADB, {}, "username"),
        ("_clone", Engine.MARIADB, {}, "username"),
        ("app", Engine.MARIADB, {"ownerrole": "owner"}, "ownerrole"),
    ],
)
def test_C6_a_user_that_cannot_be_one_of_two_is_refused_by_the_key(user: str, engine: Engine, keys: Mapping[str, str], named: str) -> None:
    with pytest.raises(Refused, match=f'^"{named}" in the secret\'s JSON: ') as refused:
        pair_of(value(username=user, **keys), engine)
    assert refused.value.reason is Reason.INVALID_SPEC
