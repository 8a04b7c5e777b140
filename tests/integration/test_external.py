"""Method External: somebody else's secret is followed once it logs in; nothing is ever written to AWS or the database."""

import json
import secrets

import pytest

from rotated_rds.model.status import Kind, Status
from rotated_rds.model.tenancy import Tenancy, parse
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.databases import logged, new_user, set_password
from tests.support.logins import ENGINES
from tests.support.stage import CURRENT, FIRST, READS, Stage, a_follower

SECOND = "second-Passw0rd"


def hosts_and(**more: object) -> Tenancy:
    """Mode Namespaced, with the bed's hosts and more."""
    return parse([{"namespaces": ["*"], "hosts": ["localhost", "127.0.0.1"], **more}])


def given_secret(stage: Stage, name: str | None = None, **keys: object) -> str:
    """A user and its secret, both somebody else's."""
    new_user(stage.database, stage.user, FIRST)
    return stage.given_aws_secret(name or f"theirs/{secrets.token_hex(6)}", FIRST, **keys)


def following(stage: Stage, secret: str) -> Status:
    """A resource that follows a secret by its name or ARN."""
    stage.cluster.given_resource(a_follower(stage.cluster.namespace, stage.name, stage.database, secret))
    return stage.settle()


def expect_only_reads(stage: Stage) -> None:
    """Neither AWS nor the database was ever asked for a change by our passes."""
    assert set(stage.calls()) <= READS
    changed = ("ALTER", "SET PASSWORD", "CREATE", "GRANT")
    assert not [line for line in logged(stage.database).splitlines() if stage.user in line and any(word in line for word in changed)]


