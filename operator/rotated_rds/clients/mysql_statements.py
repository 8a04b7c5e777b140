"""MySQL and MariaDB: how a new password is spelled (SAFETY.md C4)."""

import hashlib
from collections.abc import Sequence

from pydantic import SecretStr

from rotated_rds.clients.line import literal
from rotated_rds.clients.mysql_rules import Account
from rotated_rds.model.database import Engine


def change(engine: Engine, accounts: Sequence[Account], new: SecretStr, old: SecretStr | None, *, hashed: bool) -> str:
    """Write the statement that gives `accounts` the new password; one's own account where there are none.

    hashed: MariaDB's native hash instead of clear text. Never for MySQL: with caching_sha2_password its text would become the password.
    """
    text = new.get_secret_value()
    if accounts:
        identified = f"IDENTIFIED BY PASSWORD {literal(native_hash(text))}" if hashed else f"IDENTIFIED BY {literal(text)}"
        return _each(accounts, identified)
    if engine is Engine.MYSQL:
        replaced = f" REPLACE {literal(old.get_secret_value())}" if old is not None else ""
        return f"ALTER USER CURRENT_USER() IDENTIFIED BY {literal(text)}{replaced}"
    return f"SET PASSWORD = {literal(native_hash(text))}" if hashed else f"SET PASSWORD = PASSWORD({literal(text)})"


def beside(engine: Engine, accounts: Sequence[Account], new: SecretStr, kept: SecretStr, *, hashed: bool) -> str:
    """Write the statement after which `new` and `kept` both log in, `new` as MySQL's primary password (SAFETY.md D2).

    MySQL keeps whatever its primary password is: for one's own account REPLACE lets the server itself refuse where that is not `kept`.
    MariaDB is told both, so that a repeat changes nothing.
    """
    if engine is Engine.MARIADB:
        return _each(accounts, f"IDENTIFIED VIA {_native(new, hashed=hashed)} OR {_native(kept, hashed=hashed)}")
    identified = f"IDENTIFIED BY {literal(new.get_secret_value())}"
    if accounts:
        return _each(accounts, f"{identified} RETAIN CURRENT PASSWORD")
    return f"ALTER USER CURRENT_USER() {identified} REPLACE {literal(kept.get_secret_value())} RETAIN CURRENT PASSWORD"


def alone(engine: Engine, accounts: Sequence[Account], kept: SecretStr, *, hashed: bool) -> str:
    """Write the statement after which only `kept` logs in; MySQL keeps its primary password, whatever that is."""
    if engine is Engine.MARIADB:
        return change(engine, accounts, kept, None, hashed=hashed)
    return _each(accounts, "DISCARD OLD PASSWORD") if accounts else "ALTER USER CURRENT_USER() DISCARD OLD PASSWORD"


def _each(accounts: Sequence[Account], clause: str) -> str:
    return "ALTER USER " + ", ".join(f"{one.quoted} {clause}" for one in accounts)


def _native(password: SecretStr, *, hashed: bool) -> str:
    text = password.get_secret_value()
    return f"mysql_native_password USING {literal(native_hash(text)) if hashed else f'PASSWORD({literal(text)})'}"


def native_hash(password: str) -> str:
    """mysql_native_password's verifier: SHA-1 of SHA-1."""
    inner = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()
