"""Which servers we know how to change, and which engine a server's version speaks of."""

import re

from rotated_rds.model.database import Engine
from rotated_rds.model.errors import Reason, Refused

OLDEST = {Engine.POSTGRES: (12,), Engine.MYSQL: (8, 0, 14), Engine.MARIADB: (10, 4)}


def engine_of(engine: Engine, version: str) -> Engine:
    """Tell the engine behind a version text. MariaDB answers MySQL's protocol and says who it is in the text."""
    if engine is Engine.POSTGRES:
        return engine
    return Engine.MARIADB if "mariadb" in version.lower() else Engine.MYSQL


def numbers(version: str) -> tuple[int, ...]:
    """`8.0.14-log` → (8, 0, 14). MariaDB's old prefix `5.5.5-` is dropped; Aurora's `8.0.mysql_aurora.3…` began as 8.0.23."""
    version = version.replace("8.0.mysql_aurora.", "8.0.23-mysql_aurora.")
    found = re.match(r"(?:5\.5\.5-(?=\d+\..*mariadb))?(\d+(?:\.\d+)*)", version, re.IGNORECASE)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def require_supported(engine: Engine, version: str) -> None:
    """Raise Refused(UnsupportedEngine) for another engine than the endpoint names, and for one that is too old."""
    real = engine_of(engine, version)
    if real is not engine:
        raise Refused(
            Reason.UNSUPPORTED_ENGINE, f"the server says it is {real} {version}, not {engine}: set spec.database.engine to {real.value!r}"
        )
    if numbers(version) < OLDEST[engine]:
        oldest = ".".join(str(part) for part in OLDEST[engine])
        raise Refused(Reason.UNSUPPORTED_ENGINE, f"{engine} {version} is too old: {oldest} is the oldest that is supported; upgrade it")
