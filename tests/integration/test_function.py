"""Our Lambda function behind the bed's AWS: rotations on the three real servers, and what may befall them (SAFETY.md A, B, C)."""

import json
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.bed.bed import Facts
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.databases import Options, can_log_in, execute_as_root, logged, set_password, through
from tests.support.logins import ENGINES, User, endpoint, own_session, user_at
from tests.support.tcp import Fault, Relay

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
Json = dict[str, Any]


@dataclass
class Rotated:
    """A secret with a real user in it, and our function behind an ARN. `inside` sees the function's own calls and no others."""

    database: Facts
    user: User
    outside: Aws
    inside: Aws
    keys: Json = field(default_factory=dict[str, Any])
    arn: str = ""

    def __post_init__(self) -> None:
        self.client = self.outside.secretsmanager()
        place = {"engine": self.database["engine"], "host": self.database["host"], "port": self.database["port"], "dbname": "app"}
        value = json.dumps({**place, "username": self.user.name, "password": self.user.password, "ours": [1, None], **self.keys})
        self.arn = self.client.create_secret(Name=f"function/{self.user.name}", SecretString=value)["ARN"]
        self.function = self.outside.function_arn(self.user.name)

    def install(self, kind: str = "ours", *, environment: dict[str, str] | None = None, **more: object) -> None:
        """Put our function, or another one, behind the ARN; it trusts the bed's CA unless its environment says otherwise."""
        own = {"ROTATED_RDS_CA_FILE": str(self.database["ca"]), **self.inside.environment, **(environment or {})}
        self.outside.control.function(self.function, kind, environment=own, **{"pause": 0, **more})

    def start(self) -> str:
        """Ask for a rotation; the answer is the new version's id."""
        return self.client.rotate_secret(SecretId=self.arn, RotationLambdaARN=self.function)["VersionId"]

    def last(self, seconds: float = 60) -> Json:
        """The last rotation, once none runs."""
        return self.outside.control.rotations(self.arn, seconds=seconds)[-1]

    def rotate(self) -> Json:
        self.start()
        return self.last()

    def labels(self) -> dict[str, list[str]]:
        shown = self.client.describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        return {version: sorted(labels) for version, labels in shown.items()}

    def read(self, label: str) -> Json:
        return json.loads(self.client.get_secret_value(SecretId=self.arn, VersionStage=label)["SecretString"])

    def holder(self, label: str) -> str:
        return next(version for version, labels in self.labels().items() if label in labels)

    def versions(self) -> int:
        """How many versions ever got a value."""
        return len(self.client.list_secret_version_ids(SecretId=self.arn, IncludeDeprecated=True)["Versions"])

    def logs_in(self, label: str) -> bool:
        value = self.read(label)
        return can_log_in(self.database, value["username"], value["password"])


Given = Callable[..., Rotated]


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@contextmanager
def rotated_at(database: Facts, aws: Facts, **keys: object) -> Generator[Rotated]:
    with user_at(database) as user:
        made = Rotated(database, user, Aws(aws), Aws(aws), keys)
        made.install()
        yield made


@pytest.fixture
def rotated(database: Facts, aws: Facts) -> Generator[Rotated]:
    with rotated_at(database, aws) as made:
        yield made


@pytest.fixture
def on_postgres(postgres: Facts, aws: Facts) -> Generator[Rotated]:
    with rotated_at(postgres, aws) as made:
        yield made


def expect_rotated(one: Rotated, run: Json, before: str) -> None:
    """The rotation ended well: labels as AWS leaves them, the new password in, the old one out, and no other value."""
    assert (run["result"], run["error"]) == ("succeeded", "")
    assert {version: labels for version, labels in one.labels().items() if labels} == {run["token"]: [CURRENT], before: [PREVIOUS]}
    assert (one.logs_in(CURRENT), one.logs_in(PREVIOUS)) == (True, False)


