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


@dataclass(frozen=True)
class RdsDatabase:
    """What RDS says of one database. host: the instance's, or the cluster's writer endpoint."""

    identifier: str
    engine: Engine
    host: str
    port: int
    reader_host: str | None
    status: str
    authentication: str


@dataclass(frozen=True)
class Rds:
    aws: Aws

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
        identifier, _ENGINES[named], host, int(port), reader, status, str(one.get("MasterUserAuthenticationType", "password"))
    )
