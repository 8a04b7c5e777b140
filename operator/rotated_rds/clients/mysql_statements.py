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
        return "ALTER USER " + ", ".join(f"{one.quoted} {identified}" for one in accounts)
    if engine is Engine.MYSQL:
        replaced = f" REPLACE {literal(old.get_secret_value())}" if old is not None else ""
        return f"ALTER USER CURRENT_USER() IDENTIFIED BY {literal(text)}{replaced}"
    return f"SET PASSWORD = {literal(native_hash(text))}" if hashed else f"SET PASSWORD = PASSWORD({literal(text)})"


def native_hash(password: str) -> str:
    """mysql_native_password's verifier: SHA-1 of SHA-1."""
    inner = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()
