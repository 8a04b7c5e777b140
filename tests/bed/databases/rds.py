"""The roles and grants that Amazon RDS gives its master user: much, but never a superuser's."""

from collections.abc import Sequence

ADMIN = "dbadmin"
ROOT = "rdsadmin"
DATABASE = "app"

# Master privileges by engine: "Master user account privileges", Amazon RDS user guide.
_COMMON = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES,"
    " CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW,"
    " CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER"
)
_MYSQL_ROLE = "rds_superuser_role"
_MYSQL_STATIC = f"{_COMMON}, CREATE ROLE, DROP ROLE"
_MYSQL_DYNAMIC = "APPLICATION_PASSWORD_ADMIN, ROLE_ADMIN, SET_ANY_DEFINER, XA_RECOVER_ADMIN"


def postgres_roles() -> Sequence[str]:
    """Roles that an RDS instance has before any user: rds_superuser and what it may hand on."""
    return (
        "CREATE ROLE rds_superuser NOLOGIN",
        "CREATE ROLE rds_password NOLOGIN",
        "CREATE ROLE rds_replication NOLOGIN",
        "CREATE ROLE rds_iam NOLOGIN",
        "GRANT pg_monitor, pg_signal_backend, pg_checkpoint, rds_password, rds_replication TO rds_superuser WITH ADMIN OPTION",
    )


def postgres_master(name: str, password: str) -> Sequence[str]:
    """A master user; name and password stand in the text as they are quoted already."""
    return (
        f"CREATE ROLE {name} LOGIN CREATEROLE CREATEDB PASSWORD {password} VALID UNTIL 'infinity'",
        f"GRANT rds_superuser TO {name}",
    )


def mysql_roles() -> Sequence[str]:
    return (
        f"CREATE ROLE {_MYSQL_ROLE}",
        f"GRANT {_MYSQL_STATIC} ON *.* TO {_MYSQL_ROLE} WITH GRANT OPTION",
        f"GRANT {_MYSQL_DYNAMIC} ON *.* TO {_MYSQL_ROLE} WITH GRANT OPTION",
    )


def mysql_master(account: str) -> Sequence[str]:
    """What makes an existing account a master of MySQL 8.0.36 or later: all of it comes through one default role."""
    return (
        f"GRANT {_MYSQL_ROLE} TO {account} WITH ADMIN OPTION",
        f"ALTER USER {account} DEFAULT ROLE {_MYSQL_ROLE}",
    )


def mariadb_master(account: str) -> Sequence[str]:
    return (f"GRANT {_COMMON} ON *.* TO {account} WITH GRANT OPTION",)
