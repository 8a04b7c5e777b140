"""MySQL 9, real, a private instance with TLS, a general log and a master like RDS's."""

from collections.abc import Mapping
from pathlib import Path

from tests.bed.bed import Bed, Facts
from tests.bed.databases import mysql_family, rds
from tests.bed.databases.accounts import account
from tests.bed.databases.mysql_family import Kind
from tests.bed.databases.mysql_root import mysql_root
from tests.bed.databases.server import Server
from tests.bed.processes import run

_SETTINGS = (
    "--secure-file-priv=NULL",
    "--innodb-buffer-pool-size=32M",
    "--innodb-redo-log-capacity=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--innodb-use-native-aio=OFF",
    "--performance-schema=OFF",
    "--skip-log-bin",
    "--mysqlx=OFF",
)


def mysql(bed: Bed) -> Facts:
    """The bed's MySQL, started if it is not up."""
    return instance(bed, "mysql", {}).facts()


def instance(bed: Bed, part: str, settings: Mapping[str, str]) -> Server:
    """An instance of that name; settings are options of the server, over the bed's."""
    return mysql_family.instance(bed, part, _kind(bed), settings)


def _kind(bed: Bed) -> Kind:
    program = mysql_root(bed.say).program()
    return Kind(
        engine="mysql",
        program=program,
        version=run([*program, "--version"]),
        settings=_SETTINGS,
        runs_as=account("mysql", "mariadb-server"),
        build=_build,
        roles=rds.mysql_roles(),
        master=rds.mysql_master,
    )


def _build(kind: Kind, folder: Path, root_sql: str) -> None:
    first = folder.with_suffix(".sql")
    first.touch(mode=0o600)
    first.write_text(root_sql)
    kind.runs_as.own(first)
    run(kind.runs_as.wrap([*kind.program, f"--datadir={folder}", *_SETTINGS, "--initialize-insecure", f"--init-file={first}"], folder))
    first.unlink()
