"""The bed's managed masters hold to AWS's rules: the secret is RDS's, its password is the master's, a rotation takes its time."""

import uuid

import pytest

from tests.bed.bed import Facts
from tests.bed.processes import until
from tests.support.aws import Aws, code
from tests.support.databases import can_log_in
from tests.support.masters import BY_HAND, Managed


@pytest.fixture
def master(aws: Facts, postgres: Facts) -> Managed:
    return Managed(Aws(aws), postgres).given().turned_on()


def test_the_secret_holds_user_and_password_alone_and_they_log_in(master: Managed) -> None:
    assert sorted(master.value) == ["password", "username"]
    assert (master.value["username"], len(master.value["password"])) == (master.user, 28)
    assert can_log_in(master.database, master.user, master.value["password"])
    assert not can_log_in(master.database, master.user, BY_HAND)
    assert master.described["Name"].startswith("rds!db-")
    assert (master.described["RotationEnabled"], master.described["RotationRules"]) == (True, {"AutomaticallyAfterDays": 7})


def test_a_rotation_is_asynchronous_and_changes_the_master_s_password(master: Managed) -> None:
    old, token = master.value["password"], str(uuid.uuid4())
    master.order("after-database")
    answer = master.secretsmanager.rotate_secret(SecretId=master.arn, ClientRequestToken=token)
    assert answer["VersionId"] == token
    master.comes("rotating")
    assert code(master.secretsmanager.rotate_secret, SecretId=master.arn, ClientRequestToken=str(uuid.uuid4())) == "InvalidRequestException"
    assert master.secretsmanager.rotate_secret(SecretId=master.arn, ClientRequestToken=token)["VersionId"] == token
    until("the database is changed", lambda: not can_log_in(master.database, master.user, old))
    assert master.value["password"] == old
    assert ["AWSPENDING"] in master.described["VersionIdsToStages"].values()
    master.order()
    master.comes("active")
    assert can_log_in(master.database, master.user, master.value["password"])
    assert master.described["VersionIdsToStages"][token] == ["AWSCURRENT"]
    assert "LastRotatedDate" in master.described


def test_a_function_is_refused_and_rules_alone_rotate_nothing(master: Managed) -> None:
    before = master.value
    arn = master.aws.function_arn("x")
    assert code(master.secretsmanager.rotate_secret, SecretId=master.arn, RotationLambdaARN=arn) == "InvalidParameterException"
    rules = {"ScheduleExpression": "rate(30 days)", "Duration": "4h"}
    master.secretsmanager.rotate_secret(SecretId=master.arn, RotationRules=rules, RotateImmediately=False)  # pyright: ignore[reportArgumentType]  its TypedDict, written as a dict
    assert (master.described["RotationRules"], master.value, master.secret["SecretStatus"]) == (rules, before, "active")


def test_an_impaired_master_keeps_its_password_until_a_rotation_succeeds(master: Managed) -> None:
    before = master.value
    master.order(impaired=True)
    master.rds.modify_db_instance(DBInstanceIdentifier=master.name, RotateMasterUserPassword=True, ApplyImmediately=True)
    master.comes("impaired")
    assert master.value == before
    assert can_log_in(master.database, master.user, before["password"])
    master.order()
    master.secretsmanager.rotate_secret(SecretId=master.arn)
    master.comes("active")
    assert master.value != before


def test_turned_off_and_on_the_secret_is_another(master: Managed) -> None:
    before = master.arn
    master.turned_off()
    assert code(master.secretsmanager.describe_secret, SecretId=before) == "ResourceNotFoundException"
    master.turned_on()
    assert master.arn != before
    assert can_log_in(master.database, master.user, master.value["password"])
