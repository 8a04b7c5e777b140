"""PostgreSQL 15, or another (`BED_POSTGRES`): private instances, TLS and plain on one port, SCRAM, all statements in the log."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.bed.bed import Bed, Facts
from tests.bed.databases import rds
from tests.bed.databases.accounts import Account, account
from tests.bed.databases.ground import Ground, copy_template, lay
from tests.bed.databases.server import Server, keep, launch_on_free_port, remembered
from tests.bed.databases.sql import answers, as_root
from tests.bed.processes import BedError, run
from tests.bed.reach import reach

_PROGRAMS = Path(os.environ.get("BED_POSTGRES", "/usr/lib/postgresql/15/bin"))
_INITDB = ("--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-sync", f"--username={rds.ROOT}")
_ROOT_PASSWORD = "root.password"

TLS_ONLY = "tls_only"
"""A role whose members are refused without TLS, as with RDS's rds.force_ssl, but by user."""

_SETTINGS: Mapping[str, str] = {
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "ssl": "on",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # nothing of it stays in /dev/shm after a kill
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_statement": "all",
    "log_connections": "on",
    "log_disconnections": "on",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "wal_level": "replica",
}
_HBA = f"""\
hostnossl all         +{TLS_ONLY} {{clients}} reject
host      all         all         {{clients}} scram-sha-256
host      replication {rds.ROOT}  {{clients}} scram-sha-256
"""


def postgres(bed: Bed) -> Facts:
    """The bed's PostgreSQL, started if it is not up."""
    return instance(bed, "postgres", {}).facts()


def instance(bed: Bed, part: str, settings: Mapping[str, str]) -> Server:
    """An instance of that name with settings of its own over the bed's; the one that lives when it is up already."""
    living = remembered(bed, part)
    if living is not None:
        return living
    runs_as = _account()
    ground = lay(bed, part, runs_as)
    _copy_empty(bed, runs_as, ground)
    server = launch_on_free_port(bed, lambda port: _configured(bed, port, ground, settings), answers)
    _dress(server)
    return keep(replace(server, version=_version(server)))


def standby(bed: Bed, part: str, primary: Server) -> Server:
    """A read-only streaming copy of a primary, with its users and passwords."""
    living = remembered(bed, part)
    if living is not None:
        return living
    runs_as = _account()
    ground = lay(bed, part, runs_as)
    source = f"host={primary.host} port={primary.port} user={primary.root_user} sslmode=require"
    argv = [_PROGRAMS / "pg_basebackup", "-D", ground.data, "-d", source, "-R", "--checkpoint=fast", "--no-sync"]
    run(runs_as.wrap(argv, ground.folder), env={"PGPASSWORD": primary.root_password, "PATH": os.defpath})
    same = {"admin_password": primary.admin_password, "version": primary.version}
    return keep(launch_on_free_port(bed, lambda port: replace(_configured(bed, port, ground, {}), **same), answers))


def _account() -> Account:
    if not (_PROGRAMS / "postgres").exists():
        raise BedError(f"{_PROGRAMS} holds no PostgreSQL; apt-get install postgresql-15, or set BED_POSTGRES")
    return account("postgres", "postgresql-15")


def _copy_empty(bed: Bed, runs_as: Account, ground: Ground) -> None:
    def build(folder: Path) -> None:
        runs_as.folder(folder)
        password = folder.parent / _ROOT_PASSWORD
        password.write_text(secrets.token_hex(16))
        runs_as.own(password)
        run(runs_as.wrap([_PROGRAMS / "initdb", "-D", folder, f"--pwfile={password}", *_INITDB], folder))
        password.rename(folder / _ROOT_PASSWORD)

    version = run([_PROGRAMS / "postgres", "--version"])
    copy_template(bed, "postgres", f"{version} {_INITDB}", build, ground.data)


def _configured(bed: Bed, port: int, ground: Ground, settings: Mapping[str, str]) -> Server:
    tls = {"ssl_cert_file": str(ground.certificate), "ssl_key_file": str(ground.key)}
    where = reach(bed)
    chosen = {**_SETTINGS, **tls, "listen_addresses": where.address, "port": str(port), **settings}
    lines = [f"{name} = '{value}'" for name, value in chosen.items()]
    (ground.data / "postgresql.conf").write_text("\n".join(lines) + "\n")
    (ground.data / "pg_hba.conf").write_text(_HBA.format(clients=where.clients))
    return Server(
        engine="postgres",
        part=ground.part,
        port=port,
        ca=str(bed.authority.ca.certificate),
        admin_user=rds.ADMIN,
        admin_password=secrets.token_hex(16),
        root_user=rds.ROOT,
        root_password=(ground.data / _ROOT_PASSWORD).read_text(),
        folder=str(ground.folder),
        logs=[str(bed.processes.log(ground.part))],
        argv=_account().wrap([_PROGRAMS / "postgres", "-D", ground.data], ground.folder),
        host=where.name,
    )


def _dress(server: Server) -> None:
    """Make it look like RDS: its roles, the master, the application's database."""
    with as_root(server) as root:
        for statement in (*rds.postgres_roles(), f"CREATE ROLE {TLS_ONLY} NOLOGIN"):
            root.run(statement)
        for statement in rds.postgres_master(server.admin_user, f"'{server.admin_password}'"):
            root.run(statement)
        root.run(f"CREATE DATABASE {rds.DATABASE} OWNER {server.admin_user}")


def _version(server: Server) -> str:
    with as_root(server) as root:
        return str(root.run("SHOW server_version")[0][0]).split()[0]