def expect_untouched(one: Rotated, run: Json, before: str) -> None:
    """The rotation failed: AWSCURRENT stands where it stood and logs in, the label of the failed one stays as AWS leaves it."""
    assert run["result"] == "failed"
    assert one.labels() == {before: [CURRENT], run["token"]: [PENDING]}
    assert one.logs_in(CURRENT)


def test_three_rotations_leave_one_working_password_each(rotated: Rotated) -> None:
    passwords = [rotated.user.password]
    for _ in range(3):
        before = rotated.holder(CURRENT)
        expect_rotated(rotated, rotated.rotate(), before)
        passwords.append(rotated.read(CURRENT)["password"])
    assert len(set(passwords)) == 4
    assert {**rotated.read(CURRENT), "password": None} == {**rotated.read(PREVIOUS), "password": None}
    assert rotated.read(CURRENT)["ours"] == [1, None]
    assert rotated.client.describe_secret(SecretId=rotated.arn)["LastRotatedDate"]
    written = logged(rotated.database)
    assert rotated.user.name in written
    assert not [password for password in passwords if password in written]


def test_B4_a_rotation_meets_one_refused_login(rotated: Rotated) -> None:
    """The new password is tried once before its change, as nothing else tells that an invocation was killed after it."""
    with Relay(int(str(rotated.database["port"]))) as relay, user_at(rotated.database) as user:
        one = Rotated(through(rotated.database, relay.port), user, rotated.outside, rotated.inside)
        one.install()
        assert one.rotate()["result"] == "succeeded"
        assert relay.connections == 4, "session, the new password before and after its change, testSecret"


DIES = """
import os
from pathlib import Path
from rotated_rds import function

def handler(event, context):
    function.handler(event, context)
    mark = Path(os.environ["MARK"])
    if event["Step"] == os.environ["DIES_AFTER"] and not mark.exists():
        mark.touch()
        os._exit(137)
"""


def install_dying(one: Rotated, folder: Path, step: str) -> None:
    """Our function in a container that is killed once, after a step was carried out and before it answers."""
    (folder / "dies.py").write_text(DIES)
    one.install("python", path=f"{folder / 'dies.py'}:handler", environment={"MARK": str(folder / "mark"), "DIES_AFTER": step})


def expect_finished_after_death(one: Rotated, folder: Path, step: str) -> None:
    before = one.holder(CURRENT)
    install_dying(one, folder, step)
    token = one.start()
    run = one.last()
    assert (folder / "mark").exists()
    assert (run["attempt"], run["token"]) == (2, token)
    assert {version: labels for version, labels in one.labels().items() if labels} == {token: [CURRENT], before: [PREVIOUS]}
    assert (one.logs_in(CURRENT), one.logs_in(PREVIOUS), one.versions()) == (True, False, 2)
    assert one.inside.control.counts()["secretsmanager.PutSecretValue"] == {"OK": 1}


def test_A1_killed_after_set_secret_the_next_invocation_goes_on_with_the_same_password(rotated: Rotated, tmp_path: Path) -> None:
    expect_finished_after_death(rotated, tmp_path, "setSecret")


@pytest.mark.parametrize("step", ["createSecret", "testSecret", "finishSecret"])
def test_A1_killed_after_any_other_step_the_next_invocation_goes_on_likewise(on_postgres: Rotated, tmp_path: Path, step: str) -> None:
    expect_finished_after_death(on_postgres, tmp_path, step)


@pytest.mark.parametrize("kind", ["lost", "error"])
@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_A1_a_write_that_goes_wrong_is_repeated_without_a_second_password(on_postgres: Rotated, operation: str, kind: str) -> None:
    before = on_postgres.holder(CURRENT)
    on_postgres.inside.control.fault(kind, operation, code="InternalServiceError")
    token = on_postgres.start()
    run = on_postgres.last()
    assert (run["attempt"], run["token"], on_postgres.versions()) == (2, token, 2)
    assert {version: labels for version, labels in on_postgres.labels().items() if labels} == {token: [CURRENT], before: [PREVIOUS]}
    assert (on_postgres.logs_in(CURRENT), on_postgres.logs_in(PREVIOUS)) == (True, False)


