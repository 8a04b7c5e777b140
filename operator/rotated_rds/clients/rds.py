"""RDS: an instance's or a cluster's identifier → where it listens and which engine it is."""

from dataclasses import dataclass

from rotated_rds.clients.aws import Absent, Aws
from rotated_rds.model.database import Engine
from rotated_rds.model.document import Json, entries, part
from rotated_rds.model.errors import Reason, Refused, Unavailable

_ENGINES = {
    "postgres": Engine.POSTGRES,
    "aurora-postgresql": Engine.POSTGRES,
    "mysql": Engine.MYSQL,
    "aurora-mysql": Engine.MYSQL,
    "aurora": Engine.MYSQL,
    "mariadb": Engine.MARIADB,
}
_NAMES = {"instance": "DBInstanceIdentifier", "cluster": "DBClusterIdentifier"}


@dataclass(frozen=True)
class ManagedSecret:
    """RDS's own secret of the master user. status: creating, active, rotating or impaired."""

    arn: str
    status: str


@dataclass(frozen=True)
class RdsDatabase:
    """What RDS says of one database.

    host: the instance's, or the cluster's writer endpoint. managed: the master's secret, where RDS manages it.
    belongs_to: the field and the identifier of the cluster, or of the replica's source, that has the master's password instead.
    """

    identifier: str
    engine: Engine
    host: str
    port: int
    reader_host: str | None
    status: str
    authentication: str
    master: str = ""
    managed: ManagedSecret | None = None
    belongs_to: str | None = None


@dataclass(frozen=True)
class Rds:
    aws: Aws

    def find(self, instance: str | None, cluster: str | None) -> RdsDatabase:
        """What one of the two fields names; raises as the two below."""
        return self.instance(instance) if instance else self.cluster(cluster or "")

    def instance(self, identifier: str) -> RdsDatabase:
        """Raises Refused(DatabaseNotFound, UnsupportedEngine, AccessDenied), Unavailable while it has no endpoint yet."""
        try:
            found = entries(self.aws.read("rds", "describe_db_instances", DBInstanceIdentifier=identifier), "DBInstances")
        except Absent:
            found = ()
        if not found:
            raise _absent("instance", identifier)
        one, place = found[0], part(found[0], "Endpoint")
        return _database("instance", identifier, one, one.get("DBInstanceStatus", ""), place.get("Address"), place.get("Port"), None)

    def cluster(self, identifier: str) -> RdsDatabase:
        """The same for an Aurora or Multi-AZ DB cluster: its writer endpoint."""
        try:
            found = entries(self.aws.read("rds", "describe_db_clusters", DBClusterIdentifier=identifier), "DBClusters")
        except Absent:
            found = ()
        if not found:
            raise _absent("cluster", identifier)
        one = found[0]
        return _database("cluster", identifier, one, one.get("Status", ""), one.get("Endpoint"), one.get("Port"), one.get("ReaderEndpoint"))


def _absent(field: str, identifier: str) -> Refused:
    return Refused(
        Reason.DATABASE_NOT_FOUND,
        f"spec.database.{field}: RDS knows no {field} {identifier!r} in this account and "
        "Region; write its identifier, or set spec.aws.region",
    )


def _database(field: str, identifier: str, one: Json, status: str, host: str | None, port: int | None, reader: str | None) -> RdsDatabase:
    named = str(one.get("Engine", ""))
    if named not in _ENGINES:
        raise Refused(
            Reason.UNSUPPORTED_ENGINE,
            f"spec.database.{field}: {identifier!r} runs {named}; PostgreSQL, MySQL, MariaDB and their Aurora forms are supported",
        )
    if not host or not port:
        raise Unavailable(Reason.UNAVAILABLE, f"spec.database.{field}: {identifier!r} has no endpoint yet (status {status}); tried again")
    return RdsDatabase(
        identifier=str(one.get(_NAMES[field], identifier)),
        engine=_ENGINES[named],
        host=host,
        port=int(port),
        reader_host=reader,
        status=status,
        authentication=str(one.get("MasterUserAuthenticationType", "password")),
        master=str(one.get("MasterUsername", "")),
        managed=_managed(part(one, "MasterUserSecret")),
        belongs_to=_belongs_to(one) if field == "instance" else None,
    )


def _belongs_to(instance: Json) -> str | None:
    if cluster := instance.get("DBClusterIdentifier"):
        return f"spec.database.cluster: {cluster}"
    source = instance.get("ReadReplicaSourceDBInstanceIdentifier")
    return f"spec.database.instance: {source}" if source else None


def _managed(secret: Json) -> ManagedSecret | None:
    return ManagedSecret(str(secret["SecretArn"]), str(secret.get("SecretStatus", ""))) if secret.get("SecretArn") else None
