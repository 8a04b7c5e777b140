"""The bed's AWS against AWS's rules: rotation. Functions run beside it, on a real database where passwords matter."""

import json
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bed.bed import Facts
from tests.bed.processes import until
from tests.support import databases
from tests.support.alternating import admin_value
from tests.support.aws import Aws, code

Client = Any
Rotate = Callable[..., str]

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"


@pytest.fixture
def here(aws: Facts) -> Aws:
    return Aws(aws)


@pytest.fixture
def client(here: Aws) -> Client:
    return here.client("secretsmanager")


@pytest.fixture
def arn(client: Client) -> str:
    """A secret whose password nobody checks."""
    value = json.dumps({"engine": "postgres", "host": "localhost", "username": "nobody", "password": "old"})
    return client.create_secret(Name=f"rotation/{uuid.uuid4().hex}", SecretString=value)["ARN"]


@pytest.fixture
def function(here: Aws) -> Generator[Rotate]:
    """Registers functions; what still hangs at the end is let go."""
    made: list[str] = []

    def register(kind: str, **more: object) -> str:
        made.append(here.control.function(here.function_arn(uuid.uuid4().hex), kind, **{"pause": 0, **more}))
        return made[-1]

    yield register
    for one in made:
        here.control.release_function(one)


@contextmanager
def user_of(database: Facts, client: Client) -> Generator[str]:
    """The ARN of a secret with a real user in it."""
    name = f"rot_{uuid.uuid4().hex[:12]}"
    databases.new_user(database, name, "first")
    place = {"engine": database["engine"], "host": database["host"], "port": database["port"], "dbname": "app"}
    value = json.dumps({**place, "username": name, "password": "first"})
    yield client.create_secret(Name=f"rotation/{name}", SecretString=value)["ARN"]
    databases.drop_user(database, name)


@pytest.fixture
def user(postgres: Facts, client: Client) -> Generator[str]:
    with user_of(postgres, client) as arn:
        yield arn


def stages(client: Client, arn: str) -> dict[str, list[str]]:
    return {key: sorted(labels) for key, labels in client.describe_secret(SecretId=arn)["VersionIdsToStages"].items()}


def current(client: Client, arn: str) -> str:
    return client.get_secret_value(SecretId=arn)["VersionId"]


def logs_in(client: Client, postgres: Facts, arn: str, label: str) -> bool:
    value = json.loads(client.get_secret_value(SecretId=arn, VersionStage=label)["SecretString"])
    return databases.can_log_in(postgres, value["username"], value["password"])


def ended(here: Aws, arn: str) -> list[str]:
    return [run["result"] for run in here.control.rotations(arn)]


def test_an_honest_rotation_moves_current_drops_pending_and_sets_the_dates(
    here: Aws, client: Client, user: str, function: Rotate, postgres: Facts
) -> None:
    before = current(client, user)
    new = client.rotate_secret(SecretId=user, RotationLambdaARN=function("honest"))["VersionId"]
    assert ended(here, user) == ["succeeded"]
    assert stages(client, user) == {before: [PREVIOUS], new: [CURRENT]}
    assert client.describe_secret(SecretId=user)["LastRotatedDate"]
    assert (logs_in(client, postgres, user, CURRENT), logs_in(client, postgres, user, PREVIOUS)) == (True, False)


def test_a_rotation_on_mariadb_changes_the_password(here: Aws, client: Client, function: Rotate, mariadb: Facts) -> None:
    with user_of(mariadb, client) as user:
        rotated_honestly(here, client, user, function("honest"), mariadb)


def test_a_rotation_on_mysql_changes_the_password(here: Aws, client: Client, function: Rotate, mysql: Facts) -> None:
    with user_of(mysql, client) as user:
        rotated_honestly(here, client, user, function("honest"), mysql)