def test_A1_a_stale_read_of_the_pending_value_makes_no_second_password(on_postgres: Rotated, tmp_path: Path) -> None:
    """AWS may not show yet what the invocation before stored: PutSecretValue then refuses, and what is stored stays."""
    moment = on_postgres.inside.control.moment()
    on_postgres.inside.control.fault("stale", "GetSecretValue", moment=moment, after=3)
    expect_stored_once(on_postgres, tmp_path)


def expect_stored_once(one: Rotated, folder: Path) -> None:
    install_dying(one, folder, "createSecret")
    one.start()
    assert (one.last()["result"], one.versions()) == ("succeeded", 2)
    assert one.inside.control.counts()["secretsmanager.PutSecretValue"] == {"OK": 1, "ResourceExistsException": 1}
    assert one.logs_in(CURRENT)


def hold_inside_the_lock(one: Rotated) -> int:
    """Begin a rotation and hold it where setSecret, its session open and locked, reads the labels again."""
    held = one.inside.control.fault("hold-before", "DescribeSecret", after=2)
    one.start()
    assert one.inside.control.wait_held(held)
    return held


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_C2_a_new_password_whose_login_is_refused_is_put_back(request: pytest.FixtureRequest, engine: str, aws: Facts) -> None:
    with rotated_at(request.getfixturevalue(engine), aws) as one:
        one.install(attempts=1)
        before, account = one.holder(CURRENT), f"'{one.user.name}'@'%'"
        held = hold_inside_the_lock(one)
        execute_as_root(one.database, f"ALTER USER {account} REQUIRE X509")  # refuses every password without a certificate
        one.inside.control.release(held)
        run = one.last()
        execute_as_root(one.database, f"ALTER USER {account} REQUIRE NONE")
        assert run["error"].startswith("setSecret: Refused: the database accepted the new password but refused its login")
        expect_untouched(one, run, before)
        assert not one.logs_in(PENDING)


def test_C2_a_new_password_whose_login_is_refused_is_put_back_on_postgresql(postgres: Facts, aws: Facts) -> None:
    with Relay(int(str(postgres["port"]))) as relay, rotated_at(through(postgres, relay.port), aws) as one:
        one.install(attempts=1)
        before = one.holder(CURRENT)
        held = hold_inside_the_lock(one)
        # The refused login of the new password takes 5 or 6 flights: the 7th is one of the next login's, before its password.
        relay.strike(Fault.HOLD, 7, of_new=True)
        one.inside.control.release(held)
        relay.wait_until_struck()
        execute_as_root(postgres, f"ALTER ROLE \"{one.user.name}\" VALID UNTIL '2001-01-01'")  # refuses every password
        relay.release()
        run = one.last()
        execute_as_root(postgres, f"ALTER ROLE \"{one.user.name}\" VALID UNTIL 'infinity'")
        assert run["error"].startswith("setSecret: Refused: the database accepted the new password but refused its login")
        expect_untouched(one, run, before)
        assert not one.logs_in(PENDING)


def test_A2_a_rotation_whose_label_was_taken_off_meanwhile_changes_nothing(rotated: Rotated) -> None:
    before = rotated.holder(CURRENT)
    rotated.install(attempts=1)
    held = hold_inside_the_lock(rotated)
    rotated.client.update_secret_version_stage(SecretId=rotated.arn, VersionStage=PENDING, RemoveFromVersionId=rotated.holder(PENDING))
    rotated.inside.control.release(held)
    run = rotated.last()
    assert (run["result"], "there is no rotation to it" in run["error"]) == ("failed", True)
    assert rotated.labels()[before] == [CURRENT]
    assert rotated.logs_in(CURRENT)


