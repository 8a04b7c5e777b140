"""The bed's replicas and resource policies hold to AWS's rules."""

import json
import uuid
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from tests.bed.bed import Facts
from tests.support.aws import Aws, code

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

WEST = "us-west-2"
ONLY = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}


@pytest.fixture
def here(aws: Facts) -> Aws:
    return Aws(aws)


@pytest.fixture
def client(here: Aws) -> "SecretsManagerClient":
    return here.secretsmanager()


@pytest.fixture
def name(client: "SecretsManagerClient") -> Generator[str]:
    made = f"life/{uuid.uuid4().hex}"
    client.create_secret(Name=made, SecretString="one")
    yield made
    client.remove_regions_from_replication(SecretId=made, RemoveReplicaRegions=[WEST])


def statuses(client: "SecretsManagerClient", name: str) -> dict[str, str]:
    return {str(one.get("Region")): str(one.get("Status")) for one in client.describe_secret(SecretId=name).get("ReplicationStatus", [])}


def test_a_replica_is_read_only_and_follows_the_value(here: Aws, client: "SecretsManagerClient", name: str) -> None:
    client.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": WEST}])
    there: Any = here.client("secretsmanager", region=WEST)
    client.put_secret_value(SecretId=name, SecretString="two")
    assert (statuses(client, name), there.get_secret_value(SecretId=name)["SecretString"]) == ({WEST: "InSync"}, "two")
    assert there.describe_secret(SecretId=name)["PrimaryRegion"] == here.region
    assert code(there.put_secret_value, SecretId=name, SecretString="three") == "InvalidParameterException"
    assert code(client.replicate_secret_to_regions, SecretId=name, AddReplicaRegions=[{"Region": WEST}]) == "InvalidParameterException"
    assert code(client.delete_secret, SecretId=name) == "InvalidParameterException"
    client.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=[WEST])
    assert statuses(client, name) == {}
    assert code(there.describe_secret, SecretId=name) == "ResourceNotFoundException"


def test_a_region_where_the_name_is_taken_fails_alone_until_it_is_free(here: Aws, client: "SecretsManagerClient", name: str) -> None:
    there: Any = here.client("secretsmanager", region=WEST)
    there.create_secret(Name=name, SecretString="theirs")
    client.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": WEST}, {"Region": "eu-north-1"}])
    assert statuses(client, name) == {WEST: "Failed", "eu-north-1": "InSync"}
    assert there.get_secret_value(SecretId=name)["SecretString"] == "theirs"
    there.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    client.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": WEST}])
    assert statuses(client, name) == {"eu-north-1": "InSync", WEST: "InSync"}
    client.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=["eu-north-1"])


def test_a_replica_is_under_a_key_of_its_own_region(here: Aws, client: "SecretsManagerClient", name: str) -> None:
    key = here.client("kms", region=WEST).create_key()["KeyMetadata"]["KeyId"]
    home = here.client("kms").create_key()["KeyMetadata"]["KeyId"]
    client.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": WEST, "KmsKeyId": home}])
    assert statuses(client, name) == {WEST: "Failed"}
    client.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": WEST, "KmsKeyId": key}])
    assert client.describe_secret(SecretId=name)["ReplicationStatus"][0].get("KmsKeyId") == key
    assert (
        code(client.replicate_secret_to_regions, SecretId=name, AddReplicaRegions=[{"Region": here.region}]) == "InvalidParameterException"
    )


def test_a_resource_policy_is_kept_with_an_account_as_its_root(client: "SecretsManagerClient", name: str) -> None:
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)
    text = json.dumps({"Version": "2012-10-17", "Statement": [ONLY]})
    client.put_resource_policy(SecretId=name, ResourcePolicy=text, BlockPublicPolicy=True)
    kept = json.loads(client.get_resource_policy(SecretId=name)["ResourcePolicy"])
    assert kept["Statement"][0]["Principal"] == {"AWS": ["arn:aws:iam::123456789012:root"]}
    client.delete_resource_policy(SecretId=name)
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no JSON", "MalformedPolicyDocumentException"),
        ('{"Statement": [{"Effect": "Allow"}]}', "MalformedPolicyDocumentException"),
        (json.dumps({"Statement": [{**ONLY, "Principal": "*"}]}), "PublicPolicyException"),
        ("x" * 20_481, "ValidationException"),
    ],
)
def test_a_resource_policy_is_refused_for(client: "SecretsManagerClient", name: str, text: str, expected: str) -> None:
    assert code(client.put_resource_policy, SecretId=name, ResourcePolicy=text, BlockPublicPolicy=True) == expected