def rotated_honestly(here: Aws, client: Client, user: str, honest: str, database: Facts) -> None:
    client.rotate_secret(SecretId=user, RotationLambdaARN=honest)
    assert [(run["result"], run["error"]) for run in here.control.rotations(user)] == [("succeeded", "")]
    assert (logs_in(client, database, user, CURRENT), logs_in(client, database, user, PREVIOUS)) == (True, False)


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_the_alternating_function_makes_an_equal_user_there_too(
    engine: str, here: Aws, client: Client, function: Rotate, request: pytest.FixtureRequest
) -> None:
    database: Facts = request.getfixturevalue(engine)
    with user_of(database, client) as user:
        value = json.loads(client.get_secret_value(SecretId=user)["SecretString"])
        name, admin = value["username"], client.create_secret(Name=f"admins/{value['username']}", SecretString=admin_value(database))["ARN"]
        client.put_secret_value(SecretId=user, SecretString=json.dumps({**value, "masterarn": admin}))
        alternating, seen = function("alternating"), list[str]()
        for number in range(1, 3):
            client.rotate_secret(SecretId=user, RotationLambdaARN=alternating)
            assert [(run["result"], run["error"]) for run in here.control.rotations(user, count=number)] == [("succeeded", "")] * number
            assert (logs_in(client, database, user, CURRENT), logs_in(client, database, user, PREVIOUS)) == (True, True)
            seen.append(json.loads(client.get_secret_value(SecretId=user)["SecretString"])["username"])
        assert seen == [f"{name}_clone", name]
        databases.drop_user(database, f"{name}_clone")


def test_pending_first_stands_on_a_version_without_a_value(here: Aws, client: Client, arn: str, function: Rotate) -> None:
    before = current(client, arn)
    failing = function("fail", step="createSecret", attempts=1)
    new = client.rotate_secret(SecretId=arn, RotationLambdaARN=failing)["VersionId"]
    assert ended(here, arn) == ["failed"]
    assert stages(client, arn) == {before: [CURRENT], new: [PENDING]}
    assert code(client.get_secret_value, SecretId=arn, VersionStage=PENDING) == "ResourceNotFoundException"
    assert code(client.get_secret_value, SecretId=arn, VersionId=new) == "ResourceNotFoundException"
    assert [one["VersionId"] for one in client.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]] == [before]


def test_rotate_returns_before_the_function_has_ended(here: Aws, client: Client, user: str, function: Rotate, postgres: Facts) -> None:
    hanging = function("hang")
    client.rotate_secret(SecretId=user, RotationLambdaARN=hanging)
    assert here.control.rotations(user, seconds=0)[-1]["result"] == "running"
    assert logs_in(client, postgres, user, CURRENT)
    here.control.release_function(hanging)
    assert ended(here, user) == ["succeeded"]
    assert logs_in(client, postgres, user, CURRENT)


def test_the_whole_rotation_is_retried_with_the_same_version(here: Aws, client: Client, user: str, function: Rotate) -> None:
    new = client.rotate_secret(SecretId=user, RotationLambdaARN=function("fail", step="setSecret", times=2, attempts=3))["VersionId"]
    (run,) = here.control.rotations(user)
    assert (run["result"], run["attempt"], run["token"]) == ("succeeded", 3, new)


def test_a_failed_rotation_leaves_the_label_and_refuses_the_next(
    here: Aws, client: Client, user: str, function: Rotate, postgres: Facts
) -> None:
    before, half = current(client, user), function("half", attempts=2)
    new = client.rotate_secret(SecretId=user, RotationLambdaARN=half)["VersionId"]
    assert ended(here, user) == ["failed"]
    assert stages(client, user) == {before: [CURRENT], new: [PENDING]}
    assert (logs_in(client, postgres, user, CURRENT), logs_in(client, postgres, user, PENDING)) == (False, True)
    assert code(client.rotate_secret, SecretId=user) == "InvalidRequestException"
    client.update_secret_version_stage(SecretId=user, VersionStage=PENDING, RemoveFromVersionId=new)
    client.rotate_secret(SecretId=user, RotationLambdaARN=function("liar"))
    assert ended(here, user) == ["failed", "succeeded"]


