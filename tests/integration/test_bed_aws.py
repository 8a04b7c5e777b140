"""The bed's AWS against AWS's rules: labels, values, names, deletion and lists. Each test states one rule."""

import uuid
from typing import Any

import pytest

from tests.bed.bed import Facts
from tests.support.aws import Aws, code

Client = Any

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"


@pytest.fixture
def client(aws: Facts) -> Client:
    return Aws(aws).client("secretsmanager")


@pytest.fixture
def name() -> str:
    return f"contract/{uuid.uuid4().hex}"


def token() -> str:
    return str(uuid.uuid4())


def stages(client: Client, name: str) -> dict[str, list[str]]:
    return {key: sorted(labels) for key, labels in client.describe_secret(SecretId=name).get("VersionIdsToStages", {}).items()}


def put(client: Client, name: str, value: str, *labels: str) -> str:
    more = {"VersionStages": list(labels)} if labels else {}
    return client.put_secret_value(SecretId=name, SecretString=value, ClientRequestToken=token(), **more)["VersionId"]


def secret(client: Client, name: str, value: str = "one") -> str:
    """A secret with one version; the answer is the version's id."""
    return client.create_secret(Name=name, SecretString=value, ClientRequestToken=token())["VersionId"]


# Labels


def test_the_first_version_with_a_value_is_current_even_with_explicit_stages(client: Client, name: str) -> None:
    client.create_secret(Name=name)
    assert stages(client, name) == {}
    first = put(client, name, "one", "MINE")
    assert stages(client, name) == {first: [CURRENT, "MINE"]}


def test_a_label_has_one_holder(client: Client, name: str) -> None:
    first = secret(client, name)
    second, third = put(client, name, "two", "MINE"), put(client, name, "three", "MINE")
    assert stages(client, name) == {first: [CURRENT], third: ["MINE"]}
    client.update_secret_version_stage(SecretId=name, VersionStage="MINE", RemoveFromVersionId=third, MoveToVersionId=second)
    assert stages(client, name) == {first: [CURRENT], second: ["MINE"]}


def test_previous_follows_current(client: Client, name: str) -> None:
    first = secret(client, name)
    second = put(client, name, "two")
    assert stages(client, name) == {first: [PREVIOUS], second: [CURRENT]}
    third = put(client, name, "three", PENDING)
    client.update_secret_version_stage(SecretId=name, VersionStage=CURRENT, RemoveFromVersionId=second, MoveToVersionId=third)
    assert stages(client, name) == {second: [PREVIOUS], third: [CURRENT, PENDING]}


def test_current_moved_back_swaps_with_previous(client: Client, name: str) -> None:
    first = secret(client, name)
    second = put(client, name, "two")
    client.update_secret_version_stage(SecretId=name, VersionStage=CURRENT, RemoveFromVersionId=second, MoveToVersionId=first)
    assert stages(client, name) == {first: [CURRENT], second: [PREVIOUS]}


def test_the_default_read_is_current_after_the_label_has_moved(client: Client, name: str) -> None:
    first = secret(client, name, "one")
    second = put(client, name, "two", PENDING)
    client.update_secret_version_stage(SecretId=name, VersionStage=CURRENT, RemoveFromVersionId=first, MoveToVersionId=second)
    read = client.get_secret_value(SecretId=name)
    assert (read["SecretString"], read["VersionId"]) == ("two", second)
    assert [one["SecretString"] for one in client.batch_get_secret_value(SecretIdList=[name])["SecretValues"]] == ["two"]


def test_a_version_without_labels_is_hidden_but_readable_by_its_id(client: Client, name: str) -> None:
    first = secret(client, name, "one")
    put(client, name, "two")
    put(client, name, "three")
    assert first not in stages(client, name)
    assert client.get_secret_value(SecretId=name, VersionId=first)["SecretString"] == "one"


def test_the_label_move_must_name_its_holder(client: Client, name: str) -> None:
    first = secret(client, name)
    second = put(client, name, "two", PENDING)
    move = client.update_secret_version_stage
    assert code(move, SecretId=name, VersionStage=CURRENT, MoveToVersionId=second) == "InvalidParameterException"
    wrong = {"RemoveFromVersionId": second, "MoveToVersionId": second}
    assert code(move, SecretId=name, VersionStage=CURRENT, **wrong) == "InvalidParameterException"
    assert stages(client, name) == {first: [CURRENT], second: [PENDING]}


def test_a_done_move_is_refused_when_repeated(client: Client, name: str) -> None:
    first = secret(client, name)
    second = put(client, name, "two", PENDING)
    move = {"SecretId": name, "VersionStage": CURRENT, "RemoveFromVersionId": first, "MoveToVersionId": second}
    client.update_secret_version_stage(**move)
    assert code(client.update_secret_version_stage, **move) == "InvalidParameterException"


def test_current_cannot_be_taken_off_altogether(client: Client, name: str) -> None:
    first = secret(client, name)
    asked = {"SecretId": name, "VersionStage": CURRENT, "RemoveFromVersionId": first}
    assert code(client.update_secret_version_stage, **asked) == "InvalidParameterException"


