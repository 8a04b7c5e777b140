"""Nouns of the database's side: engine, endpoint, TLS, and what a login told."""

from dataclasses import dataclass
from enum import StrEnum


class Engine(StrEnum):
    """The engine family; Aurora speaks its family's protocol."""

    POSTGRES = "postgres"
    MYSQL = "mysql"
    MARIADB = "mariadb"

    @property
    def port(self) -> int:
        """The engine's own default port."""
        return 5432 if self is Engine.POSTGRES else 3306


class TlsMode(StrEnum):
    DISABLE = "disable"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"

    @property
    def verified(self) -> bool:
        """Whether the server proves who it is, so that clear text may be sent to it."""
        return self in (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL)


@dataclass(frozen=True)
class Tls:
    """How a login protects itself. ca_file: a PEM bundle's path; server_name: the name in the certificate when it is not the host."""

    mode: TlsMode = TlsMode.VERIFY_FULL
    ca_file: str | None = None
    server_name: str | None = None


@dataclass(frozen=True)
class Endpoint:
    """Where a database listens, and how it is talked to. database: the database to log in to; None for none (MySQL, MariaDB)."""

    engine: Engine
    host: str
    port: int
    database: str | None = None
    tls: Tls = Tls()
    reader_host: str | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class Verdict(StrEnum):
    """What a login tells of the password (SAFETY.md B1). Only REFUSED may lead to a write."""

    OK = "ok"
    PROVEN = "proven"  # an error after authentication: the password is right, but nobody gets in
    EXPIRED = "expired"  # right, but the server wants a new one first
    LOCKED_RIGHT = "locked-right"  # the account is locked, the password is right
    LOCKED = "locked"  # the account is locked, the password is unknown
    REFUSED = "refused"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    UNKNOWN = "unknown"

    @property
    def proves(self) -> bool:
        """The server checked the password and it is right."""
        return self in (Verdict.OK, Verdict.PROVEN, Verdict.EXPIRED, Verdict.LOCKED_RIGHT)


TIMED_OUT = "timeout"
"""A Login's code where the time for it ran out."""


@dataclass(frozen=True)
class Login:
    """How one login ended.

    code: the server's SQLSTATE or error number, never its text (texts may quote the user's input); where no server spoke, a word of ours.
    address: the resolved `ip:port` that answered, or that did not. writer: None where nobody got in to ask.
    role: PostgreSQL's current_user, which settings of the user may make another role; empty where nobody asked.
    """

    verdict: Verdict
    code: str = ""
    address: str = ""
    writer: bool | None = None
    server_version: str = ""
    role: str = ""
