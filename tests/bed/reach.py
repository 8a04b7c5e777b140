"""Where a bed's servers listen: on loopback, or at the one address that the Pods of its real node reach as well."""

from dataclasses import dataclass

from tests.bed.bed import Bed


@dataclass(frozen=True)
class Reach:
    """address: what servers bind, and clients name. clients: the network that clients come from. real: whether a real node is there."""

    address: str = "127.0.0.1"
    clients: str = "127.0.0.1/32"
    real: bool = False

    @property
    def name(self) -> str:
        """What a client writes as the host: the name that goes with loopback, else the address, as Pods have no name server."""
        return self.address if self.real else "localhost"


def reach(bed: Bed) -> Reach:
    """By the facts of the part `network`, which stands before all others where there is one."""
    facts = bed.facts().get("network")
    return Reach(str(facts["host"]), str(facts["all"]), real=True) if facts else Reach()