def test_a_version_and_a_label_that_disagree_are_refused(client: Client, name: str) -> None:
    first = secret(client, name)
    put(client, name, "two")
    assert code(client.get_secret_value, SecretId=name, VersionId=first, VersionStage=CURRENT) == "InvalidRequestException"


# Values


def test_a_versions_value_never_changes(client: Client, name: str) -> None:
    secret(client, name)
    mine = token()
    pending = {"SecretId": name, "ClientRequestToken": mine, "VersionStages": [PENDING]}
    first = client.put_secret_value(SecretString="two", **pending)
    again = client.put_secret_value(SecretString="two", **pending)
    assert (again["VersionId"], again["VersionStages"]) == (first["VersionId"], [PENDING])
    assert code(client.put_secret_value, SecretString="three", **pending) == "ResourceExistsException"
    assert client.get_secret_value(SecretId=name, VersionId=mine)["SecretString"] == "two"


def test_the_same_token_is_a_no_op_that_moves_no_label(client: Client, name: str) -> None:
    mine = secret(client, name, "one")
    second = put(client, name, "two")
    client.put_secret_value(SecretId=name, SecretString="one", ClientRequestToken=mine)
    assert stages(client, name) == {mine: [PREVIOUS], second: [CURRENT]}


def test_creating_again_with_the_same_token_and_value_returns_the_same_arn(client: Client, name: str) -> None:
    asked = {"Name": name, "ClientRequestToken": token()}
    first = client.create_secret(SecretString="one", **asked)
    again = client.create_secret(SecretString="one", **asked)
    assert (again["ARN"], again["VersionId"]) == (first["ARN"], first["VersionId"])
    assert code(client.create_secret, SecretString="two", **asked) == "ResourceExistsException"
    assert code(client.create_secret, Name=name, SecretString="one") == "ResourceExistsException"


def test_an_update_with_a_value_makes_a_new_current_and_refuses_a_used_token(client: Client, name: str) -> None:
    first = secret(client, name)
    second = client.update_secret(SecretId=name, SecretString="two", ClientRequestToken=token())["VersionId"]
    assert stages(client, name) == {first: [PREVIOUS], second: [CURRENT]}
    assert code(client.update_secret, SecretId=name, SecretString="two", ClientRequestToken=second) == "ResourceExistsException"


def test_an_update_without_a_value_keeps_versions_and_tags(client: Client, name: str) -> None:
    client.create_secret(Name=name, SecretString="one", Tags=[{"Key": "a", "Value": "b"}])
    client.update_secret(SecretId=name, Description="new")
    seen = client.describe_secret(SecretId=name)
    assert (seen["Description"], seen["Tags"], len(seen["VersionIdsToStages"])) == ("new", [{"Key": "a", "Value": "b"}], 1)


def test_each_version_keeps_its_own_date(client: Client, name: str) -> None:
    secret(client, name)
    put(client, name, "two")
    listed = client.list_secret_version_ids(SecretId=name)
    dates = {one["VersionId"]: one["CreatedDate"] for one in listed["Versions"]}
    assert len(set(dates.values())) == 2
    for version, date in dates.items():
        assert client.get_secret_value(SecretId=name, VersionId=version)["CreatedDate"] == date
    assert listed["ARN"].startswith("arn:")


def test_deprecated_versions_are_listed_only_when_asked_for(client: Client, name: str) -> None:
    first, second, third = secret(client, name), put(client, name, "two"), put(client, name, "three")

    def listed(**more: bool) -> set[str]:
        return {one["VersionId"] for one in client.list_secret_version_ids(SecretId=name, **more)["Versions"]}

    assert listed() == {second, third}
    assert listed(IncludeDeprecated=True) == {first, second, third}


def test_a_batch_reports_failures_per_item(client: Client, name: str) -> None:
    secret(client, name)
    client.create_secret(Name=f"{name}-empty")
    answer = client.batch_get_secret_value(SecretIdList=[name, f"{name}-empty", f"{name}-missing"])
    assert [one["Name"] for one in answer["SecretValues"]] == [name]
    assert {(one["SecretId"], one["ErrorCode"]) for one in answer["Errors"]} == {
        (f"{name}-empty", "ResourceNotFoundException"),
        (f"{name}-missing", "ResourceNotFoundException"),
    }


def test_a_batch_takes_twenty_ids(client: Client, name: str) -> None:
    assert code(client.batch_get_secret_value, SecretIdList=[f"{name}-{number}" for number in range(21)]) == "ValidationException"
    assert len(client.batch_get_secret_value(SecretIdList=[f"{name}-{number}" for number in range(20)])["Errors"]) == 20


def test_a_recreated_secret_has_another_arn_and_the_old_one_means_nobody(client: Client, name: str) -> None:
    old = client.create_secret(Name=name, SecretString="one")["ARN"]
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    new = client.create_secret(Name=name, SecretString="one")["ARN"]
    assert old != new
    assert code(client.describe_secret, SecretId=old) == "ResourceNotFoundException"
    assert client.describe_secret(SecretId=new.rpartition("-")[0])["ARN"] == new
