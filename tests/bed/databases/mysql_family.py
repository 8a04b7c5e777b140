"""What MySQL and MariaDB have in common on the bed: one way to start them, to log their statements, and to look like RDS."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bed.bed import Bed
from tests.bed.databases import rds
from tests.bed.databases.accounts import Account
from tests.bed.databases.ground import Ground, copy_template, lay
from tests.bed.databases.server import Server, keep, launch_on_free_port, remembered
from tests.bed.databases.sql import Session, answers, as_root

_ROOT_PASSWORD = "root.password"
_GENERAL_LOG = "general.log"


@dataclass(frozen=True)
class Kind:
    """One of the two. `program` starts the server with its own folders; `build` makes an empty data folder.

    build: called with the server's program, the folder to make, and the SQL that makes its root.
    """

    engine: str
    program: Sequence[str]
    version: str
    settings: Sequence[str]
    runs_as: Account
    build: Callable[["Kind", Path, str], None]
    roles: Sequence[str]
    master: Callable[[str], Sequence[str]]


def instance(bed: Bed, part: str, kind: Kind, settings: Mapping[str, str]) -> Server:
    """An instance of that name, `settings` (options of the server) over the bed's; the one that lives when it is up already."""
    living = remembered(bed, part)
    if living is not None:
        return living
    ground = lay(bed, part, kind.runs_as)
    recipe = f"{kind.version} {' '.join(kind.settings)}"
    copy_template(bed, kind.engine, recipe, lambda folder: _build(kind, folder), ground.data)
    server = launch_on_free_port(bed, lambda port: _configured(bed, port, kind, ground, settings), answers)
    with as_root(server) as root:
        _dress(root, kind, server)
        version = str(root.run("SELECT VERSION()")[0][0]).partition("-")[0]
    return keep(replace(server, version=version))


def _build(kind: Kind, folder: Path) -> None:
    kind.runs_as.folder(folder)
    password = secrets.token_hex(16)
    kind.build(kind, folder, _root_sql(password))
    (folder / _ROOT_PASSWORD).write_text(password)


def _root_sql(password: str) -> str:
    """One superuser by password instead of the local root without one; statements one a line, as bootstrapping wants them."""
    return (
        "FLUSH PRIVILEGES;\n"
        f"CREATE USER {rds.ROOT}@localhost IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO {rds.ROOT}@localhost WITH GRANT OPTION;\n"
        "DROP USER root@localhost;\n"
    )


def _configured(bed: Bed, port: int, kind: Kind, ground: Ground, settings: Mapping[str, str]) -> Server:
    general_log = ground.folder / _GENERAL_LOG
    argv = [
        *kind.program,
        f"--datadir={ground.data}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--socket=mysql.sock",  # relative to the data folder: its absolute path may exceed a socket's 107 bytes
        f"--pid-file={ground.folder / 'server.pid'}",
        f"--ssl-ca={bed.authority.ca.certificate}",
        f"--ssl-cert={ground.certificate}",
        f"--ssl-key={ground.key}",
        "--general-log=ON",
        f"--general-log-file={general_log}",
        *kind.settings,
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    return Server(
        engine=kind.engine,
        part=ground.part,
        port=port,
        ca=str(bed.authority.ca.certificate),
        admin_user=rds.ADMIN,
        admin_password=secrets.token_hex(16),
        root_user=rds.ROOT,
        root_password=(ground.data / _ROOT_PASSWORD).read_text(),
        folder=str(ground.folder),
        logs=[str(bed.processes.log(ground.part)), str(general_log)],
        argv=kind.runs_as.wrap(argv, ground.folder),
    )


def _dress(root: Session, kind: Kind, server: Server) -> None:
    """Make it look like RDS: its roles, the master, the application's database."""
    master = f"{server.admin_user}@'%'"
    for statement in kind.roles:
        root.run(statement)
    root.run(f"CREATE USER {master} IDENTIFIED BY '{server.admin_password}'")
    for statement in kind.master(master):
        root.run(statement)
    root.run(f"CREATE DATABASE {rds.DATABASE}")