def test_pending_on_the_current_version_does_not_refuse_a_rotation(here: Aws, client: Client, arn: str, function: Rotate) -> None:
    on = {"VersionStage": PENDING, "MoveToVersionId": current(client, arn)}
    client.update_secret_version_stage(SecretId=arn, **on)
    client.rotate_secret(SecretId=arn, RotationLambdaARN=function("liar"))
    assert ended(here, arn) == ["succeeded"]


def test_a_liar_reports_success_with_a_password_that_is_not_the_databases(
    here: Aws, client: Client, user: str, function: Rotate, postgres: Facts
) -> None:
    client.rotate_secret(SecretId=user, RotationLambdaARN=function("liar"))
    assert ended(here, user) == ["succeeded"]
    assert (logs_in(client, postgres, user, CURRENT), logs_in(client, postgres, user, PREVIOUS)) == (False, True)


def test_the_same_token_again_begins_nothing_new(here: Aws, client: Client, arn: str, function: Rotate) -> None:
    asked = {"SecretId": arn, "RotationLambdaARN": function("liar"), "ClientRequestToken": str(uuid.uuid4())}
    first = client.rotate_secret(**asked)["VersionId"]
    here.control.rotations(arn)
    assert client.rotate_secret(**asked)["VersionId"] == first
    assert ended(here, arn) == ["succeeded"]


def test_the_function_and_the_rules_are_kept_when_left_out(here: Aws, client: Client, arn: str, function: Rotate) -> None:
    rules = {"ScheduleExpression": "cron(0 8 1 * ? *)", "Duration": "2h"}
    liar = function("liar")
    client.rotate_secret(SecretId=arn, RotationLambdaARN=liar, RotationRules=rules)
    here.control.rotations(arn)
    client.rotate_secret(SecretId=arn)
    assert ended(here, arn) == ["succeeded", "succeeded"]
    seen = client.describe_secret(SecretId=arn)
    assert (seen["RotationLambdaARN"], seen["RotationEnabled"]) == (liar, True)
    assert seen["RotationRules"].pop("AutomaticallyAfterDays") in (28, 29, 30, 31)
    assert seen["RotationRules"] == rules


def test_a_schedule_change_without_rotation_tests_on_a_temporary_version_only(
    here: Aws, client: Client, user: str, function: Rotate, postgres: Facts
) -> None:
    before = stages(client, user)
    rules = {"ScheduleExpression": "rate(10 days)"}
    client.rotate_secret(SecretId=user, RotationLambdaARN=function("honest"), RotationRules=rules, RotateImmediately=False)
    (run,) = here.control.rotations(user)
    assert (run["result"], run["steps"]) == ("tested", ["testSecret"])
    seen = client.describe_secret(SecretId=user)
    assert (stages(client, user), seen["RotationRules"], seen["RotationEnabled"]) == (before, rules, True)
    assert "LastRotatedDate" not in seen
    assert len(client.list_secret_version_ids(SecretId=user, IncludeDeprecated=True)["Versions"]) == 1
    assert logs_in(client, postgres, user, CURRENT)


def test_a_rotation_needs_a_function_that_there_is(here: Aws, client: Client, arn: str) -> None:
    assert code(client.rotate_secret, SecretId=arn) == "InvalidRequestException"
    nowhere = here.function_arn("nowhere")
    assert code(client.rotate_secret, SecretId=arn, RotationLambdaARN=nowhere) == "ResourceNotFoundException"
    assert "RotationLambdaARN" not in client.describe_secret(SecretId=arn)
    assert PENDING not in str(stages(client, arn))


def test_cancelling_turns_rotation_off_and_leaves_pending(here: Aws, client: Client, arn: str, function: Rotate) -> None:
    failing = function("fail", step="setSecret", attempts=1)
    new = client.rotate_secret(SecretId=arn, RotationLambdaARN=failing, RotationRules={"AutomaticallyAfterDays": 7})["VersionId"]
    here.control.rotations(arn)
    assert client.cancel_rotate_secret(SecretId=arn)["VersionId"] == new
    seen = client.describe_secret(SecretId=arn)
    assert (seen["RotationEnabled"], "NextRotationDate" in seen) == (False, False)
    assert stages(client, arn)[new] == [PENDING]