def test_A2_a_current_that_moved_meanwhile_is_looked_at_again(on_postgres: Rotated) -> None:
    """Somebody stores another value as AWSCURRENT: nothing is changed on the grounds of the old one."""
    held = hold_inside_the_lock(on_postgres)
    value = {**on_postgres.read(CURRENT), "ours": "newer"}
    before = on_postgres.client.put_secret_value(SecretId=on_postgres.arn, SecretString=json.dumps(value))["VersionId"]
    on_postgres.inside.control.release(held)
    run = on_postgres.last()
    assert run["attempt"] == 2
    assert on_postgres.labels()[before] == [PREVIOUS]
    assert (on_postgres.logs_in(CURRENT), on_postgres.logs_in(PREVIOUS)) == (True, False)


def test_A3_set_secret_waits_for_whoever_holds_the_users_lock(rotated: Rotated) -> None:
    before = rotated.holder(CURRENT)
    rotated.install(attempts=10, pause=0.5)
    with own_session(endpoint(rotated.database), rotated.user):
        rotated.start()
        until("the lock was met", lambda: "another session is changing" in rotated.last(seconds=0)["error"], seconds=30)
        assert rotated.logs_in(CURRENT)
    assert rotated.last()["result"] == "succeeded"
    assert {key: labels for key, labels in rotated.labels().items() if labels}[before] == [PREVIOUS]
    assert (rotated.logs_in(CURRENT), rotated.logs_in(PREVIOUS)) == (True, False)


def test_B1_a_database_that_went_back_to_the_previous_password_is_rotated_from_it(rotated: Rotated) -> None:
    """As after a snapshot was restored."""
    assert rotated.rotate()["result"] == "succeeded"
    set_password(rotated.database, rotated.user.name, rotated.read(PREVIOUS)["password"])
    before = rotated.holder(CURRENT)
    expect_rotated(rotated, rotated.rotate(), before)


def test_B1_a_password_that_nobody_knows_ends_the_rotation(rotated: Rotated) -> None:
    rotated.install(attempts=1)
    set_password(rotated.database, rotated.user.name, "changed-by-hand")
    run = rotated.rotate()
    assert run["error"].startswith("setSecret: Refused: ")
    assert f"refuses '{rotated.user.name}' with the password of {CURRENT}, {PENDING}" in run["error"]
    assert can_log_in(rotated.database, rotated.user.name, "changed-by-hand")


def test_B1_a_server_that_does_not_answer_leads_to_no_other_password(rotated: Rotated) -> None:
    with Relay(int(str(rotated.database["port"]))) as relay, user_at(rotated.database) as user:
        one = Rotated(through(rotated.database, relay.port), user, rotated.outside, rotated.inside)
        one.install(attempts=1)
        relay.black_hole()
        run = one.rotate()
        assert "unreachable (timeout)" in run["error"]
        assert relay.connections == 1
        assert can_log_in(rotated.database, user.name, user.password)


def test_a_server_that_cannot_be_verified_gets_no_password_and_no_plain_text(rotated: Rotated) -> None:
    before = rotated.holder(CURRENT)
    rotated.install(attempts=1, environment={"ROTATED_RDS_CA_FILE": ""})
    run = rotated.rotate()
    assert "LoginUnavailable: " in run["error"]
    assert ": tls" in run["error"]
    expect_untouched(rotated, run, before)


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_C4_without_tls_only_a_verifier_is_sent(request: pytest.FixtureRequest, engine: str, aws: Facts) -> None:
    with rotated_at(request.getfixturevalue(engine), aws, ssl=False) as one:
        before = one.holder(CURRENT)
        expect_rotated(one, one.rotate(), before)


