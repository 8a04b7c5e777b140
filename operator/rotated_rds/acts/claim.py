"""One resource a user: the older of two that write for the same user in the same place keeps it (SAFETY.md A5)."""

from rotated_rds.acts.view import Pass
from rotated_rds.clients import addresses, databases
from rotated_rds.clients.deadline import Deadline
from rotated_rds.model.alternating import clone_of, is_alternating
from rotated_rds.model.claims import Claim
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.spec import Method


def stake(one: Pass, endpoint: Endpoint | None, master: str | None = None) -> None:
    """Claim (endpoint, user, its clone), under every name of the endpoint. Raises Refused(UserConflict), Unavailable.

    master: RDS's master user, where RDS was asked (method RDSManaged).
    """
    user = _user(one, master)
    if endpoint is None or not user:
        return
    deadline = Deadline(databases.LOGIN_TIMEOUT)
    clone = clone_of(user) if is_alternating(one.spec) else None
    claim = Claim(one.key, one.resource.created, user, _places(endpoint.host, endpoint.port, deadline), clone=clone)
    _look_up_seeds(one, claim, deadline)
    if rival := one.world.claims.stake(claim):
        field = "spec.user.name" if one.spec.user.name else "spec.database"
        raise Refused(
            Reason.USER_CONFLICT,
            f"{field}: {rival.key} rotates {', '.join(map(repr, sorted(rival.users & claim.users)))} at {endpoint.address} already; "
            "delete one of the two resources",
        )


def _user(one: Pass, master: str | None) -> str | None:
    """Whose password changes for this resource; with method RDSManaged the master's, which status remembers."""
    if one.spec.method is Method.RDS_MANAGED:
        return master or one.before.username
    return one.spec.user.name if one.spec.writes else None


def _look_up_seeds(one: Pass, claim: Claim, deadline: Deadline) -> None:
    """Older claims that are known from status alone, by one name: their addresses too, each once."""
    for seed in one.world.claims.seeds_before(claim):
        if deadline.passed:
            raise Unavailable(Reason.UNAVAILABLE, f"whether another resource rotates {claim.user!r} here is still looked up; looking again")
        host, _, port = min(seed.places).rpartition(":")
        one.world.claims.complete(seed, _places(host.strip("[]"), int(port), deadline))


def _places(host: str, port: int, deadline: Deadline) -> frozenset[str]:
    """The endpoint as written, and every address that it resolves to."""
    resolved = addresses.resolve(host, port, deadline)
    return frozenset({addresses.joined(host, port).lower(), *(addresses.joined(ip, port) for ip in resolved)})
