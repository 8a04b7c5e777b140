"""Which servers are supported, and how their version texts are read."""

import pytest

from rotated_rds.clients.versions import numbers, require_supported
from rotated_rds.model.database import Engine
from rotated_rds.model.errors import Reason, Refused


@pytest.mark.parametrize(
    ("engine", "version"),
    [
        (Engine.POSTGRES, "12.0"),
        (Engine.POSTGRES, "15.18 (Debian 15.18-0+deb12u1)"),
        (Engine.POSTGRES, "18beta1"),
        (Engine.MYSQL, "8.0.14"),
        (Engine.MYSQL, "8.0.mysql_aurora.3.08.0"),
        (Engine.MYSQL, "8.4.3-log"),
        (Engine.MYSQL, "9.7.4-2"),
        (Engine.MARIADB, "10.4.0-MariaDB"),
        (Engine.MARIADB, "5.5.5-10.11.19-MariaDB-0+deb12u1-log"),
        (Engine.MARIADB, "11.8.2-MariaDB"),
    ],
)
def test_a_supported_server_passes(engine: Engine, version: str) -> None:
    require_supported(engine, version)


@pytest.mark.parametrize(
    ("engine", "version"),
    [
        (Engine.POSTGRES, "11.22"),
        (Engine.POSTGRES, "9.6.24"),
        (Engine.POSTGRES, "CockroachDB"),
        (Engine.MYSQL, "8.0.13"),
        (Engine.MYSQL, "5.7.44-log"),
        (Engine.MYSQL, "5.7.mysql_aurora.2.11.2"),
        (Engine.MARIADB, "10.3.39-MariaDB"),
        (Engine.MARIADB, "5.5.5-10.3.39-MariaDB"),
        (Engine.MYSQL, "10.11.19-MariaDB"),
        (Engine.MARIADB, "8.4.3"),
    ],
)
def test_any_other_server_is_refused(engine: Engine, version: str) -> None:
    with pytest.raises(Refused) as refusal:
        require_supported(engine, version)
    assert refusal.value.reason is Reason.UNSUPPORTED_ENGINE


def test_a_versions_numbers_are_compared_as_numbers() -> None:
    assert numbers("8.0.9") < numbers("8.0.14") < numbers("8.4") < numbers("10.11.19-MariaDB")
