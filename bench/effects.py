"""What was done outside, counted by those to whom it was done: AWS, PostgreSQL, the API server."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

from bench.ground import Ground
from bench.watching import Watching
from rotated_rds.model.resource import read_resource
from rotated_rds.model.status import Kind
from tests.support.aws import Aws
from tests.support.databases import can_log_in, execute_as_root
from tests.support.resources import Cluster, a_resource

SPACE, NAME = "bench-failover", "orders"
_USER, _FIRST = "bench_failover", "first-Passw0rd"
# Nobody else changes a role in this database; a session that has ended has told all that it did.
_CHANGES = "SELECT n_tup_upd FROM pg_stat_all_tables WHERE relid = 'pg_authid'::regclass"


@dataclass(frozen=True)
class Effects:
    """So far: passwords stored in AWS, set in the database, made AWSCURRENT, mirrored into the Secret; restarts of the workload."""

    stored: int
    changed: int
    current: int
    mirrored: int
    restarted: int

    def since(self, before: "Effects") -> "Effects":
        return Effects(*(now - then for now, then in zip(astuple(self), astuple(before), strict=True)))

    def beyond(self, expected: "Effects") -> int:
        """How many happened that should not have."""
        return sum(max(0, here - there) for here, there in zip(astuple(self), astuple(expected), strict=True))


@dataclass(frozen=True)
class Resource:
    """One resource with method Operator and a Deployment that reads its Secret. secrets: a watch of its namespace's Secrets."""

    ground: Ground
    cluster: Cluster
    aws: Aws
    secrets: Watching

    def given(self) -> None:
        """In a namespace of its own, once."""
        self.cluster.given_user(self.ground.fleet.database, _USER, _FIRST, NAME)
        self.cluster.given_deployment(NAME, NAME)
        self.cluster.given_resource(a_resource(SPACE, NAME, self.ground.fleet.database, _USER))

    def effects(self) -> Effects:
        arn = self.cluster.status(NAME)["secretArn"]
        stored = self.aws.secretsmanager().list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]
        moves = [event for event in self.aws.control.events(arn) if event["label"] == "AWSCURRENT"]
        changes = int(str(execute_as_root(self.ground.fleet.database, _CHANGES)[0][0]))
        generation = int(self.cluster.deployment(NAME)["metadata"]["generation"])
        return Effects(len(stored), changes, len(moves), _turns(self._held()), generation)

    def _held(self) -> Sequence[str]:
        """Every version that the Secret held, write by write."""
        return [one.version for one in list(self.secrets.sights) if one.place == (SPACE, NAME) and one.version]

    def at_rest(self, request: str | None = None) -> bool:
        """Ready, the request answered, nothing in progress, the finalizer gone."""
        resource, status = read_resource(self.cluster.resource(NAME))
        ready, answer = status.condition(Kind.READY), status.requests.get("rotate")
        answered = request is None or (answer is not None and answer.text == request)
        return ready is not None and ready.true and answered and status.rotation.in_progress is None and not resource.finalizers

    def works(self) -> bool:
        """The Secret's credential logs in."""
        content = self.cluster.content(NAME)
        return can_log_in(self.ground.fleet.database, content["username"], content["password"])


def _turns(versions: Sequence[str]) -> int:
    return sum(1 for one, then in pairwise(["", *versions]) if one != then)
