"""MariaDB 10.11, a private instance from Debian's packages, with TLS, a general log and a master like RDS's."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.bed.bed import Bed, Facts
from tests.bed.databases import mysql_family, rds
from tests.bed.databases.accounts import account
from tests.bed.databases.mysql_family import Kind
from tests.bed.databases.server import Server
from tests.bed.debian import unpacked
from tests.bed.processes import BedError, run

_SETTINGS = (
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=fsync",
    "--innodb-use-native-aio=OFF",
    "--performance-schema=OFF",
    "--skip-log-bin",
)


def mariadb(bed: Bed) -> Facts:
    """The bed's MariaDB, started if it is not up."""
    return instance(bed, "mariadb", {}).facts()


def instance(bed: Bed, part: str, settings: Mapping[str, str]) -> Server:
    """An instance of that name; settings are options of the server, over the bed's."""
    return mysql_family.instance(bed, part, _kind(), settings)


def _kind() -> Kind:
    program = _program("mariadbd")
    return Kind(
        engine="mariadb",
        program=[program, "--no-defaults", f"--plugin-dir={_plugins()}"],
        version=run([program, "--version"]),
        settings=_SETTINGS,
        runs_as=account("mysql", "mariadb-server"),
        build=_build,
        roles=(),
        master=rds.mariadb_master,
    )


def _plugins() -> Path:
    """Where password validation plugins are. Debian's core package has none; `mariadb-server` would run an instance of its own."""
    installed, plugins = Path("/"), Path("usr/lib/mysql/plugin")
    root = installed if (installed / plugins / "simple_password_check.so").exists() else unpacked("mariadb-server")
    return root / plugins


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        raise BedError(f"MariaDB is not installed ({name} is missing); apt-get install mariadb-server")
    return found


def _build(kind: Kind, folder: Path, root_sql: str) -> None:
    install = [_program("mariadb-install-db"), "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
    run(kind.runs_as.wrap([*install, f"--datadir={folder}", *_SETTINGS], folder))
    run(kind.runs_as.wrap([*kind.program, f"--datadir={folder}", *_SETTINGS, "--bootstrap"], folder), stdin=root_sql)
