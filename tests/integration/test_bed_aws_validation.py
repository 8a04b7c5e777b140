"""The bed's AWS against AWS's rules: what it refuses, deletion, tags, and ListSecrets. Each test states one rule."""

import uuid
from typing import Any

import pytest

from tests.bed.bed import Facts
from tests.support.aws import Aws, code

Client = Any


@pytest.fixture
def here(aws: Facts) -> Aws:
    return Aws(aws)


@pytest.fixture
def client(here: Aws) -> Client:
    return here.client("secretsmanager")


@pytest.fixture
def name() -> str:
    return f"contract/{uuid.uuid4().hex}"


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        pytest.param({"Name": "app db?*"}, "InvalidParameterException", id="characters of a name"),
        pytest.param({"Name": "a" * 513}, "ValidationException", id="length of a name"),
        pytest.param({"SecretString": "a" * 65_537}, "ValidationException", id="size of a value"),
        pytest.param({"SecretString": "a", "SecretBinary": b"a"}, "InvalidParameterException", id="text and bytes together"),
        pytest.param({"Description": "a" * 2049}, "ValidationException", id="length of a description"),
        pytest.param({"ClientRequestToken": "short"}, "InvalidParameterException", id="length of a token"),
        pytest.param({"KmsKeyId": "alias/nobody"}, "EncryptionFailure", id="an unknown KMS key"),
        pytest.param({"Tags": [{"Key": "aws:mine", "Value": ""}]}, "InvalidParameterException", id="a tag of AWS's own"),
        pytest.param({"Tags": [{"Key": "a" * 129, "Value": ""}]}, "ValidationException", id="length of a tag's key"),
        pytest.param({"Tags": [{"Key": f"{number}", "Value": ""} for number in range(51)]}, "InvalidParameterException", id="fifty tags"),
    ],
)
def test_a_secret_is_refused_for(client: Client, name: str, asked: dict[str, Any], refusal: str) -> None:
    assert code(client.create_secret, **{"Name": name, "SecretString": "one", **asked}) == refusal
    assert code(client.describe_secret, SecretId=name) == "ResourceNotFoundException"


def test_a_key_that_stands_in_kms_is_taken_and_shown(here: Aws, client: Client, name: str) -> None:
    key = here.client("kms").create_key()["KeyMetadata"]["Arn"]
    client.create_secret(Name=name, SecretString="one", KmsKeyId=key)
    assert client.describe_secret(SecretId=name)["KmsKeyId"] == key


def test_the_managed_key_is_not_shown(client: Client, name: str) -> None:
    client.create_secret(Name=name, SecretString="one", KmsKeyId="alias/aws/secretsmanager")
    assert "KmsKeyId" not in client.describe_secret(SecretId=name)


def test_a_value_needs_text_or_bytes(client: Client, name: str) -> None:
    client.create_secret(Name=name)
    assert code(client.put_secret_value, SecretId=name) == "InvalidRequestException"


def test_bytes_come_back_as_they_were(client: Client, name: str) -> None:
    client.create_secret(Name=name, SecretBinary=b"\x00\xff")
    assert client.get_secret_value(SecretId=name)["SecretBinary"] == b"\x00\xff"


def test_a_secret_marked_for_deletion_refuses_all_but_describe_and_restore(client: Client, name: str) -> None:
    client.create_secret(Name=name, SecretString="one")
    client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    for call, more in (
        (client.get_secret_value, {}),
        (client.put_secret_value, {"SecretString": "two"}),
        (client.update_secret, {"Description": "two"}),
        (client.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}),
        (client.rotate_secret, {}),
        (client.delete_secret, {}),
    ):
        assert code(call, SecretId=name, **more) == "InvalidRequestException"
    assert "DeletedDate" in client.describe_secret(SecretId=name)
    client.restore_secret(SecretId=name)
    assert client.get_secret_value(SecretId=name)["SecretString"] == "one"


def test_the_name_of_a_secret_marked_for_deletion_is_taken(client: Client, name: str) -> None:
    client.create_secret(Name=name, SecretString="one")
    client.delete_secret(SecretId=name)
    assert code(client.create_secret, Name=name, SecretString="one") == "InvalidRequestException"


def test_a_forced_deletion_takes_effect_and_succeeds_on_what_is_gone(client: Client, name: str) -> None:
    client.create_secret(Name=name, SecretString="one")
    for _ in range(2):
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        assert code(client.describe_secret, SecretId=name) == "ResourceNotFoundException"


@pytest.mark.parametrize("more", [{"RecoveryWindowInDays": 6}, {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}])
def test_a_deletion_is_refused_for(client: Client, name: str, more: dict[str, Any]) -> None:
    client.create_secret(Name=name, SecretString="one")
    assert code(client.delete_secret, SecretId=name, **more) == "InvalidParameterException"


def test_a_managed_secret_takes_no_write_but_from_its_service(here: Aws, client: Client) -> None:
    instance = f"managed-{uuid.uuid4().hex[:12]}"
    rds = here.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier=instance,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="master",
        ManageMasterUserPassword=True,
    )
    arn = rds.describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"][0]["MasterUserSecret"]["SecretArn"]
    assert client.describe_secret(SecretId=arn)["OwningService"] == "rds"
    tag, label = [{"Key": "a", "Value": "b"}], {"VersionStage": "x", "MoveToVersionId": "x" * 36}
    for call, more in (
        (client.put_secret_value, {"SecretString": "x"}),
        (client.update_secret, {}),
        (client.delete_secret, {}),
        (client.tag_resource, {"Tags": tag}),
        (client.untag_resource, {"TagKeys": ["a"]}),
        (client.update_secret_version_stage, label),
    ):
        assert code(call, SecretId=arn, **more) == "InvalidRequestException"


