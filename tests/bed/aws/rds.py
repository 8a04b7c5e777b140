"""RDS tells the bed's real endpoints: where an instance or a cluster stands is said over the control interface, and may move."""

import base64
import hashlib
from contextlib import AbstractContextManager
from typing import Any

from moto.rds.models import DBCluster, DBInstance, DBInstanceClustered, RDSBackend, rds_backends

from tests.bed.aws import ACCOUNT, REGION, masters

Wanted = dict[str, Any]

VERSIONS = {
    "postgres": "15.18",
    "aurora-postgresql": "15.18",
    "mysql": "8.4.8",
    "aurora-mysql": "8.0.mysql_aurora.3.10.0",
    "mariadb": "10.11.19",
}

AUTHORITY = "rds-ca-rsa2048-g1"

# Hosts by ARN; what is not here keeps moto's invented name.
_hosts: dict[str, str] = {}
_reader_hosts: dict[str, str] = {}


def install() -> None:
    """Let every instance and cluster of moto look its address up here, and carry a resource id of its own."""
    for kind, name, places in (
        (DBInstance, "address", _hosts),
        (DBCluster, "endpoint", _hosts),
        (DBCluster, "reader_endpoint", _reader_hosts),
    ):
        setattr(kind, name, _placed(getattr(kind, name), places))
    setattr(DBInstance, "dbi_resource_id", property(_resource_id, lambda _one, _constant: None))  # noqa: B010 - moto has an attribute there


def _placed(invented: property, places: dict[str, str]) -> property:
    """A property that answers with the place that was set for the ARN, else with moto's invention."""
    return property(lambda one: places.get(one.arn) or invented.__get__(one))


def _resource_id(instance: DBInstance) -> str:
    """moto gives all instances the same; AWS never gives one twice."""
    digest = hashlib.sha256(f"{instance.db_instance_arn} {instance.created}".encode()).digest()
    return "db-" + base64.b32encode(digest).decode()[:26]


def place(lock: AbstractContextManager[Any], wanted: Wanted) -> Wanted:
    """Make the instance or cluster if there is none, and say where it stands.

    wanted: `instance` or `cluster`, `engine`, `host`, `port`; optional `engineVersion`, `certificateAuthority`, `status`, `region`,
    `account`, `user`, `database`; `server` (the facts of the real database behind it, where RDS is to manage its master's password);
    for an instance also `of` (a cluster) and `replicaOf`; for a cluster `readerHost` and `writer`.
    """
    with lock:
        backend = _backend(wanted)
        return _place_cluster(backend, wanted) if "cluster" in wanted else _place_instance(backend, wanted)


def _backend(wanted: Wanted) -> RDSBackend:
    return rds_backends[wanted.get("account", ACCOUNT)][wanted.get("region", REGION)]


def _place_instance(backend: RDSBackend, wanted: Wanted) -> Wanted:
    name: str = wanted["instance"]
    instance = backend.databases.get(name) or backend.create_db_instance(_settings(wanted, name) | _membership(backend, wanted))
    if "replicaOf" in wanted:
        source = backend.databases[wanted["replicaOf"]]
        instance.source_db_instance_identifier, instance.is_replica = source.db_instance_identifier, True
        source.add_replica(instance)
    _put_behind(instance.db_instance_arn, wanted)
    instance.ca_certificate_identifier = wanted.get("certificateAuthority", _authority(instance))
    _move(instance, wanted)
    return {"arn": instance.db_instance_arn, "host": instance.address, "port": instance.port, "resourceId": instance.dbi_resource_id}


def _put_behind(arn: str, wanted: Wanted) -> None:
    if "host" in wanted:
        _hosts[arn] = wanted["host"]
    if "server" in wanted:
        masters.serve(arn, wanted["server"])


def _authority(instance: DBInstance) -> str:
    """moto says rds-ca-default, which is no authority's name."""
    kept = instance.ca_certificate_identifier
    return AUTHORITY if kept == "rds-ca-default" else kept


def _settings(wanted: Wanted, name: str) -> Wanted:
    return {
        "db_instance_identifier": name,
        "db_instance_class": "db.t3.micro",
        "engine": wanted["engine"],
        "engine_version": wanted.get("engineVersion", VERSIONS.get(wanted["engine"])),
        "master_username": wanted.get("user", "master"),
        "master_user_password": "not-a-real-one",
        "db_name": wanted.get("database"),
        "allocated_storage": 20,
    }


def _membership(backend: RDSBackend, wanted: Wanted) -> Wanted:
    if "of" not in wanted:
        return {}
    return {"db_cluster_identifier": backend.clusters[wanted["of"]].db_cluster_identifier}


def _place_cluster(backend: RDSBackend, wanted: Wanted) -> Wanted:
    name: str = wanted["cluster"]
    cluster = backend.clusters.get(name) or backend.create_db_cluster(
        {
            "db_cluster_identifier": name,
            "engine": wanted["engine"],
            "engine_version": wanted.get("engineVersion", VERSIONS.get(wanted["engine"])),
            "master_username": wanted.get("user", "master"),
            "master_user_password": "not-a-real-one",
            "database_name": wanted.get("database"),
        }
    )
    cluster.status = wanted.get("status", "available")
    _put_behind(cluster.db_cluster_arn, wanted)
    if "readerHost" in wanted:
        _reader_hosts[cluster.db_cluster_arn] = wanted["readerHost"]
    if "writer" in wanted:
        _fail_over(backend, name, wanted["writer"])
    _move(cluster, wanted)
    return {"arn": cluster.db_cluster_arn, "host": cluster.endpoint, "reader": cluster.reader_endpoint, "port": cluster.port}


def _move(one: DBInstance | DBCluster, wanted: Wanted) -> None:
    if "port" in wanted:
        one.port = int(wanted["port"])
    if "status" in wanted:
        one.status = wanted["status"]


def _fail_over(backend: RDSBackend, cluster: str, writer: str) -> None:
    members = [one for one in backend.databases.values() if isinstance(one, DBInstanceClustered) and one.db_cluster_identifier == cluster]
    if writer not in [one.db_instance_identifier for one in members]:
        raise ValueError(f"{writer} is no member of {cluster}")
    for one in members:
        one.is_cluster_writer = one.db_instance_identifier == writer


def order(wanted: Wanted) -> Wanted:
    """How RDS rotates the master of an `instance` or `cluster`: see masters.order()."""
    backend = _backend(wanted)
    one = backend.clusters[wanted["cluster"]] if "cluster" in wanted else backend.databases[wanted["instance"]]
    return masters.order(one.arn, wanted)


def remove(lock: AbstractContextManager[Any], wanted: Wanted) -> Wanted:
    """Delete the instance or cluster, as a person would who deletes a database."""
    with lock:
        backend = _backend(wanted)
        if "cluster" in wanted:
            cluster = backend.delete_db_cluster(wanted["cluster"])
            _hosts.pop(cluster.db_cluster_arn, None)
            _reader_hosts.pop(cluster.db_cluster_arn, None)
        else:
            instance = backend.delete_db_instance(wanted["instance"], skip_final_snapshot=True)
            _hosts.pop(instance.db_instance_arn, None)
    return {}