@pytest.fixture
def stage(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Stage:
    return Stage.at(bed, api, namespace, postgres, aws)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_change_made_by_hand_is_followed_and_nothing_is_written(
    engine: str, bed: Bed, api: Api, namespace: str, aws: Facts, request: pytest.FixtureRequest
) -> None:
    stage = Stage.at(bed, api, namespace, request.getfixturevalue(engine), aws)
    following(stage, given_secret(stage))
    assert (stage.password, stage.said(Kind.READY)) == (FIRST, ("True", "Succeeded"))
    set_password(stage.database, stage.user, SECOND)
    version = stage.put(SECOND)
    stage.look()
    assert (stage.password, stage.status().version_id) == (SECOND, version)
    assert (stage.logs_in(SECOND), stage.logs_in(FIRST)) == (True, False)
    expect_only_reads(stage)


@pytest.mark.parametrize("by", ["name", "ARN"])
def test_a_secret_is_named_by_its_name_or_its_arn(stage: Stage, by: str) -> None:
    name = f"theirs/{secrets.token_hex(6)}"
    arn = given_secret(stage, name)
    status = following(stage, name if by == "name" else arn)
    assert (status.secret_arn, status.username, stage.password) == (arn, stage.user, FIRST)


def test_a_move_is_followed_only_once_it_logs_in(stage: Stage) -> None:
    following(stage, given_secret(stage))
    first = stage.status().version_id
    stage.put(SECOND)
    stage.look()
    assert stage.said(Kind.CREDENTIAL_VERIFIED) == ("False", "LoginFailed")
    assert "rotated-rds.io/rotate" not in stage.message(Kind.CREDENTIAL_VERIFIED)
    assert (stage.password, stage.status().version_id) == (FIRST, first)
    set_password(stage.database, stage.user, SECOND)
    stage.ask("sync", "now")
    assert (stage.password, stage.said(Kind.READY)) == (SECOND, ("True", "Succeeded"))
    expect_only_reads(stage)


def test_a_move_back_to_an_older_version_is_followed(stage: Stage) -> None:
    following(stage, given_secret(stage))
    first = stage.labels()[CURRENT]
    set_password(stage.database, stage.user, SECOND)
    second = stage.put(SECOND)
    stage.look()
    set_password(stage.database, stage.user, FIRST)
    stage.secretsmanager.update_secret_version_stage(
        SecretId=stage.arn, VersionStage=CURRENT, MoveToVersionId=first, RemoveFromVersionId=second
    )
    stage.look()
    stage.later(seconds=11)
    assert (stage.password, stage.status().version_id) == (FIRST, first)
    expect_only_reads(stage)


@pytest.mark.parametrize("request_", ["rotate", "force-rotate"])
def test_a_request_to_rotate_is_refused(stage: Stage, request_: str) -> None:
    following(stage, given_secret(stage))
    stage.ask(request_.replace("-", "_"), "please")
    result, why = stage.answer(request_)
    assert (result, "External" in why) == ("Refused", True)
    assert stage.said(Kind.READY) == ("True", "Succeeded")
    expect_only_reads(stage)


@pytest.mark.parametrize("text", ["", "{", '"text"', '{"username": "app"}', '{"username": "app", "password": 7}', "[]"])
def test_json_that_is_no_credential_leaves_the_last_good_secret(stage: Stage, text: str) -> None:
    following(stage, given_secret(stage))
    stage.secretsmanager.put_secret_value(SecretId=stage.arn, SecretString=text or " ")
    stage.look()
    assert (stage.said(Kind.CREDENTIAL_VERIFIED), stage.password) == (("False", "MalformedSecret"), FIRST)
    expect_only_reads(stage)


def test_a_secret_that_is_not_there_is_not_found_and_not_made(stage: Stage) -> None:
    following(stage, f"theirs/{secrets.token_hex(6)}")
    assert stage.said(Kind.SECRET_READY) == ("False", "SecretNotFound")
    assert stage.cluster.secret("db") is None
    assert set(stage.calls()) <= READS


def test_a_secret_that_is_scheduled_for_deletion_is_said_and_the_last_good_one_stays(stage: Stage) -> None:
    following(stage, given_secret(stage))
    stage.secretsmanager.delete_secret(SecretId=stage.arn, RecoveryWindowInDays=7)
    stage.look()
    assert (stage.said(Kind.SECRET_READY), stage.password) == (("False", "ScheduledForDeletion"), FIRST)
    expect_only_reads(stage)


def test_a_namespace_reads_only_the_secrets_that_a_rule_names(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> None:
    stage = Stage.at(bed, api, namespace, postgres, aws, tenancy=hosts_and())
    arn = given_secret(stage, f"elsewhere/{namespace}")
    following(stage, arn)
    assert stage.said(Kind.SECRET_READY) == ("False", "NotAllowed")
    assert stage.cluster.secret("db") is None


@pytest.mark.parametrize("allowed", [False, True])
def test_what_another_cluster_owns_is_read_only_where_foreign_owners_are_allowed(
    bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts, *, allowed: bool
) -> None:
    more: dict[str, object] = {"allow": ["ForeignOwners"]} if allowed else {}
    stage = Stage.at(bed, api, namespace, postgres, aws, tenancy=hosts_and(**more))
    arn = given_secret(stage, f"{namespace}/theirs")
    stage.secretsmanager.tag_resource(SecretId=arn, Tags=[{"Key": "rotated-rds.io/owner", "Value": "other-cluster/orders/db"}])
    following(stage, arn)
    if allowed:
        assert (stage.said(Kind.READY), stage.password) == (("True", "Succeeded"), FIRST)
    else:
        assert stage.said(Kind.SECRET_READY) == ("False", "NotAllowed")
        assert "ForeignOwners" in stage.message(Kind.SECRET_READY)
        assert stage.cluster.secret("db") is None
    assert set(stage.calls()) <= READS


def test_what_somebody_elses_function_does_is_waited_for(stage: Stage) -> None:
    """B5: between setSecret and finishSecret AWSCURRENT is refused; that is no alarm."""
    following(stage, given_secret(stage))
    set_password(stage.database, stage.user, SECOND)
    text = json.dumps({**stage.value(stage.labels()[CURRENT]), "password": SECOND})
    stage.secretsmanager.put_secret_value(SecretId=stage.arn, SecretString=text, VersionStages=["AWSPENDING"])
    stage.ask("sync", "now")
    assert stage.said(Kind.CREDENTIAL_VERIFIED) == ("False", "Reconciling")
    assert not stage.events("LoginFailed")
    expect_only_reads(stage)