def test_tags_are_added_replaced_and_taken_off(client: Client, name: str) -> None:
    client.create_secret(Name=name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])
    client.tag_resource(SecretId=name, Tags=[{"Key": "a", "Value": "2"}])
    client.untag_resource(SecretId=name, TagKeys=["b", "never"])
    assert client.describe_secret(SecretId=name)["Tags"] == [{"Key": "a", "Value": "2"}]
    assert code(client.untag_resource, SecretId=name, TagKeys=["aws:x"]) == "InvalidParameterException"


def names(client: Client, prefix: str, **asked: Any) -> list[str]:
    filters = [{"Key": "name", "Values": [prefix]}, *asked.pop("Filters", [])]
    return [one["Name"] for one in client.list_secrets(Filters=filters, **asked)["SecretList"]]


def test_a_list_filters_by_prefix_tag_and_negation(client: Client, name: str) -> None:
    client.create_secret(Name=f"{name}/a", Tags=[{"Key": "team", "Value": "x"}])
    client.create_secret(Name=f"{name}/b")
    assert names(client, name, SortBy="name") == [f"{name}/a", f"{name}/b"]
    assert names(client, name, Filters=[{"Key": "tag-key", "Values": ["team"]}]) == [f"{name}/a"]
    assert names(client, name, Filters=[{"Key": "tag-key", "Values": ["!team"]}]) == [f"{name}/b"]
    assert names(client, name, Filters=[{"Key": "owning-service", "Values": ["rds"]}]) == []


def test_a_list_is_sorted_and_paged(client: Client, name: str) -> None:
    for letter in "bac":
        client.create_secret(Name=f"{name}/{letter}")
    assert names(client, name, SortBy="name", SortOrder="desc") == [f"{name}/{letter}" for letter in "cba"]
    pages = client.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [name]}], SortBy="name", PaginationConfig={"PageSize": 2}
    )
    assert [[one["Name"][-1] for one in page["SecretList"]] for page in pages] == [["a", "b"], ["c"]]
    assert code(client.list_secrets, MaxResults=101) == "ValidationException"
    assert code(client.list_secrets, NextToken="nonsense") == "InvalidNextTokenException"


def test_a_list_shows_labelled_versions_only_and_hides_planned_deletions(client: Client, name: str) -> None:
    client.create_secret(Name=name, SecretString="one")
    for value in ("two", "three"):
        client.put_secret_value(SecretId=name, SecretString=value)
    (entry,) = client.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]
    assert sorted(label for labels in entry["SecretVersionsToStages"].values() for label in labels) == ["AWSCURRENT", "AWSPREVIOUS"]
    client.delete_secret(SecretId=name)
    assert names(client, name) == []
    assert names(client, name, IncludePlannedDeletion=True) == [name]


def test_an_assumed_roles_account_has_secrets_of_its_own(here: Aws, client: Client, name: str) -> None:
    client.create_secret(Name=name, SecretString="one")
    role = here.sts().assume_role(RoleArn="arn:aws:iam::210987654321:role/there", RoleSessionName="test")["Credentials"]
    there = here.client("secretsmanager", role)  # pyright: ignore[reportArgumentType]  # a TypedDict of strings and one date
    assert code(there.describe_secret, SecretId=name) == "ResourceNotFoundException"
    assert ":210987654321:" in there.create_secret(Name=name, SecretString="two")["ARN"]
    assert client.get_secret_value(SecretId=name)["SecretString"] == "one"


def test_calls_under_an_assumed_role_count_as_whoever_assumed_it(here: Aws, name: str) -> None:
    role = here.sts().assume_role(RoleArn="arn:aws:iam::210987654321:role/there", RoleSessionName="test")["Credentials"]
    there = here.client("secretsmanager", role)  # pyright: ignore[reportArgumentType]  # a TypedDict of strings and one date
    here.control.fault("error", "CreateSecret")
    assert code(there.create_secret, Name=name, SecretString="two") == "ThrottlingException"
    assert here.control.counts()["secretsmanager.CreateSecret"] == {"ThrottlingException": 1}


def test_a_missing_secret_is_refused_by_every_call_alike(client: Client, name: str) -> None:
    for call in (client.describe_secret, client.get_secret_value, client.get_resource_policy, client.restore_secret, client.rotate_secret):
        assert code(call, SecretId=name) == "ResourceNotFoundException"


def test_a_replica_follows_its_primary_and_takes_no_write(here: Aws, client: Client, name: str) -> None:
    client.create_secret(Name=name, SecretString="one", AddReplicaRegions=[{"Region": "eu-west-1"}])
    replica = here.client("secretsmanager", region="eu-west-1")
    client.put_secret_value(SecretId=name, SecretString="two")
    seen = replica.describe_secret(SecretId=name)
    assert (":eu-west-1:" in seen["ARN"], seen["PrimaryRegion"]) == (True, here.region)
    assert replica.get_secret_value(SecretId=seen["ARN"])["SecretString"] == "two"
    assert code(replica.put_secret_value, SecretId=name, SecretString="three") == "InvalidParameterException"
    assert code(client.delete_secret, SecretId=name) == "InvalidParameterException"