def test_C4_mysql_would_need_clear_text_so_without_tls_nothing_is_changed(mysql: Facts, aws: Facts) -> None:
    with rotated_at(mysql, aws, ssl="false") as one:
        one.install(attempts=1)
        before = one.holder(CURRENT)
        run = one.rotate()
        assert "clear text" in run["error"]
        expect_untouched(one, run, before)


def test_a_pending_value_for_another_user_or_database_changes_nothing(on_postgres: Rotated) -> None:
    on_postgres.install(attempts=1)
    with user_at(on_postgres.database) as other:
        before = on_postgres.holder(CURRENT)
        held = on_postgres.inside.control.fault("hold-before", "DescribeSecret")
        token = on_postgres.start()
        assert on_postgres.inside.control.wait_held(held)
        value = {**on_postgres.read(CURRENT), "username": other.name, "password": "foreign"}
        on_postgres.client.put_secret_value(
            SecretId=on_postgres.arn, ClientRequestToken=token, SecretString=json.dumps(value), VersionStages=[PENDING]
        )
        on_postgres.inside.control.release(held)
        run = on_postgres.last()
        assert "name another user or database" in run["error"]
        expect_untouched(on_postgres, run, before)
        assert can_log_in(on_postgres.database, other.name, other.password)


def test_a_user_that_may_not_log_in_with_any_password_is_named_as_restricted(mysql: Facts, aws: Facts) -> None:
    """PROVEN is no refusal: it leads to no other password and to no change."""
    with rotated_at(mysql, aws, dbname="none_such") as one:
        one.install(attempts=1)
        before = one.holder(CURRENT)
        run = one.rotate()
        assert "proven (1044)" in run["error"]
        expect_untouched(one, run, before)


def test_C5_another_host_mask_would_keep_the_old_password_so_nothing_is_changed(mariadb: Facts, aws: Facts) -> None:
    with user_at(mariadb, Options(hosts=("localhost",))) as user:
        one = Rotated(mariadb, user, Aws(aws), Aws(aws))
        one.install(attempts=1)
        before = one.holder(CURRENT)
        run = one.rotate()
        assert "other accounts of that name would keep the old password" in run["error"]
        expect_untouched(one, run, before)


def test_a_schedule_set_without_a_rotation_passes_its_test(rotated: Rotated) -> None:
    """With RotateImmediately false AWS calls testSecret alone, on a temporary version with the current value."""
    before = rotated.labels()
    rotated.client.rotate_secret(
        SecretId=rotated.arn,
        RotationLambdaARN=rotated.function,
        RotationRules={"ScheduleExpression": "rate(10 days)"},
        RotateImmediately=False,
    )
    run = rotated.last()
    assert (run["result"], run["error"], rotated.labels()) == ("tested", "", before)


def test_the_environment_says_what_a_password_looks_like(on_postgres: Rotated) -> None:
    on_postgres.install(environment={"PASSWORD_LENGTH": "48", "EXCLUDE_PUNCTUATION": "true", "EXCLUDE_CHARACTERS": "abc"})
    assert on_postgres.rotate()["result"] == "succeeded"
    password = on_postgres.read(CURRENT)["password"]
    assert (len(password), password.isalnum(), set("abc") & set(password)) == (48, True, set())


def test_too_few_characters_left_are_refused_by_the_variables_name(on_postgres: Rotated) -> None:
    on_postgres.install(attempts=1, environment={"EXCLUDE_LOWERCASE": "true", "EXCLUDE_UPPERCASE": "true", "EXCLUDE_PUNCTUATION": "true"})
    before = on_postgres.holder(CURRENT)
    run = on_postgres.rotate()
    assert run["error"].startswith("createSecret: Refused: EXCLUDE_CHARACTERS: ")
    expect_untouched(on_postgres, run, before)


def test_a_function_of_another_account_echoes_the_rotation_token(on_postgres: Rotated) -> None:
    """The bed checks the token's form where it comes; that it comes is seen in what a wrong one leads to."""
    broken = on_postgres.outside.control
    assert broken
    assert uuid.uuid4()