def test_a_rotation_whose_pending_label_was_taken_away_is_abandoned(here: Aws, client: Client, user: str, function: Rotate) -> None:
    hanging = function("hang")
    before = current(client, user)
    new = client.rotate_secret(SecretId=user, RotationLambdaARN=hanging)["VersionId"]
    until("the function hangs in setSecret", lambda: here.control.rotations(user, seconds=0)[-1]["step"] == "setSecret")
    client.update_secret_version_stage(SecretId=user, VersionStage=PENDING, RemoveFromVersionId=new)
    here.control.release_function(hanging)
    assert ended(here, user) == ["abandoned"]
    assert current(client, user) == before


SAMPLE = '''
import json, os, boto3

def lambda_handler(event, context):
    """The steps of AWS's samples, with nothing behind them."""
    client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    seen = client.describe_secret(SecretId=arn)
    if not seen["RotationEnabled"] or token not in seen["VersionIdsToStages"] or len(event["RotationToken"]) < 36:
        raise ValueError("not ours")
    print("a function may print")
    if step == "createSecret":
        client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")
        client.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString="new", VersionStages=["AWSPENDING"])
    if step == os.environ.get("HANG"):
        import time
        time.sleep(600)
    if step == "finishSecret":
        old = next(key for key, labels in seen["VersionIdsToStages"].items() if "AWSCURRENT" in labels)
        move = {"MoveToVersionId": token, "RemoveFromVersionId": old}
        client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", **move)
'''


@pytest.fixture
def sample(tmp_path: Path) -> str:
    file = tmp_path / "sample.py"
    file.write_text(SAMPLE)
    return f"{file}:lambda_handler"


def test_a_function_of_the_world_runs_unmodified(here: Aws, client: Client, arn: str, function: Rotate, sample: str) -> None:
    new = client.rotate_secret(SecretId=arn, RotationLambdaARN=function("python", path=sample))["VersionId"]
    assert ended(here, arn) == ["succeeded"]
    assert (current(client, arn), client.get_secret_value(SecretId=arn)["SecretString"]) == (new, "new")


def test_a_function_that_does_not_answer_is_ended_by_its_time_out(
    here: Aws, client: Client, arn: str, function: Rotate, sample: str
) -> None:
    slow = function("python", path=sample, timeout=3, attempts=1, environment={"HANG": "setSecret"})
    client.rotate_secret(SecretId=arn, RotationLambdaARN=slow)
    (run,) = here.control.rotations(arn)
    assert (run["result"], run["error"]) == ("failed", "setSecret: Task timed out after 3.00 seconds")


def test_a_function_that_does_not_move_current_has_failed_whatever_it_says(
    here: Aws, client: Client, arn: str, function: Rotate, tmp_path: Path
) -> None:
    (tmp_path / "idle.py").write_text("def lambda_handler(event, context):\n    return None\n")
    client.rotate_secret(SecretId=arn, RotationLambdaARN=function("python", path=f"{tmp_path}/idle.py:lambda_handler", attempts=1))
    assert ended(here, arn) == ["failed"]
    assert "LastRotatedDate" not in client.describe_secret(SecretId=arn)


def test_a_function_that_cannot_be_loaded_fails_the_rotation(here: Aws, client: Client, arn: str, function: Rotate, tmp_path: Path) -> None:
    missing = function("python", path=f"{tmp_path}/none.py:lambda_handler", attempts=1)
    client.rotate_secret(SecretId=arn, RotationLambdaARN=missing)
    (run,) = here.control.rotations(arn)
    assert (run["result"], run["step"]) == ("failed", "createSecret")
    assert "FileNotFoundError" in run["error"]
