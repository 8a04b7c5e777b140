"""The bed's databases: real servers on loopback, each with TLS by the bed's CA and a master user like RDS's."""

from collections.abc import Callable, Mapping

from tests.bed.bed import Bed, Facts
from tests.bed.databases import mariadb, mysql, postgres
from tests.bed.databases.server import Server

PARTS: Mapping[str, Callable[[Bed], Facts]] = {
    "postgres": postgres.postgres,
    "mariadb": mariadb.mariadb,
    "mysql": mysql.mysql,
}
"""What starts the bed's own server of each engine, if it is not up."""

INSTANCES: Mapping[str, Callable[[Bed, str, Mapping[str, str]], Server]] = {
    "postgres": postgres.instance,
    "mariadb": mariadb.instance,
    "mysql": mysql.instance,
}
"""What starts one more server of an engine, by part and settings."""
