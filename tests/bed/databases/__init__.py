"""The bed's databases: real servers on loopback, each with TLS by the bed's CA and a master user like RDS's."""

from collections.abc import Callable, Mapping

from tests.bed.bed import Bed, Facts
from tests.bed.databases.postgres import postgres

PARTS: Mapping[str, Callable[[Bed], Facts]] = {"postgres": postgres}
